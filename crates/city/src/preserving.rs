//! What a hold asks for is preserved in pieces, and what one has kept is deleted in pieces when it is let go.
//!
//! Holds: neither has the database for longer than a piece, and each goes on where it was cut off, whoever serves the city
//! then. Custody's leave is asked for anew for each stretch, by the entry that is on the log: no permit lives as long as a
//! large hold takes.

use crate::City;
use crate::witness::Witnessing;
use base::{Day, Error, HoldId, Kind, Result, Shutdown};
use custody::HoldPermit;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::TryLockError;
use std::time::{Duration, Instant};
use store::HoldRow;

/// So long a person waits for what they place or let go; the clock does the rest.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(20);
/// So long, in milliseconds since a hold was placed, a day that cannot be read is tried again: it may be put back.
const GRACE_MS: i64 = 7 * 86_400_000;
/// So long the clock works for one hold before it turns to the next; a permit of custody's lives for longer.
const STRETCH: Duration = Duration::from_secs(60);
/// How often it looks whether there is something to do, when there is more of it, and at the least when something fails,
/// for one hold or for all.
const LOOK: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_secs(1);
const RARELY: Duration = Duration::from_secs(600);
/// Between two deletions everybody else gets at the database.
const PAUSE: Duration = Duration::from_millis(20);

/// The holds for which something failed: when each is tried again, and how long it waits for that.
pub(crate) type Failed = BTreeMap<HoldId, (Instant, Duration)>;

/// How far a stretch came.
enum Went {
    Through,
    On,
    /// The hold was let go meanwhile.
    Released,
}

impl City {
    /// Goes on with what holds preserve, and deletes what those have kept that were let go, until `stop`.
    pub fn tend_holds(&self, stop: &Shutdown) {
        let (mut wait, mut failed) = (LOOK, Failed::new());
        while !stop.sleep(wait) {
            wait = match self.tend_each_hold(&mut failed, stop) {
                Ok(true) => LOOK,
                Ok(false) => SOON,
                Err(e) => {
                    tracing::error!(error = %e.inside(), "the holds");
                    (wait * 2).clamp(LOOK, RARELY)
                }
            };
        }
    }

    /// One stretch for each hold for which there is something to do. Says whether all is done, but for what `failed`: that
    /// is tried again when its time has come.
    pub(crate) fn tend_each_hold(&self, failed: &mut Failed, stop: &Shutdown) -> Result<bool> {
        let mut whole = true;
        for row in self.store.holds()? {
            if stop.stopped() {
                return Ok(false);
            }
            if failed.get(&row.id).is_some_and(|(again, _)| Instant::now() < *again) {
                continue;
            }
            match self.tend_hold(&row, stop) {
                Ok(done) => {
                    failed.remove(&row.id);
                    whole &= done;
                }
                Err(e) => {
                    tracing::error!(hold = %row.id, error = %e.inside(), "a hold");
                    let wait = failed.get(&row.id).map_or(LOOK, |(_, wait)| *wait * 2).min(RARELY);
                    failed.insert(row.id, (Instant::now() + wait, wait));
                }
            }
        }
        Ok(whole)
    }

    fn tend_hold(&self, row: &HoldRow, stop: &Shutdown) -> Result<bool> {
        let released = row.released.is_some();
        if !released && !self.log.has("hold.released", &row.id.to_string()) {
            return if row.preserving { self.preserve(row.id, STRETCH, stop) } else { Ok(true) };
        }
        if !released {
            // A crash came between the entry and this.
            self.store.release_hold(row.id, self.now())?;
        }
        self.delete_held(row.id, STRETCH, stop)
    }

