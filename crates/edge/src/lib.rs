//! The reader at the roadside: frames in, sealed reads out, on a lease that the city signs.
//!
//! Holds: without a valid lease no frame is looked at; the key that signs reads lives in memory and
//! dies with its lease; a read is sealed to the city's key before it touches the disk, and leaves the
//! disk only when the city has said what became of it. No plate is in a log, a file or an error.
//! Not here: how frames are made (`camera`), how plates are read (`vision`).
//!
//! Threads: the caller's takes frames and reads them; one keeps the lease; one sends; with a preview,
//! one listens. They share a [`Counts`], a spool and the session of the lease in force.

mod client;
mod counts;
mod enrol;
mod gateway;
mod keeper;
mod lease;
mod outbound;
mod pipeline;
mod preview;
mod run;
mod session;
mod spool;
mod uplink;

pub use client::{Client, tls};
pub use counts::{Counts, Summary};
pub use enrol::Enrolment;
pub use gateway::{
    DeviceClock, DeviceConfig, GatewayConfig, MqttConfig, Pass, PassOptions, Passes, run_gateway,
};
pub use lease::{Action, Event, Grant, Machine, State};
pub use outbound::{Allowed, LocalWebhook};
pub use run::{Config, Ended, Say, run};
pub use spool::Spool;
pub use uplink::{Batch, Ingested, RefusedItem, Uplink};
