//! A list laid out for matching: how probable a listed plate must be, and which plates can be.
//!
//! # From the reader's odds to the probability that a person sees
//!
//! `Odds::probability_of` gives *p* = P(the characters are those of the listed plate) as the picture
//! tells it. Two things are known beside the picture: the listed plate exists, while most texts that
//! a reader hesitates between were never issued; and a longer list is met by chance more often. With
//!
//! * *s* = [`LISTED`], the share of passing vehicles that are on a list,
//! * *d* = [`ISSUED`], the share of well-formed texts that are plates in use,
//! * *T* = [`TEXTS`], how many well-formed texts there are,
//! * *n* = the size of the list,
//!
//! one listed plate passes with probability s/n, any other text with 1/T, and a plate is never more
//! likely to pass for being on a short list, so their ratio stops at 1/d:
//!
//! ```text
//! r = min(1/d, s·T/n)        state known and another: r/10
//! posterior = p·r / (p·r + (1 − p))
//! ```
//!
//! The posterior grows with p and falls with n; other listed plates count among the rest. With the
//! numbers below r = 4 up to 25,000 entries, 1 at 100,000 and 0.01 at 10 million, so that at the
//! usual threshold of one half p must be 0.2, 0.5 and 0.99.
//!
//! # Why looking up a few texts is enough
//!
//! Solved for p, the threshold t asks for p ≥ t / (t + r·(1 − t)). Odds sum to one over all texts, so
//! only a handful reach that, and [`Index::texts`] lists every one of them, cutting a prefix as soon
//! as its product falls below. Each is one look-up in a hash table, whatever the size of the list.
//! Look-alikes need no index of their own: those the reader thought possible are among these texts,
//! and one that it did not could not reach the threshold.

use base::{EntryId, ListId, Time};
use plate::{Odds, Text};
use read::Read;
use std::collections::{HashMap, HashSet};

/// The share of passing vehicles that are on a list: one in a thousand, the order of stolen cars.
const LISTED: f64 = 1e-3;
/// The share of well-formed texts that are plates in use, as in large US states.
const ISSUED: f64 = 0.25;
/// How many well-formed texts there are: about those of a format with seven places.
const TEXTS: f64 = 1e8;
/// What another state than the listed one leaves of the ratio: regions are misread one time in ten.
const OTHER_STATE: f64 = 0.1;

/// One plate that is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The entry.
    pub id: EntryId,
    /// Its list.
    pub list: ListId,
    /// The plate.
    pub plate: Text,
    /// The state that issued it, as `us-ca` or `CA`, where known.
    pub state: Option<String>,
    /// First moment at which it is looked for no longer.
    pub expires: Time,
}

/// A loaded list. It never changes; a new one takes its place.
#[derive(Default)]
pub(crate) struct Index {
    entries: Vec<Entry>,
    by_plate: HashMap<Text, Vec<u32>>,
    /// The ratio r of the module's header.
    ratio: f64,
}

/// An entry and P(the pass is its plate).
pub(crate) struct Match<'a> {
    pub entry: &'a Entry,
    pub probability: f64,
}

impl Index {
    /// Lays out a list. An id that stands twice is taken once, the first time.
    pub fn new(mut entries: Vec<Entry>) -> Self {
        let mut ids = HashSet::with_capacity(entries.len());
        entries.retain(|e| ids.insert(e.id.clone()));
        let mut by_plate: HashMap<Text, Vec<u32>> = HashMap::with_capacity(entries.len());
        for (at, entry) in (0u32..).zip(&entries) {
            by_plate.entry(entry.plate.clone()).or_default().push(at);
        }
        let ratio = ratio(entries.len());
        Self { entries, by_plate, ratio }
    }

    /// How many entries there are, live or not.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The live entries that the pass is with at least `threshold`, the most probable first.
    pub fn matches(&self, read: &Read, now: Time, threshold: f64) -> Vec<Match<'_>> {
        if self.entries.is_empty() {
            return Vec::new();
        }
        let mut out = Vec::new();
        for text in texts(&read.odds, least(self.ratio, threshold)) {
            let listed = self.by_plate.get(&text).into_iter().flatten();
            let listed = listed.filter_map(|at| self.entries.get(*at as usize));
            out.extend(listed.filter_map(|e| self.weigh(e, read, now, threshold)));
        }
        sort(&mut out);
        out
    }

    /// The same, slowly and obviously: every entry is weighed.
    #[cfg(test)]
    pub fn all_matches(&self, read: &Read, now: Time, threshold: f64) -> Vec<Match<'_>> {
        let mut out: Vec<_> =
            self.entries.iter().filter_map(|e| self.weigh(e, read, now, threshold)).collect();
        sort(&mut out);
        out
    }

    fn weigh<'a>(
        &self,
        entry: &'a Entry,
        read: &Read,
        now: Time,
        threshold: f64,
    ) -> Option<Match<'a>> {
        if now >= entry.expires {
            return None;
        }
        let other = other_state(entry.state.as_deref(), read.region.as_deref());
        let ratio = if other { self.ratio * OTHER_STATE } else { self.ratio };
        let probability = posterior(read.odds.probability_of(&entry.plate), ratio);
        (probability >= threshold).then_some(Match { entry, probability })
    }
}

