//! A street seen by a fixed plate camera, rendered from a description: the pictures of drills, and the project's own
//! input for tests and for the demo, with the truth about every plate.
//!
//! A [`Scenario`] is data. The same scenario gives the same bytes, so a failing test can be looked at.
//! What is rendered is meant to be *ordinary* for a reader trained on real scenes: a long lens at the
//! kerb, plates between 40 and 170 pixels wide, a slightly soft lens, sensor noise, JPEG.

mod art;
mod car;
mod draw;
mod ground;
mod rng;
mod scenario;
mod view;

pub use art::{DESIGNS, Design};
pub use rng::Rng;
pub use scenario::{Body, Car, Light, Scenario};

use car::Pose;
use draw::Canvas;
use image::codecs::jpeg::JpegEncoder;
use serde::{Deserialize, Serialize};
use std::path::Path;
use view::View;

/// A plate that stands whole and uncovered in a frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlateTruth {
    /// Which car of the scenario.
    pub car: usize,
    /// Its text.
    pub text: String,
    /// Top left, top right, bottom right, bottom left, pixels.
    pub corners: [[f32; 2]; 4],
    /// Mean width in pixels.
    pub width: f32,
}

/// What is to be seen in one frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrameTruth {
    /// File number, from 1.
    pub frame: usize,
    /// Seconds from the start.
    pub at_s: f32,
    /// Its plates.
    pub plates: Vec<PlateTruth>,
}

/// A car's pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PassTruth {
    /// Which car of the scenario.
    pub car: usize,
    /// Its plate.
    pub text: String,
    /// Region, as `us-ca`.
    pub state: String,
    /// Seconds at which its plate is first and last whole in a frame; none if it never is.
    pub seen_s: Option<(f32, f32)>,
    /// The widest that its plate gets, in pixels.
    pub widest: f32,
}

/// All that is true about a clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Frame by frame.
    pub frames: Vec<FrameTruth>,
    /// Car by car.
    pub passes: Vec<PassTruth>,
}

/// What stands beside the frames: how fast they follow one another, and when the clip begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    /// Frames a second.
    pub fps: f32,
    /// When the first frame was taken.
    pub start: base::Time,
}

/// A scenario made ready to be rendered frame by frame.
pub struct Street {
    scenario: Scenario,
    view: View,
    empty: Canvas,
    plates: Vec<Vec<Canvas>>,
}

impl Street {
    /// Draws what stands still and every plate.
    pub fn new(scenario: Scenario) -> Self {
        let (w, h) = (scenario.width, scenario.height);
        let view = View::street(w, h);
        let empty = ground::draw(&view, w, h, scenario.light, scenario.seed);
        let plate = |(i, car): (usize, &Car)| {
            car::plate_of(art::design(&car.state), &car.plate, scenario.seed ^ (i as u64 + 1) << 8)
        };
        let plates = scenario.cars.iter().enumerate().map(plate).collect();
        Self { scenario, view, empty, plates }
    }

    /// How many frames there are.
    pub fn frames(&self) -> usize {
        (self.scenario.seconds * self.scenario.fps).round() as usize
    }

    /// The cars on the street at a frame, the farthest first.
    fn poses(&self, frame: usize) -> Vec<(usize, Pose<'_>)> {
        self.poses_at(frame as f32 / self.scenario.fps)
    }

    fn poses_at(&self, at: f32) -> Vec<(usize, Pose<'_>)> {
        let pose = |(i, car): (usize, &Car)| {
            let mut rng = self.looks(i);
            let place = car.place(at)?;
            let pose = Pose {
                body: car.body,
                toward: car.toward,
                paint: car::paint(&mut rng).0,
                at: place,
                tilt: rng.range(-0.025, 0.025),
                plate: &self.plates[i],
                braking: rng.range(0.0, 1.0) < 0.3,
            };
            Some((i, pose))
        };
        let mut out: Vec<_> = self.scenario.cars.iter().enumerate().filter_map(pose).collect();
        out.sort_by(|a, b| self.view.depth(b.1.at).total_cmp(&self.view.depth(a.1.at)));
        out
    }

    /// The chance that a car's looks go by.
    fn looks(&self, car: usize) -> Rng {
        Rng::new(self.scenario.seed ^ (car as u64 + 77))
    }

