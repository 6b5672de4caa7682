//! For tests and the demo alone: a rendered street with its truth, an authenticator without hardware, mail and web servers,
//! folders, ports, processes and PostgreSQL databases that clean up after themselves. Nothing that a city runs links this.

mod authenticator;
pub mod peers;
pub mod postgres;
mod process;
pub mod street;

pub use authenticator::{Authenticator, Flags};
pub use process::{Process, free_port};
pub use tempfile::{TempDir, tempdir};
