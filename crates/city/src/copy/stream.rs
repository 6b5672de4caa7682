//! The stream: every few seconds what changed in the log, the control data and the city's folder goes to the
//! second place, as one sealed record; now and then a new base, so that there are never too many.
//!
//! In which order things are looked at: the store, the log, the folder, the keys. The log is written before the
//! store acts on it, so a copy never has a store that knows more than its log; and keys only ever grow (until
//! they are destroyed), so a copy never has something sealed to a key that it lacks.

use super::days::FILE as DAYS;
use super::record::{
    BASE, Base, Change, Maker, Owner, PIECE, Record, VERSION, id_of, piece_id, piece_name,
    record_name, seal, seal_bytes,
};
use super::states::{next_state, prune};
use super::tracks::{From, Id, Track, base_files};
use super::{CopyHealth, STATE};
use crate::City;
use crate::init::Paths;
use base::{
    Error, Kind, Result, Shutdown, SigningKey, Time, random, read_secret, sha256, write_secret,
};
use custody::Recovery;
use ledger::Log;
use serde_bytes::ByteBuf;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::{Depot, Followable};

/// A file of the folder that is larger than this is none of the city's own.
const LARGEST: u64 = 16 << 20;
/// So many pieces of a database are read at a time while a base is made ready.
const SOME: usize = 32;
/// With so few pieces to send the base is made at once.
const FEW: usize = 32;
/// A generation's records are put together into a new base when there are so many, of so many bytes, or so old.
const RECORDS: u64 = 3000;
const BYTES: usize = 32 << 20;
const AGE: Duration = Duration::from_secs(3 * 3600);
/// What waits for a place that is away; beyond it everything is sent anew.
const WAITING: usize = 64 << 20;
/// How often it is looked whether the place is there and still ours.
const FENCE: Duration = Duration::from_secs(20);
/// How long pieces for the next base may be sent between two records.
const STEP: Duration = Duration::from_millis(700);
/// How often it is written down how the copy stands.
const NOTE: Duration = Duration::from_secs(5);
/// A place that cannot be opened is tried again after so long.
const AGAIN: Duration = Duration::from_secs(5);
const BATCH: usize = 8 << 20;

/// A generation that records are added to.
struct Open {
    name: String,
    seq: u64,
    /// SHA-256 of what was sealed last.
    before: [u8; 32],
    bytes: usize,
    begun: Instant,
}

/// A piece with its bytes.
struct Lump {
    file: String,
    at: usize,
    bytes: Vec<u8>,
}

/// What says that a file is another: its size, its moment, its number on the disk, and its mode.
type Stamp = (u64, i64, i64, u64, u32);

/// Streams a city to its second place, as long as it lives.
pub struct Copier {
    city: Arc<City>,
    depot: Depot,
    key: Option<Recovery>,
    /// The log's key, which signs what the place gets.
    signing: SigningKey,
    /// Names pieces, so that equal ones are sent once and names tell nothing.
    names: [u8; 32],
    writer: String,
    parts: Vec<Followable>,
    /// Pieces that lie at the place.
    there: BTreeSet<Id>,
    tracks: BTreeMap<String, Track>,
    stamps: BTreeMap<String, Stamp>,
    log: (u64, String),
    keys: [u8; 32],
    open: Option<Open>,
    pending: Vec<Change>,
    weight: usize,
    fenced: Option<Instant>,
    noted: Option<Instant>,
    skip: Vec<PathBuf>,
}

impl City {
    /// Streams this city to its second place, if it has one, until `stop`. A place that is away at the start is
    /// tried again: a city goes on without its copy, and says so.
    pub fn stream_copy(self: &Arc<Self>, stop: &Shutdown) {
        loop {
            match self.copier() {
                Ok(None) => return,
                Ok(Some(copier)) => return copier.run(stop),
                Err(e) => {
                    tracing::warn!(error = %e.inside(), "the second place");
                    let (now, known) =
                        (self.now(), CopyHealth::load(&self.dir).unwrap_or_default());
                    self.note_copy(|copy| {
                        let since = copy.since.or(Some(now));
                        let trouble = Some(e.message().to_owned());
                        *copy = CopyHealth { trouble, since, closed: false, ..known };
                    });
                }
            }
            if stop.sleep(AGAIN) {
                return;
            }
        }
    }

