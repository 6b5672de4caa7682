//! What to believe of a plate once a reader has said how sure it is: its odds, softened by its own record.
//!
//! A reader lists a few characters a place and gives the whole text a confidence that is calibrated. Its record
//! (`confusion.txt`: what it said of plates whose truth is known) tells what the truth was where it was wrong:
//! another character, or one too few or too many. With q the confidence, kept below the record's surest, and M and X
//! the shares of wrong reads with a missing and an extra character, n characters read as t have
//!
//! ```text
//! P(t) = (1 − (1−q)(M+X)) · Π b(t)                    as many characters as were read
//!      = (1−q)·M/36 · Σ over gaps of e·Π b(the others)     one more: the reader missed one
//!      = (1−q)·X · Σ over places of e·Π b(the others)      one fewer: the reader saw one too many
//! ```
//!
//! where e is a distribution over gaps or places: the record's share of such mistakes at the two ends, the rest evenly.
//! With p the odds of a place, S their sum and E(c|s) the record's share of truth c among the mistakes that
//! showed s, a place is believed to be
//!
//! ```text
//! b(c) = (1 − λ)·p(c) + (1 − S + λ·S) · Σs p(s)/S · E(c|s)
//! ```
//!
//! a distribution over all 36 characters. λ, the share of mistakes that the odds do not confess, is what it takes to
//! bring the best text down to q, the same at every place.

use crate::alike::confusion;
use crate::odds::Odds;
use crate::text::{ALPHABET, class_of};
use std::sync::LazyLock;

/// What the record's smoothing weighs: so many mistakes of each shown character are taken from [`confusion`].
const SMOOTH: f64 = 4.0;

/// The least λ: no reader confesses everything.
const HIDDEN: f64 = 5e-4;

/// The record of a reader: what it took for what.
struct Record {
    /// No text is believed more than this.
    surest: f64,
    /// Of wrong reads, those with a character too few and too many.
    missing: f64,
    extra: f64,
    /// The share of both at the first or last place.
    ends: f64,
    /// `mistakes[shown][truth]`, each row a distribution without the shown one.
    mistakes: [[f64; 36]; 36],
}

static RECORD: LazyLock<Record> = LazyLock::new(|| {
    // Our own data: a test sees that every line of it parses.
    record(include_str!("confusion.txt")).unwrap_or_else(|| unreachable!("no record"))
});

/// Parses the record; `None` where a line is not as the file's head says.
fn record(text: &str) -> Option<Record> {
    let mut counts = [[0.0f64; 36]; 36];
    let (mut surest, mut missing, mut extra, mut ends) = (None, None, None, None);
    for line in text.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty()) {
        let (name, rest) = line.split_once(' ')?;
        match name {
            "surest" => surest = Some(rest.parse().ok()?),
            "missing" => missing = Some(rest.parse().ok()?),
            "extra" => extra = Some(rest.parse().ok()?),
            "ends" => ends = Some(rest.parse().ok()?),
            shown => {
                let mut chars = shown.chars();
                let (shown, None) = (class_of(chars.next()?)?, chars.next()) else { return None };
                for pair in rest.split_whitespace() {
                    let (truth, count) = pair.split_once(':')?;
                    counts[shown][class_of(truth.chars().next()?)?] = count.parse().ok()?;
                }
            }
        }
    }
    for (shown, row) in counts.iter_mut().enumerate() {
        let prior = |t: usize| confusion(ALPHABET[shown] as char, ALPHABET[t] as char);
        let others: f64 = (0..36).filter(|t| *t != shown).map(prior).sum();
        for (truth, count) in row.iter_mut().enumerate() {
            *count = if truth == shown { 0.0 } else { *count + SMOOTH * prior(truth) / others };
        }
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|c| *c /= sum);
    }
    let mistakes = counts;
    Some(Record { surest: surest?, missing: missing?, extra: extra?, ends: ends?, mistakes })
}

