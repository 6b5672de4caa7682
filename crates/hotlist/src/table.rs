//! Whole plates, laid out to be found: 24 bytes an entry and its id, sorted by a mixed key.
//!
//! Three arrays. `rows` is sorted by [`key::mix`], which spreads plates evenly, so that the upper bits of a
//! mixed key lead through `starts` to some four neighbouring rows. `filter` says of nearly all texts that are
//! not listed that they are not, with one look at one cache line: a read asks for dozens of texts and one in a
//! thousand is there. `ids` finds a row by its entry's id, for updates. A table never changes.
//!
//! What it holds of plates is wiped when it is dropped, and when it grows while it is built.

use crate::entry::Entry;
use crate::key;
use crate::model::spelled;
use base::{EntryId, ListId, Time};
use std::collections::HashMap;
use std::ops::Range;
use zeroize::Zeroize;

/// States that a table tells apart; entries of further ones count as of an unknown state.
const STATES: usize = 250;
/// Words of a block of the filter: one cache line.
const BLOCK: usize = 8;
/// Bits of the filter for each plate; with five of them set, about one unlisted text in a hundred passes.
const BITS: usize = 12;

/// An entry without its id's letters.
#[derive(Clone, Copy, Default, Zeroize)]
pub(crate) struct Row {
    pub key: u64,
    /// Where its id stands in `names`; grows with the order of arrival.
    name: u32,
    /// First second at which it is looked for, and first at which it is no longer.
    from: u32,
    until: u32,
    pub list: u16,
    pub state: u8,
    pub priority: u8,
}

impl Row {
    /// Whether it is looked for at a moment.
    pub fn live(&self, now: Time) -> bool {
        now.millis() >= i64::from(self.from) * 1000 && now.millis() < i64::from(self.until) * 1000
    }

    /// When it began.
    pub fn from(&self) -> Time {
        Time::from_millis(i64::from(self.from) * 1000)
    }
}

/// Seconds since 1970 as a row has them, kept within 32 bits (until 2106).
fn seconds(ms: i64) -> u32 {
    u32::try_from(ms / 1000).unwrap_or(if ms < 0 { 0 } else { u32::MAX })
}

/// First second of an entry, begun ones left out.
pub(crate) fn begins(entry: &Entry) -> u32 {
    seconds(entry.from.millis().saturating_add(999))
}

/// First second after an entry.
pub(crate) fn ends(entry: &Entry) -> u32 {
    seconds(entry.expires.millis())
}

/// See the module's header.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    starts: Vec<u32>,
    filter: Vec<u64>,
    /// Ids without their prefix, each behind its length.
    names: Vec<u8>,
    /// The id's hash and the row, sorted.
    ids: Vec<(u32, u32)>,
    counts: Vec<u32>,
    pub lists: Vec<ListId>,
    /// As they are compared; the first is "none".
    pub states: Vec<String>,
}

impl Drop for Table {
    fn drop(&mut self) {
        self.rows.zeroize();
        self.filter.zeroize();
    }
}

impl Table {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn row(&self, at: usize) -> &Row {
        &self.rows[at]
    }

    /// Rows of a key.
    pub fn find(&self, key: u64) -> Range<usize> {
        if self.rows.is_empty() {
            return 0..0;
        }
        let mixed = key::mix(key);
        let bucket = (mixed >> self.shift()) as usize;
        let (from, to) = (self.starts[bucket] as usize, self.starts[bucket + 1] as usize);
        let first =
            from + self.rows[from..to].iter().take_while(|r| key::mix(r.key) < mixed).count();
        let equal = self.rows[first..to].iter().take_while(|r| r.key == key).count();
        first..first + equal
    }

    /// Whether a key may be here: never wrong where it says no.
    pub fn may_have(&self, key: u64) -> bool {
        if self.filter.is_empty() {
            return false;
        }
        let (block, bits) = places(key, self.filter.len() / BLOCK);
        let block = &self.filter[block * BLOCK..(block + 1) * BLOCK];
        bits.iter().all(|bit| block[usize::from(bit / 64)] & (1 << (bit % 64)) != 0)
    }

    /// The row of an id.
    pub fn by_id(&self, id: &EntryId) -> Option<usize> {
        let (body, hash) = (body(id), hash(body(id)));
        let first = self.ids.partition_point(|(h, _)| *h < hash);
        let same = self.ids[first..].iter().take_while(|(h, _)| *h == hash);
        same.map(|(_, row)| *row as usize).find(|row| self.name(self.rows[*row].name) == body)
    }

    /// The id of a row.
    pub fn id(&self, row: &Row) -> EntryId {
        let name = String::from_utf8_lossy(self.name(row.name));
        let id = format!("{}_{name}", EntryId::PREFIX).parse();
        id.unwrap_or_else(|_| unreachable!("it came from an id"))
    }

    /// How many rows each list has of each state, by [`Table::cell`].
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// Where a table by list and state has a row's figure.
    pub fn cell(&self, row: &Row) -> usize {
        usize::from(row.list) * self.states.len() + usize::from(row.state)
    }

    fn name(&self, at: u32) -> &[u8] {
        let at = at as usize;
        &self.names[at + 1..at + 1 + usize::from(self.names[at])]
    }

    fn shift(&self) -> u32 {
        64 - (self.starts.len() - 1).trailing_zeros()
    }
}

