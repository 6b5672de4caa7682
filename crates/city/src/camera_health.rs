//! How cameras are doing, as they tell it once a minute. Kept in memory: after a restart it is there again
//! within a minute, and nobody needs last month's.

use crate::City;
use base::{CameraId, PersonId, Result, Time};
use policy::Action;
use read::{Heartbeat, LeaseState, SceneState};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Plates below this width are mostly lost, in pixels.
const WIDTH_LEAST: f32 = 55.0;
/// Below this they are smeared or out of focus.
const SHARP_LEAST: f32 = 0.14;
/// A clock that is further off spoils times.
const CLOCK_MS: i64 = 2000;
/// With fewer frames a second a car is seen once.
const FPS_LEAST: f32 = 2.0;
/// Further than this from where the register has it a camera hangs elsewhere, in metres: telephones are right
/// to some tens of them.
const PLACE_M: f64 = 100.0;
/// A camera of which fewer passes are read needs somebody.
const SHARE_LEAST: f32 = 0.7;

/// So long after a loss of reads was told somebody should look.
const LOST_MS: i64 = 86_400_000;

/// The newest word of each camera.
pub(crate) type Beats = BTreeMap<CameraId, Heard>;

/// A camera's word.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// When it was heard, by the city's clock.
    pub at: Time,
    pub beat: Heartbeat,
    /// When a loss of reads was last told. Cameras count since they were started: what they told before is nothing new.
    pub lost: Option<Time>,
}

impl Heard {
    /// A word, after what was heard before.
    fn after(before: Option<&Heard>, at: Time, beat: Heartbeat) -> Self {
        let counts = |beat: &Heartbeat| [beat.lost, beat.refused];
        let lost = match before {
            _ if counts(&beat) == [0, 0] => None,
            Some(before) if counts(&before.beat) == counts(&beat) => before.lost,
            _ => Some(at),
        };
        Self { at, beat, lost }
    }
}

/// How a camera stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CameraState {
    /// It captures, and nothing is wrong.
    Fine,
    /// It captures, and something is wrong.
    Troubled,
    /// It has been heard of, and has no lease: nothing is captured.
    Idle,
    /// It is switched off by an order.
    Off,
    /// It has not been heard of for longer than `cameras.silent_minutes`.
    Silent,
    /// It has not been heard of since the server was started.
    Unheard,
}

/// Something that is wrong with a camera.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum CameraTrouble {
    /// No frames come.
    NoPicture,
    /// Something covers the lens.
    Blocked,
    /// It looks elsewhere than it did.
    Moved,
    /// Too dark for plates.
    Dark,
    /// A low sun or a lamp blinds it.
    Glaring,
    /// Out of focus.
    Blurred,
    /// Fewer than two frames a second.
    FewFrames,
    /// Plates are less than 55 pixels wide at most looks, and many are not read.
    SmallPlates,
    /// Plates are smeared.
    BlurredPlates,
    /// Fewer than 70 of 100 passes are read.
    FewRead,
    /// Its clock is more than two seconds off.
    Clock,
    /// Nothing keeps its machine's clock right.
    LooseClock,
    /// It hangs more than 100 m from where the register has it.
    Elsewhere,
    /// Reads were lost within the last day: none could be kept, or the city refused them for good.
    LostReads,
    /// It keeps hits alone, and has no list of today.
    NoList,
}

/// One camera's health, as those see it who look after cameras. No plate is in it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CameraHealth {
    /// The camera.
    pub camera: CameraId,
    /// What people call it.
    pub name: String,
    /// How it stands.
    pub state: CameraState,
    /// Since when that is so: of `off`, `idle` and `silent` (when it was heard last), where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// What is wrong with it, as far as it was heard of lately.
    pub troubles: Vec<CameraTrouble>,
    /// When it was heard of last, by the city's clock; absent where it was not since the server was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Time>,
    /// Share of the passes of the last two hours that were read, of ten or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_read: Option<f32>,
    /// How far from where the register has it it hangs by the word of who aimed it, in metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place_off_m: Option<f64>,
    /// Whether it keeps hits alone.
    pub hits_only: bool,
    /// What it said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Heartbeat>,
}

