//! The reader at the roadside: frames in, sealed reads out, on a lease that the city signs.
//!
//! Holds: without a valid lease no frame is looked at; the key that signs reads lives in memory and
//! dies with its lease; a read is sealed to the city's key before it touches the disk, and leaves the
//! disk only when the city has said what became of it. No plate is in a log, a file or an error.
//! Not here: how frames are made (`camera`), how plates are read (`vision`).
//!
//! Threads of a camera: one takes frames and reads them; one keeps the lease, one waits for the city's word, one looks
//! for orders on sticks; one sends. They share a [`Counts`], a spool and the session of the lease in force. One more
//! serves the page of all cameras.

mod beat;
mod client;
mod config;
mod counts;
mod doctor;
mod enrol;
mod exposure;
mod fleet;
mod frames;
mod gates;
mod gateway;
mod health;
mod keeper;
mod lease;
mod link;
mod listen;
mod metrics;
mod ntp;
mod orders;
mod outbound;
mod outlet;
mod panel;
#[cfg(test)]
#[path = "tests/passes.rs"]
mod passes;
mod pipeline;
mod preview;
mod run;
mod session;
mod settings;
#[cfg(test)]
#[path = "tests/soak.rs"]
mod soak;
mod spool;
mod station;
mod trust;
mod uplink;
mod watch;
mod words;

pub use client::Client;
pub use config::{CameraConfig, FleetConfig};
pub use counts::{Counts, Summary};
pub use doctor::{Finding, Fit, Line, Stage, Surveyed, examine, survey};
pub use enrol::Enrolment;
pub use fleet::run_fleet;
pub use frames::FrameCounter;
pub use gateway::{
    DeviceClock, DeviceConfig, GatewayConfig, MqttConfig, Pass, PassOptions, Passes, run_gateway,
};
pub use health::{Hour, Report, Spread};
pub use lease::{Action, Event, Grant, Machine, State};
pub use orders::enter_order;
pub use outbound::LocalWebhook;
pub use run::{Code, Config, Ended, Say, run};
pub use settings::Settings;
pub use spool::{Full, Keep, Spool};
pub use trust::{silent, tls};
pub use uplink::{Batch, Ingested, LaterItem, RefusedItem, Uplink};
