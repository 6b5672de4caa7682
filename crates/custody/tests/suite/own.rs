//! Custody behind a socket.

pub const OWN: bool = true;

#[path = "kit.rs"]
mod kit;
#[path = "opening.rs"]
mod opening;
#[path = "sealing.rs"]
mod sealing;
#[path = "socket.rs"]
mod socket;
