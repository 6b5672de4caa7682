//! One plate as another maker's reader states it, and what its confidence is worth here.
//!
//! # From their confidence to our odds
//!
//! A maker's confidence is a score of the maker's own scale. Some say 0.99 of nearly everything, and no
//! city has compared it with the truth, so it is not taken for a probability. With *c* their score
//! (0 to 1; [`UNSTATED`] where they say none) the probability of the whole text is
//!
//! ```text
//! P = CAP · c
//! ```
//!
//! It keeps their order and never reaches more than [`CAP`] = 0.75. What follows from that cap with the
//! matcher's ratio r (`hotlist`): on a list of up to 25,000 entries a hit shows at most
//! 0.75·4 / (0.75·4 + 0.25) = 0.92, on one of 100,000 at most 0.75, and on one of more than 300,000
//! there is none, because there it would more probably be chance. So a foreign reader proposes a hit to
//! a person and is never near certain by its own word.
//!
//! A text of n characters has P^(1/n) at every place. Where the maker says how sure it is of each
//! character (*b*), a place has CAP^(1/n)·b instead, all lowered alike where their product would be more
//! than P. Of what is left of a place, [`TO_OTHERS`] goes to the characters of the maker's other candidates of the same
//! length, by their scores, and [`TO_ALIKE`] to look-alikes, so that a question for the true plate finds
//! a read with a common mistake in it; the rest is nobody's.

use base::{Error, Result, Time};
use plate::{Choice, Odds, Reason, Text, look_alikes};
use std::fmt;
use std::sync::Arc;

/// The most that a foreign reader's word is worth: P(text) where it is wholly sure.
pub const CAP: f32 = 0.75;
/// The score of a reader that states none.
pub const UNSTATED: f32 = 0.5;
/// The share of a place's rest that goes to the maker's other candidates.
const TO_OTHERS: f32 = 0.6;
/// The share of a place's rest that goes to look-alikes.
const TO_ALIKE: f32 = 0.3;
/// Other candidates that are looked at.
const OTHERS_MAX: usize = 16;
/// The largest picture that is carried on, in bytes.
const JPEG_MAX: usize = 6 << 20;

/// A JPEG picture, by its first bytes; it has not been decoded. Copies share the bytes: the results of a document have
/// one picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Jpeg(Arc<Vec<u8>>);

impl Jpeg {
    /// Takes bytes that begin as a JPEG does, at most 6 MiB of them.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        let fits = bytes.starts_with(&[0xff, 0xd8, 0xff]) && bytes.len() <= JPEG_MAX;
        fits.then(|| Self(Arc::new(bytes)))
    }

    /// Takes base64, with or without the head of a `data:` address.
    pub fn from_base64(text: &str) -> Option<Self> {
        let text = text.rsplit_once("base64,").map_or(text, |(_, rest)| rest).trim();
        (text.len() <= JPEG_MAX / 3 * 4 + 4)
            .then(|| base::unb64(text))
            .flatten()
            .and_then(Self::new)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Jpeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jpeg({} bytes)", self.0.len())
    }
}

/// What a document says has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A vehicle has come into view.
    New,
    /// More is known of one that is in view.
    Update,
    /// One has left.
    Lost,
    /// The maker sends one document a vehicle.
    Single,
}

/// Which way a vehicle went, as far as it was stated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Direction {
    /// Towards the camera.
    Toward,
    /// Away from it.
    Away,
    /// Degrees as the maker counts them, 0 to 360.
    Degrees(f32),
}

