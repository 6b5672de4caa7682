//! The death of the server: its folder is destroyed under load, and from the second place it lives again on another
//! one. How long that took, what was lost, and what log and public page say, is printed.

use crate::callers::{Caller, Device, No, question};
use crate::crash::plate;
use crate::faults::Clockwork;
use crate::witness::witnessed_city;
use crate::world::{CAMERA, Done, WANTED, World};
use base::{Clock, SystemClock, Time};
use city::{Batch, Ingested};
use serde_json::Value;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use testkit::bucket::{Bucket, Mood};

const BATCH: usize = 20;
const DAY_MS: i64 = 86_400_000;

/// A batch that the city has acknowledged, kept as a camera's reader keeps it.
struct Sent {
    plates: Vec<String>,
    batch: Batch,
    at: Instant,
}

/// Has the city copied to `second`, with a recovery key.
fn copied(world: &World) {
    std::fs::create_dir_all(world.path("second")).unwrap();
    let to = format!("[copy]\nto = \"file:{}\"\n", world.path("second").display());
    world.configure("[copy]\n", &to);
    recovery_key(world);
}

/// A recovery key of three sheets of which two open it.
fn recovery_key(world: &World) {
    let made =
        ["custody", "shares", "--data", "city", "--needed", "2", "--of", "3", "--out", "sheets"];
    world.plain(&made).good();
}

/// The files of the sheets.
fn sheets(world: &World) -> Vec<String> {
    let files: Vec<String> =
        world.files("sheets").iter().map(|p| p.display().to_string()).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    files
}

fn succeed(world: &World, with: &[&str]) -> Done {
    let from = format!("file:{}", world.path("second").display());
    let args = ["succeed", "--from", &from, "--data", "again", "--sheets"];
    world.plain(&[&args, with].concat())
}

