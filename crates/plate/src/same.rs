//! How probable it is that two readings are of one plate.

use crate::alike::confusion;
use crate::odds::{Choice, Odds};
use crate::text::{ALPHABET, Reason, Text};

/// The odds that a reading has one character too many or too few, for each place where it may be.
const SLIP: f64 = 0.004;
/// The odds that two different plates of one street have the same character at a place for a reason other
/// than chance: they share a format (10 digits or some 23 letters, not 36), a series, a fleet. With this
/// figure a character in common counts 13 times instead of 36.
const SHARED: f64 = 0.05;

/// P(both readings are of the same plate), by Bayes: `prior` (0 to 1) is the probability before the
/// characters are compared, for instance from place and time.
///
/// Under "same" a place shows Σ π(c)·P(a shows it | c)·P(b shows it | c), under "different" the two are
/// independent but for one place in twenty, which different plates of one street have in common; π is
/// uniform. `prior` outside 0..=1 is taken to the nearer end, and a NaN as one half. Lengths that differ by one are aligned at every place, each at the odds of
/// a slip; by more, they are different plates. Symmetric in the two readings.
pub fn same_plate(a: &Odds, b: &Odds, prior: f64) -> f64 {
    let prior = if prior.is_nan() { 0.5 } else { prior.clamp(0.0, 1.0) };
    let (a, b) = (a.places(), b.places());
    let ratio = match a.len().abs_diff(b.len()) {
        0 => aligned(a.iter().zip(b)),
        1 => {
            let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
            let without = |skip: usize| {
                let rest = long.iter().enumerate().filter(move |(i, _)| *i != skip);
                aligned(short.iter().zip(rest.map(|(_, p)| p)))
            };
            SLIP * (0..long.len()).map(without).sum::<f64>()
        }
        _ => 0.0,
    };
    let (same, other) = (prior * ratio, 1.0 - prior);
    if same.is_infinite() { 1.0 } else { same / (same + other).max(1e-300) }
}

/// P(a reading is of this very plate), by Bayes as in [`same_plate`].
pub fn is_plate(odds: &Odds, plate: &Text, prior: f64) -> f64 {
    let letters = plate.reveal(Reason::Matching).chars();
    // A text has 1 to 12 characters of the alphabet: these are odds.
    let sure = Odds::new(letters.map(|c| vec![(c, 1.0)]).collect());
    sure.map_or(0.0, |sure| same_plate(odds, &sure, prior))
}

/// How much likelier the two rows of places are under one plate than under two.
fn aligned<'a>(pairs: impl Iterator<Item = (&'a Choice, &'a Choice)>) -> f64 {
    pairs.map(|(a, b)| place(a, b)).product()
}

/// The same of one place: Σ π(c) L_a(c) L_b(c) over (1-s)·(Σ π(c) L_a(c))·(Σ π(c) L_b(c)) + s·Σ π(c) L_a(c)
/// L_b(c), where L(c) is the likelihood of what was shown if the truth is c and s is [`SHARED`].
fn place(a: &Choice, b: &Choice) -> f64 {
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    for c in ALPHABET.iter().map(|b| *b as char) {
        let (la, lb) = (shown(a, c), shown(b, c));
        both += la * lb;
        first += la;
        second += lb;
    }
    let (same, chance) = (both / 36.0, first * second / (36.0 * 36.0));
    same / ((1.0 - SHARED) * chance + SHARED * same)
}

/// The likelihood of a place's odds if the truth is `c`: what the reader itself says of `c`, softened by
/// what readers confuse, as no network is as sure as it says.
fn shown(place: &Choice, c: char) -> f64 {
    place.iter().map(|(seen, p)| f64::from(*p) * confusion(*seen, c)).sum::<f64>().max(1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn odds(text: &str) -> Odds {
        Odds::new(text.chars().map(|c| vec![(c, 0.97)]).collect()).unwrap()
    }

    fn check(a: &str, b: &str, low: f64, high: f64) {
        let p = same_plate(&odds(a), &odds(b), 0.01);
        assert!((low..=high).contains(&p), "{a} {b}: {p}");
    }

    #[test]
    fn pairs() {
        check("7ABC128", "7ABC128", 0.9999, 1.0);
        check("7ABC128", "7ABC12B", 0.9, 1.0); // 8 and B
        check("7ABC128", "7ABC124", 0.5, 0.999_999); // one strange difference in seven
        check("7ABC128", "4XYZ935", 0.0, 1e-6);
        check("7ABC128", "7ABC12", 0.9, 1.0); // one lost at the end
        check("7ABC128", "7ABC", 0.0, 1e-9);
        check("AB1", "XY9", 0.0, 1e-6);
    }

    #[test]
    fn look_alikes_are_between() {
        let p = |b: &str| same_plate(&odds("A128"), &odds(b), 0.001);
        let row = [p("A128"), p("A12B"), p("A124"), p("X124")];
        assert!(row.windows(2).all(|w| w[0] > 1.1 * w[1]), "{row:?}");
    }

    #[test]
    fn a_plate_is_a_sure_reading() {
        let of = |plate: &str| is_plate(&odds("7ABC128"), &Text::parse(plate).unwrap(), 0.5);
        assert!(of("7ABC128") > 0.999 && of("7ABC12B") > 0.9 && of("4XYZ935") < 1e-3);
        assert!(of("7ABC128") > of("7ABC12B") && of("7ABC12B") > of("7A8C12B"));
    }

    #[test]
    fn the_prior_counts() {
        let (a, b) = (odds("AB12"), odds("AB17"));
        assert!(same_plate(&a, &b, 0.5) > same_plate(&a, &b, 0.001));
        assert_eq!(same_plate(&a, &b, 0.0), 0.0);
        assert!(same_plate(&a, &b, f64::NAN).is_finite());
    }

    proptest! {
        #[test]
        fn symmetric_and_a_probability(a in "[A-Z0-9]{1,12}", b in "[A-Z0-9]{1,12}", prior in 0f64..=1.0) {
            let (a, b) = (odds(&a), odds(&b));
            let (p, q) = (same_plate(&a, &b, prior), same_plate(&b, &a, prior));
            prop_assert!((0.0..=1.0).contains(&p) && (p - q).abs() < 1e-9);
        }
    }
}