    /// Who streams this city to its second place; `None` where none is named.
    pub fn copier(self: &Arc<Self>) -> Result<Option<Copier>> {
        let Some(depot) = self.config.copy.open(&self.dir)? else { return Ok(None) };
        Ok(Some(Copier::new(self.clone(), depot)?))
    }
}

/// The secret by which pieces are named; a new one costs that everything is sent once more.
pub(super) fn naming(dir: &Path) -> Result<[u8; 32]> {
    // Stream and reads begin at the same time.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let path = dir.join("keys/copy.key");
    if path.exists()
        && let Ok(bytes) = <[u8; 32]>::try_from(read_secret(&path)?.expose().as_slice())
    {
        return Ok(bytes);
    }
    let fresh: [u8; 32] = random();
    write_secret(&path, &fresh)?;
    Ok(fresh)
}

impl Copier {
    fn new(city: Arc<City>, depot: Depot) -> Result<Self> {
        let mut parts = vec![Followable::Control];
        if city.config.copy.lists {
            parts.push(Followable::HotList);
        }
        // PostgreSQL copies itself.
        let mut followed = Vec::new();
        for part in parts {
            if city.store.follow(part)? {
                followed.push(part);
            }
        }
        let skip = skipped(&city);
        let now = city.now();
        let known = CopyHealth::load(&city.dir).unwrap_or_default();
        city.note_copy(|copy| {
            *copy = CopyHealth { trouble: None, reads_trouble: None, closed: false, ..known };
            copy.since = Some(now);
        });
        Ok(Self {
            names: naming(&city.dir)?,
            signing: SigningKey::load(&Paths::new(&city.dir).log_key)?,
            writer: base::hex(&random::<16>()),
            city,
            depot,
            key: None,
            parts: followed,
            there: BTreeSet::new(),
            tracks: BTreeMap::new(),
            stamps: BTreeMap::new(),
            log: (0, String::new()),
            keys: [0; 32],
            open: None,
            pending: Vec::new(),
            weight: 0,
            fenced: None,
            noted: None,
            skip,
        })
    }

    /// Streams until `stop`; the last record says that the server ended as it should.
    pub fn run(mut self, stop: &Shutdown) {
        let every = Duration::from_secs(u64::from(self.city.config.copy.every_s));
        loop {
            let begun = Instant::now();
            let ended = stop.stopped();
            let at = self.city.now();
            let done = self.step(at, ended);
            self.tell(at, done.as_ref().err(), ended);
            if ended {
                if !self.city.copy_health().is_some_and(|health| health.closed) {
                    tracing::warn!(
                        "the second place does not know that this server ended, nor all that it did"
                    );
                }
                return;
            }
            stop.sleep(every.saturating_sub(begun.elapsed()).max(Duration::from_millis(50)));
        }
    }

    /// One look: sends what changed; where that is due, a part of the next base. Public for tests.
    pub fn step(&mut self, at: Time, last: bool) -> Result<()> {
        let done = self.look(at, last);
        if let Err(e) = &done
            && e.kind() != Kind::Busy
            && e.kind() != Kind::Unavailable
        {
            self.start_over();
        }
        done
    }

