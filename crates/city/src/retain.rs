//! Forgetting on time: keys of old epochs are destroyed, their day files dropped, both on the log.

use crate::City;
use base::{Result, Time};

const DAY_MS: i64 = 86_400_000;

impl City {
    /// Forgets what is older than the city's retention. Runs at every start and then every hour;
    /// running it again changes nothing. Hits are kept under keys of their own for as long.
    pub fn retain(&self) -> Result<()> {
        let limit = self.now().plus_millis(-i64::from(self.config.retention.reads_days) * DAY_MS);
        for epoch in self.custody.destroy_before(limit)? {
            self.log.append_once(
                &self
                    .leaf("key.destroyed", None)
                    .id(format!("epoch/{}", epoch.start_s))
                    .fact("epoch", epoch.start().to_string())
                    .fact("seconds", epoch.len_s),
            )?;
        }
        self.custody.destroy_hits_before(limit)?;
        self.drop_days_before(limit)
    }

    /// A day goes when its last millisecond is older than the limit: its keys are gone by then.
    fn drop_days_before(&self, limit: Time) -> Result<()> {
        for day in self.store.days()? {
            if day.next().start() <= limit {
                self.store.drop_day(day)?;
            }
        }
        Ok(())
    }
}
