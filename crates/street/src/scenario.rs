//! Scenarios: who drives where and when, as data.

use crate::art::DESIGNS;
use crate::rng::Rng;
use crate::view::World;
use base::Time;
use serde::{Deserialize, Serialize};

/// What light there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Light {
    /// A bright sky.
    Day,
    /// Dark and noisy, lamps on.
    Dusk,
}

/// What sort of car.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// A saloon.
    Sedan,
    /// A tall one with a steep back.
    Suv,
    /// A box.
    Van,
}

/// One car.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Car {
    /// Its plate.
    pub plate: String,
    /// The plate's region, as `us-ca`.
    pub state: String,
    /// 0 is the lane near the camera, 1 the one beyond.
    pub lane: u8,
    /// Seconds at which it is 24 m away (coming) or 5 m away (leaving).
    pub start_s: f32,
    /// Metres a second.
    pub speed: f32,
    /// Whether it comes towards the camera.
    pub toward: bool,
    /// Its body.
    pub body: Body,
}

impl Car {
    /// Where its near end is at a time; none when it is out of sight.
    pub(super) fn place(&self, at_s: f32) -> Option<World> {
        let gone = (at_s - self.start_s) * self.speed;
        let z = if self.toward { 24.0 - gone } else { 5.0 + gone };
        let x = if self.lane == 0 { 0.4 } else { -2.8 };
        (2.0..130.0).contains(&z).then_some([x, 0.0, z])
    }
}

/// A clip to be rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Same seed, same bytes.
    pub seed: u64,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Frames a second.
    pub fps: f32,
    /// Length.
    pub seconds: f32,
    /// When it begins, by its own account.
    pub start: Time,
    /// What light there is.
    pub light: Light,
    /// How long the shutter is open, in milliseconds: what moves is smeared. 0 is none at all.
    #[serde(default)]
    pub exposure_ms: f32,
    /// Who drives.
    pub cars: Vec<Car>,
}

impl Scenario {
    /// An empty street of 1280×720 at ten frames a second.
    pub fn empty(seconds: f32, light: Light, seed: u64) -> Self {
        Self {
            seed,
            width: 1280,
            height: 720,
            fps: 10.0,
            seconds,
            start: Time::from_millis(1_795_420_800_000),
            light,
            exposure_ms: 0.0,
            cars: Vec::new(),
        }
    }

    /// The same with one more car.
    pub fn with(mut self, car: Car) -> Self {
        self.cars.push(car);
        self
    }

    /// Traffic by chance: a car every two to four seconds, lanes in turn.
    pub fn traffic(seconds: f32, light: Light, seed: u64) -> Self {
        let mut out = Self::empty(seconds, light, seed);
        let mut rng = Rng::new(seed ^ (light as u64) << 40);
        let mut at = 0.3;
        let mut lane = 0;
        while at < seconds - 1.5 {
            let design = rng.pick(&DESIGNS);
            out.cars.push(Car {
                plate: design.chance(&mut rng),
                state: design.region.to_owned(),
                lane,
                start_s: at,
                speed: rng.range(5.0, 7.0),
                // The near lane comes, the far lane leaves: a one-way pair seen from both ends.
                toward: lane == 0,
                body: *rng.pick(&[Body::Sedan, Body::Sedan, Body::Suv, Body::Suv, Body::Van]),
            });
            at += rng.range(1.6, 2.8);
            lane = 1 - lane;
        }
        out
    }

    /// So many passes, lanes in turn, every fifth car beside another one; smeared and noisy as a real
    /// camera has it: 2 ms of shutter by day, 6 ms at dusk.
    pub fn passes(count: usize, light: Light, fps: f32, seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ (light as u64) << 40);
        let mut cars: Vec<Car> = Vec::new();
        let mut at = 0.3;
        for i in 0..count {
            let beside = i % 5 == 4;
            let lane = if beside { 1 - cars[i - 1].lane } else { (i % 2) as u8 };
            let design = rng.pick(&DESIGNS);
            cars.push(Car {
                plate: design.chance(&mut rng),
                state: design.region.to_owned(),
                lane,
                start_s: if beside { cars[i - 1].start_s + 0.6 } else { at },
                speed: rng.range(5.0, 7.0),
                toward: lane == 0,
                body: *rng.pick(&[Body::Sedan, Body::Suv, Body::Van]),
            });
            at += rng.range(1.7, 2.6);
        }
        let exposure_ms = if light == Light::Day { 2.0 } else { 6.0 };
        Self { fps, exposure_ms, cars, ..Self::empty(at + 5.0, light, seed) }
    }

    /// A scenario by name: `day`, `dusk`, or `demo` (day, with the demo's stolen car at 4 s).
    pub fn named(name: &str, seconds: f32, seed: u64) -> Option<Self> {
        match name {
            "day" => Some(Self::traffic(seconds, Light::Day, seed)),
            "dusk" => Some(Self::traffic(seconds, Light::Dusk, seed)),
            "demo" => Some(Self::demo(seconds, seed)),
            _ => None,
        }
    }

    /// The plate of the demo's stolen car.
    pub const STOLEN: &'static str = "7ABC128";

    fn demo(seconds: f32, seed: u64) -> Self {
        let mut out = Self::traffic(seconds, Light::Day, seed);
        let gap = 3.8..6.6;
        out.cars.retain(|car| car.lane != 0 || !gap.contains(&car.start_s));
        out.with(Car {
            plate: Self::STOLEN.to_owned(),
            state: "us-ca".to_owned(),
            lane: 0,
            start_s: 4.6,
            speed: 6.0,
            toward: true,
            body: Body::Sedan,
        })
    }
}
