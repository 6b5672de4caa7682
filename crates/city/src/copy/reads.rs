//! Reads and their pictures, by the hour or the day: each day's file held still and compared by pieces, pictures
//! by their packs, which never change. A day whose file cannot be read, or is lost, keeps what the copy before has of it,
//! and holds up no other. Where nothing is known of it, the copies from before are kept until it is forgotten, and it is
//! named in the new one all the same: whoever restores looks for it in those.
//!
//! A copy of a day that is forgotten here is gone there with the next copy but one; its keys are gone at once.

use super::CopyHealth;
use super::days::{self, Copied, Known, Older};
use super::looked::Looked;
use super::packs::{NOWHERE, Packs, file};
use super::record::{
    Base, File, Maker, PIECE, VERSION, id_of, piece_id, piece_name, seal, seal_bytes,
};
use super::restore::owner;
use super::states::{newest_state, next_state, prune};
use super::stream::{naming, taken};
use super::tracks::Id;
use crate::City;
use crate::init::Paths;
use base::{Day, Error, Kind, Result, Shutdown, SigningKey, Time};
use read::SealKey;
use serde_bytes::ByteBuf;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Depot;

/// A copy that failed is tried again after so long.
const AGAIN: Duration = Duration::from_secs(60);
/// The longest wait for a day that cannot be read at the moment: meanwhile all others are read for nothing.
const AGAIN_MOST: Duration = Duration::from_secs(3600);
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
    /// What is there of the packs of pictures under this key.
    packs: Packs,
    /// What was noted down of the copies at the place; `None` where nothing was.
    noted: Option<Known>,
    /// How long is waited after a copy that has to be made again.
    pause: Duration,
}

/// Pieces on their way.
pub(super) struct Sending<'a> {
    depot: &'a Depot,
    key: &'a SealKey,
    names: &'a [u8; 32],
    there: &'a mut BTreeSet<Id>,
    batch: Vec<(String, Vec<u8>)>,
    ids: Vec<Id>,
    weight: usize,
}

impl Sending<'_> {
    /// Sends a piece, unless it is there, and gives its id.
    pub fn piece(&mut self, bytes: &[u8]) -> Result<Id> {
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

    /// After this all of them are there.
    pub fn flush(&mut self) -> Result<()> {
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
            packs: Packs::default(),
            noted: None,
            pause: AGAIN,
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
            if !due(&health, at, every) || tried.is_some_and(|tried| tried.elapsed() <= self.pause)
            {
                continue;
            }
            let copied = self.copy(at);
            tried = copied.is_err().then(Instant::now);
            if let Err(e) = copied {
                tracing::warn!(error = %e.inside(), "copying reads");
            }
        }
    }

    /// Copies now. Public for tests.
    ///
    /// # Errors
    /// There is no new copy; or there is one, and this is what was wrong with the first day of which it has no more
    /// than the one before. Where that may be over in a moment, the next copy is due at once.
    pub fn copy(&mut self, at: Time) -> Result<()> {
        let made = self.copy_all(at);
        let again = made.as_ref().is_ok_and(|missed| missed.later.is_some());
        self.pause = if again { (self.pause * 2).min(AGAIN_MOST) } else { AGAIN };
        let copied = made.is_ok() && !again;
        let done = made.and_then(Missed::told);
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

    /// Gives the days of which it has no more than the copy before, once all the rest is copied.
    fn copy_all(&mut self, at: Time) -> Result<Missed> {
        self.fence()?;
        let rescue = self.city.custody.rescue()?;
        let rescue = rescue.ok_or_else(|| Error::conflict("The copy needs a key on paper."))?;
        let key: SealKey = rescue.recovery.parse()?;
        if self.key.as_ref() != Some(&key) {
            // What was sealed to another key does not open with the sheets of this one.
            self.packs.clear();
            self.noted = days::load(&self.city.dir, &key);
            self.listed = false;
            self.key = Some(key.clone());
        }
        if !self.listed {
            self.there = there(&self.depot)?;
            self.listed = true;
        }
        let in_folder = self.city.config.credentials(&self.city.dir).is_none();
        if in_folder {
            self.city.store.pictures_answer()?;
        }
        let mut files = Vec::new();
        let mut sending = Sending {
            depot: &self.depot,
            key: &key,
            names: &self.names,
            there: &mut self.there,
            batch: Vec::new(),
            ids: Vec::new(),
            weight: 0,
        };
        let (days, missed) = copy_days(&self.city, self.noted.as_ref(), at, &mut sending)?;
        files.extend(days.iter().map(|(day, one)| file(&days::name(*day), one.size, &one.ids)));
        files.extend(missed.nothing.iter().map(|day| file(&days::name(*day), 0, &[NOWHERE])));
        let folder = self.city.dir.join(&self.city.config.pictures.folder);
        if in_folder {
            files.extend(self.packs.copy(&folder, at, &mut sending)?);
            // The empty place of a disk that has gone is no folder without pictures.
            self.city.store.pictures_answer()?;
        }
        sending.flush()?;
        self.fence()?;
        let older = match &self.noted {
            Some(noted) => noted.older.clone(),
            None => newest_state(&self.depot, "r")?
                .map(|newest| Older { newest, days: missed.nothing.clone() }),
        };
        let older = older.and_then(|older| older.of(&missed.nothing));
        self.finish(at, &key, files, older.as_ref().map(|older| older.newest.as_str()))?;
        let known = Known { days, older };
        if let Err(e) = days::save(&self.city.dir, &key, &known) {
            tracing::warn!(error = %e.inside(), "what was copied is not noted down");
        }
        self.noted = Some(known);
        Ok(missed)
    }

    fn finish(
        &mut self,
        at: Time,
        key: &SealKey,
        files: Vec<File>,
        held: Option<&str>,
    ) -> Result<()> {
        let named = files.iter().flat_map(|file| file.pieces.iter().chain(&file.lists));
        let mut live: Vec<Id> = Vec::with_capacity(self.packs.ids().count());
        live.extend(named.filter_map(|id| <Id>::try_from(id.as_slice()).ok()));
        live.extend(self.packs.ids());
        live.sort_unstable();
        live.dedup();
        let name = next_state(&self.depot, "r", at)?;
        self.depot.put(&format!("r/{name}/refs"), refs(&live))?;
        let path = format!("r/{name}/base");
        let names = ByteBuf::from(self.names.to_vec());
        let maker = Maker { key, by: &self.signing };
        let sealed = seal(maker, &path, &Base { v: VERSION, at, files, names })?;
        self.depot.put(&path, sealed)?;
        let keep = i64::from(self.city.config.copy.keep_hours) * 3_600_000;
        let spare = self.there.iter().filter(|id| live.binary_search(id).is_err()).copied();
        let gone = prune(&self.depot, ("r", "rb"), at, (keep, held), spare.collect())?;
        self.there.retain(|id| !gone.contains(id));
        Ok(())
    }
}

