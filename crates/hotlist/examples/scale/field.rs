//! What the field does: the best text against the list, equal or at an edit distance of one, with the read's
//! confidence as the only measure of how good a hit is. As fast as we could make it, for a fair comparison.

use crate::Said;
use crate::world::{Sighting, World, number};
use plate::Reason;

pub struct Field {
    /// Text, state and entry, sorted.
    listed: Vec<(u64, u8, u32)>,
    /// One bit for each hash of a text that is there.
    there: Vec<u64>,
    states: Vec<Option<usize>>,
    codes: Vec<String>,
}

const BITS: u32 = 29;

fn pack(text: &[u8]) -> u64 {
    text.iter().fold(0, |k, c| k * 37 + number(Some(char::from(*c))) as u64 + 1)
}

fn hash(key: u64) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS)) as usize
}

impl Field {
    pub fn new(world: &World) -> Self {
        let mut listed: Vec<(u64, u8, u32)> = Vec::with_capacity(world.entries as usize);
        let mut there = vec![0u64; 1 << (BITS - 6)];
        for i in 0..world.entries {
            let (state, plate) = world.listed(i);
            let key = pack(plate.as_bytes());
            there[hash(key) / 64] |= 1 << (hash(key) % 64);
            listed.push((key, state as u8, i as u32));
        }
        listed.sort_unstable();
        let codes: Vec<String> = plate::regions().iter().map(|r| r.code.clone()).collect();
        Self { listed, there, states: codes.iter().map(|c| world.state_number(c)).collect(), codes }
    }

    /// The first entry of a plate and state.
    pub fn first(&self, plate: &str, state: usize) -> Option<u64> {
        let of = self.of(pack(plate.as_bytes()));
        of.iter().find(|l| usize::from(l.1) == state).map(|l| u64::from(l.2))
    }

    fn of(&self, key: u64) -> &[(u64, u8, u32)] {
        if self.there[hash(key) / 64] >> (hash(key) % 64) & 1 == 0 {
            return &[];
        }
        let from = self.listed.partition_point(|l| l.0 < key);
        let n = self.listed[from..].iter().take_while(|l| l.0 == key).count();
        &self.listed[from..from + n]
    }

    pub fn find(&self, s: &Sighting, within: usize, same_state: bool) -> Vec<Said> {
        let text = s.odds.text();
        let text = text.reveal(Reason::Matching).as_bytes();
        let seen = s.region.as_ref().and_then(|r| self.codes.iter().position(|c| c == r));
        let seen = seen.and_then(|at| self.states[at]);
        let mut keys = vec![(pack(text), 0usize)];
        if within > 0 {
            around(text, |t| keys.push((pack(t), 1)));
            keys.sort_unstable();
            keys.dedup_by_key(|k| k.0);
        }
        let mut said: Vec<Said> = Vec::new();
        let mut cars: Vec<(u64, u8)> = Vec::new();
        for (key, distance) in keys {
            for (_, state, entry) in self.of(key) {
                let fits = seen.is_none_or(|seen| seen == usize::from(*state));
                // One car that stands there twice is one hit.
                if (same_state && !fits) || cars.contains(&(key, *state)) {
                    continue;
                }
                cars.push((key, *state));
                let right = s.entry == Some(u64::from(*entry));
                // Equal texts come before others; within each, the surer read.
                said.push(Said { score: f64::from(s.confidence) - distance as f64, right });
            }
        }
        said
    }
}

/// Every text at an edit distance of one.
fn around(text: &[u8], mut each: impl FnMut(&[u8])) {
    const ALL: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut other = text.to_vec();
    for i in 0..text.len() {
        for c in ALL.iter().filter(|c| **c != text[i]) {
            other[i] = *c;
            each(&other);
        }
        other[i] = text[i];
        let mut fewer = text.to_vec();
        fewer.remove(i);
        each(&fewer);
    }
    for i in 0..=text.len() {
        let mut more = text.to_vec();
        more.insert(i, b'0');
        for c in ALL {
            more[i] = *c;
            each(&more);
        }
    }
}
