//! The live picture: the newest frame with its tracks drawn in, for the person who aims the camera.
//!
//! It shows plates, so it is kept in memory alone, only while a lease is in force, and coded only when
//! somebody looks (`panel` serves it, on loopback).

use crate::pipeline::SURE;
use base::Time;
use image::{Rgb, RgbImage};
use plate::Reason;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vision::{LiveTrack, Picture, draw};

const DARK: Rgb<u8> = Rgb([24, 24, 28]);

/// One frame and what was seen in it.
pub struct Shot {
    /// The frame's number.
    pub number: u64,
    /// When it was taken.
    pub at: Time,
    /// The picture, its masks black.
    pub picture: Picture,
    /// Tracks that go on.
    pub tracks: Vec<LiveTrack>,
}

/// The newest shot. Nothing older is kept.
#[derive(Default)]
pub struct Preview {
    shot: Mutex<(u64, Option<Arc<Shot>>)>,
    changed: Condvar,
    served: AtomicBool,
}

impl Preview {
    /// There is a page on which it is shown from now on.
    pub fn serve(&self) {
        self.served.store(true, Ordering::SeqCst);
    }

    /// Whether anybody can see it; else no frame is worth showing.
    pub fn is_served(&self) -> bool {
        self.served.load(Ordering::SeqCst)
    }

    /// Shows a frame.
    pub fn show(&self, shot: Shot) {
        self.set(Some(Arc::new(shot)));
    }

    /// Shows that nothing is captured.
    pub fn clear(&self) {
        self.set(None);
    }

    fn set(&self, shot: Option<Arc<Shot>>) {
        let mut held = self.lock();
        let old = std::mem::take(&mut *held);
        *held = (old.0 + 1, shot);
        drop(held);
        self.changed.notify_all();
    }

    /// The newest shot.
    pub fn now(&self) -> Option<Arc<Shot>> {
        self.lock().1.clone()
    }

    /// The newest shot after version `seen`, or what there is when a second has passed.
    pub fn next(&self, seen: u64) -> (u64, Option<Arc<Shot>>) {
        let held = self.lock();
        let wait = Duration::from_secs(1);
        let held =
            match self.changed.wait_timeout_while(held, wait, |(version, _)| *version <= seen) {
                Ok((guard, _)) => guard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        (held.0, held.1.clone())
    }

    fn lock(&self) -> MutexGuard<'_, (u64, Option<Arc<Shot>>)> {
        self.shot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is followed in a frame, as JSON: numbers and no plate.
pub fn tracks(shot: Option<&Shot>) -> serde_json::Value {
    let one = |t: &LiveTrack| {
        serde_json::json!({
            "number": t.number,
            "corners": t.corners,
            "width": vision::width(&t.corners).round(),
            "confidence": t.confidence,
        })
    };
    shot.map_or_else(Vec::new, |s| s.tracks.iter().map(one).collect()).into()
}

/// The frame with its tracks as a JPEG; a dark one that says so where nothing is captured.
pub fn drawn(shot: Option<&Shot>) -> Vec<u8> {
    let image = match shot {
        Some(shot) => {
            let mut image = shot.picture.rgb().into_owned();
            for track in shot.tracks.iter().filter(|t| t.confidence >= SURE) {
                mark(&mut image, track);
            }
            image
        }
        None => {
            let mut image = RgbImage::from_pixel(640, 360, DARK);
            draw::write(&mut image, "NOTHING IS CAPTURED", [92, 165], 4, Rgb([150; 3]));
            image
        }
    };
    vision::jpeg(&image).unwrap_or_default()
}

/// The plate's outline, the track's number, the text that is being voted and how sure the vote is.
fn mark(image: &mut RgbImage, track: &LiveTrack) {
    let text = track.odds.text();
    let sure = (track.confidence.clamp(0.0, 1.0) * 100.0).round();
    let label = format!("#{} {} {sure}%", track.number, text.reveal(Reason::Reader));
    draw::plate(image, &track.corners, &label);
}
