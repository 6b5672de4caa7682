//! Cars: a profile seen from behind or in front, drawn strip by strip from far to near, with
//! windows, lamps, bumper, wheels and a plate where cars carry it.

use crate::art::Design;
use crate::draw::{Canvas, Point, Rgb, mix, shade};
use crate::rng::Rng;
use crate::view::{View, World};
use crate::{Body, Light};

/// One corner line of a body: metres behind the face, height, half the width.
type Knot = [f32; 3];
/// A part on the face: from the middle outwards, and heights. Drawn on both sides.
type Part = [f32; 4];

/// What one end of a car looks like.
struct Shape {
    knots: &'static [Knot],
    /// The strip between this knot and the next is glass.
    glass: usize,
    plate: f32,
    lamps: &'static [Part],
    dark: &'static [Part],
    lines: &'static [Part],
}

const SEDAN_REAR: Shape = Shape {
    knots: &[
        [0.14, 0.26, 0.80],
        [0.00, 0.38, 0.89],
        [0.00, 0.60, 0.91],
        [0.05, 0.68, 0.90],
        [0.12, 0.99, 0.86],
        [0.26, 1.05, 0.80],
        [0.55, 1.07, 0.77],
        [1.25, 1.42, 0.60],
        [2.60, 1.45, 0.59],
        [3.40, 1.00, 0.74],
    ],
    glass: 6,
    plate: 0.82,
    lamps: &[[0.52, 0.87, 0.74, 0.93]],
    dark: &[[0.0, 0.55, 0.27, 0.36]],
    lines: &[[0.0, 0.88, 0.64, 0.655]],
};
const SEDAN_FRONT: Shape = Shape {
    knots: &[
        [0.12, 0.20, 0.78],
        [0.00, 0.32, 0.88],
        [0.00, 0.52, 0.90],
        [0.08, 0.70, 0.88],
        [0.30, 0.82, 0.80],
        [1.25, 0.98, 0.76],
        [2.05, 1.41, 0.60],
        [3.20, 1.45, 0.59],
    ],
    glass: 5,
    plate: 0.42,
    lamps: &[[0.50, 0.85, 0.58, 0.70]],
    dark: &[[0.0, 0.44, 0.58, 0.68], [0.0, 0.62, 0.22, 0.32]],
    lines: &[[0.0, 0.44, 0.625, 0.635]],
};
const SUV_REAR: Shape = Shape {
    knots: &[
        [0.12, 0.34, 0.82],
        [0.00, 0.46, 0.92],
        [0.00, 0.70, 0.94],
        [0.05, 0.78, 0.93],
        [0.10, 1.12, 0.91],
        [0.34, 1.60, 0.76],
        [0.50, 1.70, 0.71],
        [3.20, 1.70, 0.70],
        [3.90, 1.15, 0.80],
    ],
    glass: 4,
    plate: 0.94,
    lamps: &[[0.68, 0.91, 0.86, 1.14]],
    dark: &[[0.0, 0.88, 0.36, 0.50]],
    lines: &[[0.0, 0.90, 0.735, 0.75]],
};
const SUV_FRONT: Shape = Shape {
    knots: &[
        [0.10, 0.30, 0.82],
        [0.00, 0.44, 0.92],
        [0.00, 0.72, 0.94],
        [0.06, 0.96, 0.92],
        [0.24, 1.04, 0.86],
        [1.20, 1.16, 0.82],
        [1.80, 1.60, 0.70],
        [2.10, 1.69, 0.68],
        [3.60, 1.70, 0.68],
    ],
    glass: 5,
    plate: 0.52,
    lamps: &[[0.58, 0.90, 0.78, 0.92]],
    dark: &[[0.0, 0.52, 0.70, 0.92], [0.0, 0.80, 0.32, 0.42]],
    lines: &[[0.0, 0.52, 0.76, 0.775], [0.0, 0.52, 0.84, 0.855]],
};
const VAN_REAR: Shape = Shape {
    knots: &[
        [0.10, 0.36, 0.88],
        [0.00, 0.46, 0.95],
        [0.00, 0.64, 0.96],
        [0.06, 0.70, 0.96],
        [0.10, 1.25, 0.95],
        [0.20, 1.80, 0.90],
        [0.34, 2.02, 0.86],
        [4.00, 2.04, 0.86],
    ],
    glass: 4,
    plate: 0.86,
    lamps: &[[0.82, 0.94, 0.80, 1.20]],
    dark: &[[0.0, 0.92, 0.40, 0.60]],
    lines: &[[0.0, 0.012, 0.70, 1.95]],
};

