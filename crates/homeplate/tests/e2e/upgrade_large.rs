//! A large city gets another version while its cameras send: once the new one does not run and all goes back by itself, then
//! it does. Everything acknowledged before, between and after is there once and answered.
//!
//! `HOMEPLATE_UPGRADE_READS` says how many reads the city has (200,000), `HOMEPLATE_UPGRADE_STORE` names a folder that
//! `fill` of `store`'s examples has filled already, `HOMEPLATE_BEFORE` the executable of the version to come from. Without
//! that one the version of today comes from the schema of before, as `older` makes it of a stopped city.

use crate::callers::{Caller, Device, No};
use crate::crash::plate;
use crate::world::{EXE, World};
use base::{Clock, SystemClock};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CAMERAS: usize = 4;
/// Reads of a batch; each camera sends one four times a second.
const BATCH: usize = 20;
const PAUSE: Duration = Duration::from_millis(250);
/// So many plates are asked about at once.
const ASKED: usize = 20;

/// What was acknowledged, and when the city answered anybody.
#[derive(Default)]
struct Load {
    plates: Mutex<Vec<String>>,
    answers: Mutex<Vec<Instant>>,
    made: AtomicUsize,
    stop: AtomicBool,
}

impl Load {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn acknowledged(&self) -> usize {
        self.plates.lock().unwrap().len()
    }

    /// Keeps a batch until the city has it.
    fn camera(&self, device: &mut Device) {
        while !self.stopped() {
            let first = self.made.fetch_add(BATCH, Ordering::Relaxed);
            let plates: Vec<String> = (first..first + BATCH).map(plate).collect();
            let batch = device.batch(&plates, SystemClock.now());
            while let Err(No(status, text)) = device.send(&batch) {
                assert!(matches!(status, 0 | 429 | 503), "{status}: {text}");
                std::thread::sleep(Duration::from_millis(100));
            }
            self.plates.lock().unwrap().extend(plates);
            std::thread::sleep(PAUSE);
        }
    }

    /// Asks about the last plate that was acknowledged, again and again.
    fn officer(&self, caller: &Caller) {
        while !self.stopped() {
            std::thread::sleep(Duration::from_millis(50));
            let Some(last) = self.plates.lock().unwrap().last().cloned() else { continue };
            match caller.ask(std::slice::from_ref(&last)) {
                Ok(answer) => {
                    assert_eq!(answer.opened, 1, "lost, or there twice: {last}");
                    self.answers.lock().unwrap().push(Instant::now());
                }
                Err(No(status, text)) => {
                    assert!(matches!(status, 0 | 429 | 503), "{status}: {text}")
                }
            }
        }
    }

    /// The longest time without an answer since `from`, counted from the last one before.
    fn away(&self, from: Instant) -> Duration {
        let answers = self.answers.lock().unwrap();
        let last = answers.partition_point(|at| *at < from).saturating_sub(1);
        answers[last..].windows(2).map(|two| two[1] - two[0]).max().expect("answers")
    }

    /// Waits for some load; says how many reads are acknowledged by then.
    fn goes_on(&self) -> usize {
        let (from, answers) = (self.acknowledged(), self.answers.lock().unwrap().len());
        let end = Instant::now() + Duration::from_secs(120);
        while self.acknowledged() < from + 20 * BATCH
            || self.answers.lock().unwrap().len() < answers + 10
        {
            assert!(Instant::now() < end, "nothing is acknowledged any more");
            std::thread::sleep(Duration::from_millis(100));
        }
        self.acknowledged()
    }
}

fn example(name: &str) -> Command {
    Command::new(Path::new(EXE).with_file_name("examples").join(name))
}

