//! Logs of all sizes, across the borders of tiles; many writers at once; two processes.

use crate::support::{ORIGIN, Quick, at, build, extend, files, key, leaf, reopen};
use base::{Kind, SigningKey};
use ledger::Objects;
use ledger::{Folder, Leaf, Log, verify};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Builds a log in two sittings and checks all that can be checked about it.
fn check(first: u64, second: u64) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    drop(build(root, first));
    let log = reopen(root).unwrap();
    assert_eq!(log.size(), first);
    extend(&log, first + second);
    let size = log.size();
    let report = verify(root, log.vkey()).unwrap();
    assert_eq!((report.size, report.origin.as_str()), (size, ORIGIN));
    assert_eq!(report.figures, log.figures());
    assert_eq!(report.figures.hits, size);
    for n in 0..size {
        let entry = log.entry(n).unwrap();
        assert_eq!(entry.check(log.vkey()).unwrap(), leaf(n));
        let mut moved = entry.clone();
        moved.index = (n + 1) % size.max(2);
        assert!(moved.check(log.vkey()).is_err(), "entry {n} at another place");
    }
    assert_eq!(log.entry(size).unwrap_err().kind(), Kind::NotFound);
    let leaves = log.leaves(0, u64::MAX).unwrap();
    assert_eq!(leaves, (0..size).map(leaf).collect::<Vec<_>>());
    let full = |name: &&String| !name.contains(".p/") && *name != "checkpoint";
    assert_eq!(files(root).iter().filter(full).count() as u64, size / 256 * 2);
}

/// Whoever copies what [`Log::grown`] names has the log at every size that it looked at.
#[test]
fn a_copy_that_follows_is_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("log"), folder.path().join("copy"));
    let log =
        Log::create(Box::new(Folder::new(&from)), "homeplate/s", base::SigningKey::generate())
            .unwrap();
    let copy = Folder::new(&to);
    let mut had = 0;
    for step in [1u64, 3, 251, 1, 1, 255, 300, 900] {
        let leaves: Vec<Leaf> = (0..step)
            .map(|n| Leaf::new("software.start", base::Time::from_millis(n as i64)))
            .collect();
        log.append_all(&leaves).unwrap();
        let (checkpoint, size) = (log.checkpoint(), log.size());
        let (new, gone) = Log::grown(had, size);
        for name in new {
            copy.put(&name, &log.file_of(size, &name).unwrap().unwrap()).unwrap();
        }
        gone.iter().for_each(|name| copy.remove(name).unwrap());
        copy.put("checkpoint", checkpoint.as_bytes()).unwrap();
        let found = ledger::verify(&to, log.vkey()).unwrap();
        assert_eq!(found.size, size);
        had = size;
    }
    assert_eq!(Log::grown(had, had), (Vec::new(), Vec::new()));
}

#[test]
fn sizes_around_the_borders() {
    for (first, second) in [(0, 0), (0, 1), (1, 1), (3, 252), (255, 1), (256, 1), (255, 258)] {
        check(first, second);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 4, ..Default::default() })]
    #[test]
    fn any_size(first in 0u64..300, second in 0u64..300) {
        check(first, second);
    }
}

#[test]
fn a_real_folder_keeps_two_processes_apart() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("city/log");
    let log = Log::create(Box::new(Folder::new(&root)), ORIGIN, key()).unwrap();
    let entry = log.append(&leaf(0)).unwrap();
    assert_eq!(entry.check(log.vkey()).unwrap(), leaf(0));
    let second = Log::open(Box::new(Folder::new(&root)), ORIGIN, key()).err().unwrap();
    assert_eq!(second.kind(), Kind::Conflict);
    drop(log);
    let log = Log::open(Box::new(Folder::new(&root)), ORIGIN, key()).unwrap();
    extend(&log, 4);
    assert_eq!(verify(&root, log.vkey()).unwrap().size, 4);
    drop(log);
    let mut shown = Vec::new();
    let show = &mut |index, seen: &ledger::Leaf| shown.push((index, seen.clone()));
    let log = Log::open_showing(Box::new(Folder::new(&root)), ORIGIN, key(), show).unwrap();
    let leaves = log.leaves(0, 4).unwrap();
    assert_eq!(shown, (0..4).zip(leaves).collect::<Vec<_>>());
    drop(log);
    let again = Log::create(Box::new(Folder::new(&root)), ORIGIN, key()).err().unwrap();
    assert_eq!(again.kind(), Kind::Conflict);
}

