//! Only days, cameras, times and tokens that are wanted.

use super::*;
use crate::reads::Wanted;

on_both!(only_what_is_wanted, every_sealed_byte_comes_back);

const READS: [(i32, &str); 2] =
    [(0, "a 10 XYZ, a 20 ABC, b 30 XYZ, c 40 XYZ"), (1, "a 10 XYZ, b 20 DEF")];

/// What a search for `plate` at some cameras between two seconds finds, as `day camera second`,
/// and of how many.
fn check(
    engine: Engine,
    cameras: &str,
    (from, until): (i64, i64),
    plate: &str,
    days: &[i32],
    want: &str,
) {
    let (_dir, store) = engine.new_store();
    for (n, spec) in READS {
        put(&store, day(n), spec).unwrap();
    }
    let cameras: Vec<CameraId> = cameras.split_whitespace().map(camera).collect();
    let tokens: Vec<(Day, Vec<Token>)> =
        days.iter().map(|n| (day(*n), vec![token(day(*n), plate)])).collect();
    let search = store
        .search_in(&Wanted {
            cameras: &cameras,
            from: day(0).start().plus_millis(from * 1000),
            until: day(0).start().plus_millis(until * 1000),
            days: tokens.iter().map(|(d, t)| (*d, t.as_slice())).collect(),
            ids: Vec::new(),
        })
        .unwrap();
    let found: Vec<String> = search
        .found
        .iter()
        .map(|f| {
            assert_eq!(f.read.segment, f.segment.id);
            let at = f.read.captured;
            let (n, s) = (at.day().number() - 20_000, at.since(at.day().start()) / 1000);
            format!("{n} {} {s}", &f.read.camera.as_str()[4..])
        })
        .collect();
    assert_eq!(format!("{} of {}", found.join(", "), search.considered), want);
}

const DAY: i64 = 86_400;

fn only_what_is_wanted(engine: Engine) {
    check(engine, "a b c", (0, 2 * DAY), "XYZ", &[0, 1], "0 a 10, 0 b 30, 0 c 40, 1 a 10 of 6");
    check(engine, "a", (0, 2 * DAY), "XYZ", &[0, 1], "0 a 10, 1 a 10 of 3");
    check(engine, "a b c", (0, 2 * DAY), "XYZ", &[1], "1 a 10 of 2");
    check(engine, "a b c", (10, 40), "XYZ", &[0, 1], "0 a 10, 0 b 30 of 3");
    check(engine, "a b c", (11, DAY + 10), "XYZ", &[0, 1], "0 b 30, 0 c 40 of 3");
    check(engine, "a b", (0, 2 * DAY), "QQQ", &[0, 1], " of 5");
    check(engine, "", (0, 2 * DAY), "XYZ", &[0, 1], " of 0");
    check(engine, "a a", (0, DAY), "XYZ", &[0], "0 a 10 of 2");
    check(engine, "a", (0, 2 * DAY), "XYZ", &[5], " of 0");
}

fn every_sealed_byte_comes_back(engine: Engine) {
    let (_dir, store) = engine.new_store();
    let (mut batch, _) = pack(day(0), "a 10 XYZ, b 20 ABC");
    batch.reads[0].counter = u64::MAX;
    store.put_batch(batch.clone(), vec![]).unwrap();
    let cameras = [camera("a"), camera("b")];
    for (read, plate) in batch.reads.iter().zip(["XYZ", "ABC misread"]) {
        let tokens = [token(day(0), plate), token(day(0), "nobody")];
        let wanted = Wanted {
            cameras: &cameras,
            from: day(0).start(),
            until: day(1).start(),
            days: vec![(day(0), &tokens)],
            ids: Vec::new(),
        };
        let found = store.search_in(&wanted).unwrap().found;
        assert_eq!(found.len(), 1);
        assert_eq!(&found[0].read, read);
        assert!(batch.segments.contains(&found[0].segment));
    }
}
