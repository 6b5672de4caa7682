//! All persistence of a city, and the only place with SQL and with objects.
//!
//! Holds: a batch is in the database of its day whole or not at all, and for good when
//! [`Store::put_batch`] returns; sending it again changes nothing. What the jobs left behind lies in
//! the same transaction, and [`Store::relay`] applies it to the control data exactly once, because
//! its position moves in the transaction that applies it. Sealed reads are found only with a
//! [`custody::Permit`]. The hot list is the only database with a
//! plate in the clear.
//!
//! Two engines, chosen by [`Place`]; a folder of SQLite files, or schemas of a PostgreSQL server:
//!
//! ```text
//! lock                  (advisory lock)          held while a process has the store open
//! control.db            homeplate                cameras, leases, people, hits, halves of log entries
//! hotlist.db            homeplate_hotlist        hot lists, what came in and what was found
//! reads/2026-11-23.db   homeplate_d2026_11_23    one UTC day of sealed reads
//! ```
//!
//! Sealed pictures lie beside either, as [`Pictures`] says: files of a folder or objects of an S3
//! service. They are there before the transaction that names them.
//!
//! Not here: keys, who may see what, when a retention ends. `engine` is the seam between the two;
//! the modules above it are written once. A call blocks, and must not be made on a thread that runs
//! an asynchronous runtime.

mod admission;
mod control;
mod copying;
mod days;
mod depot;
mod drills;
mod engine;
mod fetches;
mod hits;
mod holds;
mod hotlist;
mod lists;
mod open;
mod outbox;
mod oversight;
mod pictures;
mod places;
mod put;
mod reads;
mod records;
mod relay;
mod rows;
mod scan;
mod wanted;

pub use copying::Followable;
pub use depot::Depot;
pub use engine::{Changed, Place, Schema, Still, Url, forget, keep, put_back, rehearse, schemas};
pub use hotlist::{EntriesMark, ListsBeside};
pub use open::Store;
pub use outbox::{BrowserRow, MessageRow, RingRow, SentRow};
pub use pictures::{PictureCheck, Pictures, S3};
pub use rows::{
    AlarmRow, AskRow, CameraRow, DeviceRow, DrillAnswerRow, DrillRow, EntryRow, FetchRow,
    HitChange, HitRow, HoldRow, ImportRow, LeaseRow, MachineRow, OrderRow, OwnPlateRow, PersonRow,
    PlaceRow, RecordRow, RecoveryRow, Search, Stored, SuspensionRow, TombstoneRow, WantedRow,
};

#[cfg(test)]
mod tests;
