//! Whole runs: a rendered clip through the real networks into the pretended city.

use crate::city::{City, problem};
use base::{Kind, Shutdown, SystemClock};
use camera::{Folder, Source};
use edge::{Code, Config, Ended, Full};
use read::{LeaseState, Without};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testkit::street::{Body, Car, Light, Scenario, Street};

const PLATE: &str = "7ABC128";

/// One car that comes, a second and a half long.
pub fn scenario() -> Scenario {
    let car = Car {
        plate: PLATE.into(),
        state: "us-ca".into(),
        lane: 0,
        start_s: -1.2,
        speed: 6.0,
        toward: true,
        body: Body::Suv,
    };
    Scenario { fps: 8.0, ..Scenario::empty(1.5, Light::Day, 3) }.with(car)
}

/// Its clip, rendered once for all tests.
fn clip() -> &'static Path {
    static CLIP: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    CLIP.get_or_init(|| {
        let street = Street::new(scenario());
        let dir = tempfile::tempdir().unwrap();
        street.write(dir.path()).unwrap();
        dir
    })
    .path()
}

/// A car that comes and is gone again, seven seconds long.
fn passing() -> &'static Path {
    static CLIP: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    CLIP.get_or_init(|| {
        let car = Car {
            plate: PLATE.into(),
            state: "us-ca".into(),
            lane: 0,
            start_s: -1.2,
            speed: 6.0,
            toward: true,
            body: Body::Suv,
        };
        let street =
            Street::new(Scenario { fps: 5.0, ..Scenario::empty(7.5, Light::Day, 3) }.with(car));
        let dir = tempfile::tempdir().unwrap();
        street.write(dir.path()).unwrap();
        dir
    })
    .path()
}

pub struct Edge {
    config: Config,
    stop: Shutdown,
    said: Arc<Mutex<Vec<String>>>,
}

impl Edge {
    pub fn new(city: &City, data: &Path) -> Self {
        let folder = Folder { path: clip().into(), fps: None, looped: false, realtime: false };
        let config = Config {
            server: city.address.clone(),
            camera: "cam_main-st-1".parse().unwrap(),
            data: data.into(),
            source: Source::Folder(folder),
            program: "/nowhere/homeplate-frames".into(),
            code: Some(Code::Said(base::Secret::new("right".into()))),
            ca: None,
            spool_max: Config::SPOOL_MAX,
            spool_full: Full::DropNew,
            spool_keep: edge::Keep::default(),
            preview: None,
            orders: None,
            once: true,
        };
        Self { config, stop: Shutdown::new(), said: Arc::default() }
    }

    fn looped(mut self) -> Self {
        let folder = Folder { path: clip().into(), fps: None, looped: true, realtime: true };
        self.config.source = Source::Folder(folder);
        self.config.once = false;
        self
    }

    fn passing(mut self) -> Self {
        let folder = Folder { path: passing().into(), fps: None, looped: true, realtime: true };
        self.config.source = Source::Folder(folder);
        self.config.once = false;
        self
    }

    pub fn run(&self) -> base::Result<Ended> {
        let said = self.said.clone();
        let say = move |line: &str| said.lock().unwrap().push(line.to_owned());
        edge::run(&self.config, Arc::new(SystemClock), &self.stop, Arc::new(say))
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }
}

/// A test that fails ends its reader too.
struct Ends<'a>(&'a Shutdown);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn until(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Every byte of every file under a folder.
fn bytes_under(folder: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(bytes_under(&path));
        } else {
            out.extend(std::fs::read(path).unwrap());
        }
    }
    out
}

/// A city that has not been updated yet loses nothing.
#[test]
fn an_older_city_gets_json() {
    let (city, data) = (City::start(), tempfile::tempdir().unwrap());
    city.seen(|seen| seen.old = true);
    let ended = Edge::new(&city, data.path()).run().unwrap();
    let s = ended.summary;
    assert!(s.sealed >= 1 && s.sealed == s.delivered && s.refused == 0, "{s:?}");
    let (in_parts, packed) = city.seen(|seen| seen.forms);
    assert!(in_parts == 0 && packed >= 1, "{in_parts} {packed}");
}

