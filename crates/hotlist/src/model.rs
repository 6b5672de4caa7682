//! From what a picture says to the probability that a person sees.
//!
//! [`plate::Belief`] gives P(t), the probability of every text as picture and reader's record tell it, as if
//! all well-formed texts were equally likely to pass. Two things are known beside the picture: the listed
//! plate exists, while most texts that a reader hesitates between were never issued; and a longer list is met
//! by chance more often. With [`Prior`]'s numbers and n = how many entries the list has for the state,
//!
//! ```text
//! r = min(1/issued, listed·texts/n)
//! ```
//!
//! is how much likelier a listed plate passes than any one well-formed text: a list's entries share the
//! passing cars that are on a list, and none passes oftener than a plate in use for being on a short one.
//!
//! # The state
//!
//! Entry and read are of the same state (g = 1), of different ones (g = 0.1: as the model card has it, regions
//! are misread one time in ten), or one is unknown (g = 1). Where the states are not known to be the same, an
//! unlisted car of another state may have the very text: w = 0.9 where the read shows another state, and 0.25
//! where it shows none (most of a list is of the city's own state, and a few cars in a hundred are of a given
//! other one that uses the text). An entry without a state is of any: w = 0.
//!
//! # All together
//!
//! The candidates are the listed texts t with P(t) of at least a floor; a car is a text and a state, and those
//! of one text whose states do not contradict each other are one car. For entry e with text t,
//!
//! ```text
//! A(e) = P(t)·r·g
//! P(e | read) = A(e) / ( A(e) + Σ A of the other cars + P(t)·w + (1 − Σ P of the candidates)·u )
//! ```
//!
//! where u, the weight of every other text, is 1, or 0.05 where what was read fits no format of the region that
//! was read: then it is itself improbable, and a missing or extra character becomes worth a thought. Of a car
//! that is on several lists the largest A counts.
//!
//! A partial plate has many texts, of which its car has one. With k characters known it shares its r among
//! m = max(1, texts/14ᵏ) of them (14: about what a place of a serial has to choose from, 10 digits or 20 letters
//! and the wish not to overrate), and P(e | read) = P·r·g/m / (P·r·g/m + P + (1 − P)·u) with P = P(it fits).

use plate::{Belief, fits_region};
use read::{Basis, Read, StateBasis, TextBasis};

/// What another state than the listed one leaves of the prior.
const OTHER_STATE: f64 = 0.1;
/// The weight of an unlisted car of another state with the same text.
const TWIN_OTHER: f64 = 0.9;
const TWIN_UNKNOWN: f64 = 0.25;
/// The weight of all texts where what was read fits no format of its region.
const ODD: f64 = 0.05;
/// Choices that a known place of a partial plate excludes.
const CHOICES: f64 = 14.0;

/// What is known of a city's traffic before any picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// The share of passing vehicles that are on a list.
    pub listed: f64,
    /// The share of well-formed texts of a state that are plates in use.
    pub issued: f64,
    /// How many well-formed texts a state has.
    pub texts: f64,
}

impl Default for Prior {
    /// One in a thousand, the order of stolen cars; a quarter, as in large US states; 100 million, about those of a
    /// format with seven places.
    fn default() -> Self {
        Self { listed: 1e-3, issued: 0.25, texts: 1e8 }
    }
}

impl Prior {
    /// r of the module's header for a list with so many entries of the state.
    pub fn ratio(&self, entries: usize) -> f64 {
        (self.listed * self.texts / entries.max(1) as f64).min(1.0 / self.issued)
    }
}

/// How the states of an entry and a read stand to each other. `CA` and `us-ca` are one; a country alone
/// (`us`) says nothing of the state. Both are trimmed and in lower case.
pub(crate) fn states(listed: &str, seen: &str) -> StateBasis {
    if listed.is_empty() || seen.is_empty() {
        return StateBasis::Unknown;
    }
    let tail = |long: &str, short: &str| {
        long == short || long.strip_suffix(short).is_some_and(|rest| rest.ends_with('-'))
    };
    let head = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| rest.starts_with('-'))
    };
    match () {
        () if tail(listed, seen) || tail(seen, listed) => StateBasis::Same,
        () if head(listed, seen) || head(seen, listed) => StateBasis::Unknown,
        () => StateBasis::Differs,
    }
}

