//! What a drill shows: a wanted plate, a drawn car that passes, and how sure the reader is said to be. All of it
//! follows from a seed, so that no plate is stored.
//!
//! In every other drill, by chance, the car's plate differs from the wanted one in a single character that is taken
//! for it. The reader is said to have read the wanted plate either way, with a doubt about one place: only the
//! picture tells the two sorts apart.

use base::{HitId, sha256};
use plate::{Choice, Odds};
use street::{Body, Car, DESIGNS, Design, Light, Rng, Scenario, Street};

/// Characters that are taken for one another and that a person tells apart. O and 0, I and 1 are left out: plates
/// do not tell them apart.
const PAIRS: [(char, char); 14] = [
    ('8', 'B'),
    ('5', 'S'),
    ('2', 'Z'),
    ('6', 'G'),
    ('3', '8'),
    ('C', 'G'),
    ('E', 'F'),
    ('P', 'R'),
    ('V', 'Y'),
    ('M', 'N'),
    ('5', '6'),
    ('1', '7'),
    ('U', 'V'),
    ('H', 'N'),
];
/// How wide a plate is in the picture that is shown, in pixels, where the street comes so near.
const WIDE: f32 = 150.0;

/// What a person is to find.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum DrillSort {
    /// The car is the wanted one.
    Listed,
    /// Its plate differs in one character.
    LookAlike,
}

impl DrillSort {
    /// As the log spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            DrillSort::Listed => "listed",
            DrillSort::LookAlike => "look-alike",
        }
    }
}

/// A drill as it is drawn.
pub(crate) struct Scene {
    pub sort: DrillSort,
    /// What the entry says, and the reader too.
    pub wanted: String,
    /// What the car carries.
    shown: String,
    pub region: &'static str,
    /// The place that the reader doubts, from 0, and what else it may be.
    doubt: (usize, char),
    certainty: f32,
    body: Body,
    light: Light,
    seed: u64,
}

/// What a camera makes of it.
pub(crate) struct Shot {
    pub jpeg: Vec<u8>,
    pub corners: [[i32; 2]; 4],
    pub colour: &'static str,
}

impl Scene {
    /// The scene of a seed; `home` is the state that most vehicles are from.
    pub fn of(seed: &[u8; 16], home: Option<&str>) -> Scene {
        let bits = sha256(&[b"homeplate/drill/scene/v1\n", seed.as_slice()].concat());
        let word = |n: usize| {
            bits[n * 8..n * 8 + 8].iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte))
        };
        let mut rng = Rng::new(word(0));
        let design = design(home, &mut rng);
        let (wanted, place, other) = doubtful(design, &mut rng);
        let sort = if word(1) & 1 == 1 { DrillSort::LookAlike } else { DrillSort::Listed };
        let mut shown: Vec<char> = wanted.chars().collect();
        if sort == DrillSort::LookAlike {
            shown[place] = other;
        }
        Scene {
            sort,
            shown: shown.into_iter().collect(),
            wanted,
            region: design.region,
            doubt: (place, other),
            certainty: rng.range(0.62, 0.9),
            body: *rng.pick(&[Body::Sedan, Body::Suv, Body::Van]),
            light: if rng.range(0.0, 1.0) < 0.3 { Light::Dusk } else { Light::Day },
            seed: word(2) >> 12,
        }
    }

    /// How sure the reader is said to be of each place.
    pub fn odds(&self) -> Option<Odds> {
        let sure = |c: char| vec![(c, 0.985)];
        let mut places: Vec<Choice> = self.wanted.chars().map(sure).collect();
        let (at, other) = self.doubt;
        let c = places.get(at)?.first()?.0;
        places[at] = vec![(c, self.certainty), (other, 0.97 - self.certainty)];
        Odds::new(places).ok()
    }

    /// P(the read is the wanted plate), as the card says it.
    pub fn probability(&self) -> f64 {
        f64::from(self.certainty) + 0.07
    }

    /// What sort of vehicle it is, as lists say it.
    pub fn style(&self) -> &'static str {
        match self.body {
            Body::Sedan => "sedan",
            Body::Suv => "SUV",
            Body::Van => "van",
        }
    }

    /// The picture.
    pub fn shot(&self) -> Option<Shot> {
        let car = Car {
            plate: self.shown.clone(),
            state: self.region.to_owned(),
            lane: 0,
            start_s: 0.0,
            speed: 6.0,
            toward: true,
            body: self.body,
        };
        let street = Street::new(Scenario::empty(4.0, self.light, self.seed).with(car));
        let seen = |frame: usize| street.plates(frame).into_iter().next().map(|p| (frame, p));
        let all: Vec<_> = (0..street.frames()).filter_map(seen).collect();
        // The first in which the plate is wide enough, or else the widest.
        let near = all.iter().find(|(_, plate)| plate.width >= WIDE);
        let widest = || all.iter().max_by(|a, b| a.1.width.total_cmp(&b.1.width));
        let (frame, plate) = near.or_else(widest)?;
        Some(Shot {
            jpeg: street.jpeg(*frame),
            corners: plate.corners.map(|p| [p[0].round() as i32, p[1].round() as i32]),
            colour: street.colour(0),
        })
    }
}

