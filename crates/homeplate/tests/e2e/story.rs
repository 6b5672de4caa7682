//! One car, the whole way: the story that stays green for ever.

use crate::world::{CAMERA, WANTED, World};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

type Step = (&'static str, fn(&mut World));

/// The steps, in order. Between any two the server may die.
const STEPS: [Step; 9] = [
    ("people", people),
    ("hot list", hot_list),
    ("the car passes", car_passes),
    ("a person decides", person_decides),
    ("asking without a case", ask_without_case),
    ("asking with one", ask_with_case),
    ("everybody sees", everybody_sees),
    ("anybody checks", anybody_checks),
    ("off", off),
];

fn play(after: impl FnMut(usize, &mut World)) {
    let mut world = World::new();
    world.init();
    world.serve();
    play_in(&mut world, after);
}

/// The story in a city that is being served.
pub fn play_in(world: &mut World, mut after: impl FnMut(usize, &mut World)) {
    world.clip();
    for (i, (name, step)) in STEPS.iter().enumerate() {
        eprintln!("step {i}: {name}");
        step(world);
        after(i, world);
    }
    no_plate_in_the_clear(world);
}

/// The city's keys in the server's own process.
#[test]
fn one_car_and_the_keys_inside() {
    let mut world = World::new();
    world.init_with(&["--custody", "inside"]);
    world.serve();
    play_in(&mut world, |i, world| {
        if i == 4 {
            world.crash();
        }
    });
}

/// The second engine, the whole way; what a backup of the database holds is searched for the plate too.
#[test]
fn one_car_on_postgres() {
    let database = testkit::postgres::Database::new().expect("a database");
    let mut world = World::new();
    world.init_with(&["--postgres", &database.url()]);
    world.serve();
    play_in(&mut world, |i, world| {
        if i == 4 {
            world.crash();
        }
    });
    let dump = database.dump_without("_hotlist").expect("a dump");
    assert!(dump.contains("INSERT INTO") && !dump.contains(WANTED));
    let all = database.dump_without("_nothing").expect("a dump");
    assert!(all.contains(WANTED), "the search would find it");
}

#[test]
fn one_car_the_whole_way() {
    play(|_, _| {});
}

/// The plug is pulled between every two steps, in one run.
#[test]
fn the_story_survives_a_crash_after_every_step() {
    play(|_, world| world.crash());
}

/// The plug is pulled once, between steps k and k + 1, for every k; and the story twenty times over.
#[test]
#[ignore = "deep: minutes"]
fn twenty_stories_and_a_crash_at_each_step() {
    for k in 0..STEPS.len() {
        play(|i, world| {
            if i == k {
                world.crash();
            }
        });
    }
    for _ in 0..20 {
        play(|_, _| {});
    }
}

fn people(world: &mut World) {
    for (name, role) in [("dora", "dispatcher"), ("otto", "officer"), ("clara", "clerk")] {
        world.person(name, role);
    }
    // A person may do what their role says and nothing else.
    let refused = world.by("otto", &["camera", CAMERA, "--name", "Main Street"]);
    assert_eq!(refused.code, 5, "{}", refused.err);
}

fn hot_list(world: &mut World) {
    let tomorrow = base::Clock::now(&base::SystemClock).plus_millis(86_400_000).to_string();
    let args = |plate: &'static str| -> Vec<String> {
        [
            "hotlist",
            plate,
            "--state",
            "us-ca",
            "--reason",
            "stolen vehicle",
            "--case",
            "26-0417",
            "--expires",
            &tomorrow,
        ]
        .map(String::from)
        .to_vec()
    };
    let call = |args: Vec<String>| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        world.by("admin", &args)
    };
    let bad = call(args("not a plate!"));
    assert_eq!(bad.code, 3, "{}", bad.err);
    call(args(WANTED)).good();
}

fn car_passes(world: &mut World) {
    let code = world
        .by(
            "admin",
            &["camera", CAMERA, "--name", "Main Street", "--lat", "39.8", "--lon", "-89.6"],
        )
        .good();
    let read = world.edge(Some(code.trim())).json();
    assert_eq!(read["delivered"], 1, "one vehicle, one read: {read}");
    let packs = || world.files("city/pictures").into_iter().filter(|f| f.extension().is_some());
    assert_eq!(packs().count(), 2, "the pictures of a read and of its hit, beside the database");
    // The same frames again are new captures only if they were captured anew; nothing is left to send.
    let hits = world.until(
        "a hit is raised",
        || world.by("dora", &["hits", "--json"]).good(),
        |hits| {
            serde_json::from_str::<Value>(hits)
                .is_ok_and(|h| h.as_array().is_some_and(|h| h.len() == 1))
        },
    );
    assert!(!hits.contains(WANTED), "the list of hits names no plate");
}

