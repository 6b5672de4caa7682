//! How a camera is doing, in numbers: what it sees, what it reads, and where that stops. Never a plate.
//!
//! Hours are kept for a week, in `health.json` in the camera's data folder, so that a survey of a day
//! survives a restart.

use base::{Clock, Time};
use camera::SourceState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use vision::{Moving, Plate, Scene, width};

const HOUR_MS: i64 = 3_600_000;
/// Hours that are kept.
const HOURS: usize = 7 * 24;
/// Plates of an hour that are measured: enough for a median.
const SAMPLES: usize = 400;
/// Seconds over which frames a second are counted.
const RATE_S: u64 = 10;
/// A power cut costs a survey so much; writing more often wears out the cards that such machines run on.
const SAVE: Duration = Duration::from_secs(900);

/// One hour of a camera.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hour {
    /// When it began.
    pub from: i64,
    /// Frames looked at.
    pub frames: u64,
    /// Frames in which something moved.
    pub moving: u64,
    /// Passes that became reads.
    pub read: u64,
    /// Passes with a plate that could not be read well enough, or whose plate was never seen.
    pub unread: u64,
    /// Widths of plates in pixels, a sample of them.
    pub widths: Vec<u16>,
    /// Their sharpness times a thousand, see [`vision::Plate::sharpness`].
    pub sharpness: Vec<u16>,
    /// P(the text is right) of single looks, times a thousand.
    pub confidence: Vec<u16>,
    /// How far from the front plates are seen, in degrees, where their shape is known.
    pub angle: Vec<u16>,
    /// Sum of the pictures' mean grey values.
    pub brightness: f64,
    /// Frames in which more than a quarter was blown out.
    pub glaring: u64,
    /// Frames that were too dark.
    pub dark: u64,
    /// Plates sampled and not sampled.
    pub plates: u64,
}

/// The middle and the ends of a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// One in ten is below.
    pub p10: f32,
    /// The middle.
    pub p50: f32,
    /// One in ten is above.
    pub p90: f32,
}

impl Spread {
    fn of(values: impl Iterator<Item = u16>, scale: f32) -> Option<Self> {
        let mut all: Vec<u16> = values.collect();
        all.sort_unstable();
        let at = |share: f32| all.get(((all.len() - 1) as f32 * share).round() as usize);
        match all.len() {
            0 => None,
            _ => Some(Self {
                p10: f32::from(*at(0.1)?) * scale,
                p50: f32::from(*at(0.5)?) * scale,
                p90: f32::from(*at(0.9)?) * scale,
            }),
        }
    }
}

impl Hour {
    /// Widths of plates in pixels.
    pub fn width(&self) -> Option<Spread> {
        Spread::of(self.widths.iter().copied(), 1.0)
    }
    /// Sharpness of plates.
    pub fn sharp(&self) -> Option<Spread> {
        Spread::of(self.sharpness.iter().copied(), 0.001)
    }
    /// Confidence of single looks.
    pub fn sure(&self) -> Option<Spread> {
        Spread::of(self.confidence.iter().copied(), 0.001)
    }
    /// How far from the front plates are seen, in degrees; see [`vision::Plate::angle`].
    pub fn aside(&self) -> Option<Spread> {
        Spread::of(self.angle.iter().copied(), 1.0)
    }
    /// Share of passes that were read, of ten or more.
    pub fn share(&self) -> Option<f32> {
        let all = self.read + self.unread;
        (all >= 10).then(|| self.read as f32 / all as f32)
    }
    /// Mean grey value.
    pub fn light(&self) -> f32 {
        if self.frames == 0 { 0.0 } else { (self.brightness / self.frames as f64) as f32 }
    }

    fn plate(&mut self, plate: &Plate) {
        self.plates += 1;
        // Every so many, so that a whole hour is in it and not its first minutes.
        let every = (self.plates / SAMPLES as u64).max(1);
        if !self.plates.is_multiple_of(every) {
            return;
        }
        let thousand = |v: f32| (v * 1000.0).clamp(0.0, 65_000.0) as u16;
        let (w, s) = (width(&plate.corners).clamp(0.0, 65_000.0) as u16, thousand(plate.sharpness));
        let at = (self.plates / every) as usize % SAMPLES;
        for (list, value) in [
            (&mut self.widths, Some(w)),
            (&mut self.sharpness, Some(s)),
            (&mut self.confidence, Some(thousand(plate.confidence))),
            (&mut self.angle, plate.angle().map(|a| a.round() as u16)),
        ] {
            let Some(value) = value else { continue };
            match list.get_mut(at) {
                Some(old) => *old = value,
                None => list.push(value),
            }
        }
    }
}