    fn look(&mut self, at: Time, last: bool) -> Result<()> {
        let ours = self.fence();
        // Whatever became of the place: changes are taken note of, or files beside the store grow.
        let lumps = self.collect(if self.due() { SOME } else { 0 })?;
        ours?;
        self.copy_keys()?;
        self.ship(at, last)?;
        // What a base would cost is not waited for at the end.
        if last || !self.due() {
            return Ok(());
        }
        self.send(lumps)?;
        self.make_ready(false)?;
        if self.open.is_none() {
            // There is nothing to go on with meanwhile: all at once.
            while self.waits() > FEW {
                let lumps = self.collect(4 * SOME)?;
                self.send(lumps)?;
                self.make_ready(true)?;
            }
        }
        if self.waits() <= FEW { self.cut(at) } else { Ok(()) }
    }

    /// Whether the next base is to be made.
    fn due(&self) -> bool {
        self.open.as_ref().is_none_or(|open| {
            open.seq > RECORDS || open.bytes > BYTES || open.begun.elapsed() > AGE
        })
    }

    fn waits(&self) -> usize {
        self.tracks.values().map(|track| track.dirty().len()).sum()
    }

    /// Forgets what was sent since the last base: everything is compared, and a new base made.
    fn start_over(&mut self) {
        self.open = None;
        self.pending.clear();
        self.weight = 0;
        self.tracks.clear();
        self.stamps.clear();
        self.log = (0, String::new());
        self.keys = [0; 32];
    }

    fn push(&mut self, change: Change) {
        if self.open.is_none() {
            return;
        }
        self.weight += change.weight();
        self.pending.push(change);
        if self.weight > WAITING {
            // Too much waits for a place that is away: what is known of files stays, the next base has it all.
            self.open = None;
            self.pending.clear();
            self.weight = 0;
        }
    }

    /// Takes note of everything that changed, and reads at most `take` pieces of each database; all pieces of
    /// all files where `take` is without bound. When it returns, all that was noted is of one moment, as the
    /// city would be after a crash.
    fn collect(&mut self, take: usize) -> Result<Vec<Lump>> {
        let city = self.city.clone();
        // Rules and log change together.
        let _one = city.activating.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lumps = Vec::new();
        for part in self.parts.clone() {
            self.database(part, take, &mut lumps)?;
        }
        self.follow_log()?;
        self.follow_folder()?;
        if take == usize::MAX {
            let names: Vec<String> = self
                .tracks
                .iter()
                .filter(|(_, t)| t.from != From::Store && !t.dirty().is_empty())
                .map(|(name, _)| name.clone())
                .collect();
            for file in names {
                let bytes = self.bytes_of(&file)?;
                lumps.push(Lump { file, at: 0, bytes });
            }
        }
        Ok(lumps)
    }

    fn database(&mut self, part: Followable, take: usize, lumps: &mut Vec<Lump>) -> Result<()> {
        let name = format!("store/{}", part.file());
        let record = self.open.is_some();
        let mut track = self.tracks.remove(&name).unwrap_or_else(Track::paged);
        let noted = self.city.store.changed(part, |changed| {
            let change = track.note(&name, changed, record)?;
            for at in track.dirty().into_iter().take(take) {
                let bytes = changed.read((at * PIECE) as u64, PIECE)?;
                lumps.push(Lump { file: name.clone(), at, bytes });
            }
            Ok(change)
        });
        let failed = noted.is_err();
        if !failed {
            self.tracks.insert(name, track);
        }
        match noted? {
            Some(Some(change)) => self.push(change),
            Some(None) => {}
            None => return Err(Error::busy("Another program reads the store; the copy waits.")),
        }
        Ok(())
    }

