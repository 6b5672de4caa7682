//! What a camera's picture is like as a whole, and how that differs from its usual day.

use base::Time;
use serde::Serialize;

/// What one frame looks like, and what is wrong with that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Scene {
    /// Mean grey value, 0 to 255.
    pub brightness: f32,
    /// Standard deviation of the grey values.
    pub contrast: f32,
    /// Mean step between neighbouring cells, in grey values: falls when the picture blurs.
    pub detail: f32,
    /// Share of the picture that is blown out (250 and more).
    pub glare: f32,
    /// Something covers the lens, or nothing is to be seen.
    pub blocked: bool,
    /// Far fewer edges than this camera usually shows: out of focus, dirty, wet.
    pub blurred: bool,
    /// Too dark for plates without light of their own.
    pub dark: bool,
    /// A low sun or a lamp in the lens.
    pub glaring: bool,
    /// The camera looks elsewhere than it did.
    pub moved: bool,
}

impl Scene {
    /// Whether this one picture is too dark for plates without light of their own.
    pub fn is_dark(&self) -> bool {
        self.brightness < DARK
    }

    /// Whether a low sun or a lamp blinds this one picture.
    pub fn is_blinded(&self) -> bool {
        self.glare > GLARE
    }
}

/// A contrast below this is a cap, a bag, a spider's web over the lens.
const BLOCKED: f32 = 6.0;
const DARK: f32 = 28.0;
const GLARE: f32 = 0.25;
/// Detail below this share of the usual is a blur.
const BLUR: f32 = 0.45;
/// So alike are two looks at the same street, over day and night; a turned camera is below.
const ALIKE: f32 = 0.35;
/// What is wrong must have been so for so long, in milliseconds: a lorry fills a picture too.
const LASTING_MS: i64 = 20_000;
/// Seconds in which what is usual follows.
const USUAL_S: f32 = 1800.0;

/// Since when something has been so.
#[derive(Default)]
struct Since(Option<Time>);

impl Since {
    fn lasting(&mut self, so: bool, at: Time) -> bool {
        if !so {
            self.0 = None;
            return false;
        }
        let since = *self.0.get_or_insert(at);
        // A clock set back begins anew.
        if at.since(since) < 0 {
            self.0 = Some(at);
        }
        at.since(since) >= LASTING_MS
    }
}

/// Remembers what is usual.
#[derive(Default)]
pub(super) struct Watch {
    detail: Option<f32>,
    /// Edges of the scene as they were when the camera was last known to look where it should.
    edges: Option<Vec<f32>>,
    last: Option<Time>,
    since: [Since; 5],
}

impl Watch {
    /// It after a time in which nobody looked: what is wrong has to last anew.
    pub(super) fn after_gap(self) -> Self {
        Self { detail: self.detail, edges: self.edges, ..Self::default() }
    }

    pub(super) fn look(
        &mut self,
        at: Time,
        cells: &[f32],
        size: (usize, usize),
        usual: &[f32],
        unsettled: bool,
    ) -> Scene {
        let count = cells.len().max(1) as f32;
        let brightness = cells.iter().sum::<f32>() / count;
        let spread = cells.iter().map(|c| (c - brightness).powi(2)).sum::<f32>() / count;
        let detail = edges(cells, size).iter().map(|e| e.abs()).sum::<f32>() / count;
        let glare = cells.iter().filter(|c| **c >= 250.0).count() as f32 / count;
        let mut scene =
            Scene { brightness, contrast: spread.sqrt(), detail, glare, ..Scene::default() };
        let dt = self.last.map_or(0.0, |last| (at.since(last) as f32 / 1000.0).clamp(0.0, 10.0));
        self.last = Some(at);
        let blocked = scene.contrast < BLOCKED;
        let dark = scene.is_dark();
        let usual_detail = *self.detail.get_or_insert(detail);
        let blurred = !blocked && !dark && detail < BLUR * usual_detail;
        // Compared is what usually stands there, not the cars of this moment.
        let moved = !blocked && !dark && !unsettled && self.looks_elsewhere(usual, size, blurred);
        let wrong = [blocked, blurred, dark, scene.is_blinded(), moved];
        let lasting: Vec<bool> =
            self.since.iter_mut().zip(wrong).map(|(since, so)| since.lasting(so, at)).collect();
        if let [blocked, blurred, dark, glaring, moved] = lasting[..] {
            scene = Scene { blocked, blurred, dark, glaring, moved, ..scene };
        }
        // The unusual does not become usual while it is called so.
        if !blocked && !dark && !blurred {
            let rate = 1.0 - (-dt / USUAL_S).exp();
            self.detail = Some(usual_detail + rate * (detail - usual_detail));
        }
        scene
    }

    fn looks_elsewhere(&mut self, usual: &[f32], size: (usize, usize), blurred: bool) -> bool {
        let now = edges(usual, size);
        let Some(before) = &mut self.edges else {
            self.edges = Some(now);
            return false;
        };
        let like = alike(before, &now);
        if like >= 2.0 * ALIKE && !blurred {
            // Seasons and road works: what is surely the same place may look a little different.
            before.iter_mut().zip(&now).for_each(|(b, n)| *b += 0.0005 * (n - *b));
        }
        like < ALIKE
    }
}

/// Steps to the right and below, together: where the outlines of things are.
fn edges(cells: &[f32], (width, height): (usize, usize)) -> Vec<f32> {
    let mut out = vec![0.0; cells.len()];
    for y in 0..height.saturating_sub(1) {
        for x in 0..width.saturating_sub(1) {
            let i = y * width + x;
            out[i] = (cells[i + 1] - cells[i]).abs() + (cells[i + width] - cells[i]).abs();
        }
    }
    out
}

/// Correlation of two sets of edges, -1 to 1.
fn alike(a: &[f32], b: &[f32]) -> f32 {
    let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len().max(1) as f32;
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0f64, 0.0f64, 0.0f64);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (f64::from(x - ma), f64::from(y - mb));
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    if aa <= 0.0 || bb <= 0.0 { 1.0 } else { (ab / (aa * bb).sqrt()) as f32 }
}
