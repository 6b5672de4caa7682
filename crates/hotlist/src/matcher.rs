//! The job: passes in, hits out. And the one value that threads share: the index of the moment.

use crate::budget::Tally;
use crate::entry::{Entry, Terms, Tombstone};
use crate::index::{Found, Index, Loaded, Settings};
use crate::model::Prior;
use base::{EntryId, ListId, Time};
use plate::Text;
use read::{Effect, Job, Pass, Read, hit_id};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// What is looked for, and how sure a hit must be. Shared between threads; a batch is matched
/// against one whole state of it, the old or the new.
pub struct HotList {
    index: RwLock<Arc<Index>>,
    /// Held by who makes a new index of the present one: changes follow one another, matching waits for none.
    changing: Mutex<()>,
    changes: AtomicU64,
    /// What was proposed since it was asked last, of lists that count it and that a read was compared with.
    proposed: Mutex<HashMap<ListId, Tally>>,
}

impl Default for HotList {
    fn default() -> Self {
        Self::new()
    }
}

/// Sizes only: the entries are plates.
impl fmt::Debug for HotList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HotList({} entries, threshold {})", self.len(), self.threshold())
    }
}

impl HotList {
    /// The usual threshold: more probably the listed vehicle than not.
    pub const THRESHOLD: f64 = 0.5;

    /// An empty list with the usual threshold.
    pub fn new() -> Self {
        Self::with_threshold(Self::THRESHOLD)
    }

    /// An empty list with another threshold for lists without [`Terms`] of their own, kept in their bounds.
    pub fn with_threshold(threshold: f64) -> Self {
        let settings = Settings { usual: Terms::at(threshold), ..Settings::default() };
        Self {
            index: RwLock::new(Arc::new(Index::of(settings))),
            changing: Mutex::default(),
            changes: AtomicU64::new(0),
            proposed: Mutex::default(),
        }
    }

    /// Looks for these entries from now on, and for no others. Of two with one id the first counts.
    pub fn replace(&self, entries: Vec<Entry>) -> Loaded {
        self.load(entries)
    }

    /// The same, for entries that come one by one: none is kept longer than it takes to pack it.
    pub fn load(&self, entries: impl IntoIterator<Item = Entry>) -> Loaded {
        self.change(|index| index.loaded(entries.into_iter()))
    }

    /// Replaces the entries of one list; those of others stay. An id that another list has stays with it, and
    /// entries of other lists are taken as they are.
    pub fn replace_list(&self, list: &ListId, entries: impl IntoIterator<Item = Entry>) -> Loaded {
        self.change(|index| index.with_list(list, entries.into_iter()))
    }

    /// Adds some entries and removes others, in a time that hardly depends on how many there are. What is
    /// added takes the place of the entry of its id.
    pub fn update(&self, add: Vec<Entry>, remove: &[EntryId]) -> Loaded {
        self.change(|index| index.changed(add, remove))
    }

    /// Silences these found vehicles from now on, and no others.
    pub fn silence(&self, tombstones: Vec<Tombstone>) {
        self.change(|index| (index.silenced(tombstones), ()));
    }

    /// Raises hits of these lists on these terms from now on; other lists go by the threshold.
    pub fn set_terms(&self, terms: HashMap<ListId, Terms>) {
        let bounded = |t: Terms| Terms { threshold: Terms::at(t.threshold).threshold, ..t };
        let terms = terms.into_iter().map(|(list, t)| (list, bounded(t))).collect();
        self.exchange(0, |index| (index.set(Settings { terms, ..index.settings.clone() }), ()));
    }

    /// Other numbers of the city's traffic.
    pub fn set_prior(&self, prior: Prior) {
        self.exchange(0, |index| (index.set(Settings { prior, ..index.settings.clone() }), ()));
    }

    /// What a read may be, the most probable first; ties go by entry.
    pub fn find(&self, read: &Read, now: Time) -> Vec<Found> {
        let mut found = self.index().matches(read, now);
        found.retain(|found| found.raised);
        found
    }