    fn follow_log(&mut self) -> Result<()> {
        let log = &self.city.log;
        let checkpoint = log.checkpoint();
        if checkpoint == self.log.1 {
            return Ok(());
        }
        let size = log.size_of(&checkpoint)?;
        let (new, gone) = Log::grown(self.log.0, size);
        let lost = || Error::internal("A file of the log is missing; run `homeplate verify`.");
        let mut changes = Vec::new();
        for path in new {
            let name = format!("log/{path}");
            if self.open.is_some() {
                let bytes = log.file_of(size, &path)?.ok_or_else(lost)?;
                changes.push(Change::whole(name.clone(), 0o644, bytes));
            }
            self.tracks.insert(name, Track::whole(From::Log, 0o644, 0));
        }
        for path in gone {
            let name = format!("log/{path}");
            self.tracks.remove(&name);
            changes.push(Change::Remove { file: name });
        }
        let name = "log/checkpoint".to_owned();
        changes.push(Change::whole(name.clone(), 0o644, checkpoint.clone().into_bytes()));
        self.tracks.insert(name, Track::whole(From::Log, 0o644, 0));
        self.log = (size, checkpoint);
        changes.into_iter().for_each(|change| self.push(change));
        Ok(())
    }

    fn follow_folder(&mut self) -> Result<()> {
        let mut found = BTreeMap::new();
        walk(&self.city.dir, "", &self.skip, &mut found)?;
        let gone: Vec<String> =
            self.stamps.keys().filter(|name| !found.contains_key(*name)).cloned().collect();
        for file in gone {
            self.stamps.remove(&file);
            self.tracks.remove(&file);
            self.push(Change::Remove { file });
        }
        for (file, stamp) in found {
            if self.stamps.get(&file) == Some(&stamp) {
                continue;
            }
            if self.open.is_some() {
                let bytes = match self.read_own(&file) {
                    Err(e) if e.kind() == Kind::NotFound => continue,
                    other => other?,
                };
                self.push(Change::whole(file.clone(), stamp.4, bytes));
            }
            self.tracks.insert(file.clone(), Track::whole(From::Folder, stamp.4, stamp.0));
            self.stamps.insert(file, stamp);
        }
        Ok(())
    }

    fn read_own(&self, file: &str) -> Result<Vec<u8>> {
        fs::read(self.city.dir.join(file)).map_err(|e| {
            let kind = match e.kind() {
                std::io::ErrorKind::NotFound => Kind::NotFound,
                _ => Kind::Unavailable,
            };
            Error::new(kind, format!("{file} cannot be read for the copy; check its owner."))
                .because(e)
        })
    }

    /// A file that is one piece.
    fn bytes_of(&self, file: &str) -> Result<Vec<u8>> {
        let path = file.strip_prefix("log/");
        match (self.tracks.get(file).map(|track| track.from), path) {
            (Some(From::Log), Some("checkpoint")) => Ok(self.log.1.clone().into_bytes()),
            (Some(From::Log), Some(path)) => self
                .city
                .log
                .file_of(self.log.0, path)?
                .ok_or_else(|| Error::busy("The log has grown; the copy looks again.")),
            _ => self.read_own(file),
        }
    }

    /// Sends pieces that are not there yet.
    fn send(&mut self, lumps: Vec<Lump>) -> Result<()> {
        let Some(key) = self.key.as_ref().map(|recovery| recovery.key.clone()) else {
            return Ok(());
        };
        let (mut batch, mut weight, mut named) = (Vec::new(), 0, Vec::new());
        let mut lumps = lumps.into_iter().peekable();
        while let Some(lump) = lumps.next() {
            let id = id_of(&self.names, &key, &lump.bytes);
            if !self.there.contains(&id) {
                let name = piece_name("b", &id);
                weight += lump.bytes.len();
                batch.push((name.clone(), seal_bytes(&key, &name, &lump.bytes)?));
            }
            named.push((lump.file, lump.at, id, lump.bytes.len() as u64));
            if weight < BATCH && lumps.peek().is_some() {
                continue;
            }
            self.depot.put_all(std::mem::take(&mut batch))?;
            weight = 0;
            for (file, at, id, size) in named.drain(..) {
                self.there.insert(id);
                if let Some(track) = self.tracks.get_mut(&file)
                    && let Some(piece) = track.pieces.get_mut(at)
                {
                    *piece = Some(id);
                    if track.from != From::Store {
                        track.size = size;
                    }
                }
            }
        }
        Ok(())
    }

