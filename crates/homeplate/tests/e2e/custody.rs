//! The city's keys in a process of their own: beside the server, and under a user of its own.

use crate::story;
use crate::world::{Done, World, as_user};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::Process;

/// The programs that this process has started.
fn children(of: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{of}/task")).expect("a process");
    let children = tasks.filter_map(|task| {
        let path = task.expect("readable").path().join("children");
        fs::read_to_string(path).ok()
    });
    children
        .flat_map(|text| text.split(' ').filter_map(|n| n.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn health(world: &World) -> String {
    let answer = ureq::get(format!("{}/healthz", world.url()))
        .config()
        .http_status_as_error(false)
        .build()
        .call();
    answer.and_then(|mut r| r.body_mut().read_to_string()).unwrap_or_default()
}

/// Two users that every Debian has: one for the keys, one for the server.
const KEYS: &str = "games";
const SERVER: &str = "daemon";

/// Whether this test can start programs as other users.
fn is_root() -> bool {
    let root = Command::new("id").arg("-u").output().expect("id").stdout == b"0\n";
    if !root {
        eprintln!("skipped: only root can start programs as other users");
    }
    root
}

/// A city of two users; its server runs as one of them.
fn city_of_two() -> World {
    let mut world = World::new();
    open(&world.path(""));
    world.init_with(&["--custody-user", KEYS, "--server-user", SERVER]);
    world.server_user = Some(SERVER.into());
    world
}

fn open(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("open to all");
}

/// A command in the environment of root's shell, which is not that of the service.
fn in_roots_shell(user: Option<&str>, args: &[&str]) -> Done {
    let mut command = as_user(user);
    command.args(args).current_dir("/").env_remove("XDG_STATE_HOME").env("HOME", "/root");
    command.output().expect("runs").into()
}

/// What a server that does not start says.
fn refused(world: &World, user: &str) -> String {
    let data = world.path("city").display().to_string();
    let done = in_roots_shell(Some(user), &["serve", "--data", &data]);
    assert_ne!(done.code, 0, "{}", done.out);
    done.err
}

/// `homeplate custody` of a folder, as the user of the keys.
fn custody_of(world: &World, data: &str) -> Process {
    let mut custody = as_user(Some(KEYS));
    custody.args(["custody", "--data"]).arg(world.path(data));
    let custody = Process::spawn(&mut custody).expect("custody starts");
    custody.wait_for("custody at", Duration::from_secs(30)).expect("custody listens");
    custody
}

/// What root owns below a folder: nothing, where two users own it.
fn of_root(world: &World, data: &str) -> String {
    let found = Command::new("find").arg(world.path(data)).args(["-user", "root"]).output();
    String::from_utf8_lossy(&found.expect("find").stdout).into_owned()
}

/// Custody dies by itself: the server says so, starts it again, and goes on.
#[test]
fn custody_that_dies_is_started_again() {
    let mut world = World::new();
    world.init();
    world.serve();
    let server = world.server_id();
    let [custody] = children(server)[..] else { panic!("one child: {:?}", children(server)) };
    let line = fs::read_to_string(format!("/proc/{custody}/cmdline")).expect("a command line");
    assert!(line.contains("custody"), "{line}");
    // Neither of the two lets other programs of its user look into its memory, nor leaves it on disk.
    let limits = fs::read_to_string(format!("/proc/{custody}/limits")).expect("its limits");
    let core = limits.lines().find(|l| l.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    Command::new("kill").args(["-9", &custody.to_string()]).status().expect("killed");
    world.until(
        "another custody",
        || format!("{:?}", children(server)),
        |now| now != "[]" && now != format!("[{custody}]"),
    );
    world.until(
        "the keys are fine",
        || health(&world),
        |told| told.contains("\"fine\":true,\"parts\""),
    );
    story::play_in(&mut world, |i, world| {
        if i == 3 {
            let custody = children(world.server_id());
            custody.iter().for_each(|id| {
                Command::new("kill").args(["-9", &id.to_string()]).status().expect("killed");
            });
            world.until(
                "another custody",
                || format!("{:?}", children(world.server_id())),
                |now| now != "[]" && now != format!("{custody:?}"),
            );
        }
    });
    // The server goes, and custody goes with it.
    let [custody] = children(world.server_id())[..] else { panic!("one child") };
    world.kill();
    world.until(
        "custody is gone",
        || Path::new(&format!("/proc/{custody}/stat")).exists().to_string(),
        |there| there == "false",
    );
}

/// Two users of the system: the server's cannot read the keys, and custody answers it and nobody else.
#[test]
fn custody_under_a_user_of_its_own() {
    if !is_root() {
        return;
    }
    let (keys, server) = (KEYS, SERVER);
    let mut world = city_of_two();
    let read_as = |user: &str, file: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", user, "--regid", user, "--clear-groups", "cat"]);
        command.arg(world.path(file)).output().expect("cat").status.success()
    };
    for file in ["city/custody/kek", "city/custody/custody.keys"] {
        assert!(read_as(keys, file) && !read_as(server, file), "{file}");
    }
    assert!(read_as(server, "city/keys/log.key") && !read_as(keys, "city/keys/log.key"));
    // Without custody the server says what is missing, and what to do.
    let told = refused(&world, server);
    assert!(told.contains("start it with `homeplate custody`"), "{told}");
    let _custody = custody_of(&world, "city");
    world.serve();
    assert!(children(world.server_id()).is_empty(), "the server starts none of its own");
    // Root is nobody to custody: the check goes on as the server's own user.
    let checked = world.plain(&["check", "--data", "city"]);
    assert!(checked.out.contains("Custody runs, and goes by"), "{}{}", checked.out, checked.err);
    story::play_in(&mut world, |_, _| {});
    // Rules that custody did not adopt: it does not go by them, and the server does not start with them.
    world.kill();
    let rules = world.path("city/rules.cedar");
    let text = fs::read_to_string(&rules).expect("rules");
    fs::write(&rules, text + "\n// another line\n").expect("written");
    let told = refused(&world, server);
    assert!(told.contains("adopted"), "{told}");
}

fn copied(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(done.is_ok_and(|status| status.success()));
}

/// An older copy is put back: the server notices whatever its environment, and root, who has another, begins the
/// successor that the server asks for. Custody goes on with it when it is told, and no file is root's.
#[test]
fn root_begins_the_successor_in_a_city_of_two_users() {
    if !is_root() {
        return;
    }
    let mut world = city_of_two();
    world.configure("127.0.0.1:8080", &format!("127.0.0.1:{}", world.port()));
    let data = world.path("city").display().to_string();
    let custody = custody_of(&world, "city");
    world.serve();
    world.stop();
    copied(&world.path("city"), &world.path("older"));
    world.serve();
    world.stop();
    drop(custody);
    copied(&world.path("older"), &world.path("city"));
    let told = refused(&world, SERVER);
    assert!(told.contains("begin its successor with `homeplate succeed`"), "{told}");

    let said = in_roots_shell(None, &["succeed", "--data", &data]).good();
    assert!(said.contains("homeplate/springfield/2+"), "{said}");
    assert!(said.contains(&format!("homeplate custody adopt --data {data}")), "{said}");
    let custody = custody_of(&world, "city");
    let told = refused(&world, SERVER);
    assert!(told.contains("run `homeplate custody adopt`"), "{told}");
    in_roots_shell(None, &["custody", "adopt", "--data", &data]).good();
    drop(custody);
    let _custody = custody_of(&world, "city");
    world.serve();
    assert!(world.get("/").contains("homeplate/springfield/2"));
    world.stop();
    in_roots_shell(None, &["upgrade", "--data", &data]).good();
    in_roots_shell(None, &["people", "reset", "admin", "--data", &data]).good();
    world.serve();
    assert_eq!(of_root(&world, "city"), "");
}

/// A city of one user, as several servers need it: the configuration names nobody, and no file becomes root's either.
#[test]
fn root_goes_on_as_the_one_user_of_a_city() {
    if !is_root() {
        return;
    }
    let mut world = World::new();
    open(&world.path(""));
    world.init();
    world.configure("127.0.0.1:8080", &format!("127.0.0.1:{}", world.port()));
    let given = Command::new("chown").args(["-R", SERVER]).arg(world.path("city")).status();
    assert!(given.is_ok_and(|status| status.success()));
    world.server_user = Some(SERVER.into());
    world.serve();
    world.stop();
    let data = world.path("city").display().to_string();
    in_roots_shell(None, &["upgrade", "--data", &data]).good();
    in_roots_shell(None, &["people", "reset", "admin", "--data", &data]).good();
    assert_eq!(of_root(&world, "city"), "");
    world.serve();
}

/// The server is gone: root puts the city together from its second place, and both users have theirs.
#[test]
fn root_restores_a_city_of_two_users() {
    if !is_root() {
        return;
    }
    let mut world = city_of_two();
    let (data, again) = (world.path("city"), world.path("again"));
    let (data, again) = (data.display().to_string(), again.display().to_string());
    fs::create_dir(world.path("second")).expect("a folder");
    open(&world.path("second"));
    let place = format!("file:{}", world.path("second").display());
    world.configure("[copy]\n", &format!("[copy]\nto = \"{place}\"\n"));
    let sheets = world.path("sheets").display().to_string();
    let shares = ["custody", "shares", "--data", &data, "--needed", "2", "--of", "2", "--out"];
    in_roots_shell(None, &[&shares[..], &[sheets.as_str()]].concat()).good();
    assert_eq!(of_root(&world, "city"), "");
    let custody = custody_of(&world, "city");
    world.serve();
    world.until(
        "the copy",
        || world.plain(&["check", "--data", "city"]).out,
        |text| text.contains("Log and control data as of"),
    );
    world.kill();
    drop(custody);
    fs::remove_dir_all(world.path("city")).expect("removed");
    fs::remove_dir_all(world.path("state")).expect("removed");

    let files: Vec<String> =
        world.files("sheets").iter().map(|path| path.display().to_string()).collect();
    let succeed =
        ["succeed", "--from", &place, "--data", &again, "--custody-user", KEYS, "--sheets"];
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let said = in_roots_shell(None, &[&succeed[..], files.as_slice()].concat()).good();
    assert!(said.contains(&format!("{KEYS} owns the keys, {SERVER} the rest")), "{said}");
    assert_eq!(of_root(&world, "again"), "");
    let owner = |name: &str| fs::metadata(world.path(name)).expect("there").uid();
    assert_eq!(owner("again/run"), owner("again/custody"));
    assert_ne!(owner("again/run"), owner("again/log"));
    world.data = "again";
    let _custody = custody_of(&world, "again");
    world.serve();
    assert!(world.get("/").contains("homeplate/springfield/2"));
}