fn only_hit(world: &World) -> Value {
    let hits = world.by("dora", &["hits", "--json"]).json();
    assert_eq!(hits.as_array().map(Vec::len), Some(1), "{hits}");
    hits[0].clone()
}

fn person_decides(world: &mut World) {
    let hit = only_hit(world);
    let id = hit["id"].as_str().expect("an id").to_owned();
    let view = world.by("dora", &["hit", &id, "--json"]).json();
    assert_eq!(view["read"]["plate"], WANTED);
    assert_eq!(view["listed"]["plate"], WANTED);
    assert!(
        view["read"]["picture"].as_str().is_some_and(|p| p.len() > 1000),
        "there is a picture to compare"
    );
    let hasty = world.by("dora", &["verdict", &id, "correct", "--compared", "picture,state"]);
    assert_eq!(hasty.code, 3, "{}", hasty.err);
    assert!(hasty.err.contains("make and colour"), "{}", hasty.err);
    let all = "picture,state,make,colour";
    let done = world.by("dora", &["verdict", &id, "correct", "--compared", all]).good();
    assert!(done.contains("confirmed"), "{done}");
    assert_eq!(
        world.by("dora", &["verdict", &id, "misread"]).code,
        8,
        "a decided hit stays decided"
    );
}

fn ask_without_case(world: &mut World) {
    let refused = world.by("otto", &["ask", WANTED, "--purpose", "stolen-vehicle"]);
    assert_eq!(refused.code, 6, "{}", refused.err);
    assert!(refused.err.contains("case") && refused.err.contains("public log"), "{}", refused.err);
}

fn ask_with_case(world: &mut World) {
    let ask = ["ask", WANTED, "--purpose", "stolen-vehicle", "--case", "26-0417", "--json"];
    let answer = world.by("otto", &ask).json();
    assert_eq!((&answer["opened"], &answer["considered"]), (&1.into(), &1.into()), "{answer}");
    assert_eq!(answer["reads"][0]["plate"], WANTED);
    assert!(answer["outcome_entry"].as_u64() > answer["log_entry"].as_u64());
    ask_with_unknown_characters(world);
}

/// What the rules would say leaves no trace; a plate half known is found by scanning.
fn ask_with_unknown_characters(world: &mut World) {
    let half = format!("{}*", &WANTED[..WANTED.len() - 2]);
    let ask = |more: &[&str]| {
        let ask = ["ask", &half, "--purpose", "stolen-vehicle", "--case", "26-0417"];
        world.by("otto", &[&ask, more].concat())
    };
    // Counts of reads may come to the log meanwhile; questions and refusals may not.
    let asked = |world: &World| {
        let figures = &figures(world)["figures"];
        ["searches", "refusals", "open_intents"].map(|figure| figures[figure].clone())
    };
    let before = asked(world);
    assert!(before.iter().all(Value::is_u64), "{before:?}");
    let preview = ask(&["--preview", "--json"]).json();
    assert_eq!((&preview["decision"], &preview["case"]), (&"allowed".into(), &"stated".into()));
    assert_eq!(asked(world), before);
    let answer = ask(&["--json"]).json();
    assert_eq!((&answer["scanned"], &answer["opened"]), (&1.into(), &1.into()), "{answer}");
    assert_eq!(answer["reads"][0]["plate"], WANTED);
    let open = ["ask", "*1*", "--purpose", "stolen-vehicle", "--case", "26-0417", "--preview"];
    let refused = world.by("otto", &open).good();
    assert!(refused.contains("refused by rule pattern-known"), "{refused}");
    audit(world, &answer["log_entry"].to_string(), &half);
}

/// Only an auditor with the auditors' key sees who asked what, and that is on the log.
fn audit(world: &mut World, entry: &str, asked: &str) {
    let open = ["audit", "open", entry, "--audit-key", "audit.key"];
    assert_eq!(world.by("otto", &open).code, 5, "an officer is no auditor");
    let before = figures(world)["log_size"].as_u64();
    world.person("iris", "auditor");
    let body = world.by("iris", &open).good();
    assert!(body.contains(asked) && body.contains("per_otto"), "{body}");
    // The new person and the opening; counts may come between.
    assert!(figures(world)["log_size"].as_u64() >= before.map(|n| n + 2));
}

fn figures(world: &World) -> Value {
    serde_json::from_str(&world.get("/v1/public")).expect("JSON")
}

fn everybody_sees(world: &mut World) {
    world.until(
        "the read is counted",
        || figures(world)["figures"]["reads"].to_string(),
        |reads| reads == "1",
    );
    let page = world.get("/");
    for (figure, want) in
        [("cameras_on", 1), ("reads", 1), ("hits", 1), ("searches", 2), ("refusals", 1)]
    {
        assert!(page.contains(&format!("data-figure=\"{figure}\">{want}<")), "{figure}: {page}");
    }
    assert!(!page.contains(WANTED));
}