    /// How probable the proposals were that lists with [`Terms::counted`] had since this was asked last: counts alone. A
    /// list that reads were compared with, and that had none, is there too.
    pub fn take_proposed(&self) -> HashMap<ListId, Tally> {
        std::mem::take(&mut *self.proposed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Days on which nothing was proposed count as well as others; those on which nothing was compared do not.
    fn compared(&self, index: &Index, now: Time) {
        let mut proposed = self.proposed.lock().unwrap_or_else(PoisonError::into_inner);
        for list in index.counting(now) {
            proposed.entry(list.clone()).or_default();
        }
    }

    fn count(&self, found: &[Found]) {
        let mut counted = found.iter().filter(|found| found.counted).peekable();
        if counted.peek().is_none() {
            return;
        }
        let mut proposed = self.proposed.lock().unwrap_or_else(PoisonError::into_inner);
        for one in counted {
            proposed.entry(one.list.clone()).or_default().add(one.probability);
        }
    }

    /// The live entries of a plate that a person typed, of whatever state, each list's own age and found vehicles
    /// minded as for reads; ordered by id. Plates do not tell O from 0 and I from 1, and so no person can: each is
    /// taken for the other.
    pub fn listed(&self, plate: &Text, now: Time) -> Vec<EntryId> {
        self.index().listed(plate, now)
    }

    /// Whether the vehicle with a plate that fits an entry was found again, so that a read of it raises nothing at this
    /// moment. Of an entry with a whole plate that is the entry's own.
    pub fn is_found(&self, entry: &Entry, plate: &Text, now: Time) -> bool {
        self.index().is_found(entry, plate, now)
    }

    /// How many entries are loaded, expired ones among them.
    pub fn len(&self) -> usize {
        self.index().len()
    }

    /// Counts the changes of what is looked for: the same number is the same entries and found vehicles, on whatever
    /// terms.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How sure a hit of a list without terms of its own must be, 0 to 1.
    pub fn threshold(&self) -> f64 {
        self.index().settings.usual.threshold
    }

    fn index(&self) -> Arc<Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change<T>(&self, make: impl FnOnce(&Index) -> (Index, T)) -> T {
        self.exchange(1, make)
    }

    /// Puts another index in the place of the present one, which counts as so many changes.
    fn exchange<T>(&self, changes: u64, make: impl FnOnce(&Index) -> (Index, T)) -> T {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        // Laid out before the lock is taken, so that matching never waits for it.
        let old = self.index();
        let (fresh, answer) = make(&old);
        let fresh = Arc::new(fresh);
        drop(old);
        let mut before = {
            let mut now = self.index.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *now, fresh)
        };
        self.changes.fetch_add(changes, Ordering::SeqCst);
        // Wiping a long list takes a while: who matches lets go of it first, so that nobody waits for that.
        while let Err(held) = Arc::try_unwrap(before) {
            before = held;
            std::thread::yield_now();
        }
        answer
    }
}

impl Job for HotList {
    fn name(&self) -> &'static str {
        "hotlist"
    }

    /// One hit for each entry and read, by pass and then by probability.
    fn on_passes(&self, passes: &[Pass], now: Time) -> Vec<Effect> {
        let index = self.index();
        if !passes.is_empty() {
            self.compared(&index, now);
        }
        let mut raised = HashSet::new();
        let mut out = Vec::new();
        for read in passes {
            let found = index.matches(read, now);
            self.count(&found);
            for found in found.into_iter().filter(|found| found.raised) {
                let hit = hit_id(&found.entry, &read.id);
                if raised.insert(hit) {
                    out.push(Effect::Hit {
                        hit,
                        list: found.list,
                        entry: found.entry,
                        read: read.id,
                        probability_ppm: (found.probability * 1e6).round() as u32,
                        basis: Some(found.basis),
                    });
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests;