/// A camera's health at one moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// How its source is doing.
    pub source: SourceState,
    /// Frames a second that were looked at, over the last ten seconds.
    pub fps: f32,
    /// What its picture is like.
    pub scene: Scene,
    /// Something moved within the last minute.
    pub moving: bool,
    /// When something last moved.
    pub last_motion: Option<Time>,
    /// When a plate was last found.
    pub last_plate: Option<Time>,
    /// When a read was last sealed.
    pub last_read: Option<Time>,
    /// Of the last two hours: passes read, and passes that were not.
    pub passes: [u64; 2],
    /// Of the last two hours: widths of plates in pixels.
    pub width: Option<Spread>,
    /// Of the last two hours: sharpness of plates.
    pub sharpness: Option<Spread>,
    /// Of the last two hours: confidence of single looks.
    pub confidence: Option<Spread>,
    /// Of the last two hours: how far from the front plates are seen, in degrees.
    pub angle: Option<Spread>,
    /// The camera machine's clock less the city's, in milliseconds, as of the last lease.
    pub clock_offset_ms: Option<i64>,
    /// Whether NTP keeps that clock, where it is known.
    pub clock_kept: Option<bool>,
}

/// Collects it.
pub struct Health {
    held: Mutex<Held>,
    clock: Arc<dyn Clock>,
    file: Option<PathBuf>,
}

#[derive(Default)]
struct Held {
    source: SourceState,
    scene: Scene,
    stamps: VecDeque<Instant>,
    last_motion: Option<Time>,
    last_plate: Option<Time>,
    last_read: Option<Time>,
    clock_offset_ms: Option<i64>,
    hours: BTreeMap<i64, Hour>,
    saved: Option<Instant>,
}

impl Held {
    fn hour(&mut self, at: Time) -> &mut Hour {
        let from = at.floor_to(HOUR_MS).millis();
        while self.hours.len() > HOURS {
            self.hours.pop_first();
        }
        self.hours.entry(from).or_insert_with(|| Hour { from, ..Hour::default() })
    }
}