/// One plate, stated. `Debug` shows no plate.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// What their statement is worth here; see the module.
    pub odds: Odds,
    /// P(text) that follows from the odds, 0 to [`CAP`].
    pub confidence: f32,
    /// What they said, 0 to 1. Not a probability.
    pub stated: Option<f32>,
    /// As `us-ca` or `de`, where they are more sure of it than not.
    pub region: Option<String>,
    /// When, if they said it with its zone.
    pub captured: Option<Time>,
    /// When it was still there, where they say that it stayed after `captured`.
    pub until: Option<Time>,
    /// What happened.
    pub event: Event,
    /// The vehicle's id with its maker.
    pub id: Option<String>,
    /// Which way it went.
    pub direction: Option<Direction>,
    /// The camera's name with its maker.
    pub camera: Option<String>,
    /// The plate in the frame, pixels: left, top, width, height.
    pub plate_box: Option<[i32; 4]>,
    /// Width and height of that frame, pixels.
    pub frame_size: Option<[u32; 2]>,
    /// The vehicle in that frame, pixels: left, top, width, height. A vehicle's picture of this size is cut out there.
    pub vehicle_box: Option<[i32; 4]>,
    /// The plate cut out.
    pub plate_picture: Option<Jpeg>,
    /// The vehicle, or the whole frame.
    pub vehicle_picture: Option<Jpeg>,
}

/// What a maker states of a text, before it is weighed.
pub(super) struct Stated {
    /// The text.
    pub text: Text,
    /// Their score, 0 to 1.
    pub score: Option<f32>,
    /// Other texts that they consider, with scores 0 to 1.
    pub others: Vec<(Text, f32)>,
    /// Their score of every character, 0 to 1; taken only where there are as many as characters.
    pub characters: Vec<f32>,
}

impl Stated {
    /// A text with a score and nothing more.
    pub fn new(text: Text, score: Option<f32>) -> Self {
        Self { text, score, others: Vec::new(), characters: Vec::new() }
    }

    /// Weighs it, and leaves every other field empty.
    pub fn seen(self, event: Event) -> Result<Seen> {
        let (odds, confidence) = self.odds()?;
        Ok(Seen {
            odds,
            confidence,
            stated: self.score,
            region: None,
            captured: None,
            until: None,
            event,
            id: None,
            direction: None,
            camera: None,
            plate_box: None,
            frame_size: None,
            vehicle_box: None,
            plate_picture: None,
            vehicle_picture: None,
        })
    }

    fn odds(&self) -> Result<(Odds, f32)> {
        let letters: Vec<char> = self.text.reveal(Reason::Sealing).chars().collect();
        let root = 1.0 / letters.len() as f32;
        let whole = CAP * self.score.unwrap_or(UNSTATED).clamp(0.0, 1.0);
        let mut sure = vec![whole.powf(root); letters.len()];
        if self.characters.len() == letters.len() {
            sure = self.characters.iter().map(|b| CAP.powf(root) * b.clamp(0.0, 1.0)).collect();
            let product: f32 = sure.iter().product();
            if product > whole {
                let lower = (whole / product).powf(root);
                sure.iter_mut().for_each(|p| *p *= lower);
            }
        }
        let places: Vec<Choice> =
            letters.iter().zip(sure).enumerate().map(|(i, (c, p))| self.place(i, *c, p)).collect();
        let confidence = places.iter().map(|place| place[0].1).product();
        let odds = Odds::new(places)
            .map_err(|e| Error::invalid("A score is no share from 0 to 1.").because(e))?;
        Ok((odds, confidence))
    }

