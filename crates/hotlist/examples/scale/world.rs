//! Cars, lists and what a reader makes of them.

use crate::field::Field;
use base::{EntryId, ListId, Time};
use hotlist::Entry;
use plate::{Odds, Text};

/// Population in millions, the order of the vehicles there.
const PEOPLE: &str = "ca 39 tx 30 fl 23 ny 20 pa 13 il 13 oh 12 ga 11 nc 11 mi 10 nj 9 va 9 wa 8 az 7 tn 7 ma 7 in 7 \
    mo 6 md 6 wi 6 co 6 mn 6 sc 5 al 5 la 5 ky 5 or 4 ok 4 ct 4 ut 3 ia 3 nv 3 ar 3 ms 3 ks 3 nm 2 ne 2 id 2 wv 2 \
    hi 1 nh 1 me 1 mt 1 ri 1 de 1 sd 1 nd 1 ak 1 dc 1 vt 1 wy 1";
const HOME: usize = 0;
/// Reads of the judging scenes by confidence: below .3, .7, .9, .97, above (`models/README.md`'s reads).
const QUALITY: [f64; 5] = [2.0, 8.0, 10.0, 20.0, 100.0];
/// How often a read of each is wrong.
const WRONG: [f64; 5] = [0.85, 0.5, 0.18, 0.05, 0.008];
/// Of wrong reads, those with a character missing and too many, and the share of both at the ends.
const SLIPS: (f64, f64, f64) = (0.19, 0.086, 0.57);
/// The model's two numbers of confidence.
const PLATT: (f64, f64) = (0.9912, -0.549);

/// SplitMix64.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }
    fn weighed(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (i, w) in weights.iter().enumerate() {
            if left < *w {
                return i;
            }
            left -= w;
        }
        weights.len() - 1
    }
}

type Place = Vec<(char, f32)>;

pub struct World {
    pub entries: u64,
    states: Vec<State>,
    people: Vec<f64>,
    /// By quality and true character.
    places: Vec<Vec<Vec<Place>>>,
}

struct State {
    code: String,
    shapes: Vec<(String, f64)>,
    letters: Vec<char>,
}

/// A car that passed and what was read.
pub struct Sighting {
    /// The entry, if it is a listed car.
    pub entry: Option<u64>,
    /// Whether the best text is its plate.
    pub exact: bool,
    pub odds: Odds,
    pub confidence: f32,
    pub region: Option<String>,
}

pub fn list() -> ListId {
    "lst_stolen".parse().unwrap_or_else(|e| unreachable!("{e}"))
}

pub fn id(i: u64) -> EntryId {
    format!("ent_{i:016x}").parse().unwrap_or_else(|e| unreachable!("{e}"))
}

impl World {
    pub fn new(entries: u64) -> Self {
        let words: Vec<&str> = PEOPLE.split_whitespace().collect();
        let formats = include_str!("../../../plate/src/formats/us.txt");
        let states = words.chunks(2).map(|w| State::of(&format!("us-{}", w[0]), formats)).collect();
        let people = words.chunks(2).filter_map(|w| w[1].parse().ok()).collect();
        let mut places = vec![vec![Vec::new(); 36]; 5];
        for line in include_str!("places.txt").lines() {
            let mut w = line.split(' ');
            let (q, truth, said) = (w.next(), w.next(), w.next());
            let (Some(q), Some(truth)) = (q.and_then(|q| q.parse::<usize>().ok()), truth) else {
                continue;
            };
            places[q][number(truth.chars().next())].push(place(said.unwrap_or_default()));
        }
        Self { entries, states, people, places }
    }

    /// State and plate of the i-th entry: always the same.
    pub fn listed(&self, i: u64) -> (usize, String) {
        let mut rng = Rng(i.wrapping_mul(0xd134_2543_de82_ef95) ^ 0x5bf0_3635);
        rng.next();
        let state = rng.weighed(&self.people);
        (state, self.states[state].plate(&mut rng))
    }

    pub fn entry(&self, i: u64) -> Entry {
        let (state, plate) = self.listed(i);
        Entry {
            id: id(i),
            list: list(),
            plate: text(&plate).into(),
            state: Some(self.states[state].code.clone()),
            priority: 0,
            from: Time::from_millis(0),
            expires: Time::from_millis(crate::NOW + 86_400_000),
        }
    }

    fn passing(&self, rng: &mut Rng) -> usize {
        if rng.unit() < 0.9 { HOME } else { rng.weighed(&self.people) }
    }

