//! Leases: a camera works only while the city says so, and counts the frames that it pulls meanwhile.

use crate::order::Authority;
use crate::watch::HitsOnly;
use base::{CameraId, Error, LeaseId, OrderId, PublicKey, Result, Statement, Time};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
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
    /// How often that count has jumped ahead, because the power was cut.
    #[serde(skip_serializing_if = "crate::is_zero", default)]
    pub jumps: u64,
    /// Whether what captures is a foreign device that the asker cannot stop: it only takes its reads.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub foreign: bool,
    /// Which newer parts of a lease the asker understands. It refuses one with a part that it does not know, since
    /// that might say less may be captured; so it is sent none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub knows: Vec<String>,
}

impl LeaseRequest {
    /// [`crate::Authority::passkeys`].
    pub const PASSKEYS: &'static str = "passkeys";

    /// Whether the asker understands a part.
    pub fn knows(&self, part: &str) -> bool {
        self.knows.iter().any(|known| known == part)
    }
}

impl Gate {
    /// Whether an address is one that reads may leave to: of this machine or a private network, written as
    /// numbers (a name could be made to point elsewhere).
    pub fn check(to: &str) -> Result<()> {
        let wrong = || {
            Error::invalid(
                "Give an address of the local network in numbers: http://192.168.1.9:8000/gate.",
            )
        };
        let rest = to.strip_prefix("http://").ok_or_else(wrong)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']').map(|(host, _)| host).ok_or_else(wrong)?,
            None => authority.split(':').next().unwrap_or_default(),
        };
        let near = match host.parse().map_err(|_| wrong())? {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
            IpAddr::V6(ip) => {
                ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
            }
        };
        if near && to.len() <= 200 { Ok(()) } else { Err(wrong()) }
    }
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
    /// Present where the camera keeps nothing but what is on a hot list.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hits_only: Option<HitsOnly>,
    /// The city's rule leaves windscreens and faces in the pictures that go with reads.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub clear_pictures: bool,
    /// Where reads may leave to beside the camera. Nowhere else.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub gates: Vec<Gate>,
}

/// A gate or tool on the camera's own network that the city lets its reads be told to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Its address, as `http://192.168.1.9:8000/gate`.
    pub to: String,
    /// First moment at which reads leave no longer.
    pub until: Time,
}

impl Statement for Lease {
    const DOMAIN: &'static str = "homeplate/lease/v1";
}

impl Lease {
    /// Whether a read of `at` may be told to this address, now.
    pub fn lets_out(&self, to: &str, at: Time, now: Time) -> bool {
        let open = |gate: &Gate| gate.to == to && at < gate.until && now < gate.until;
        self.covers(at) && self.covers(now) && self.gates.iter().any(open)
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use base::SigningKey;

    #[test]
    fn only_the_local_network_and_only_in_numbers() {
        for good in [
            "http://127.0.0.1:1/x",
            "http://10.1.2.3",
            "http://[fd00::1]:80/",
            "http://169.254.1.1/",
        ] {
            assert!(Gate::check(good).is_ok(), "{good}");
        }
        for bad in [
            "https://10.1.2.3",
            "http://8.8.8.8/",
            "http://gate.local/",
            "http://localhost/",
            "http://10.1.2.3@8.8.8.8/",
            "http://[2001:db8::1]/",
            "http://172.32.0.1/",
            "",
        ] {
            assert!(Gate::check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn reads_leave_where_the_lease_says_so_and_while_it_lasts() {
        let t = |s: i64| Time::from_millis(1_795_420_800_000 + s * 1000);
        let gate = |to: &str, until| Gate { to: to.into(), until: t(until) };
        let lease = Lease {
            id: LeaseId::new(t(0), [1; 10]),
            camera: "cam_a".parse().unwrap(),
            capture_key: SigningKey::generate().public(),
            from: t(0),
            until: t(100),
            seal_key: String::new(),
            authority: None,
            hits_only: None,
            clear_pictures: false,
            gates: vec![gate("http://10.0.0.1/a", 50), gate("http://10.0.0.1/b", 500)],
        };
        let check = |to: &str, at: i64, now: i64, want: bool| {
            assert_eq!(lease.lets_out(to, t(at), t(now)), want, "{to} {at} {now}");
        };
        check("http://10.0.0.1/a", 10, 11, true);
        check("http://10.0.0.1/a", 49, 51, false);
        check("http://10.0.0.1/b", 49, 51, true);
        check("http://10.0.0.1/b", 99, 101, false);
        check("http://10.0.0.1/b", -1, 1, false);
        check("http://10.0.0.1/c", 10, 11, false);
    }
}
