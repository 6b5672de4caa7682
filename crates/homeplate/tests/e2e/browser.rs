//! The pages in a real browser: Debian's chromium, driven through playwright-core.

use crate::callers::Device;
use crate::world::{CAMERA, WANTED, World};
use std::path::Path;
use std::process::Command;
use testkit::street::{Body, Car, Light, Scenario, Street};

#[test]
fn a_dispatcher_decides_a_hit_in_the_browser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    assert!(folder.join("node_modules/playwright-core").exists(), "run `./run setup` first");
    let mut world = World::new();
    world.init();
    world.clip();
    world.serve();
    world.person("dora", "dispatcher");
    let tomorrow = base::Clock::now(&base::SystemClock).plus_millis(86_400_000).to_string();
    world
        .by(
            "admin",
            &[
                "hotlist",
                WANTED,
                "--reason",
                "stolen vehicle",
                "--case",
                "26-0417",
                "--expires",
                &tomorrow,
            ],
        )
        .good();
    let code = world.by("admin", &["camera", CAMERA, "--name", "Main Street"]).good();
    world.edge(Some(code.trim())).good();
    world.until("a hit", || world.by("dora", &["hits"]).good(), |text| text.contains("open"));
    let link = world.by("dora", &["console"]).good();
    let shots = std::env::var("HOMEPLATE_SCREENSHOTS")
        .unwrap_or_else(|_| world.path("shots").display().to_string());
    let done = Command::new("node")
        .arg(folder.join("pages.mjs"))
        .args([&world.url(), link.trim(), &shots, WANTED])
        .output()
        .expect("node runs");
    assert!(
        done.status.success(),
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(world.by("dora", &["hits"]).good().contains("closed"));
}

/// A clerk proposes, two offices sign with passkeys, an officer's question is narrowed, an outsider verifies it all.
#[test]
fn two_offices_change_the_rules_in_the_browser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let mut world = World::new();
    world.init();
    world.serve();
    world.person("otto", "officer");
    world.by("admin", &["camera", CAMERA, "--name", "Main Street"]).good();
    let shots = std::env::var("HOMEPLATE_SCREENSHOTS")
        .unwrap_or_else(|_| world.path("shots").display().to_string());
    let done = Command::new("node")
        .arg(folder.join("rules.mjs"))
        .args([&world.url(), crate::world::EXE, &world.path(".").display().to_string(), &shots])
        .output()
        .expect("node runs");
    assert!(
        done.status.success(),
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}

/// A list is brought in the browser, two people add an entry of their own, the car passes, and the hit is on a
/// screen that nobody reloaded; it is another vehicle, and the public figures say so.
#[test]
fn a_list_is_brought_and_a_hit_comes_live() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    assert!(folder.join("node_modules/playwright-core").exists(), "run `./run setup` first");
    let mut world = World::new();
    world.init();
    world.serve();
    world.person("dora", "dispatcher");
    world.person("otto", "officer");
    let set = ["list", "set", "lst_state", "--name", "State", "--default-days", "30"];
    let more = ["--case", "26-0417", "--reason", "stolen vehicle", "--own-entries", "yes"];
    world.by("admin", &[&set[..], &more].concat()).good();
    std::fs::write(world.path("list.csv"), format!("plate\n{WANTED}\n7XYZ999\n")).expect("written");
    world.clip();
    let code = world.by("admin", &["camera", CAMERA, "--name", "Main Street"]).good();
    let link = |who: &str| world.by(who, &["console"]).good().trim().to_owned();
    let links = ["admin", "dora", "otto"].map(link);
    let shots = std::env::var("HOMEPLATE_SCREENSHOTS")
        .unwrap_or_else(|_| world.path("shots").display().to_string());
    let ready = world.path("ready");
    let browser = Command::new("node")
        .arg(folder.join("story.mjs"))
        .arg(world.url())
        .args(&links)
        .args([world.path("list.csv"), ready.clone()])
        .args([WANTED, &shots])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("node runs");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while !ready.exists() && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    if ready.exists() {
        world.edge(Some(code.trim())).good();
    }
    let done = browser.wait_with_output().expect("node ends");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}{err}");
    eprintln!("{}", out.trim());
    let verified = world.plain(&["verify", &world.url()]).good();
    assert!(verified.contains("wrong-vehicle") || verified.contains("rejected"), "{verified}");
}

/// What the look-alike car carries, and what is listed: the reader itself doubts the third character.
const SHOWN: &str = "7AB8C12";
const LISTED: &str = "7A88C12";

