//! The databases of reads, one a UTC day: opened when needed, closed when many are open, and when
//! dropped gone for good.
//!
//! The control data knows every day that ever had one. That one was dropped is written there
//! before it goes, so that a crash between the two cannot bring a day back, nor a late read.

use crate::engine::{Arg, Db, Home, Kind, Part};
use crate::open::{Store, found_of, hold};
use base::{Day, Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// How many days are kept open at a time; each may hold three files.
const OPEN: usize = 48;

/// A day's database as it stands.
pub(crate) enum Slot {
    /// There is none.
    Nothing,
    /// There is one, not open.
    Closed,
    /// Open.
    Open(Box<Db>),
    /// There was one. No read of this day is taken ever again.
    Dropped,
}

/// The days and their databases.
pub(crate) struct Days {
    home: Home,
    slots: Mutex<BTreeMap<Day, Arc<Mutex<Slot>>>>,
    /// Days that may hold effects that were not relayed.
    pub(crate) pending: Mutex<BTreeSet<Day>>,
    /// Days whose effects could not be relayed, and why.
    pub(crate) stuck: Mutex<BTreeMap<Day, (base::Kind, String)>>,
    /// Dropped days whose databases could not be removed then.
    going: Mutex<BTreeSet<Day>>,
}

impl Days {
    /// Takes stock at the start, and finishes drops that were cut off; one that cannot be finished now holds up nothing.
    pub fn open(home: &Home, control: &Db, there: &[Day]) -> Result<Self> {
        let mut slots: BTreeMap<Day, Slot> = there.iter().map(|d| (*d, Slot::Closed)).collect();
        let mut going = BTreeSet::new();
        for mut row in control.query("SELECT day FROM partitions WHERE dropped = 1", &[])? {
            let day = row.get(0)?;
            if slots.insert(day, Slot::Dropped).is_some()
                && let Err(e) = home.drop_day(day)
            {
                tracing::error!(%day, error = %e.inside(), "a forgotten day cannot be removed yet");
                going.insert(day);
            }
        }
        let slots = slots.into_iter().map(|(d, s)| (d, Arc::new(Mutex::new(s)))).collect();
        let pending = Mutex::new(there.iter().copied().collect());
        let (slots, going) = (Mutex::new(slots), Mutex::new(going));
        Ok(Self { home: home.clone(), slots, pending, stuck: Mutex::default(), going })
    }

    pub(crate) fn slot(&self, day: Day) -> Arc<Mutex<Slot>> {
        let mut slots = hold(&self.slots);
        slots.entry(day).or_insert_with(|| Arc::new(Mutex::new(Slot::Nothing))).clone()
    }

    fn open_day(&self, day: Day) -> Result<Db> {
        self.close_some(day);
        self.home.open_part(Part::Day(day))
    }

    /// Closes the oldest open days that nobody is using, if there are too many.
    fn close_some(&self, but: Day) {
        let slots = hold(&self.slots);
        let others = slots.iter().filter(|(day, _)| **day != but);
        // One that is in use is skipped here and closed another time.
        let mut open: Vec<_> = others.filter_map(|(_, slot)| slot.try_lock().ok()).collect();
        open.retain(|slot| matches!(**slot, Slot::Open(_)));
        let surplus = (open.len() + 1).saturating_sub(OPEN);
        for slot in open.iter_mut().take(surplus) {
            **slot = Slot::Closed;
        }
    }
}

pub(crate) fn forgotten(day: Day) -> Error {
    Error::gone(format!("The reads of {day} have been forgotten; none is taken for it."))
}

impl Store {
    /// Does something with a day's database, which is made if there is none. A dropped day is
    /// [`base::Kind::Gone`].
    pub(crate) fn in_day<T>(&self, day: Day, f: impl FnOnce(&mut Db) -> Result<T>) -> Result<T> {
        let slot = self.days.slot(day);
        let mut slot = hold(&slot);
        match &mut *slot {
            Slot::Dropped => Err(forgotten(day)),
            Slot::Open(db) => f(db),
            Slot::Closed | Slot::Nothing => {
                if matches!(*slot, Slot::Nothing) {
                    // Known to the control data first, so that `check` misses a lost one.
                    self.control().exec(
                        "INSERT INTO partitions (day, relayed, dropped) VALUES (?1, 0, 0) \
                         ON CONFLICT (day) DO NOTHING",
                        &[Arg::from(day)],
                    )?;
                }
                let mut db = self.days.open_day(day)?;
                self.agree(day, &db)?;
                let out = f(&mut db);
                *slot = Slot::Open(Box::new(db));
                out
            }
        }
    }

    /// A file that was put back is older than the control data, and one that was lost begins anew: the day is not
    /// thought to have been relayed further than its file goes, or the next hits would have numbers that are done.
    /// Hits that were relayed keep their ids; nothing doubles.
    fn agree(&self, day: Day, db: &Db) -> Result<()> {
        let last = match db.first("SELECT coalesce(max(seq), 0) FROM effects", &[]) {
            Ok(row) => row.map_or(Ok(0), |mut row| row.get::<i64>(0))?,
            // Its reads may be whole; the relay says what it cannot read.
            Err(e) => {
                tracing::error!(%day, error = %e.inside(), "the effects of a day cannot be read");
                return Ok(());
            }
        };
        if self.position(day)? > last {
            tracing::warn!(%day, last, "the file of a day is older than the control data");
            self.control().exec(
                "UPDATE partitions SET relayed = ?2 WHERE day = ?1",
                &[Arg::from(day), Arg::from(last)],
            )?;
        }
        Ok(())
    }

    /// The same for a day that has one; `None` where it has none (any more).
    pub(crate) fn in_old_day<T>(
        &self,
        day: Day,
        f: impl FnOnce(&mut Db) -> Result<T>,
    ) -> Result<Option<T>> {
        let there = {
            let slot = self.days.slot(day);
            let slot = hold(&slot);
            matches!(*slot, Slot::Closed | Slot::Open(_))
        };
        if !there {
            return Ok(None);
        }
        match self.in_day(day, f) {
            Ok(out) => Ok(Some(out)),
            // Dropped a moment ago.
            Err(e) if e.kind() == base::Kind::Gone => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The days that have reads, the oldest first.
    pub fn days(&self) -> Result<Vec<Day>> {
        // One lock at a time: who holds a day may be waiting for the map.
        let slots = hold(&self.days.slots).clone();
        let there = |slot: &Mutex<Slot>| matches!(*hold(slot), Slot::Closed | Slot::Open(_));
        Ok(slots.iter().filter(|(_, slot)| there(slot)).map(|(day, _)| *day).collect())
    }

    /// Forgets a day: its database goes, and no read of it is taken ever again. What the jobs made of
    /// its reads stays; its pictures go with [`Store::forget_pictures`]. One that is damaged goes like any other.
    /// Repeating it is harmless.
    ///
    /// # Errors
    /// Its hits cannot be relayed because another program has its database: it stays. Or that cannot be removed: the day is
    /// forgotten all the same, and [`Store::drop_rest`] removes it.
    pub fn drop_day(&self, day: Day) -> Result<()> {
        // Hits that were not relayed would be lost with it.
        if let Err(e) = self.relay() {
            tracing::error!(error = %e.inside(), "effects of a day cannot be relayed");
        }
        let stuck = hold(&self.days.stuck).get(&day).cloned();
        if let Some((base::Kind::Busy, message)) = stuck {
            return Err(Error::busy(message));
        }
        let slot = self.days.slot(day);
        let mut slot = hold(&slot);
        self.control().exec(
            "INSERT INTO partitions (day, relayed, dropped) VALUES (?1, 0, 1) \
             ON CONFLICT (day) DO UPDATE SET dropped = excluded.dropped",
            &[Arg::from(day)],
        )?;
        // Closes it; from here on it is gone whatever happens.
        *slot = Slot::Dropped;
        // The database is closed: to let go of the file loses none of its locks, and its bytes go with it.
        hold(&self.raw).remove(&day);
        hold(&self.days.stuck).remove(&day);
        hold(&self.days.going).insert(day);
        self.remove(day)
    }

    /// Removes the databases of dropped days that could not be removed when they were dropped. To be called now and then.
    ///
    /// # Errors
    /// The first that cannot be removed now either; the rest is done all the same.
    pub fn drop_rest(&self) -> Result<()> {
        let going = hold(&self.days.going).clone();
        let failed = going.into_iter().filter_map(|day| self.remove(day).err());
        // All of them are tried, whatever comes of the first.
        failed.reduce(|first, _| first).map_or(Ok(()), Err)
    }

    fn remove(&self, day: Day) -> Result<()> {
        self.home.drop_day(day)?;
        hold(&self.days.going).remove(&day);
        Ok(())
    }

    pub(crate) fn check_days(&self) -> Result<Vec<String>> {
        const REGISTERED: &str = "SELECT day FROM partitions WHERE dropped = 0 ORDER BY day";
        let mut wrong = Vec::new();
        let there = self.days()?;
        let registered = self.control().query(REGISTERED, &[])?;
        for mut row in registered {
            let day = row.get(0)?;
            if !there.contains(&day) {
                let name = self.home.name(Part::Day(day));
                wrong.push(format!("{name} is missing; restore it from a backup."));
            }
        }
        for day in hold(&self.days.going).iter() {
            let name = self.home.name(Part::Day(*day));
            wrong.push(format!(
                "{name} is of a forgotten day and cannot be removed; end what reads it."
            ));
        }
        for day in there {
            let found = self.in_old_day(day, |db| {
                let mut wrong = db.check(Kind::Reads)?;
                wrong.extend(crate::reads::orphans(db)?);
                Ok(wrong)
            });
            wrong.extend(found_of(found.map(Option::unwrap_or_default)));
        }
        Ok(wrong)
    }
}