impl Health {
    /// Of a camera whose data lie in a folder; of none, for tests.
    pub fn open(data: Option<&Path>, clock: Arc<dyn Clock>) -> Self {
        let file = data.map(|d| d.join("health.json"));
        let kept = file.as_ref().and_then(|f| std::fs::read(f).ok());
        // Numbers only: damaged ones are begun anew.
        let hours: Vec<Hour> =
            kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let hours = hours.into_iter().map(|hour| (hour.from, hour)).collect();
        Self { held: Mutex::new(Held { hours, ..Held::default() }), clock, file }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the source says of itself.
    pub(crate) fn source(&self, state: SourceState) {
        self.lock().source = state;
    }

    /// How far the clock is off, by the last answer of the city.
    pub(crate) fn clock_offset(&self, ms: Option<i64>) {
        self.lock().clock_offset_ms = ms;
    }

    /// A frame was looked at.
    pub(crate) fn frame(&self, at: Time, moving: &Moving, plates: &[Plate]) {
        let mut held = self.lock();
        let now = Instant::now();
        held.stamps.push_back(now);
        while held.stamps.front().is_some_and(|s| now - *s > Duration::from_secs(RATE_S)) {
            held.stamps.pop_front();
        }
        held.scene = moving.scene;
        if !moving.blobs.is_empty() {
            held.last_motion = Some(at);
        }
        if !plates.is_empty() {
            held.last_plate = Some(at);
        }
        let hour = held.hour(at);
        hour.frames += 1;
        hour.moving += u64::from(!moving.blobs.is_empty());
        hour.brightness += f64::from(moving.scene.brightness);
        hour.glaring += u64::from(moving.scene.is_blinded());
        hour.dark += u64::from(moving.scene.is_dark());
        plates.iter().for_each(|plate| hour.plate(plate));
        drop(held);
        self.save(false);
    }

    /// Passes have ended: so many were read, so many not.
    pub(crate) fn passes(&self, at: Time, read: u64, unread: u64) {
        if read + unread == 0 {
            return;
        }
        let mut held = self.lock();
        if read > 0 {
            held.last_read = Some(at);
        }
        let hour = held.hour(at);
        hour.read += read;
        hour.unread += unread;
    }

    /// The hours that are kept, oldest first; not those that have not come yet: a clock that was ahead once has left some.
    pub fn hours(&self) -> Vec<Hour> {
        let now = self.clock.now().millis();
        self.lock().hours.range(..=now).map(|(_, hour)| hour.clone()).collect()
    }

    /// How it is now.
    pub fn report(&self) -> Report {
        let now = self.clock.now();
        let held = self.lock();
        let from = now.millis() - 2 * HOUR_MS;
        // As in `hours`, none that has not come yet.
        let recent: Vec<&Hour> =
            held.hours.range(from..=now.millis()).map(|(_, hour)| hour).collect();
        let all = |of: fn(&Hour) -> &Vec<u16>, scale| {
            Spread::of(recent.iter().flat_map(|h| of(h).iter().copied()), scale)
        };
        let fresh = |s: &&Instant| s.elapsed() <= Duration::from_secs(RATE_S);
        Report {
            source: held.source.clone(),
            fps: held.stamps.iter().filter(fresh).count() as f32 / RATE_S as f32,
            scene: held.scene,
            moving: held.last_motion.is_some_and(|at| now.since(at) < 60_000),
            last_motion: held.last_motion,
            last_plate: held.last_plate,
            last_read: held.last_read,
            passes: [recent.iter().map(|h| h.read).sum(), recent.iter().map(|h| h.unread).sum()],
            width: all(|h| &h.widths, 1.0),
            sharpness: all(|h| &h.sharpness, 0.001),
            confidence: all(|h| &h.confidence, 0.001),
            angle: all(|h| &h.angle, 1.0),
            clock_offset_ms: held.clock_offset_ms,
            clock_kept: crate::ntp::clock_is_kept(),
        }
    }

    /// Writes the hours, every quarter of an hour or now.
    pub(crate) fn save(&self, now: bool) {
        let Some(file) = &self.file else { return };
        let hours = {
            let mut held = self.lock();
            if !now && held.saved.is_some_and(|s| s.elapsed() < SAVE) {
                return;
            }
            held.saved = Some(Instant::now());
            held.hours.values().cloned().collect::<Vec<Hour>>()
        };
        // A disk that is full costs a survey, not a read.
        if let Ok(bytes) = serde_json::to_vec(&hours)
            && let Err(e) = base::write_atomic(file, &bytes)
        {
            tracing::warn!(error = %e.inside(), "health");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::ManualClock;

    #[test]
    fn an_hour_is_measured_whole_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let start = Time::from_millis(1_795_420_800_000);
        let clock = Arc::new(ManualClock::new(start));
        let health = Health::open(Some(dir.path()), clock.clone());
        let odds = plate::Odds::new(vec![vec![('A', 0.9)]; 6]).unwrap();
        for i in 0..3000u32 {
            let at = start.plus_millis(i64::from(i) * 1000);
            let w = 40.0 + (i / 1500) as f32 * 60.0;
            let plate = Plate {
                odds: odds.clone(),
                confidence: 0.5,
                corners: [[0.0, 0.0], [w, 0.0], [w, 20.0], [0.0, 20.0]],
                region: None,
                lines: 1,
                sharpness: 0.25,
            };
            let moving = Moving { blobs: Vec::new(), scene: Scene::default(), unsettled: false };
            health.frame(at, &moving, &[plate]);
            health.passes(at, u64::from(i % 4 != 0), u64::from(i % 4 == 0));
        }
        clock.advance(3_000_000);
        let report = health.report();
        let width = report.width.unwrap();
        assert_eq!((width.p10, width.p90), (40.0, 100.0), "both halves of the hour");
        assert_eq!(report.passes, [2250, 750]);
        let hour = &health.hours()[0];
        assert!(hour.widths.len() <= SAMPLES && hour.share() == Some(0.75));
        health.save(true);
        let again = Health::open(Some(dir.path()), clock);
        assert_eq!(again.hours(), health.hours());
        std::fs::write(dir.path().join("health.json"), b"[{").unwrap();
        assert!(
            Health::open(Some(dir.path()), Arc::new(ManualClock::new(start))).hours().is_empty()
        );
    }
}
