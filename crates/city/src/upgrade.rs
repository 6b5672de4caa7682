//! Another version of the program over the data of a city: what would change, how long, and back again.
//!
//! The log, the keys and the rules are never part of it: they only ever grow, or are replaced by adopted ones. What
//! migrates is the store, and of it alone copies are kept (`design/0019-upgrades.md`): files in a folder of the city's,
//! or schemas in its PostgreSQL database, and then that folder says that they hold.

use crate::init::Paths;
use crate::{City, Config};
use base::{Error, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::{Place, Schema, forget, keep, put_back, rehearse, schemas};

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

/// Looks, and tries on copies, in `scratch` or in the database; changes nothing. A server may be running.
///
/// # Errors
/// The store cannot be read, is newer than this program, or a migration fails on a copy.
pub fn look(dir: &Path, scratch: &Path) -> Result<Upgrade> {
    let store = place(dir)?;
    let all = schemas(&store)?;
    let changing: Vec<Schema> = all.iter().filter(|one| one.changes()).cloned().collect();
    let takes = rehearse(&store, &changing, scratch)?;
    Ok(Upgrade { databases: all.len(), changing, takes })
}

/// Where copies of what changes lie, until the new version serves: in the city's own folder, for they may spell a hot list.
pub fn kept(dir: &Path) -> PathBuf {
    dir.join(KEPT)
}

/// Keeps copies of what opening with this program would change. The server is not running.
///
/// # Errors
/// The store cannot be read, is newer than this program, or there is no room.
pub fn keep_before(dir: &Path, to: &Path) -> Result<Vec<String>> {
    let store = place(dir)?;
    if let Place::Folder(_) = store {
        return keep(&store, to);
    }
    in_the_database(dir, to)?;
    if to.exists() {
        return keep(&store, to);
    }
    // Copies without the folder are of another time: a server of before has removed it, and has served.
    forget(&store)?;
    mark(to)
        .map_err(|e| Error::unavailable(format!("{} cannot be made.", to.display())).because(e))?;
    keep(&store, to).inspect_err(|_| {
        // A server that runs has no way back to be told of.
        let _ = std::fs::remove_dir_all(to);
    })
}

/// Puts those copies back, and removes them.
///
/// # Errors
/// There are none, the server runs, or a file cannot be written.
pub fn put_back_before(from: &Path, dir: &Path) -> Result<Vec<String>> {
    let store = place(dir)?;
    if let Place::Postgres { .. } = store {
        in_the_database(dir, from)?;
    }
    if !from.exists() {
        return Err(Error::not_found(format!(
            "There are no copies in {}; nothing was changed.",
            from.display()
        )));
    }
    let names = put_back(from, &store)?;
    remove(from)?;
    Ok(names)
}

/// Removes copies that nobody goes back to any more: they hold plates.
///
/// # Errors
/// A file or a schema cannot be removed.
pub fn forget_before(dir: &Path) -> Result<()> {
    forget(&place(dir)?)?;
    remove(&kept(dir))
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::unavailable(format!(
            "{} cannot be removed; do it by hand, it may spell plates of a hot list.",
            folder.display()
        ))
        .because(e)),
        _ => Ok(()),
    }
}

/// The folder beside which copies in the database hold.
fn mark(folder: &Path) -> std::io::Result<()> {
    let mut maker = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700).create(folder)?;
    std::fs::write(folder.join("in-the-database"), "Copies are schemas beside the store's.\n")?;
    for path in [Some(folder), folder.parent()].into_iter().flatten() {
        std::fs::File::open(path)?.sync_all()?;
    }
    Ok(())
}

fn in_the_database(dir: &Path, named: &Path) -> Result<()> {
    match named == kept(dir) {
        true => Ok(()),
        false => Err(Error::invalid(
            "The store is in PostgreSQL, and so are copies of it; name no folder.",
        )),
    }
}

impl City {
    /// From here on there is no way back to what was before an upgrade: its copies go.
    ///
    /// # Errors
    /// A file or a schema cannot be removed.
    pub fn no_way_back(&self) -> Result<()> {
        self.store.forget_before()?;
        remove(&kept(&self.dir))
    }

    /// Whether this version can do its work over the city's data: store, log and keys answer, and a day of reads
    /// does, where there are any. What else is not well (one damaged day, a witness, a bucket, the clock) is no version's
    /// fault, and is said elsewhere.
    ///
    /// # Errors
    /// The first that does not.
    pub fn fit(&self) -> Result<()> {
        let parts = self.health();
        let ours = ["store", "log", "keys"];
        match parts.into_iter().find(|p| !p.fine && ours.contains(&p.part.as_str())) {
            None => self.store.some_day_answers(),
            Some(part) => Err(Error::unavailable(part.message.unwrap_or(part.part))),
        }
    }
}

fn place(dir: &Path) -> Result<Place> {
    let paths = Paths::new(dir);
    Ok(Config::load(&paths.config)?.place(&paths.store))
}