/// What to believe of the characters of one plate. Callers treat it like a plate in the clear.
#[derive(Clone)]
pub struct Belief {
    /// By place: the characters' numbers with their probabilities, best first.
    ranked: Vec<[(u8, f64); 36]>,
    /// By place and number.
    places: Vec<[f64; 36]>,
    /// P(the text is not what was read).
    wrong: f64,
}

/// Prints lengths only: the best characters *are* the plate.
impl std::fmt::Debug for Belief {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Belief({})", self.places.len())
    }
}

impl Belief {
    /// Softens a reader's odds by its record and by the confidence (0 to 1) that it gives the whole
    /// text; a NaN counts as full confidence.
    pub fn of(odds: &Odds, confidence: f32) -> Self {
        let best: f64 = odds.places().iter().map(|p| f64::from(p[0].1)).product();
        let right = if confidence.is_nan() { 1.0 } else { f64::from(confidence) };
        let right = right.clamp(0.001, RECORD.surest);
        let wrong = 1.0 - right;
        let whole = 1.0 - wrong * (RECORD.missing + RECORD.extra);
        let needed = right / whole / best.max(1e-12);
        let hidden = (1.0 - needed.powf(1.0 / odds.places().len() as f64)).max(HIDDEN);
        let places: Vec<[f64; 36]> = odds.places().iter().map(|p| soften(p, hidden)).collect();
        let ranked = places.iter().map(rank).collect();
        Self { ranked, places, wrong }
    }

    /// How many places were read.
    #[allow(clippy::len_without_is_empty)] // never empty: odds never are
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The characters of a place by their numbers (0-9, then A-Z from 10), most probable first.
    pub fn ranked(&self, place: usize) -> &[(u8, f64); 36] {
        &self.ranked[place]
    }

    /// P(a character stands at a place), 0 to 1, by its number.
    pub fn at(&self, place: usize, number: u8) -> f64 {
        self.places[place].get(usize::from(number)).copied().unwrap_or(0.0)
    }

    /// P(a certain character more than was read stands in a gap), by the gap's number from 0 to the
    /// length.
    pub fn missing(&self, gap: usize) -> f64 {
        self.wrong * RECORD.missing / 36.0 * share(gap, self.len() + 1)
    }

    /// P(a place shows a character that the plate does not have).
    pub fn extra(&self, place: usize) -> f64 {
        self.wrong * RECORD.extra * share(place, self.len())
    }

    /// P(no character is missing or too many).
    pub fn whole(&self) -> f64 {
        1.0 - self.wrong * (RECORD.missing + RECORD.extra)
    }

    /// P(the plate is this text), 0 to 1, its characters by their numbers; 0 where the lengths differ by
    /// more than one.
    pub fn probability(&self, text: &[u8]) -> f64 {
        let n = self.len();
        let run = |text: &[u8], from: usize| -> f64 {
            text.iter().enumerate().map(|(i, c)| self.at(from + i, *c)).product()
        };
        if text.len() == n {
            self.whole() * run(text, 0)
        } else if text.len() == n + 1 {
            let without =
                |gap: usize| self.missing(gap) * run(&text[..gap], 0) * run(&text[gap + 1..], gap);
            (0..=n).map(without).sum()
        } else if text.len() + 1 == n {
            let skip = |at: usize| self.extra(at) * run(&text[..at], 0) * run(&text[at..], at + 1);
            (0..n).map(skip).sum()
        } else {
            0.0
        }
    }
}

/// e of the module's header, for one of `n`.
fn share(at: usize, n: usize) -> f64 {
    match () {
        () if n < 3 => 1.0 / n as f64,
        () if at == 0 || at + 1 == n => RECORD.ends / 2.0,
        () => (1.0 - RECORD.ends) / (n - 2) as f64,
    }
}

