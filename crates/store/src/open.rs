//! Opening: one process at a time, our own folder only, nothing silently begun anew.

use crate::days::Days;
use crate::engine::{Arg, Db, Kind, sync_folder};
use base::{Day, Error, Result};
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Says in the control data that the folder was made whole: from then on a missing file is a loss.
const MADE: &str = "store";

/// An open store. Every method takes `&self`; threads share it.
pub struct Store {
    pub(crate) dir: PathBuf,
    pub(crate) control: Mutex<Db>,
    pub(crate) hotlist: Mutex<Db>,
    pub(crate) days: Days,
    /// Held while somebody relays: the position is read before and written after.
    pub(crate) relaying: Mutex<()>,
    /// Locked as long as this lives; last, so that the databases are closed before it is let go.
    _lock: File,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.dir.display())
    }
}

/// A database behind its lock. A panic while it was held leaves no transaction behind: that was
/// undone when it was dropped.
pub(crate) fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Opens the store in `dir`, or makes one where nothing is. Days that were being dropped when
    /// the process died are dropped now; what was not relayed is relayed by the next
    /// [`Store::relay`].
    pub fn open(dir: &Path) -> Result<Store> {
        make_folder(dir)?;
        let lock = lock(dir)?;
        let there = look(dir)?;
        let mut control = Db::open(&dir.join("control.db"), "control.db", Kind::Control)?;
        let made =
            control.first("SELECT value FROM meta WHERE key = ?1", &[Arg::from(MADE)])?.is_some();
        if !made && !there.days.is_empty() {
            return Err(lost("control.db"));
        }
        if made && !there.hotlist {
            return Err(lost("hotlist.db"));
        }
        let hotlist = Db::open(&dir.join("hotlist.db"), "hotlist.db", Kind::HotList)?;
        make_folder(&dir.join("reads"))?;
        if !made {
            sync_folder(dir).map_err(|e| unusable(dir, e))?;
            let args = [Arg::from(MADE), Arg::from("1")];
            control.exec("INSERT INTO meta (key, value) VALUES (?1, ?2)", &args)?;
        }
        let days = Days::open(dir, &control, &there.days)?;
        Ok(Store {
            dir: dir.to_owned(),
            control: Mutex::new(control),
            hotlist: Mutex::new(hotlist),
            days,
            relaying: Mutex::new(()),
            _lock: lock,
        })
    }

    pub(crate) fn control(&self) -> MutexGuard<'_, Db> {
        hold(&self.control)
    }

    /// What is wrong with the stored files, in sentences; nothing if all is well.
    pub fn check(&self) -> Result<Vec<String>> {
        let mut wrong = self.control().check(Kind::Control)?;
        wrong.extend(hold(&self.hotlist).check(Kind::HotList)?);
        wrong.extend(self.check_days()?);
        Ok(wrong)
    }
}

fn unusable(dir: &Path, e: io::Error) -> Error {
    Error::unavailable(format!(
        "The folder {} cannot be used; check its owner and the disk.",
        dir.display()
    ))
    .because(e)
}

fn lost(name: &str) -> Error {
    Error::unavailable(format!(
        "{name} is missing from a store that had it; restore it from a backup."
    ))
}

fn make_folder(dir: &Path) -> Result<()> {
    let mut maker = DirBuilder::new();
    maker.recursive(true).mode(0o700).create(dir).map_err(|e| unusable(dir, e))
}

fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|e| unusable(dir, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::unavailable(format!(
            "Another process has the store in {} open; stop it first.",
            dir.display()
        ))),
        Err(TryLockError::Error(e)) => Err(unusable(dir, e)),
    }
}

struct There {
    hotlist: bool,
    days: Vec<Day>,
}

/// Looks around before anything is made: a folder with other things in it is not ours to fill.
fn look(dir: &Path) -> Result<There> {
    let mut there = There { hotlist: false, days: Vec::new() };
    let names = |dir: &Path| -> io::Result<Vec<String>> {
        fs::read_dir(dir)?
            .map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    for name in names(dir).map_err(|e| unusable(dir, e))? {
        match name.as_str() {
            "hotlist.db" => there.hotlist = true,
            "reads" | "lock" | "control.db" => {}
            other if ours_beside(other, &["control.db", "hotlist.db"]) => {}
            _ => return Err(foreign(dir)),
        }
    }
    let reads = dir.join("reads");
    if reads.exists() {
        for name in names(&reads).map_err(|e| unusable(&reads, e))? {
            let day = |name: &str| name.strip_suffix(".db").and_then(|d| d.parse::<Day>().ok());
            match day(&name) {
                Some(day) => there.days.push(day),
                None if name.rsplit_once('-').is_some_and(|(base, suffix)| {
                    day(base).is_some() && matches!(suffix, "wal" | "shm")
                }) => {}
                None => return Err(foreign(&reads)),
            }
        }
    }
    there.days.sort_unstable();
    Ok(there)
}

fn ours_beside(name: &str, bases: &[&str]) -> bool {
    bases.iter().any(|base| {
        name.strip_prefix(base).is_some_and(|rest| matches!(rest, "-wal" | "-shm" | "-journal"))
    })
}

fn foreign(dir: &Path) -> Error {
    Error::invalid(format!(
        "{} holds files that are not a store's; choose an empty folder, or move them away.",
        dir.display()
    ))
}
