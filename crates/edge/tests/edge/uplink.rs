//! Batches and what the city may answer to them.

use crate::city::{City, problem};
use crate::run::Edge;
use base::{Kind, SigningKey, SystemClock};
use edge::{Client, Counts, Spool, Uplink};
use read::SealKey;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

struct Line {
    city: City,
    spool: Arc<Spool>,
    counts: Arc<Counts>,
    uplink: Uplink,
    _dir: tempfile::TempDir,
}

/// A line with some items in the spool that the city cannot open: what it answers is scripted.
fn line(items: usize) -> Line {
    let city = City::start();
    let dir = tempfile::tempdir().unwrap();
    let spool = Arc::new(Spool::open(dir.path(), 64 << 20, edge::Full::DropNew).unwrap().0);
    let stranger = read::OpenKey::generate().public().unwrap();
    let seal = |key: &SealKey| key.seal(b"x", b"y", b"z").unwrap().0;
    for _ in 0..items {
        spool.push(&seal(&stranger)).unwrap();
    }
    let camera = "cam_a".parse().unwrap();
    let client =
        Client::new(&city.address, camera, SigningKey::generate(), Arc::new(SystemClock)).unwrap();
    let counts = Arc::new(Counts::default());
    let uplink = Uplink::new(Arc::new(client), spool.clone(), counts.clone());
    Line { city, spool, counts, uplink, _dir: dir }
}

/// Sends three items once; the city gives this answer. What is returned, and what then waits.
fn check(status: u16, answer: Value, want: Result<usize, Kind>, waiting: u64) {
    let line = line(3);
    line.city.seen(|s| s.scripted.push_back((status, answer)));
    assert_eq!(line.uplink.send(64).map_err(|e| e.kind()), want);
    assert_eq!(line.spool.len() as u64, waiting);
    let summary = line.counts.summary(line.spool.len());
    assert_eq!(summary.delivered + summary.refused, 3 - waiting);
}

#[test]
fn an_item_goes_only_when_the_city_has_answered_for_it() {
    let ok = |new: u32, known: u32, refused: Value| json!({ "new": new, "known": known, "refused": refused });
    let no = json!([{ "index": 1, "kind": "gone", "message": "No." }]);
    check(200, ok(3, 0, json!([])), Ok(3), 0);
    check(200, ok(0, 3, json!([])), Ok(3), 0);
    check(200, ok(1, 1, no.clone()), Ok(3), 0);
    // What the city takes later stays, and what one of before refuses for something that passes.
    let later = |index: u32| json!({ "index": index, "wait_s": 60, "message": "Early." });
    let with = |mut answer: Value, later: Value| {
        answer["later"] = later;
        answer
    };
    check(200, with(ok(2, 0, json!([])), json!([later(2)])), Ok(3), 1);
    check(200, with(ok(0, 0, no.clone()), json!([later(0), later(2)])), Ok(3), 2);
    for kind in ["busy", "unavailable", "internal", "invalid"] {
        let no = json!([{ "index": 1, "kind": kind, "message": "Not now." }]);
        check(200, ok(2, 0, no), Ok(3), 1);
    }
    // A place that is none, or twice the same, is no answer.
    check(200, with(ok(2, 0, json!([])), json!([later(3)])), Err(Kind::Unavailable), 3);
    check(200, with(ok(1, 0, json!([])), json!([later(1), later(1)])), Err(Kind::Unavailable), 3);
    // An answer that leaves a read out is no answer.
    check(200, ok(2, 0, json!([])), Err(Kind::Unavailable), 3);
    check(200, json!("<html>"), Err(Kind::Unavailable), 3);
    check(429, problem("busy", "Later."), Err(Kind::Busy), 3);
    check(503, problem("unavailable", "Later."), Err(Kind::Unavailable), 3);
    check(502, json!("<html>bad gateway</html>"), Err(Kind::Unavailable), 3);
    check(500, problem("internal", "Our fault."), Err(Kind::Internal), 3);
    check(410, problem("gone", "Off."), Err(Kind::Gone), 3);
    check(413, problem("too-large", "Fewer."), Err(Kind::TooLarge), 3);
    check(413, json!("<html>request entity too large</html>"), Err(Kind::Unavailable), 3);
    check(401, problem("unauthenticated", "Who?"), Err(Kind::Unauthenticated), 3);
}

#[test]
fn one_bad_item_alone_does_not_stop_the_line() {
    let line = line(2);
    line.city.seen(|s| s.scripted.push_back((413, problem("too-large", "Too much."))));
    assert_eq!(line.uplink.send(1).unwrap(), 1);
    assert_eq!(line.counts.summary(0).refused, 1);
    // The pretended city itself refuses what was sealed to another key, by item: that is asked once more, later.
    assert_eq!(line.uplink.send(64).unwrap(), 1);
    assert_eq!((line.counts.summary(0).refused, line.spool.len()), (1, 1));
    assert_eq!(line.uplink.send(64).unwrap(), 0);
    assert!(line.uplink.trouble().is_some() && line.uplink.given_up(Duration::ZERO).is_some());
    // What comes meanwhile does not wait for it.
    line.spool.push(&sealed(&line.city, 1, &SigningKey::generate())).unwrap();
    assert_eq!(line.uplink.send(64).unwrap(), 1);
    assert_eq!((line.counts.summary(0).delivered, line.spool.len()), (1, 1));
}

