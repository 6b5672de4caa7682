//! What moves before a fixed camera, found without a network: the picture in some ten thousand cells is
//! compared with what it usually looks like.
//!
//! It serves three ends. A still scene costs a millisecond and not the networks' twenty. A vehicle whose
//! plate nobody could read is still a vehicle that passed, so that what a camera misses is known. And what
//! the scene is like (dark, glaring, blurred, blocked, turned away) is known all day.
//!
//! A cell's usual value follows slowly, where it moves far more slowly: a car that waits at a light is not
//! forgotten within its red phase. Light that changes everywhere at once (clouds, the camera's own
//! exposure) is taken out first.

use crate::picture::Picture;
use crate::scale::scale;
use base::Time;

mod scene;
mod vehicles;

pub use scene::Scene;
pub use vehicles::Vehicles;

/// Cells across the picture.
const ACROSS: usize = 160;
/// A cell has moved if it differs by so many grey values …
const LEAST: f32 = 14.0;
/// … and by so many times its usual trembling.
const NOISE: f32 = 5.0;
/// Seconds in which a still cell's usual value follows by two thirds, and a moving one's.
const FOLLOW_S: f32 = 2.0;
const FOLLOW_MOVING_S: f32 = 60.0;
/// A blob of a smaller share of the picture is a bird, a leaf, a person far away.
const BLOB_MIN: f32 = 0.003;
/// Where more than this share differs at once the light has changed or the camera was turned.
const ALL: f32 = 0.7;

/// Something that moves: its box in fractions of the picture, and the share of the picture it covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blob {
    /// Left, top, right, bottom, 0 to 1.
    pub at: [f32; 4],
    /// Share of the picture's cells.
    pub area: f32,
}

impl Blob {
    /// Middle of its box.
    pub fn centre(&self) -> [f32; 2] {
        [(self.at[0] + self.at[2]) / 2.0, (self.at[1] + self.at[3]) / 2.0]
    }

    /// Whether a point lies in its box, or within `slack` of it.
    pub fn holds(&self, p: [f32; 2], slack: f32) -> bool {
        let [x0, y0, x1, y1] = self.at;
        (x0 - slack..=x1 + slack).contains(&p[0]) && (y0 - slack..=y1 + slack).contains(&p[1])
    }
}

/// What one frame says.
#[derive(Clone, Debug)]
pub struct Moving {
    /// What moves, largest first.
    pub blobs: Vec<Blob>,
    /// What the whole picture is like.
    pub scene: Scene,
    /// Nothing can be said of motion yet, or not of this frame: it is the first, or all has changed.
    pub unsettled: bool,
}

/// Knows what a fixed camera usually sees.
#[derive(Default)]
pub struct Motion {
    size: (usize, usize),
    usual: Vec<f32>,
    noise: Vec<f32>,
    last: Option<Time>,
    /// Frames seen since it was begun.
    frames: u32,
    scene: scene::Watch,
}

impl Motion {
    /// One that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets what usually stands there, as after a time without frames; where the camera is to look it still knows.
    pub fn begin_anew(&mut self) {
        let scene = std::mem::take(&mut self.scene).after_gap();
        *self = Self { size: self.size, scene, ..Self::default() };
    }

    /// Looks at the next frame.
    pub fn push(&mut self, at: Time, picture: &Picture) -> Moving {
        let high = (ACROSS * picture.height() / picture.width().max(1)).clamp(9, 4 * ACROSS);
        let plane = picture.plane();
        let cells = scale(&plane, [0, 0, plane.width, plane.height], ACROSS, high);
        let cells: Vec<f32> = cells.into_iter().map(f32::from).collect();
        // Another size is another picture; a clock that leapt says nothing of how fast to follow.
        if self.size != (ACROSS, high) {
            *self = Self { size: (ACROSS, high), ..Self::default() };
        }
        if self.usual.is_empty() {
            self.usual.clone_from(&cells);
            self.noise = vec![2.0; cells.len()];
        }
        let dt = self.last.map_or(0.1, |last| (at.since(last) as f32 / 1000.0).clamp(0.0, 2.0));
        self.last = Some(at);
        self.frames = self.frames.saturating_add(1);
        let shift = median(cells.iter().zip(&self.usual).map(|(c, u)| c - u));
        let moved: Vec<bool> = (0..cells.len())
            .map(|i| (cells[i] - self.usual[i] - shift).abs() > LEAST.max(NOISE * self.noise[i]))
            .collect();
        let share = moved.iter().filter(|m| **m).count() as f32 / moved.len() as f32;
        let unsettled = self.frames < 8 || share > ALL;
        let scene = self.scene.look(at, &cells, self.size, &self.usual, unsettled);
        self.follow(&cells, &moved, shift, if share > ALL { 1.0 } else { dt });
        let blobs = if unsettled { Vec::new() } else { blobs(&moved, self.size) };
        Moving { blobs, scene, unsettled }
    }

    fn follow(&mut self, cells: &[f32], moved: &[bool], shift: f32, dt: f32) {
        let rate = |seconds: f32| 1.0 - (-dt / seconds).exp();
        // The first frames count more: nothing is usual yet.
        let still = rate(FOLLOW_S).max(1.0 / self.frames as f32);
        let (moving, trembling) = (rate(FOLLOW_MOVING_S), rate(4.0 * FOLLOW_S));
        for i in 0..cells.len() {
            let off = cells[i] - self.usual[i];
            if moved[i] && self.frames > 8 {
                self.usual[i] += moving * off;
            } else {
                self.usual[i] += still * off;
                self.noise[i] += trembling * ((off - shift).abs() - self.noise[i]);
            }
        }
    }
}

/// The middle of some values, of every seventh of them.
fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut some: Vec<f32> = values.step_by(7).collect();
    let middle = some.len() / 2;
    if some.is_empty() {
        return 0.0;
    }
    *some.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// Moved cells that touch, over a gap of one cell, as boxes.
fn blobs(moved: &[bool], (width, height): (usize, usize)) -> Vec<Blob> {
    let mut seen = vec![false; moved.len()];
    let mut out = Vec::new();
    let mut todo = Vec::new();
    for first in 0..moved.len() {
        if !moved[first] || seen[first] {
            continue;
        }
        let (mut count, mut bounds) = (0usize, [usize::MAX, usize::MAX, 0, 0]);
        seen[first] = true;
        todo.push(first);
        while let Some(i) = todo.pop() {
            let (x, y) = (i % width, i / width);
            count += 1;
            bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
            for ny in y.saturating_sub(2)..(y + 3).min(height) {
                for nx in x.saturating_sub(2)..(x + 3).min(width) {
                    let j = ny * width + nx;
                    if moved[j] && !seen[j] {
                        seen[j] = true;
                        todo.push(j);
                    }
                }
            }
        }
        let area = count as f32 / moved.len() as f32;
        if area >= BLOB_MIN {
            let [x0, y0, x1, y1] = bounds.map(|v| v as f32);
            let (w, h) = (width as f32, height as f32);
            out.push(Blob { at: [x0 / w, y0 / h, (x1 + 1.0) / w, (y1 + 1.0) / h], area });
        }
    }
    out.sort_by(|a, b| b.area.total_cmp(&a.area));
    out
}

#[cfg(test)]
mod tests;
