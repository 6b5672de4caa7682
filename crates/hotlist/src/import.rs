//! Lists in: from the bytes of a file to entries, line by line, whatever the bytes are.
//!
//! Three steps. [`Understood::of`] looks at the beginning of a file and says what it takes it for: encoding,
//! delimiter, columns, what is missing, what is wrong with its first lines. A person looks at that and agrees on a
//! [`Mapping`]. [`Lines`] then reads the file with it, in one pass and in bounded memory, and gives [`Row`]s; what it
//! leaves out is in its [`Report`]. [`Comparison`] lays them beside what the list has, and says when a person should
//! look again before anything is taken.
//!
//! # What never comes out
//!
//! A row whose category the city has not adopted: it is dropped before its plate is looked at, and counted by
//! category. A row without an end, or one beyond the list's longest. No message names a plate.
//!
//! # Bounds
//!
//! A record of [`RECORD`] bytes, [`COLUMNS`] columns, a file of [`Rules::bytes`], [`Rules::entries`] rows, the first
//! [`PROBLEMS`] problems told and the rest counted. A line of 4 GB is read and not kept.

mod columns;
mod dates;
mod decode;
mod diff;
mod layouts;
mod lines;
mod records;

#[cfg(test)]
mod tests;

pub use columns::{Column, Field, Mapping, Understood};
pub use dates::{Clocks, DateOrder};
pub use decode::Encoding;
pub use diff::{AskFirst, Change, Comparison, Doubt, Found, Trace};
pub use layouts::Layout;
pub use lines::{Lines, Problem, Report, Row, Rules, Vehicle};

/// The longest record, in bytes of UTF-8.
pub const RECORD: usize = 64 * 1024;
/// The most columns of a record.
pub const COLUMNS: usize = 256;
/// Problems that are told one by one; further ones are counted.
pub const PROBLEMS: usize = 100;
