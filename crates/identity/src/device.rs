//! Devices: a wall, a desk, a car. An administrator says what a device is; nobody's browser does.

use base::{DeviceId, Error, PersonId, Result, Time};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Where a device stands, and so when it locks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceClass {
    /// In a room that the city controls: open for a shift.
    Desk,
    /// In a car that the city controls: open for a shift.
    Vehicle,
    /// A wall: never locks, shows hits and cannot act.
    ReceiveOnly,
    /// Anything else: locks after half an hour without use.
    #[default]
    Other,
}

impl DeviceClass {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Desk, Self::Vehicle, Self::ReceiveOnly, Self::Other];

    /// As it is spelled everywhere.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Desk => "desk",
            Self::Vehicle => "vehicle",
            Self::ReceiveOnly => "receive-only",
            Self::Other => "other",
        }
    }
}

impl FromStr for DeviceClass {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|class| class.slug() == text).ok_or_else(|| {
            Error::invalid("A device is of the class desk, vehicle, receive-only or other.")
        })
    }
}

/// A device that an administrator registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The device.
    pub id: DeviceId,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub class: DeviceClass,
    /// Who registered it.
    pub by: PersonId,
    /// When.
    pub made: Time,
    /// Since when it is one no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Time>,
}