/// A list asks for look-alikes, a rendered car passes that is one, and a dispatcher finds it misread: nobody is
/// stopped, the public rate says so, and the log verifies. A drill is answered beside it, and counts as no hit.
#[test]
fn a_look_alike_ends_as_misread() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    assert!(folder.join("node_modules/playwright-core").exists(), "run `./run setup` first");
    let mut world = World::new();
    world.init();
    world.configure("slug = \"springfield\"\n", "slug = \"springfield\"\nstate = \"us-ca\"\n");
    world.serve();
    world.person("dora", "dispatcher");
    let set = ["list", "set", "lst_state", "--name", "State", "--default-days", "30"];
    let more = ["--case", "26-0417", "--reason", "stolen vehicle", "--threshold", "0.001"];
    world.by("admin", &[&set[..], &more].concat()).good();
    let rows = format!("plate,state\n{LISTED},CA\n7XYZ999,CA\n");
    std::fs::write(world.path("list.csv"), rows).expect("written");
    world.by("admin", &["list", "import", "lst_state", "list.csv", "--yes"]).good();
    let start = base::Clock::now(&base::SystemClock).plus_millis(-30_000);
    let scenario =
        Scenario { start, fps: 5.0, exposure_ms: 14.0, ..Scenario::empty(6.0, Light::Day, 7) };
    let car = Car {
        plate: SHOWN.into(),
        state: "us-ca".into(),
        lane: 0,
        start_s: 0.4,
        speed: 7.0,
        toward: true,
        body: Body::Sedan,
    };
    Street::new(scenario.with(car)).write(&world.path("clip")).expect("a clip");
    let code = world.by("admin", &["camera", CAMERA, "--name", "Main Street"]).good();
    let link = |who: &str| world.by(who, &["console"]).good().trim().to_owned();
    let links = ["dora", "admin"].map(link);
    let shots = std::env::var("HOMEPLATE_SCREENSHOTS")
        .unwrap_or_else(|_| world.path("shots").display().to_string());
    let ready = world.path("ready");
    let browser = Command::new("node")
        .arg(folder.join("lookalike.mjs"))
        .arg(world.url())
        .args(&links)
        .arg(&ready)
        .args([SHOWN, LISTED, &shots])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("node runs");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while !ready.exists() && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    if ready.exists() {
        world.edge(Some(code.trim())).good();
        eprintln!("{}", world.by("dora", &["hits", "--json"]).good());
    }
    let done = browser.wait_with_output().expect("node ends");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}{err}");
    let hits = world.by("dora", &["hits", "--json"]).json();
    assert_eq!(
        (&hits[0]["finding"], &hits[0]["basis"]["text"]),
        (&"misread".into(), &"look-alike".into())
    );
    let verified = world.plain(&["verify", &world.url()]).good();
    assert!(verified.contains("misread"), "{verified}");
}

/// A clerk switches a camera off with a passkey, on again takes two people, and the log verifies.
#[test]
fn orders_are_given_in_the_browser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let mut world = World::new();
    world.init();
    world.serve();
    world.clip();
    let code = world.by("admin", &["camera", CAMERA, "--name", "Main Street"]).good();
    world.edge(Some(code.trim())).good();
    let shots = std::env::var("HOMEPLATE_SCREENSHOTS")
        .unwrap_or_else(|_| world.path("shots").display().to_string());
    let done = Command::new("node")
        .arg(folder.join("orders.mjs"))
        .args([&world.url(), crate::world::EXE, &world.path(".").display().to_string(), &shots])
        .output()
        .expect("node runs");
    assert!(
        done.status.success(),
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    world.plain(&["verify", &world.url()]).good();
}

/// Cameras on a map with the city's streets and a layer of its own, drawn in a browser with and without WebGL.
#[test]
fn the_cameras_are_on_the_map() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    assert!(folder.join("node_modules/playwright-core").exists(), "run `./run setup` first");
    let mut world = World::new();
    world.init();
    let tiles = Command::new("node")
        .arg(folder.join("tiles.mjs"))
        .arg(world.path("city/streets.pmtiles"))
        .args(["38.5449", "-121.7405"])
        .status();
    assert!(tiles.is_ok_and(|done| done.success()));
    let around = |d: f64| format!("[{}, {}]", -121.7405 + d, 38.5449 + d / 2.0);
    let corners = [-0.006, 0.002, 0.006, -0.006].map(around);
    let layer = format!(
        r#"{{"type": "Feature", "properties": {{}}, "geometry": {{"type": "Polygon", "coordinates": [[{},
        [-121.7345, 38.5419], {}, [-121.7465, 38.5479], {}]]}}}}"#,
        corners[0], corners[2], corners[3]
    );
    std::fs::write(world.path("city/precincts.geojson"), layer).expect("written");
    let file = world.path("city/homeplate.toml");
    let text = std::fs::read_to_string(&file).expect("a configuration");
    let text = text.replace("\n[map]\n", "\n[map]\nstreets = \"streets.pmtiles\"\nattribution = \"Streets by the city\"\n[[map.layer]]\nname = \"Precincts\"\nfile = \"precincts.geojson\"\n");
    assert!(text.contains("precincts"), "{text}");
    std::fs::write(&file, text).expect("written");
    let checked = world.plain(&["check", "--data", "city"]);
    assert!(!checked.out.contains("map"), "{}", checked.out);
    world.serve();
    world.person("dora", "dispatcher");
    for (id, name, lat, lon) in [
        (CAMERA, "Main Street", "38.5449", "-121.7405"),
        ("cam_elm", "Elm Street", "38.5475", "-121.7380"),
    ] {
        let args = ["camera", id, "--name", name, "--lat", lat, "--lon", lon];
        let code = world.by("admin", &args).good();
        Device::with_code(&world, id.parse().expect("an id"), code.trim());
    }
    let link = world.by("dora", &["console"]).good();
    let shots = std::env::var("HOMEPLATE_SCREENSHOTS")
        .unwrap_or_else(|_| world.path("shots").display().to_string());
    let done = Command::new("node")
        .arg(folder.join("map.mjs"))
        .args([&world.url(), link.trim(), &shots])
        .output()
        .expect("node runs");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}{err}");
}