/// What is wrong, the worst first.
fn troubles(heard: &Heard, place_off_m: Option<f64>, now: Time) -> Vec<CameraTrouble> {
    let beat = &heard.beat;
    let mut out = Vec::new();
    let mut find = |so: bool, trouble| {
        if so {
            out.push(trouble);
        }
    };
    let leased = beat.lease == LeaseState::Leased;
    if leased && !beat.foreign {
        let seen = beat.live && beat.fps > 0.0;
        find(!seen, CameraTrouble::NoPicture);
        find(beat.scene == SceneState::Blocked, CameraTrouble::Blocked);
        find(beat.scene == SceneState::Moved, CameraTrouble::Moved);
        find(beat.scene == SceneState::Dark, CameraTrouble::Dark);
        find(beat.scene == SceneState::Glaring, CameraTrouble::Glaring);
        find(beat.scene == SceneState::Blurred, CameraTrouble::Blurred);
        find(seen && beat.fps < FPS_LEAST, CameraTrouble::FewFrames);
        let few = beat.share().is_some_and(|share| share < SHARE_LEAST);
        // Looks from far away are among the widths: what is read in the end is read.
        let well = beat.share().is_some_and(|share| share >= 0.9);
        find(beat.plate_px.is_some_and(|w| w < WIDTH_LEAST) && !well, CameraTrouble::SmallPlates);
        find(
            beat.sharpness.is_some_and(|s| s < SHARP_LEAST) && !well,
            CameraTrouble::BlurredPlates,
        );
        find(few, CameraTrouble::FewRead);
    }
    find(beat.clock_offset_ms.is_some_and(|ms| ms.abs() > CLOCK_MS), CameraTrouble::Clock);
    find(beat.clock_kept == Some(false), CameraTrouble::LooseClock);
    find(place_off_m.is_some_and(|m| m > PLACE_M), CameraTrouble::Elsewhere);
    let lost = heard.lost.is_some_and(|at| now.since(at).abs() < LOST_MS);
    find(lost, CameraTrouble::LostReads);
    find(leased && beat.watch.as_ref().is_some_and(|w| w.made.is_none()), CameraTrouble::NoList);
    out
}

impl City {
    fn beats(&self) -> std::sync::MutexGuard<'_, Beats> {
        self.beats.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Takes a camera's word on its health. One that left the fleet is not heard.
    pub fn heartbeat(&self, by: &CameraId, beat: Heartbeat) -> Result<()> {
        beat.check()?;
        if self.switches().retired(by).is_some() {
            return self.capture_allowed(by);
        }
        let now = self.now();
        let mut beats = self.beats();
        let heard = Heard::after(beats.get(by), now, beat);
        beats.insert(by.clone(), heard);
        Ok(())
    }

    /// The cameras of the fleet with their health, by id: for those who register cameras or may switch them off.
    pub fn camera_health(&self, by: &PersonId) -> Result<Vec<CameraHealth>> {
        self.allowed(by, Action::EnrolCamera)
            .or_else(|e| self.allowed(by, Action::SwitchOff).map_err(|_| e))?;
        let now = self.now();
        let rows = self.store.cameras()?;
        let mut beats = self.beats();
        beats.retain(|id, _| rows.iter().any(|row| &row.id == id));
        let beats = beats.clone();
        let switches = self.switches();
        let there = rows.into_iter().filter(|row| switches.retired(&row.id).is_none());
        let mut out: Vec<CameraHealth> = there
            .map(|row| {
                let off = switches.capture_off(&row.id, now).map(|off| off.since);
                self.health_of(row, off, &beats, now)
            })
            .collect();
        out.sort_by(|a, b| a.camera.cmp(&b.camera));
        Ok(out)
    }

    fn health_of(
        &self,
        row: store::CameraRow,
        off: Option<Time>,
        beats: &Beats,
        now: Time,
    ) -> CameraHealth {
        let patience = i64::from(self.config.cameras.silent_minutes) * 60_000;
        let heard = beats.get(&row.id);
        // A clock that was set back does not make a camera silent, and one set ahead does not keep it alive.
        let silent = heard.filter(|heard| now.since(heard.at).abs() >= patience);
        let told = heard.and_then(|heard| heard.beat.place).map(|[lat, lon]| (lat, lon));
        let place_off_m =
            told.zip(row.lat.zip(row.lon)).map(|(a, b)| crate::question::metres(a, b).round());
        let speaks = heard.filter(|_| silent.is_none());
        let found = speaks.map(|heard| troubles(heard, place_off_m, now));
        let troubles = found.unwrap_or_default();
        let (state, since) = match (off, heard, silent) {
            (Some(since), ..) => (CameraState::Off, Some(since)),
            (None, None, _) => (CameraState::Unheard, None),
            (None, Some(_), Some(heard)) => (CameraState::Silent, Some(heard.at)),
            (None, Some(Heard { beat, .. }), None) if beat.lease != LeaseState::Leased => {
                (CameraState::Idle, beat.off_since)
            }
            _ if troubles.is_empty() => (CameraState::Fine, None),
            _ => (CameraState::Troubled, None),
        };
        CameraHealth {
            hits_only: self.config.cameras.hits_only(&row.id).is_some(),
            place_off_m,
            camera: row.id,
            name: row.name,
            state,
            since,
            troubles,
            heard: heard.map(|heard| heard.at),
            share_read: heard.and_then(|heard| heard.beat.share()),
            last: heard.map(|heard| heard.beat.clone()),
        }
    }
}
