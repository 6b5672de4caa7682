//! Pictures beside the database: there before their rows, gone with their day, swept where no row
//! names them; on both engines, in a folder and in a bucket.

use super::*;
use crate::pictures::Of;
use crate::reads::Wanted;
use base::{Kind, Time};
use std::sync::atomic::Ordering;

on_both!(
    what_was_put_comes_back,
    a_place_that_fails_stores_nothing,
    a_crash_leaves_packs_and_never_rows,
    a_day_takes_its_pictures_with_it,
    a_place_has_one_store,
    lost_and_damaged_packs_are_found,
    pictures_of_before_are_read_where_they_are
);

/// Later than any pack was written.
pub(super) fn later() -> Time {
    Time::from_millis(i64::from(u32::MAX) * 1000)
}

/// Names of all files of pictures, without the owner's.
fn packs(home: &Home) -> Vec<String> {
    let dir = home.pictures();
    if !dir.exists() {
        return Vec::new();
    }
    let mut out: Vec<String> = all_files(&dir)
        .iter()
        .map(|path| path.strip_prefix(&dir).unwrap().display().to_string())
        .filter(|name| name != "owner")
        .collect();
    out.sort();
    out
}

/// The reads of a batch as a question finds them.
fn found(store: &Store, batch: &SealedBatch) -> Vec<::custody::SealedRead> {
    let cameras: Vec<CameraId> = batch.reads.iter().map(|r| r.camera.clone()).collect();
    let wanted = Wanted {
        cameras: &cameras,
        from: batch.day.start(),
        until: batch.day.next().start(),
        days: vec![(batch.day, &[])],
        ids: batch.reads.iter().map(|r| r.id).collect(),
    };
    store.search_in(&wanted).unwrap().found.into_iter().map(|f| f.read).collect()
}

const SPEC: &str = "a 10 XYZ!, b 20 ABC, c 30 DEF!";

pub(super) fn round_trip(store: &Store) {
    let (batch, effects) = pack(day(0), SPEC);
    store.put_batch(batch.clone(), effects).unwrap();
    assert_eq!(found(store, &batch), batch.reads);
    assert!(batch.reads[0].picture.is_some() && batch.reads[1].picture.is_none());
    store.relay().unwrap();
    for hit in &batch.hits {
        assert_eq!(&store.sealed_hit(&hit.id).unwrap(), hit);
    }
    let check = store.check_pictures().unwrap();
    assert_eq!((check.packs, check.orphans, check.wrong), (2, 0, vec![]));
}

fn what_was_put_comes_back(engine: Engine) {
    let (home, store) = engine.new_store();
    round_trip(&store);
    assert_eq!(packs(&home).len(), 2, "one of reads and one of hits");
    assert_eq!(put(&store, day(0), SPEC).unwrap(), (0, 3));
    assert_eq!(packs(&home).len(), 2, "what came again is taken back");
    put(&store, day(1), "b 20 ABC").unwrap();
    assert_eq!(packs(&home).len(), 3);
    // A batch without a picture makes none.
    let (mut batch, _) = pack(day(2), "b 20 ABC");
    batch.reads[0].picture = None;
    store.put_batch(batch, vec![]).unwrap();
    assert_eq!(packs(&home).len(), 3);
    assert_eq!(store.check().unwrap(), [""; 0]);
}

