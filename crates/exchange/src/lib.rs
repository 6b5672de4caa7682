//! Foreign formats in and out. Pure: bytes in, values out; no clock, no file, no network.
//!
//! - [`inbound`]: what other makers' readers say of a plate, as [`inbound::Seen`].
//! - [`outbound`]: our reads as documents that gates and existing tools understand.
//!
//! Whatever comes in is hostile until it is read: every size is bounded, every error names the field
//! or the line and never what stood there, because what stood there may be a plate.

pub mod inbound;
pub mod outbound;
