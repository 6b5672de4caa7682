//! Following plates over the frames of a fixed camera: one track is one vehicle's pass.

use crate::picture::Picture;
use crate::reader::Plate;
use crate::vote::{Look, vote};
use crate::warp::{Quad, centre, overlap, width};
use base::Time;
use plate::{Odds, Reason};

/// How tracks are made and ended.
#[derive(Clone, Copy, Debug)]
pub struct TrackOptions {
    /// A track ends when its plate was not seen for so many milliseconds.
    pub gap_ms: i64,
    /// A track of fewer frames is no vehicle: a sign that once looked like a plate.
    pub min_frames: u32,
    /// A track whose voted text is less probable than this is no read: a badge, or a plate so far
    /// away that its reading would be a second, wrong one of a vehicle that was read when it was near.
    pub min_confidence: f32,
    /// How much of the surroundings the picture for people shows, in plate widths a side.
    pub grow: f32,
}

impl Default for TrackOptions {
    fn default() -> Self {
        Self { gap_ms: 1000, min_frames: 2, min_confidence: 0.1, grow: 0.9 }
    }
}

/// One vehicle's pass, ended.
#[derive(Clone, Debug)]
pub struct Track {
    /// When the plate was first and last seen.
    pub first: Time,
    /// When it was last seen.
    pub last: Time,
    /// When the best frame was taken.
    pub best: Time,
    /// The corners in that frame.
    pub corners: Quad,
    /// Width and height of that frame.
    pub frame_size: [u32; 2],
    /// The surroundings of the plate in that frame, JPEG; absent where it could not be cut.
    pub jpeg: Option<Vec<u8>>,
    /// Voted odds.
    pub odds: Odds,
    /// P(the voted text is right), 0 to 1.
    pub confidence: f32,
    /// In how many frames it was seen.
    pub frames: u32,
    /// Region of the best frame's plate, where known.
    pub region: Option<String>,
}

/// A track that goes on, for a live picture.
#[derive(Clone, Debug)]
pub struct LiveTrack {
    /// Counts the tracks from 1.
    pub number: u64,
    /// Corners in the newest frame in which it was seen.
    pub corners: Quad,
    /// Odds voted so far.
    pub odds: Odds,
    /// P(text) so far.
    pub confidence: f32,
}

struct Open {
    number: u64,
    looks: Vec<Look>,
    first: Time,
    last: Time,
    corners: Quad,
    /// Pixels a millisecond, smoothed.
    speed: [f32; 2],
    best: Best,
}

struct Best {
    score: f32,
    at: Time,
    corners: Quad,
    size: [u32; 2],
    jpeg: Option<Vec<u8>>,
    region: Option<String>,
}

/// Follows the plates of one fixed camera.
pub struct Tracker {
    options: TrackOptions,
    open: Vec<Open>,
    started: u64,
}

impl Tracker {
    /// A tracker without tracks.
    pub fn new(options: TrackOptions) -> Self {
        Self { options, open: Vec::new(), started: 0 }
    }

