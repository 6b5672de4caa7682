//! The pages in a real browser: Debian's chromium, driven through playwright-core.

use crate::callers::Device;
use crate::off;
use crate::world::{CAMERA, EXE, WANTED, World};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use testkit::street::{Body, Car, Light, Scenario, Street};

/// A script of `tests/browser` that drives a browser.
pub fn script(name: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    assert!(folder.join("node_modules/playwright-core").exists(), "run `./run setup` first");
    let mut node = Command::new("node");
    node.arg(folder.join(name));
    node
}

/// Where a test's screenshots go.
pub fn shots(world: &World) -> PathBuf {
    std::env::var_os("HOMEPLATE_SCREENSHOTS").map_or_else(|| world.path("shots"), PathBuf::from)
}

/// What a script printed, which found nothing wrong.
#[track_caller]
pub fn found_good(done: Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}{err}");
    out.into_owned()
}

/// Runs a script to its end.
#[track_caller]
pub fn run<A: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = A>) -> String {
    found_good(script(name).args(arguments).output().expect("node runs"))
}

/// The same of a script that writes a file when everything waits in the browser; then `pass` lets the car pass.
#[track_caller]
fn run_until(mut script: Command, ready: &Path, pass: impl FnOnce()) -> String {
    let browser = script.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("node runs");
    let until = Instant::now() + Duration::from_secs(120);
    while !ready.exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    if ready.exists() {
        pass();
    }
    found_good(browser.wait_with_output().expect("node ends"))
}

/// An off certificate as a file, which keys somebody types, and what the page must find.
pub struct Checked {
    /// The certificate.
    pub file: PathBuf,
    /// The log's key; the certificate's own where it is empty.
    pub vkey: String,
    /// The policy that names the witnesses; likewise.
    pub witnesses: String,
    /// Whether it must hold.
    pub holds: bool,
    /// What the page must say beside that.
    pub says: &'static str,
}

/// Checks certificates with a copy of the city's page that was saved before; `order` is looked up at the city first.
pub fn check_saved(world: &World, page: &str, cases: &[Checked], order: Option<&str>) {
    std::fs::write(world.path("check.html"), page).expect("written");
    let of = |one: &Checked| {
        let file = one.file.display().to_string();
        serde_json::json!({ "file": file, "vkey": one.vkey, "witnesses": one.witnesses, "holds": one.holds, "says": one.says })
    };
    let cases: Vec<_> = cases.iter().map(of).collect();
    std::fs::write(world.path("cases.json"), serde_json::Value::from(cases).to_string())
        .expect("written");
    let mut arguments = vec![world.path("cases.json"), world.path("check.html"), shots(world)];
    arguments.extend(order.map(|order| format!("{}/off/{order}", world.url()).into()));
    run("check.mjs", arguments);
}

/// A one-time link into the console.
pub fn link(world: &World, who: &str) -> String {
    world.by(who, &["console"]).good().trim().to_owned()
}

#[test]
fn a_dispatcher_decides_a_hit_in_the_browser() {
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
    let arguments = [world.url().into(), link(&world, "dora").into(), shots(&world), WANTED.into()];
    run("pages.mjs", arguments);
    assert!(world.by("dora", &["hits"]).good().contains("closed"));
}

/// A clerk proposes, two offices sign with passkeys, an officer's question is narrowed, an outsider verifies it all.
#[test]
fn two_offices_change_the_rules_in_the_browser() {
    let mut world = World::new();
    world.init();
    world.serve();
    world.person("otto", "officer");
    world.by("admin", &["camera", CAMERA, "--name", "Main Street"]).good();
    run("rules.mjs", [world.url().into(), EXE.into(), world.path("."), shots(&world)]);
}

/// A list is brought in the browser, two people add an entry of their own, the car passes, and the hit is on a
/// screen that nobody reloaded; it is another vehicle, and the public figures say so.
#[test]
fn a_list_is_brought_and_a_hit_comes_live() {
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
    let ready = world.path("ready");
    let mut story = script("story.mjs");
    story.arg(world.url()).args(["admin", "dora", "otto"].map(|who| link(&world, who))).args([
        world.path("list.csv"),
        ready.clone(),
        WANTED.into(),
        shots(&world),
    ]);
    let out = run_until(story, &ready, || drop(world.edge(Some(code.trim())).good()));
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
    let ready = world.path("ready");
    let mut story = script("lookalike.mjs");
    story.arg(world.url()).args(["dora", "admin"].map(|who| link(&world, who))).args([
        ready.clone(),
        SHOWN.into(),
        LISTED.into(),
        shots(&world),
    ]);
    run_until(story, &ready, || {
        world.edge(Some(code.trim())).good();
        eprintln!("{}", world.by("dora", &["hits", "--json"]).good());
    });
    let hits = world.by("dora", &["hits", "--json"]).json();
    assert_eq!(
        (&hits[0]["finding"], &hits[0]["basis"]["text"]),
        (&"misread".into(), &"look-alike".into())
    );
    let verified = world.plain(&["verify", &world.url()]).good();
    assert!(verified.contains("misread"), "{verified}");
}

/// A clerk switches a camera off with a passkey, on again takes two people, off once more erases what the camera has not
/// delivered, and the log verifies.
#[test]
fn orders_are_given_in_the_browser() {
    let mut world = World::new();
    world.init();
    world.serve();
    world.clip();
    let reader = off::running(&world, CAMERA, "edge");
    run("orders.mjs", [world.url().into(), EXE.into(), world.path("."), shots(&world)]);
    // Off the first time it kept what it had; for the passkey under the last order it erases.
    let emptied = |text: &str| text.contains("undelivered reads erased");
    let said = world.until("the spool is erased", || reader.output(), emptied);
    assert!(said.contains("undelivered reads kept"), "{said}");
    world.plain(&["verify", &world.url()]).good();
}

/// Cameras on a map with the city's streets and a layer of its own, drawn in a browser with and without WebGL.
#[test]
fn the_cameras_are_on_the_map() {
    let mut world = World::new();
    world.init();
    run("tiles.mjs", [world.path("city/streets.pmtiles"), "38.5449".into(), "-121.7405".into()]);
    let around = |d: f64| format!("[{}, {}]", -121.7405 + d, 38.5449 + d / 2.0);
    let corners = [-0.006, 0.002, 0.006, -0.006].map(around);
    let layer = format!(
        r#"{{"type": "Feature", "properties": {{}}, "geometry": {{"type": "Polygon", "coordinates": [[{},
        [-121.7345, 38.5419], {}, [-121.7465, 38.5479], {}]]}}}}"#,
        corners[0], corners[2], corners[3]
    );
    std::fs::write(world.path("city/precincts.geojson"), layer).expect("written");
    let map = "\n[map]\nstreets = \"streets.pmtiles\"\nattribution = \"Streets by the city\"\n\
               [[map.layer]]\nname = \"Precincts\"\nfile = \"precincts.geojson\"\n";
    world.configure("\n[map]\n", map);
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
    run("map.mjs", [world.url().into(), link(&world, "dora").into(), shots(&world)]);
}
