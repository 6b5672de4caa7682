//! The texts that a read may be: few, since probabilities sum to one.
//!
//! Every text of the read's length whose probability reaches a floor is found by walking the places and
//! leaving a prefix as soon as its product, times the best that can follow, falls below. One character fewer
//! or more is the same walk with a place left out, or with a place of 36 alike put between. Each text is then a
//! look-up, whatever the size of the list: nothing is kept for look-alikes, and none is forgotten.

use crate::key;
use plate::{Belief, Text};

/// Texts that are looked up for one read at most. A read so unsure that more reach the floor is a reading of
/// nothing; its floor is raised, four times at once.
const TEXTS: usize = 2048;

/// The keys to look up, sorted, and the floor that they reach: the one asked for, or a raised one.
pub(crate) fn texts(belief: &Belief, floor: f64) -> (Vec<u64>, f64) {
    let mut floor = floor.max(1e-7);
    let mut keys = Vec::with_capacity(64);
    while !walk_all(belief, floor, &mut keys) {
        floor *= 4.0;
        keys.clear();
    }
    keys.sort_unstable();
    keys.dedup();
    (keys, floor)
}

/// A place with its characters, best first.
type Place<'a> = &'a [(u8, f64); 36];

fn walk_all(belief: &Belief, floor: f64, keys: &mut Vec<u64>) -> bool {
    let places: Vec<Place<'_>> = (0..belief.len()).map(|i| belief.ranked(i)).collect();
    let n = places.len();
    if !walk(&places, belief.whole(), floor, keys) {
        return false;
    }
    // The same text comes out of several places left out, and all count: each is looked for lower.
    let each = floor / (n + 1) as f64;
    if n > 1 {
        for skip in 0..n {
            let fewer: Vec<_> = (0..n).filter(|i| *i != skip).map(|i| places[i]).collect();
            if !walk(&fewer, belief.extra(skip), each, keys) {
                return false;
            }
        }
    }
    if n < Text::MAX {
        let any: [(u8, f64); 36] = std::array::from_fn(|i| (i as u8, 1.0));
        for gap in 0..=n {
            let mut more = places.clone();
            more.insert(gap, &any);
            if !walk(&more, belief.missing(gap), each, keys) {
                return false;
            }
        }
    }
    true
}

/// Adds every text of some places whose product, times `start`, reaches the floor; false where there are
/// too many.
fn walk(places: &[Place<'_>], start: f64, floor: f64, keys: &mut Vec<u64>) -> bool {
    let mut best = [1.0; Text::MAX + 1];
    for (i, place) in places.iter().enumerate().rev() {
        best[i] = best[i + 1] * place[0].1;
    }
    if start * best[0] < floor {
        return true;
    }
    step(places, &best, 0, start, floor, keys)
}

fn step(
    places: &[Place<'_>],
    best: &[f64],
    key: u64,
    p: f64,
    floor: f64,
    keys: &mut Vec<u64>,
) -> bool {
    let Some((place, rest)) = places.split_first() else {
        keys.push(key);
        return keys.len() <= TEXTS;
    };
    for (number, q) in place.iter() {
        let p = p * q;
        // Characters are sorted: the rest of them is less probable still. A hair of grace for rounding.
        if p * best[1] < floor * (1.0 - 1e-9) {
            return true;
        }
        if !step(rest, &best[1..], key::longer(key, *number), p, floor, keys) {
            return false;
        }
    }
    true
}