    pub fn sighting(&self, rng: &mut Rng, field: &Field) -> Sighting {
        let wanted = rng.unit() < 1e-3;
        let home = self.passing(rng);
        let (entry, state, plate) = loop {
            if wanted {
                let i = (rng.unit() * self.entries as f64) as u64;
                let (state, plate) = self.listed(i);
                if state == home {
                    break (field.first(&plate, state), state, plate);
                }
            } else {
                let plate = self.states[home].plate(rng);
                if field.first(&plate, home).is_none() {
                    break (None, home, plate);
                }
            }
        };
        let quality = rng.weighed(&QUALITY);
        let mut places: Vec<Place> = plate.chars().map(|c| self.said(rng, quality, c)).collect();
        let slip = rng.unit() / WRONG[quality];
        let end = rng.unit() < SLIPS.2;
        let mut at = |n: usize| if end { [0, n - 1][rng.below(2)] } else { rng.below(n) };
        if slip < SLIPS.0 && places.len() > 2 {
            let at = at(places.len());
            places.remove(at);
        } else if slip < SLIPS.0 + SLIPS.1 && places.len() < Text::MAX {
            let at = at(places.len() + 1);
            let c = ['1', 'I', '7', 'T', 'L'][rng.below(5)];
            places.insert(at, self.said(rng, quality, c));
        }
        let product: f64 =
            places.iter().map(|p| f64::from(p[0].1)).product::<f64>().clamp(1e-9, 1.0 - 1e-7);
        let logit = (product / (1.0 - product)).ln() * PLATT.0 + PLATT.1;
        let odds = Odds::new(places).unwrap_or_else(|e| unreachable!("{e}"));
        let region = (rng.unit() < 0.95)
            .then(|| if rng.unit() < 0.9 { state } else { rng.weighed(&self.people) });
        Sighting {
            entry,
            exact: odds.text() == text(&plate),
            odds,
            confidence: (1.0 / (1.0 + (-logit).exp())) as f32,
            region: region.map(|r| self.states[r].code.clone()),
        }
    }

    /// A place that the reader said where this character stood.
    fn said(&self, rng: &mut Rng, quality: usize, truth: char) -> Place {
        let all = &self.places[quality][number(Some(truth))];
        if all.is_empty() { vec![(truth, 0.98)] } else { all[rng.below(all.len())].clone() }
    }

    pub fn state_number(&self, code: &str) -> Option<usize> {
        self.states.iter().position(|s| s.code == code)
    }
}

impl State {
    fn of(code: &str, formats: &str) -> Self {
        let line =
            formats.lines().find_map(|l| l.strip_prefix(&format!("{code}: "))).unwrap_or("AAA1111");
        let (shapes, no) = line.split_once(" no ").unwrap_or((line, ""));
        let shape = |w: &str| match w.split_once('*') {
            Some((shape, share)) => (shape.to_owned(), share.parse().unwrap_or(1.0)),
            None => (w.to_owned(), 1.0),
        };
        let letters = ('A'..='Z').filter(|c| !no.contains(*c)).collect();
        Self { code: code.into(), shapes: shapes.split_whitespace().map(shape).collect(), letters }
    }

    fn plate(&self, rng: &mut Rng) -> String {
        let weights: Vec<f64> = self.shapes.iter().map(|s| s.1).collect();
        let shape = &self.shapes[rng.weighed(&weights)].0;
        let one = |c: char, rng: &mut Rng| match c {
            '1' => char::from(b'0' + rng.below(10) as u8),
            'A' => self.letters[rng.below(self.letters.len())],
            'L' => char::from(b'A' + rng.below(26) as u8),
            c => c.to_ascii_uppercase(),
        };
        shape.chars().map(|c| one(c, rng)).collect()
    }
}

pub fn text(plate: &str) -> Text {
    Text::parse(plate).unwrap_or_else(|e| unreachable!("{e}"))
}

pub fn number(c: Option<char>) -> usize {
    c.and_then(|c| c.to_digit(36)).unwrap_or(0) as usize
}

fn place(said: &str) -> Place {
    let pair = |p: &str| {
        let (c, q) = p.split_once(':')?;
        let q = q.parse::<f32>().ok()? / 1e4;
        Some((c.chars().next()?, q))
    };
    let mut place: Place = said.split(',').filter_map(pair).collect();
    place.sort_by(|a, b| b.1.total_cmp(&a.1));
    place
}
