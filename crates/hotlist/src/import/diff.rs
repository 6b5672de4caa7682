//! What an import changes, and whether a person should look again.
//!
//! The file is read once and is nowhere whole: what is held is one [`Trace`] an entry of the list, and the names of
//! those that come anew.

use super::lines::Row;
use base::{Time, sha256};
use plate::{Pattern, Reason};
use serde::Serialize;
use std::collections::HashSet;

/// An entry as it is compared: who it is, and what it says. 24 bytes, so that ten million fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trace {
    /// Plate, state and the sender's number.
    who: [u8; 16],
    /// Everything else.
    what: u64,
}

impl Trace {
    /// The trace of an entry; `what` is every word of it that a change of should count, in one order.
    pub fn new(
        plate: &Pattern,
        state: Option<&str>,
        record: Option<&str>,
        what: &[&str],
        expires: Time,
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
        Self { who, what: u64::from_be_bytes(first) }
    }

    /// The trace of a row. Of an end that the list's own rules make, which is another with every file, the days alone
    /// count ([`Row::days`]).
    pub fn of(row: &Row) -> Self {
        let (expires, days) = match row.days {
            Some(days) => (Time::from_millis(0), days.to_string()),
            None => (row.expires, String::new()),
        };
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
            days,
        ];
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Self::new(&row.plate, row.state.as_deref(), row.record.as_deref(), &words, expires)
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
    pub least: u64,
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

/// What an import would change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Entries that the list did not have.
    pub added: u64,
    /// Those that say something else.
    pub changed: u64,
    /// Those that are gone.
    pub removed: u64,
    /// How many stay as they are.
    pub same: u64,
    /// Rows that stand twice: the first counts.
    pub again: u64,
    /// Why a person should look again before it is taken; `None`: nothing is strange.
    pub doubt: Option<Doubt>,
}

/// What a row of a file is to the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The list does not have it yet.
    Added,
    /// The list's entry of this number says something else.
    Changed(u64),
    /// The list has it as it is.
    Same,
    /// The file had it before.
    Again,
}

/// A list, beside which a file is laid row by row. 32 bytes for an entry of the list, and some 35 for one that the
/// list does not have.
#[derive(Debug)]
pub struct Comparison {
    /// By who they are, each once, with the caller's numbers for them.
    known: Vec<(Trace, u64)>,
    /// Which of those the file has: a bit each.
    met: Vec<u64>,
    /// Who else was in the file.
    fresh: HashSet<[u8; 16]>,
    change: Change,
}

impl Comparison {
    /// What the list has, with the caller's own number for each.
    pub fn with(mut known: Vec<(Trace, u64)>) -> Self {
        known.sort_unstable_by_key(|(trace, number)| (trace.who, *number));
        known.dedup_by_key(|(trace, _)| trace.who);
        let met = vec![0; known.len().div_ceil(64)];
        Self { known, met, fresh: HashSet::new(), change: Change::default() }
    }

    /// Takes the next row of the file.
    pub fn take(&mut self, row: Trace) -> Found {
        let found = match self.known.binary_search_by(|(trace, _)| trace.who.cmp(&row.who)) {
            Ok(at) if self.has_met(at) => Found::Again,
            Ok(at) => {
                self.met[at / 64] |= 1 << (at % 64);
                let (trace, number) = self.known[at];
                if trace.what == row.what { Found::Same } else { Found::Changed(number) }
            }
            Err(_) if self.fresh.insert(row.who) => Found::Added,
            Err(_) => Found::Again,
        };
        let count = match found {
            Found::Added => &mut self.change.added,
            Found::Changed(_) => &mut self.change.changed,
            Found::Same => &mut self.change.same,
            Found::Again => &mut self.change.again,
        };
        *count += 1;
        found
    }

    fn has_met(&self, at: usize) -> bool {
        self.met[at / 64] >> (at % 64) & 1 == 1
    }

    /// Whether the list has nothing.
    pub fn is_first(&self) -> bool {
        self.known.is_empty()
    }

    /// The numbers of what the list has and the file, now at its end, does not.
    pub fn gone(&self) -> impl Iterator<Item = u64> + '_ {
        self.known
            .iter()
            .enumerate()
            .filter_map(|(at, (_, number))| (!self.has_met(at)).then_some(*number))
    }

    /// What the file, now at its end, changes.
    pub fn change(&self, bounds: &AskFirst) -> Change {
        let Change { added, changed, same, .. } = self.change;
        let before = self.known.len() as u64;
        let removed = before - changed - same;
        let doubt = doubt(before, added + changed + same, removed, bounds);
        Change { removed, doubt, ..self.change }
    }
}

fn doubt(old: u64, new: u64, removed: u64, bounds: &AskFirst) -> Option<Doubt> {
    let (before, after) = (old as f64, new as f64);
    match () {
        // A first import is looked at by whoever brings it; who reads one that came by itself sees to that.
        () if old == 0 => None,
        () if new == 0 => Some(Doubt::Empty),
        () if old.max(new) < bounds.least => None,
        () if removed as f64 > before * bounds.shrinks => Some(Doubt::Shrinks),
        () if after > before * (1.0 + bounds.grows) => Some(Doubt::Grows),
        () => None,
    }
}