/// One place of the module's header.
fn soften(place: &[(char, f32)], hidden: f64) -> [f64; 36] {
    let sum: f64 = place.iter().map(|(_, p)| f64::from(*p)).sum();
    // Rounding may bring the sum a hair above one.
    let scale = 1.0 / sum.max(1.0);
    let sum = sum.min(1.0);
    if sum < 1e-6 {
        return [1.0 / 36.0; 36];
    }
    let mut out = [0.0; 36];
    let lost = (1.0 - sum) + hidden * sum;
    for (shown, p) in place {
        let Some(shown) = class_of(*shown) else { continue };
        let p = f64::from(*p) * scale;
        out[shown] += (1.0 - hidden) * p;
        let weight = lost * p / sum;
        if weight > 1e-9 {
            for (b, e) in out.iter_mut().zip(&RECORD.mistakes[shown]) {
                *b += weight * e;
            }
        }
    }
    out
}

fn rank(place: &[f64; 36]) -> [(u8, f64); 36] {
    let mut ranked = [(0u8, 0.0); 36];
    for (i, (slot, p)) in (0u8..).zip(ranked.iter_mut().zip(place)) {
        *slot = (i, *p);
    }
    ranked.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn odds(places: &[&[(char, f32)]]) -> Odds {
        Odds::new(places.iter().map(|p| p.to_vec()).collect()).unwrap()
    }

    fn numbers(text: &str) -> Vec<u8> {
        text.chars().map(|c| class_of(c).unwrap() as u8).collect()
    }

    #[test]
    fn the_record_parses_and_its_rows_are_distributions() {
        for (shown, row) in RECORD.mistakes.iter().enumerate() {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9 && row[shown] == 0.0);
            assert!(row.iter().enumerate().all(|(t, p)| t == shown || *p > 0.0));
        }
        for bad in ["", "surest x", "surest .9\nmissing .1\nextra .1\nends .5\nAB C:1", "A C"] {
            assert!(record(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_confidence_brings_the_best_text_down() {
        let sure = odds(&[&[('7', 1.0)], &[('A', 1.0)], &[('B', 1.0)]]);
        let p = |confidence: f32| Belief::of(&sure, confidence).probability(&numbers("7AB"));
        assert!(p(1.0) > 0.99 && p(1.0) < 1.0 && p(f32::NAN) == p(1.0), "{}", p(1.0));
        for q in [0.05f32, 0.5, 0.9] {
            assert!((p(q) - f64::from(q)).abs() < 0.01, "{}", p(q));
        }
        let half = Belief::of(&sure, 0.5);
        assert!(half.probability(&numbers("7A8")) > 0.01, "mistaken for a look-alike");
        assert!(half.probability(&numbers("7A8")) > 3.0 * half.probability(&numbers("7AX")));
    }

    #[test]
    fn a_character_missing_or_too_many_is_improbable_and_possible() {
        let sure = odds(&[&[('7', 1.0)], &[('A', 1.0)], &[('B', 1.0)]]);
        let p = |text: &str, q: f32| Belief::of(&sure, q).probability(&numbers(text));
        assert!(p("7A", 0.8) > 1e-3 && p("7A", 0.8) < 0.05, "{}", p("7A", 0.8));
        assert!(p("7AB9", 0.8) > 1e-4 && p("7AB9", 0.8) < 0.01, "{}", p("7AB9", 0.8));
        assert!(p("7A", 1.0) < p("7A", 0.8) / 10.0);
        assert_eq!((p("7", 0.8), p("7AB99", 0.8)), (0.0, 0.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn all_texts_together_have_probability_one(
            p in 0.0..1.0f32, q in 0.0..1.0f32, confidence in 0.0..1.0f32,
        ) {
            let (p, q) = (p.max(q), p.min(q));
            let o = odds(&[&[('8', p / 2.0), ('B', q / 2.0)], &[('O', 1.0)]]);
            let belief = Belief::of(&o, confidence);
            let mut sum = 0.0;
            for a in 0..36u8 {
                for b in 0..36u8 {
                    sum += belief.probability(&[a, b]);
                }
                sum += belief.probability(&[a]);
                for b in 0..36u8 {
                    for c in 0..36u8 {
                        sum += belief.probability(&[a, b, c]);
                    }
                }
            }
            prop_assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        }
    }
}
