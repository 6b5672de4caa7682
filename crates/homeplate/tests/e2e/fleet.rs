//! A camera's life with the real executables: another device, another place, out of the fleet.

use crate::world::{CAMERA, Done, WANTED, World};
use serde_json::Value;

const ASK: [&str; 6] = ["ask", WANTED, "--purpose", "stolen-vehicle", "--case", "26-0417"];

/// Reads the clip once with the device whose data is in `data`.
fn edge(world: &World, data: &str, code: Option<&str>) -> Done {
    let url = world.url();
    let mut args = vec!["edge", "--server", &url, "--camera", CAMERA, "--data", data];
    args.extend(["--source", "clip", "--once", "--json"]);
    args.extend(code.map(|code| ["--code", code]).into_iter().flatten());
    world.plain(&args)
}

fn asked(world: &World, more: &[&str]) -> Value {
    world.by("otto", &[&ASK[..], &["--json"], more].concat()).json()
}

/// Names of the places where reads of an answer were captured.
fn places(answer: &Value) -> Vec<&str> {
    let reads = answer["reads"].as_array().expect("reads");
    reads.iter().filter_map(|read| read["camera_name"].as_str()).collect()
}

#[test]
fn a_camera_is_replaced_moved_and_retired() {
    let mut world = World::new();
    world.init();
    world.clip();
    world.serve();
    world.person("otto", "officer");
    let main = ["camera", CAMERA, "--name", "Main Street", "--lat", "39.8", "--lon", "-89.6"];
    let code = world.by("admin", &main).good();
    assert_eq!(edge(&world, "old", Some(code.trim())).json()["delivered"], 1);

    // Another device: the old one goes on until the new one has enrolled.
    assert_eq!(world.by("otto", &["camera-replace", CAMERA]).code, 5, "an officer may not");
    let code = world.by("admin", &["camera-replace", CAMERA]).good();
    assert_eq!(edge(&world, "old", None).json()["delivered"], 1);
    assert_eq!(edge(&world, "new", Some(code.trim())).json()["delivered"], 1);
    let dead = edge(&world, "old", None);
    assert_eq!(dead.code, 4, "{}", dead.err);
    assert!(dead.err.contains("signature does not hold"), "{}", dead.err);

    // Another place: what it saw before stays where it was.
    let elsewhere = world.by("admin", &[&main[..4], &["--lat", "39.9", "--lon", "-89.6"]].concat());
    assert_eq!(elsewhere.code, 8, "{}", elsewhere.err);
    let oak = ["camera-move", CAMERA, "--lat", "39.9", "--lon", "-89.5", "--name", "Oak Street"];
    let ahead = world.by("admin", &[&oak[..], &["--from", "2199-01-01T00:00:00Z"]].concat());
    assert_eq!(ahead.code, 3, "{}", ahead.err);
    world.by("admin", &oak).good();
    world.crash();
    let all = asked(&world, &[]);
    assert_eq!(places(&all), ["Main Street"; 3], "{all}");
    assert_eq!((&all["reads"][0]["lat"], &all["reads"][0]["lon"]), (&39.8.into(), &(-89.6).into()));
    assert_eq!(places(&asked(&world, &["--near", "39.8,-89.6,500"])), ["Main Street"; 3]);
    // The camera stands there by now, and has seen nothing from there.
    let soon = base::Clock::now(&base::SystemClock).plus_millis(60_000).to_string();
    let there = asked(&world, &["--near", "39.9,-89.5,500", "--until", &soon]);
    assert_eq!((&there["opened"], places(&there).len()), (&0.into(), 0), "{there}");

    // Out of the fleet, for good; its reads stay.
    world.by("admin", &["camera-retire", CAMERA]).good();
    world.by("admin", &["camera-retire", CAMERA]).good();
    world.crash();
    let gone = edge(&world, "new", None);
    assert!(gone.code != 0 && gone.err.contains("retired since"), "{}", gone.err);
    assert_ne!(world.by("admin", &["camera-replace", CAMERA]).code, 0);
    assert_ne!(world.by("admin", &oak).code, 0);
    assert_ne!(world.by("admin", &main).code, 0);
    assert_eq!(places(&asked(&world, &[])), ["Main Street"; 3]);
    let public: Value = serde_json::from_str(&world.get("/v1/public")).expect("JSON");
    assert_eq!(public["cameras"][0]["name"], "Oak Street");
    assert!(public["cameras"][0]["retired"].is_string(), "{public}");
    assert!(world.get("/").contains("retired"));
    let log: Value = serde_json::from_str(&world.get("/v1/log?limit=500")).expect("JSON");
    let kinds = |kind: &str| {
        let entries = log["entries"].as_array().expect("entries");
        entries.iter().filter(|entry| entry["leaf"]["type"] == kind).count()
    };
    let logged = ["camera.enrolled", "camera.moved", "camera.retired"].map(kinds);
    assert_eq!(logged, [2, 1, 1]);
    world.plain(&["verify", "city/log", "--vkey-file", "city/log.vkey"]).good();
}
