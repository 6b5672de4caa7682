//! Finds listed plates among passes, and says how sure it is and why.
//!
//! Pure: no clock, no file, no network. What is looked for is one value that is swapped whole; what comes out
//! is effects with ids, a probability and how it came about, never a plate. A look-alike is proposed as far as
//! the reader's odds and record carry it, and no further. The plates of a list are in memory only, and wiped.
//!
//! [`import`] reads the files that lists come in.
//!
//! Read [`HotList`] first, then `model` for the probability and `table` for where ten million plates lie; [`Card`] is what
//! people say of a hit, and `queue` the order in which they are asked.
//! `design/0014-matching.md` says what else was considered.

mod budget;
mod card;
mod entry;
pub mod import;
mod index;
mod key;
mod matcher;
mod model;
mod partials;
mod queue;
mod search;
mod states;
mod table;
mod whole;

pub use budget::{Tally, first_threshold};
pub use card::{
    Act, Around, Card, Compared, EyesAnswer, HitFinding, HitOutcome, HitState, ListAction,
    RECORD_MS, RecordAnswer, Remark, Say, Stamp, Stamps, What,
};
pub use entry::{Entry, Terms, Tombstone};
pub use index::{Found, Loaded};
pub use matcher::HotList;
pub use model::Prior;
pub use queue::{Doubt, INCIDENT_MS, Sighted, doubts, incidents, must_type, urgency};
pub use states::{state_code, states_contradict};
pub use whole::{spellings, whole_plates};
