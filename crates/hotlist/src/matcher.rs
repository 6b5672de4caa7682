//! The job: passes in, hits out.

use crate::index::{Entry, Index};
use base::Time;
use read::{Effect, Job, Pass, hit_id};
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// What is looked for, and how sure a hit must be. Shared between threads; a batch is matched
/// against one whole list, the old or the new.
pub struct HotList {
    index: RwLock<Arc<Index>>,
    threshold: f64,
}

impl Default for HotList {
    fn default() -> Self {
        Self::new()
    }
}

/// Sizes only: the entries are plates.
impl fmt::Debug for HotList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HotList({} entries, threshold {})", self.len(), self.threshold)
    }
}

impl HotList {
    /// The usual threshold: more probably the listed plate than not.
    pub const THRESHOLD: f64 = 0.5;

    /// An empty list with the usual threshold.
    pub fn new() -> Self {
        Self::with_threshold(Self::THRESHOLD)
    }

    /// An empty list with another threshold, kept within 0.01 to 0.999: below it everything would
    /// be a question, above it nothing.
    pub fn with_threshold(threshold: f64) -> Self {
        let threshold = if threshold.is_nan() { Self::THRESHOLD } else { threshold };
        Self { index: RwLock::default(), threshold: threshold.clamp(0.01, 0.999) }
    }

    /// Looks for these entries from now on, and for no others.
    pub fn replace(&self, entries: Vec<Entry>) {
        // Laid out before the lock is taken, so that matching never waits for it.
        let fresh = Arc::new(Index::new(entries));
        let old = {
            let mut now = self.index.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *now, fresh)
        };
        // Wiping a long list takes a while; nobody waits for that either.
        drop(old);
    }

    /// How many entries are loaded, expired ones among them.
    pub fn len(&self) -> usize {
        self.index().len()
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How sure a hit must be, 0 to 1.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    fn index(&self) -> Arc<Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Job for HotList {
    fn name(&self) -> &'static str {
        "hotlist"
    }

    /// One hit for each entry and read, by pass and then by probability.
    fn on_passes(&self, passes: &[Pass], now: Time) -> Vec<Effect> {
        let index = self.index();
        let mut raised = HashSet::new();
        let mut out = Vec::new();
        for read in passes {
            for found in index.matches(read, now, self.threshold) {
                let hit = hit_id(&found.entry.id, &read.id);
                if raised.insert(hit) {
                    out.push(Effect::Hit {
                        hit,
                        list: found.entry.list.clone(),
                        entry: found.entry.id.clone(),
                        read: read.id,
                        probability_ppm: (found.probability * 1e6).round() as u32,
                    });
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests;
