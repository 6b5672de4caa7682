//! A disk that is full, a clock that jumps: nothing acknowledged is lost, and the city goes on by itself.

use crate::callers::{Caller, Device, No, question};
use crate::crash::plate;
use crate::world::World;
use base::{Clock, SystemClock};
use std::process::Command;
use std::time::Duration;

const HOUR_MS: i64 = 3_600_000;

/// A small disk of its own, unmounted with its guard.
pub struct Disk(std::path::PathBuf);

impl Disk {
    fn mount(at: std::path::PathBuf, megabytes: u32) -> Self {
        Self::try_mount(at, megabytes).expect("mounting needs root")
    }

    /// `None` where this user may not mount.
    pub fn try_mount(at: std::path::PathBuf, megabytes: u32) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let size = format!("size={megabytes}m");
        let done =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&at).status();
        done.is_ok_and(|s| s.success()).then(|| Self(at))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that is killed later still has its files open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
#[ignore = "mounts a disk, which needs root"]
fn a_full_disk_loses_nothing() {
    let mut world = World::new();
    let _disk = Disk::mount(world.path("city"), 48);
    world.init();
    world.configure("person_per_minute = 300", "person_per_minute = 0");
    world.serve();
    world.person("otto", "officer");
    let otto = Caller::person(&world, "otto");
    let mut device = Device::enrol(&world, "main-st");
    device.renew(SystemClock.now()).expect("a lease");
    let ballast = world.path("city/ballast");
    let (mut stored, mut no) = (Vec::new(), 0);
    let mut waiting = Vec::new();
    for n in 0..400 {
        if n == 20 {
            std::fs::write(&ballast, vec![1; 64 << 20]).unwrap_err();
        }
        let plates: Vec<String> = (n * 20..(n + 1) * 20).map(plate).collect();
        let batch = device.batch(&plates, SystemClock.now());
        match device.send(&batch) {
            Ok(done) => {
                assert_eq!((done.new, done.refused.len()), (20, 0));
                stored.push(plates);
            }
            Err(No(503, text)) => {
                assert!(text.contains("disk"), "{text}");
                waiting.push((plates, batch));
                no += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
        if no == 10 {
            break;
        }
    }
    assert_eq!(no, 10, "the disk was never full");
    // A question that cannot be logged is not answered.
    match otto.ask(&stored[0]) {
        Err(No(503, text)) => assert!(text.contains("disk"), "{text}"),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("answered without a log"),
    }
    // Nor does a crash on the full disk lose anything; room is all that is needed.
    world.kill();
    std::fs::remove_file(&ballast).unwrap();
    world.serve();
    for (plates, batch) in waiting {
        let done = device.send(&batch).expect("stored");
        assert!(matches!((done.new, done.known), (20, 0) | (0, 20)), "{done:?}");
        stored.push(plates);
    }
    for plates in &stored {
        assert_eq!(otto.ask(plates).expect("an answer").opened, 20);
    }
    world.plain(&["verify", "city/log"]).good();
}

/// A program whose clock is moved while it runs (`faketime` from Debian).
pub struct Clockwork<'a> {
    pub world: &'a World,
}

impl Clockwork<'_> {
    const LIBRARY: &'static str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

    /// Whether this machine has it.
    pub fn there() -> bool {
        std::path::Path::new(Self::LIBRARY).exists()
    }

    pub fn environment(world: &World) -> Vec<(String, String)> {
        let library = Self::LIBRARY;
        assert!(Self::there(), "install faketime");
        let text = |s: &str| s.to_owned();
        vec![
            (text("LD_PRELOAD"), text(library)),
            (text("FAKETIME_TIMESTAMP_FILE"), world.path("offset").display().to_string()),
            (text("FAKETIME_NO_CACHE"), text("1")),
            (text("FAKETIME_DONT_FAKE_MONOTONIC"), text("1")),
        ]
    }

    pub fn set(&self, hours: i64) {
        std::fs::write(self.world.path("offset"), format!("{hours:+}h\n")).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
#[ignore = "needs faketime"]
fn a_clock_that_jumps_loses_nothing() {
    let mut world = World::new();
    world.init();
    world.configure("person_per_minute = 300", "person_per_minute = 0");
    std::fs::write(world.path("offset"), "+0h\n").unwrap();
    let environment = Clockwork::environment(&world);
    let pairs: Vec<(&str, &str)> =
        environment.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    world.serve_with(&pairs);
    world.person("otto", "officer");
    let otto = Caller::person(&world, "otto");
    let mut device = Device::enrol(&world, "main-st");
    let clock = Clockwork { world: &world };
    let start = SystemClock.now();
    let mut stored = Vec::new();
    // Everybody's clock is moved; a sender whose clock is not is turned away without loss.
    for (n, hours) in [0, 3, 0, -5, 24 * 40, 0].into_iter().enumerate() {
        clock.set(hours);
        let now = SystemClock.now().plus_millis(hours * HOUR_MS);
        let plates: Vec<String> = (n * 20..(n + 1) * 20).map(plate).collect();
        device.renew(now).unwrap_or_else(|e| panic!("a lease at {hours} h: {e:?}"));
        let batch = device.batch(&plates, now);
        if hours != 0 {
            let No(status, text) = device.send(&batch).expect_err("signed hours ago");
            assert_eq!(status, 401, "{text}");
        }
        let done: city::Ingested = device.caller.post_at("/v1/reads", &batch, now).expect("stored");
        assert_eq!((done.new, done.refused.len()), (20, 0), "at {hours} h: {:?}", done.refused);
        stored.push((now, plates));
        let text = world.get("/v1/public");
        assert!(text.contains("\"cameras\""), "{text}");
    }
    for (at, plates) in &stored {
        let ask = question(plates, at.plus_millis(-60_000), at.plus_millis(60_000));
        let answer: city::Answer = otto.post("/v1/ask", &ask).expect("an answer");
        assert_eq!(answer.opened, 20, "of {at}; now it is {start}");
    }
    world.plain(&["verify", "city/log"]).good();
    drop(environment);
    world.crash();
    world.until("health", || world.get("/healthz"), |text| text.contains("\"clock\""));
    let again = otto.ask(&stored[0].1).expect("an answer");
    assert_eq!(again.opened, 20);
}
