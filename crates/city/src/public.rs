//! What everybody may see. Its figures come from the log alone, so `verify` can recompute them.

use crate::{City, Event, Public, PublicCamera};
use base::{CameraId, Result};

impl City {
    /// The public page's content.
    pub fn public(&self) -> Result<Public> {
        let figures = self.log.figures();
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
                })
            })
            .collect();
        Ok(Public {
            city: self.config.city.name.clone(),
            now: self.now(),
            cameras,
            figures,
            retention_days: self.config.retention.reads_days,
            origin: self.config.origin(),
            log_size: self.log.size(),
            vkey: self.vkey(),
            witness: "No witness is configured: the log is signed by the city alone.".into(),
            rules: self.rules.hash(),
        })
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
