//! A simulated day of one camera, as fast as it goes: memory and open files stay where they were.

use crate::gates::Gates;
use crate::outlet::Outlet;
use crate::pipeline::Pipeline;
use crate::session::Session;
use crate::spool::Full;
use crate::station::Station;
use crate::watch::Watch;
use crate::{Client, Counts, Spool};
use base::{Clock, LeaseId, ManualClock, SigningKey, Time};
use camera::{Frame, Image};
use read::{Lease, OpenKey};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::street::{Body, Car, Light, Scenario, Street};

const START: i64 = 1_795_420_800_000;
const HOUR_MS: i64 = 3_600_000;
/// A car passes so often.
const PASS_MS: i64 = 6 * 60_000;

/// Resident memory in KiB, and how many files are open.
fn held() -> (u64, usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    let kib = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    (kib, std::fs::read_dir("/proc/self/fd").unwrap().count())
}

/// A car that comes.
pub fn one_car() -> Car {
    Car {
        plate: "7ABC128".into(),
        state: "us-ca".into(),
        lane: 0,
        start_s: -1.2,
        speed: 6.0,
        toward: true,
        body: Body::Suv,
    }
}

/// Frames of it until it is gone again.
fn clip() -> Vec<Vec<u8>> {
    let street =
        Street::new(Scenario { fps: 4.0, ..Scenario::empty(4.0, Light::Day, 3) }.with(one_car()));
    (0..street.frames()).map(|i| street.jpeg(i)).collect()
}

/// A session of an hour from then on.
pub fn session_of(city: &OpenKey, from: Time) -> Arc<Session> {
    let key = SigningKey::generate();
    let lease = Lease {
        id: LeaseId::new(from, base::random()),
        camera: "cam_a".parse().unwrap(),
        capture_key: key.public(),
        from,
        until: from.plus_millis(HOUR_MS + 60_000),
        seal_key: city.public().unwrap().to_string(),
        authority: None,
        hits_only: None,
        clear_pictures: false,
        gates: Vec::new(),
    };
    Arc::new(Session::new(lease, key, Instant::now() + Duration::from_secs(86_400)).unwrap())
}

/// A camera's line without a city: what is sealed stays in the spool.
pub struct Line {
    pub pipeline: Pipeline,
    pub outlet: Arc<Outlet>,
    pub spool: Arc<Spool>,
    pub counts: Arc<Counts>,
    pub station: Arc<Station>,
}

impl Line {
    /// Whose data lie in this folder.
    pub fn new(dir: &std::path::Path, clock: Arc<ManualClock>) -> Self {
        let key = SigningKey::generate();
        let camera: base::CameraId = "cam_a".parse().unwrap();
        let client = Client::new("http://127.0.0.1:1", camera.clone(), key, clock.clone()).unwrap();
        let spool = Spool::open(&dir.join("spool"), 1 << 30, Full::DropNew).unwrap().0;
        let (spool, counts) = (Arc::new(spool), Arc::new(Counts::default()));
        let outlet = Arc::new(Outlet {
            spool: spool.clone(),
            counts: counts.clone(),
            watch: Watch::new(Arc::new(client), SigningKey::generate().public(), clock.clone()),
            gates: Gates::new(clock.clone(), counts.clone()),
        });
        let station = Station::open(camera, "a clip".into(), dir, clock.clone()).unwrap();
        let station = Arc::new(station);
        let pipeline = Pipeline::new(outlet.clone(), station.clone(), clock).unwrap();
        Self { pipeline, outlet, spool, counts, station }
    }
}

#[test]
#[ignore = "deep: a simulated day, minutes"]
fn a_day_leaves_memory_and_files_where_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Time::from_millis(START)));
    let city = OpenKey::generate();
    let Line { mut pipeline, spool, counts, station, .. } = Line::new(dir.path(), clock.clone());
    let frames = clip();
    let (mut number, mut delivered) = (0, 0);
    let mut marks = Vec::new();
    for hour in 0..24 {
        let now = clock.now();
        pipeline.lease(Some(session_of(&city, now)), now);
        for pass in 0..HOUR_MS / PASS_MS {
            for jpeg in &frames {
                clock.advance(250);
                number += 1;
                let image = Image::Coded(jpeg.clone());
                pipeline.frame(Frame { number, at: clock.now(), gap: false, image }, number);
            }
            // The street is empty, and looked at now and then; a leap of more than a minute ends what was followed.
            for _ in 0..4 {
                clock.advance((PASS_MS - 250 * frames.len() as i64) / 4);
                number += 1;
                let image = Image::Coded(frames[frames.len() - 1].clone());
                pipeline.frame(Frame { number, at: clock.now(), gap: false, image }, number);
            }
            // The line is down for some passes, and then takes what waits.
            if pass % 5 == 4 {
                let waiting = spool.oldest(1000, u64::MAX).unwrap();
                delivered += waiting.len();
                spool.remove(&waiting.iter().map(|w| w.0).collect::<Vec<_>>()).unwrap();
            }
        }
        station.health.save(true);
        let (kib, files) = held();
        println!("hour {hour}: {kib} KiB, {files} files, {delivered} reads");
        marks.push((kib, files));
    }
    let last = pipeline.end(clock.now()).unwrap();
    let summary = counts.summary(spool.len());
    println!("{summary:?}, last word {}", last.unverified().counter);
    assert!(delivered as u64 + summary.waiting == summary.sealed && summary.lost == 0);
    assert!(delivered > 150, "most of the day's 240 passes are read: {delivered}");
    let (early, late) = (marks[5], marks[23]);
    assert!(late.0 < early.0 + 24 * 1024, "memory grew: {marks:?}");
    assert!(late.1 <= early.1, "files stay open: {marks:?}");
}
