//! What one camera shows of itself while it runs: its live picture, its health, its settings.

use crate::doctor::Line;
use crate::health::Health;
use crate::preview::Preview;
use crate::settings::Settings;
use base::{CameraId, Clock, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// How a camera's line to the city is, asked when somebody wants to know.
pub(crate) trait Facts: Send + Sync {
    /// Lease and counts as JSON, without a plate.
    fn facts(&self) -> serde_json::Value;
    /// The same for the doctor.
    fn line(&self) -> Line;
}

/// One camera as its page shows it. It outlives the run of the camera, so that what stopped can be seen.
pub struct Station {
    pub(crate) camera: CameraId,
    /// Where its frames come from, for people.
    pub(crate) place: String,
    pub(crate) preview: Preview,
    pub(crate) health: Health,
    settings: RwLock<Arc<Settings>>,
    data: PathBuf,
    facts: Mutex<Option<Arc<dyn Facts>>>,
}

impl Station {
    /// Of a camera whose data lie in this folder. A mask that cannot be read is an error.
    pub fn open(
        camera: CameraId,
        place: String,
        data: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Ok(Self {
            camera,
            place,
            preview: Preview::default(),
            health: Health::open(Some(data), clock),
            settings: RwLock::new(Arc::new(Settings::load(data)?)),
            data: data.to_owned(),
            facts: Mutex::default(),
        })
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps new settings and puts them in force.
    pub fn set(&self, settings: Settings) -> Result<()> {
        let mut held = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        settings.save(&self.data)?;
        *held = Arc::new(settings);
        Ok(())
    }

    pub(crate) fn tell(&self, facts: Option<Arc<dyn Facts>>) {
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = facts;
    }

    pub(crate) fn facts(&self) -> Option<Arc<dyn Facts>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn line(&self) -> Line {
        self.facts().map_or_else(
            || Line { lease: "no-lease".into(), ..Line::default() },
            |facts| facts.line(),
        )
    }
}
