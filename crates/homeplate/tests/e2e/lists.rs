//! A list comes in from a file, a rendered car passes, and the list's age and its undoing count.

use crate::world::{CAMERA, WANTED, World};
use serde_json::Value;
use std::time::Duration;

const LIST: &str = "lst_state";

fn city() -> World {
    let mut world = World::new();
    world.init();
    world.configure("slug = \"springfield\"\n", "slug = \"springfield\"\nstate = \"us-ca\"\n");
    let file = world.path("city/homeplate.toml");
    let text = std::fs::read_to_string(&file).expect("a configuration");
    let drop = format!("{text}\n[[hotlist_drop]]\nlist = \"{LIST}\"\nfolder = \"../drop\"\n");
    std::fs::write(file, drop).expect("written");
    std::fs::create_dir(world.path("drop")).expect("a folder");
    world.serve();
    world.person("dora", "dispatcher");
    let set = ["list", "set", LIST, "--name", "State", "--default-days", "30", "--case", "26-0417"];
    let more = ["--reason", "stolen", "--adopt", "stolen", "--longest-age-hours", "24"];
    world.by("admin", &[&set[..], &more].concat()).good();
    world
}

fn file(world: &World, name: &str, plates: &[&str]) {
    let rows = plates.iter().map(|plate| format!("{plate},CA,stolen\n"));
    let text: String = std::iter::once("plate,state,category\n".to_owned()).chain(rows).collect();
    std::fs::write(world.path(name), text).expect("written");
}

fn hits(world: &World) -> Vec<Value> {
    let hits = world.by("dora", &["hits", "--json"]).json();
    hits.as_array().cloned().unwrap_or_default()
}

/// The car passes once more: a camera of its own each time, so that its captures are new ones.
fn pass(world: &World, camera: &str) {
    let code = world.by("admin", &["camera", camera, "--name", "A Street"]).good();
    let _ = std::fs::remove_dir_all(world.path("clip"));
    world.clip();
    let url = world.url();
    let data = format!("edge-{camera}");
    let args = [
        "edge",
        "--server",
        &url,
        "--camera",
        camera,
        "--data",
        &data,
        "--source",
        "clip",
        "--once",
        "--json",
        "--code",
        code.trim(),
    ];
    assert_eq!(world.plain(&args).json()["delivered"], 1);
}

#[test]
fn a_list_from_a_file() {
    let world = city();
    file(&world, "list.csv", &[WANTED, "7XYZ999"]);
    let told = world.by("admin", &["list", "import", LIST, "list.csv"]).good();
    assert!(told.contains("2 added") && !told.contains(WANTED), "{told}");
    pass(&world, "cam_one");
    assert_eq!(hits(&world).len(), 0, "nobody has taken it yet");
    world.by("admin", &["list", "confirm", LIST, "1"]).good();
    pass(&world, CAMERA);
    let all = hits(&world);
    assert_eq!(all.len(), 1);
    assert_eq!((&all[0]["list"], &all[0]["basis"]["text"]), (&LIST.into(), &"exact".into()));
    let undone = world.by("admin", &["list", "undo", LIST, "1"]).good();
    assert!(undone.contains("public log"), "{undone}");
    pass(&world, "cam_two");
    assert_eq!(hits(&world).len(), 1, "what was taken back raises nothing");
    assert_eq!(
        world.by("dora", &["list", "undo", LIST, "1"]).code,
        5,
        "a dispatcher keeps no lists"
    );
    let told = world.by("dora", &["list", "show", LIST]).good();
    assert!(told.contains("0 entries"), "{told}");
}

/// By its folder, once a person has seen the first file; then it grows too old.
#[test]
fn a_list_from_a_folder_grows_old() {
    let mut world = city();
    file(&world, ".list.csv", &[WANTED]);
    std::fs::rename(world.path(".list.csv"), world.path("drop/list.csv")).expect("renamed");
    let show = |world: &World| world.by("dora", &["list", "show", LIST]).good();
    world.until("it waits", || show(&world), |told| told.contains("waits for a person"));
    world.by("admin", &["list", "confirm", LIST, "1", "--sure"]).good();
    assert!(show(&world).contains("1 entries"), "{}", show(&world));
    file(&world, "drop/bad.csv", &["no plate!"]);
    world.until(
        "it is refused",
        || world.files("drop").iter().map(|f| f.display().to_string() + " ").collect(),
        |files| files.contains("refused/") && files.contains(".reason"),
    );
    pass(&world, "cam_one");
    assert_eq!(hits(&world).len(), 1);
    // Two days later by the stored moment of the import: the list has become too old.
    world.kill();
    let db = world.path("city/store/hotlist.db");
    let sql = "UPDATE imports SET made = made - 172800000";
    let done = std::process::Command::new("python3")
        .args([
            "-c",
            "import sqlite3,sys;c=sqlite3.connect(sys.argv[1]);c.execute(sys.argv[2]);c.commit()",
        ])
        .arg(db)
        .arg(sql)
        .status()
        .expect("python3 runs");
    assert!(done.success());
    world.serve();
    assert!(show(&world).contains("TOO OLD"));
    pass(&world, "cam_two");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(hits(&world).len(), 1, "an old list raises nothing");
    world.until(
        "the log says so",
        || world.get("/v1/log?limit=100"),
        |log| log.contains("hotlist.stale"),
    );
    assert!(!world.get("/v1/log?limit=100").contains(WANTED));
}
