//! Vehicles as what moves through the picture, plate or not: what passed and was not read is known.
//!
//! A blob that moves along or grows is followed from frame to frame. If a plate was seen on it, the pass is
//! the plate's; else it is a pass without a plate, unless it is a piece of one that has one: a shadow, the
//! beam of its lamps, the half of a van that looks like the road.

use super::Blob;
use base::Time;

/// A blob is gone when it was not seen for so long, in milliseconds.
const GONE_MS: i64 = 700;
/// A pass was seen in so many frames and for so long …
const FRAMES: u32 = 4;
const LEAST_MS: i64 = 300;
/// … moved by so much of the picture, or grew or shrank by so much …
const MOVED: f32 = 0.12;
const GREW: f32 = 2.5;
/// … and was at least so large, as a share of the picture: a person is smaller, a bicycle too.
const LARGE: f32 = 0.012;
/// So long after a pass with a plate something in its way is a piece of it, in milliseconds.
const PIECE_MS: i64 = 1500;

struct Open {
    first: Time,
    last: Time,
    start: Blob,
    now: Blob,
    speed: [f32; 2],
    frames: u32,
    moved: f32,
    largest: f32,
    smallest: f32,
    /// All boxes together.
    swept: [f32; 4],
    plated: bool,
}

/// Where a pass with a plate went, for as long as a piece of it may turn up.
struct Trace {
    first: Time,
    last: Time,
    swept: [f32; 4],
}

/// Follows what moves.
#[derive(Default)]
pub struct Vehicles {
    open: Vec<Open>,
    traces: Vec<Trace>,
}

impl Vehicles {
    /// Nothing moves yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what moves in the next frame and where plates are in it (fractions of the picture); returns how
    /// many vehicles have passed whose plate was never seen.
    pub fn push(&mut self, at: Time, blobs: &[Blob], plates: &[[f32; 2]]) -> usize {
        let mut used = vec![false; blobs.len()];
        for open in &mut self.open {
            let found = blobs.iter().enumerate().filter(|(i, _)| !used[*i]);
            let best = found.filter_map(|(i, b)| Some((open.likeness(b, at)?, i)));
            if let Some((_, i)) = best.max_by(|a, b| a.0.total_cmp(&b.0)) {
                used[i] = true;
                open.add(at, blobs[i]);
            }
        }
        let fresh = blobs.iter().zip(&used).filter(|(_, used)| !**used);
        self.open.extend(fresh.map(|(blob, _)| Open::new(at, *blob)));
        for plate in plates {
            // The smallest box around it: beams of lamps make large ones.
            let around = self.open.iter_mut().filter(|o| o.last == at && o.now.holds(*plate, 0.02));
            if let Some(open) = around.min_by(|a, b| a.now.area.total_cmp(&b.now.area)) {
                open.plated = true;
            }
        }
        self.end(Some(at))
    }

    /// Nothing more comes; how many passes without a plate that makes.
    pub fn finish(&mut self) -> usize {
        self.end(None)
    }

    fn end(&mut self, at: Option<Time>) -> usize {
        // A clock set back leaves nothing open for ever.
        let over =
            |o: &Open| at.is_none_or(|at| at.since(o.last) > GONE_MS || at.since(o.last) < 0);
        let (over, open): (Vec<Open>, Vec<Open>) =
            std::mem::take(&mut self.open).into_iter().partition(over);
        self.open = open;
        let (plated, bare): (Vec<Open>, Vec<Open>) = over.into_iter().partition(|o| o.plated);
        self.traces.extend(plated.iter().map(Open::trace));
        let going: Vec<Trace> = self.open.iter().filter(|o| o.plated).map(Open::trace).collect();
        let mut count = 0;
        for open in bare.iter().filter(|o| o.is_pass()) {
            let piece = self.traces.iter().chain(&going).any(|t| t.holds(open));
            if !piece {
                count += 1;
                // Nor is a piece of this one a pass of its own.
                self.traces.push(open.trace());
            }
        }
        self.traces.retain(|t| at.is_some_and(|at| (0..4 * PIECE_MS).contains(&at.since(t.last))));
        count
    }
}

impl Trace {
    fn holds(&self, piece: &Open) -> bool {
        let apart = self.first.since(piece.last).max(piece.first.since(self.last));
        apart <= PIECE_MS && share(&piece.swept, &self.swept) > 0.6
    }
}

impl Open {
    fn new(at: Time, blob: Blob) -> Self {
        Self {
            first: at,
            last: at,
            start: blob,
            now: blob,
            speed: [0.0; 2],
            frames: 1,
            moved: 0.0,
            largest: blob.area,
            smallest: blob.area,
            swept: blob.at,
            plated: false,
        }
    }

    /// How well a blob goes on this one; `None` where it does not.
    fn likeness(&self, blob: &Blob, at: Time) -> Option<f32> {
        let dt = at.since(self.last).max(0) as f32;
        let moved = [0, 1].map(|k| self.speed[k] * dt);
        let [x0, y0, x1, y1] = self.now.at;
        let guess = [x0 + moved[0], y0 + moved[1], x1 + moved[0], y1 + moved[1]];
        let both = share(&guess, &blob.at).max(share(&blob.at, &guess));
        let grown = blob.area / self.now.area.max(1e-6);
        (both > 0.3 && (0.2..5.0).contains(&grown)).then_some(both)
    }

    fn add(&mut self, at: Time, blob: Blob) {
        let dt = at.since(self.last).max(1) as f32;
        let (a, b) = (self.now.centre(), blob.centre());
        self.speed = [0, 1].map(|k| 0.5 * self.speed[k] + 0.5 * (b[k] - a[k]) / dt);
        let from = self.start.centre();
        self.moved = self.moved.max((b[0] - from[0]).hypot(b[1] - from[1]));
        self.largest = self.largest.max(blob.area);
        self.smallest = self.smallest.min(blob.area);
        let [s, n] = [self.swept, blob.at];
        self.swept = [s[0].min(n[0]), s[1].min(n[1]), s[2].max(n[2]), s[3].max(n[3])];
        (self.now, self.last) = (blob, at);
        self.frames += 1;
    }

    fn is_pass(&self) -> bool {
        self.frames >= FRAMES
            && self.last.since(self.first) >= LEAST_MS
            && self.largest >= LARGE
            && (self.moved >= MOVED
                || self.largest >= GREW * self.smallest && self.moved >= MOVED / 3.0)
    }

    fn trace(&self) -> Trace {
        Trace { first: self.first, last: self.last, swept: self.swept }
    }
}

/// What share of `a` lies in `b`.
fn share(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let side = |k: usize| (a[k + 2].min(b[k + 2]) - a[k].max(b[k])).max(0.0);
    let area = (a[2] - a[0]) * (a[3] - a[1]);
    if area <= 0.0 { 0.0 } else { side(0) * side(1) / area }
}