#[test]
fn one_car_is_one_read() {
    let (city, data) = (City::start(), tempfile::tempdir().unwrap());
    let edge = Edge::new(&city, data.path());
    let ended = edge.run().unwrap();
    assert!(ended.because.is_none(), "{:?}", ended.because);
    let s = ended.summary;
    assert_eq!((s.frames, s.frames_without_lease, s.lost, s.refused, s.waiting), (12, 0, 0, 0, 0));
    assert!(s.sealed >= 1 && s.sealed == s.delivered, "{s:?}\n{}", edge.said());
    city.seen(|seen| {
        let lease = seen.lease.clone().unwrap();
        let counters: Vec<u64> = seen.reads.iter().map(|r| r.unverified().counter).collect();
        assert_eq!(counters, (1..=s.sealed).collect::<Vec<_>>());
        for read in &seen.reads {
            let (read, picture) = read.verify(&lease.capture_key).unwrap();
            assert!(lease.covers(read.captured) && picture.is_some());
        }
        assert_eq!(seen.stops.len(), 1);
        assert_eq!(seen.stops[0].verify(&lease.capture_key).unwrap().counter, s.sealed);
    });
    assert!(!edge.said().contains(PLATE));
    let (in_parts, packed) = city.seen(|seen| seen.forms);
    assert!(in_parts >= 1 && packed == 0, "{in_parts} {packed}");
    // A second start needs no code, and takes the same device key.
    let mut again = Edge::new(&city, data.path());
    again.config.code = None;
    assert_eq!(again.run().unwrap().summary.delivered, s.delivered);
}

#[test]
fn a_wrong_code_or_none_is_told() {
    let (city, data) = (City::start(), tempfile::tempdir().unwrap());
    for code in [None, Some(Code::Said(base::Secret::new("wrong".to_owned())))] {
        let mut edge = Edge::new(&city, data.path());
        edge.config.code = code;
        assert_eq!(edge.run().unwrap_err().kind(), Kind::Unauthenticated);
    }
}

#[test]
fn a_camera_that_is_off_captures_nothing() {
    let (city, data) = (City::start(), tempfile::tempdir().unwrap());
    Edge::new(&city, data.path()).run().unwrap();
    let batches = city.seen(|s| {
        s.off = true;
        s.batches
    });
    let ended = Edge::new(&city, data.path()).run();
    // Enrolment with the code is refused already; without one the lease is.
    assert_eq!(ended.unwrap_err().kind(), Kind::Gone);
    let mut edge = Edge::new(&city, data.path());
    edge.config.code = None;
    let ended = edge.run().unwrap();
    assert_eq!(ended.because.unwrap().kind(), Kind::Gone);
    assert_eq!((ended.summary.frames, city.seen(|s| s.batches)), (0, batches));
}

/// Its health comes with the lease, again when it changes, and names no plate.
#[test]
fn it_says_how_it_is() {
    let (city, data) = (City::start(), tempfile::tempdir().unwrap());
    let edge = Edge::new(&city, data.path()).looped();
    assert!(!format!("{:?}", edge.config).contains("right"), "the code is printed nowhere");
    std::thread::scope(|scope| {
        let running = scope.spawn(|| edge.run().unwrap());
        let _ends = Ends(&edge.stop);
        until("frames", || city.seen(|s| s.beats.iter().any(|b| b.live && b.fps > 0.0)));
        let beat = city.seen(|s| s.beats.last().cloned().unwrap());
        assert_eq!((beat.lease, beat.off_since, beat.foreign), (LeaseState::Leased, None, false));
        assert!(beat.check().is_ok() && beat.watch.is_none() && beat.frames > 0, "{beat:?}");
        assert!(!serde_json::to_string(&beat).unwrap().contains(PLATE));
        city.seen(|s| s.off = true);
        until("off", || city.seen(|s| s.beats.iter().any(|b| b.lease == LeaseState::Off)));
        let beat = city.seen(|s| s.beats.last().cloned().unwrap());
        assert!(beat.off_since.is_some_and(|at| at <= beat.at) && !beat.live, "{beat:?}");
        edge.stop.stop();
        running.join().unwrap();
    });
}

/// A camera that keeps hits alone drops the rest before anything of it is signed or written.
#[test]
fn a_camera_that_keeps_hits_alone() {
    let check = |listed: Option<Vec<&'static str>>, without: Without, kept: bool| {
        let (city, data) = (City::start(), tempfile::tempdir().unwrap());
        city.seen(|s| s.hits_only = Some((listed.clone(), without)));
        let ended = Edge::new(&city, data.path()).run().unwrap();
        let s = ended.summary;
        let (new, dropped) = (s.sealed, s.not_kept);
        assert_eq!((new > 0, dropped > 0), (kept, !kept), "{listed:?} {without:?} {s:?}");
        assert_eq!((s.lost, city.seen(|s| s.reads.len() as u64)), (0, new));
        let stop = city.seen(|s| s.stops[0].unverified().counter);
        assert_eq!(stop, new, "what is dropped has no number");
    };
    check(Some(vec![PLATE]), Without::Nothing, true);
    check(Some(vec!["8XYZ001"]), Without::Nothing, false);
    check(Some(vec![]), Without::All, false);
    // The city gives no list: it is as the configuration says.
    check(None, Without::Nothing, false);
    check(None, Without::All, true);
}