    /// Sends whole files for the next base, for a while or all of them.
    fn make_ready(&mut self, all: bool) -> Result<()> {
        let end = Instant::now() + STEP;
        let names: Vec<String> = self
            .tracks
            .iter()
            .filter(|(_, track)| track.from != From::Store && !track.dirty().is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        let (mut lumps, mut weight) = (Vec::new(), 0);
        for file in names {
            if !all && Instant::now() > end {
                break;
            }
            let bytes = match self.bytes_of(&file) {
                // Gone since we looked; the next look notices.
                Err(e) if matches!(e.kind(), Kind::NotFound | Kind::Busy) => continue,
                other => other?,
            };
            weight += bytes.len();
            lumps.push(Lump { file, at: 0, bytes });
            if weight > BATCH {
                self.send(std::mem::take(&mut lumps))?;
                weight = 0;
            }
        }
        self.send(lumps)
    }

    /// The keys of custody, where they are others than those that were sent. There is one copy, the newest: with
    /// a key that was destroyed here goes the copy of it there.
    fn copy_keys(&mut self) -> Result<()> {
        let rescue = self.city.custody.rescue()?.ok_or_else(|| {
            Error::conflict(
                "The copy needs a key on paper to be sealed to: print its sheets with `homeplate custody \
                 shares`.",
            )
        })?;
        let recovery =
            Recovery { key: rescue.recovery.parse()?, needed: rescue.needed, of: rescue.of };
        if self.key.as_ref() != Some(&recovery) {
            if self.key.is_some() {
                self.start_over();
            }
            self.own(&recovery)?;
            self.key = Some(recovery.clone());
        }
        let hash = sha256(&[recovery.key.bytes().as_slice(), &rescue.keys].concat());
        if hash != self.keys {
            let maker = Maker { key: &recovery.key, by: &self.signing };
            self.depot.put("keys", seal(maker, "keys", &rescue)?)?;
            self.keys = hash;
        }
        Ok(())
    }

    /// Claims the place, or finds that it is ours. One that another server wrote to since is not taken back: that may
    /// be a successor, put together where this one was thought dead.
    fn own(&mut self, recovery: &Recovery) -> Result<()> {
        let slug = self.city.config.city.slug.clone();
        let CopyHealth { mark: known, writers, .. } = self.city.copy_health().unwrap_or_default();
        let there = self.depot.get("city")?;
        let there: Option<Owner> = there.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mark = match there {
            Some(owner) if owner.city != slug => {
                return Err(Error::conflict(
                    "Another city's copy lies at the second place; choose another folder or prefix.",
                ));
            }
            Some(owner) => owner.mark,
            None if !known.is_empty() => {
                return Err(Error::unavailable(format!(
                    "The second place is empty, and was not before: is it mounted? If it was made anew, \
                     remove {STATE} from the data folder and start again."
                )));
            }
            None => base::hex(&random::<16>()),
        };
        let wrote = self.depot.get("writer")?;
        let wrote = wrote.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        if wrote.as_ref().is_some_and(|wrote| !writers.is_empty() && !writers.contains(wrote)) {
            return Err(Error::conflict(format!(
                "Another server has written to the second place since this one did last. If it is the successor of \
                 this one, stop this one for good. If the place is to be this one's again, stop the other, remove \
                 {STATE} from the data folder and start again."
            )));
        }
        let owner = Owner {
            v: VERSION,
            city: slug,
            recovery: recovery.key.to_string(),
            needed: recovery.needed,
            of: recovery.of,
            mark: mark.clone(),
        };
        let json = serde_json::to_vec(&owner)
            .map_err(|e| Error::internal("The place cannot be marked.").because(e))?;
        // First on this disk: whichever of the two the place has after a crash is known to be ours.
        let writers = wrote.into_iter().chain([self.writer.clone()]).collect();
        self.city.note_copy(|copy| (copy.mark, copy.writers) = (mark, writers));
        if let Some(health) = self.city.copy_health() {
            health.save(&self.city.dir)?;
        }
        self.depot.put("city", json)?;
        self.depot.put("writer", self.writer.clone().into_bytes())?;
        self.there = self.depot.list("b")?.iter().filter_map(|name| piece_id(name)).collect();
        self.city.note_copy(|copy| copy.claimed = Some(self.writer.clone()));
        self.fenced = Some(Instant::now());
        Ok(())
    }

    /// Whether the place answers and nobody else writes to it: a server that is thought dead may not be.
    fn fence(&mut self) -> Result<()> {
        if self.key.is_none() || self.fenced.is_some_and(|at| at.elapsed() < FENCE) {
            return Ok(());
        }
        match self.depot.get("writer")? {
            Some(there) if there == self.writer.as_bytes() => {
                self.fenced = Some(Instant::now());
                Ok(())
            }
            _ => Err(taken()),
        }
    }

    /// What the next base meets at the place.
    #[cfg(test)]
    pub(super) fn refuse_for_test(&mut self) -> Result<()> {
        self.cut(self.city.now())
    }

    fn ship(&mut self, at: Time, last: bool) -> Result<()> {
        let (Some(open), Some(recovery)) = (&mut self.open, &self.key) else { return Ok(()) };
        if self.pending.is_empty() && !last {
            return Ok(());
        }
        let record = Record {
            v: VERSION,
            seq: open.seq + 1,
            before: ByteBuf::from(open.before.to_vec()),
            at,
            closed: last,
            changes: std::mem::take(&mut self.pending),
        };
        let name = record_name(&open.name, record.seq);
        let sealed = seal(Maker { key: &recovery.key, by: &self.signing }, &name, &record)?;
        let (hash, weight) = (sha256(&sealed), sealed.len());
        if let Err(e) = self.depot.put(&name, sealed) {
            // It may be there, or not: the same number is written again, with what comes until then.
            self.pending = record.changes;
            return Err(e);
        }
        (open.seq, open.before, open.bytes) = (record.seq, hash, open.bytes + weight);
        self.weight = 0;
        Ok(())
    }

    /// Makes a base of this moment; from then on records follow it.
    fn cut(&mut self, at: Time) -> Result<()> {
        self.fenced = None;
        self.fence()?;
        let lumps = self.collect(usize::MAX)?;
        self.copy_keys()?;
        self.send(lumps)?;
        let Some(recovery) = self.key.clone() else { return Ok(()) };
        let files = base_files(&self.tracks)
            .ok_or_else(|| Error::busy("The city changed while its copy was made; once more."))?;
        let mut refs = String::new();
        for id in files.iter().flat_map(|file| &file.pieces) {
            refs.push_str(&base::hex(id));
            refs.push('\n');
        }
        let name = next_state(&self.depot, "g", at)?;
        self.depot.put(&format!("g/{name}/refs"), refs.into_bytes())?;
        let path = record_name(&name, BASE);
        let names = ByteBuf::from(self.names.to_vec());
        let maker = Maker { key: &recovery.key, by: &self.signing };
        let sealed = seal(maker, &path, &Base { v: VERSION, at, files, names })?;
        let before = sha256(&sealed);
        self.depot.put(&path, sealed)?;
        self.open = Some(Open { name, seq: BASE, before, bytes: 0, begun: Instant::now() });
        self.pending.clear();
        self.weight = 0;
        let keep = i64::from(self.city.config.copy.keep_hours) * 3_600_000;
        let live: BTreeSet<Id> =
            self.tracks.values().flat_map(|track| track.pieces.iter().flatten().copied()).collect();
        let spare = self.there.difference(&live).copied().collect();
        let gone = prune(&self.depot, ("g", "b"), at, (keep, None), spare)?;
        self.there.retain(|id| !gone.contains(id));
        Ok(())
    }

    fn tell(&mut self, at: Time, trouble: Option<&Error>, last: bool) {
        let whole = trouble.is_none() && self.open.is_some() && self.pending.is_empty();
        if let Some(e) = trouble
            && self.city.copy_health().is_some_and(|health| health.trouble.is_none())
        {
            tracing::warn!(error = %e.inside(), "the second place");
        }
        self.city.note_copy(|copy| {
            copy.trouble = trouble.map(|e| e.message().to_owned());
            if whole {
                copy.last_good = Some(at);
            }
            copy.closed = whole && last;
        });
        if last || self.noted.is_none_or(|noted| noted.elapsed() > NOTE) {
            self.noted = Some(Instant::now());
            let saved = self.city.copy_health().map(|health| health.save(&self.city.dir));
            if let Some(Err(e)) = saved {
                tracing::warn!(error = %e.inside(), "how the copy stands");
            }
        }
    }
}

/// Whether that is a successor of ours or a server of before, one of the two must end.
pub(super) fn taken() -> Error {
    Error::unavailable(
        "Another server writes to the second place since; stop one of the two, or give this one a place of its own.",
    )
}

/// What of the city's folder is not copied, or not by the stream.
fn skipped(city: &City) -> Vec<PathBuf> {
    let dir = &city.dir;
    let mut skip: Vec<PathBuf> =
        ["store", "custody", "run", "log", "log.next", "pictures", STATE, DAYS, "keys/copy.key"]
            .iter()
            .map(|name| dir.join(name))
            .collect();
    // Who serves is a matter of this folder's machines.
    skip.push(dir.join(crate::seat::FOLDER));
    skip.push(dir.join(&city.config.pictures.folder));
    // Nobody goes back to it from another machine, and it is gone in a moment.
    skip.push(crate::upgrade::kept(dir));
    // Lists that were dropped spell plates. What was taken of them is in the store; and the store's lists may be
    // kept out of the copy.
    for drop in &city.config.hotlist_drop {
        skip.extend(below(dir, &drop.folder));
    }
    // A passphrase is in its owner's head or hand, and not in a copy.
    skip.extend(crate::keeper::secret_file(dir, &city.config));
    skip
}

/// A folder as a walk below `dir` meets it, however it is spelled.
fn below(dir: &Path, folder: &str) -> Vec<PathBuf> {
    let mut plain = PathBuf::new();
    for part in dir.join(folder).components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    let true_name = fs::canonicalize(dir.join(folder)).ok().zip(fs::canonicalize(dir).ok());
    let inside =
        true_name.and_then(|(folder, dir)| Some(folder.strip_prefix(dir).ok()?.to_owned()));
    inside.map(|inside| dir.join(inside)).into_iter().chain([plain]).collect()
}

fn walk(
    folder: &Path,
    name: &str,
    skip: &[PathBuf],
    found: &mut BTreeMap<String, Stamp>,
) -> Result<()> {
    let cannot = |e: std::io::Error| {
        Error::unavailable(format!("{} cannot be looked through.", folder.display())).because(e)
    };
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(cannot)?,
    };
    for entry in entries {
        let entry = entry.map_err(cannot)?;
        let path = entry.path();
        let last = entry.file_name().to_string_lossy().into_owned();
        // What another command of ours makes beside the city and takes away again may hold a copy of a list.
        let passing = last.ends_with(".lock") || last.ends_with(".new") || last.starts_with(".tmp");
        if passing || skip.contains(&path) {
            continue;
        }
        let inner = if name.is_empty() { last } else { format!("{name}/{last}") };
        // Gone since it was listed.
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            walk(&path, &inner, skip, found)?;
        } else if meta.is_file() && meta.len() <= LARGEST {
            let mode = meta.permissions().mode() & 0o777;
            found.insert(inner, (meta.len(), meta.mtime(), meta.mtime_nsec(), meta.ino(), mode));
        }
    }
    Ok(())
}
