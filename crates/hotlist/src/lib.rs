//! Finds listed plates among passes, and says how sure it is and why.
//!
//! Pure: no clock, no file, no network. What is looked for is one value that is swapped whole; what comes out
//! is effects with ids, a probability and how it came about, never a plate. A look-alike is proposed as far as
//! the reader's odds and record carry it, and no further. The plates of a list are in memory only, and wiped.
//!
//! [`import`] reads the files that lists come in.
//!
//! Read [`HotList`] first, then `model` for the probability and `table` for where ten million plates lie.
//! `design/0014-matching.md` says what else was considered.

mod budget;
mod entry;
pub mod import;
mod index;
mod key;
mod matcher;
mod model;
mod partials;
mod search;
mod table;
mod whole;

pub use budget::{Tally, first_threshold};
pub use entry::{Entry, Terms, Tombstone};
pub use index::{Found, Loaded};
pub use matcher::HotList;
pub use model::Prior;
pub use whole::whole_plates;