#[test]
fn without_a_lock_the_checkpoint_decides() {
    let dir = tempfile::tempdir().unwrap();
    let one = build(dir.path(), 3);
    let two = reopen(dir.path()).unwrap();
    one.append(&leaf(3)).unwrap();
    for _ in 0..2 {
        assert_eq!(two.append(&leaf(9)).unwrap_err().kind(), Kind::Conflict);
    }
    one.append(&leaf(4)).unwrap();
    let report = verify(dir.path(), one.vkey()).unwrap();
    assert_eq!(report.size, 5);
}

#[test]
fn once_is_once() {
    let dir = tempfile::tempdir().unwrap();
    let log = build(dir.path(), 2);
    let first = log.append_once(&leaf(7)).unwrap();
    let other = log.append_once(&Leaf::new("hit.raised", at(99)).id("hit_7")).unwrap();
    assert_eq!((first.index, other.index, &other.leaf), (2, 2, &first.leaf));
    assert!(other.check(log.vkey()).is_ok());
    assert!(log.has("hit.raised", "hit_7") && !log.has("hit.verdict", "hit_7"));
    assert_eq!(log.append_once(&Leaf::new("hit.verdict", at(1)).id("hit_7")).unwrap().index, 3);
    // Leaves without an id are never the same.
    assert_eq!(log.append_once(&Leaf::new("software.start", at(1))).unwrap().index, 4);
    assert_eq!(log.append_once(&Leaf::new("software.start", at(1))).unwrap().index, 5);
    drop(log);
    let log = reopen(dir.path()).unwrap();
    assert_eq!(log.append_once(&leaf(7)).unwrap().index, 2);
    assert_eq!(log.size(), 6);
}

#[test]
fn many_threads_share_one_log() {
    let dir = tempfile::tempdir().unwrap();
    let log = build(dir.path(), 250);
    let mut indexes = BTreeSet::new();
    std::thread::scope(|scope| {
        let run = |thread: u64| {
            let log = &log;
            scope.spawn(move || {
                let own = (0..20).map(|n| {
                    let entry = log.append(&leaf(1000 + thread * 100 + n)).unwrap();
                    assert_eq!(entry.check(log.vkey()).unwrap(), leaf(1000 + thread * 100 + n));
                    entry.index
                });
                let own: Vec<u64> = own.collect();
                let shared = log.append_once(&leaf(999)).unwrap();
                (own, shared.check(log.vkey()).map(|l| l == leaf(999)).unwrap(), shared.index)
            })
        };
        let threads: Vec<_> = (0..8).map(run).collect();
        for thread in threads {
            let (own, same, shared) = thread.join().unwrap();
            assert!(same);
            indexes.extend(own);
            indexes.insert(shared);
        }
    });
    assert_eq!(indexes, (250..250 + 161).collect());
    assert_eq!(verify(dir.path(), log.vkey()).unwrap().figures, log.figures());
    assert_eq!(reopen(dir.path()).unwrap().size(), 411);
}

#[test]
fn the_wrong_key_or_origin_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = build(dir.path(), 2);
    let vkey = log.vkey().to_owned();
    drop(log);
    let open = |origin: &str, key| Log::open(Quick::boxed(dir.path()), origin, key);
    assert!(open(ORIGIN, SigningKey::from_seed([8; 32])).is_err());
    assert!(open("homeplate/shelbyville", key()).is_err());
    assert!(verify(dir.path(), &vkey.replace("springfield", "shelbyville")).is_err());
    assert!(verify(dir.path(), &vkey).is_ok());
    let nowhere = verify(&dir.path().join("nowhere"), &vkey).unwrap_err();
    assert_eq!(nowhere.kind(), Kind::NotFound);
    assert_eq!(reopen(&dir.path().join("nowhere")).err().unwrap().kind(), Kind::NotFound);
}

#[test]
fn a_log_in_use_is_never_called_tampered_with() {
    let dir = tempfile::tempdir().unwrap();
    drop(build(&dir.path().join("log"), 240));
    let root = dir.path().join("log");
    let log = Log::open(Box::new(Folder::new(&root)), ORIGIN, key()).unwrap();
    let vkey = log.vkey().to_owned();
    let mut accepted = 0;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| extend(&log, 270));
        while !writer.is_finished() {
            match verify(&root, &vkey) {
                Ok(report) => accepted = report.size,
                // Too busy to be looked at whole.
                Err(e) => assert_eq!(e.kind(), Kind::Conflict, "{e}"),
            }
        }
    });
    assert!(accepted <= 270 && verify(&root, &vkey).unwrap().size == 270);
}