/// The plates of the city's state, or of any other where those cannot be drawn.
fn design(home: Option<&str>, rng: &mut Rng) -> &'static Design {
    let any: &'static Design = &DESIGNS[(rng.bits() >> 33) as usize % DESIGNS.len()];
    DESIGNS.iter().find(|design| Some(design.region) == home).unwrap_or(any)
}

/// A serial with a place that is taken for another character: serial, place, and that character.
fn doubtful(design: &Design, rng: &mut Rng) -> (String, usize, char) {
    loop {
        let serial = design.chance(rng);
        let other = |c: char| {
            PAIRS.iter().filter_map(move |(a, b)| match c {
                _ if c == *a => Some(*b),
                _ if c == *b => Some(*a),
                _ => None,
            })
        };
        let all: Vec<(usize, char)> =
            serial.chars().enumerate().flat_map(|(n, c)| other(c).map(move |o| (n, o))).collect();
        if !all.is_empty() {
            let (place, other) = *rng.pick(&all);
            return (serial, place, other);
        }
    }
}

/// The name that the page of a hit has for it; there is no hit of that name.
pub(super) fn hit_of(drill: &base::DrillId) -> Option<HitId> {
    HitId::from_bytes(*drill.bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(n: u8) -> [u8; 16] {
        [n; 16]
    }

    #[test]
    fn half_of_them_differ_in_one_character() {
        let mut alike = 0;
        for n in 0..=255u8 {
            let scene = Scene::of(&seed(n), Some("us-ca"));
            let pairs = scene.wanted.chars().zip(scene.shown.chars());
            let differ = pairs.filter(|(a, b)| a != b).count();
            assert_eq!(differ, usize::from(scene.sort == DrillSort::LookAlike));
            assert_eq!(scene.region, "us-ca");
            let odds = scene.odds().unwrap();
            assert_eq!(odds.places().len(), scene.wanted.len());
            // What is said of the reading tells nothing: both sorts doubt one place.
            assert_eq!(odds.places().iter().filter(|place| place.len() == 2).count(), 1);
            alike += differ;
        }
        assert!((96..160).contains(&alike), "{alike}");
    }

    #[test]
    fn a_scene_can_be_seen_and_is_the_same_each_time() {
        for n in 0..4u8 {
            let scene = Scene::of(&seed(n), None);
            let shot = scene.shot().unwrap();
            let wide = shot.corners[1][0] - shot.corners[0][0];
            assert!(wide > 110, "{wide}");
            assert_eq!(shot.jpeg, Scene::of(&seed(n), None).shot().unwrap().jpeg);
        }
    }
}