#[test]
fn nobody_there_is_unavailable() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Arc::new(Spool::open(dir.path(), 1 << 20, edge::Full::DropNew).unwrap().0);
    spool.push(b"sealed").unwrap();
    let server = format!("http://127.0.0.1:{}", testkit::free_port().unwrap());
    let client = Client::new(
        &server,
        "cam_a".parse().unwrap(),
        SigningKey::generate(),
        Arc::new(SystemClock),
    );
    let uplink = Uplink::new(Arc::new(client.unwrap()), spool.clone(), Arc::default());
    assert_eq!(uplink.send(64).unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(spool.len(), 1);
}

/// A read of this number, as a camera seals it.
fn sealed(city: &City, counter: u64, key: &SigningKey) -> Vec<u8> {
    sealed_of("cam_a", city, counter, key, None)
}

fn sealed_of(
    camera: &str,
    city: &City,
    counter: u64,
    key: &SigningKey,
    picture: Option<Vec<u8>>,
) -> Vec<u8> {
    let captured = base::Time::from_millis(1_795_420_800_000 + counter as i64);
    let camera: base::CameraId = camera.parse().unwrap();
    let read = read::Read {
        id: base::ReadId::new(captured, base::random()),
        camera: camera.clone(),
        lease: base::LeaseId::new(captured, [1; 10]),
        counter,
        captured,
        first: captured,
        last: captured,
        frames: 3,
        odds: plate::Odds::new("7ABC128".chars().map(|c| vec![(c, 0.9)]).collect()).unwrap(),
        confidence: 0.9,
        region: None,
        corners: [[0; 2]; 4],
        frame_size: [640, 360],
        picture: None,
        sighting: Default::default(),
    };
    let to = city.seen(|s| s.open_key.public().unwrap());
    let plain = read::SignedRead::sign(read, picture, key).encode();
    to.seal(b"homeplate/ingest/v1", camera.as_str().as_bytes(), plain.expose()).unwrap().0
}

/// What waited for a city that was away is more than the proxy before it takes at once.
#[test]
fn what_a_proxy_finds_too_large_goes_up_in_smaller_batches() {
    const WAIT: u64 = 24;
    let (city, data) = (City::start(), tempfile::tempdir().unwrap());
    city.seen(|s| s.most = 300 << 10);
    let folder = data.path().join("spool");
    let (spool, _) = Spool::open(&folder, 64 << 20, edge::Full::DropNew).unwrap();
    let key = SigningKey::generate();
    for counter in 1..=WAIT {
        let picture = Some(vec![counter as u8; 64 << 10]);
        spool.push(&sealed_of("cam_main-st-1", &city, counter, &key, picture)).unwrap();
    }
    drop(spool);
    let ended = Edge::new(&city, data.path()).run().unwrap();
    assert!(ended.because.is_none(), "{:?}", ended.because);
    let s = ended.summary;
    assert_eq!((s.delivered, s.refused, s.waiting), (s.sealed + WAIT, 0, 0), "{s:?}");
}

/// An hour of a busy street waits; what comes meanwhile is there two batches later, and everything is in order.
#[test]
fn an_hour_that_waits_holds_up_nobody() {
    const HOUR: u64 = 1800;
    const LIVE: u64 = 1_000_000;
    let line = line(0);
    let key = SigningKey::generate();
    for counter in 1..=HOUR {
        line.spool.push(&sealed(&line.city, counter, &key)).unwrap();
    }
    let client = Client::new(
        &line.city.address,
        "cam_a".parse().unwrap(),
        SigningKey::generate(),
        Arc::new(SystemClock),
    );
    // The city is back: what is there by now is the backlog.
    let uplink = Uplink::new(Arc::new(client.unwrap()), line.spool.clone(), line.counts.clone());
    let arrived = || -> Vec<u64> {
        line.city.seen(|s| s.reads.iter().map(|r| r.unverified().counter).collect())
    };
    let mut live = 0;
    // Once the city does not say what became of a batch: it goes again.
    line.city.seen(|s| s.scripted.push_back((503, problem("unavailable", "Later."))));
    assert!(uplink.send(256).is_err());
    while !line.spool.is_empty() {
        if live < 5 {
            line.spool.push(&sealed(&line.city, LIVE + live, &key)).unwrap();
            live += 1;
        }
        uplink.send(256).unwrap();
        uplink.send(256).unwrap();
        assert!(arrived().contains(&(LIVE + live - 1)), "a live read waits for the backlog");
    }
    let all = arrived();
    let (old, new): (Vec<u64>, Vec<u64>) = all.iter().partition(|n| **n < LIVE);
    assert_eq!(old, (1..=HOUR).collect::<Vec<_>>());
    assert_eq!(new, (LIVE..LIVE + 5).collect::<Vec<_>>());
    assert!(all.iter().position(|n| *n == LIVE) < all.iter().position(|n| *n == HOUR));
    assert_eq!(line.counts.summary(0).known, 0);
}