fn a_place_that_fails_stores_nothing(engine: Engine) {
    let (_home, store) = engine.new_store();
    put(&store, day(0), "z 1 ZZZ").unwrap();
    let before = state(&store);
    store.album.down.store(true, Ordering::SeqCst);
    assert_eq!(put(&store, day(0), SPEC).unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(state(&store), before);
    assert_eq!(store.pictures_answer().unwrap_err().kind(), Kind::Unavailable);
    store.album.down.store(false, Ordering::SeqCst);
    assert_eq!(put(&store, day(0), SPEC).unwrap(), (3, 0));
    store.pictures_answer().unwrap();
}

/// The power goes at each step of the transaction: every picture that a row names is there.
fn a_crash_leaves_packs_and_never_rows(engine: Engine) {
    let (_home, store) = engine.new_store();
    put(&store, day(0), "z 1 ZZZ").unwrap();
    for steps in 0.. {
        cut_in_day(&store, day(0), Some(steps));
        let done = put(&store, day(0), SPEC);
        cut_in_day(&store, day(0), None);
        let check = store.check_pictures().unwrap();
        assert_eq!(check.wrong, [""; 0], "step {steps}");
        if done.is_ok() {
            break;
        }
    }
    store.relay().unwrap();
    let check = store.check_pictures().unwrap();
    assert!(check.orphans > 10 && check.orphan_bytes > 30_000, "{check:?}");
    assert_eq!(store.sweep_pictures(Time::from_millis(0)).unwrap(), 0, "young ones stay");
    assert_eq!(store.sweep_pictures(later()).unwrap(), check.orphans);
    let check = store.check_pictures().unwrap();
    assert_eq!((check.packs, check.orphans, check.wrong), (3, 0, vec![]));
}

/// Every day once after a start, and then those that took packs. Of a day whose rows cannot be read nothing goes, and it
/// holds up no other.
#[test]
fn days_that_took_packs_are_swept() {
    let (home, store) = Engine::Sqlite.new_store();
    let stray = |n: i32| {
        let id: [u8; 16] = random();
        let name = format!("reads/{}/{}.pack", day(n), base::hex(&id));
        fs::write(home.pictures().join(name), "stray").unwrap();
    };
    for n in 0..2 {
        put(&store, day(n), SPEC).unwrap();
        stray(n);
    }
    assert_eq!(store.sweep_pictures(later()).unwrap(), 2);
    (0..2).for_each(stray);
    assert_eq!(store.sweep_pictures(later()).unwrap(), 0);
    put(&store, day(1), "d 40 GHI").unwrap();
    assert_eq!(store.sweep_pictures(later()).unwrap(), 1);
    drop(store);
    fs::write(home.path().join(format!("reads/{}.db", day(0))), random::<5000>()).unwrap();
    stray(1);
    let store = home.open().unwrap();
    store.sweep_pictures(later()).unwrap_err();
    let of_reads = packs(&home).into_iter().filter(|pack| pack.starts_with("reads"));
    let of_day = |n: i32| of_reads.clone().filter(|p| p.contains(&day(n).to_string())).count();
    assert_eq!(
        (of_day(0), of_day(1)),
        (2, 2),
        "one that is named and a stray one; two that are named"
    );
}

fn a_day_takes_its_pictures_with_it(engine: Engine) {
    let (home, store) = engine.new_store();
    put(&store, day(0), SPEC).unwrap();
    put(&store, day(1), SPEC).unwrap();
    store.drop_day(day(0)).unwrap();
    // Rows first: whoever looks now finds no picture that is named and not there.
    assert_eq!(store.check_pictures().unwrap().wrong, [""; 0]);
    store.album.down.store(true, Ordering::SeqCst);
    let limit = day(1).start();
    assert_eq!(store.forget_pictures(limit).unwrap_err().kind(), Kind::Unavailable);
    let of_day_0 = |home: &Home| {
        let name = day(0).to_string();
        packs(home).into_iter().filter(|pack| pack.contains(&name)).count()
    };
    assert_eq!(of_day_0(&home), 2);
    drop(store);

    // Tried again after a start, until it holds.
    let store = home.open().unwrap();
    store.forget_pictures(limit).unwrap();
    assert_eq!((of_day_0(&home), packs(&home).len()), (0, 2));
    store.forget_pictures(limit).unwrap();
    let check = store.check_pictures().unwrap();
    assert_eq!((check.packs, check.orphans, check.wrong), (2, 0, vec![]));
    let hits = store.hits(10, None).unwrap();
    let has = |n: usize| store.sealed_hit(&hits[n].id).unwrap().picture.is_some();
    assert_eq!(hits.len(), 4);
    assert!(has(0) && has(1) && !has(2) && !has(3), "hits of the forgotten day have none");
    assert_eq!(store.check().unwrap(), [""; 0]);

    // What a late write leaves in a day that was dropped goes whatever its age.
    let mut late = crate::pictures::Pack::new();
    late.add(&[7; 100]);
    store.album().unwrap().put(Of::Reads, day(0), late).unwrap();
    assert_eq!(put(&store, day(0), "d 40 GHI").unwrap_err().kind(), Kind::Gone);
    assert_eq!(store.sweep_pictures(later()).unwrap(), 1);
}

fn a_place_has_one_store(engine: Engine) {
    let (home, store) = engine.new_store();
    put(&store, day(0), SPEC).unwrap();
    let (other, stranger) = engine.new_store();
    drop(stranger);
    let open = |pictures: &Path| {
        Store::open_at(&other.place(), &Pictures::Folder(pictures.to_owned())).unwrap()
    };
    let stranger = open(&home.pictures());
    assert_eq!(put(&stranger, day(0), SPEC).unwrap_err().kind(), Kind::Conflict);
    assert_eq!(stranger.sweep_pictures(later()).unwrap_err().kind(), Kind::Conflict);
    assert_eq!(packs(&home).len(), 2);
    drop(stranger);
    let stranger = open(&other.pictures());
    put(&stranger, day(0), SPEC).unwrap();
    drop(stranger);
    // A place that is not where its pictures are.
    let stranger = open(&other.pictures().join("new"));
    let e = put(&stranger, day(1), SPEC).unwrap_err();
    assert_eq!(e.kind(), Kind::Unavailable);
    assert!(e.to_string().contains("copy them there"), "{e}");
}

/// A disk that comes later than the store, whether its empty place can be used or not.
#[test]
fn a_folder_that_is_away_at_the_start_is_used_when_it_is_there() {
    let (home, store) = Engine::Sqlite.new_store();
    put(&store, day(0), SPEC).unwrap();
    drop(store);
    let elsewhere = tempfile::tempdir().unwrap();
    let away = elsewhere.path().join("pictures");
    fs::rename(home.pictures(), &away).unwrap();
    let empty = |dir: &Path| fs::create_dir(dir).unwrap();
    let shut = |dir: &Path| fs::write(dir, "").unwrap();
    let harms: [&dyn Fn(&Path); 2] = [&empty, &shut];
    for harm in harms {
        harm(&home.pictures());
        let store = home.open().unwrap();
        for done in [store.pictures_answer(), put(&store, day(0), SPEC).map(drop)] {
            assert_eq!(done.unwrap_err().kind(), Kind::Unavailable);
        }
        match home.pictures().is_dir() {
            true => fs::remove_dir_all(home.pictures()).unwrap(),
            false => fs::remove_file(home.pictures()).unwrap(),
        }
        fs::rename(&away, home.pictures()).unwrap();
        store.pictures_answer().unwrap();
        assert_eq!(put(&store, day(0), SPEC).unwrap(), (0, 3));
        fs::rename(home.pictures(), &away).unwrap();
    }
}

fn lost_and_damaged_packs_are_found(engine: Engine) {
    let check = |change: &dyn Fn(&Path), want: &[&str]| {
        let (home, store) = engine.new_store();
        let (batch, effects) = pack(day(0), SPEC);
        store.put_batch(batch.clone(), effects).unwrap();
        store.relay().unwrap();
        let reads = packs(&home).into_iter().find(|p| p.starts_with("reads")).unwrap();
        change(&home.pictures().join(reads));
        let wrong = store.check_pictures().unwrap().wrong;
        assert_eq!(wrong.len(), want.len(), "{wrong:?}");
        wrong.iter().zip(want).for_each(|(is, want)| assert!(is.contains(want), "{is}"));
        // The reads are there, and those whose picture is lost come without it.
        let found = found(&store, &batch);
        assert_eq!(found.len(), 3);
        assert!(found[2].picture.is_none());
        assert_eq!(store.sealed_hit(&batch.hits[0].id).unwrap(), batch.hits[0]);
    };
    check(&|pack| fs::remove_file(pack).unwrap(), &["are missing; restore reads/"]);
    let cut = |pack: &Path| fs::write(pack, &fs::read(pack).unwrap()[..4000]).unwrap();
    check(&cut, &["are cut off"]);
    let flipped = |pack: &Path| {
        let mut bytes = fs::read(pack).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(pack, bytes).unwrap();
    };
    check(&flipped, &[]);
}

/// What an earlier program wrote: pictures in tables, no packs.
fn pictures_of_before_are_read_where_they_are(engine: Engine) {
    let (_home, store) = engine.new_store();
    let (batch, effects) = pack(day(0), SPEC);
    let mut bare = batch.clone();
    bare.reads.iter_mut().for_each(|read| read.picture = None);
    bare.hits.iter_mut().for_each(|hit| hit.picture = None);
    store.put_batch(bare, effects).unwrap();
    let set = |db: &mut crate::engine::Db, sql: &str, id: &[u8; 16], picture: &[u8]| {
        db.exec(sql, &[id.into(), picture.into()]).map(drop)
    };
    store
        .in_day(day(0), |db| {
            for read in batch.reads.iter().filter(|read| read.picture.is_some()) {
                let sql = "INSERT INTO pictures (read, sealed) VALUES (?1, ?2)";
                set(db, sql, read.id.bytes(), read.picture.as_deref().unwrap())?;
            }
            for hit in batch.hits.iter().filter(|hit| hit.picture.is_some()) {
                let sql = "UPDATE hit_copies SET picture = ?2 WHERE id = ?1";
                set(db, sql, hit.id.bytes(), hit.picture.as_deref().unwrap())?;
            }
            Ok(())
        })
        .unwrap();
    store.relay().unwrap();
    assert_eq!(found(&store, &batch), batch.reads);
    for hit in &batch.hits {
        assert_eq!(&store.sealed_hit(&hit.id).unwrap(), hit);
    }
    assert_eq!(store.check().unwrap(), [""; 0]);
    assert_eq!(store.check_pictures().unwrap().packs, 0);
}
