//! A camera that keeps hits alone: what it compares with, in memory only.
//!
//! The lists come as keyed tokens of this camera and one day, are asked for each minute, and go when the lease
//! goes. A read that is on no list is dropped before it is signed; a count goes up.

use crate::client::Client;
use crate::keeper::Keeper;
use base::{Clock, Day, PublicKey, Result, Shutdown, Time};
use plate::Odds;
use read::{Held, HitsOnly, OpenKey, Sealed, WatchAsk, WatchSet, Without};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(200);
/// Changed lists are here within a minute.
const EVERY: Duration = Duration::from_secs(60);
/// The same while there is no list of the day.
const AGAIN: Duration = Duration::from_secs(5);
/// Tomorrow's list is asked for so long before tomorrow.
const EARLY_MS: i64 = 30 * 60_000;

/// What a camera compares with.
pub struct Watch {
    client: Arc<Client>,
    city: PublicKey,
    clock: Arc<dyn Clock>,
    state: Mutex<Sets>,
}

#[derive(Default)]
struct Sets {
    mode: Option<HitsOnly>,
    days: BTreeMap<Day, WatchSet>,
    /// Whether the city was asked under this lease, whatever it said.
    tried: bool,
}

impl Watch {
    /// Compares with nothing yet.
    pub fn new(client: Arc<Client>, city: PublicKey, clock: Arc<dyn Clock>) -> Self {
        Self { client, city, clock, state: Mutex::default() }
    }

    fn sets(&self) -> MutexGuard<'_, Sets> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a read is kept under a lease that says this.
    pub fn wants(&self, mode: Option<HitsOnly>, odds: &Odds, at: Time) -> bool {
        let Some(mode) = mode else { return true };
        match self.sets().days.get(&at.day()) {
            Some(set) => set.wants(odds),
            None => mode.without == Without::All,
        }
    }

    /// Whether frames may be looked at: the list of the day is here, or the city did not give it.
    pub fn ready(&self, mode: Option<HitsOnly>) -> bool {
        mode.is_none() || self.sets().tried
    }

    /// What is told of it; nothing where the camera keeps every read.
    pub fn held(&self) -> Option<Held> {
        let sets = self.sets();
        let mode = sets.mode?;
        let set = sets.days.get(&self.clock.now().day());
        Some(Held {
            made: set.map(|set| set.head().made),
            tokens: set.map_or(0, |set| set.head().tokens),
            without: mode.without,
        })
    }

    /// Keeps the lists fresh until `done`.
    pub fn run(&self, keeper: &Keeper, done: &Shutdown) {
        let mut asked: BTreeMap<Day, Instant> = BTreeMap::new();
        while !done.sleep(TICK) {
            let mode = keeper.session().and_then(|session| session.lease().hits_only);
            let now = self.clock.now();
            {
                let mut sets = self.sets();
                sets.mode = mode;
                if mode.is_none() {
                    // With the lease the key goes.
                    sets.days.clear();
                    sets.tried = false;
                    asked.clear();
                    continue;
                }
                // What was seen before midnight may be read after it.
                sets.days.retain(|day, _| day.next().start().plus_millis(EARLY_MS) > now);
            }
            for day in [now.day(), now.plus_millis(EARLY_MS).day()] {
                let wait = if self.sets().days.contains_key(&day) { EVERY } else { AGAIN };
                if asked.get(&day).is_some_and(|at| at.elapsed() < wait) {
                    continue;
                }
                asked.insert(day, Instant::now());
                if let Err(e) = self.ask(day) {
                    tracing::warn!(error = %e.inside(), "the lists of the day are not here");
                }
                self.sets().tried = true;
            }
            asked.retain(|day, _| *day >= now.day());
        }
        self.sets().days.clear();
    }

    fn ask(&self, day: Day) -> Result<()> {
        let key = OpenKey::generate();
        let have = self.sets().days.get(&day).map(|set| set.head().version.clone());
        let ask = WatchAsk { day: day.start(), key: key.public()?.to_string(), have };
        let Some(bytes) = self.client.fetch("/v1/watch", &ask)? else { return Ok(()) };
        let camera = self.client.camera();
        let set = WatchSet::open(&Sealed(bytes), &key, &self.city, camera, day)?;
        self.sets().days.insert(day, set);
        Ok(())
    }
}
