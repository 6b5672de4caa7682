//! Finds listed plates among passes, and says how sure it is.
//!
//! Pure: no clock, no file, no network. A list is swapped whole; what comes out is effects with ids
//! and a probability, never a plate. A look-alike is proposed as far as the reader's own odds carry
//! it, and no further. The letters of a list are in memory only, under `plate::Text`'s guard.

mod index;
mod matcher;

pub use index::Entry;
pub use matcher::HotList;
