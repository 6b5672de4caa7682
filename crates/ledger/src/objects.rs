//! Where the log's files lie: named byte strings, written durably, one of them swapped whole.
//!
//! The log needs no more than this, so that a folder today and an object store later are one to it.

use base::{Error, Result, write_atomic};
use std::any::Any;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Held as long as its owner may write the log.
pub type Guard = Box<dyn Any + Send + Sync>;

/// A place for the log's files. Names are relative and use `/`.
pub trait Objects: Send + Sync {
    /// The bytes under this name, if there are any.
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>>;
    /// Writes or overwrites; on return the bytes survive a power cut.
    fn put(&self, path: &str, bytes: &[u8]) -> Result<()>;
    /// [`Objects::put`] for several at once; on return all of them survive a power cut. If it fails, or
    /// the process dies in it, any of them may be there, in part or whole.
    fn put_all(&self, all: &[(String, &[u8])]) -> Result<()> {
        all.iter().try_for_each(|(path, bytes)| self.put(path, bytes))
    }
    /// [`Objects::put`] if what is there now is `expected` (`None`: nothing); a `Conflict` if not.
    fn replace(&self, path: &str, expected: Option<&[u8]>, new: &[u8]) -> Result<()>;
    /// [`Objects::put_all`] of `all` and then [`Objects::replace`]: on return everything survives a
    /// power cut, and whatever moment it is cut short at, the swapped name has the old bytes or the
    /// new ones, and the new ones only after everything else.
    fn commit(
        &self,
        all: &[(String, &[u8])],
        path: &str,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<()> {
        self.put_all(all)?;
        self.replace(path, expected, new)
    }
    /// All names that start with `prefix`, in order.
    fn list(&self, prefix: &str) -> Result<Vec<String>>;
    /// Removes; fine if nothing is there.
    fn remove(&self, path: &str) -> Result<()>;
    /// Keeps other writers away; a `Conflict` if there is one. Nothing to do where
    /// [`Objects::replace`] alone already decides.
    fn lock(&self) -> Result<Guard> {
        Ok(Box::new(()))
    }
}

/// The log's files in a folder. Its lock file lies beside it, so that all in it is the log.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// This folder; it is made with the first file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    fn beside(&self) -> PathBuf {
        let mut name = self.0.file_name().unwrap_or("log".as_ref()).to_owned();
        name.push(".lock");
        self.0.with_file_name(name)
    }
}

impl Objects for Folder {
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match fs::read(self.0.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(e) => Err(self.trouble("read", path, e)),
        }
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let path = self.0.join(path);
        if let Some(folder) = path.parent() {
            make(folder).map_err(|e| self.trouble("made", "a folder", e))?;
        }
        write_atomic(&path, bytes)
    }

    /// All are written before the first is synced, and then all are synced at the same time: the file
    /// system makes one commit of its journal of them instead of one each.
    fn put_all(&self, all: &[(String, &[u8])]) -> Result<()> {
        let mut open = Vec::with_capacity(2 * all.len());
        let mut folders = BTreeSet::new();
        for (path, bytes) in all {
            let trouble = |e| self.trouble("written", path, e);
            let full = self.0.join(path);
            if let Some(folder) = full.parent() {
                make(folder).map_err(trouble)?;
                folders.insert(folder.to_owned());
            }
            let mut file = File::create(&full).map_err(trouble)?;
            file.write_all(bytes).map_err(trouble)?;
            open.push(file);
        }
        for folder in folders {
            open.push(File::open(&folder).map_err(|e| self.trouble("opened", "a folder", e))?);
        }
        let synced = std::thread::scope(|scope| {
            let syncs: Vec<_> = open.iter().map(|f| scope.spawn(|| f.sync_all())).collect();
            syncs.into_iter().try_for_each(|sync| match sync.join() {
                Ok(done) => done,
                Err(_) => Err(std::io::Error::other("a sync panicked")),
            })
        });
        synced.map_err(|e| self.trouble("synced", "a file", e))
    }

    /// What is to be swapped in is synced together with the rest, under another name: one wait for the
    /// disk less.
    fn commit(
        &self,
        all: &[(String, &[u8])],
        path: &str,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<()> {
        if self.get(path)?.as_deref() != expected {
            return Err(other_writer());
        }
        let beside = format!("{path}.new");
        let mut with_it: Vec<(String, &[u8])> = all.to_vec();
        with_it.push((beside.clone(), new));
        self.put_all(&with_it)?;
        let full = self.0.join(path);
        std::fs::rename(self.0.join(&beside), &full)
            .and_then(|()| File::open(full.parent().unwrap_or(Path::new(".")))?.sync_all())
            .map_err(|e| self.trouble("replaced", path, e))
    }

    fn replace(&self, path: &str, expected: Option<&[u8]>, new: &[u8]) -> Result<()> {
        if self.get(path)?.as_deref() != expected {
            return Err(other_writer());
        }
        self.put(path, new)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        // Only the folder that all names with the prefix lie in is walked.
        let (within, _) = prefix.rsplit_once('/').unwrap_or(("", prefix));
        let mut found = Vec::new();
        walk(&self.0.join(within), within, &mut found)
            .map_err(|e| self.trouble("listed", within, e))?;
        found.retain(|name| name.starts_with(prefix));
        found.sort();
        Ok(found)
    }

    fn remove(&self, path: &str) -> Result<()> {
        let path = self.0.join(path);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                return Err(self.trouble("removed", &path.to_string_lossy(), e));
            }
            _ => {}
        }
        // The folder of partial tiles goes with the last of them; it stays while it holds one.
        if let Some(folder) = path.parent().filter(|f| f.extension().is_some_and(|e| e == "p")) {
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }

    fn lock(&self) -> Result<Guard> {
        let path = self.beside();
        let trouble = |e: std::io::Error| self.trouble("locked", &path.to_string_lossy(), e);
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(trouble)?;
        }
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(trouble)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(fs::TryLockError::WouldBlock) => Err(Error::conflict(
                "Another process is writing this log; stop it, or send the request to it.",
            )),
            Err(fs::TryLockError::Error(e)) => Err(trouble(e)),
        }
    }
}

impl Folder {
    fn trouble(&self, done: &str, what: &str, e: std::io::Error) -> Error {
        Error::unavailable(format!(
            "In the log folder {}, {what} cannot be {done}; check the disk and the folder's owner.",
            self.0.display()
        ))
        .because(e)
    }
}

fn other_writer() -> Error {
    Error::conflict(
        "Somebody else has written to this log; stop the other process and start again.",
    )
}

/// Makes a folder and those above it; each new name is on disk before anything is put into it.
fn make(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make(above)?;
    match fs::create_dir(folder) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    File::open(above)?.sync_all()
}

fn walk(folder: &Path, name: &str, found: &mut Vec<String>) -> std::io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(e) => return Err(e),
    };
    for entry in entries {
        let entry = entry?;
        let last = entry.file_name();
        let last = last.to_string_lossy();
        let inner = if name.is_empty() { last.into_owned() } else { format!("{name}/{last}") };
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &inner, found)?;
        } else {
            found.push(inner);
        }
    }
    Ok(())
}
