//! Forgetting on time: keys of old epochs are destroyed, their day files and pictures dropped, on the
//! log.
//!
//! What a wrong clock destroys nobody brings back. So after the clock has leapt ahead (or the city has
//! been off for as long) forgetting waits some hours, and health and log say so: time for somebody to
//! set the clock right. If nobody does, the clock is believed.
//!
//! Where forgetting itself fails (a token that is away, a file that cannot be written), nothing else shows it:
//! what is sealed and asked goes on from memory. So health says that too, when it has failed for some hours.

use crate::City;
use base::{Epoch, Error, Result, Time};
use custody::Sort;
use std::sync::PoisonError;

const DAY_MS: i64 = 86_400_000;
/// Further than this between two looks the clock has leapt; the looks are an hour apart.
const LEAP_MS: i64 = 2 * DAY_MS;
/// How long forgetting waits then.
const CALM_MS: i64 = 6 * 3_600_000;
/// So long after the last read that could be taken a camera that comes back may still say its last word under a lease.
const LAST_WORDS_MS: i64 = 30 * DAY_MS;
/// So long forgetting may fail, at a try every hour, before health says so.
const FAILS_MS: i64 = 3 * 3_600_000;

impl City {
    /// Forgets what is older than the city's retention. Runs at every start and then every hour;
    /// running it again changes nothing. Hits have keys of their own, and go with the day of their reads.
    ///
    /// # Errors
    /// The first of what failed; the rest is done all the same.
    pub fn retain(&self) -> Result<()> {
        // Who watches those who ask waits for no token and no place of pictures.
        let done = [
            self.forget(),
            self.check_adopted().map(drop),
            self.forget_pictures(),
            self.oversee(),
            self.forget_messages(),
            self.forget_drills(),
        ];
        let mut failed = done.into_iter().filter_map(Result::err);
        let first = failed.next();
        failed.for_each(|e| tracing::error!(error = %e.inside(), "what the clock brings"));
        first.map_or(Ok(()), Err)
    }

    /// The first moment that is not forgotten yet.
    fn limit(&self) -> Time {
        self.now().plus_millis(-i64::from(self.config.retention.reads_days) * DAY_MS)
    }

    /// Pictures of days and hits that are forgotten. Their keys are gone already; what a place that does
    /// not answer keeps for longer, nobody can open.
    pub(crate) fn forget_pictures(&self) -> Result<()> {
        if self.forgetting_waits()? {
            return Ok(());
        }
        self.store.forget_pictures(self.limit())
    }

    /// Removes pictures that no read names, left by a crash more than a day ago. Once a day is enough.
    pub fn sweep_pictures(&self) -> Result<()> {
        let gone = self.store.sweep_pictures(self.now().plus_millis(-DAY_MS))?;
        if gone > 0 {
            tracing::info!(packs = gone, "removed pictures that no read names");
        }
        Ok(())
    }

    /// Keys and days; then what sealed questions were, which waits for a calm clock too.
    pub(crate) fn forget(&self) -> Result<()> {
        if !self.clock_is_calm()? {
            return Ok(());
        }
        let done = self.forget_due();
        let mut failing = self.unforgotten.lock().unwrap_or_else(PoisonError::into_inner);
        let since = failing.as_ref().map_or_else(|| self.now(), |(since, _)| *since);
        *failing = done.as_ref().err().map(|e| (since, e.message().to_owned()));
        drop(failing);
        done
    }

    /// Whether what is due has been forgotten, or has failed for no more than a few hours.
    pub(crate) fn forgets(&self) -> Result<()> {
        let failing = self.unforgotten.lock().unwrap_or_else(PoisonError::into_inner);
        match &*failing {
            Some((since, why)) if self.now().since(*since) >= FAILS_MS => Err(Error::unavailable(
                format!("What is too old has not been forgotten since {since}. {why}"),
            )),
            _ => Ok(()),
        }
    }

