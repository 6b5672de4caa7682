//! The public log: what the city did, in an order that nobody can change afterwards.
//!
//! One entry is one [`Leaf`]: a few public facts and at most a commitment to a private body that is
//! kept elsewhere. The entries lie in plain files in the C2SP `tlog-tiles` layout under a signed
//! `tlog-checkpoint`, so copying the folder, serving it from any web server and checking it with
//! somebody else's program just work (`ref/log-v1.md` has every byte).
//!
//! Holds:
//! - [`Log::append`] returns only what is on disk under a signed checkpoint, with the proof of it;
//! - whatever moment the process dies at, [`Log::open`] finds the last checkpoint whole;
//! - every public figure is computed leaf by leaf ([`Figures::add`]), so [`verify()`] comes to the same;
//! - one byte changed anywhere in the folder is noticed by [`verify()`].
//!
//! Not here: who may append, what a body says, HTTP. A restored older copy of the whole folder is
//! consistent in itself; only a witness outside can notice it.

mod cosign;
mod counters;
mod drills;
mod entry;
mod figures;
mod hidden;
mod leaf;
mod log;
mod lottery;
mod memory;
mod notes;
mod objects;
mod orders;
mod papers;
mod quorum;
mod receipt;
mod scan;
mod shared;
mod tree;
mod verify;
mod witness;

pub use cosign::WitnessKey;
pub use counters::{Counted, Miscount};
pub use drills::{DeskTally, Drills, drill_answer, drill_right};
pub use entry::Entry;
pub use figures::{
    Audit, CameraState, Figures, Gap, Judged, Misreads, Predecessor, Rules, Scheduled, Software,
};
pub use hidden::{HIDDEN, REVEALED};
pub use leaf::{Leaf, commitment};
pub use log::{Log, Show};
pub use lottery::{Draw, draw};
pub use memory::Memory;
pub use notes::key_in;
pub use objects::{Folder, Guard, Objects};
pub use orders::{Off, Orders, Planned, cameras_of, moment};
pub use quorum::{Policy, Witnessed};
pub use verify::{Report, Seen, verify, verify_each, verify_each_from, verify_from, verify_since};
pub use witness::{Following, Reply, Witness};
