//! Plates of which some characters are not known, found by sets of bits: for each place and character one bit
//! an entry, so that a read asks for all of them at once.

use crate::entry::Entry;
use crate::key::{self, number};
use crate::model::spelled;
use plate::{Belief, Pattern, Reason, Text};

/// What is asked of a place: one of 36 characters, or nothing.
const FREE: usize = 36;

/// A pattern as two runs: what stands at the beginning, and behind a star what stands at the end.
/// `None` where a character is not known.
#[derive(Clone, PartialEq, Eq)]
struct Shape {
    head: Vec<Option<u8>>,
    /// `None` where there is no star: the plate has no more than the head.
    tail: Option<Vec<Option<u8>>>,
}

/// An entry with a partial plate.
#[derive(Clone)]
pub(crate) struct Partial {
    pub entry: Entry,
    /// Its state as it is compared.
    pub state: String,
    /// How many characters are known.
    pub known: usize,
    shape: Shape,
}

impl Partial {
    /// Fails where a plate has more than one star, or too few known characters.
    pub fn of(entry: Entry) -> Option<Self> {
        let shape = Shape::of(&entry.plate)?;
        let known = entry.plate.known();
        let state = spelled(entry.state.as_deref());
        (known >= Entry::KNOWN).then_some(Self { entry, state, known, shape })
    }

    /// P(the plate fits), and the places of the read where `best`, the reader's own text, does not.
    pub fn fits(&self, belief: &Belief, best: &[u8]) -> (f64, Vec<u8>) {
        let n = belief.len();
        let (head, tail) = (&self.shape.head, self.shape.tail.as_deref());
        let tail_len = tail.map_or(0, <[_]>::len);
        let long = head.len() + tail_len <= n && (tail.is_some() || head.len() == n);
        if !long {
            return (0.0, Vec::new());
        }
        let tail = tail.unwrap_or_default().iter().enumerate().map(|(i, c)| (n - tail_len + i, *c));
        let asked = head.iter().copied().enumerate().chain(tail);
        let (mut p, mut differ) = (belief.whole(), Vec::new());
        for (at, c) in asked.filter_map(|(at, c)| Some((at, c?))) {
            p *= belief.at(at, c);
            if best.get(at) != Some(&c) {
                differ.push(at as u8);
            }
        }
        (p, differ)
    }
}

impl Shape {
    fn of(pattern: &Pattern) -> Option<Self> {
        let run = |s: &str| s.bytes().map(|b| (b != b'?').then(|| number(b))).collect();
        let text = pattern.reveal(Reason::Matching);
        let mut runs = text.split('*');
        let shape = Self { head: run(runs.next()?), tail: runs.next().map(run) };
        runs.next().is_none().then_some(shape)
    }
}

/// See the module's header.
#[derive(Default)]
pub(crate) struct Partials {
    entries: Vec<Partial>,
    /// Bits of those that a place from the beginning, or from the end, allows: by place, then by character;
    /// under [`FREE`] those that ask nothing of it.
    head: Vec<[Vec<u64>; FREE + 1]>,
    tail: Vec<[Vec<u64>; FREE + 1]>,
    /// By length of the read.
    lengths: Vec<Vec<u64>>,
}

impl Partials {
    pub fn new(entries: Vec<Partial>) -> Self {
        let words = entries.len().div_ceil(64);
        let empty = || std::array::from_fn(|_| vec![0u64; words]);
        let mut made = Self {
            head: (0..Text::MAX).map(|_| empty()).collect(),
            tail: (0..Text::MAX).map(|_| empty()).collect(),
            lengths: vec![vec![0u64; words]; Text::MAX + 1],
            entries,
        };
        for (i, entry) in made.entries.iter().enumerate() {
            let (word, bit) = (i / 64, 1u64 << (i % 64));
            let Shape { head, tail } = &entry.shape;
            let tail_run = tail.as_deref().unwrap_or_default();
            for place in 0..Text::MAX {
                let at = |c: Option<&Option<u8>>| c.copied().flatten().map_or(FREE, usize::from);
                made.head[place][at(head.get(place))][word] |= bit;
                made.tail[place][at(tail_run.iter().rev().nth(place))][word] |= bit;
            }
            let least = head.len() + tail_run.len();
            for n in least..=if tail.is_some() { Text::MAX } else { least.min(Text::MAX) } {
                made.lengths[n][word] |= bit;
            }
        }
        made
    }

    pub fn entries(&self) -> &[Partial] {
        &self.entries
    }

    /// Those that a read may fit with at least `least`, and perhaps some that it does not.
    pub fn candidates(
        &self,
        belief: &Belief,
        least: f64,
    ) -> impl Iterator<Item = (usize, &Partial)> {
        let n = belief.len();
        let mut left = if self.entries.is_empty() { Vec::new() } else { self.lengths[n].clone() };
        for place in 0..if left.is_empty() { 0 } else { n } {
            keep(&mut left, &self.head[place], belief, place, least);
            keep(&mut left, &self.tail[place], belief, n - 1 - place, least);
        }
        let entries = &self.entries;
        left.into_iter().enumerate().flat_map(move |(word, bits)| {
            let set = (0..64).filter(move |i| bits >> i & 1 == 1);
            set.filter_map(move |i| Some((word * 64 + i, entries.get(word * 64 + i)?)))
        })
    }

    /// Whether one of them is of this id.
    pub fn by_id(&self, id: &base::EntryId) -> bool {
        self.entries.iter().any(|p| p.entry.id == *id)
    }
}

/// Leaves those that ask nothing of a place, or a character that may stand there.
fn keep(left: &mut [u64], asked: &[Vec<u64>; FREE + 1], belief: &Belief, place: usize, least: f64) {
    let may = belief.ranked(place).iter().take_while(|(_, p)| *p >= least);
    let may: Vec<&Vec<u64>> = may.map(|(c, _)| &asked[usize::from(*c)]).collect();
    for (word, bits) in left.iter_mut().enumerate().filter(|(_, bits)| **bits != 0) {
        *bits &= may.iter().fold(asked[FREE][word], |sum, of| sum | of[word]);
    }
}

/// The key of an entry's plate, where it is whole.
pub(crate) fn whole(entry: &Entry) -> Option<u64> {
    entry.plate.exact().map(|text| key::of(&text))
}
