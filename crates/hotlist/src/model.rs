//! From what a picture says to the probability that a person sees.
//!
//! [`plate::Belief`] gives P(t), the probability of every text as picture, formats and the reader's record tell it.
//! Two things are known beside them: the listed plate exists, while most texts that a reader hesitates between
//! were never issued; and a longer list is met by chance more often. With s = [`Prior::listed`], n = how many entries
//! the list has for the state, and D(t) = [`plate::density`], the share of the state's plates that any one text of t's
//! formats has,
//!
//! ```text
//! r = min(1/issued, s / (n·D(t)))
//! ```
//!
//! is how much likelier a listed plate passes than a text like it: a list's entries share the passing cars that are
//! on a list, and none passes oftener than a plate in use for being on a short one. A short serial is met
//! by chance more often than a long one; that is in D.
//!
//! # The state
//!
//! The same text may stand on a car of another state. With π(x) the share of state x in the traffic (0.9 for the
//! city's own and 0.002 for each other; where a city has named none, one half for the entry's own), and V(x) the
//! probability that the region is read as it was if x is the truth (0.9 where they are the same and 0.002 where they
//! are not, as the model card has one in ten wrong; 1 where nothing was read),
//!
//! ```text
//! g = π(x)·V(x)·D(t|x) summed over nothing but the entry's state, over the same sum of all states
//! ```
//!
//! is P(the car is of the entry's state | text and region). Of the sum, the entry's state, the city's and the one that
//! was read are counted, and all others as one whose plates have the text a fifth as often as a usual one. An entry
//! without a state is of any: g = 1.
//!
//! # All together
//!
//! The candidates are the listed texts t with P(t) of at least a floor; a car is a text and a state, and those
//! of one text whose states do not contradict each other are one car. With G(t) the sum of g of the cars of t that are
//! listed, 1 at the most, and for entry e with text t,
//!
//! ```text
//! A(e) = P(t)·r·g
//! P(e | read) = A(e) / ( A(e) + Σ A of the other cars + P(t)·(1 − G(t)) + (1 − P(t) − Σ P·G of the other candidates)·u )
//! ```
//!
//! where u, the weight of every other text, is 1, or 0.05 where what was read fits no format of the region that
//! was read: then it is itself improbable, and a missing or extra character becomes worth a thought. That a text is
//! listed for one state leaves it to the cars of all others: what a listing takes from the rest is its own share. Of a
//! car that is on several lists the largest A counts.
//!
//! A partial plate has many texts, of which its car has one. With k characters known it shares its r (of D = 1/texts)
//! among m = max(1, texts/14ᵏ) of them (14: about what a place of a serial has to choose from, 10 digits or 20 letters
//! and the wish not to overrate), and P(e | read) = P·r·h/m / (P·r·h/m + P + (1 − P)·u) with P = P(it fits) and h = 0.1
//! where the states differ, else 1.

use crate::key;
use plate::{Belief, density, fits_region};
use read::{Basis, Read, StateBasis, TextBasis};

/// What another state than the listed one leaves of a partial plate.
const OTHER_STATE: f64 = 0.1;
/// How often a region is read right, and as one certain wrong one.
const RIGHT: f64 = 0.9;
const WRONG: f64 = 0.002;
/// The share of the city's own state in its traffic, of each other, and of an entry's where no own one is known.
const HOME: f64 = 0.9;
const ABROAD: f64 = 0.002;
const OWN: f64 = 0.5;
/// How often plates of the other states have a text, to how often those of a usual one.
const ELSEWHERE: f64 = 0.2;
/// The weight of all texts where what was read fits no format of its region.
const ODD: f64 = 0.05;
/// Choices that a known place of a partial plate excludes.
const CHOICES: f64 = 14.0;

/// What is known of a city's traffic before any picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    /// The share of passing vehicles that are on a list.
    pub listed: f64,
    /// The share of well-formed texts of a state that are plates in use.
    pub issued: f64,
    /// How many well-formed texts a state has whose formats are not known.
    pub texts: f64,
    /// The city's own state, as `us-ca` or `CA`.
    pub home: Option<String>,
}

impl Default for Prior {
    /// One in a thousand, the order of stolen cars; a quarter, as in large US states; 100 million, about those of a
    /// format with seven places.
    fn default() -> Self {
        Self { listed: 1e-3, issued: 0.25, texts: 1e8, home: None }
    }
}

impl Prior {
    /// s/n of the module's header for a list with so many entries of the state.
    pub(crate) fn rate(&self, entries: usize) -> f64 {
        self.listed / entries.max(1) as f64
    }

    /// The largest r that any entry can have.
    pub(crate) fn most(&self) -> f64 {
        1.0 / self.issued
    }

