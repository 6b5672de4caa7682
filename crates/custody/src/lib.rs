//! Seals reads, makes index tokens, gives permits, destroys keys. No city key lives anywhere else.
//!
//! Holds: a read is opened only by the holder of a [`Permit`], and there is no permit without an
//! entry of the public log *and* our own `Allow` by our own copy of the rules. A permit opens single
//! reads: those of its cameras, in its time, that carry one of its tokens, or that custody itself found
//! by comparing readings with a pattern ([`Custody::scan`]). Bodies never pass
//! through here; what is handed out is keys. A key is on disk before anything is sealed under it,
//! and what was sealed under a destroyed one is gone, from backups too.
//! What a hostile store says about a read (its tokens, its camera, its counter) goes into the
//! derivation of the read's key: a lie gives a key that opens nothing.
//!
//! Not here: HTTP, SQL, who is signed in, when a retention ends.
//! Formats: `ref/sealed-v1.md`.

mod adopt;
mod custody;
mod file;
#[cfg(test)]
mod golden;
mod hold;
mod keeper;
mod kek;
mod keys;
mod marks;
mod paper;
mod permit;
mod recovery;
mod scan;
mod seal;
mod sealed;
mod token;
mod wire;

pub use adopt::{InForce, Keep};
pub use custody::{Custody, Options, Sort, Terms, open_record};
pub use hold::{HoldPermit, open_held, seal_hold};
pub use keeper::{Arrived, Keeper, Opened};
pub use kek::{Kek, TokenPlace};
pub use marks::{Marks, seal_own};
pub use paper::{Share, join, split};
pub use permit::{Permit, ReadKey};
pub use recovery::{Recovery, Rescue, recovery_of, rescue, set_recovery};
pub use scan::Scanned;
pub use sealed::{Found, HeldRead, SealedBatch, SealedHit, SealedRead, SealedSegment, Token};
pub use wire::{Guests, Remote, serve};
