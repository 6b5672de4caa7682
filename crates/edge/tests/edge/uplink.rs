//! Batches and what the city may answer to them.

use crate::city::{City, problem};
use base::{Kind, SigningKey, SystemClock};
use edge::{Client, Counts, Spool, Uplink};
use read::SealKey;
use serde_json::{Value, json};
use std::sync::Arc;

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
    let spool = Arc::new(Spool::open(dir.path(), 1 << 20, edge::Full::DropNew).unwrap().0);
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
    // An answer that leaves a read out is no answer.
    check(200, ok(2, 0, json!([])), Err(Kind::Unavailable), 3);
    check(200, json!("<html>"), Err(Kind::Unavailable), 3);
    check(429, problem("busy", "Later."), Err(Kind::Busy), 3);
    check(503, problem("unavailable", "Later."), Err(Kind::Unavailable), 3);
    check(502, json!("<html>bad gateway</html>"), Err(Kind::Unavailable), 3);
    check(500, problem("internal", "Our fault."), Err(Kind::Internal), 3);
    check(410, problem("gone", "Off."), Err(Kind::Gone), 3);
    check(413, problem("too-large", "Fewer."), Err(Kind::TooLarge), 3);
    check(401, problem("unauthenticated", "Who?"), Err(Kind::Unauthenticated), 3);
}

#[test]
fn one_bad_item_alone_does_not_stop_the_line() {
    let line = line(2);
    line.city.seen(|s| s.scripted.push_back((413, problem("too-large", "Too much."))));
    assert_eq!(line.uplink.send(1).unwrap(), 1);
    assert_eq!(line.counts.summary(0).refused, 1);
    // The pretended city itself refuses what was sealed to another key, by item.
    assert_eq!(line.uplink.send(64).unwrap(), 1);
    assert_eq!((line.counts.summary(0).refused, line.spool.len()), (2, 0));
    assert_eq!(line.uplink.send(64).unwrap(), 0);
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
