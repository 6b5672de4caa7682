//! For tests and the demo alone: a rendered street with its truth, folders, ports and processes that
//! clean up after themselves. Nothing that a city runs links this.

mod process;
pub mod street;

pub use process::{Process, free_port};
pub use tempfile::{TempDir, tempdir};