    /// Takes the plates of the next frame; returns the tracks that ended before it.
    pub fn push(&mut self, at: Time, picture: &Picture, plates: Vec<Plate>) -> Vec<Track> {
        let ended = self.end_before(at);
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        for (i, track) in self.open.iter().enumerate() {
            for (j, plate) in plates.iter().enumerate() {
                if let Some(score) = likeness(track, plate, at) {
                    pairs.push((score, i, j));
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut taken, mut used) = (vec![false; self.open.len()], vec![false; plates.len()]);
        for (_, i, j) in pairs {
            if !taken[i] && !used[j] {
                taken[i] = true;
                used[j] = true;
                self.open[i].add(at, picture, &plates[j], self.options.grow);
            }
        }
        for (plate, used) in plates.into_iter().zip(used) {
            if !used {
                self.started += 1;
                self.open.push(Open::new(self.started, at, picture, &plate, self.options.grow));
            }
        }
        ended
    }

    /// Ends every track: the source is at its end.
    pub fn finish(&mut self) -> Vec<Track> {
        let open = std::mem::take(&mut self.open);
        open.into_iter().filter_map(|t| t.end(&self.options)).collect()
    }

    /// The tracks that go on.
    pub fn live(&self) -> Vec<LiveTrack> {
        let one = |t: &Open| {
            let (odds, confidence) = t.voted()?;
            Some(LiveTrack { number: t.number, corners: t.corners, odds, confidence })
        };
        self.open.iter().filter_map(one).collect()
    }

    fn end_before(&mut self, at: Time) -> Vec<Track> {
        let gap = self.options.gap_ms;
        let (over, open): (Vec<Open>, Vec<Open>) =
            std::mem::take(&mut self.open).into_iter().partition(|t| at.since(t.last) > gap);
        self.open = open;
        over.into_iter().filter_map(|t| t.end(&self.options)).collect()
    }
}

/// How well a plate goes on a track; `None` where it cannot be the same vehicle.
fn likeness(track: &Open, plate: &Plate, at: Time) -> Option<f32> {
    let dt = at.since(track.last).max(0) as f32;
    let moved = track.corners.map(|p| [p[0] + track.speed[0] * dt, p[1] + track.speed[1] * dt]);
    let size = width(&track.corners).max(width(&plate.corners)).max(1.0);
    let (a, b) = (centre(&moved), centre(&plate.corners));
    let apart = (a[0] - b[0]).hypot(a[1] - b[1]) / size;
    let grown = width(&plate.corners) / width(&track.corners).max(1.0);
    let near = overlap(&moved, &plate.corners) + (1.0 - apart / 1.5).max(0.0);
    // One look may have been misread; the last few are asked.
    let recent = track.looks.iter().rev().take(3);
    let same = recent.map(|look| similarity(&look.odds, &plate.odds)).fold(0.0, f32::max);
    // An unsure text that differs says little against the place: cars are wider than three plates,
    // so that nothing else of the kind stands within one.
    let reach = if plate.confidence < 0.5 { 1.2 } else { 0.4 };
    // Near enough by itself, or somewhat near with nearly the same text: a car that turned or braked.
    let fits = (0.4..2.5).contains(&grown)
        && ((apart < 1.0 && same > 0.25) || (apart < reach) || (apart < 6.0 && same > 0.7));
    fits.then_some(near + 2.0 * same)
}

/// Share of places at which two odds have the same best character; places are compared from the end
/// where the lengths differ by one.
fn similarity(a: &Odds, b: &Odds) -> f32 {
    let (a, b) = (a.text(), b.text());
    let (a, b) = (a.reveal(Reason::Matching).as_bytes(), b.reveal(Reason::Matching).as_bytes());
    let longest = a.len().max(b.len());
    if a.len().abs_diff(b.len()) > 1 {
        return 0.0;
    }
    let front = a.iter().zip(b).filter(|(x, y)| x == y).count();
    let back = a.iter().rev().zip(b.iter().rev()).filter(|(x, y)| x == y).count();
    front.max(back) as f32 / longest as f32
}

impl Open {
    fn new(number: u64, at: Time, picture: &Picture, plate: &Plate, grow: f32) -> Self {
        let mut track = Self {
            number,
            looks: Vec::new(),
            first: at,
            last: at,
            corners: plate.corners,
            speed: [0.0; 2],
            best: Best {
                score: f32::NEG_INFINITY,
                at,
                corners: plate.corners,
                size: [picture.width() as u32, picture.height() as u32],
                jpeg: None,
                region: None,
            },
        };
        track.add(at, picture, plate, grow);
        track
    }

    fn add(&mut self, at: Time, picture: &Picture, plate: &Plate, grow: f32) {
        let dt = at.since(self.last) as f32;
        if dt > 0.0 {
            let (a, b) = (centre(&self.corners), centre(&plate.corners));
            let now = [(b[0] - a[0]) / dt, (b[1] - a[1]) / dt];
            // Corners tremble by a pixel or two: over a gap, the last step alone would throw far.
            let keep = if self.looks.len() > 1 { 0.6 } else { 0.0 };
            self.speed = [0, 1].map(|k| keep * self.speed[k] + (1.0 - keep) * now[k]);
        }
        self.last = at;
        self.corners = plate.corners;
        // Large and sure looks count; a weight of zero would lose a track of hopeless looks.
        let score = (plate.confidence + 0.02) * width(&plate.corners).clamp(20.0, 160.0);
        let confidence = plate.confidence;
        self.looks.push(Look { odds: plate.odds.clone(), weight: score, confidence });
        // Cutting and compressing a picture costs a millisecond: only for a clearly better frame.
        if score > self.best.score * 1.1 {
            self.best = Best {
                score,
                at,
                corners: plate.corners,
                size: [picture.width() as u32, picture.height() as u32],
                jpeg: picture.plate_jpeg(&plate.corners, grow).ok(),
                region: plate.region.clone(),
            };
        }
    }

    fn voted(&self) -> Option<(Odds, f32)> {
        vote(&self.looks)
    }

    fn end(self, options: &TrackOptions) -> Option<Track> {
        if (self.looks.len() as u32) < options.min_frames {
            return None;
        }
        let (odds, confidence) = self.voted()?;
        if confidence < options.min_confidence {
            return None;
        }
        Some(Track {
            first: self.first,
            last: self.last,
            best: self.best.at,
            corners: self.best.corners,
            frame_size: self.best.size,
            jpeg: self.best.jpeg,
            odds,
            confidence,
            frames: self.looks.len() as u32,
            region: self.best.region,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames as lines of `text@x,y`; 100 ms apart; `-` is a frame without a plate, `?` behind a text
    /// makes it unsure.
    /// Gives the passes as `text frames`.
    fn check(frames: &[&str], want: &[&str]) {
        let picture = Picture::from_grey(640, 360, vec![90; 640 * 360]).unwrap();
        let mut tracker = Tracker::new(TrackOptions::default());
        let mut ended = Vec::new();
        for (i, line) in frames.iter().enumerate() {
            let plates = line.split_whitespace().filter(|w| *w != "-").map(plate).collect();
            ended.extend(tracker.push(Time::from_millis(1000 + 100 * i as i64), &picture, plates));
        }
        ended.extend(tracker.finish());
        let mut got: Vec<String> = ended
            .iter()
            .map(|t| format!("{} {}", t.odds.text().reveal(Reason::Matching), t.frames))
            .collect();
        got.sort();
        assert_eq!(got, want);
        assert!(ended.iter().all(|t| t.first <= t.best && t.best <= t.last));
    }

    fn plate(word: &str) -> Plate {
        let (text, place) = word.split_once('@').unwrap();
        let (x, y) = place.split_once(',').unwrap();
        let (x, y): (f32, f32) = (x.parse().unwrap(), y.parse().unwrap());
        let (text, confidence) = text.strip_suffix('?').map_or((text, 0.8), |t| (t, 0.02));
        Plate {
            odds: Odds::new(text.chars().map(|c| vec![(c, 0.9)]).collect()).unwrap(),
            confidence,
            corners: [[x, y], [x + 60.0, y], [x + 60.0, y + 20.0], [x, y + 20.0]],
            region: None,
        }
    }

    #[test]
    fn one_vehicle_one_pass() {
        check(
            &["7ABC128@10,10", "7ABC128@40,14", "7ABC12B@75,20", "7ABC128@110,26"],
            &["7ABC128 4"],
        );
    }

    #[test]
    fn hidden_for_a_moment_is_still_one() {
        check(
            &["AB123@10,10", "AB123@40,10", "-", "-", "AB123@130,10", "AB123@160,10"],
            &["AB123 4"],
        );
    }

    #[test]
    fn two_side_by_side_stay_two() {
        check(
            &["AB123@10,10 XY987@200,10", "AB123@40,10 XY987@230,12", "XY987@260,14 AB123@70,10"],
            &["AB123 3", "XY987 3"],
        );
    }

    #[test]
    fn a_misread_look_does_not_make_another_vehicle() {
        check(
            &["AB123@10,10", "AB123@40,10", "QI?@72,11", "AB123@100,10", "ZZ?@131,10"],
            &["AB123 5"],
        );
    }

    #[test]
    fn hopeless_looks_are_no_read() {
        check(&["II1?@10,10", "II1?@10,10", "I1?@10,10"], &[]);
    }

    #[test]
    fn one_glimpse_is_no_vehicle() {
        check(&["-", "AB123@10,10", "-"], &[]);
    }

    #[test]
    fn the_next_car_is_another() {
        let mut frames = vec!["AB123@10,10", "AB123@20,10"];
        frames.extend(["-"; 12]);
        frames.extend(["XY987@10,10", "XY987@20,10"]);
        check(&frames, &["AB123 2", "XY987 2"]);
    }
}