    /// One place: the stated character, then what else it may be, best first.
    fn place(&self, i: usize, c: char, sure: f32) -> Choice {
        let rest = 1.0 - sure;
        let mut others: Choice = Vec::new();
        let mut add = |c: char, p: f32| match others.iter_mut().find(|(d, _)| *d == c) {
            Some((_, q)) => *q += p,
            None => others.push((c, p)),
        };
        let alike = look_alikes(c);
        for other in alike.chars() {
            add(other, TO_ALIKE * rest / alike.len() as f32);
        }
        let fitting: Vec<(char, f32)> = self
            .others
            .iter()
            .take(OTHERS_MAX)
            .filter(|(text, _)| text.len() == self.text.len())
            .filter_map(|(text, p)| Some((text.reveal(Reason::Sealing).chars().nth(i)?, *p)))
            .filter(|(d, p)| *d != c && *p > 0.0)
            .collect();
        let sum: f32 = fitting.iter().map(|(_, p)| p).sum();
        for (d, p) in fitting {
            add(d, TO_OTHERS * rest * p / sum);
        }
        // The stated character stays the best, however unsure.
        others.iter_mut().for_each(|(_, p)| *p = p.min(sure));
        others.retain(|(_, p)| *p > 0.0);
        others.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        others.insert(0, (c, sure));
        others
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(written: &str) -> Text {
        Text::parse(written).unwrap()
    }

    #[test]
    fn the_cap_holds_and_the_order_stays() {
        let p = |score| Stated::new(text("7ABC128"), score).seen(Event::Single).unwrap().confidence;
        assert!((p(Some(1.0)) - CAP).abs() < 1e-4);
        assert!((p(Some(0.5)) - CAP / 2.0).abs() < 1e-4);
        assert!((p(None) - CAP * UNSTATED).abs() < 1e-4);
        assert!(p(Some(0.9)) < p(Some(0.95)) && p(Some(7.0)) <= CAP + 1e-4);
    }

    #[test]
    fn look_alikes_and_candidates_share_the_rest() {
        let mut stated = Stated::new(text("8XC"), Some(0.4));
        stated.others = vec![(text("8YC"), 0.3), (text("8X"), 0.9), (text("8WC"), 0.1)];
        let seen = stated.seen(Event::Single).unwrap();
        let at = |i: usize| seen.odds.places()[i].iter().map(|(c, _)| *c).collect::<String>();
        assert_eq!((at(0), at(1), at(2)), ("8B".into(), "XYW".into(), "CG".into()));
        assert!(seen.odds.readings(3).len() > 1);
    }

    #[test]
    fn characters_are_weighed_one_by_one() {
        let mut stated = Stated::new(text("ABC"), Some(0.9));
        stated.characters = vec![0.99, 0.5, 0.99];
        let seen = stated.seen(Event::Single).unwrap();
        let p: Vec<f32> = seen.odds.places().iter().map(|place| place[0].1).collect();
        assert!(p[1] < 0.5 && p[0] > 0.85 && seen.confidence < CAP * 0.9, "{p:?}");
        // As many as there are characters, or they belong to another text.
        let mut strange = Stated::new(text("ABC"), Some(0.9));
        strange.characters = vec![0.1];
        let plain = Stated::new(text("ABC"), Some(0.9)).seen(Event::Single).unwrap();
        assert_eq!(strange.seen(Event::Single).unwrap().odds, plain.odds);
    }

    #[test]
    fn only_jpegs_are_pictures() {
        let jpeg = [&[0xff, 0xd8, 0xff, 0xe0], b"rest".as_slice()].concat();
        let coded = base::b64(&jpeg);
        assert_eq!(Jpeg::from_base64(&coded).unwrap().bytes(), jpeg);
        assert!(Jpeg::from_base64(&format!("data:image/jpeg;base64,{coded}")).is_some());
        assert!(Jpeg::from_base64("not base64!").is_none());
        assert!(Jpeg::new(b"\x89PNG".to_vec()).is_none());
        let large = [&[0xff, 0xd8, 0xff], vec![0; JPEG_MAX].as_slice()].concat();
        assert!(Jpeg::new(large).is_none());
    }

    proptest! {
        /// Whatever a maker says, the odds are odds, and no more sure than the cap allows.
        #[test]
        fn odds_are_always_odds(
            written in "[A-Z0-9]{1,12}",
            score in proptest::option::of(-1.0f32..3.0),
            others in proptest::collection::vec(("[A-Z0-9]{1,12}", 0.0f32..1.0), 0..20),
            characters in proptest::collection::vec(0.0f32..=1.0, 0..13),
        ) {
            let others = others.into_iter().map(|(t, p)| (text(&t), p)).collect();
            let stated = Stated { text: text(&written), score, others, characters };
            let seen = stated.seen(Event::Update).unwrap();
            prop_assert!(seen.confidence <= CAP + 1e-3);
            prop_assert_eq!(seen.odds.text(), text(&written));
        }
    }
}