    /// r of the module's header, from s/n and D.
    pub(crate) fn ratio(&self, rate: f64, density: f64) -> f64 {
        (rate / density).min(self.most())
    }

    /// D of the module's header: of a state as it is compared.
    fn density(&self, text: &[u8], state: &str) -> f64 {
        let known = density(text, state).or_else(|| density(text, &format!("us-{state}")));
        known.unwrap_or(1.0 / self.texts)
    }

    /// D and g of the module's header, for a text of a state, where a region was read in a city of a home;
    /// all states as they are compared, empty where there is none.
    pub(crate) fn state(&self, key: u64, state: &str, seen: &str, home: &str) -> (f64, f64) {
        let text = key::unpack(key);
        if state.is_empty() {
            let like = if home.is_empty() { seen } else { home };
            return (self.density(&text, like), 1.0);
        }
        let own = self.density(&text, state);
        let share = |of: &str| match () {
            () if home.is_empty() => {
                if of == state {
                    OWN
                } else {
                    ABROAD
                }
            }
            () if states(of, home) == StateBasis::Same => HOME,
            () => ABROAD,
        };
        let read_so = |of: &str| match states(of, seen) {
            StateBasis::Same => RIGHT,
            StateBasis::Unknown => 1.0,
            StateBasis::Differs => WRONG,
        };
        let weight = share(state) * read_so(state) * own;
        let (mut all, mut named) = (weight, share(state));
        let differs = |a: &str, b: &str| states(a, b) == StateBasis::Differs;
        let at_home = !home.is_empty() && differs(home, state);
        let away = !seen.is_empty() && differs(seen, state) && (!at_home || differs(seen, home));
        for (other, _) in [(home, at_home), (seen, away)].iter().filter(|(_, counts)| *counts) {
            all += share(other) * read_so(other) * self.density(&text, other);
            named += share(other);
        }
        let elsewhere = if seen.is_empty() { 1.0 } else { WRONG };
        all += (1.0 - named).max(0.0) * elsewhere * ELSEWHERE / self.texts;
        (own, weight / all)
    }
}

/// How the states of an entry and a read stand to each other. `CA` and `us-ca` are one; a country alone
/// (`us`) says nothing of the state. Canada alone is `can`, since `ca` is California. Both are trimmed and in lower case.
pub(crate) fn states(listed: &str, seen: &str) -> StateBasis {
    if listed.is_empty() || seen.is_empty() {
        return StateBasis::Unknown;
    }
    let tail = |long: &str, short: &str| {
        long == short || long.strip_suffix(short).is_some_and(|rest| rest.ends_with('-'))
    };
    let head = |long: &str, short: &str| {
        let country = if short == "can" { "ca" } else { short };
        long.strip_prefix(country).is_some_and(|rest| rest.starts_with('-'))
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
    /// D and g of the module's header.
    pub density: f64,
    pub of_state: f64,
    /// The largest s/n of its entries.
    pub rate: f64,
    /// Whether its share counts in G of its text: see [`share`].
    pub counts: bool,
}

impl Car<'_> {
    fn weight(&self, rate: f64, prior: &Prior) -> f64 {
        self.p * prior.ratio(rate, self.density) * self.of_state
    }
}

/// G of the module's header, of all listed cars of one text. Of those that are one car the most probable counts, and is
/// marked.
pub(crate) fn share(cars: &mut [Car<'_>]) -> f64 {
    let before =
        |a: &Car<'_>, b: &Car<'_>| a.of_state.total_cmp(&b.of_state).then(a.state.cmp(b.state));
    for at in 0..cars.len() {
        let car = &cars[at];
        let outdone = cars
            .iter()
            .any(|c| states(c.state, car.state) != StateBasis::Differs && before(car, c).is_lt());
        cars[at].counts = !outdone;
    }
    sum_of(cars.iter().filter(|c| c.counts))
}

fn sum_of<'c, 's: 'c>(cars: impl Iterator<Item = &'c Car<'s>>) -> f64 {
    cars.map(|c| c.of_state).sum::<f64>().min(1.0)
}