    /// Preserves what a hold asks for, for about `time` and from where it was cut off; says whether all of it is.
    ///
    /// # Errors
    /// `Gone` where all of it was forgotten before a read was preserved.
    pub(crate) fn preserve(&self, id: HoldId, time: Duration, stop: &Shutdown) -> Result<bool> {
        // One at a time: two would preserve the same reads.
        let _alone = match self.preserving.try_lock() {
            Ok(alone) => alone,
            Err(TryLockError::Poisoned(e)) => e.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(false),
        };
        let (until, name) = (Instant::now() + time, id.to_string());
        let Some(asked) = self.store.asked_hold(id)? else { return Ok(true) };
        // Without an entry it was never placed: a crash came between.
        let Some(index) = self.log.find("hold.placed", &name) else { return Ok(true) };
        // The log before this one could not be read: no entry commits to what the hold asks for, and none ever will.
        if self.entry_at(index)?.body.is_none() {
            tracing::error!(hold = %id, "it is not wholly preserved and cannot go on; place it anew");
            self.store.end_preserving(id)?;
            return Ok(true);
        }
        let entry = Witnessing::entry(self.witnessing.as_ref(), &self.log, index)?;
        let entry = entry.ok_or_else(|| {
            Error::unavailable("The log's witnesses have not signed for a hold yet; it waits.")
        })?;
        let record = self.store.record("hold", &name)?.ok_or_else(|| {
            Error::internal("The private half of a hold is missing; restore the database.")
        })?;
        let (went, forgotten) = match self.custody.hold_permit(id, &asked, &record.salt, &entry) {
            Ok(permit) => (self.preserve_under(&permit, id, until, stop)?, None),
            // There is nothing that it could go on with.
            Err(e) if e.kind() == Kind::Gone => (Went::Through, Some(e)),
            Err(e) => return Err(e),
        };
        match went {
            Went::On => return Ok(false),
            Went::Released => return Ok(true),
            Went::Through => {}
        }
        let left_out = self.left_out(id)?.len() as u64;
        let waits = forgotten.is_none() && self.now().since(id.time()) < GRACE_MS;
        if waits && left_out > 0 {
            return Err(Error::internal(
                "A day that a hold asks for cannot be read; put it back from a backup, and it is preserved too.",
            ));
        }
        let reads = self.standing_hold(id)?.reads;
        let leaf = self.leaf("hold.preserved").id(&name).fact("reads", reads);
        self.log.append_once(&match left_out {
            0 => leaf,
            days => leaf.fact("days_left_out", days),
        })?;
        self.store.end_preserving(id)?;
        self.store.drop_metas(&left_out_key(id))?;
        match forgotten {
            Some(e) if reads == 0 => Err(e),
            _ => Ok(true),
        }
    }

    fn preserve_under(
        &self,
        permit: &HoldPermit,
        id: HoldId,
        until: Instant,
        stop: &Shutdown,
    ) -> Result<Went> {
        // Days and ids are in the order of their time.
        let mut after = self.store.last_held(id)?;
        let from = after.map(|last| last.day());
        let left_out = self.left_out(id)?;
        let again = |day: &Day| left_out.contains(day);
        let days = permit.days().map(|(day, _)| day);
        let days: Vec<_> =
            days.filter(|day| again(day) || from.is_none_or(|from| *day >= from)).collect();
        for day in days {
            // One that could not be read is read from its beginning: what is kept of it is passed over.
            let again = again(&day);
            if again {
                after = None;
            }
            loop {
                let found = match self.store.to_hold(permit, day, after) {
                    // It holds up no other day.
                    Err(e) if e.kind() == Kind::Internal => {
                        let error = e.inside();
                        tracing::error!(hold = %id, %day, %error, "a day cannot be read and is left out");
                        self.leave_out(id, day, true)?;
                        break;
                    }
                    found => found?,
                };
                let Some(last) = found.last() else {
                    if again && self.store.days()?.contains(&day) {
                        self.leave_out(id, day, false)?;
                    }
                    break;
                };
                after = Some(last.read.id);
                let held = self.custody.reseal(permit, found)?;
                if !self.store.put_held(id, &held)? {
                    return Ok(Went::Released);
                }
                // What was begun anew would be so again.
                if (Instant::now() >= until && !again) || stop.stopped() {
                    return Ok(Went::On);
                }
            }
        }
        Ok(Went::Through)
    }

