//! Whether the running city can do its work: asked by monitors, answered in a few milliseconds.

use crate::City;
use base::Result;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Less room than this on the disk, or than a hundredth of it, and ingest will soon fail.
const ROOM: u64 = 100 << 20;
/// A clock may be so far behind the newest entry of the log.
const BEHIND_MS: i64 = 60_000;

/// One thing that must work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `store`, `reads` (the days of the store), `pictures`, `log`, `witnesses`, `keys`, `forgetting`, `disk`, `clock`, `copy`.
    pub part: String,
    /// Whether it works.
    pub fine: bool,
    /// What is wrong and what to do; absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl City {
    /// Tries every part. Nothing is changed.
    pub fn health(&self) -> Vec<Health> {
        let parts: [(&str, Result<()>); 10] = [
            ("store", self.store_answers()),
            ("reads", self.store.days_answer()),
            ("pictures", self.store.pictures_answer()),
            ("log", self.log.healthy()),
            ("witnesses", self.witnesses_answer()),
            ("keys", self.custody.takes(self.now())),
            ("forgetting", self.forgets()),
            ("disk", self.has_room()),
            ("clock", self.clock_is_right()),
            ("copy", self.copy_is_fine()),
        ];
        let told = parts.map(|(part, state)| Health {
            part: part.into(),
            fine: state.is_ok(),
            message: state.err().map(|e| e.message().to_owned()),
        });
        told.into()
    }

    /// Whether the store can be read. Nothing is changed.
    pub fn store_answers(&self) -> Result<()> {
        self.store.cameras().map(|_| ())
    }

    fn witnesses_answer(&self) -> Result<()> {
        let away = self.witness_standing().map_or(Vec::new(), |s| s.troubles);
        let told = away.iter().map(|(name, why)| format!("{name}: {}", why.trim_end_matches('.')));
        match told.collect::<Vec<_>>().join("; ") {
            none if none.is_empty() => self.witnesses_follow(),
            some => Err(base::Error::unavailable(format!("Of the log's witnesses, {some}."))),
        }
    }

    fn has_room(&self) -> Result<()> {
        let (free, size) = base::disk_room(&self.dir)?;
        if free >= ROOM && free >= size / 100 {
            return Ok(());
        }
        Err(base::Error::unavailable("The disk is nearly full; make room before reads are lost."))
    }

    fn clock_is_right(&self) -> Result<()> {
        let size = self.log.size();
        let newest = self.log.leaves(size.saturating_sub(1), size)?.pop();
        match newest {
            Some(leaf) if leaf.time.since(self.now()) > BEHIND_MS => Err(base::Error::unavailable(
                "The clock is behind the newest entry of the log; set it by NTP.",
            )),
            _ if self.forgetting_waits()? => Err(base::Error::unavailable(
                "The clock has leapt ahead by days; set it by NTP within six hours, or the keys of what \
                 is too old by it are destroyed.",
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::City;
    use crate::kit::Town;

    const DAY_MS: i64 = 86_400_000;

    /// A newer version is tried and installed; the city opens, says so, counts the other days, and forgets the damaged
    /// one on time.
    #[test]
    fn a_damaged_day_stops_nothing_but_itself() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        town.pass("7ABC128");
        town.clock.advance(DAY_MS);
        town.pass("8XYZ001");
        let Town { dir, clock, city, .. } = town;
        drop(city);
        std::fs::write(dir.path().join("store/reads/2026-11-01.db"), [7; 5000]).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let found = crate::upgrade::look(dir.path(), scratch.path()).unwrap();
        assert_eq!((found.databases, found.changing.len()), (3, 0));
        crate::upgrade::keep_before(dir.path(), &scratch.path().join("kept")).unwrap();
        let city = City::open(dir.path(), clock.clone()).unwrap();
        let reads = || city.health().into_iter().find(|h| h.part == "reads").unwrap();
        assert!(reads().message.unwrap().contains("2026-11-01.db"));
        city.fit().expect("its mending may take a newer version");
        city.tally().unwrap();
        assert!(city.log.has("counts.daily", "2026-11-02/cam_one/1"));
        for ms in [21 * DAY_MS, DAY_MS / 4] {
            clock.advance(ms);
            city.retain().unwrap();
        }
        assert_eq!(city.store.days().unwrap(), ["2026-11-02".parse().unwrap()]);
        assert!(reads().fine);
    }
}
