//! What a camera says, and what it may say: reads in wire format v1, the leases and orders that
//! let it speak or silence it, envelopes sealed to the city's key, and what a job sees of a read.
//!
//! Pure: no clock, no file, no network.

mod envelope;
mod job;
mod lease;
mod order;
mod wire;

pub use envelope::{OpenKey, SealKey, Sealed};
pub use job::{Basis, Effect, Job, Pass, StateBasis, TextBasis, hit_id};
pub use lease::{CameraOff, Lease, LeaseRequest, SpoolState, Stop};
pub use order::{Authority, Level, Officer, Order, OrderFile, Power, SpoolOrder, Word};
pub use wire::{Direction, Read, Sighting, SignedRead};