    /// What people call the colour of a car.
    pub fn colour(&self, car: usize) -> &'static str {
        car::paint(&mut self.looks(car)).1
    }

    /// Frame `frame`, counted from 0, as a JPEG.
    pub fn jpeg(&self, frame: usize) -> Vec<u8> {
        let mut c = self.shutter(frame as f32 / self.scenario.fps);
        c.soften(0.13);
        let rgb = self.sensor(&c, frame);
        let mut out = Vec::with_capacity(200_000);
        let (w, h) = (c.width as u32, c.height as u32);
        let done = JpegEncoder::new_with_quality(&mut out, 88).encode(
            &rgb,
            w,
            h,
            image::ExtendedColorType::Rgb8,
        );
        // Into memory, with a size that fits the buffer: it cannot fail.
        done.unwrap_or_else(|e| unreachable!("{e}"));
        out
    }

    /// What falls on the sensor while the shutter is open: the mean of three moments.
    fn shutter(&self, at: f32) -> Canvas {
        const MOMENTS: usize = 3;
        let draw = |at: f32| {
            let mut c = self.empty.clone();
            for (_, pose) in self.poses_at(at) {
                pose.draw(&mut c, &self.view, self.scenario.light);
            }
            c
        };
        if self.scenario.exposure_ms <= 0.0 {
            return draw(at);
        }
        let step = self.scenario.exposure_ms / 1000.0 / (MOMENTS - 1) as f32;
        let moment = |k: usize| draw(at + (k as f32 - (MOMENTS - 1) as f32 / 2.0) * step);
        let mut sum = moment(0);
        for k in 1..MOMENTS {
            for (a, b) in sum.pixels.iter_mut().zip(&moment(k).pixels) {
                *a = [0, 1, 2].map(|i| a[i] + b[i]);
            }
        }
        for p in &mut sum.pixels {
            *p = p.map(|v| v / MOMENTS as f32);
        }
        sum
    }

    /// The sensor: eight bits a channel, and noise that grows in the dark.
    fn sensor(&self, c: &Canvas, frame: usize) -> Vec<u8> {
        let mut rng = Rng::new(self.scenario.seed ^ (frame as u64) << 20);
        let strength = match self.scenario.light {
            Light::Day => 0.030,
            Light::Dusk => 0.065,
        };
        let mut out = Vec::with_capacity(c.pixels.len() * 3);
        for p in &c.pixels {
            let bits = rng.bits().to_le_bytes();
            // The sum of three bytes is near enough to a bell.
            let bell = |i: usize| {
                (f32::from(bits[i]) + f32::from(bits[i + 1]) + f32::from(bits[i + 2])) / 765.0 - 0.5
            };
            let grey = bell(0);
            for (channel, v) in p.iter().enumerate() {
                let noise = strength * (grey + 0.5 * bell(channel + 3));
                out.push(((v + noise).clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
            }
        }
        out
    }

    /// The plates that stand whole and uncovered in a frame.
    pub fn plates(&self, frame: usize) -> Vec<PlateTruth> {
        let poses = self.poses(frame);
        let (w, h) = (self.scenario.width as f32, self.scenario.height as f32);
        let mut out = Vec::new();
        for (n, (car, pose)) in poses.iter().enumerate() {
            let Some(corners) = pose.plate_corners(&self.view) else { continue };
            let whole =
                corners.iter().all(|p| p[0] >= 0.0 && p[1] >= 0.0 && p[0] <= w && p[1] <= h);
            let covered =
                poses[n + 1..].iter().filter_map(|(_, near)| near.bounds(&self.view)).any(|b| {
                    corners.iter().any(|p| b[0] < p[0] && p[0] < b[2] && b[1] < p[1] && p[1] < b[3])
                });
            let side = |a: usize, b: usize| {
                (corners[a][0] - corners[b][0]).hypot(corners[a][1] - corners[b][1])
            };
            let width = (side(0, 1) + side(3, 2)) / 2.0;
            // Smaller than this nobody reads it, and no truth is to be had.
            if whole && !covered && width >= 20.0 {
                let text = self.scenario.cars[*car].plate.clone();
                out.push(PlateTruth { car: *car, text, corners, width });
            }
        }
        out
    }

    /// The glass at the near end of a car in a frame, corners from the top left, clockwise; none where the
    /// car is not there.
    pub fn glass(&self, frame: usize, car: usize) -> Option<[[f32; 2]; 4]> {
        let poses = self.poses(frame);
        let (_, pose) = poses.iter().find(|(n, _)| *n == car)?;
        pose.glass_corners(&self.view)
    }

    /// All that is true about the clip.
    pub fn truth(&self) -> Truth {
        let at = |frame: usize| frame as f32 / self.scenario.fps;
        let frames: Vec<FrameTruth> = (0..self.frames())
            .map(|f| FrameTruth { frame: f + 1, at_s: at(f), plates: self.plates(f) })
            .collect();
        let passes = self.scenario.cars.iter().enumerate().map(|(i, car)| {
            let seen: Vec<(f32, f32)> = frames
                .iter()
                .flat_map(|f| f.plates.iter().filter(|p| p.car == i).map(|p| (f.at_s, p.width)))
                .collect();
            PassTruth {
                car: i,
                text: car.plate.clone(),
                state: car.state.clone(),
                seen_s: seen.first().zip(seen.last()).map(|(a, b)| (a.0, b.0)),
                widest: seen.iter().map(|s| s.1).fold(0.0, f32::max),
            }
        });
        let passes = passes.collect();
        Truth { frames, passes }
    }

    /// Writes `000001.jpg` and so on, and `clip.json`, into a folder. Names tell nothing else.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        for frame in 0..self.frames() {
            std::fs::write(folder.join(format!("{:06}.jpg", frame + 1)), self.jpeg(frame))?;
        }
        let clip = Clip { fps: self.scenario.fps, start: self.scenario.start };
        std::fs::write(folder.join("clip.json"), serde_json::to_vec(&clip)?)
    }
}
