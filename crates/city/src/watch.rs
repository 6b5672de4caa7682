//! The hot lists for a camera that keeps hits alone: as keyed tokens of that camera and one day.
//!
//! The key is made in custody, follows from the day's index key and ends with it. The tokens are made here, where
//! the lists are in the clear anyway, and leave sealed to the camera that asks.

use crate::City;
use crate::lists::{Of, looked_for};
use base::{CameraId, Day, Error, ListId, Result, Time, hex, sha256};
use hotlist::whole_plates;
use plate::Text;
use read::{SealKey, WatchAsk, WatchHead, WatchSet, watch_hash, watch_tokens};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Tomorrow's list is given so long before tomorrow.
const EARLY_MS: i64 = 3_600_000;
/// What was read for one camera is kept so long for the next.
const KEPT_MS: i64 = 10 * 60_000;

/// What is looked for on a day, the same for every camera; the tokens of it are each one's own.
pub(crate) struct LookedFor {
    version: String,
    read: Time,
    plates: Vec<Text>,
    /// How many entries have no plates that could be tokens.
    left_out: u64,
}

impl LookedFor {
    fn is_fresh(&self, now: Time) -> bool {
        (0..KEPT_MS).contains(&now.since(self.read))
    }
}

/// The same by day: today, and tomorrow before it begins.
pub(crate) type Watched = Mutex<BTreeMap<Day, Arc<LookedFor>>>;

impl City {
    /// The lists of a day for a camera that keeps hits alone, sealed to it; `None` where it has them already.
    pub fn watch_list(&self, by: &CameraId, ask: &WatchAsk) -> Result<Option<Vec<u8>>> {
        self.capture_allowed(by)?;
        if self.config.cameras.hits_only(by).is_none() {
            return Err(Error::not_found("This camera keeps every read; it needs no list."));
        }
        let now = self.now();
        let day = ask.day.day();
        if ask.day != day.start() || (day != now.day() && day != early(now).day()) {
            return Err(Error::invalid("Ask for the list of today; set the clock by NTP."));
        }
        let to: SealKey = ask.key.parse()?;
        self.mend_lists()?;
        let stale: BTreeSet<ListId> = self.stale_lists()?.into_iter().map(|v| v.id).collect();
        let version = self.lists_version(day, &stale);
        if ask.have.as_deref() == Some(&version) {
            return Ok(None);
        }
        let key = self.custody.watch_key(by, day)?;
        let wanted = self.wanted_on(day, &version, &stale)?;
        let tokens = watch_tokens(&key, wanted.plates.iter().cloned());
        let head = WatchHead {
            camera: by.clone(),
            day: day.start(),
            made: now,
            version,
            tokens: tokens.len() as u64,
            left_out: wanted.left_out,
            hash: watch_hash(&key, &tokens),
        };
        let head = self.custody.sign_watch(head)?;
        // That a camera was given the lists is public, once a day.
        let leaf = self
            .leaf("hotlist.watched")
            .job("hotlist")
            .id(format!("{by}/{day}"))
            .fact("camera", by.as_str());
        self.log.append_once(&leaf)?;
        Ok(Some(WatchSet::seal(&to, &head, &key, &tokens)?.0))
    }

    /// Names the present state of the lists, of which these are too old to be believed. What a restart cannot know to
    /// be the same is another.
    fn lists_version(&self, day: Day, stale: &BTreeSet<ListId>) -> String {
        let old: Vec<&str> = stale.iter().map(ListId::as_str).collect();
        let said = format!("{}/{}/{day}/{}", hex(&self.boot), self.hot.changes(), old.join(" "));
        hex(&sha256(said.as_bytes())[..8])
    }

    /// What is looked for on a day by the lists of this version: read once, however many cameras ask.
    fn wanted_on(
        &self,
        day: Day,
        version: &str,
        stale: &BTreeSet<ListId>,
    ) -> Result<Arc<LookedFor>> {
        // Held while it is read: who asks meanwhile wants the same.
        let mut all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, kept| kept.is_fresh(self.now()));
        if let Some(kept) = all.get(&day).filter(|kept| kept.version == version) {
            return Ok(kept.clone());
        }
        all.remove(&day);
        let (plates, left_out) = self.plates_of(day, stale)?;
        let version = version.to_owned();
        let read = Arc::new(LookedFor { version, read: self.now(), plates, left_out });
        all.insert(day, read.clone());
        Ok(read)
    }

    /// Lets go of what was read a while ago: the plates stand nowhere longer than they are of use.
    pub(crate) fn forget_watched(&self) {
        let mut all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, kept| kept.is_fresh(self.now()));
    }

    /// What is looked for at some moment of the day, and how many entries cannot be. What raises no hit is not looked
    /// for: lists that are too old, and vehicles that were found again.
    fn plates_of(&self, day: Day, stale: &BTreeSet<ListId>) -> Result<(Vec<Text>, u64)> {
        let (from, until) = (day.start().max(self.now()), day.next().start());
        let last = until.plus_millis(-1);
        let mut left_out = 0;
        let mut pages = self.pages(Of::All);
        let wanted = pages
            .by_ref()
            .filter(|row| row.begins < until && row.expires > from && !stale.contains(&row.list));
        let plates: Vec<Text> = wanted
            .flat_map(|row| {
                let whole = whole_plates(&row.plate);
                left_out += u64::from(whole.is_none());
                let entry = looked_for(row);
                let mut plates = whole.unwrap_or_default();
                plates.retain(|plate| !self.hot.is_found(&entry, plate, last));
                plates
            })
            .collect();
        pages.done()?;
        Ok((plates, left_out))
    }
}

fn early(now: Time) -> Time {
    now.plus_millis(EARLY_MS)
}
