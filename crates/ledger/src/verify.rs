//! Checks a copy of a log with nothing but its verifier key.
//!
//! Every file is accounted for: the checkpoint, the files that the log consists of, and earlier
//! partial tiles, which must be beginnings of them. Anything else is refused, for what is not
//! checked could say anything.

use crate::figures::Figures;
use crate::leaf::Leaf;
use crate::notes::{Head, Vkey};
use crate::objects::{Folder, Objects};
use crate::scan::scan_since;
use crate::tree::{FULL, Name, Standing, beginning, split};
use base::{Error, Kind, Result, b64};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// How often a folder that is being written to is looked at again.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// What a log says that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Which log.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of the tree over them, base64.
    pub root: String,
    /// The public figures, computed from the entries.
    pub figures: Figures,
}

/// What a log was when somebody last looked at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// How many entries it had.
    pub size: u64,
    /// The root of the tree over them, base64.
    pub root: String,
}

impl Report {
    /// What to remember of the log, so that the next look notices a history that was rewritten.
    pub fn seen(&self) -> Seen {
        Seen { size: self.size, root: self.root.clone() }
    }
}

/// Checks every file that a log consists of, wherever it lies: `get` gives the bytes under a name,
/// `checkpoint` or `tile/…`. The log must extend all that was `seen` of it before. It may go on meanwhile: of a
/// partial file that became full the beginning is taken.
///
/// Other files beside the log's are not noticed this way; [`verify`] does, in a folder.
pub fn verify_from(
    get: &dyn Fn(&str) -> Result<Option<Vec<u8>>>,
    vkey: &str,
    seen: &[Seen],
) -> Result<Report> {
    verify_each_from(get, vkey, seen, &mut |_, _| ())
}

/// The same, handing every leaf to `each` with its number, in the order of the log; again from the first, 0, where the log
/// has gone on meanwhile.
pub fn verify_each_from(
    get: &dyn Fn(&str) -> Result<Option<Vec<u8>>>,
    vkey: &str,
    seen: &[Seen],
    each: &mut dyn FnMut(u64, &Leaf),
) -> Result<Report> {
    let vkey = Vkey::parse(vkey)?;
    let fetch = || {
        get("checkpoint")?.ok_or_else(|| {
            Error::not_found("There is no checkpoint there; name the log's own address.")
        })
    };
    let mut checkpoint = fetch()?;
    let mut tries = 1;
    loop {
        let head = vkey.open(&checkpoint)?;
        let mut figures = Figures::default();
        let mut add = |index, leaf: Leaf| {
            figures.add(&leaf);
            each(index, &leaf);
        };
        match scan_since(&|path| whole(get, path), &head, seen, &mut add) {
            Ok(_) => {
                let (size, root) = (head.size, b64(&head.root));
                return Ok(Report { origin: head.origin, size, root, figures });
            }
            Err(e) => {
                // A log that goes on replaces its partial tiles: what was missing may be there by now.
                let now = fetch()?;
                if now == checkpoint || tries == TRIES {
                    return Err(e);
                }
                checkpoint = now;
                tries += 1;
            }
        }
    }
}

/// A file of the log; a partial one that is not there any more is how the full one begins.
fn whole(get: &dyn Fn(&str) -> Result<Option<Vec<u8>>>, path: &str) -> Result<Option<Vec<u8>>> {
    let there = get(path)?;
    match Name::parse(path).filter(|name| there.is_none() && name.width < FULL) {
        Some(name) => {
            let full = get(&Name { width: FULL, ..name }.to_string())?;
            Ok(full.and_then(|full| beginning(name, &full)))
        }
        None => Ok(there),
    }
}

/// Checks every byte in `folder` against the log's verifier key and computes its figures.
///
/// A folder that its server is writing to at this moment is looked at again a few times.
pub fn verify(folder: &Path, vkey: &str) -> Result<Report> {
    verify_since(folder, vkey, &[])
}

/// The same, and the log must extend what was `seen` of it before.
pub fn verify_since(folder: &Path, vkey: &str, seen: &[Seen]) -> Result<Report> {
    verify_each(folder, vkey, seen, &mut |_, _| ())
}

/// The same, handing every leaf to `each` with its number, in the order of the log; again from the first, 0, where a log
/// that is being written to is looked at again.
pub fn verify_each(
    folder: &Path,
    vkey: &str,
    seen: &[Seen],
    each: &mut dyn FnMut(u64, &Leaf),
) -> Result<Report> {
    let vkey = Vkey::parse(vkey)?;
    let objects = Folder::new(folder);
    let mut tries = 1;
    loop {
        match once(&objects, &vkey, seen, each) {
            Err(e) if e.kind() == Kind::Conflict && tries < TRIES => {
                std::thread::sleep(PAUSE);
                tries += 1;
            }
            done => return done,
        }
    }
}

fn once(
    objects: &dyn Objects,
    vkey: &Vkey,
    seen: &[Seen],
    each: &mut dyn FnMut(u64, &Leaf),
) -> Result<Report> {
    let Some(checkpoint) = objects.get("checkpoint")? else {
        return Err(Error::not_found(
            "There is no checkpoint in this folder; name the folder that holds the log.",
        ));
    };
    let head = vkey.open(&checkpoint)?;
    let names = objects.list("")?;
    let mut figures = Figures::default();
    let get = |path: &str| objects.get(path);
    let mut add = |index, leaf: Leaf| {
        figures.add(&leaf);
        each(index, &leaf);
    };
    let checked = scan_since(&get, &head, seen, &mut add)
        .and_then(|_| names.iter().try_for_each(|name| account(objects, &head, name)));
    if objects.get("checkpoint")?.as_deref() != Some(&checkpoint) {
        return Err(moving("its checkpoint"));
    }
    checked?;
    Ok(Report { origin: head.origin, size: head.size, root: b64(&head.root), figures })
}

fn account(objects: &dyn Objects, head: &Head, path: &str) -> Result<()> {
    if path == "checkpoint" {
        return Ok(());
    }
    let tile = path.strip_suffix(".new").unwrap_or(path);
    match Name::parse(tile) {
        // Whatever a crash or an append under way leaves is named like what it was to become.
        _ if tile == "checkpoint" => Err(moving(path)),
        Some(_) if tile != path => Err(moving(path)),
        Some(name) => match name.standing(head.size) {
            // The walk has compared it.
            Standing::Current => Ok(()),
            Standing::Earlier(whole) => is_beginning(objects, name, whole),
            Standing::Beyond => Err(moving(path)),
        },
        None => Err(Error::invalid(format!(
            "The file {path} does not belong to the log; take it out of the folder."
        ))),
    }
}

/// An earlier partial tile must be how the current one begins.
fn is_beginning(objects: &dyn Objects, name: Name, whole: Name) -> Result<()> {
    let bytes = objects.get(&name.to_string())?.ok_or_else(|| moving(&name.to_string()))?;
    let whole = objects.get(&whole.to_string())?.unwrap_or_default();
    let sound = match name.level {
        Some(_) => bytes.len() as u64 == name.width * 32,
        None => split(&bytes, name.width).is_some(),
    };
    if sound && whole.starts_with(&bytes) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "The log's file {name} is not what was logged; restore it from a copy of the log."
    )))
}

fn moving(path: &str) -> Error {
    Error::conflict(format!(
        "The log goes on beyond its checkpoint ({path}): an append is under way or was cut off; \
         try again, or start the server, which mends it."
    ))
}
