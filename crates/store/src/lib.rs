//! All persistence of a city, and the only place with SQL.
//!
//! Holds: a batch is in the file of its day whole or not at all, and for good when
//! [`Store::put_batch`] returns; sending it again changes nothing. What the jobs left behind lies in
//! the same transaction, and [`Store::relay`] applies it to the control data exactly once, because
//! its position moves in the transaction that applies it. Sealed reads are found only with a
//! [`custody::Permit`]. The hot list is the only file with a plate in the clear.
//!
//! The folder:
//!
//! ```text
//! lock                    held while a process has the store open
//! control.db              cameras, leases, people, hits, private halves of log entries
//! hotlist.db              the hot list
//! reads/2026-11-23.db     one UTC day of sealed reads
//! ```
//!
//! Not here: keys, who may see what, when a retention ends. `engine` is the seam for other
//! databases; the modules above it are written once.

mod control;
mod days;
mod engine;
mod hits;
mod hotlist;
mod open;
mod reads;
mod records;
mod relay;
mod rows;
mod scan;

pub use open::Store;
pub use rows::{
    CameraRow, EntryRow, HitRow, LeaseRow, OrderRow, PersonRow, RecordRow, Search, Stored,
};

#[cfg(test)]
mod tests;
