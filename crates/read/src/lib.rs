//! What a camera says, and what it may say: reads in wire format v1, the leases and orders that
//! let it speak or silence it, envelopes sealed to the city's key, and what a job sees of a read.
//!
//! Pure: no clock, no file, no network.

mod beat;
mod envelope;
mod job;
mod lease;
mod order;
mod watch;
mod wire;

pub use beat::{Heartbeat, LeaseState, SceneState};
pub use envelope::{OpenKey, SealKey, Sealed};
pub use job::{Basis, Effect, Job, Pass, StateBasis, TextBasis, hit_id};
pub use lease::{CameraOff, Gate, Lease, LeaseRequest, SpoolState, Stop};
pub use order::{
    Authority, Holder, Level, Officer, Order, OrderFile, Passkeys, Power, SpoolOrder, Touched, Word,
};
pub use watch::{Held, HitsOnly, WatchAsk, WatchHead, WatchSet, Without, watch_hash, watch_tokens};
pub use wire::{Direction, Read, Sighting, SignedRead};

/// For counts that are left out where there is nothing to count.
fn is_zero(n: &u64) -> bool {
    *n == 0
}
