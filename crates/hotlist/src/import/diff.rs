//! What an import changes, and whether a person should look again.

use super::lines::Row;
use base::{Time, sha256};
use plate::{Pattern, Reason};
use serde::Serialize;

/// An entry as it is compared: who it is, and what it says. 32 bytes, so that ten million on either side fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trace {
    /// Plate, state and the sender's number.
    who: [u8; 16],
    /// Everything else.
    what: u64,
    /// Where it stands with the caller.
    at: u32,
}

impl Trace {
    /// The trace of an entry; `what` is every word of it that a change of should count, in one order; `at` is the
    /// caller's own number for it.
    pub fn new(
        plate: &Pattern,
        state: Option<&str>,
        record: Option<&str>,
        what: &[&str],
        expires: Time,
        at: u32,
    ) -> Self {
        let mut bytes = Vec::with_capacity(128);
        let mut add = |word: &str| {
            bytes.extend_from_slice(&(word.len() as u64).to_be_bytes());
            bytes.extend_from_slice(word.as_bytes());
        };
        add(plate.reveal(Reason::HotList));
        add(state.unwrap_or_default());
        add(record.unwrap_or_default());
        let hash = sha256(&bytes);
        zeroize::Zeroize::zeroize(&mut bytes);
        let mut who = [0; 16];
        who.copy_from_slice(&hash[..16]);
        for word in what {
            bytes.extend_from_slice(&(word.len() as u64).to_be_bytes());
            bytes.extend_from_slice(word.as_bytes());
        }
        bytes.extend_from_slice(&expires.millis().to_be_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&sha256(&bytes)[..8]);
        Self { who, what: u64::from_be_bytes(first), at }
    }

    /// The trace of a row.
    pub fn of(row: &Row, at: u32) -> Self {
        let from = row.from.map(|t| t.to_string()).unwrap_or_default();
        let or = |text: &Option<String>| text.clone().unwrap_or_default();
        let v = &row.vehicle;
        let words = [
            row.reason.clone(),
            row.case.clone(),
            row.priority.to_string(),
            from,
            or(&row.category),
            row.source.clone(),
            or(&row.note),
            or(&v.make),
            or(&v.model),
            or(&v.year),
            or(&v.style),
            or(&v.color),
        ];
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Self::new(&row.plate, row.state.as_deref(), row.record.as_deref(), &words, row.expires, at)
    }
}

/// When a change asks first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AskFirst {
    /// A list that loses more than this share of its entries.
    pub shrinks: f64,
    /// A list that grows by more than this share.
    pub grows: f64,
    /// Lists of fewer entries before and after are too small for shares; only an empty one asks.
    pub least: usize,
}

impl Default for AskFirst {
    /// A tenth fewer, half as many more, of lists of twenty.
    fn default() -> Self {
        Self { shrinks: 0.1, grows: 0.5, least: 20 }
    }
}

/// Why a person should look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// Nothing would be left.
    Empty,
    /// Many entries would go.
    Shrinks,
    /// Many would come.
    Grows,
}

/// What an import would change, by the callers' numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// New ones that the list did not have.
    pub added: Vec<u32>,
    /// Old and new of those that say something else.
    pub changed: Vec<(u32, u32)>,
    /// Old ones that are gone.
    pub removed: Vec<u32>,
    /// How many stay as they are.
    pub same: usize,
    /// New ones that stand twice: the first in the caller's order counts.
    pub again: usize,
    /// Why a person should look again before it is taken; `None`: nothing is strange.
    pub doubt: Option<Doubt>,
}

impl Change {
    /// Compares what a list had with what it would have.
    pub fn of(mut old: Vec<Trace>, mut new: Vec<Trace>, bounds: &AskFirst) -> Self {
        let order = |t: &Trace| (t.who, t.at);
        old.sort_unstable_by_key(order);
        new.sort_unstable_by_key(order);
        old.dedup_by_key(|t| t.who);
        let all = new.len();
        new.dedup_by_key(|t| t.who);
        let mut out = Self { again: all - new.len(), ..Self::default() };
        let (mut left, mut right) = (old.iter().peekable(), new.iter().peekable());
        loop {
            match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some(a), Some(b)) if a.who == b.who => {
                    if a.what == b.what {
                        out.same += 1;
                    } else {
                        out.changed.push((a.at, b.at));
                    }
                    left.next();
                    right.next();
                }
                (Some(a), b) if b.is_none_or(|b| a.who < b.who) => {
                    out.removed.push(a.at);
                    left.next();
                }
                (_, Some(b)) => {
                    out.added.push(b.at);
                    right.next();
                }
                (Some(_), None) => break, // not reached: the arm above took it
            }
        }
        out.added.sort_unstable();
        out.removed.sort_unstable();
        out.changed.sort_unstable();
        out.doubt = doubt(old.len(), new.len(), out.removed.len(), bounds);
        out
    }
}

fn doubt(old: usize, new: usize, removed: usize, bounds: &AskFirst) -> Option<Doubt> {
    let (before, after) = (old as f64, new as f64);
    match () {
        // A first import is looked at anyway.
        () if old == 0 => None,
        () if new == 0 => Some(Doubt::Empty),
        () if old.max(new) < bounds.least => None,
        () if removed as f64 > before * bounds.shrinks => Some(Doubt::Shrinks),
        () if after > before * (1.0 + bounds.grows) => Some(Doubt::Grows),
        () => None,
    }
}