/// The block and the five bits of a key.
fn places(key: u64, blocks: usize) -> (usize, [u16; 5]) {
    let mixed = key::mix(key);
    let block = ((u128::from(mixed) * blocks as u128) >> 64) as usize;
    let bits = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (block, [11, 20, 29, 38, 47].map(|shift| ((bits >> shift) & 511) as u16))
}

fn body(id: &EntryId) -> &[u8] {
    let text = id.as_str().as_bytes();
    &text[EntryId::PREFIX.len() + 1..]
}

fn hash(name: &[u8]) -> u32 {
    let sum = name.iter().fold(name.len() as u64, |h, b| key::mix(h ^ u64::from(*b)));
    (sum >> 32) as u32
}

/// Gathers rows for a table.
pub(crate) struct Builder {
    table: Table,
    lists: HashMap<ListId, u16>,
    states: HashMap<String, u8>,
}

impl Builder {
    /// For about so many entries: where more come, what there is moves, and is wiped behind.
    pub fn new(entries: usize) -> Self {
        let mut table = Table::default();
        table.states.push(String::new());
        table.rows.reserve_exact(entries);
        Self { table, lists: HashMap::new(), states: [(String::new(), 0)].into() }
    }

    /// Takes an entry whose whole plate has this key. False where the table can hold no more.
    pub fn push(&mut self, entry: &Entry, key: u64) -> bool {
        let Some(list) = self.list(&entry.list) else { return false };
        let row = Row {
            key,
            name: 0,
            from: begins(entry),
            until: ends(entry),
            list,
            state: self.state(&spelled(entry.state.as_deref())),
            priority: entry.priority,
        };
        self.put(row, body(&entry.id))
    }

    /// Takes over a row of another table.
    pub fn copy(&mut self, from: &Table, row: &Row) -> bool {
        let Some(list) = self.list(&from.lists[usize::from(row.list)]) else { return false };
        let state = self.state(&from.states[usize::from(row.state)]);
        self.put(Row { list, state, ..*row }, from.name(row.name))
    }

    fn list(&mut self, list: &ListId) -> Option<u16> {
        if let Some(at) = self.lists.get(list) {
            return Some(*at);
        }
        let at = u16::try_from(self.table.lists.len()).ok()?;
        self.table.lists.push(list.clone());
        self.lists.insert(list.clone(), at);
        Some(at)
    }

    fn state(&mut self, state: &str) -> u8 {
        if let Some(at) = self.states.get(state) {
            return *at;
        }
        if self.table.states.len() > STATES {
            return 0;
        }
        let at = self.table.states.len() as u8;
        self.table.states.push(state.to_owned());
        self.states.insert(state.to_owned(), at);
        at
    }

    fn put(&mut self, row: Row, name: &[u8]) -> bool {
        let table = &mut self.table;
        let Ok(at) = u32::try_from(table.names.len()) else { return false };
        let (Ok(len), true) = (u8::try_from(name.len()), table.rows.len() < u32::MAX as usize)
        else {
            return false;
        };
        if table.rows.len() == table.rows.capacity() {
            let mut larger = Vec::with_capacity(table.rows.len() * 3 / 2 + 64);
            larger.extend_from_slice(&table.rows);
            table.rows.zeroize();
            table.rows = larger;
        }
        table.names.push(len);
        table.names.extend_from_slice(name);
        table.rows.push(Row { name: at, ..row });
        true
    }

    /// Lays the table out. An id that stands twice is taken once, the first time.
    pub fn finish(self) -> Table {
        let mut table = self.table;
        table.names.shrink_to_fit();
        table.rows.sort_unstable_by_key(|r| (key::mix(r.key), r.name));
        let again = number_ids(&mut table);
        if !again.is_empty() {
            let mut at = 0;
            table.rows.retain(|_| {
                at += 1;
                again.binary_search(&(at - 1)).is_err()
            });
            number_ids(&mut table);
        }
        let bits = (table.rows.len() / 4).max(2).next_power_of_two().trailing_zeros();
        let mut starts = vec![0u32; (1 << bits) + 1];
        let blocks = (table.rows.len() * BITS).div_ceil(BLOCK * 64);
        let mut filter = vec![0u64; blocks * BLOCK];
        let mut counts = vec![0u32; table.lists.len() * table.states.len()];
        for row in &table.rows {
            counts[table.cell(row)] += 1;
            starts[(key::mix(row.key) >> (64 - bits)) as usize + 1] += 1;
            let (block, bits) = places(row.key, blocks);
            for bit in bits {
                filter[block * BLOCK + usize::from(bit / 64)] |= 1 << (bit % 64);
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        (table.starts, table.filter, table.counts) = (starts, filter, counts);
        table
    }
}

/// Fills `ids`; gives the rows, ascending, whose id an earlier arrival has.
fn number_ids(table: &mut Table) -> Vec<usize> {
    let mut ids = std::mem::take(&mut table.ids);
    ids.clear();
    ids.reserve_exact(table.rows.len());
    ids.extend((0u32..).zip(&table.rows).map(|(at, r)| (hash(table.name(r.name)), at)));
    ids.sort_unstable_by_key(|(h, at)| (*h, table.rows[*at as usize].name));
    let mut again = Vec::new();
    for same in ids.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
        let name = |at: u32| table.name(table.rows[at as usize].name);
        for (i, (_, at)) in same.iter().enumerate() {
            if same[..i].iter().any(|(_, earlier)| name(*earlier) == name(*at)) {
                again.push(*at as usize);
            }
        }
    }
    again.sort_unstable();
    table.ids = ids;
    again
}
