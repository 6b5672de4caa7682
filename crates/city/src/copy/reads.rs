//! Reads and their pictures, by the hour or the day: each day's file held still and compared by pieces, pictures
//! by their packs, which never change.
//!
//! A copy of a day that is forgotten here is gone there with the next copy but one; its keys are gone at once.

use super::CopyHealth;
use super::record::{
    Base, File, Maker, PIECE, VERSION, id_of, piece_id, piece_name, seal, seal_bytes,
};
use super::restore::owner;
use super::states::{next_state, prune};
use super::stream::{naming, taken};
use super::tracks::Id;
use crate::City;
use crate::init::Paths;
use base::{Day, Error, Kind, Result, Shutdown, SigningKey, Time};
use read::SealKey;
use serde_bytes::ByteBuf;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Depot;

/// A copy that failed is tried again after so long.
const AGAIN: Duration = Duration::from_secs(60);
/// How often it is looked whether one is due.
const LOOK: Duration = Duration::from_secs(1);
const BATCH: usize = 8 << 20;

/// Copies a city's reads to its second place.
pub struct ReadsCopier {
    city: Arc<City>,
    depot: Depot,
    names: [u8; 32],
    /// The log's key, which signs what the place gets.
    signing: SigningKey,
    there: BTreeSet<Id>,
    listed: bool,
    /// What the newest copy is sealed to.
    key: Option<SealKey>,
    /// Files that do not change any more, with their sizes, and their pieces under this key.
    known: BTreeMap<(String, u64), Vec<Id>>,
}

/// Pieces on their way.
struct Sending<'a> {
    depot: &'a Depot,
    key: &'a SealKey,
    names: &'a [u8; 32],
    there: &'a mut BTreeSet<Id>,
    batch: Vec<(String, Vec<u8>)>,
    ids: Vec<Id>,
    weight: usize,
}

impl Sending<'_> {
    fn piece(&mut self, bytes: &[u8]) -> Result<Id> {
        let id = id_of(self.names, self.key, bytes);
        if !self.there.contains(&id) && !self.ids.contains(&id) {
            let name = piece_name("rb", &id);
            self.batch.push((name.clone(), seal_bytes(self.key, &name, bytes)?));
            self.ids.push(id);
            self.weight += bytes.len();
            if self.weight > BATCH {
                self.flush()?;
            }
        }
        Ok(id)
    }

    fn flush(&mut self) -> Result<()> {
        self.weight = 0;
        self.depot.put_all(std::mem::take(&mut self.batch))?;
        self.there.extend(self.ids.drain(..));
        Ok(())
    }
}

impl City {
    /// Copies this city's reads to its second place, if they are to be, until `stop`.
    pub fn copy_reads(self: &Arc<Self>, stop: &Shutdown) {
        loop {
            match self.reads_copier() {
                Ok(None) => return,
                Ok(Some(copier)) => return copier.run(stop),
                // The stream tells of it.
                Err(e) => tracing::debug!(error = %e.inside(), "the second place"),
            }
            if stop.sleep(AGAIN) {
                return;
            }
        }
    }

    /// Who copies this city's reads to its second place; `None` where nobody does.
    pub fn reads_copier(self: &Arc<Self>) -> Result<Option<ReadsCopier>> {
        if self.config.copy.reads.seconds().is_none() {
            return Ok(None);
        }
        let Some(depot) = self.config.copy.open(&self.dir)? else { return Ok(None) };
        Ok(Some(ReadsCopier {
            city: self.clone(),
            depot,
            names: naming(&self.dir)?,
            signing: SigningKey::load(&Paths::new(&self.dir).log_key)?,
            there: BTreeSet::new(),
            listed: false,
            key: None,
            known: BTreeMap::new(),
        }))
    }
}

/// Whether a copy is to be made. The stream claims the place first; a copy of a moment to come was made by a clock
/// that was ahead, and says nothing.
pub(super) fn due(health: &CopyHealth, at: Time, every: u64) -> bool {
    let fresh = |last: Time| last <= at && at.since(last) < every as i64 * 1000;
    health.claimed.is_some() && health.last_good.is_some() && !health.reads_at.is_some_and(fresh)
}

impl ReadsCopier {
    /// Copies whenever it is due, until `stop`.
    pub fn run(mut self, stop: &Shutdown) {
        let Some(every) = self.city.config.copy.reads.seconds() else { return };
        let mut tried: Option<Instant> = None;
        while !stop.sleep(LOOK) {
            let at = self.city.now();
            let health = self.city.copy_health().unwrap_or_default();
            if !due(&health, at, every) || tried.is_some_and(|tried| tried.elapsed() <= AGAIN) {
                continue;
            }
            tried = Some(Instant::now());
            match self.copy(at) {
                Ok(()) => tried = None,
                Err(e) => tracing::warn!(error = %e.inside(), "copying reads"),
            }
        }
    }

    /// Copies now. Public for tests.
    pub fn copy(&mut self, at: Time) -> Result<()> {
        let done = self.copy_all(at);
        self.city.note_copy(|copy| {
            copy.reads_trouble = done.as_ref().err().map(|e| e.message().to_owned());
            if done.is_ok() {
                copy.reads_at = Some(at);
            }
        });
        if let Some(Err(e)) = self.city.copy_health().map(|health| health.save(&self.city.dir)) {
            tracing::warn!(error = %e.inside(), "how the copy stands");
        }
        done
    }