/// A state as it is compared.
pub(crate) fn spelled(state: Option<&str>) -> String {
    state.unwrap_or_default().trim().to_ascii_lowercase()
}

/// u of the module's header.
pub(crate) fn rest_weight(read: &Read) -> f64 {
    let odd = read.region.as_deref().and_then(|region| fits_region(&read.odds.text(), region));
    if odd == Some(false) { ODD } else { 1.0 }
}

/// The least P(t) that reaches a threshold; a hair below it, so that rounding loses nothing.
pub(crate) fn floor(ratio: f64, threshold: f64, rest: f64) -> f64 {
    let (yes, no) = (ratio * (1.0 - threshold), threshold * rest);
    no / (no + yes) * (1.0 - 1e-9)
}

/// A car that may have passed: a text and a state, and the entries that name it.
pub(crate) struct Car<'a> {
    /// Which text, by its key.
    pub key: u64,
    /// P(t).
    pub p: f64,
    /// The state as it is compared; empty where the entry has none.
    pub state: &'a str,
    /// How it stands to the read's.
    pub relation: StateBasis,
    /// The largest r of its entries.
    pub ratio: f64,
}

impl Car<'_> {
    fn weight(&self, ratio: f64) -> f64 {
        let g = if self.relation == StateBasis::Differs { OTHER_STATE } else { 1.0 };
        self.p * ratio * g
    }

    fn twin(&self) -> f64 {
        match (self.state.is_empty(), self.relation) {
            (true, _) | (_, StateBasis::Same) => 0.0,
            (_, StateBasis::Unknown) => self.p * TWIN_UNKNOWN,
            (_, StateBasis::Differs) => self.p * TWIN_OTHER,
        }
    }
}

/// P(the pass is the car of an entry with this r); the car is the `at`-th.
pub(crate) fn posterior(cars: &[Car<'_>], at: usize, ratio: f64, seen: f64, rest: f64) -> f64 {
    let car = &cars[at];
    let other = |c: &Car<'_>| c.key != car.key || states(c.state, car.state) == StateBasis::Differs;
    let others: f64 = cars.iter().filter(|c| other(c)).map(|c| c.weight(c.ratio)).sum();
    let own = car.weight(ratio);
    own / (own + others + car.twin() + (1.0 - seen).max(0.0) * rest).max(1e-300)
}

/// P(the pass is the car of a partial plate that it fits with probability `p`, `known` characters).
pub(crate) fn partial(
    p: f64,
    known: usize,
    ratio: f64,
    relation: StateBasis,
    texts: f64,
    rest: f64,
) -> f64 {
    let many = (texts / CHOICES.powi(known as i32)).max(1.0);
    let g = if relation == StateBasis::Differs { OTHER_STATE } else { 1.0 };
    let own = p * ratio * g / many;
    own / (own + p + (1.0 - p).max(0.0) * rest).max(1e-300)
}

/// How a text is like what was read best, and where it is not: places of the read, but of the text where
/// a character is missing.
pub(crate) fn basis(belief: &Belief, text: &[u8], state: StateBasis) -> Basis {
    let best: Vec<u8> = (0..belief.len()).map(|i| belief.ranked(i)[0].0).collect();
    let run = |from: &[u8], shift: usize| -> f64 {
        from.iter().enumerate().map(|(i, c)| belief.at(shift + i, *c)).product()
    };
    let (kind, mut places) = if text.len() > best.len() {
        let p =
            |gap: usize| belief.missing(gap) * run(&text[..gap], 0) * run(&text[gap + 1..], gap);
        let gap = most(text.len(), p);
        let differ = (0..text.len())
            .filter(|i| *i != gap)
            .filter(|i| text[*i] != best[*i - usize::from(*i > gap)]);
        (TextBasis::Missing, differ.chain([gap]).collect::<Vec<_>>())
    } else if text.len() < best.len() {
        let p =
            |skip: usize| belief.extra(skip) * run(&text[..skip], 0) * run(&text[skip..], skip + 1);
        let skip = most(best.len(), p);
        let differ = (0..best.len())
            .filter(|i| *i != skip)
            .filter(|i| best[*i] != text[*i - usize::from(*i > skip)]);
        (TextBasis::Extra, differ.chain([skip]).collect())
    } else {
        let differ: Vec<usize> = (0..best.len()).filter(|i| best[*i] != text[*i]).collect();
        let alike = |i: &usize| plate::look_alikes(letter(best[*i])).contains(letter(text[*i]));
        let kind = match () {
            () if differ.is_empty() => TextBasis::Exact,
            () if differ.iter().all(alike) => TextBasis::LookAlike,
            () => TextBasis::Other,
        };
        (kind, differ)
    };
    places.sort_unstable();
    Basis { text: kind, state, places: places.into_iter().map(|i| i as u8).collect() }
}

/// The first of `n` places with the largest value.
fn most(n: usize, value: impl Fn(usize) -> f64) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for i in 0..n {
        let v = value(i);
        if v > best.1 {
            best = (i, v);
        }
    }
    best.0
}

