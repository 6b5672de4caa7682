//! Which pages of a database file have changed: so that a copy of it elsewhere gets those alone.
//!
//! SQLite writes changed pages to its write-ahead log and later moves them to the main file. Once a file is
//! followed nobody but we move them: the numbers of the pages in the log are read from its frames first. Frames
//! are told from leftovers by the log's salts; a page that a transaction wrote and took back is counted as
//! changed too, which costs a copy of it and no more. (Format: <https://www.sqlite.org/fileformat.html>, 4.1.)
//!
//! Holds: between [`sqlite::Db::changed`] and the next write through the connection, the main file is the whole
//! database. The file is opened once and stays open as long as the connection: closing any handle of a file
//! ends the locks that this process has on it, SQLite's own included.

use super::sqlite::{Db, beside, told};
use base::{Error, Result};
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

const WAL_HEAD: usize = 32;
const FRAME_HEAD: usize = 24;
/// Where nobody has asked for the changes until the write-ahead log is so long, we move them ourselves.
const LONGEST: u64 = 32 << 20;

/// A file whose changes are kept apart.
pub(crate) struct Followed {
    file: Arc<File>,
    pages: BTreeSet<u32>,
    /// How long the write-ahead log may become before the next write.
    bound: u64,
}

/// What changed in a file, which is whole as long as nobody writes to the database.
pub struct Changed {
    file: Arc<File>,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of a page.
    pub page: u64,
    /// Which pages changed, from 0.
    pub pages: Vec<u64>,
}

impl Changed {
    /// Bytes of the file as they are now; fewer at its end.
    pub fn read(&self, at: u64, len: usize) -> Result<Vec<u8>> {
        read(&self.file, at, (self.size.saturating_sub(at)).min(len as u64) as usize)
    }
}

/// A file that stays as it is while this lives: a transaction that only reads holds it.
pub struct Still {
    file: Arc<File>,
    /// Bytes of the file.
    pub size: u64,
    /// When it was written last, by the file system.
    pub modified: Option<SystemTime>,
    _reader: Connection,
}

impl Still {
    /// Bytes of the file; fewer at its end.
    pub fn read(&self, at: u64, len: usize) -> Result<Vec<u8>> {
        read(&self.file, at, (self.size.saturating_sub(at)).min(len as u64) as usize)
    }

    /// The open file: it is to be kept for as long as the database may be open.
    pub(crate) fn file(&self) -> Arc<File> {
        self.file.clone()
    }
}

fn unreadable(e: io::Error) -> Error {
    Error::unavailable("A database file cannot be read; check the disk.").because(e)
}

fn read(file: &File, at: u64, len: usize) -> Result<Vec<u8>> {
    let mut out = vec![0; len];
    file.read_exact_at(&mut out, at).map_err(unreadable)?;
    Ok(out)
}

impl Db {
    fn place(&self) -> Result<&Path> {
        self.path.as_deref().ok_or_else(|| Error::internal("A database in memory has no file."))
    }

    /// Keeps changes apart from now on.
    pub fn follow(&self) -> Result<()> {
        if self.followed.borrow().is_some() {
            return Ok(());
        }
        let file = Arc::new(File::open(self.place()?).map_err(unreadable)?);
        self.conn
            .pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
            .map_err(|e| told(self.name(), e))?;
        *self.followed.borrow_mut() =
            Some(Followed { file, pages: BTreeSet::new(), bound: LONGEST });
        Ok(())
    }

