//! Reads and their pictures, by the hour or the day: each day's file held still and compared by pieces, pictures
//! by their packs, which never change. A day whose file cannot be read keeps what the copy before has of it, and holds up
//! no other.
//!
//! A copy of a day that is forgotten here is gone there with the next copy but one; its keys are gone at once.

use super::CopyHealth;
use super::days::{self, Copied};
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
    /// What the newest copy has of each day.
    days: BTreeMap<Day, Copied>,
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
            days: BTreeMap::new(),
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
    ///
    /// # Errors
    /// There is no new copy; or there is one, and this is what was wrong with the first day of which it has no more
    /// than the one before.
    pub fn copy(&mut self, at: Time) -> Result<()> {
        let made = self.copy_all(at);
        let copied = made.is_ok();
        let done = made.and_then(|damaged| damaged.map_or(Ok(()), Err));
        self.city.note_copy(|copy| {
            copy.reads_trouble = done.as_ref().err().map(|e| e.message().to_owned());
            if copied {
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

    /// Gives what was wrong with the first day that cannot be read, once all the rest is copied.
    fn copy_all(&mut self, at: Time) -> Result<Option<Error>> {
        self.fence()?;
        let rescue = self.city.custody.rescue()?;
        let rescue = rescue.ok_or_else(|| Error::conflict("The copy needs a key on paper."))?;
        let key: SealKey = rescue.recovery.parse()?;
        if self.key.as_ref() != Some(&key) {
            // What was sealed to another key does not open with the sheets of this one.
            self.known.clear();
            self.days = days::load(&self.city.dir, &key);
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
        let (days, damaged) = copy_days(&self.city, &self.days, &mut sending)?;
        for (day, one) in &days {
            files.push(file(&format!("store/reads/{day}.db"), one.size, &one.ids));
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
        self.finish(at, &key, files)?;
        if let Err(e) = days::save(&self.city.dir, &key, &days) {
            tracing::warn!(error = %e.inside(), "what was copied is not noted down");
        }
        self.days = days;
        Ok(damaged)
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

/// Copies all days; of one that cannot be read what was copied of it before stays, if it is all there. Gives what is at
/// the place now, and what was wrong with the first that cannot be read.
fn copy_days(
    city: &City,
    before: &BTreeMap<Day, Copied>,
    sending: &mut Sending<'_>,
) -> Result<(BTreeMap<Day, Copied>, Option<Error>)> {
    let (mut days, mut damaged) = (BTreeMap::new(), None);
    for day in city.store.days()? {
        let copied = match copy_day(city, day, sending)? {
            Found::Gone => None,
            Found::Whole(copied) => Some(copied),
            Found::Damaged(e) => {
                damaged.get_or_insert(e);
                before.get(&day).filter(|one| one.is_there(sending.there)).cloned()
            }
        };
        days.extend(copied.map(|copied| (day, copied)));
    }
    Ok((days, damaged))
}

/// What a copy finds of a day.
enum Found {
    /// It was forgotten meanwhile.
    Gone,
    Whole(Copied),
    Damaged(Error),
}

/// An error is one of the place.
fn copy_day(city: &City, day: Day, sending: &mut Sending<'_>) -> Result<Found> {
    let still = match city.store.still_day(day) {
        Ok(Some(still)) => still,
        Ok(None) => return Ok(Found::Gone),
        Err(e) if e.kind() == Kind::Gone => return Ok(Found::Gone),
        Err(e) => return Ok(Found::Damaged(e)),
    };
    let mut ids = Vec::new();
    let mut at = 0;
    while at < still.size {
        match still.read(at, PIECE) {
            Ok(bytes) => ids.push(sending.piece(&bytes)?),
            Err(e) => return Ok(Found::Damaged(e)),
        }
        at += PIECE as u64;
    }
    Ok(Found::Whole(Copied { size: still.size, ids }))
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