fn letter(number: u8) -> char {
    char::from_digit(u32::from(number), 36).unwrap_or('?').to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_prior_follows_the_size_of_the_list() {
        let prior = Prior::default();
        for (entries, want) in
            [(1, 0.2), (25_000, 0.2), (100_000, 0.5), (1_000_000, 0.909), (10_000_000, 0.990)]
        {
            let p = floor(prior.ratio(entries), 0.5, 1.0);
            assert!((p - want).abs() < 1e-3, "{entries}: {p}");
        }
    }

    #[test]
    fn states_contradict_only_when_both_are_known() {
        use StateBasis::*;
        for (listed, seen, want) in [
            ("", "us-ca", Unknown),
            ("ca", "", Unknown),
            ("ca", "us-ca", Same),
            ("us-ca", "us-ca", Same),
            ("us", "us-ca", Unknown),
            ("us-ca", "us", Unknown),
            ("nv", "us-ca", Differs),
            ("us-nv", "us-ca", Differs),
            ("a", "us-ca", Differs),
        ] {
            assert_eq!(states(listed, seen), want, "{listed:?} {seen:?}");
            assert_eq!(states(seen, listed), want, "{listed:?} {seen:?}");
        }
    }

    proptest! {
        #[test]
        fn the_posterior_is_monotone(
            p in 0.0..1.0f64, q in 0.0..1.0f64, n in 1usize..10_000_000, m in 1usize..10_000_000,
            relation in 0usize..3,
        ) {
            let (p, q) = (p.min(q), p.max(q));
            let (n, m) = (n.min(m), n.max(m));
            let relation = [StateBasis::Same, StateBasis::Unknown, StateBasis::Differs][relation];
            let of = |p: f64, n: usize| {
                let ratio = Prior::default().ratio(n);
                posterior(&[Car { key: 1, p, state: "nv", relation, ratio }], 0, ratio, p, 1.0)
            };
            prop_assert!(of(p, n) <= of(q, n) && of(p, m) <= of(p, n));
            prop_assert!((0.0..=1.0).contains(&of(p, n)));
        }

        #[test]
        fn the_floor_is_where_the_threshold_is_reached(t in 0.001..0.999f64, n in 1usize..10_000_000, odd in proptest::bool::ANY) {
            let (ratio, rest) = (Prior::default().ratio(n), if odd { ODD } else { 1.0 });
            let p = floor(ratio, t, rest);
            let car = Car { key: 1, p, state: "", relation: StateBasis::Unknown, ratio };
            prop_assert!((posterior(&[car], 0, ratio, p, rest) - t).abs() < 1e-6);
        }
    }
}
