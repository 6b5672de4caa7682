//! How sure a reader is: for every place of a plate the probable characters, best first.

use crate::text::{Text, is_plate_char};

/// Probabilities below this are not believed: a network that says "never" has seen too little.
/// One in a thousand is about the share of confusions outside a reader's listed choices.
const FLOOR: f64 = 1e-3;

/// One place of a plate: characters with probabilities (0 to 1), best first.
pub type Choice = Vec<(char, f32)>;

/// Why character odds are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OddsError {
    /// No place, or more than [`Text::MAX`].
    #[error("a plate has 1 to {} characters", Text::MAX)]
    Length,
    /// A place without a choice, or with more than 36.
    #[error("place {0} has no choice, or more than 36")]
    Choices(usize),
    /// A character outside A-Z 0-9, or one that stands twice in a place.
    #[error("place {0} holds a character that is none, or one twice")]
    Character(usize),
    /// A probability outside 0..=1, a sum above 1, or choices that are not sorted.
    #[error("the probabilities of place {0} are not sorted, or sum to more than 1")]
    Probability(usize),
}

/// One way to read a plate and how probable it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The text of this reading.
    pub text: Text,
    /// Its probability, 0 to 1: the product over its places.
    pub probability: f64,
}

/// Character odds of one plate.
#[derive(Clone, PartialEq)]
pub struct Odds(Vec<Choice>);

/// Prints lengths only: the best characters *are* the plate.
impl std::fmt::Debug for Odds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Odds({})", self.0.len())
    }
}

impl Odds {
    /// Takes odds after checking every rule that [`OddsError`] names.
    pub fn new(places: Vec<Choice>) -> Result<Self, OddsError> {
        if places.is_empty() || places.len() > Text::MAX {
            return Err(OddsError::Length);
        }
        for (i, place) in places.iter().enumerate() {
            if place.is_empty() || place.len() > 36 {
                return Err(OddsError::Choices(i));
            }
            let mut seen = 0u128;
            for (c, _) in place {
                if !is_plate_char(*c) || seen & (1 << *c as u32) != 0 {
                    return Err(OddsError::Character(i));
                }
                seen |= 1 << *c as u32;
            }
            let sorted = place.windows(2).all(|w| w[0].1 >= w[1].1);
            let inside = place.iter().all(|(_, p)| (0.0..=1.0).contains(p));
            let sum: f32 = place.iter().map(|(_, p)| p).sum();
            if !sorted || !inside || sum > 1.001 {
                return Err(OddsError::Probability(i));
            }
        }
        Ok(Self(places))
    }

    /// The places, best choice first in each. Callers treat them like a plate in the clear.
    pub fn places(&self) -> &[Choice] {
        &self.0
    }

    /// The best character of every place.
    pub fn text(&self) -> Text {
        let letters: String = self.0.iter().map(|place| place[0].0).collect();
        // Checked in `new`, so this always parses.
        Text::parse(&letters).unwrap_or_else(|_| unreachable!("odds were checked"))
    }

    /// Up to `n` readings, most probable first. Index tokens are made of the best four.
    pub fn readings(&self, n: usize) -> Vec<Reading> {
        let mut beam: Vec<(String, f64)> = vec![(String::new(), 1.0)];
        for place in &self.0 {
            let mut next: Vec<(String, f64)> = beam
                .iter()
                .flat_map(|(text, p)| {
                    place.iter().map(move |(c, q)| (format!("{text}{c}"), p * f64::from(*q)))
                })
                .collect();
            // A product keeps its order under any common factor, so the best n prefixes suffice.
            // Ties go by text: the same odds must give the same tokens everywhere.
            next.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            next.truncate(n.max(1));
            beam = next;
        }
        beam.into_iter()
            .filter_map(|(text, probability)| {
                Text::parse(&text).ok().map(|text| Reading { text, probability })
            })
            .take(n)
            .collect()
    }

    /// P(the characters seen are those of `plate`): the product of its characters' odds, each at
    /// least one in a thousand, and 0 where the lengths differ (a missing or extra character is
    /// another question). A probability of the read alone: no prior of the list is in it.
    pub fn probability_of(&self, plate: &Text) -> f64 {
        let letters = plate.reveal(crate::Reason::Matching);
        if letters.len() != self.0.len() {
            return 0.0;
        }
        letters
            .chars()
            .zip(&self.0)
            .map(|(c, place)| {
                let listed =
                    place.iter().find(|(d, _)| *d == c).map_or(0.0, |(_, p)| f64::from(*p));
                listed.max(FLOOR)
            })
            .product()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;
    use proptest::prelude::*;

    fn odds(spec: &str) -> Odds {
        // "8:.9 B:.1 / 1:1" — places divided by slashes
        Odds::new(
            spec.split('/')
                .map(|place| {
                    place
                        .split_whitespace()
                        .map(|pair| {
                            let (c, p) = pair.split_once(':').unwrap();
                            (c.chars().next().unwrap(), p.parse().unwrap())
                        })
                        .collect()
                })
                .collect(),
        )
        .unwrap()
    }

    #[test]
    fn readings_come_in_order() {
        let o = odds("8:.9 B:.1 / O:.6 0:.4");
        let got: Vec<(String, i32)> = o
            .readings(3)
            .iter()
            .map(|r| {
                (r.text.reveal(Reason::Matching).to_owned(), (r.probability * 100.0).round() as i32)
            })
            .collect();
        assert_eq!(got, [("8O".into(), 54), ("80".into(), 36), ("BO".into(), 6)]);
    }

    #[test]
    fn probability_has_a_floor_and_a_length() {
        let o = odds("8:.9 B:.1 / O:.6 0:.4");
        let p = |t: &str| o.probability_of(&Text::parse(t).unwrap());
        assert!((p("B0") - 0.04).abs() < 1e-6);
        assert!((p("XO") - 0.0006).abs() < 1e-6);
        assert_eq!(p("8O1"), 0.0);
    }

    #[test]
    fn bad_odds_are_refused() {
        for (places, want) in [
            (vec![], OddsError::Length),
            (vec![vec![('A', 1.0)]; 13], OddsError::Length),
            (vec![vec![]], OddsError::Choices(0)),
            (vec![vec![('a', 1.0)]], OddsError::Character(0)),
            (vec![vec![('A', 0.5), ('A', 0.4)]], OddsError::Character(0)),
            (vec![vec![('A', 0.4), ('B', 0.5)]], OddsError::Probability(0)),
            (vec![vec![('A', 0.8), ('B', 0.7)]], OddsError::Probability(0)),
            (vec![vec![('A', f32::NAN)]], OddsError::Probability(0)),
        ] {
            assert_eq!(Odds::new(places).unwrap_err(), want);
        }
    }

    proptest! {
        #[test]
        fn the_first_reading_is_the_text(places in proptest::collection::vec(
            proptest::sample::subsequence(('A'..='Z').collect::<Vec<_>>(), 1..5), 1..9)) {
            let o = Odds::new(places.into_iter().map(|cs| {
                let n = cs.len() as f32;
                cs.into_iter().enumerate().map(|(i, c)| (c, (n - i as f32) / (n * (n + 1.0) / 2.0))).collect()
            }).collect()).unwrap();
            let readings = o.readings(4);
            prop_assert_eq!(&readings[0].text, &o.text());
            prop_assert!(readings.windows(2).all(|w| w[0].probability >= w[1].probability));
        }
    }
}
