//! Sources as configuration. A folder of pictures is the one that there is; streams come through the
//! frame pipe and will be variants beside it.

use crate::FolderSource;
use base::{Clock, Result, Shutdown, Time};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// Where a camera's frames come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// Pictures in a folder, by name.
    Folder(Folder),
}

/// A folder of pictures, played as a camera would send them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// Frames a second; where absent, what `clip.json` in the folder says, or 10.
    #[serde(default)]
    pub fps: Option<f32>,
    /// Begin again at the end.
    #[serde(default)]
    pub looped: bool,
    /// Take the time the clip takes, and drop frames rather than fall behind.
    #[serde(default)]
    pub realtime: bool,
}

/// One frame as it came: still coded (JPEG, PNG or WebP).
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Counts from 1 for as long as the source runs; a gap is a dropped frame.
    pub number: u64,
    /// When it was taken.
    pub at: Time,
    /// The coded picture.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({} at {}, {} bytes)", self.number, self.at, self.bytes.len())
    }
}

/// Frames until the source ends or is told to stop.
pub type Frames = Box<dyn Iterator<Item = Result<Frame>> + Send>;

impl Source {
    /// Opens the source. It ends early when `stop` is raised.
    pub fn open(&self, clock: Arc<dyn Clock>, stop: Shutdown) -> Result<Frames> {
        match self {
            Source::Folder(folder) => Ok(Box::new(FolderSource::open(folder, clock, stop)?)),
        }
    }
}
