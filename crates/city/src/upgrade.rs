//! Another version of the program over the data of a city: what would change, how long, and back again.
//!
//! The log, the keys and the rules are never part of it: they only ever grow, or are replaced by adopted ones. What
//! migrates is the store, and of it alone copies are kept (`design/0019-upgrades.md`).

use crate::init::Paths;
use crate::{City, Config, Engine};
use base::{Error, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::{Schema, keep, put_back, rehearse, schemas};

/// The folder of the copies, in the city's.
const KEPT: &str = "before-upgrade";

/// What this program would do to a city's store.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// Databases in all.
    pub databases: usize,
    /// Those that would change.
    pub changing: Vec<Schema>,
    /// How long that takes: measured on copies of the largest of each kind, the others by their size.
    pub takes: Duration,
}

impl Upgrade {
    /// Bytes that copies of what changes need.
    pub fn room(&self) -> u64 {
        self.changing.iter().map(|one| one.bytes).sum()
    }
}

/// Looks, and tries on copies in `scratch`; changes nothing. A server may be running.
///
/// # Errors
/// The store is PostgreSQL's, cannot be read, is newer than this program, or a migration fails on a copy.
pub fn look(dir: &Path, scratch: &Path) -> Result<Upgrade> {
    let store = folder(dir)?.ok_or_else(of_postgres)?;
    let all = schemas(&store)?;
    let changing: Vec<Schema> = all.iter().filter(|one| one.changes()).cloned().collect();
    let mut takes = Duration::ZERO;
    for same in
        [|n: &str| n == "control.db", |n: &str| n == "hotlist.db", |n: &str| n.contains('/')]
    {
        let kind: Vec<&Schema> = changing.iter().filter(|one| same(&one.name)).collect();
        let Some(largest) = kind.iter().max_by_key(|one| one.bytes) else { continue };
        let one = rehearse(&store, largest, scratch)?;
        let bytes: u64 = kind.iter().map(|one| one.bytes).sum();
        takes += one.mul_f64(bytes as f64 / largest.bytes.max(1) as f64);
    }
    Ok(Upgrade { databases: all.len(), changing, takes })
}

/// Where copies of what changes lie, until the new version serves: in the city's own folder, for they may spell a hot list.
pub fn kept(dir: &Path) -> PathBuf {
    dir.join(KEPT)
}

/// Keeps copies of what opening with this program would change; `None` where the store is PostgreSQL's, which has tools
/// of its own. The server is not running.
///
/// # Errors
/// The store cannot be read, is newer than this program, or there is no room.
pub fn keep_before(dir: &Path, to: &Path) -> Result<Option<Vec<String>>> {
    folder(dir)?.map(|store| keep(&store, to)).transpose()
}

/// Puts those copies back, and removes them.
///
/// # Errors
/// There are none, the server runs, or a file cannot be written.
pub fn put_back_before(from: &Path, dir: &Path) -> Result<Vec<String>> {
    let Some(store) = folder(dir)? else { return Ok(Vec::new()) };
    if !from.exists() {
        return Err(Error::not_found(format!(
            "There are no copies in {}; nothing was changed.",
            from.display()
        )));
    }
    let names = put_back(from, &store)?;
    forget_before(from)?;
    Ok(names)
}

/// Removes copies that nobody goes back to any more: they hold plates.
///
/// # Errors
/// A file cannot be removed.
pub fn forget_before(from: &Path) -> Result<()> {
    match std::fs::remove_dir_all(from) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::unavailable(format!(
            "{} cannot be removed; do it by hand, it may spell plates of a hot list.",
            from.display()
        ))
        .because(e)),
        _ => Ok(()),
    }
}

fn of_postgres() -> Error {
    Error::unavailable(
        "The store is in PostgreSQL: make a dump with pg_dump before the new version is started; \
         guide/postgres.md.",
    )
}

impl City {
    /// Whether this version can do its work over the city's data: store, log and keys answer. What else is not well
    /// (a witness, a bucket, the clock) is no version's fault, and is said elsewhere.
    ///
    /// # Errors
    /// The first that does not.
    pub fn fit(&self) -> Result<()> {
        let parts = self.health();
        let ours = ["store", "log", "keys"];
        match parts.into_iter().find(|p| !p.fine && ours.contains(&p.part.as_str())) {
            None => Ok(()),
            Some(part) => Err(Error::unavailable(part.message.unwrap_or(part.part))),
        }
    }
}

/// The folder of the store; none where it is PostgreSQL's.
fn folder(dir: &Path) -> Result<Option<PathBuf>> {
    let paths = Paths::new(dir);
    let config = Config::load(&paths.config)?;
    Ok((config.store.engine != Engine::Postgres).then_some(paths.store))
}