fn anybody_checks(world: &mut World) {
    let (ours, theirs) = (verify(world, "city/log"), verify_independently(world, "city/log"));
    assert!(ours.0, "{}", ours.1);
    assert!(theirs.0, "{}", theirs.1);
    let health: Value = serde_json::from_str(&world.get("/healthz")).expect("JSON");
    assert_eq!(
        (&health["fine"], health["parts"].as_array().map(Vec::len)),
        (&true.into(), Some(10))
    );
    let remote = world.plain(&["verify", &world.url()]).good();
    assert!(remote.contains("extends    the log of"), "{remote}");
    let told: Value = serde_json::from_str(theirs.1.trim()).expect("JSON");
    for (figure, want) in
        [("reads", 1), ("hits", 1), ("searches", 2), ("refusals", 1), ("cameras_on", 1)]
    {
        assert_eq!(told["figures"][figure], want, "{figure}: {told}");
    }
    // One flipped byte, in every file of the log, at its start, middle and end.
    for file in world.files("city/log") {
        let good = std::fs::read(&file).expect("readable");
        for at in [0, good.len() / 2, good.len().saturating_sub(1)] {
            let mut bad = good.clone();
            let Some(byte) = bad.get_mut(at) else { continue };
            *byte ^= 1;
            let copy = copy_log(world, &file, &bad);
            assert!(!verify(world, &copy).0, "{} byte {at}", file.display());
            if at == good.len() / 2 {
                assert!(!verify_independently(world, &copy).0, "{} byte {at}", file.display());
            }
        }
    }
}

/// A copy of the log in which one file has other content.
fn copy_log(world: &World, changed: &Path, content: &[u8]) -> String {
    let root = world.path("city/log");
    let copy = world.path("copy");
    let _ = std::fs::remove_dir_all(&copy);
    for file in world.files("city/log") {
        let to = copy.join(file.strip_prefix(&root).expect("below"));
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        if file == changed {
            std::fs::write(to, content).expect("written");
        } else {
            std::fs::copy(&file, to).expect("copied");
        }
    }
    "copy".into()
}

fn verify(world: &World, folder: &str) -> (bool, String) {
    let done = world.plain(&["verify", folder, "--vkey-file", "city/log.vkey"]);
    (done.code == 0, done.out + &done.err)
}

/// The verifier in another language, which shares nothing with ours.
fn verify_independently(world: &World, folder: &str) -> (bool, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/verify.mjs");
    let vkey = std::fs::read_to_string(world.path("city/log.vkey")).expect("a key");
    let out = Command::new("node")
        .args([script, folder, vkey.trim()])
        .current_dir(world.path(""))
        .output()
        .expect("node runs");
    let text =
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    (out.status.success(), text)
}

fn off(world: &mut World) {
    let ask = ["ask", WANTED, "--purpose", "stolen-vehicle", "--case", "26-0417"];
    assert_eq!(world.by("dora", &ask).code, 6, "a dispatcher's role does not ask");
    assert_eq!(figures(world)["figures"]["refusals"], 2, "that refusal is on the log too");
    assert_eq!(world.by("otto", &["off", CAMERA, "--reason", "no"]).code, 5, "an officer cannot");
    let done = world
        .by("clara", &["off", CAMERA, "--reason", "Council vote of 23 November", "--json"])
        .json();
    assert_eq!(done["cameras"][0], CAMERA);
    let refused = world.edge(None);
    assert_eq!(refused.code, 9, "{}{}", refused.out, refused.err);
    assert!(refused.err.contains("switched off"), "{}", refused.err);
    let p = figures(world);
    assert_eq!(p["cameras"][0]["on"], false, "{p}");
    assert_eq!(p["figures"]["gaps"].as_array().map(Vec::len), Some(1), "{p}");
    assert!(world.get("/").contains("off from"), "the gap is shown");
    let page = world.by("admin", &["camera", CAMERA, "--name", "Main Street"]);
    assert_eq!(page.code, 9, "no new code for a camera that is off: {}", page.err);
}

/// Nothing but the hot list spells a plate: not the store, the spool, the log, what the server printed.
fn no_plate_in_the_clear(world: &World) {
    let plate = WANTED.as_bytes();
    let holds = |bytes: &[u8]| bytes.windows(plate.len()).any(|w| w.eq_ignore_ascii_case(plate));
    let mut searched = 0;
    for file in ["city", "edge"].iter().flat_map(|d| world.files(d)) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = std::fs::read(&file).expect("readable");
        if name.starts_with("hotlist.db") {
            continue;
        }
        searched += 1;
        assert!(!holds(&bytes), "{} spells a plate", file.display());
    }
    assert!(searched > 10, "only {searched} files were searched");
    assert!(!holds(world.server_output().as_bytes()), "the server's log spells a plate");
}
