//! Forgetting on time: keys of old epochs are destroyed, their day files and pictures dropped, on the log.

use crate::City;
use base::{Epoch, Result, Time};

const DAY_MS: i64 = 86_400_000;

impl City {
    /// Forgets what is older than the city's retention. Runs at every start and then every hour;
    /// running it again changes nothing. Hits are kept under keys of their own for as long.
    pub fn retain(&self) -> Result<()> {
        self.forget()?;
        self.forget_pictures()
    }

    /// The first moment that is not forgotten yet.
    fn limit(&self) -> Time {
        self.now().plus_millis(-i64::from(self.config.retention.reads_days) * DAY_MS)
    }

    /// Pictures of days and hits that are forgotten. Their keys are gone already; what a place that does
    /// not answer keeps for longer, nobody can open.
    pub(crate) fn forget_pictures(&self) -> Result<()> {
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

    /// Keys and days.
    pub(crate) fn forget(&self) -> Result<()> {
        let limit = self.limit();
        for epoch in self.custody.destroy_before(limit)? {
            self.log_destroyed("epoch", epoch)?;
        }
        for epoch in self.custody.destroy_hits_before(limit)? {
            self.log_destroyed("hits", epoch)?;
        }
        self.drop_days_before(limit)
    }

    fn log_destroyed(&self, of: &str, epoch: Epoch) -> Result<()> {
        self.log.append_once(
            &self
                .leaf("key.destroyed", None)
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
                        .leaf("records.dropped", None)
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
    use crate::{Config, InitOptions, init};
    use base::{CameraId, LeaseId, ManualClock, ReadId, SigningKey};
    use plate::Odds;
    use read::Read;
    use std::sync::Arc;

    #[test]
    fn what_is_forgotten_is_on_the_log_once() {
        let dir = tempfile::tempdir().unwrap();
        let start: Time = "2026-11-01T12:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let options = InitOptions {
            config: Config::parse("[city]\nname=\"S\"\nslug=\"s\"\n").unwrap(),
            admin: "per_admin".parse().unwrap(),
            admin_name: "Administrator".into(),
            roles: vec!["admin".into()],
            key: SigningKey::generate().public(),
            auditors: read::OpenKey::generate().public().unwrap(),
        };
        init(dir.path(), &options, clock.as_ref()).unwrap();
        let city = City::open(dir.path(), clock.clone()).unwrap();
        let camera: CameraId = "cam_one".parse().unwrap();
        let pass = Read {
            id: ReadId::new(start, base::random()),
            camera,
            lease: LeaseId::new(start, base::random()),
            counter: 1,
            captured: start,
            first: start,
            last: start,
            frames: 3,
            odds: Odds::new(vec![vec![('7', 0.9)], vec![('A', 0.9)]]).unwrap(),
            confidence: 0.8,
            region: None,
            corners: [[0, 0], [9, 0], [9, 4], [0, 4]],
            frame_size: [640, 360],
            picture: None,
        };
        city.load_for_bench(vec![Arc::new(pass)]).unwrap();
        let logged = || {
            let leaves = city.log.leaves(0, city.log.size()).unwrap();
            let of = |kind: &str| leaves.iter().filter(|l| l.kind == kind).count();
            (of("key.destroyed"), of("records.dropped"), city.store.days().unwrap().len())
        };
        clock.advance(20 * DAY_MS);
        city.retain().unwrap();
        assert_eq!(logged(), (0, 0, 1));
        clock.advance(2 * DAY_MS);
        city.retain().unwrap();
        city.retain().unwrap();
        assert_eq!(logged(), (1, 1, 0));
    }
}
