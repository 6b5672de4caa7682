//! What one camera shows of itself while it runs: its live picture, its health, its settings.

use crate::doctor::Line;
use crate::exposure::exposure;
use crate::health::Health;
use crate::preview::Preview;
use crate::settings::Settings;
use base::{CameraId, Clock, Error, Result};
use camera::Source;
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
    /// Where its frames come from, for its own settings; none where that is not known.
    source: Option<Source>,
    clock: Arc<dyn Clock>,
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
            health: Health::open(Some(data), clock.clone()),
            source: None,
            clock,
            settings: RwLock::new(Arc::new(Settings::load(data)?)),
            data: data.to_owned(),
            facts: Mutex::default(),
        })
    }

    /// The same of a camera whose shutter can be asked for.
    pub fn with_source(self, source: Source) -> Self {
        Self { source: Some(source), ..self }
    }

    /// The camera's exposure; with a body, that is set first.
    pub(crate) fn exposure(&self, body: Option<&[u8]>) -> Result<serde_json::Value> {
        let source = self.source.as_ref();
        let source = source.ok_or_else(|| Error::invalid("Its source has no settings."))?;
        exposure(source, self.clock.clone(), body)
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