fn camera(device: &mut Device, made: &AtomicUsize, sent: &Mutex<Vec<Sent>>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let first = made.fetch_add(BATCH, Ordering::Relaxed);
        let plates: Vec<String> = (first..first + BATCH).map(plate).collect();
        let batch = device.batch(&plates, SystemClock.now());
        match device.send(&batch) {
            Ok(done) => {
                assert_eq!(done.new, BATCH, "{done:?}");
                sent.lock().unwrap().push(Sent { plates, batch, at: Instant::now() });
            }
            // The server died while it worked: nothing was acknowledged.
            Err(No(0 | 429 | 503, _)) => std::thread::sleep(Duration::from_millis(20)),
            Err(other) => panic!("{other:?}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn officer(caller: &Caller, made: &AtomicUsize, asked: &Mutex<Vec<u64>>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let some =
            u32::from_be_bytes(base::random()) as usize % made.load(Ordering::Relaxed).max(1);
        match caller.ask(&[plate(some)]) {
            Ok(answer) => asked.lock().unwrap().push(answer.log_entry),
            Err(No(0 | 429 | 503, _)) => std::thread::sleep(Duration::from_millis(20)),
            Err(other) => panic!("{other:?}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What the check says of the copy, once it is in order.
fn in_order(world: &World) -> String {
    // A copy of reads that failed is tried again after a minute.
    let end = Instant::now() + Duration::from_secs(100);
    loop {
        let text = world.plain(&["check", "--data", "city"]).out;
        if text.contains("Log and control data as of") && text.contains("reads as of") {
            return text;
        }
        assert!(Instant::now() < end, "the copy: {text}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A city that goes on with cameras and questions for a while, and is gone from one moment to the next.
struct Lived {
    devices: Vec<Device>,
    sent: Vec<Sent>,
    asked: Vec<u64>,
    died: Instant,
    /// The same by the clock.
    died_at: Time,
}

fn live(world: &mut World, seconds: u64) -> Lived {
    let mut devices: Vec<Device> = (0..4).map(|n| Device::enrol(world, &n.to_string())).collect();
    devices.iter_mut().for_each(|d| d.renew(SystemClock.now()).expect("a lease"));
    let otto = Caller::person(world, "otto");
    in_order(world);
    let (made, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sent, asked) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let (mut died, mut died_at) = (Instant::now(), SystemClock.now());
    std::thread::scope(|scope| {
        for device in &mut devices {
            scope.spawn(|| camera(device, &made, &sent, &stop));
        }
        scope.spawn(|| officer(&otto, &made, &asked, &stop));
        std::thread::sleep(Duration::from_secs(seconds));
        world.kill();
        (died, died_at) = (Instant::now(), SystemClock.now());
        stop.store(true, Ordering::Relaxed);
    });
    std::fs::remove_dir_all(world.path("city")).unwrap();
    // A new machine remembers nothing.
    let _ = std::fs::remove_dir_all(world.path("state"));
    let (sent, asked) = (sent.into_inner().unwrap(), asked.into_inner().unwrap());
    Lived { devices, sent, asked, died, died_at }
}

/// Orders everything on again, where the log got a successor.
fn order_on(world: &World) {
    for level in ["asking", "capture", "job", "sharing"] {
        let on = |by: &str| world.by(by, &["on", "--level", level, "--reason", "restored"]);
        assert!(on("clara").err.contains("Noted"));
        on("carl").good();
    }
}

/// The cameras hear that the city was restored, and send again what they keep.
fn send_again(lived: &Lived) -> (usize, usize) {
    let (mut new, mut known) = (0, 0);
    for device in &lived.devices {
        let word: Value = device.caller.get("/v1/word?wait=0&heard=").expect("a word");
        assert!(word["resend"].is_string(), "{word}");
        for one in lived.sent.iter().filter(|sent| sent.batch.camera == device.id) {
            let done: Ingested = device.send(&one.batch).expect("taken");
            assert!(done.refused.is_empty(), "{:?}", done.refused);
            (new, known) = (new + done.new, known + done.known);
        }
    }
    (new, known)
}

/// How many of the acknowledged reads no question finds.
fn lost(world: &World, lived: &Lived) -> usize {
    let otto = Caller::person(world, "otto");
    let mut missing = 0;
    for one in &lived.sent {
        let answer = loop {
            match otto.ask(&one.plates) {
                Ok(answer) => break answer,
                Err(No(429 | 503, _)) => std::thread::sleep(Duration::from_millis(50)),
                Err(other) => panic!("{other:?}"),
            }
        };
        assert!(answer.opened <= one.plates.len() as u64, "there twice");
        missing += one.plates.len() - answer.opened as usize;
    }
    missing
}

fn prepare(world: &mut World) {
    copied(world);
    world.configure("person_per_minute = 300", "person_per_minute = 0");
    world.configure("camera_per_minute = 1200", "camera_per_minute = 0");
    world.serve();
    world.person("otto", "officer");
    world.person("clara", "clerk");
    world.person("carl", "clerk");
}

/// The drill: a city of four cameras under load, and with a real reader, whose server is destroyed.
fn drill(seconds: u64) {
    let mut world = World::new();
    world.init();
    prepare(&mut world);
    world.clip();
    let code = world.by("admin", &["camera", CAMERA, "--name", "Main Street"]).good();
    in_order(&world);
    world.edge(Some(code.trim())).good();
    let lived = live(&mut world, seconds);
    let files = sheets(&world);

    let few = succeed(&world, &[&files[0]]);
    assert!(few.code != 0 && few.err.contains("2 sheets are needed and 1 came"), "{}", few.err);
    assert!(!world.path("again").exists());
    let said = succeed(&world, &[&files[2], &files[0]]).good();
    assert!(said.contains("cameras are asked for what they had delivered since"), "{said}");
    assert!(
        said.contains("homeplate/springfield/2+"),
        "no witness can say that nothing is missing: {said}"
    );
    let restored = lived.died.elapsed();
    // Of log and control data so much is lost: "The city of TIME: …".
    let of =
        said.split_whitespace().nth(3).and_then(|at| at.trim_end_matches(':').parse::<Time>().ok());
    let behind = lived.died_at.since(of.expect("a moment"));
    world.data = "again";
    world.serve();
    // Nothing goes on by itself.
    let otto = Caller::person(&world, "otto");
    assert!(matches!(otto.ask(&lived.sent[0].plates), Err(No(403, _))));
    order_on(&world);
    otto.ask(&lived.sent[0].plates).expect("an answer");
    let answering = lived.died.elapsed();
    let begun = Instant::now();
    let (new, known) = send_again(&lived);
    let resent = begun.elapsed().as_secs_f32();
    let missing = lost(&world, &lived);
    let acknowledged = lived.sent.len() * BATCH;
    let newest = lived.sent.iter().map(|s| s.at).max().expect("some");
    println!(
        "the drill: {acknowledged} reads acknowledged, the last {:.1} s before the end; the copy {behind} ms behind; \
         restored after {:.1} s, answering (ordered on by two people) after {:.1} s; sent again {new} new and {known} known in {resent:.0} s; lost {missing}; \
         {} questions asked before",
        lived.died.saturating_duration_since(newest).as_secs_f32(),
        restored.as_secs_f32(),
        answering.as_secs_f32(),
        lived.asked.len(),
    );
    assert_eq!(missing, 0, "acknowledged reads are lost");
    assert!(new > 0, "reads that no copy had came again");

    reader_sends_again(&world);
    log_says_so(&world);
    // And the new server copies in its turn, to the same place.
    let again = || world.plain(&["check", "--data", "again"]).out;
    world.until("the next copy", again, |text| text.contains("Log and control data as of"));
    println!("{}", again().lines().find(|l| l.contains("copy")).unwrap_or_default());
}

/// The real reader had delivered the clip's car after the copy of reads; it sends it again when it hears.
fn reader_sends_again(world: &World) {
    let otto = Caller::person(world, "otto");
    let ask = || otto.ask(&[WANTED.to_owned()]).map_or(0, |answer| answer.opened);
    let before = ask();
    let said = world.edge(None);
    assert!(
        said.err.contains("sent again") || said.out.contains("sent again"),
        "{}\n{}",
        said.out,
        said.err
    );
    assert!(ask() > before);
}

fn log_says_so(world: &World) {
    let said = world.plain(&["verify", &world.url()]).good();
    let succeeds = said.lines().find(|l| l.contains("succeeds")).expect("a predecessor");
    assert!(succeeds.contains("homeplate/springfield (restored)"), "{said}");
    println!("verify:{succeeds}");
    let page: Value = serde_json::from_str(&world.get("/v1/log?limit=40")).expect("a page");
    let entries = page["entries"].as_array().expect("entries");
    let first = &entries[0]["leaf"];
    assert_eq!(
        (&first["type"], &first["facts"]["why"]),
        (&"log.successor".into(), &"restored".into())
    );
    let told = entries.iter().find(|e| e["leaf"]["type"] == "log.restored").expect("it is said");
    println!("log: {first} … {}", told["leaf"]);
    let old = std::fs::read_to_string(world.path("again/log.1.vkey")).unwrap();
    world.plain(&["verify", "again/log.1", "--vkey", old.trim()]).good();
    assert!(world.get("/").contains("homeplate/springfield/2"));
}

#[test]
fn the_server_dies() {
    drill(4);
}

#[test]
#[ignore = "two minutes"]
fn the_server_dies_under_a_minute_of_load() {
    drill(60);
}

/// Witnesses know how far the log was: where the copy has all of it, it goes on.
#[test]
fn a_copy_with_every_entry_goes_on() {
    let (mut world, _a, _b) = witnessed_city();
    prepare(&mut world);
    in_order(&world);
    signed(&world);
    // So that the copy has what the witnesses have.
    std::thread::sleep(Duration::from_secs(5));
    dies(&mut world);
    let files = sheets(&world);
    let said = succeed(&world, &[&files[1], &files[2]]).good();
    assert!(said.contains("No entry of the log is missing"), "{said}");
    world.data = "again";
    world.serve();
    let mut device = Device::enrol(&world, "main-st");
    device.renew(SystemClock.now()).expect("a lease: nothing was switched off");
    let said = world.plain(&["verify", &world.url()]).good();
    assert!(!said.contains("succeeds"), "{said}");
}

/// The server was stopped in order; that it was started again and ordered off, the place does not know. Nothing goes
/// on as if that had not been.
#[test]
fn a_place_that_missed_the_next_start_does_not_say_that_nothing_came() {
    let mut world = World::new();
    world.init();
    prepare(&mut world);
    in_order(&world);
    world.stop();
    std::fs::rename(world.path("second"), world.path("unmounted")).unwrap();
    world.serve();
    world.by("clara", &["off", "--all", "--reason", "Council vote"]).good();
    dies(&mut world);
    std::fs::rename(world.path("unmounted"), world.path("second")).unwrap();
    let files = sheets(&world);
    let said = succeed(&world, &[&files[0], &files[1]]);
    assert!(said.err.contains("Whether it was started again"), "{}", said.err);
    assert!(said.out.contains("homeplate/springfield/2+"), "{}", said.out);
    world.data = "again";
    world.serve();
    let asked = Caller::person(&world, "otto").ask(&[WANTED.to_owned()]);
    assert!(matches!(asked, Err(No(403, _))), "still off");
}

/// A person who moves the city knows that nothing came after, and says so; after a death nobody can.
#[test]
fn who_moves_a_city_says_that_nothing_came_after() {
    let mut world = World::new();
    world.init();
    prepare(&mut world);
    in_order(&world);
    let files = sheets(&world);
    let say = |world: &World| {
        // A new machine remembers nothing.
        let _ = std::fs::remove_dir_all(world.path("state"));
        succeed(world, &[&files[0], &files[1], "--nothing-came-after"])
    };
    world.kill();
    let said = say(&world);
    assert!(said.err.contains("does not count"), "{}", said.err);
    assert!(said.out.contains("springfield/2+"), "{}", said.out);
    assert!(said.out.contains("signed by homeplate/springfield+"), "the sheets name the key");
    std::fs::remove_dir_all(world.path("again")).unwrap();
    let states = |world: &World| std::fs::read_dir(world.path("second/g")).unwrap().count();
    let before = states(&world);
    world.serve();
    world.until(
        "a state of this start",
        || states(&world).to_string(),
        |n| n != before.to_string(),
    );
    in_order(&world);
    world.stop();
    let said = say(&world).good();
    assert!(said.contains("No entry of the log is missing"), "{said}");
    world.data = "again";
    world.serve();
    Device::enrol(&world, "main-st").renew(SystemClock.now()).expect("nothing was switched off");
}

/// And where witnesses have signed what no copy has, the successor commits to that.
#[test]
fn what_witnesses_have_beyond_the_copy_is_a_gap() {
    let (mut world, _a, _b) = witnessed_city();
    prepare(&mut world);
    in_order(&world);
    // The second place is away while the log grows.
    std::fs::rename(world.path("second"), world.path("unmounted")).unwrap();
    Device::enrol(&world, "main-st");
    signed(&world);
    dies(&mut world);
    std::fs::rename(world.path("unmounted"), world.path("second")).unwrap();
    let files = sheets(&world);
    let said = succeed(&world, &[&files[0], &files[1]]).good();
    assert!(said.contains("is known to have had"), "{said}");
    world.data = "again";
    world.serve();
    let new: Value = serde_json::from_str(&world.get("/v1/log?limit=1")).expect("a page");
    let facts = &new["entries"][0]["leaf"]["facts"];
    assert!(facts["known"].as_u64() > facts["found"].as_u64(), "{facts}");
    assert!(facts["witnessed"].is_string() && facts["known_by"].is_string(), "{facts}");
}

/// The server is gone from one moment to the next, with all that it had; a new machine remembers nothing.
fn dies(world: &mut World) {
    world.kill();
    std::fs::remove_dir_all(world.path("city")).unwrap();
    let _ = std::fs::remove_dir_all(world.path("state"));
}

/// Waits until the witnesses have signed everything.
fn signed(world: &World) {
    world.until(
        "the witnesses sign",
        || world.plain(&["verify", &world.url()]).good(),
        |said| {
            let line = said.lines().find(|l| l.contains("  witnesses  ")).unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            words.get(1) == words.get(3)
        },
    );
}

/// What health says.
fn health(world: &World) -> String {
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let asked = ureq::Agent::from(config).get(format!("{}/healthz", world.url())).call();
    asked.and_then(|mut answer| answer.body_mut().read_to_string()).expect("an answer")
}

/// Copy and pictures are in a bucket, whose service fails for a while; from it the city lives again.
#[test]
fn the_city_lives_again_from_a_bucket() {
    let bucket = Bucket::new().expect("a bucket");
    let mut world = World::new();
    world.init();
    base::write_secret(&world.path("bucket.toml"), Bucket::credentials().as_bytes()).unwrap();
    let credentials = world.path("bucket.toml").display().to_string();
    let (name, url) = (Bucket::NAME, bucket.url());
    let of = format!("endpoint = \"{url}\"\ncredentials = \"{credentials}\"\n");
    let pictures = format!("place = \"s3\"\nbucket = \"{name}\"\nprefix = \"pictures\"\n{of}");
    world.configure("place = \"folder\"\n", &pictures);
    world.serve();
    world.person("otto", "officer");
    world.person("clara", "clerk");
    world.person("carl", "clerk");
    world.clip();
    let code = world.by("admin", &["camera", CAMERA, "--name", "Main Street"]).good();
    world.edge(Some(code.trim())).good();
    world.stop();
    // From now on with a copy, so that its first copy of reads has the car.
    let from = format!("s3:{name}/copy");
    world.configure("[copy]\n", &format!("[copy]\nto = \"{from}\"\n{of}"));
    recovery_key(&world);
    world.serve();
    in_order(&world);
    bucket.mood(Mood::Failing);
    let no = "keeps the pictures does not answer";
    world.until("it fails", || health(&world), |text| text.contains(no));
    bucket.mood(Mood::Fine);
    world.until("it is back", || health(&world), |text| !text.contains(no));
    in_order(&world);
    dies(&mut world);

    let files = sheets(&world);
    let more = ["--endpoint", url, "--credentials", &credentials, "--sheets", &files[0], &files[1]];
    let args = ["succeed", "--from", &from, "--data", "again"];
    let said = world.plain(&[&args[..], &more].concat()).good();
    assert!(said.contains("signed by homeplate/springfield+"), "{said}");
    world.data = "again";
    world.serve();
    order_on(&world);
    let answer = Caller::person(&world, "otto").ask(&[WANTED.to_owned()]).expect("an answer");
    assert_eq!(answer.opened, 1);
    assert!(answer.reads[0].picture.is_some(), "the picture is where it was");
    world.until("it copies", || health(&world), |text| !text.contains("\"fine\":false"));
    world.plain(&["verify", &world.url()]).good();
}

/// Last week's copy: what the city must have forgotten since is gone before anything is answered.
#[test]
#[ignore = "needs faketime"]
fn last_weeks_copy() {
    let mut world = World::new();
    world.init();
    world.serve();
    for (name, role) in [("otto", "officer"), ("clara", "clerk"), ("carl", "clerk")] {
        world.person(name, role);
    }
    let mut device = Device::enrol(&world, "main-st");
    world.kill();
    copied(&world);
    // Not before: the first start, by the right clock, has forgotten what is older.
    world.configure("reads_days = 21", "reads_days = 7");
    std::fs::write(world.path("offset"), "-216h\n").unwrap();
    let environment = Clockwork::environment(&world);
    let pairs: Vec<(&str, &str)> =
        environment.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    world.serve_with(&pairs);
    let clock = Clockwork { world: &world };
    let mut store = |days: i64, first: usize| -> (Time, Vec<String>) {
        clock.set(days * 24);
        let now = SystemClock.now().plus_millis(days * DAY_MS);
        let plates: Vec<String> = (first..first + BATCH).map(plate).collect();
        device.renew(now).expect("a lease");
        let batch = device.batch(&plates, now);
        let done: Ingested = device.caller.post_at("/v1/reads", &batch, now).expect("stored");
        assert_eq!(done.new, BATCH, "{done:?}");
        (now, plates)
    };
    // By the state that the server writes down: the check goes by today's clock.
    let reads_as_of = |after: Time| {
        // A copy of reads that failed, since the clock was just moved, is tried again after a minute.
        let end = Instant::now() + Duration::from_secs(100);
        loop {
            let text = std::fs::read_to_string(world.path("city/copy.state")).unwrap_or_default();
            let state: Value = serde_json::from_str(&text).unwrap_or_default();
            let at = state["reads_at"].as_str().and_then(|at| at.parse::<Time>().ok());
            if at.is_some_and(|at| at >= after) {
                return;
            }
            assert!(Instant::now() < end, "a copy of these reads: {text}");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let old = store(-9, 0);
    reads_as_of(old.0.plus_millis(-DAY_MS));
    let young = store(-6, BATCH);
    reads_as_of(young.0);
    std::thread::sleep(Duration::from_secs(5));
    world.kill();
    std::fs::remove_dir_all(world.path("city")).unwrap();
    std::fs::remove_dir_all(world.path("state")).unwrap();
    let died = Instant::now();
    let files = sheets(&world);
    succeed(&world, &[&files[0], &files[1]]).good();
    world.data = "again";
    world.serve();
    order_on(&world);
    let otto = Caller::person(&world, "otto");
    let ask = |(at, plates): &(Time, Vec<String>)| {
        let asked = question(plates, at.plus_millis(-60_000), at.plus_millis(60_000));
        otto.post::<city::Answer>("/v1/ask", &asked)
    };
    assert_eq!(ask(&young).expect("an answer").opened, BATCH as u64);
    let gone = match ask(&old) {
        Err(No(410, text)) => text,
        Err(other) => panic!("{other:?}"),
        Ok(answer) => panic!("opened {}", answer.opened),
    };
    println!(
        "last week's copy: answering after {:.1} s; of nine days ago: {gone}",
        died.elapsed().as_secs_f32()
    );
    let verified = world.plain(&["verify", &world.url()]).good();
    assert!(verified.contains("(restored)"), "{verified}");
    assert!(device.renew(SystemClock.now()).is_ok(), "ordered on, under the key that it had");
}
