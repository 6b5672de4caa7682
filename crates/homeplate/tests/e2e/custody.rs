//! The city's keys in a process of their own: beside the server, and under a user of its own.

use crate::story;
use crate::world::{World, as_user};
use std::fs;
use std::os::unix::fs::PermissionsExt;
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

/// What a server that does not start says.
fn refused(world: &World, user: &str) -> String {
    let mut serve = as_user(Some(user));
    serve.args(["serve", "--data"]).arg(world.path("city"));
    let done = serve.env("XDG_STATE_HOME", world.path("state")).output().expect("runs");
    assert!(!done.status.success());
    String::from_utf8_lossy(&done.stderr).into_owned()
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
    let root = Command::new("id").arg("-u").output().expect("id").stdout == b"0\n";
    if !root {
        return eprintln!("skipped: only root can start programs as other users");
    }
    // Two users that every Debian has.
    let (keys, server) = ("games", "daemon");
    let mut world = World::new();
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o777));
    open(&world.path("")).expect("the test's folder is open to all");
    world.init_with(&["--custody-user", keys, "--server-user", server]);
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
    world.server_user = Some(server.into());
    fs::create_dir_all(world.path("state")).expect("a folder");
    open(&world.path("state")).expect("open to all");
    let told = refused(&world, server);
    assert!(told.contains("start it with `homeplate custody`"), "{told}");
    let mut custody = as_user(Some(keys));
    custody.args(["custody", "--data"]).arg(world.path("city"));
    let custody = Process::spawn(&mut custody).expect("custody starts");
    custody.wait_for("custody at", Duration::from_secs(30)).expect("custody listens");
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
