//! What of a store is copied elsewhere while it is in use: pages of the control data and the hot list as they
//! change, days of reads whole.
//!
//! On PostgreSQL there is nothing to do here: its own replication and backups are better at it.

use crate::days::Slot;
use crate::engine::{Changed, Kind, Still};
use crate::open::{Store, hold};
use base::{Day, Result};
use std::path::Path;

/// A part whose changes are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followable {
    /// Cameras, leases, people, hits.
    Control,
    /// The hot list, which spells plates.
    HotList,
}

impl Followable {
    /// Its file below the store's folder.
    pub fn file(self) -> &'static str {
        match self {
            Self::Control => "control.db",
            Self::HotList => "hotlist.db",
        }
    }
}

impl Store {
    /// Has the changes of a part kept apart from now on; `false` where the engine's own replication does that.
    /// Somebody must ask for them with [`Store::changed`] every few seconds, or files beside it grow.
    pub fn follow(&self, part: Followable) -> Result<bool> {
        match part {
            Followable::Control => self.control().follow(),
            Followable::HotList => hold(&self.hotlist).follow(),
        }
    }

    /// Calls `take` with what changed since the last time, while nobody writes; `None` where that is not
    /// followed, or another program reads the file at the moment.
    pub fn changed<T>(
        &self,
        part: Followable,
        take: impl FnOnce(&Changed) -> Result<T>,
    ) -> Result<Option<T>> {
        let db = match part {
            Followable::Control => self.control(),
            Followable::HotList => hold(&self.hotlist),
        };
        let changed = {
            let _nobody = (part == Followable::HotList).then(|| self.hotlist_read());
            db.changed()?
        };
        changed.map(|changed| take(&changed)).transpose()
    }

    /// A day's file as it is now, held still for as long as the answer lives; reads go on being stored beside
    /// it. `None` where there is none, or no file.
    pub fn still_day(&self, day: Day) -> Result<Option<Still>> {
        // Opened once for as long as the day is: see `engine/pages.rs`.
        let file = hold(&self.raw).get(&day).cloned();
        let still = self.in_old_day(day, |db| {
            let still = db.still(file)?;
            if let Some(still) = &still {
                hold(&self.raw).insert(day, still.file());
            }
            Ok(still)
        })?;
        Ok(still.flatten())
    }

    /// Days that had reads and of which no file is there: what is sent again of them makes them anew.
    pub fn missing_days(&self) -> Result<Vec<Day>> {
        let rows = self
            .control()
            .query("SELECT day FROM partitions WHERE dropped = 0 ORDER BY day", &[])?;
        let mut out = Vec::new();
        for mut row in rows {
            let day: Day = row.get(0)?;
            let slot = self.days.slot(day);
            if matches!(*hold(&slot), Slot::Nothing) {
                out.push(day);
            }
        }
        Ok(out)
    }

    /// Makes the file of a missing day, empty.
    pub fn begin_day(&self, day: Day) -> Result<()> {
        self.in_day(day, |_| Ok(()))
    }

    /// Makes an empty hot list in the folder of a store that is not open, where a copy has none.
    pub fn begin_lists(dir: &Path) -> Result<()> {
        let name = Followable::HotList.file();
        crate::engine::make(&dir.join(name), name, Kind::HotList)
    }
}
