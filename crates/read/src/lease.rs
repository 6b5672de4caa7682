//! Leases and orders: a camera works only while the city says so.

use base::{CameraId, LeaseId, OrderId, PersonId, PublicKey, Statement, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a camera asks for when it wants to go on: signed with its lasting device key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaseRequest {
    /// The camera.
    pub camera: CameraId,
    /// A fresh key that will sign the reads of this lease and die with it.
    pub capture_key: PublicKey,
    /// The camera's clock, so that the city can see how far off it is.
    pub at: Time,
}

impl Statement for LeaseRequest {
    const DOMAIN: &'static str = "homeplate/lease-request/v1";
}

/// The city's leave to capture: signed with the city's lease key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// The lease.
    pub id: LeaseId,
    /// The camera it is for.
    pub camera: CameraId,
    /// The key that may sign reads under it.
    pub capture_key: PublicKey,
    /// First moment at which a capture is covered.
    pub from: Time,
    /// First moment at which none is.
    pub until: Time,
    /// Public HPKE key that reads are sealed to on their way, base64.
    pub seal_key: String,
}

impl Statement for Lease {
    const DOMAIN: &'static str = "homeplate/lease/v1";
}

impl Lease {
    /// Whether a capture at `at` is covered.
    pub fn covers(&self, at: Time) -> bool {
        self.from <= at && at < self.until
    }
}

/// What is switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Partners may not ask.
    Sharing,
    /// Nobody may ask; counting goes on.
    Asking,
    /// One job sees no more passes.
    Job,
    /// A camera captures nothing.
    Capture,
}

/// Off or on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// Off: one authorised person suffices.
    Off,
    /// On again: needs the full number of signatures.
    On,
}

/// A person's order to switch something, signed with that person's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The order.
    pub id: OrderId,
    /// Off or on.
    pub power: Power,
    /// What is switched.
    pub level: Level,
    /// Which camera; every camera where it is absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub camera: Option<CameraId>,
    /// Who orders it.
    pub by: PersonId,
    /// When.
    pub at: Time,
    /// Why, in the person's words; it is public.
    pub reason: String,
}

impl Statement for Order {
    const DOMAIN: &'static str = "homeplate/order/v1";
}

/// A camera's last word: how many reads it made under a lease. Signed with the capture key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// The camera.
    pub camera: CameraId,
    /// The lease that ended.
    pub lease: LeaseId,
    /// The counter of its last read; 0 if it made none.
    pub counter: u64,
    /// When it stopped.
    pub at: Time,
}

impl Statement for Stop {
    const DOMAIN: &'static str = "homeplate/stop/v1";
}
