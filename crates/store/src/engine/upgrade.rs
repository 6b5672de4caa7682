//! What opening a store with this program would change; tried on copies; and copies to go back to.
//!
//! Nothing here migrates what a city has: that is opening's. In a folder copies are files, on PostgreSQL schemas beside
//! those that they are of.

mod files;

use super::postgres::before;
use super::{Home, Part, Place};
use crate::open::Store;
use base::Result;
use std::path::Path;
use std::time::Duration;

/// A database and its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// As messages name it: `control.db`, `reads/2026-11-23.db`, `homeplate_d2026_11_23`.
    pub name: String,
    /// The migrations that it has.
    pub has: u32,
    /// Those that this program knows.
    pub wants: u32,
    /// Its size in bytes.
    pub bytes: u64,
    pub(crate) part: Part,
}

impl Schema {
    /// Whether opening it changes it.
    pub fn changes(&self) -> bool {
        self.has < self.wants
    }
}

/// Every database of a store but days whose files are damaged, read and not changed; a server may have it open.
///
/// # Errors
/// One cannot be read, or was written by a newer program.
pub fn schemas(place: &Place) -> Result<Vec<Schema>> {
    match place {
        Place::Folder(dir) => files::schemas(dir),
        Place::Postgres { url, schema } => before::schemas(&url.0, schema),
    }
}

/// Brings copies of the largest database of each kind up to date, and says how long all of `changing` take by that. Files
/// are copied to `scratch`, an empty folder; PostgreSQL's copies have never been when this returns. The originals are only
/// read. In place of a damaged day the next largest is taken.
///
/// # Errors
/// There is no room for a copy, or a migration fails: then it would fail on the original too.
pub fn rehearse(place: &Place, changing: &[Schema], scratch: &Path) -> Result<Duration> {
    let mut takes = Duration::ZERO;
    for word in ["control", "hotlist", "reads"] {
        let mut kind: Vec<&Schema> =
            changing.iter().filter(|one| one.part.kind().word() == word).collect();
        kind.sort_by_key(|one| std::cmp::Reverse(one.bytes));
        let tried = kind.iter().find_map(|one| {
            let took = match place {
                Place::Folder(dir) => files::rehearse(dir, one, scratch),
                Place::Postgres { url, schema } => before::rehearse(&url.0, schema, one).map(Some),
            };
            took.transpose().map(|took| took.map(|took| (one.bytes, took)))
        });
        let Some((largest, one)) = tried.transpose()? else { continue };
        let bytes: u64 = kind.iter().map(|one| one.bytes).sum();
        takes += one.mul_f64(bytes as f64 / largest.max(1) as f64);
    }
    Ok(takes)
}

/// Copies the databases that opening would change: to `to`, a folder that is made, or beside the originals in their
/// database; answers their names. A copy that is there already stays: it is of an upgrade that was cut off, and the older
/// one is the way back.
///
/// # Errors
/// Somebody has the store open, or a copy cannot be written.
pub fn keep(place: &Place, to: &Path) -> Result<Vec<String>> {
    match place {
        Place::Folder(dir) => files::keep(dir, to),
        Place::Postgres { url, schema } => before::keep(&url.0, schema),
    }
}

/// Puts copies that [`keep`] made back in place of what has become of them; answers their names. Repeating it finishes
/// what was cut off. On PostgreSQL there are no copies any more afterwards.
///
/// # Errors
/// Somebody has the store open, or something cannot be written.
pub fn put_back(from: &Path, place: &Place) -> Result<Vec<String>> {
    match place {
        Place::Folder(dir) => files::put_back(from, dir),
        Place::Postgres { url, schema } => before::put_back(&url.0, schema),
    }
}

/// Drops copies that lie in a PostgreSQL database; those in a folder are the caller's.
///
/// # Errors
/// The database does not answer.
pub fn forget(place: &Place) -> Result<()> {
    match place {
        Place::Folder(_) => Ok(()),
        Place::Postgres { url, schema } => before::forget(&url.0, schema),
    }
}

impl Store {
    /// The same of the store that is open.
    pub fn forget_before(&self) -> Result<()> {
        match &self.home {
            Home::Folder(_) => Ok(()),
            Home::Postgres(server) => before::drop_copies(server),
        }
    }
}
