//! What a plate is: its text, how sure a reader is of each character, which characters look alike,
//! which formats the plates of a region have, and how probable it is that two readings are of one plate.
//!
//! - [`Text`] normalises what was written; [`Odds`] say how sure a reader is of each character.
//! - [`look_alikes`] and [`confusion`] say what is taken for what; [`Belief`] is what odds are worth, once a
//!   reader's own record is known.
//! - [`regions`] are the serial formats as data; [`rank`] lets them weigh [`Odds`].
//! - [`Pattern`] is a plate with unknown characters; [`variants`] are what a plate is easily read as.
//! - [`same_plate`] compares two readings.
//!
//! Pure: no clock, no file, no network. The text of a plate is guarded: [`Text`] has no `Display`
//! and no `Serialize`, its `Debug` prints `Plate(7)`, and the only way to the letters is
//! [`Text::reveal`] with a [`Reason`].

mod alike;
mod belief;
mod formats;
mod odds;
mod pattern;
mod rank;
mod same;
mod text;

pub use alike::{confusion, look_alikes};
pub use belief::Belief;
pub use formats::{Format, Region, density, fits, fits_region, regions};
pub use odds::{Choice, Odds, OddsError, Reading};
pub use pattern::{Pattern, variants};
pub use rank::{Ranked, RegionError, RegionOdds, rank};
pub use same::{is_plate, same_plate};
pub use text::{Reason, Text, TextError};