    fn forget_due(&self) -> Result<()> {
        let limit = self.limit();
        self.log_destroyed(Sort::Reads, "epoch", &self.custody.destroy_before(limit)?)?;
        self.log_destroyed(Sort::Hits, "hits", &self.custody.destroy_hits_before(limit)?)?;
        // A dump that reads a day's database holds up nothing else that is due.
        let dropped = self.drop_days_before(limit);
        self.forget_hits(limit)?;
        self.forget_lists(limit)?;
        self.forget_tallies()?;
        // The log keeps that they were granted.
        for camera in self.store.cameras()? {
            self.store.forget_leases(&camera.id, limit.plus_millis(-LAST_WORDS_MS))?;
        }
        // What is said too early cannot be taken back either; and if it cannot be said, all that must be
        // forgotten is forgotten by now.
        self.reveal_due()?;
        dropped
    }

    /// Whether the clock has gone on as clocks do, or stood for a while since it leapt.
    fn clock_is_calm(&self) -> Result<bool> {
        let (now, seen, leapt) = (self.now(), self.moment("seen")?, self.moment("leapt")?);
        self.store.set_meta("clock/seen", &now.to_string())?;
        // Also while it waits: another leap has not been looked at by anybody for six hours.
        let leaps = seen.is_some_and(|seen| now.since(seen) > LEAP_MS);
        let waits_since = match leapt {
            _ if leaps => Some(now),
            // Set right again, or stood for long enough.
            Some(leapt) if now < leapt || now.since(leapt) >= CALM_MS => None,
            other => other,
        };
        if waits_since != leapt {
            let text = waits_since.map(|t| t.to_string()).unwrap_or_default();
            self.store.set_meta("clock/leapt", &text)?;
        }
        if waits_since.is_some() {
            tracing::warn!("the clock has leapt ahead: forgetting waits six hours; set it by NTP");
        }
        Ok(waits_since.is_none())
    }

    /// Whether forgetting waits because the clock has leapt.
    pub(crate) fn forgetting_waits(&self) -> Result<bool> {
        Ok(self.moment("leapt")?.is_some())
    }

    fn moment(&self, name: &str) -> Result<Option<Time>> {
        Ok(self.store.meta(&format!("clock/{name}"))?.and_then(|text| text.parse().ok()))
    }

    fn log_destroyed(&self, sort: Sort, of: &str, epochs: &[Epoch]) -> Result<()> {
        for epoch in epochs {
            self.log.append_once(
                &self
                    .leaf("key.destroyed")
                    .id(format!("{of}/{}", epoch.start_s))
                    .fact("epoch", epoch.start().to_string())
                    .fact("seconds", epoch.len_s),
            )?;
        }
        if epochs.is_empty() { Ok(()) } else { self.custody.destruction_logged(sort, epochs) }
    }

    /// A day goes when its last millisecond is older than the limit: its keys are gone by then. One that cannot be
    /// removed now, or could not before, is tried again by the next call. One whose file is lost goes too: its pictures,
    /// and its copy at the second place, wait for that.
    fn drop_days_before(&self, limit: Time) -> Result<()> {
        let mut done = self.store.drop_rest();
        for day in self.store.days()?.into_iter().chain(self.store.missing_days()?) {
            if day.next().start() <= limit {
                // Logged first: after a crash between the two the day is still there to be dropped.
                self.log.append_once(
                    &self
                        .leaf("records.dropped")
                        .id(format!("day/{day}"))
                        .fact("day", day.to_string()),
                )?;
                done = done.and(self.store.drop_day(day));
            }
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Town, person};

    #[test]
    fn what_is_forgotten_is_on_the_log_once() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        town.pass("7A");
        let logged = || {
            let of = |kind: &str| town.logged(kind).len();
            (of("key.destroyed"), of("records.dropped"), town.city.store.days().unwrap().len())
        };
        town.clock.advance(20 * DAY_MS);
        town.city.retain().unwrap();
        assert_eq!(logged(), (0, 0, 1));
        town.clock.advance(2 * DAY_MS);
        town.city.retain().unwrap();
        town.city.retain().unwrap();
        assert_eq!(logged(), (1, 1, 0));
    }

