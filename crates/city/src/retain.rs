//! Forgetting on time: keys of old epochs are destroyed, their day files dropped, both on the log.

use crate::City;
use base::{Epoch, Result, Time};

const DAY_MS: i64 = 86_400_000;

impl City {
    /// Forgets what is older than the city's retention. Runs at every start and then every hour;
    /// running it again changes nothing. Hits are kept under keys of their own for as long.
    pub fn retain(&self) -> Result<()> {
        let limit = self.now().plus_millis(-i64::from(self.config.retention.reads_days) * DAY_MS);
        for epoch in self.custody.destroy_before(limit)? {
            self.log_destroyed("epoch", epoch)?;
        }
        for epoch in self.custody.destroy_hits_before(limit)? {
            self.log_destroyed("hits", epoch)?;
        }
        self.drop_days_before(limit)?;
        self.reveal_due()
    }

    fn log_destroyed(&self, of: &str, epoch: Epoch) -> Result<()> {
        self.log.append_once(
            &self
                .leaf("key.destroyed")
                .id(format!("{of}/{}", epoch.start_s))
                .fact("epoch", epoch.start().to_string())
                .fact("seconds", epoch.len_s),
        )?;
        Ok(())
    }

    /// A day goes when its last millisecond is older than the limit: its keys are gone by then.
    fn drop_days_before(&self, limit: Time) -> Result<()> {
        for day in self.store.days()? {
            if day.next().start() <= limit {
                // Logged first: after a crash between the two the day is still there to be dropped.
                self.log.append_once(
                    &self
                        .leaf("records.dropped")
                        .id(format!("day/{day}"))
                        .fact("day", day.to_string()),
                )?;
                self.store.drop_day(day)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::Town;

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
}
