//! Whole flows over loopback with the real executables.

mod browser;
mod interface;
mod story;
mod world;
