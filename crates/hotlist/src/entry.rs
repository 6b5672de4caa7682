//! What is looked for, on which terms, and what is no longer.

use base::{EntryId, ListId, Time};
use plate::{Pattern, Reason, Text};

/// One plate that is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The entry.
    pub id: EntryId,
    /// Its list.
    pub list: ListId,
    /// The plate. A partial one may have `?` anywhere and one `*`, and needs [`Entry::KNOWN`] characters.
    pub plate: Pattern,
    /// The state that issued it, as `us-ca` or `CA`, where known.
    pub state: Option<String>,
    /// How pressing it is: 0 is the usual, more is more.
    pub priority: u8,
    /// First moment at which it is looked for, to the second (begun seconds wait for their end).
    pub from: Time,
    /// First moment at which it is looked for no longer, to the second (begun seconds are cut off).
    pub expires: Time,
}

impl Entry {
    /// Characters that a partial plate must name: fewer fit a street.
    pub const KNOWN: usize = 3;
}

/// A vehicle that was found again. It silences what older copies of a list still say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The list that it is silenced in.
    pub list: ListId,
    /// The plate.
    pub plate: Text,
    /// Its state. Where it or the entry's is not known, the plate alone decides: to look for a car that
    /// its owner drives again is the worse mistake.
    pub state: Option<String>,
    /// When it was found: an entry that began later is another theft and stays.
    pub found: Time,
    /// First moment at which the entry would be looked for again.
    pub until: Time,
}

impl Tombstone {
    /// Whether an entry of this plate may look for the vehicle.
    pub fn is_of(&self, plate: &Pattern) -> bool {
        plate.fits(self.plate.reveal(Reason::Matching))
    }
}

/// On which terms a list raises hits.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// How probable it must be that the pass is the listed vehicle, 0.001 to 0.99999.
    pub threshold: f64,
    /// A partial plate is also raised where the read fits it with this probability, 0 to 1: who wrote
    /// down half a plate asked for all cars that fit. Above 1: never.
    pub fits: f64,
    /// First moment at which the list is too old to be believed: it raises nothing from then on.
    pub stale: Option<Time>,
    /// Whether what falls short of the threshold is counted down to [`Terms::COUNTED`], so that a threshold can be
    /// worked out from so many false hits a day.
    pub counted: bool,
}

impl Terms {
    /// Proposals that are less probable than this are not counted: no budget makes a list raise them.
    pub const COUNTED: f64 = 0.05;

    /// The least probability that is looked for.
    pub(crate) fn least(&self) -> f64 {
        if self.counted { self.threshold.min(Self::COUNTED) } else { self.threshold }
    }

    /// The terms of a threshold, kept in bounds; a NaN is the usual one half.
    pub fn at(threshold: f64) -> Self {
        let threshold = if threshold.is_nan() { 0.5 } else { threshold };
        Self { threshold: threshold.clamp(0.001, 0.99999), fits: 0.5, stale: None, counted: false }
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self::at(0.5)
    }
}