/// The pieces at a place. Their names are listed by parts: all at once they are several times as many bytes.
fn there(depot: &Depot) -> Result<BTreeSet<Id>> {
    let mut all: Vec<Id> = Vec::new();
    for first in 0..=u8::MAX {
        let names = depot.list(&format!("rb/{first:02x}"))?;
        all.extend(names.iter().filter_map(|name| piece_id(name)));
    }
    Ok(all.into_iter().collect())
}

/// One a line.
fn refs(ids: &[Id]) -> Vec<u8> {
    let mut out = Vec::with_capacity(65 * ids.len());
    for id in ids {
        out.extend_from_slice(base::hex(id).as_bytes());
        out.push(b'\n');
    }
    out
}

/// The days of which a copy has no more than the one before.
#[derive(Default)]
struct Missed {
    /// What was wrong with the first whose file is damaged.
    damaged: Option<Error>,
    /// What was wrong with the first that may be read in a moment.
    later: Option<Error>,
    /// Those of which it has nothing at all.
    nothing: BTreeSet<Day>,
}

impl Missed {
    fn told(self) -> Result<()> {
        self.damaged.or(self.later).map_or(Ok(()), Err)
    }
}

/// Copies all days; of one that cannot be read, or is lost, what was copied of it before stays, if it is all there. Gives
/// what is at the place now, and what is not.
fn copy_days(
    city: &City,
    noted: Option<&Known>,
    at: Time,
    sending: &mut Sending<'_>,
) -> Result<(BTreeMap<Day, Copied>, Missed)> {
    let (mut days, mut missed) = (BTreeMap::new(), Missed::default());
    if city.config.store.url.is_some() {
        // PostgreSQL has its own copies.
        return Ok((days, missed));
    }
    let before = |day: Day| noted.and_then(|noted| noted.days.get(&day));
    let mut not_read = BTreeSet::new();
    for day in city.store.days()? {
        match copy_day(city, day, (before(day), at), sending)? {
            Found::Gone => continue,
            Found::Whole(copied) => {
                days.insert(day, copied);
                continue;
            }
            Found::Damaged(e) => _ = missed.damaged.get_or_insert(e),
            Found::Later(e) => _ = missed.later.get_or_insert(e),
        }
        not_read.insert(day);
    }
    // Of lost ones `homeplate check` tells.
    not_read.extend(city.store.missing_days()?);
    for day in not_read {
        match before(day).filter(|one| one.is_there(sending.there)) {
            Some(one) => _ = days.insert(day, one.clone()),
            None => _ = missed.nothing.insert(day),
        }
    }
    Ok((days, missed))
}

/// What a copy finds of a day.
enum Found {
    /// It was forgotten meanwhile.
    Gone,
    Whole(Copied),
    Damaged(Error),
    /// It cannot be read at the moment: another program has it, or this one may open no more files.
    Later(Error),
}

/// A file that has not changed since it was read, of which all is at the place, is not read again before a day is over.
/// An error is one of the place.
fn copy_day(
    city: &City,
    day: Day,
    (before, now): (Option<&Copied>, Time),
    sending: &mut Sending<'_>,
) -> Result<Found> {
    // Damage behind its beginning is seen by whoever reads it all the time.
    if let Err(e) = city.store.day_answers(day)
        && e.kind() == Kind::Internal
    {
        return Ok(Found::Damaged(e));
    }
    let still = match city.store.still_day(day) {
        Ok(Some(still)) => still,
        Ok(None) => return Ok(Found::Gone),
        Err(e) => {
            return Ok(match e.kind() {
                Kind::Gone => Found::Gone,
                Kind::Internal => Found::Damaged(e),
                _ => Found::Later(e),
            });
        }
    };
    let same = |one: &&Copied| {
        let holds = one.looked.is_some_and(|looked| looked.holds(still.modified, now));
        holds && one.size == still.size && one.is_there(sending.there)
    };
    if let Some(one) = before.filter(same) {
        return Ok(Found::Whole(one.clone()));
    }
    let mut ids = Vec::new();
    let mut at = 0;
    while at < still.size {
        match still.read(at, PIECE) {
            Ok(bytes) => ids.push(sending.piece(&bytes)?),
            Err(e) => return Ok(Found::Damaged(e)),
        }
        at += PIECE as u64;
    }
    let looked = Looked::new(still.modified, now);
    Ok(Found::Whole(Copied { size: still.size, ids, looked }))
}
