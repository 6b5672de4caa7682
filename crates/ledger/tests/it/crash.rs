//! The process dies at every single write; the disk fills up at every single write.

use crate::support::{ORIGIN, Quick, build, copy, extend, files, key, leaf, reopen};
use base::{Error, Result};
use ledger::{Log, Objects, verify};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How the write that fails does so.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    /// Nothing of it is there.
    Before,
    /// A temporary file is left, half-written, where a new file was to come.
    Torn,
    /// It is there, but nobody was told.
    After,
}

struct Failing {
    inner: Box<dyn Objects>,
    /// Writes until the one that fails; negative once it has.
    left: Arc<AtomicI64>,
    how: How,
    /// Whether everything after it fails as well, as for a process that died.
    dead: bool,
}

impl Failing {
    fn strike(&self, path: &str, write: &dyn Fn() -> Result<()>) -> Result<()> {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        if left > 0 || (left < 0 && !self.dead) {
            return write();
        }
        if left == 0 && self.how == How::After {
            write()?;
        }
        if left == 0
            && self.how == How::Torn
            && (path == "checkpoint" || self.inner.get(path)?.is_none())
        {
            // A tile is written where it will stay; only the checkpoint is swapped in.
            let torn = if path == "checkpoint" { "checkpoint.new" } else { path };
            self.inner.put(torn, b"half")?;
        }
        Err(Error::unavailable("the disk is full"))
    }
}

impl Objects for Failing {
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.inner.get(path)
    }
    fn put(&self, path: &str, bytes: &[u8]) -> Result<()> {
        self.strike(path, &|| self.inner.put(path, bytes))
    }
    fn replace(&self, path: &str, expected: Option<&[u8]>, new: &[u8]) -> Result<()> {
        self.strike(path, &|| self.inner.replace(path, expected, new))
    }
    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.inner.list(prefix)
    }
    fn remove(&self, path: &str) -> Result<()> {
        self.strike(path, &|| self.inner.remove(path))
    }
}

/// A log whose next appends fill a tile: earlier partial tiles are taken out to keep the test short.
fn before_the_border(root: &Path) {
    drop(build(root, 253));
    for name in files(root).iter().filter(|n| n.contains(".p/") && !n.ends_with(".p/253")) {
        std::fs::remove_file(root.join(name)).unwrap();
    }
}

/// Appends until the log has 258 entries; the write number `k` fails. Returns whether it did.
fn check(from: &Path, k: i64, how: How, dead: bool) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    copy(from, root);
    let left = Arc::new(AtomicI64::new(k));
    let objects = Failing { inner: Quick::boxed(root), left: left.clone(), how, dead };
    let log = Log::open(Box::new(objects), ORIGIN, key()).unwrap();
    let mut acknowledged = 253;
    for n in 253..258 {
        match log.append_once(&leaf(n)) {
            Ok(entry) => acknowledged = entry.index + 1,
            Err(_) if dead => break,
            // As a caller does who is told to try again.
            Err(_) => acknowledged = log.append_once(&leaf(n)).unwrap().index + 1,
        }
    }
    let vkey = log.vkey().to_owned();
    if !dead {
        assert_eq!(verify(root, &vkey).unwrap().figures, log.figures(), "{k} {how:?}");
    }
    drop(log);
    let log = reopen(root).unwrap_or_else(|e| panic!("{k} {how:?}: {e}"));
    assert!(log.size() >= acknowledged, "{k} {how:?}: an acknowledged entry is lost");
    assert_eq!(verify(root, &vkey).unwrap().size, log.size());
    extend(&log, 260);
    let report = verify(root, &vkey).unwrap_or_else(|e| panic!("{k} {how:?}: {e}"));
    assert_eq!((report.size, report.figures.hits), (260, 260));
    assert_eq!(log.leaves(0, 260).unwrap(), (0..260).map(leaf).collect::<Vec<_>>());
    left.load(Ordering::SeqCst) < 0
}

#[test]
fn every_write_may_be_the_last() {
    let base = tempfile::tempdir().unwrap();
    before_the_border(base.path());
    for dead in [true, false] {
        for how in [How::Before, How::Torn, How::After] {
            let struck = (0..).take_while(|k| check(base.path(), *k, how, dead)).count();
            assert!(struck > 15, "only {struck} writes");
        }
    }
}

