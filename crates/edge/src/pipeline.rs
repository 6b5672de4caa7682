//! Frames to sealed reads: decode, mask, see what moves, read, track, seal, spool; only under a lease.
//!
//! A still scene costs no network: only where something moves, where a plate is being followed, and once
//! a second in case, is a frame read.

use crate::counts::{Counts, add};
use crate::outlet::Outlet;
use crate::preview::Shot;
use crate::session::Session;
use crate::settings::{Settings, fraction};
use crate::station::Station;
use base::{Clock, Result, Signed, Time};
use camera::{Frame, Image};
use read::{Sighting, Stop};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use vision::{
    Blob, Motion, Moving, Picture, Plate, Reader, ReaderOptions, Shows, Track, TrackOptions,
    Tracker, Vehicles, centre,
};

/// A pass whose voted text is less sure than this is no read: it is mostly a fence or a shop sign.
/// What is dropped is counted, so that a badly aimed camera shows.
pub const SURE: f32 = 0.2;
/// A scene in which nothing moves is read so often, in milliseconds: a car may have been there all along.
const STILL_MS: i64 = 1000;
/// A sure read waits so long for another look at its plate, in milliseconds.
const EARLY_MS: i64 = 400;
/// A clock that goes back, or leaps by so much, ends what was being followed.
const LEAP_MS: i64 = 60_000;
/// A camera that gives no frame for so long lets time pass for what it saw last.
const QUIET: Duration = Duration::from_secs(1);

/// The reading of one camera.
pub struct Pipeline {
    reader: Reader,
    tracker: Tracker,
    motion: Motion,
    vehicles: Vehicles,
    session: Option<Arc<Session>>,
    outlet: Arc<Outlet>,
    counts: Arc<Counts>,
    station: Arc<Station>,
    clock: Arc<dyn Clock>,
    settings: Arc<Settings>,
    /// When the last frame was taken, and when one was last read.
    last: Option<Time>,
    read_at: Option<Time>,
    /// The device's own counts of the frames that were looked at, by their times.
    recent: VecDeque<(Time, u64)>,
}

impl Pipeline {
    /// Loads the networks.
    pub fn new(outlet: Arc<Outlet>, station: Arc<Station>, clock: Arc<dyn Clock>) -> Result<Self> {
        let settings = station.settings();
        Ok(Self {
            reader: Reader::new(ReaderOptions::default())?,
            tracker: tracker(false),
            motion: Motion::new(),
            vehicles: Vehicles::new(),
            session: None,
            counts: outlet.counts.clone(),
            outlet,
            station,
            clock,
            settings,
            last: None,
            read_at: None,
            recent: VecDeque::new(),
        })
    }

    /// Takes what the keeper holds now. Where a lease has ended, the passes that were seen under it
    /// are finished, and the last word to be sent to the city is returned.
    pub fn lease(&mut self, now: Option<Arc<Session>>, at: Time) -> Option<Signed<Stop>> {
        let same = match (&self.session, &now) {
            (Some(a), Some(b)) => a.lease().id == b.lease().id,
            (None, None) => true,
            _ => false,
        };
        if same {
            return None;
        }
        if let Some(new) = &now {
            // A renewal: tracks go on, and are signed under the new lease; but no picture outlives the rule that it was
            // cut by, and what stands here since before the new lease is signed under the old one, while that holds.
            let (before, clear) = (self.clear(), new.lease().clear_pictures);
            if clear != before {
                self.finish();
                self.tracker = tracker(clear);
            } else {
                let told = self.tracker.tell_before(new.lease().from);
                self.keep(told, 0);
            }
            self.session = now;
            return None;
        }
        self.end(at)
    }

    /// Ends every pass and drops the session; returns the last word under it.
    pub fn end(&mut self, at: Time) -> Option<Signed<Stop>> {
        self.finish();
        self.tracker = tracker(false);
        self.station.preview.clear();
        let session = self.session.take()?;
        session.stop(at).inspect_err(|e| tracing::error!(error = %e.inside(), "last word")).ok()
    }

    /// Whether the lease leaves windscreens and faces in pictures.
    fn clear(&self) -> bool {
        self.session.as_ref().is_some_and(|s| s.lease().clear_pictures)
    }

    /// Ends what is being followed.
    fn finish(&mut self) {
        let tracks = self.tracker.finish();
        let bare = self.vehicles.finish();
        self.keep(tracks, bare);
        self.motion.begin_anew();
        (self.last, self.read_at) = (None, None);
        self.recent.clear();
    }

    /// No frame has come for so long: what was seen last is told when it would be if frames came without it, and not
    /// when the camera is back. Vehicles without a plate are counted with the next frame, or at the end: nobody waits for
    /// them, and a pause would make two of one.
    pub fn idle(&mut self, quiet: Duration) {
        let Some(last) = self.last.filter(|_| quiet >= QUIET) else { return };
        // Beyond a leap everything has ended.
        let ms = i64::try_from(quiet.as_millis()).unwrap_or(LEAP_MS).min(LEAP_MS);
        let at = last.plus_millis(ms);
        let ended = self.tracker.wait(at);
        self.keep(ended, 0);
    }

