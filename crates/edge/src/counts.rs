//! What an edge counts. Numbers only: a count can never carry a plate.

use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters that threads share.
        #[derive(Debug, Default)]
        pub struct Counts { $( $(#[$doc])* pub $name: AtomicU64, )* }

        /// The counters at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct Summary { $( $(#[$doc])* pub $name: u64, )*
            /// Sealed reads that still wait in the spool.
            pub waiting: u64,
        }

        impl Counts {
            /// The counters now; `waiting` items lie in the spool.
            pub fn summary(&self, waiting: usize) -> Summary {
                Summary { $( $name: self.$name.load(Ordering::Relaxed), )* waiting: waiting as u64 }
            }
        }
    };
}

counts! {
    /// Frames taken from the source.
    frames,
    /// Frames dropped unseen because no lease covered them.
    frames_without_lease,
    /// Frames that the networks looked at; the others showed nothing that moved.
    frames_read,
    /// Frames that were no picture.
    frames_damaged,
    /// Vehicles that passed with a plate that could not be read.
    unread,
    /// Vehicles that passed and whose plate was never seen.
    bare,
    /// Passes whose text was too unsure to be a read.
    unsure,
    /// Reads sealed and put into the spool.
    sealed,
    /// Reads lost: no lease covered them, the spool was full, or the disk changed them.
    lost,
    /// Reads that the city took, now or before.
    delivered,
    /// Among the delivered, those that it had before.
    known,
    /// Reads that the city refused for good.
    refused,
    /// Reads dropped in memory because a camera that keeps hits alone found them on no list.
    not_kept,
    /// Reads told to a gate beside the camera.
    gates_told,
    /// Reads that a gate should have been told and was not.
    gates_missed,
}

/// Adds to a counter.
pub fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}