#[test]
fn an_append_that_failed_is_told_until_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    drop(build(dir.path(), 2));
    let left = Arc::new(AtomicI64::new(0));
    let how = How::Before;
    let objects = Failing { inner: Quick::boxed(dir.path()), left, how, dead: false };
    let log = Log::open(Box::new(objects), ORIGIN, key()).unwrap();
    log.healthy().unwrap();
    log.append(&leaf(2)).unwrap_err();
    assert!(log.healthy().unwrap_err().message().contains("append to the log failed"));
    log.append(&leaf(2)).unwrap();
    log.healthy().unwrap();
    std::fs::write(dir.path().join("checkpoint"), "another's\n").unwrap();
    assert!(log.healthy().is_err());
}

/// Remembers which files are read.
struct Watched {
    inner: Box<dyn Objects>,
    read: Arc<Mutex<Vec<String>>>,
}

impl Objects for Watched {
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.read.lock().unwrap().push(path.to_owned());
        self.inner.get(path)
    }
    fn put(&self, path: &str, bytes: &[u8]) -> Result<()> {
        self.inner.put(path, bytes)
    }
    fn replace(&self, path: &str, expected: Option<&[u8]>, new: &[u8]) -> Result<()> {
        self.inner.replace(path, expected, new)
    }
    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.inner.list(prefix)
    }
    fn remove(&self, path: &str) -> Result<()> {
        self.inner.remove(path)
    }
}

/// After an append that failed nobody waits until all entries are read: on a full disk every one fails.
#[test]
fn after_a_failure_the_entries_of_before_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    drop(build(dir.path(), 258));
    for how in [How::Before, How::Torn, How::After] {
        // A bundle, a tile and the checkpoint.
        for k in 0..3 {
            let left = Arc::new(AtomicI64::new(i64::MAX));
            let inner = Quick::boxed(dir.path());
            let failing = Failing { inner, left: left.clone(), how, dead: false };
            let read: Arc<Mutex<Vec<String>>> = Arc::default();
            let watched = Watched { inner: Box::new(failing), read: read.clone() };
            let log = Log::open(Box::new(watched), ORIGIN, key()).unwrap();
            let n = log.size();
            read.lock().unwrap().clear();
            left.store(k, Ordering::SeqCst);
            log.append_once(&leaf(n)).unwrap_err();
            assert_eq!(log.append_once(&leaf(n)).unwrap().index, n);
            let read = read.lock().unwrap();
            assert!(!read.iter().any(|path| path == "tile/entries/000"), "{k} {how:?}: {read:?}");
        }
    }
    assert_eq!(reopen(dir.path()).unwrap().size(), 267);
}

/// Every write takes a while, so that somebody may look at the log between two of them.
struct Slow(Box<dyn Objects>);

impl Slow {
    fn rest(&self) {
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Objects for Slow {
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.0.get(path)
    }
    fn put(&self, path: &str, bytes: &[u8]) -> Result<()> {
        self.0.put(path, bytes).inspect(|()| self.rest())
    }
    fn replace(&self, path: &str, expected: Option<&[u8]>, new: &[u8]) -> Result<()> {
        self.0.replace(path, expected, new).inspect(|()| self.rest())
    }
    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.0.list(prefix)
    }
    fn remove(&self, path: &str) -> Result<()> {
        self.0.remove(path)
    }
}

#[test]
fn an_append_under_way_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    drop(build(dir.path(), 2));
    let log = Log::open(Box::new(Slow(Quick::boxed(dir.path()))), ORIGIN, key()).unwrap();
    let looked = std::thread::scope(|s| {
        let log = &log;
        let writes = s.spawn(move || extend(log, 40));
        let mut looked = 0;
        while !writes.is_finished() {
            log.healthy().unwrap();
            looked += 1;
        }
        writes.join().unwrap();
        looked
    });
    assert!(looked > 0);
}

#[test]
fn a_log_that_was_never_finished_is_started_again() {
    for how in [How::Before, How::Torn] {
        let dir = tempfile::tempdir().unwrap();
        let left = Arc::new(AtomicI64::new(0));
        let objects = Failing { inner: Quick::boxed(dir.path()), left, how, dead: true };
        assert!(Log::create(Box::new(objects), ORIGIN, key()).is_err());
        assert!(reopen(dir.path()).is_err());
        drop(build(dir.path(), 2));
    }
}
