//! A folder of SQLite files: our own folder only, one process at a time.

use super::sqlite::{self, remove, sync_folder};
use super::{Part, There};
use base::{Day, Error, Result};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A folder that this process has to itself.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: PathBuf,
    /// Locked as long as this lives.
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is not there, and locks it.
    pub fn open(dir: &Path) -> Result<Self> {
        make_folder(dir)?;
        Ok(Self { dir: dir.to_owned(), _lock: lock(dir)? })
    }

    /// What is in it.
    pub fn look(&self) -> Result<There> {
        look(&self.dir)
    }

    /// Puts the names of the files on disk, and makes the folder of the days.
    pub fn ready(&self) -> Result<()> {
        make_folder(&self.dir.join("reads"))?;
        sync_folder(&self.dir).map_err(|e| unusable(&self.dir, e))
    }

    /// A part's file below the folder, as messages name it.
    pub fn name(part: Part) -> String {
        match part {
            Part::Control => "control.db".into(),
            Part::HotList => "hotlist.db".into(),
            Part::Day(day) => format!("reads/{day}.db"),
        }
    }

    /// Opens a part's file, or makes it.
    pub fn open_part(&self, part: Part) -> Result<sqlite::Db> {
        let name = Self::name(part);
        sqlite::Db::open(&self.dir.join(&name), &name, part.kind())
    }

    /// Removes the file of a day.
    pub fn drop_day(&self, day: Day) -> Result<()> {
        let name = Self::name(Part::Day(day));
        remove(&self.dir.join(&name)).map_err(|e| {
            Error::unavailable(format!("{name} cannot be removed; check the folder's owner."))
                .because(e)
        })
    }
}

fn unusable(dir: &Path, e: io::Error) -> Error {
    Error::unavailable(format!(
        "The folder {} cannot be used; check its owner and the disk.",
        dir.display()
    ))
    .because(e)
}

/// Makes a folder that its owner alone looks into.
pub(super) fn make_folder(dir: &Path) -> Result<()> {
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

/// Looks around before anything is made: a folder with other things in it is not ours to fill.
pub(super) fn look(dir: &Path) -> Result<There> {
    let mut there = There { control: false, hotlist: false, days: Vec::new() };
    let names = |dir: &Path| -> io::Result<Vec<String>> {
        fs::read_dir(dir)?
            .map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    for name in names(dir).map_err(|e| unusable(dir, e))? {
        match name.as_str() {
            "hotlist.db" => there.hotlist = true,
            "control.db" => there.control = true,
            "reads" | "pictures" | "lock" => {}
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
