//! What a plate is: its text, how sure a reader is of each character, which characters look alike,
//! and how probable it is that a read and a listed plate are the same.
//!
//! Pure: no clock, no file, no network. The text of a plate is guarded: [`Text`] has no `Display`
//! and no `Serialize`, its `Debug` prints `Plate(7)`, and the only way to the letters is
//! [`Text::reveal`] with a [`Reason`].

mod alike;
mod formats;
mod odds;
mod rank;
mod same;
mod text;

pub use alike::{confusion, look_alikes};
pub use formats::{Format, Region, fits, regions};
pub use odds::{Choice, Odds, OddsError, Reading};
pub use rank::{Ranked, RegionError, RegionOdds, rank};
pub use same::same_plate;
pub use text::{Reason, Text, TextError};