    /// Reads from the write-ahead log which pages are in it.
    pub(super) fn note_changes(&self) -> Result<()> {
        let mut followed = self.followed.borrow_mut();
        let Some(followed) = followed.as_mut() else { return Ok(()) };
        let mut wal = Vec::new();
        match File::open(beside(self.place()?, "-wal")) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.and_then(|mut f| f.read_to_end(&mut wal)).map_err(unreadable)?,
        };
        followed.pages.extend(pages_in(&wal));
        Ok(())
    }

    /// Before a write: keeps the write-ahead log from growing without bound where nobody asks for the changes. Which
    /// they were stays known. Where another program reads, or the disk does not take them, it is tried again later.
    pub(super) fn relieve(&self) {
        let Ok(place) = self.place() else { return };
        let bound = self.followed.borrow().as_ref().map(|followed| followed.bound);
        let size =
            bound.and_then(|_| fs::metadata(beside(place, "-wal")).ok()).map_or(0, |m| m.len());
        if bound.is_none_or(|bound| size < bound) {
            return;
        }
        let moved = self.note_changes().and_then(|()| {
            self.conn
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
                .map_err(|e| told(self.name(), e))
        });
        if let Some(followed) = self.followed.borrow_mut().as_mut() {
            followed.bound = LONGEST + if matches!(moved, Ok(0)) { 0 } else { size };
        }
    }

    /// Moves everything into the main file, and says which pages changed since the last time. `None` where it
    /// is not followed, or another program reads: then the changes come with the next call.
    pub fn changed(&self) -> Result<Option<Changed>> {
        if self.followed.borrow().is_none() {
            return Ok(None);
        }
        let waits = fs::metadata(beside(self.place()?, "-wal")).is_ok_and(|m| m.len() > 0);
        if waits {
            self.note_changes()?;
            let busy: i64 = self
                .conn
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
                .map_err(|e| told(self.name(), e))?;
            if busy != 0 {
                return Ok(None);
            }
        }
        let mut followed = self.followed.borrow_mut();
        let Some(followed) = followed.as_mut() else { return Ok(None) };
        let size = followed.file.metadata().map_err(unreadable)?.len();
        let page: i64 = self
            .conn
            .pragma_query_value(None, "page_size", |row| row.get(0))
            .map_err(|e| told(self.name(), e))?;
        let page = page.max(512).unsigned_abs();
        let pages = std::mem::take(&mut followed.pages).into_iter();
        let pages = pages.map(|n| u64::from(n.saturating_sub(1))).filter(|n| n * page < size);
        let pages = pages.collect();
        Ok(Some(Changed { file: followed.file.clone(), size, page, pages }))
    }

    /// Moves everything into the main file and holds that still. `file` is what was opened of it before. While
    /// another program reads, this is [`base::Kind::Busy`]: what it reads keeps nobody from writing to the main file.
    pub fn still(&self, file: Option<Arc<File>>) -> Result<Still> {
        if !self.emptied()? {
            return Err(Error::busy(format!(
                "{} is held by another program; try again when that is done.",
                self.name()
            )));
        }
        let path = self.place()?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(path, flags).map_err(|e| told(self.name(), e))?;
        reader
            .execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")
            .map_err(|e| told(self.name(), e))?;
        let file = match file {
            Some(file) => file,
            None => Arc::new(File::open(path).map_err(unreadable)?),
        };
        let meta = file.metadata().map_err(unreadable)?;
        let (size, modified) = (meta.len(), meta.modified().ok());
        Ok(Still { file, size, modified, _reader: reader })
    }
}

/// The numbers of the pages in a write-ahead log, from 1; of another log's leftovers none.
fn pages_in(wal: &[u8]) -> BTreeSet<u32> {
    let number = |bytes: &[u8], at: usize| {
        bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes)
    };
    let Some((head, frames)) = wal.split_at_checked(WAL_HEAD) else { return BTreeSet::new() };
    // 1 stands for 65,536.
    let page = match number(head, 8) {
        1 => 65_536,
        size => size as usize,
    };
    if !(512..=65_536).contains(&page) {
        return BTreeSet::new();
    }
    frames
        .chunks_exact(FRAME_HEAD + page)
        .filter(|frame| frame[8..16] == head[16..24])
        .map(|frame| number(frame, 0))
        .collect()
}
