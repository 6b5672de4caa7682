//! For tests and the demo alone: an authenticator without hardware, mail and web servers, an S3 service, the rendered
//! street, folders, ports, processes and PostgreSQL databases that clean up after themselves. Nothing that a city runs
//! links this.

mod authenticator;
#[cfg(feature = "bucket")]
pub mod bucket;
pub mod peers;
pub mod postgres;
mod process;

pub use authenticator::{Authenticator, Flags};
pub use process::{Process, free_port};
pub use street;
pub use tempfile::{TempDir, tempdir};
