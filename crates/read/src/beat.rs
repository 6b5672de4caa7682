//! How a camera is doing, as it tells its city once a minute: numbers and words of fixed lists, so that no
//! plate can be in it.

use crate::watch::Held;
use base::{Error, Result, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a camera's picture is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SceneState {
    /// As it should be, or nothing is seen because nothing is captured.
    #[default]
    Ok,
    /// Something covers the lens.
    Blocked,
    /// It looks elsewhere than it did.
    Moved,
    /// Too dark for plates.
    Dark,
    /// A low sun or a lamp blinds it.
    Glaring,
    /// Out of focus, or its window is dirty.
    Blurred,
}

/// How a camera stands with its lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LeaseState {
    /// It never had one since it was started.
    #[default]
    NoLease,
    /// It may capture.
    Leased,
    /// The city, or somebody with a stick, has switched it off.
    Off,
    /// Its lease ran out before another came.
    Expired,
}

/// A camera's health at one moment. The request that carries it is signed with the device key, over its bytes.
///
/// Fields that this version does not know are ignored, so that a camera may be newer than its city; what they say is
/// dropped here and kept nowhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Heartbeat {
    /// Version of this form: 1.
    pub v: u32,
    /// The camera's clock.
    pub at: Time,
    /// Which software reads it, as `1.2.3`.
    pub version: String,
    /// How it stands with its lease.
    pub lease: LeaseState,
    /// Since when nothing is captured; absent while something is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub off_since: Option<Time>,
    /// Whether what captures is a foreign device: then nothing is known of its picture.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub foreign: bool,
    /// Whether frames come.
    pub live: bool,
    /// Frames a second that were looked at, over the last ten seconds.
    pub fps: f32,
    /// Frames that came since the reader was started.
    pub frames: u64,
    /// Of those, how many were dropped because the machine was busy.
    pub dropped: u64,
    /// How often the stream was begun anew.
    pub restarts: u64,
    /// What the picture is like.
    pub scene: SceneState,
    /// Of the last two hours: the middle of the widths of plates, in pixels.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plate_px: Option<f32>,
    /// Of the last two hours: the middle of the plates' sharpness; 0.14 and more is sharp.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sharpness: Option<f32>,
    /// Of the last two hours: passes that were read.
    pub read: u64,
    /// Of the last two hours: passes that were not.
    pub unread: u64,
    /// When a read was last made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_read: Option<Time>,
    /// The camera's clock less the city's in milliseconds, as of the last lease.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub clock_offset_ms: Option<i64>,
    /// Whether the machine's clock is kept by NTP; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub clock_kept: Option<bool>,
    /// Where who aimed the camera says that it hangs: latitude and longitude in degrees (WGS 84).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<[f64; 2]>,
    /// Sealed reads that wait at the camera.
    pub waiting: u64,
    /// Reads lost since the reader was started: the spool was full, or no lease covered them.
    pub lost: u64,
    /// Reads since the reader was started that the city refused for good.
    #[serde(skip_serializing_if = "crate::is_zero", default)]
    pub refused: u64,
    /// Reads since the reader was started that were dropped in memory, because a camera that keeps hits alone
    /// found them on no list.
    #[serde(skip_serializing_if = "crate::is_zero", default)]
    pub not_kept: u64,
    /// What a camera that keeps hits alone compares with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub watch: Option<Held>,
}

impl Heartbeat {
    /// The version of this form.
    pub const V: u32 = 1;

    /// Whether it is one that a camera of ours can say: nothing in it is free text.
    pub fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::invalid(format!("This is no health report: {what}.")));
        let parts: Vec<&str> = self.version.split('.').collect();
        let number = |part: &&str| (1..=5).contains(&part.len()) && part.parse::<u16>().is_ok();
        let good = |v: f32, most: f32| (0.0..=most).contains(&v);
        match () {
            () if self.v != Self::V => wrong("this city takes those of version 1"),
            () if parts.len() != 3 || !parts.iter().all(number) => {
                wrong("the version is three numbers")
            }
            () if !good(self.fps, 1000.0) => wrong("frames a second are 0 to 1000"),
            () if !self.plate_px.is_none_or(|w| good(w, 65_000.0)) => wrong("so wide is no plate"),
            () if !self.sharpness.is_none_or(|s| good(s, 100.0)) => wrong("so sharp is no plate"),
            () if self.place.is_some_and(|[a, b]| !(a.abs() <= 90.0 && b.abs() <= 180.0)) => {
                wrong("this is no place on Earth")
            }
            () => Ok(()),
        }
    }

    /// Share of the passes that were read, of ten or more.
    pub fn share(&self) -> Option<f32> {
        let all = self.read.saturating_add(self.unread);
        (all >= 10).then(|| self.read as f32 / all as f32)
    }
}

#[cfg(test)]
pub(crate) fn example() -> Heartbeat {
    Heartbeat {
        v: 1,
        at: Time::from_millis(1_795_420_800_000),
        version: "0.1.0".into(),
        lease: LeaseState::Leased,
        off_since: None,
        foreign: false,
        live: true,
        fps: 9.8,
        frames: 1000,
        dropped: 3,
        restarts: 0,
        scene: SceneState::Ok,
        plate_px: Some(92.0),
        sharpness: Some(0.2),
        read: 19,
        unread: 1,
        last_read: None,
        clock_offset_ms: Some(-12),
        clock_kept: Some(true),
        place: Some([38.5449, -121.7405]),
        waiting: 0,
        lost: 0,
        refused: 0,
        not_kept: 0,
        watch: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_and_known_words() {
        let good = example();
        good.check().unwrap();
        assert_eq!(good.share(), Some(0.95));
        let text = serde_json::to_string(&good).unwrap();
        assert_eq!(serde_json::from_str::<Heartbeat>(&text).unwrap(), good);
        for version in ["7ABC128", "1.2", "1.2.3.4", "1.2.x", "1..3", "1.2.123456", ""] {
            let bad = Heartbeat { version: version.into(), ..good.clone() };
            assert!(bad.check().is_err(), "{version}");
        }
        for bad in [
            Heartbeat { v: 2, ..good.clone() },
            Heartbeat { fps: f32::NAN, ..good.clone() },
            Heartbeat { fps: -1.0, ..good.clone() },
            Heartbeat { place: Some([38.0, 181.0]), ..good.clone() },
            Heartbeat { plate_px: Some(1e9), ..good.clone() },
            Heartbeat { sharpness: Some(f32::INFINITY), ..good.clone() },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
        let free = text.replace("\"ok\"", "\"7ABC128\"");
        assert!(serde_json::from_str::<Heartbeat>(&free).is_err());
    }

    /// A newer camera says more than its city understands: that is dropped, and the rest counts.
    #[test]
    fn what_is_unknown_is_dropped() {
        let text = serde_json::to_string(&example()).unwrap();
        for more in ["\"note\":\"7ABC128\"", "\"lens\":{\"v\":2,\"plates\":[\"7ABC128\"]}"] {
            let newer = text.replace("{\"v\"", &format!("{{{more},\"v\""));
            assert_ne!(newer, text);
            let read: Heartbeat = serde_json::from_str(&newer).unwrap();
            assert_eq!(read, example());
            assert!(!serde_json::to_string(&read).unwrap().contains("7ABC128"));
        }
    }
}