#[track_caller]
fn good(command: &mut Command) -> String {
    let done = command.output().expect("runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

fn named(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

struct Large {
    world: World,
    before: Option<PathBuf>,
}

impl Large {
    fn new() -> Self {
        let mut world = World::new();
        let before = named("HOMEPLATE_BEFORE");
        world.exe = before.clone().unwrap_or_else(|| EXE.into());
        world.init();
        for (limit, usual) in [("person", 300), ("camera", 1200), ("address", 600)] {
            let limit = format!("{limit}_per_minute = ");
            world.configure(&format!("{limit}{usual}"), &format!("{limit}0"));
        }
        world.configure("127.0.0.1:8080", &format!("127.0.0.1:{}", world.port()));
        Self { world, before }
    }

    /// Puts the days into the stopped city; says how many reads it has.
    fn fill(&self) -> usize {
        let filled = named("HOMEPLATE_UPGRADE_STORE").unwrap_or_else(|| {
            let reads = std::env::var("HOMEPLATE_UPGRADE_READS").unwrap_or("200000".into());
            let folder = self.world.path("filled");
            good(example("fill").arg(&folder).args([&reads, "10"]));
            folder
        });
        for day in std::fs::read_dir(filled.join("reads")).expect("days") {
            let day = day.expect("a day");
            let to = self.world.path("city/store/reads").join(day.file_name());
            std::fs::rename(day.path(), to).expect("the same disk");
        }
        self.count()
    }

    fn count(&self) -> usize {
        let store = self.world.path("city/store");
        good(example("fill").arg("--count").arg(store)).parse().expect("a number")
    }

    /// Stops the version of before. Without an executable of it, its schema is made.
    fn stop(&mut self) {
        self.world.stop();
        if self.before.is_none() {
            good(example("older").arg(self.world.path("city/store")));
        }
    }

    /// `homeplate upgrade` of the version under test, and how long it took.
    fn upgrade(&mut self, more: &[&str]) -> (crate::world::Done, Duration) {
        let before = std::mem::replace(&mut self.world.exe, EXE.into());
        let began = Instant::now();
        let done = self.world.plain(&[&["upgrade", "--data", "city"], more].concat());
        self.world.exe = before;
        (done, began.elapsed())
    }

    /// The reader of before, with a clip.
    fn reader(&mut self, code: Option<&str>) {
        let Some(before) = self.before.clone() else { return };
        let now = std::mem::replace(&mut self.world.exe, before);
        assert_eq!(self.world.edge(code).json()["delivered"], 1);
        self.world.exe = now;
    }
}

#[test]
#[ignore = "minutes"]
fn a_large_city_is_upgraded_under_load_and_back_again() {
    let mut city = Large::new();
    city.world.serve_with(&[("HOMEPLATE_LOG", "warn")]);
    city.world.person("otto", "officer");
    let mut devices: Vec<Device> =
        (0..CAMERAS).map(|n| Device::enrol(&city.world, &n.to_string())).collect();
    devices.iter_mut().for_each(|d| d.renew(SystemClock.now()).expect("a lease"));
    let otto = Caller::person(&city.world, "otto");
    let load = Load::default();
    if city.before.is_some() {
        city.world.clip();
        let main = ["camera", crate::world::CAMERA, "--name", "Main Street"];
        let code = city.world.by("admin", &main).good();
        city.reader(Some(code.trim()));
    }
    city.world.stop();
    let there = city.fill();
    city.world.serve_with(&[("HOMEPLATE_LOG", "warn")]);
    std::thread::scope(|scope| {
        // A failure in here is no reason to send for ever.
        let ends = Ends(&load);
        for device in &mut devices {
            scope.spawn(|| load.camera(device));
        }
        scope.spawn(|| load.officer(&otto));
        let first = load.goes_on();
        println!("{there} reads in the city, {first} acknowledged under load before anything");
        back_again(&mut city, &load);
        forth(&mut city, &load);
        drop(ends);
    });
    city.reader(None);
    let plates = load.plates.lock().unwrap();
    for some in plates.chunks(ASKED) {
        let answer = otto.ask(some).expect("an answer");
        assert_eq!(answer.opened, some.len() as u64, "lost, or there twice: {some:?}");
    }
    city.world.stop();
    let more = usize::from(city.before.is_some());
    assert_eq!(city.count(), there + plates.len() + more, "every read is there once");
    println!("{} reads acknowledged in all: each answered once", plates.len());
    city.world.plain(&["verify", "city/log", "--vkey-file", "city/log.vkey"]).good();
    assert!(!city.world.path("city/before-upgrade").exists());
}

struct Ends<'a>(&'a Load);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// The new version migrates and cannot serve; the one of before runs again.
fn back_again(city: &mut Large, load: &Load) {
    if city.before.is_some() {
        let (said, took) = city.upgrade(&["--check"]);
        println!("--check beside the running server, {took:.1?}:\n{}", said.good());
    }
    let (from, before) = (Instant::now(), load.acknowledged());
    city.stop();
    let taken = TcpListener::bind(("127.0.0.1", city.world.port())).expect("a port");
    let (said, took) = city.upgrade(&[]);
    assert_eq!(said.code, 12, "{}\n{}", said.out, said.err);
    assert!(said.out.contains("put back  control.db"), "{}", said.out);
    drop(taken);
    city.world.serve_with(&[("HOMEPLATE_LOG", "warn")]);
    let after = load.goes_on();
    println!(
        "back again: away {:.1?}, {took:.1?} of them for the upgrade that fails; {before} acknowledged before, {after} after",
        load.away(from)
    );
}

/// The new version serves.
fn forth(city: &mut Large, load: &Load) {
    let (from, before) = (Instant::now(), load.acknowledged());
    city.stop();
    let (said, took) = city.upgrade(&[]);
    let said = said.good();
    assert!(said.contains("migrated  "), "{said}");
    city.world.exe = EXE.into();
    city.world.serve_with(&[("HOMEPLATE_LOG", "warn")]);
    let after = load.goes_on();
    println!(
        "upgraded: away {:.1?}, {took:.1?} of them for the upgrade; {before} acknowledged before, {after} after\n{said}",
        load.away(from)
    );
}
