//! Whole flows over loopback with the real executables.

mod browser;
mod story;
mod world;
