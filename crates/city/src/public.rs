//! What everybody may see. Its figures come from the log alone, so `verify` can recompute them.

use crate::published;
use crate::{City, Event, LogEntry, LogPage, Public, PublicCamera};
use base::{CameraId, Result};

impl City {
    /// The public page's content.
    pub fn public(&self) -> Result<Public> {
        let (figures, size) = match self.shown()? {
            Some(shown) => (shown.figures.clone(), shown.size),
            None => (self.log.figures(), self.log.size()),
        };
        let cameras = figures
            .cameras
            .iter()
            .filter_map(|(id, state)| {
                let id: CameraId = id.parse().ok()?;
                Some(PublicCamera {
                    id,
                    name: state.name.clone(),
                    on: state.on,
                    since: state.since,
                    retired: state.retired,
                })
            })
            .collect();
        Ok(Public {
            city: self.config.city.name.clone(),
            now: self.now(),
            cameras,
            figures,
            retention_days: self.config.retention.reads_days,
            origin: crate::succeed::origin(&self.dir, &self.config),
            log_size: size,
            vkey: self.vkey(),
            witness: self.witness_words()?,
            delay_minutes: self.config.log.delay_minutes,
            rules: self.rules().hash(),
        })
    }

    /// At most `limit` entries of the public log, the oldest first, from behind entry `after`.
    pub fn log_page(&self, limit: u32, after: Option<u64>) -> Result<LogPage> {
        let size = self.public_size()?;
        let from = after.map_or(0, |after| after.saturating_add(1)).min(size);
        let to = from.saturating_add(u64::from(limit)).min(size);
        let leaves = self.log.leaves(from, to)?;
        let entries = (from..).zip(leaves).map(|(index, leaf)| LogEntry { index, leaf }).collect();
        Ok(LogPage { entries, size, next: (to < size).then(|| to.saturating_sub(1)) })
    }

    /// The receipt of an entry: under the witnesses' checkpoint where they have signed for it.
    pub fn receipt(&self, index: u64) -> Result<String> {
        let newest = match self.shown()? {
            Some(shown) if index >= shown.size => return Err(published::not_yet()),
            Some(shown) => Some(shown.checkpoint.clone()),
            None => None,
        };
        let cosigned = self.cosigned()?.filter(|(size, _)| *size > index).map(|(_, text)| text);
        let entry = match cosigned.or(newest) {
            Some(checkpoint) => self.log.entry_under(index, &checkpoint)?,
            None => self.log.entry(index)?,
        };
        Ok(entry.receipt())
    }

    /// How many entries the log has.
    pub fn log_size(&self) -> u64 {
        self.log.size()
    }

    /// Bytes that may still be written to the disk of the city's data.
    pub fn disk_free(&self) -> Result<u64> {
        Ok(base::disk_room(&self.dir)?.0)
    }

    /// An event of this moment.
    pub(crate) fn event(&self, kind: &str) -> Event {
        Event {
            at: self.now(),
            kind: kind.into(),
            camera: None,
            id: None,
            log_entry: None,
            sealed: None,
        }
    }
}
