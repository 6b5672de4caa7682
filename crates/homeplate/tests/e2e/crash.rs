//! The server is killed at random moments under load: nothing acknowledged is lost, nothing is stored by
//! halves or twice, log and store agree.

use crate::callers::{Caller, Device, No};
use crate::world::World;
use base::{Clock, SystemClock};
use city::{Batch, Ingested};
use serde_json::Value;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const BATCH: usize = 20;

/// What the city has acknowledged.
#[derive(Default)]
struct Acknowledged {
    plates: Mutex<Vec<String>>,
    questions: Mutex<Vec<u64>>,
    made: AtomicUsize,
    stop: AtomicBool,
}

impl Acknowledged {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Plates that nobody else has.
    fn fresh(&self) -> Vec<String> {
        let first = self.made.fetch_add(BATCH, Ordering::Relaxed);
        (first..first + BATCH).map(plate).collect()
    }
}

/// Number `n` of the plates of these tests. None is a hex digit's letter: ids and hashes are full of what
/// would look like plates.
pub fn plate(n: usize) -> String {
    const LETTERS: &[u8] = b"GHJKLMNPRSTUVWXYZ";
    let letter = |n: usize| LETTERS[n % LETTERS.len()] as char;
    format!("9{}{}{:04}", letter(n / (10_000 * LETTERS.len())), letter(n / 10_000), n % 10_000)
}

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Whether to try again: the server is away, starts, or is busy. Anything else is a defect.
#[track_caller]
fn again(No(status, text): No) {
    assert!(matches!(status, 0 | 429 | 503), "{status}: {text}");
    pause(20);
}

/// Sends a batch until it is acknowledged; whatever crashes come between, it is stored whole.
fn sent(device: &Device, batch: &Batch) -> Ingested {
    loop {
        match device.send(batch) {
            Err(no) => again(no),
            Ok(done) => {
                assert!(done.refused.is_empty(), "{:?}", done.refused);
                assert!(
                    (done.new, done.known) == (BATCH, 0) || (done.new, done.known) == (0, BATCH),
                    "stored by halves: {} new, {} known",
                    done.new,
                    done.known
                );
                return done;
            }
        }
    }
}

fn camera(device: &mut Device, known: &Acknowledged) {
    while !known.stopped() {
        let plates = known.fresh();
        let batch = device.batch(&plates, SystemClock.now());
        sent(device, &batch);
        known.plates.lock().unwrap().extend(plates);
        pause(25);
        if known.made.load(Ordering::Relaxed).is_multiple_of(3) {
            // As a camera that never saw the answer.
            assert_eq!(sent(device, &batch).new, 0, "stored twice");
        }
    }
}

fn officer(caller: &Caller, known: &Acknowledged) {
    let mut at = 0;
    while !known.stopped() {
        let some: Vec<String> = {
            let plates = known.plates.lock().unwrap();
            plates.iter().skip(at).step_by(7).take(BATCH).cloned().collect()
        };
        at = if some.len() < BATCH { 0 } else { at + 13 };
        if some.is_empty() {
            pause(50);
            continue;
        }
        match caller.ask(&some) {
            Err(no) => again(no),
            Ok(answer) => {
                assert_eq!(answer.opened, some.len() as u64, "lost, or there twice: {some:?}");
                known.questions.lock().unwrap().push(answer.log_entry);
            }
        }
    }
}

/// So many crashes at moments that nobody chose.
fn crashes(count: usize) {
    let mut world = World::new();
    world.init();
    world.configure("person_per_minute = 300", "person_per_minute = 0");
    world.configure("camera_per_minute = 1200", "camera_per_minute = 0");
    world.serve();
    under_load(&mut world, count, World::crash);
}

/// The same, however the server is made to crash: four cameras and an officer go on meanwhile.
pub fn under_load(world: &mut World, count: usize, mut crash: impl FnMut(&mut World)) {
    world.person("otto", "officer");
    let mut devices: Vec<Device> = (0..4).map(|n| Device::enrol(world, &n.to_string())).collect();
    devices.iter_mut().for_each(|d| d.renew(SystemClock.now()).expect("a lease"));
    let otto = Caller::person(world, "otto");
    let known = Acknowledged::default();
    std::thread::scope(|scope| {
        for device in &mut devices {
            scope.spawn(|| camera(device, &known));
        }
        scope.spawn(|| officer(&otto, &known));
        for _ in 0..count {
            let [a, b] = base::random::<2>();
            pause(100 + u64::from(u16::from_be_bytes([a, b])) % 900);
            crash(world);
        }
        pause(500);
        known.stop.store(true, Ordering::Relaxed);
    });
    all_is_there(world, &otto, &known);
}

fn all_is_there(world: &World, otto: &Caller, known: &Acknowledged) {
    let plates = known.plates.lock().unwrap();
    assert!(plates.len() > 100 && !known.questions.lock().unwrap().is_empty());
    for some in plates.chunks(BATCH) {
        let answer = otto.ask(some).expect("an answer");
        assert_eq!(answer.opened, some.len() as u64, "lost, or there twice: {some:?}");
    }
    for index in known.questions.lock().unwrap().iter() {
        let after = index.checked_sub(1).map_or(String::new(), |after| format!("&after={after}"));
        let page: Value = serde_json::from_str(&world.get(&format!("/v1/log?limit=1{after}")))
            .expect("a page of the log");
        let entry = &page["entries"][0];
        assert_eq!(
            (&entry["index"], &entry["leaf"]["type"]),
            (&(*index).into(), &"search.intent".into())
        );
    }
    let counted = format!("\"reads\":{},", plates.len());
    world.until("the count", || world.get("/v1/public"), |text| text.contains(&counted));
    world.plain(&["verify", "city/log"]).good();
    world.plain(&["check", "--data", "city"]).good();
}

#[test]
fn a_few_crashes() {
    crashes(3);
}

#[test]
#[ignore = "minutes"]
fn fifty_crashes() {
    crashes(50);
}
