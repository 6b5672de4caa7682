//! Custody in this process.

pub const OWN: bool = false;

#[path = "kit.rs"]
mod kit;
#[path = "opening.rs"]
mod opening;
#[path = "retention.rs"]
mod retention;
#[path = "sealing.rs"]
mod sealing;
