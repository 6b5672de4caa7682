//! Packs of pictures on their way to the second place. A city has millions of them: of each pack no more is in memory
//! than sixteen bytes that tell it from others and the ids of its pieces. Names are there for one folder at a time, and
//! a folder of many is in a base by lists, which are pieces like any other: of a day that is over they stay the same,
//! and are at the place once.

use super::looked::Looked;
use super::reads::Sending;
use super::record::{File, PIECE};
use super::tracks::Id;
use base::{Error, Result, Time, sha256};
use serde_bytes::ByteBuf;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A folder of more files is in a base by lists of so many.
const LISTED: usize = if cfg!(test) { 4 } else { 1000 };
/// A piece that is at no place.
pub(super) const NOWHERE: Id = [0; 32];

/// Tells a file from others of its folder: half of a SHA-256 of its name and size.
type Key = [u8; 16];

/// What is at the place, by the folder here.
#[derive(Default)]
pub(super) struct Packs(BTreeMap<String, Folder>);

#[derive(Default)]
struct Folder {
    /// In the order of their keys: which file, and where the ids of its pieces begin.
    packs: Vec<(Key, usize)>,
    ids: Vec<Id>,
    lists: Vec<Id>,
    /// When all of it was looked at, where it has lists and no folders in it.
    looked: Option<Looked>,
}

impl Folder {
    /// The pieces of a file that is at the place.
    fn ids_of(&self, key: &Key) -> Option<&[Id]> {
        let at = self.packs.binary_search_by(|(other, _)| other.cmp(key)).ok()?;
        let end = self.packs.get(at + 1).map_or(self.ids.len(), |(_, first)| *first);
        self.ids.get(self.packs[at].1..end)
    }
}

/// A file in a folder here.
struct Found {
    key: Key,
    name: String,
    size: u64,
}

impl Packs {
    /// Sends every file below a folder of pictures that is not at the place, and gives what a base names of them. After
    /// an error nothing is thought to be there that is not.
    pub fn copy(
        &mut self,
        pictures: &Path,
        at: Time,
        sending: &mut Sending<'_>,
    ) -> Result<Vec<File>> {
        let (mut files, mut seen) = (Vec::new(), BTreeSet::new());
        let mut folders = vec![String::new()];
        while let Some(name) = folders.pop() {
            let here = pictures.join(&name);
            let changed = fs::metadata(&here).and_then(|meta| meta.modified()).ok();
            let whole = below("pictures", &name);
            if let Some(known) = self.0.get(&name)
                && known.looked.is_some_and(|looked| looked.holds(changed, at))
            {
                files.push(by_lists(&whole, &known.lists));
                seen.insert(name);
                continue;
            }
            let (inner, found) = look(&here)?;
            let before = self.0.entry(name.clone()).or_default();
            let (mut now, named) =
                copy_folder((here.as_path(), whole.as_str()), found, before, sending)?;
            if !now.lists.is_empty() && inner.is_empty() {
                now.looked = Looked::new(changed, at);
            }
            sending.flush()?;
            *before = now;
            files.extend(named);
            folders.extend(inner.iter().map(|last| below(&name, last)));
            seen.insert(name);
        }
        self.0.retain(|name, _| seen.contains(name));
        Ok(files)
    }

    /// Forgets what is there: it is all to be sent again.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The pieces of all of them, and of their lists.
    pub fn ids(&self) -> impl Iterator<Item = &Id> {
        self.0.values().flat_map(|folder| folder.ids.iter().chain(&folder.lists))
    }
}

/// A file as a base names it.
pub(super) fn file(name: &str, size: u64, ids: &[Id]) -> File {
    File { name: name.into(), mode: 0o600, size, pieces: spelled(ids), lists: Vec::new() }
}

/// A folder as a base names it. A version that knows of no lists misses the piece, and says that the folder is missing.
fn by_lists(name: &str, lists: &[Id]) -> File {
    File { lists: spelled(lists), ..file(name, 0, &[NOWHERE]) }
}

fn spelled(ids: &[Id]) -> Vec<ByteBuf> {
    ids.iter().map(|id| ByteBuf::from(id.to_vec())).collect()
}

fn below(folder: &str, last: &str) -> String {
    match (folder, last) {
        ("", only) | (only, "") => only.to_owned(),
        _ => format!("{folder}/{last}"),
    }
}

/// Copies the files of a folder, which lies here and has this name in a base. `before` is what is there of it.
fn copy_folder(
    (here, whole): (&Path, &str),
    found: Vec<Found>,
    before: &Folder,
    sending: &mut Sending<'_>,
) -> Result<(Folder, Vec<File>)> {
    let (packs, ids) = (Vec::with_capacity(found.len()), Vec::with_capacity(found.len()));
    let mut now = Folder { packs, ids, ..Folder::default() };
    let mut files = Vec::new();
    let listed = found.len() > LISTED;
    for one in found {
        let first = now.ids.len();
        match before.ids_of(&one.key) {
            Some(ids) => now.ids.extend_from_slice(ids),
            None => match copy_file(&here.join(&one.name), sending)? {
                Some(ids) => now.ids.extend(ids),
                None => continue,
            },
        }
        now.packs.push((one.key, first));
        files.push(file(&below(whole, &one.name), one.size, &now.ids[first..]));
        if listed && files.len() == LISTED {
            now.lists.push(list(&files, sending)?);
            files.clear();
        }
    }
    if listed && !files.is_empty() {
        now.lists.push(list(&files, sending)?);
    }
    if !now.lists.is_empty() {
        files = vec![by_lists(whole, &now.lists)];
    }
    Ok((now, files))
}

/// Sends a list of files.
fn list(files: &[File], sending: &mut Sending<'_>) -> Result<Id> {
    let mut bytes: Vec<u8> = Vec::new();
    ciborium::into_writer(files, &mut bytes)
        .map_err(|e| Error::internal("The copy cannot be spelled.").because(e.to_string()))?;
    sending.piece(&bytes)
}

/// The pieces of a file that does not change; `None` where it went meanwhile, with its day.
fn copy_file(path: &Path, sending: &mut Sending<'_>) -> Result<Option<Vec<Id>>> {
    let bytes = match fs::read(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|e| unreadable(path, e))?,
    };
    bytes.chunks(PIECE).map(|piece| sending.piece(piece)).collect::<Result<_>>().map(Some)
}

fn unreadable(path: &Path, e: std::io::Error) -> Error {
    Error::unavailable(format!("{} cannot be read for the copy.", path.display())).because(e)
}

/// The folders in a folder, and its files in the order of their keys; what is being written has another name.
fn look(folder: &Path) -> Result<(Vec<String>, Vec<Found>)> {
    let (mut inner, mut found) = (Vec::new(), Vec::new());
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok((inner, found)),
        other => other.map_err(|e| unreadable(folder, e))?,
    };
    for entry in entries {
        let entry = entry.map_err(|e| unreadable(folder, e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            inner.push(name);
        } else if !name.contains('#') {
            let size = meta.len();
            let hash = sha256(format!("{size}\n{name}").as_bytes());
            let mut key = [0; 16];
            key.copy_from_slice(&hash[..16]);
            found.push(Found { key, name, size });
        }
    }
    found.sort_unstable_by_key(|one| one.key);
    Ok((inner, found))
}
