//! From a picture to plates, and from plates over time to one read a vehicle.
//!
//! The chain: grey picture → [`detector`](detect) finds corners → the quad is warped flat
//! ([`warp`]) → the recogniser gives odds for every character ([`recognise`]) and a verdict whether
//! it is a plate at all → [`Tracker`] follows a vehicle over frames and votes.
//! A [`Reader`] runs on one thread; a second thread takes a second reader.

mod detect;
pub mod draw;
mod engine;
mod picture;
mod reader;
mod recognise;
mod scale;
mod track;
mod vote;
mod warp;

pub use engine::Engine;
pub use picture::{Flat, Picture, jpeg};
pub use reader::{Plate, Reader, ReaderOptions, Region};
pub use track::{LiveTrack, Track, TrackOptions, Tracker, Voted};
pub use warp::Quad;