    /// The days that could not be read for a hold, each at least in part.
    fn left_out(&self, id: HoldId) -> Result<BTreeSet<Day>> {
        let days = self.store.meta(&left_out_key(id))?.unwrap_or_default();
        Ok(days.split_whitespace().filter_map(|day| day.parse().ok()).collect())
    }

    /// Remembers whether a day is one of them, until the log says how many there are: it is tried again, and others go
    /// on meanwhile.
    fn leave_out(&self, id: HoldId, day: Day, out: bool) -> Result<()> {
        let mut days = self.left_out(id)?;
        match out {
            true => days.insert(day),
            false => days.remove(&day),
        };
        let days: Vec<String> = days.iter().map(Day::to_string).collect();
        self.store.set_meta(&left_out_key(id), &days.join(" "))
    }

    /// Deletes what a hold has kept that was let go, for about `time`; says whether all of it is gone.
    pub(crate) fn delete_held(&self, id: HoldId, time: Duration, stop: &Shutdown) -> Result<bool> {
        let until = Instant::now() + time;
        while self.store.delete_held(id)? {
            if Instant::now() >= until || stop.sleep(PAUSE) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn left_out_key(id: HoldId) -> String {
    format!("hold/left-out/{id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{State, check};
    use crate::kit::{Town, at, clerk};
    use crate::succeed::{Lost, succeed};
    use crate::{NewHold, Placed};
    use base::Clock;
    use read::OpenKey;
    use std::fs;

    /// A piece is 64 reads.
    const READS: u64 = 70;
    const DAY_MS: i64 = 86_400_000;
    const DAY: &str = "store/reads/2026-11-01.db";

    /// Of all that has passed until now.
    fn hold(town: &Town) -> NewHold {
        let key = OpenKey::generate();
        NewHold {
            matter: "24-CV-0815".into(),
            paper: town.court_order(&key),
            cameras: Vec::new(),
            from: at("2026-11-01T11:00:00Z"),
            until: town.city.now(),
            plate: None,
            review: town.city.now().plus_millis(2 * DAY_MS),
            key: key.public().unwrap().to_string(),
        }
    }

    /// A hold that is cut off behind its first piece.
    fn cut_off() -> (Town, Placed) {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        (0..READS).for_each(|_| town.pass("7ABC128"));
        town.clock.advance(60_000);
        let new = hold(&town);
        let placed = town.city.place_hold_within(&clerk(), new, Duration::ZERO).unwrap();
        assert_eq!((placed.reads, placed.preserving), (64, true));
        assert!(town.logged("hold.preserved").is_empty());
        (town, placed)
    }

    #[test]
    fn a_hold_that_is_cut_off_goes_on_after_a_restart_and_goes_in_pieces() {
        let (town, placed) = cut_off();
        let Town { dir, clock, city, .. } = town;
        drop(city);
        let id = placed.id.to_string();
        let looks = |clock: &dyn Clock| {
            let found = check(dir.path(), clock).into_iter();
            found.filter(|f| f.state == State::Look && f.message.contains(&id)).count()
        };
        assert_eq!(looks(clock.as_ref()), 0);
        clock.advance(DAY_MS + 60_000);
        assert_eq!(looks(clock.as_ref()), 1);
        let city = City::open(dir.path(), clock).unwrap();
        let (stop, mut failed) = (Shutdown::new(), Failed::new());
        let stands = |reads: u64, preserving: bool| {
            let line = city.holds(&clerk()).unwrap().holds.remove(0);
            assert_eq!((line.reads, line.preserving), (reads, preserving));
        };
        stands(64, true);
        (0..2).for_each(|_| assert!(city.tend_each_hold(&mut failed, &stop).unwrap()));
        stands(READS, false);
        let leaves = city.log.leaves(0, city.log.size()).unwrap();
        let said: Vec<_> = leaves.iter().filter(|leaf| leaf.kind == "hold.preserved").collect();
        assert_eq!((said.len(), said[0].number("reads")), (1, Some(READS)));

        // Let go, and cut off behind the entry.
        let leaf = city.leaf("hold.released").id(placed.id.to_string());
        city.log.append_once(&leaf).unwrap();
        assert!(!city.store.held(placed.id, None).unwrap().is_empty());
        assert!(city.tend_each_hold(&mut failed, &stop).unwrap());
        assert!(city.store.held(placed.id, None).unwrap().is_empty());
        assert!(city.holds(&clerk()).unwrap().holds[0].released.is_some());
        assert!(!city.store.put_held(placed.id, &[]).unwrap(), "nothing is kept for it any more");
    }

    /// A successor tells a hold that is not whole as the log before it did; where that cannot be read, nothing commits to
    /// the hold, and it ends with what it has.
    #[test]
    fn a_hold_goes_on_in_a_successor_log() {
        let check = |readable: bool| {
            let (town, placed) = cut_off();
            let old = town.copy();
            if !readable {
                fs::remove_dir_all(old.path().join("log")).unwrap();
            }
            let why = Lost::Restored(town.city.now());
            let made = succeed(old.path(), &why, old.clock.as_ref()).unwrap();
            let lost = if readable { Vec::new() } else { vec![placed.id] };
            assert_eq!(made.unfinished, lost);
            let city = old.open().unwrap();
            let mut failed = Failed::new();
            assert!(city.tend_each_hold(&mut failed, &Shutdown::new()).unwrap());
            assert!(failed.is_empty());
            let row = city.store.holds().unwrap().remove(0);
            let reads = if readable { READS } else { placed.reads };
            assert_eq!((row.reads, row.preserving), (reads, false));
            assert_eq!(city.log.has("hold.preserved", &placed.id.to_string()), readable);
        };
        check(true);
        check(false);
    }

    #[test]
    fn a_day_that_cannot_be_read_is_tried_again_and_then_left_out() {
        let check = |mended: bool, waits_ms: i64, want: (u64, Option<u64>)| {
            let town = Town::new("2026-11-01T12:00:00Z", "");
            town.pass("7ABC128");
            town.clock.advance(DAY_MS);
            town.pass("8XYZ001");
            town.clock.advance(60_000);
            let new = hold(&town);
            let Town { dir, clock, city, .. } = town;
            drop(city);
            let whole = fs::read(dir.path().join(DAY)).unwrap();
            fs::write(dir.path().join(DAY), [7; 5000]).unwrap();
            let city = City::open(dir.path(), clock.clone()).unwrap();
            let placed = city.place_hold(&clerk(), new.clone()).unwrap();
            assert_eq!((placed.reads, placed.preserving), (1, true), "the other day at once");
            drop(city);
            if mended {
                fs::write(dir.path().join(DAY), &whole).unwrap();
            }
            clock.advance(waits_ms);
            let city = City::open(dir.path(), clock).unwrap();
            city.tend_each_hold(&mut Failed::new(), &Shutdown::new()).unwrap();
            let line = city.holds(&clerk()).unwrap().holds.remove(0);
            assert_eq!((line.reads, line.preserving), (want.0, false));
            let leaves = city.log.leaves(0, city.log.size()).unwrap();
            let leaf = leaves.iter().find(|leaf| leaf.kind == "hold.preserved").unwrap();
            assert_eq!(
                (leaf.number("reads"), leaf.number("days_left_out")),
                (Some(want.0), want.1)
            );
        };
        check(true, 60_000, (2, None));
        check(false, GRACE_MS, (1, Some(1)));
    }
}
