//! What the tests share: a log's key, plain leaves, and a folder that skips the syncs.

use base::{Error, Result, SigningKey, Time};
use ledger::{Folder, Leaf, Log, Objects};
use std::path::{Path, PathBuf};

pub const ORIGIN: &str = "homeplate/springfield";

pub fn key() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

pub fn at(minute: u64) -> Time {
    let start: Time = "2026-11-23T08:00:00Z".parse().unwrap();
    start.plus_millis(minute as i64 * 60_000)
}

/// The leaf that stands at place `n` of a test log.
pub fn leaf(n: u64) -> Leaf {
    Leaf::new("hit.raised", at(n)).id(format!("hit_{n}")).fact("list", "lst_stolen")
}

/// A [`Folder`] without its syncs: a test that writes thousands of files need not wait for the disk.
pub struct Quick {
    root: PathBuf,
    folder: Folder,
}

impl Quick {
    pub fn boxed(root: &Path) -> Box<dyn Objects> {
        Box::new(Self { root: root.to_owned(), folder: Folder::new(root) })
    }
}

impl Objects for Quick {
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.folder.get(path)
    }
    fn put(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        Ok(())
    }
    fn replace(&self, path: &str, expected: Option<&[u8]>, new: &[u8]) -> Result<()> {
        if self.get(path)?.as_deref() != expected {
            return Err(Error::conflict("not what was expected"));
        }
        self.put(path, new)
    }
    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.folder.list(prefix)
    }
    fn remove(&self, path: &str) -> Result<()> {
        self.folder.remove(path)
    }
}

/// A log of `size` entries in this folder, each appended on its own.
pub fn build(root: &Path, size: u64) -> Log {
    let log = Log::create(Quick::boxed(root), ORIGIN, key()).unwrap();
    extend(&log, size);
    log
}

pub fn extend(log: &Log, size: u64) {
    for n in log.size()..size {
        assert_eq!(log.append(&leaf(n)).unwrap().index, n);
    }
}

pub fn reopen(root: &Path) -> Result<Log> {
    Log::open(Quick::boxed(root), ORIGIN, key())
}

/// All files of the folder, by name.
pub fn files(root: &Path) -> Vec<String> {
    Folder::new(root).list("").unwrap()
}

pub fn copy(from: &Path, to: &Path) {
    for name in files(from) {
        std::fs::create_dir_all(to.join(&name).parent().unwrap()).unwrap();
        std::fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}
