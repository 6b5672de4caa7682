//! Whole flows over loopback with the real executables.

mod browser;
mod fleet;
mod interface;
mod story;
mod world;
