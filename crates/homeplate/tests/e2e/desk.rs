//! What holds for whoever sits at the console or stands in the street: what is near comes first, and who left, went
//! away or asks too often hears nothing.

use crate::browser::{link, run, shots};
use crate::callers::Device;
use crate::faults::Clockwork;
use crate::world::{CAMERA, EXE, World};
use base::{Clock, SystemClock};

fn town(change: Option<(&str, &str)>) -> World {
    let mut world = World::new();
    world.init();
    if let Some((from, to)) = change {
        world.configure(from, to);
    }
    world.serve();
    world.person("dora", "dispatcher");
    world.person("otto", "dispatcher");
    world
}

/// A wanted car passes this camera, and is a hit that waits.
fn passes(world: &World, name: &str, lat: &str, plate: &str) -> String {
    let id = format!("cam_{}", name.to_lowercase());
    let args = ["camera", &id, "--name", name, "--lat", lat, "--lon", "-121.74"];
    let code = world.by("admin", &args).good();
    let mut device = Device::with_code(world, id.parse().expect("an id"), code.trim());
    device.renew(SystemClock.now()).expect("a lease");
    let batch = device.batch(&[plate.into()], SystemClock.now());
    device.send(&batch).expect("stored");
    let hits = || world.by("dora", &["hits"]).good();
    world.until("a hit", hits, |text| text.contains("open"))
}

/// A wanted car passes this camera, and a dispatcher confirms the hit.
fn confirmed(world: &World, name: &str, lat: &str, plate: &str) {
    let tomorrow = SystemClock.now().plus_millis(86_400_000).to_string();
    let entry = ["hotlist", plate, "--reason", "stolen vehicle", "--case", "26-0417", "--expires"];
    world.by("admin", &[&entry[..], &[&tomorrow]].concat()).good();
    let hits = passes(world, name, lat, plate);
    let open = hits.lines().find(|line| line.contains("open")).expect("a hit");
    let hit = open.split_whitespace().find(|word| word.starts_with("hit_")).expect("an id");
    let all = "picture,state,make,colour";
    world.by("dora", &["verdict", hit, "correct", "--compared", all]).good();
}

#[test]
fn the_nearest_hit_comes_first() {
    let world = town(None);
    confirmed(&world, "North", "38.6", "7ABC128");
    confirmed(&world, "South", "38.5", "8XYZ417");
    confirmed(&world, "East", "38.7", "6DEF359");
    passes(&world, "Harbor", "38.55", "6DEF359");
    run("near.mjs", [world.url().into(), link(&world, "otto").into(), shots(&world)]);
}

#[test]
fn who_has_left_hears_nothing_more() {
    let world = town(None);
    let links = ["dora", "otto"].map(|who| link(&world, who).into());
    let [dora, otto] = links;
    let arguments = [world.url().into(), EXE.into(), world.path("."), dora, otto, shots(&world)];
    run("ended.mjs", arguments);
}

#[test]
fn who_asks_too_often_is_told_so() {
    let world = town(Some(("address_per_minute = 600", "address_per_minute = 100")));
    let [dora, otto] = ["dora", "otto"].map(|who| link(&world, who).into());
    run("limit.mjs", [world.url().into(), dora, otto, shots(&world)]);
}

#[test]
#[ignore = "needs faketime"]
fn a_desk_without_anybody_is_signed_out() {
    let mut world = World::new();
    world.init();
    let environment = Clockwork::environment(&world);
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    std::fs::write(world.path("offset"), "+0m\n").expect("written");
    world.serve_with(&environment);
    world.person("dora", "dispatcher");
    let place = ["--lat", "38.6", "--lon", "-121.74"];
    let camera = [&["camera", CAMERA, "--name", "Main Street"][..], &place].concat();
    let code = world.by("admin", &camera).good();
    Device::with_code(&world, CAMERA.parse().expect("an id"), code.trim());
    let arguments =
        [world.url().into(), link(&world, "dora").into(), world.path("offset"), shots(&world)];
    run("idle.mjs", arguments);
}