fn shape(body: Body, toward: bool) -> &'static Shape {
    match (body, toward) {
        (Body::Sedan, false) => &SEDAN_REAR,
        (Body::Sedan, true) => &SEDAN_FRONT,
        (Body::Suv, false) => &SUV_REAR,
        (Body::Suv | Body::Van, true) => &SUV_FRONT,
        (Body::Van, false) => &VAN_REAR,
    }
}

/// A car at one moment.
pub struct Pose<'a> {
    /// The body.
    pub body: Body,
    /// Whether its front is what the camera sees.
    pub toward: bool,
    /// Paint.
    pub paint: Rgb,
    /// Where the middle of its near end stands on the road.
    pub at: World,
    /// How far its plate is turned, radians.
    pub tilt: f32,
    /// The plate's texture.
    pub plate: &'a [Canvas],
    /// Brake lamps on.
    pub braking: bool,
}

impl Pose<'_> {
    fn shape(&self) -> &'static Shape {
        shape(self.body, self.toward)
    }

    fn put(&self, x: f32, y: f32, back: f32) -> World {
        [self.at[0] + x, y, self.at[2] + back]
    }

    /// The point of the near face at `x` and `y`.
    fn face(&self, x: f32, y: f32) -> World {
        let knots = self.shape().knots;
        let pair = knots.windows(2).find(|w| w[0][1] <= y && y <= w[1][1]);
        let back = match pair {
            Some([a, b]) => a[0] + (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]).max(1e-3),
            _ => 0.0,
        };
        self.put(x, y, back - 0.01)
    }

    /// Corners of the plate in the picture: top left, top right, bottom right, bottom left.
    pub fn plate_corners(&self, view: &View) -> Option<[Point; 4]> {
        let (half_w, half_h) = (0.1525, 0.0762);
        let (sin, cos) = self.tilt.sin_cos();
        let middle = self.shape().plate;
        let mut out = [[0.0; 2]; 4];
        let corners = [(-half_w, half_h), (half_w, half_h), (half_w, -half_h), (-half_w, -half_h)];
        for (corner, (x, y)) in out.iter_mut().zip(corners) {
            let (x, y) = (x * cos - y * sin, x * sin + y * cos);
            let foot = self.face(x, middle);
            // The plate stands upright whatever the panel behind it does.
            *corner = view.point([foot[0], middle + y, foot[2] - 0.02])?;
        }
        Some(out)
    }

    /// Corners of the windscreen, or of the rear window of a car that drives away: from the top left, clockwise.
    pub fn glass_corners(&self, view: &View) -> Option<[Point; 4]> {
        let knots = self.shape().knots;
        let (low, high) = (knots.get(self.shape().glass)?, knots.get(self.shape().glass + 1)?);
        let at = |k: &Knot, x: f32| view.point(self.put(k[2] * x, k[1], k[0]));
        Some([at(high, -0.9)?, at(high, 0.9)?, at(low, 0.9)?, at(low, -0.9)?])
    }

    /// The rectangle of the picture that the car covers: left, top, right, bottom.
    pub fn bounds(&self, view: &View) -> Option<[f32; 4]> {
        let mut out = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for [back, y, half] in self.shape().knots {
            for x in [-half, *half] {
                let p = view.point(self.put(x, *y, *back))?;
                out = [out[0].min(p[0]), out[1].min(p[1]), out[2].max(p[0]), out[3].max(p[1])];
            }
        }
        Some(out)
    }

    /// Draws the car.
    pub fn draw(&self, c: &mut Canvas, view: &View, light: Light) {
        let day = light == Light::Day;
        let ambient = if day { 1.0 } else { 0.36 };
        self.ground(c, view, ambient);
        self.side(c, view, ambient);
        let knots = self.shape().knots;
        for i in (0..knots.len() - 1).rev() {
            self.strip(c, view, i, ambient);
        }
        self.parts(c, view, ambient, day);
        self.plate(c, view, day);
        if !day {
            self.lit(c, view);
        }
    }

    fn fill(&self, c: &mut Canvas, view: &View, points: &[World], colour: Rgb, alpha: f32) {
        c.polygon(&view.outline(points), colour, alpha);
    }

    /// Shadow and wheels.
    fn ground(&self, c: &mut Canvas, view: &View, ambient: f32) {
        let box_at = |m: f32, y: f32| {
            let w = 0.95 + m;
            [self.put(-w, y, -m), self.put(w, y, -m), self.put(w, y, 4.2), self.put(-w, y, 4.2)]
        };
        for m in [0.0, 0.12, 0.25] {
            self.fill(c, view, &box_at(m, 0.0), [0.05, 0.05, 0.06], 0.35);
        }
        let tyre = shade([0.09, 0.09, 0.10], ambient.max(0.5));
        for side in [-1.0, 1.0] {
            for back in [3.3, 0.55] {
                let (a, b) = (side * 0.66, side * 0.88);
                let wheel = [
                    self.put(a, 0.0, back),
                    self.put(b, 0.0, back),
                    self.put(b, 0.5, back),
                    self.put(a, 0.5, back),
                ];
                self.fill(c, view, &wheel, tyre, 1.0);
            }
        }
        let dark = [
            self.put(-0.8, 0.18, 0.3),
            self.put(0.8, 0.18, 0.3),
            self.put(0.8, 0.5, 0.3),
            self.put(-0.8, 0.5, 0.3),
        ];
        self.fill(c, view, &dark, shade([0.07, 0.07, 0.08], ambient), 1.0);
    }

    /// The flank that the camera sees: the camera stands to the right of every lane.
    fn side(&self, c: &mut Canvas, view: &View, ambient: f32) {
        let knots = self.shape().knots;
        let mut outline: Vec<World> = knots.iter().map(|k| self.put(k[2], k[1], k[0])).collect();
        outline.push(self.put(0.88, 0.85, 4.3));
        outline.push(self.put(0.85, 0.28, 4.3));
        self.fill(c, view, &outline, shade(self.paint, 0.62 * ambient), 1.0);
        let (Some(low), Some(high)) =
            (knots.get(self.shape().glass), knots.get(self.shape().glass + 1))
        else {
            return;
        };
        let window = [
            self.put(low[2], low[1] + 0.05, low[0] + 0.5),
            self.put(high[2] + 0.01, high[1] - 0.08, high[0] + 0.25),
            self.put(high[2] + 0.01, high[1] - 0.08, 2.7),
            self.put(low[2], low[1] + 0.05, 3.2),
        ];
        self.fill(c, view, &window, shade([0.14, 0.16, 0.18], ambient), 1.0);
        for back in [0.75, 3.35] {
            let hub = self.put(0.9, 0.32, back);
            let wheel: Vec<World> = (0..16)
                .map(|i| (i as f32 / 16.0 * std::f32::consts::TAU).sin_cos())
                .map(|(s, k)| [hub[0], hub[1] + 0.32 * s, hub[2] + 0.32 * k])
                .collect();
            self.fill(c, view, &wheel, shade([0.08, 0.08, 0.09], ambient.max(0.5)), 1.0);
        }
    }

    /// One strip of the body: rounded corners are darker bands, upward faces catch the sky.
    fn strip(&self, c: &mut Canvas, view: &View, i: usize, ambient: f32) {
        let (low, high) = (self.shape().knots[i], self.shape().knots[i + 1]);
        let (back, up) = (high[0] - low[0], high[1] - low[1]);
        let len = back.hypot(up).max(1e-3);
        let facing = 0.58 + 0.42 * (back / len).max(-0.4) + 0.14 * (up / len).max(0.0);
        const BANDS: [(f32, f32, f32); 5] = [
            (-1.0, -0.93, 0.72),
            (-0.93, -0.8, 0.9),
            (-0.8, 0.8, 1.0),
            (0.8, 0.93, 0.86),
            (0.93, 1.0, 0.66),
        ];
        let quad = |from: f32, to: f32| {
            [
                self.put(low[2] * from, low[1] - 0.01, low[0]),
                self.put(low[2] * to, low[1] - 0.01, low[0]),
                self.put(high[2] * to, high[1] + 0.01, high[0]),
                self.put(high[2] * from, high[1] + 0.01, high[0]),
            ]
        };
        // The whole strip lies under its bands, or the joints would let the street through.
        self.fill(c, view, &quad(-1.0, 1.0), shade(self.paint, facing * 0.9 * ambient), 1.0);
        for (from, to, tone) in BANDS {
            self.fill(c, view, &quad(from, to), shade(self.paint, facing * tone * ambient), 1.0);
        }
        if i == self.shape().glass {
            self.glass(c, view, low, high, ambient);
        }
    }

    fn glass(&self, c: &mut Canvas, view: &View, low: Knot, high: Knot, ambient: f32) {
        let at = |t: f32, x: f32| {
            let k = [0, 1, 2].map(|j| low[j] + (high[j] - low[j]) * t);
            self.put(k[2] * x, k[1], k[0] - 0.01)
        };
        const ROWS: usize = 6;
        for row in 0..ROWS {
            let t = |r: usize| 0.07 + 0.86 * r as f32 / ROWS as f32;
            let colour =
                mix([0.09, 0.10, 0.12], [0.42, 0.48, 0.55], row as f32 / ROWS as f32 * 0.8);
            let quad =
                [at(t(row), -0.9), at(t(row), 0.9), at(t(row + 1), 0.9), at(t(row + 1), -0.9)];
            self.fill(c, view, &quad, shade(colour, ambient), 1.0);
        }
        // Head-rests behind the glass.
        for x in [-0.5, 0.5] {
            let quad = [at(0.1, x - 0.16), at(0.1, x + 0.16), at(0.5, x + 0.13), at(0.5, x - 0.13)];
            self.fill(c, view, &quad, [0.05, 0.05, 0.06], 0.6);
        }
    }

    fn parts(&self, c: &mut Canvas, view: &View, ambient: f32, day: bool) {
        let shape = self.shape();
        let lamp = match (self.toward, self.braking) {
            (true, _) => [0.82, 0.84, 0.86],
            (false, true) => [0.95, 0.16, 0.12],
            (false, false) => [0.55, 0.08, 0.09],
        };
        let both = |c: &mut Canvas, part: &Part, colour: Rgb| {
            for side in [-1.0, 1.0] {
                let [x0, x1, y0, y1] = *part;
                let quad = [
                    self.face(side * x0, y0),
                    self.face(side * x1, y0),
                    self.face(side * x1, y1),
                    self.face(side * x0, y1),
                ];
                self.fill(c, view, &quad, colour, 1.0);
            }
        };
        for part in shape.dark {
            both(c, part, shade([0.10, 0.10, 0.11], ambient));
        }
        for part in shape.lines {
            both(c, part, shade(self.paint, 0.4 * ambient));
        }
        for part in shape.lamps {
            both(c, part, shade([0.14, 0.13, 0.13], ambient));
            let [x0, x1, y0, y1] = *part;
            let lit = if day { shade(lamp, 0.9) } else { shade(lamp, 1.2) };
            both(c, &[x0 + 0.02, x1 - 0.02, y0 + 0.015, y1 - 0.015], lit);
            both(c, &[x0 + 0.03, x1 - 0.05, y1 - 0.06, y1 - 0.03], mix(lit, [1.0; 3], 0.35));
        }
        let recess = [0.0, 0.19, shape.plate - 0.105, shape.plate + 0.105];
        both(c, &recess, shade(self.paint, 0.45 * ambient));
    }

    fn plate(&self, c: &mut Canvas, view: &View, day: bool) {
        let Some(quad) = self.plate_corners(view) else { return };
        // Plates throw light back: at dusk they are the brightest thing on the car.
        let k = if day { 0.86 } else { 0.66 };
        c.texture(self.plate, quad, |p| shade(p, k));
    }

    /// Lamps in the dark, as the lens sees them.
    fn lit(&self, c: &mut Canvas, view: &View) {
        let colour = if self.toward { [1.0, 0.96, 0.85] } else { [1.0, 0.12, 0.10] };
        let strength = if self.toward { 0.75 } else { 0.45 };
        for part in self.shape().lamps {
            for side in [-1.0, 1.0] {
                let at = self.face(side * (part[0] + part[1]) / 2.0, (part[2] + part[3]) / 2.0);
                if let Some(p) = view.point(at) {
                    c.glow(
                        p,
                        view.scale(at) * if self.toward { 0.42 } else { 0.26 },
                        colour,
                        strength,
                    );
                }
            }
        }
    }
}

/// A paint that cars have, and what people call it.
pub fn paint(rng: &mut Rng) -> (Rgb, &'static str) {
    const PAINTS: [(Rgb, &str); 9] = [
        ([0.86, 0.86, 0.85], "white"),
        ([0.62, 0.64, 0.66], "silver"),
        ([0.12, 0.12, 0.14], "black"),
        ([0.35, 0.36, 0.38], "gray"),
        ([0.52, 0.10, 0.11], "red"),
        ([0.14, 0.22, 0.42], "dark blue"),
        ([0.26, 0.34, 0.30], "green"),
        ([0.70, 0.66, 0.58], "beige"),
        ([0.20, 0.40, 0.58], "blue"),
    ];
    *rng.pick(&PAINTS)
}

/// The plate of a car, drawn once.
pub fn plate_of(design: &Design, text: &str, seed: u64) -> Vec<Canvas> {
    design.draw(text, &mut Rng::new(seed))
}
