//! What every room of Homeplate shares: time, shutdown, typed ids, error kinds, redaction,
//! their schemas, canonical bytes, statements signed over them, and durable files. Nothing else, ever; and nothing here knows what a plate is.

mod canon;
mod error;
mod files;
mod ids;
mod machine;
mod redact;
mod schema;
mod shutdown;
mod sign;
mod time;

pub use canon::{CanonError, b64, b64url, canonical, hex, mac, sha256, sha256_of, unb64, unb64url};
pub use error::{Error, Kind, Result};
pub use files::{disk_room, read_secret, write_atomic, write_secret};
pub use ids::{
    CameraId, DeviceId, DrillId, EntryId, HitId, HoldId, IdError, LeaseId, ListId, OrderId,
    PersonId, ReadId, SegmentId, TokenId,
};
pub use machine::clock_is_kept;
pub use redact::Secret;
pub use shutdown::Shutdown;
pub use sign::{PublicKey, Signed, SigningKey, Statement, es256_verifies, random};
pub use time::{Clock, Day, Epoch, ManualClock, SystemClock, Time};