    /// Whether the place is this city's, and nobody else writes to it.
    fn fence(&self) -> Result<()> {
        let health = self.city.copy_health().unwrap_or_default();
        let claimed = health.claimed.ok_or_else(|| {
            Error::unavailable("The second place is not this server's yet; reads wait for that.")
        })?;
        let owner = owner(&self.depot)?;
        let ours = owner.city == self.city.config.city.slug && owner.mark == health.mark;
        if !ours || self.depot.get("writer")?.is_none_or(|there| there != claimed.as_bytes()) {
            return Err(taken());
        }
        Ok(())
    }

    fn copy_all(&mut self, at: Time) -> Result<()> {
        self.fence()?;
        let rescue = self.city.custody.rescue()?;
        let rescue = rescue.ok_or_else(|| Error::conflict("The copy needs a key on paper."))?;
        let key: SealKey = rescue.recovery.parse()?;
        if self.key.as_ref() != Some(&key) {
            // What was sealed to another key does not open with the sheets of this one.
            self.known.clear();
            self.listed = false;
            self.key = Some(key.clone());
        }
        if !self.listed {
            self.there = self.depot.list("rb")?.iter().filter_map(|name| piece_id(name)).collect();
            self.listed = true;
        }
        let mut files = Vec::new();
        let mut fresh = BTreeMap::new();
        let mut sending = Sending {
            depot: &self.depot,
            key: &key,
            names: &self.names,
            there: &mut self.there,
            batch: Vec::new(),
            ids: Vec::new(),
            weight: 0,
        };
        for day in self.city.store.days()? {
            files.extend(copy_day(&self.city, day, &mut sending)?);
        }
        let folder = self.city.dir.join(&self.city.config.pictures.folder);
        if self.city.config.credentials(&self.city.dir).is_none() {
            let mut found = Vec::new();
            packs(&folder, "", &mut found)?;
            for (name, size) in found {
                let of = (name, size);
                let ids = match self.known.get(&of) {
                    Some(ids) => ids.clone(),
                    None => match copy_file(&folder.join(&of.0), &mut sending)? {
                        Some(ids) => ids,
                        None => continue,
                    },
                };
                files.push(file(&format!("pictures/{}", of.0), of.1, &ids));
                fresh.insert(of, ids);
            }
        }
        sending.flush()?;
        self.known = fresh;
        self.fence()?;
        self.finish(at, &key, files)
    }

    fn finish(&mut self, at: Time, key: &SealKey, files: Vec<File>) -> Result<()> {
        let mut live = BTreeSet::new();
        let mut refs = String::new();
        for id in files.iter().flat_map(|file| &file.pieces) {
            live.extend(<Id>::try_from(id.as_slice()));
            refs.push_str(&base::hex(id));
            refs.push('\n');
        }
        let name = next_state(&self.depot, "r", at)?;
        self.depot.put(&format!("r/{name}/refs"), refs.into_bytes())?;
        let path = format!("r/{name}/base");
        let names = ByteBuf::from(self.names.to_vec());
        let maker = Maker { key, by: &self.signing };
        let sealed = seal(maker, &path, &Base { v: VERSION, at, files, names })?;
        self.depot.put(&path, sealed)?;
        let keep = i64::from(self.city.config.copy.keep_hours) * 3_600_000;
        let gone = prune(&self.depot, ("r", "rb"), at, keep, &live, &self.there)?;
        self.there.retain(|id| !gone.contains(id));
        Ok(())
    }
}

fn file(name: &str, size: u64, ids: &[Id]) -> File {
    let pieces = ids.iter().map(|id| ByteBuf::from(id.to_vec())).collect();
    File { name: name.into(), mode: 0o600, size, pieces }
}

fn copy_day(city: &City, day: Day, sending: &mut Sending<'_>) -> Result<Option<File>> {
    let still = match city.store.still_day(day) {
        Err(e) if e.kind() == Kind::Gone => return Ok(None),
        other => other?,
    };
    let Some(still) = still else { return Ok(None) };
    let mut ids = Vec::new();
    let mut at = 0;
    while at < still.size {
        ids.push(sending.piece(&still.read(at, PIECE)?)?);
        at += PIECE as u64;
    }
    Ok(Some(file(&format!("store/reads/{day}.db"), still.size, &ids)))
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

/// Every file below a folder of pictures, with its size; what is being written has another name.
fn packs(folder: &Path, name: &str, found: &mut Vec<(String, u64)>) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|e| unreadable(folder, e))?,
    };
    for entry in entries {
        let entry = entry.map_err(|e| unreadable(folder, e))?;
        let last = entry.file_name().to_string_lossy().into_owned();
        let inner = if name.is_empty() { last.clone() } else { format!("{name}/{last}") };
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            packs(&entry.path(), &inner, found)?;
        } else if !last.contains('#') {
            found.push((inner, meta.len()));
        }
    }
    Ok(())
}
