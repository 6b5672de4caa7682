//! From a picture to plates, and from plates over time to one read a vehicle.
//!
//! The chain: grey picture → [`detector`](detect) finds corners → the quad is warped flat
//! ([`warp`]) → the recogniser gives odds for every character ([`recognise`]) and a verdict whether
//! it is a plate at all; what it did not read surely it [looks at again](again) → [`Tracker`] follows a vehicle over frames and votes.
//! A [`Reader`] runs on one thread; a second thread takes a second reader.

mod again;
mod angle;
mod detect;
pub mod draw;
mod engine;
mod mask;
mod motion;
mod picture;
mod reader;
mod recognise;
mod scale;
mod track;
mod vehicle;
mod vote;
mod warp;

pub use engine::Engine;
pub use mask::Polygon;
pub use motion::{Blob, Motion, Moving, Scene, Vehicles};
pub use picture::{Flat, Picture, jpeg};
pub use reader::{Plate, Reader, ReaderOptions, Region};
pub use track::{LiveTrack, Shows, Track, TrackOptions, Tracker, Voted};
pub use vehicle::{Shown, VehiclePicture};
pub use warp::{Quad, centre, width};