    /// Looks at a frame, if a lease covers it. `counter` is the device's own count of frames.
    pub fn frame(&mut self, frame: Frame, counter: u64) {
        add(&self.counts.frames, 1);
        if !self.session.as_ref().is_some_and(|s| s.covers(frame.at)) {
            add(&self.counts.frames_without_lease, 1);
            return;
        }
        if let Err(e) = self.look(frame, counter) {
            add(&self.counts.frames_damaged, 1);
            tracing::warn!(error = %e.inside(), "frame");
        }
    }

    fn look(&mut self, frame: Frame, counter: u64) -> Result<()> {
        let (number, at) = (frame.number, frame.at);
        if self.last.is_some_and(|last| !(0..LEAP_MS).contains(&at.since(last))) {
            self.finish();
        }
        self.last = Some(at);
        self.take_settings();
        let mut picture = decoded(frame.image)?;
        picture.mask(&self.settings.masks);
        self.remember(at, counter);
        let moving = self.motion.push(at, &picture);
        let plates = if self.worth_reading(at, &moving) {
            self.read_at = Some(at);
            add(&self.counts.frames_read, 1);
            self.read(&picture)?
        } else {
            Vec::new()
        };
        self.station.health.frame(at, &moving, &plates);
        let ended = self.tracker.push(at, &picture, plates);
        let size = [picture.width() as u32, picture.height() as u32];
        let places: Vec<[f32; 2]> =
            self.tracker.places().map(|corners| fraction(centre(&corners), size)).collect();
        let wanted = moving.blobs.iter().filter(|blob| self.settings.wants_vehicle(blob));
        let blobs: Vec<Blob> = wanted.copied().collect();
        let bare = self.vehicles.push(at, &blobs, &places);
        self.keep(ended, bare);
        if self.station.preview.is_served() {
            let tracks = self.tracker.live();
            self.station.preview.show(Shot { number, at, picture, tracks });
        }
        Ok(())
    }

    fn read(&mut self, picture: &Picture) -> Result<Vec<Plate>> {
        let size = [picture.width() as u32, picture.height() as u32];
        let mut plates = self.reader.read(picture)?;
        plates.retain(|p| self.settings.wants(fraction(centre(&p.corners), size)));
        Ok(plates)
    }

    fn worth_reading(&self, at: Time, moving: &Moving) -> bool {
        moving.unsettled
            || !moving.blobs.is_empty()
            || self.tracker.follows()
            || self.read_at.is_none_or(|read| !(0..STILL_MS).contains(&at.since(read)))
    }

    /// New settings count from the next frame on.
    fn take_settings(&mut self) {
        let now = self.station.settings();
        if !Arc::ptr_eq(&now, &self.settings) {
            self.finish();
            self.tracker = tracker(self.clear());
            // It was aimed: from now on it shall look where it looks now.
            self.motion = Motion::new();
            self.settings = now;
        }
    }

    fn remember(&mut self, at: Time, counter: u64) {
        self.recent.push_back((at, counter));
        // A pass may have been best long before it ended, where a car stood.
        while self.recent.len() > 4096 {
            self.recent.pop_front();
        }
    }

    /// Seals what was read; `bare` vehicles passed whose plate was never seen.
    fn keep(&mut self, tracks: Vec<Track>, bare: usize) {
        let (mut read, mut unread) = (0, bare as u64);
        let now = self.clock.now();
        add(&self.counts.bare, bare);
        for mut track in tracks {
            let Some(voted) = track.read.take() else {
                add(&self.counts.unread, 1);
                unread += 1;
                continue;
            };
            if voted.confidence < SURE {
                add(&self.counts.unsure, 1);
                unread += 1;
                continue;
            }
            read += 1;
            let sighting = self.sighting(&track);
            let age = Duration::from_millis(now.since(track.last).max(0).unsigned_abs());
            let kept = self.outlet.put(self.session.as_ref(), (track, voted, sighting), age);
            if let Err(e) = kept {
                tracing::error!(error = %e.inside(), "a read is lost");
            }
        }
        if let Some(at) = self.last {
            self.station.health.passes(at, read, unread);
        }
    }

    fn sighting(&self, track: &Track) -> Sighting {
        let place = fraction(centre(&track.corners), track.frame_size);
        let direction = self.settings.direction(&track.path, track.frame_size);
        let frame = self.recent.iter().rev().find(|(at, _)| *at <= track.best).map(|(_, n)| *n);
        let offset = self.session.as_ref().and_then(|s| s.offset_ms());
        Sighting {
            frame: frame.filter(|n| *n > 0),
            direction,
            lane: self.settings.lane(place),
            heading: self.settings.heading_of(direction),
            clock_offset_ms: offset.and_then(|ms| i32::try_from(ms).ok()),
            picture_corners: track
                .jpeg
                .is_some()
                .then(|| track.jpeg_corners.map(|p| p.map(|v| v.round() as i32))),
            reader: None,
        }
    }
}

fn tracker(clear: bool) -> Tracker {
    let shows = Shows::Vehicle { clear };
    Tracker::new(TrackOptions { shows, early_ms: Some(EARLY_MS), ..TrackOptions::default() })
}

fn decoded(image: Image) -> Result<Picture> {
    match image {
        Image::Coded(bytes) => Picture::decode(bytes),
        Image::Pixels(p) => {
            Picture::from_planes(p.width as usize, p.height as usize, p.grey, p.colour)
        }
    }
}