fn sort(matches: &mut [Match<'_>]) {
    matches.sort_by(|a, b| {
        b.probability.total_cmp(&a.probability).then_with(|| a.entry.id.cmp(&b.entry.id))
    });
}

fn ratio(entries: usize) -> f64 {
    (LISTED * TEXTS / entries.max(1) as f64).min(1.0 / ISSUED)
}

/// P(the pass is the listed plate), from the picture's *p* and the ratio of the module's header.
fn posterior(p: f64, ratio: f64) -> f64 {
    let p = p.clamp(0.0, 1.0);
    if p == 0.0 { 0.0 } else { p * ratio / (p * ratio + (1.0 - p)) }
}

/// The least *p* that reaches a threshold; a hair below it, so that rounding loses nothing.
fn least(ratio: f64, threshold: f64) -> f64 {
    threshold / (threshold + ratio * (1.0 - threshold)) * (1.0 - 1e-9)
}

/// Every text whose probability is at least `least`. Only characters that the reader listed come
/// into question: one that it did not is worth a thousandth, which is below any `least` there is
/// ([`crate::HotList`] keeps its threshold high enough for that).
fn texts(odds: &Odds, least: f64) -> Vec<Text> {
    let mut prefixes = vec![(String::with_capacity(Text::MAX), 1.0f64)];
    for place in odds.places() {
        let mut longer = Vec::with_capacity(prefixes.len());
        for (prefix, p) in &prefixes {
            for (c, q) in place {
                let p = p * f64::from(*q);
                // Choices are sorted: the rest of them is less probable still.
                if p < least {
                    break;
                }
                let mut text = String::with_capacity(Text::MAX);
                text.push_str(prefix);
                text.push(*c);
                longer.push((text, p));
            }
        }
        prefixes = longer;
    }
    prefixes.into_iter().filter_map(|(text, _)| Text::parse(&text).ok()).collect()
}

/// Whether two regions are known and contradict each other: `CA` and `us-ca` do not, nor do `us`
/// and `us-ca`.
fn other_state(listed: Option<&str>, seen: Option<&str>) -> bool {
    let (Some(listed), Some(seen)) = (listed, seen) else { return false };
    let (listed, seen) = (listed.trim().to_ascii_lowercase(), seen.trim().to_ascii_lowercase());
    let fits = |long: &str, short: &str| {
        long == short
            || long.strip_suffix(short).is_some_and(|rest| rest.ends_with('-'))
            || long.strip_prefix(short).is_some_and(|rest| rest.starts_with('-'))
    };
    !(listed.is_empty() || fits(&listed, &seen) || fits(&seen, &listed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_prior_follows_the_size_of_the_list() {
        for (entries, want) in
            [(1, 0.2), (25_000, 0.2), (100_000, 0.5), (1_000_000, 0.909), (10_000_000, 0.990)]
        {
            let p = least(ratio(entries), 0.5);
            assert!((p - want).abs() < 1e-3, "{entries}: {p}");
        }
    }

    #[test]
    fn states_contradict_only_when_both_are_known() {
        for (listed, seen, want) in [
            (None, Some("us-ca"), false),
            (Some("CA"), None, false),
            (Some("CA"), Some("us-ca"), false),
            (Some("us-ca"), Some("us-ca"), false),
            (Some("us"), Some("us-ca"), false),
            (Some("us-ca"), Some("us"), false),
            (Some(""), Some("us-ca"), false),
            (Some("NV"), Some("us-ca"), true),
            (Some("us-nv"), Some("us-ca"), true),
            (Some("a"), Some("us-ca"), true),
        ] {
            assert_eq!(other_state(listed, seen), want, "{listed:?} {seen:?}");
        }
    }

    proptest! {
        #[test]
        fn the_posterior_is_monotone(p in 0.0..1.0f64, q in 0.0..1.0f64, n in 1usize..10_000_000, m in 1usize..10_000_000) {
            let (p, q) = (p.min(q), p.max(q));
            let (n, m) = (n.min(m), n.max(m));
            prop_assert!(posterior(p, ratio(n)) <= posterior(q, ratio(n)));
            prop_assert!(posterior(p, ratio(m)) <= posterior(p, ratio(n)));
            prop_assert!((0.0..=1.0).contains(&posterior(p, ratio(n))));
        }

        #[test]
        fn the_least_is_where_the_threshold_is_reached(t in 0.01..0.999f64, n in 1usize..10_000_000) {
            let p = least(ratio(n), t);
            prop_assert!((posterior(p, ratio(n)) - t).abs() < 1e-6);
            prop_assert!(p > 1e-3, "an unlisted character could reach it");
        }
    }
}