    /// Neither a backup of everything but `kek`, with today's `kek` beside it, nor the old reads put back beside
    /// today's keys.
    #[test]
    fn no_backup_opens_what_was_forgotten_since() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        town.pass("7ABC123");
        let question = || town.question("7ABC123");
        let then = question();
        assert_eq!(town.city.ask(&person(), question()).unwrap().opened, 1);
        let backup = town.copy();
        town.clock.advance(20 * DAY_MS);
        town.city.retain().unwrap();
        town.clock.advance(2 * DAY_MS);
        town.city.retain().unwrap();
        std::fs::copy(town.dir().join("custody/kek"), backup.path().join("custody/kek")).unwrap();
        let e = backup.open().err().unwrap();
        assert!(e.message().contains("same backup"), "{e}");
        let Town { dir, clock, city, .. } = town;
        drop(city);
        std::fs::remove_dir_all(dir.path().join("store")).unwrap();
        crate::kit::copy(&backup.path().join("store"), &dir.path().join("store"));
        let city = City::open(dir.path(), clock).unwrap();
        let e = city.ask(&person(), then).err().unwrap();
        assert_eq!(e.kind(), base::Kind::Gone, "{e}");
    }

    /// The key file is not what it was: somebody is told within hours, and the rest of the clock's work goes on.
    #[test]
    fn forgetting_that_fails_is_told() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        let kek = town.dir().join("custody/kek");
        let kept = std::fs::read(&kek).unwrap();
        std::fs::write(&kek, "nothing\n").unwrap();
        let told = || {
            let health = town.city.health();
            health.into_iter().find(|h| h.part == "forgetting").unwrap().message
        };
        let checked = || town.logged("policy.checked").len();
        let before = checked();
        let tried = |wanted: bool| {
            town.clock.advance(3_600_000);
            assert_eq!(town.city.retain().is_ok(), wanted);
        };
        tried(false);
        assert_eq!(told(), None, "it is tried again");
        (0..3).for_each(|_| tried(false));
        assert!(told().unwrap().contains("2026-11-01T13:00:00"), "{:?}", told());
        assert!(town.city.alive().contains(&"forgetting"));
        assert_eq!(checked(), before + 1, "what comes after it is done");
        std::fs::write(&kek, kept).unwrap();
        tried(true);
        assert_eq!(told(), None);
    }

    /// A second leap while forgetting waits because of the first is waited out like that one.
    #[test]
    fn a_clock_that_leaps_again_destroys_nothing_at_once() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        town.pass("7ABC128");
        for (ms, kept) in [
            (3 * DAY_MS, true),
            (1_800_000, true),
            (40 * DAY_MS, true),
            (CALM_MS - 1, true),
            (1, false),
        ] {
            town.clock.advance(ms);
            town.city.retain().unwrap();
            assert_eq!(!town.city.store.days().unwrap().is_empty(), kept, "{ms}");
        }
    }

    /// A clock that is a month ahead destroys nothing if it is set right within hours.
    #[test]
    fn a_clock_that_leaps_destroys_nothing_at_once() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        town.pass("7ABC128");
        let kept = |wanted: bool| {
            town.city.retain().unwrap();
            assert_eq!(!town.city.store.days().unwrap().is_empty(), wanted);
        };
        kept(true);
        town.clock.advance(40 * DAY_MS);
        kept(true);
        town.clock.advance(CALM_MS - 1);
        kept(true);
        let clock = |fine: bool| {
            let health = town.city.health();
            assert_eq!(health.iter().find(|h| h.part == "clock").unwrap().fine, fine);
        };
        clock(false);
        town.clock.advance(-40 * DAY_MS);
        kept(true);
        clock(true);
        assert_eq!(town.city.ask(&person(), town.question("7ABC128")).ok().unwrap().opened, 0);
        town.clock.advance(-CALM_MS + 1);
        assert_eq!(town.city.ask(&person(), town.question("7ABC128")).ok().unwrap().opened, 1);
        // Where nobody sets it right it is believed.
        town.clock.advance(40 * DAY_MS);
        kept(true);
        town.clock.advance(CALM_MS);
        kept(false);
        clock(true);
    }
}
