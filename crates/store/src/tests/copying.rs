//! What a copy that follows a store gets, beside the store itself.

use super::*;
use crate::Followable;
use std::collections::BTreeMap;

/// Puts changed pages into a copy of a file.
fn follow(store: &Store, part: Followable, copy: &mut Vec<u8>) -> usize {
    store
        .changed(part, |changed| {
            copy.resize(changed.size as usize, 0);
            for page in &changed.pages {
                let at = page * changed.page;
                let bytes = changed.read(at, changed.page as usize)?;
                copy[at as usize..at as usize + bytes.len()].copy_from_slice(&bytes);
            }
            Ok(changed.pages.len())
        })
        .unwrap()
        .expect("followed")
}

#[test]
fn a_copy_of_changed_pages_is_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert!(store.follow(Followable::Control).unwrap());
    let whole = |name: &str| fs::read(dir.path().join(name)).unwrap();
    let mut copy = Vec::new();
    follow(&store, Followable::Control, &mut copy);
    // What was there before is read whole, once.
    copy = whole("control.db");
    let mut most = 0;
    for round in 0..40u32 {
        for n in 0..round * 7 % 90 {
            store
                .set_meta(&format!("key/{}", n * 31 % 500), &"x".repeat(round as usize * 9))
                .unwrap();
        }
        if round % 5 == 4 {
            // Somebody else moves the pages between two looks.
            store.control().settle("meta").unwrap();
        }
        most = most.max(follow(&store, Followable::Control, &mut copy));
        assert!(copy == whole("control.db"), "round {round}");
    }
    assert!(most > 3, "pages changed");
    assert_eq!(follow(&store, Followable::Control, &mut copy), 0, "nothing new");
    // What is not followed says so.
    assert!(store.changed(Followable::HotList, |_| Ok(())).unwrap().is_none());
}

/// The place hangs, and nobody asks for changes: the file beside the store does not grow without bound, and what
/// changed is known all the same.
#[test]
fn changes_that_nobody_asks_for_do_not_fill_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.follow(Followable::Control).unwrap();
    let mut copy = Vec::new();
    follow(&store, Followable::Control, &mut copy);
    copy = fs::read(dir.path().join("control.db")).unwrap();
    let wal = || fs::metadata(dir.path().join("control.db-wal")).map_or(0, |m| m.len());
    let mut most = 0;
    for n in 0..100 {
        store.set_meta(&format!("key/{}", n % 10), &"x".repeat(1_000_000 + n)).unwrap();
        most = most.max(wal());
    }
    assert!((30 << 20..40 << 20).contains(&most), "{most}");
    assert!(follow(&store, Followable::Control, &mut copy) > 2000);
    assert!(copy == fs::read(dir.path().join("control.db")).unwrap());
}

#[test]
fn a_day_is_held_still_while_reads_come_in() {
    let home = Home::Folder(tempfile::tempdir().unwrap());
    let store = home.open().unwrap();
    put(&store, day(0), "a 10 XYZ").unwrap();
    assert!(store.still_day(day(3)).unwrap().is_none());
    let still = store.still_day(day(0)).unwrap().unwrap();
    let before = still.read(0, still.size as usize).unwrap();
    for n in 0..40 {
        put(&store, day(0), &format!("b {} ABC{n}", 20 + n)).unwrap();
    }
    assert!(still.read(0, still.size as usize).unwrap() == before);
    // It is a whole database of its moment.
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("day.db");
    fs::write(&path, &before).unwrap();
    let db = rusqlite::Connection::open(&path).unwrap();
    let count = |db: &rusqlite::Connection| -> i64 {
        db.query_row("SELECT count(*) FROM reads", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count(&db), 1);
    drop(still);
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
    // Another program reads: what lies partly beside the file is not copied.
    let beside = |db: &mut crate::engine::Db| {
        db.impatient();
        Ok(())
    };
    store.in_day(day(0), beside).unwrap();
    let file = home.path().join(format!("reads/{}.db", day(0)));
    let reader = rusqlite::Connection::open(&file).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM reads;").unwrap();
    put(&store, day(0), "c 90 DEF").unwrap();
    assert_eq!(store.still_day(day(0)).err().unwrap().kind(), base::Kind::Busy);
    drop(reader);
    assert!(store.still_day(day(0)).unwrap().is_some());
    // Forgotten, it takes no room any more.
    store.drop_day(day(0)).unwrap();
    assert!(crate::open::hold(&store.raw).is_empty());
}

/// A file that does not answer, as on a share whose server is gone: who waits gives up; nothing is begun until that
/// has ended, so that nothing old is written over something new.
#[test]
fn a_depot_that_hangs_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("mkfifo").arg(dir.path().join("writer")).status();
    assert!(made.unwrap().success());
    let at = crate::Pictures::Folder(dir.path().to_owned());
    let depot = crate::Depot::open(&at).unwrap().patient(std::time::Duration::from_millis(300));
    depot.put("a", b"one".to_vec()).unwrap();
    for _ in 0..3 {
        let e = depot.get("writer").unwrap_err();
        assert_eq!(e.kind(), base::Kind::Unavailable, "{e}");
        assert!(depot.put("a", b"two".to_vec()).unwrap_err().message().contains("not answer"));
        assert_eq!(fs::read(dir.path().join("a")).unwrap(), b"one");
    }
    // It answers after all.
    drop(fs::OpenOptions::new().write(true).open(dir.path().join("writer")).unwrap());
    patience(|| depot.put("a", b"two".to_vec()).is_ok());
    assert_eq!(depot.get("a").unwrap().unwrap(), b"two");
}

#[test]
fn a_depot_keeps_names() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("second");
    let at = crate::Pictures::Folder(place.clone());
    assert!(crate::Depot::open(&at).err().unwrap().message().contains("mount"));
    fs::create_dir(&place).unwrap();
    let depot = crate::Depot::open(&at).unwrap();
    keeps_names(&depot);
    fs::rename(&place, dir.path().join("unmounted")).unwrap();
    assert!(depot.put("g/00", Vec::new()).unwrap_err().message().contains("not there any more"));
}

/// Waits until something is so.
pub(super) fn patience(so: impl Fn() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !so() {
        assert!(std::time::Instant::now() < end, "it goes on");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// What a place does with names, wherever it is; leaves `g/01` to `g/19` there.
pub(super) fn keeps_names(depot: &crate::Depot) {
    assert_eq!(depot.get("a").unwrap(), None);
    let all: BTreeMap<String, Vec<u8>> =
        (0..20u8).map(|n| (format!("g/{n:02}"), vec![n; 10])).collect();
    depot.put_all(all.clone().into_iter().collect()).unwrap();
    depot.put("g/00", b"other".to_vec()).unwrap();
    assert_eq!(depot.get("g/00").unwrap().unwrap(), b"other");
    assert_eq!(depot.list("g").unwrap(), (0..20).map(|n| format!("{n:02}")).collect::<Vec<_>>());
    depot.remove("g/00").unwrap();
    depot.remove("g/00").unwrap();
    assert_eq!(depot.list("g").unwrap().len(), 19);
    assert_eq!(depot.list("h").unwrap(), Vec::<String>::new());
}