/// P(the pass is the car of an entry with this s/n); the car is the `at`-th, `listed` the sum of P·G of the candidates.
pub(crate) fn posterior(
    cars: &[Car<'_>],
    at: usize,
    rate: f64,
    listed: f64,
    rest: f64,
    prior: &Prior,
) -> f64 {
    let car = &cars[at];
    let differs = |c: &Car<'_>| states(c.state, car.state) == StateBasis::Differs;
    let other = |c: &&Car<'_>| c.key != car.key || differs(c);
    let others: f64 = cars.iter().filter(other).map(|c| c.weight(c.rate, prior)).sum();
    let own = car.weight(rate, prior);
    let text: Vec<&Car<'_>> = cars.iter().filter(|c| c.key == car.key && c.counts).collect();
    // The entry's own car counts whatever outdoes it: that one is the same car.
    let strangers = sum_of(text.iter().copied().filter(|c| differs(c)));
    let twin = car.p * (1.0 - car.of_state - strangers).max(0.0);
    let elsewhere = listed - car.p * sum_of(text.iter().copied());
    own / (own + others + twin + (1.0 - car.p - elsewhere).max(0.0) * rest).max(1e-300)
}

/// P(the pass is the car of a partial plate that it fits with probability `p`, `known` characters).
pub(crate) fn partial(
    p: f64,
    known: usize,
    rate: f64,
    relation: StateBasis,
    prior: &Prior,
    rest: f64,
) -> f64 {
    let ratio = prior.ratio(rate, 1.0 / prior.texts);
    let many = (prior.texts / CHOICES.powi(known as i32)).max(1.0);
    let g = if relation == StateBasis::Differs { OTHER_STATE } else { 1.0 };
    let own = p * ratio * g / many;
    own / (own + p + (1.0 - p).max(0.0) * rest).max(1e-300)
}

/// How a text is like what was read, and where it is not: places of the read, but of the text where a character is
/// missing. `best` is what the reader itself said: a person sees that, whatever is made of it.
pub(crate) fn basis(belief: &Belief, best: &[u8], text: &[u8], state: StateBasis) -> Basis {
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
            let p = floor(prior.ratio(prior.rate(entries), 1e-8), 0.5, 1.0);
            assert!((p - want).abs() < 1e-3, "{entries}: {p}");
        }
    }

    #[test]
    fn a_far_state_needs_more_than_its_name() {
        let at_home = Prior { home: Some("us-ca".into()), ..Prior::default() };
        let of = |text: &str, state: &str, seen: &str, home: &str| {
            let key = key::of(&plate::Text::parse(text).unwrap());
            (at_home.state(key, state, seen, home).1 * 100.0).round() as i32
        };
        // A Californian serial.
        assert_eq!(of("7ABC128", "us-ca", "us-ca", "us-ca"), 100);
        assert_eq!(of("7ABC128", "us-ca", "", "us-ca"), 94);
        assert_eq!(of("7ABC128", "us-ca", "us-nv", "us-ca"), 94);
        assert_eq!(of("7ABC128", "us-nv", "us-ca", "us-ca"), 0);
        // A Texan one that no Californian car has.
        assert_eq!(of("BCD1234", "us-tx", "us-tx", "us-ca"), 96);
        assert_eq!(of("BCD1234", "us-tx", "", "us-ca"), 5);
        // One that both have.
        assert_eq!(of("ABC123", "us-ia", "us-ia", "us-ca"), 90);
        assert_eq!(of("ABC123", "us-ia", "us-ia", ""), 100);
        assert_eq!(of("ABC123", "", "us-ia", "us-ca"), 100);
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
            ("us-ca", "can", Differs),
            ("ca-on", "can", Unknown),
        ] {
            assert_eq!(states(listed, seen), want, "{listed:?} {seen:?}");
            assert_eq!(states(seen, listed), want, "{listed:?} {seen:?}");
        }
    }

    proptest! {
        #[test]
        fn the_posterior_is_monotone(
            p in 0.0..1.0f64, q in 0.0..1.0f64, n in 1usize..10_000_000, m in 1usize..10_000_000,
            of_state in 0.0..1.0f64,
        ) {
            let (p, q) = (p.min(q), p.max(q));
            let (n, m) = (n.min(m), n.max(m));
            let prior = Prior::default();
            let of = |p: f64, n: usize| {
                let (relation, rate) = (StateBasis::Same, prior.rate(n));
                let mut cars =
                    [Car { key: 1, p, state: "nv", relation, density: 1e-8, of_state, rate, counts: false }];
                let listed = p * share(&mut cars);
                posterior(&cars, 0, rate, listed, 1.0, &prior)
            };
            prop_assert!(of(p, n) <= of(q, n) && of(p, m) <= of(p, n));
            prop_assert!((0.0..=1.0).contains(&of(p, n)));
        }

        #[test]
        fn the_floor_is_where_the_threshold_is_reached(t in 0.001..0.999f64, odd in proptest::bool::ANY) {
            let (prior, rest) = (Prior::default(), if odd { ODD } else { 1.0 });
            let p = floor(prior.most(), t, rest);
            let (relation, rate) = (StateBasis::Unknown, 1.0);
            let counts = true;
            let car = Car { key: 1, p, state: "", relation, density: 1e-8, of_state: 1.0, rate, counts };
            prop_assert!((posterior(&[car], 0, rate, p, rest, &prior) - t).abs() < 1e-6);
        }
    }
}
