//! Leases: a camera works only while the city says so, and counts the frames that it pulls meanwhile.

use crate::order::Authority;
use base::{CameraId, LeaseId, OrderId, PublicKey, Statement, Time};
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
    /// How many frames the device has pulled in all its life; absent where it cannot count them. It never
    /// goes back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub frames: Option<u64>,
    /// Whether what captures is a foreign device that the asker cannot stop: it only takes its reads.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub foreign: bool,
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
    /// First moment at which none is. It never reaches beyond a scheduled order to switch off.
    pub until: Time,
    /// Public HPKE key that reads are sealed to on their way, base64.
    pub seal_key: String,
    /// Whose order on a stick stops the camera where no line reaches it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub authority: Option<Authority>,
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

/// What became of the sealed reads that a camera has not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SpoolState {
    /// They lie sealed at the camera.
    Kept,
    /// They were erased.
    Erased,
}

impl SpoolState {
    /// As log and wire spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            SpoolState::Kept => "kept",
            SpoolState::Erased => "erased",
        }
    }
}

/// A camera's last word under a lease: how many reads it made. Signed with the capture key.
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
    /// How many frames the device has pulled in all its life: the last one's number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub frames: Option<u64>,
    /// What became of what was not delivered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub spool: Option<SpoolState>,
}

impl Statement for Stop {
    const DOMAIN: &'static str = "homeplate/stop/v1";
}

/// A camera says that it is off, and which order it has heard. Signed with the device key, after the last
/// frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CameraOff {
    /// The camera.
    pub camera: CameraId,
    /// The order that it follows, where it knows one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order: Option<OrderId>,
    /// How many frames the device has pulled in all its life: the last one's number.
    pub frames: u64,
    /// When it says so.
    pub at: Time,
    /// What became of what was not delivered.
    pub spool: SpoolState,
    /// How many sealed reads were erased.
    pub erased: u64,
}

impl Statement for CameraOff {
    const DOMAIN: &'static str = "homeplate/camera-off/v1";
}