/// Reads leave to the address that the lease names, and to no other.
#[test]
fn a_gate_is_told_where_the_lease_says_so() {
    for named in [true, false] {
        let (city, data) = (City::start(), tempfile::tempdir().unwrap());
        let gate = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        gate.set_nonblocking(true).unwrap();
        let url = format!("http://{}/gate", gate.local_addr().unwrap());
        city.seen(|s| s.gates = if named { vec![url] } else { Vec::new() });
        let edge = Edge::new(&city, data.path()).passing();
        std::thread::scope(|scope| {
            let running = scope.spawn(|| edge.run().unwrap());
            let _ends = Ends(&edge.stop);
            if named {
                until("a car at the gate", || city.seen(|s| !s.reads.is_empty()));
                until("the gate told", || {
                    gate.accept().is_ok_and(|(mut to, _)| {
                        let mut text = vec![0; 65_536];
                        to.set_nonblocking(false).unwrap();
                        let mut got = 0;
                        while let Ok(n @ 1..) = std::io::Read::read(&mut to, &mut text[got..]) {
                            got += n;
                            if String::from_utf8_lossy(&text[..got]).contains("7abc128") {
                                return true;
                            }
                        }
                        false
                    })
                });
            } else {
                until("a read", || city.seen(|s| !s.reads.is_empty()));
                std::thread::sleep(Duration::from_millis(500));
                assert!(gate.accept().is_err(), "nobody has even connected");
            }
            edge.stop.stop();
            running.join().unwrap();
        });
    }
}

#[test]
fn switched_off_while_it_runs_it_stops_and_says_so() {
    let (city, data) = (City::start(), tempfile::tempdir().unwrap());
    city.seen(|s| s.lease_s = 3);
    let edge = Edge::new(&city, data.path()).looped();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| edge.run().unwrap());
        until("a renewal", || city.seen(|s| s.leases >= 2));
        let lease = city.seen(|s| {
            s.off = true;
            s.lease.clone().unwrap()
        });
        until("the last word", || city.seen(|s| !s.stops.is_empty()));
        let stop = city.seen(|s| s.stops[0].clone());
        assert_eq!(stop.unverified().lease, lease.id);
        assert!(stop.verify(&lease.capture_key).is_ok());
        std::thread::sleep(Duration::from_millis(500));
        edge.stop.stop();
        let ended = running.join().unwrap();
        assert!(ended.because.is_none(), "told to stop, it ends well");
        assert_eq!(ended.summary.frames_without_lease, 0, "none is even pulled");
        assert!(edge.said().contains("nothing is captured"), "{}", edge.said());
        assert_eq!(city.seen(|s| s.stops.len()), 1);
    });
}

#[test]
fn what_cannot_be_sent_waits_sealed_and_goes_up_later() {
    let (city, data) = (City::start(), tempfile::tempdir().unwrap());
    let later = || (403, problem("forbidden", "Not this camera."));
    city.seen(|s| s.scripted.extend((0..100).map(|_| later())));
    let edge = Edge::new(&city, data.path());
    let ended = edge.run().unwrap();
    assert_eq!(ended.because.unwrap().kind(), Kind::Forbidden);
    let waiting = ended.summary.waiting;
    assert!(waiting >= 1 && ended.summary.delivered == 0);
    let disk = bytes_under(data.path());
    assert!(!disk.windows(PLATE.len()).any(|w| w == PLATE.as_bytes()));
    // The first run's lease is over, its reads are still good: they were sealed and signed under it.
    city.seen(|s| s.scripted.clear());
    let ended = Edge::new(&city, data.path()).run().unwrap();
    assert!(ended.because.is_none());
    assert_eq!(ended.summary.delivered, waiting + ended.summary.sealed);
}

#[test]
fn two_readers_do_not_share_a_folder() {
    let (city, data) = (City::start(), tempfile::tempdir().unwrap());
    let edge = Edge::new(&city, data.path()).looped();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| edge.run().unwrap());
        until("the first lease", || city.seen(|s| s.leases >= 1));
        assert_eq!(Edge::new(&city, data.path()).run().unwrap_err().kind(), Kind::Conflict);
        edge.stop.stop();
        assert!(running.join().unwrap().because.is_none());
    });
    let mut other = Edge::new(&city, data.path());
    other.config.camera = "cam_other".parse().unwrap();
    assert_eq!(other.run().unwrap_err().kind(), Kind::Conflict);
}
