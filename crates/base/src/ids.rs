//! Typed ids: a short prefix says what is named, so that a camera can never be passed as a list.
//!
//! Two sorts. A *chosen* id (`cam_main-st-1`) has a body of 1 to 40 characters `a-z 0-9 -` that a
//! person may pick. A *timed* id (`rd_0192f0c1…`) has a UUIDv7 as body (32 hex digits); its first 48
//! bits are the UTC milliseconds of its making, so the day partition follows from the id alone.

use crate::{Day, Time};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Why a text is not an id of the wanted sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The prefix is missing or that of another sort of thing.
    #[error("expected an id that starts with \"{0}_\"")]
    Prefix(&'static str),
    /// The part behind the prefix is not well formed.
    #[error("the part behind \"{0}_\" is malformed")]
    Body(&'static str),
}

macro_rules! common {
    ($name:ident, $prefix:literal) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! chosen_ids { ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => { $(
    $(#[$doc])*
    #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub struct $name(String);
    impl $name {
        /// The prefix of this sort of id, without the underscore.
        pub const PREFIX: &'static str = $prefix;
        /// The id with its prefix, as it is written everywhere.
        pub fn as_str(&self) -> &str { &self.0 }
    }
    impl fmt::Display for $name {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
    }
    impl FromStr for $name {
        type Err = IdError;
        fn from_str(s: &str) -> Result<Self, IdError> {
            let body = s.strip_prefix(concat!($prefix, "_")).ok_or(IdError::Prefix($prefix))?;
            let fine = (1..=40).contains(&body.len())
                && body.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if fine { Ok(Self(s.to_owned())) } else { Err(IdError::Body($prefix)) }
        }
    }
    common!($name, $prefix);
)* } }

macro_rules! timed_ids { ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => { $(
    $(#[$doc])*
    #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub struct $name(Uuid);
    impl $name {
        /// The prefix of this sort of id, without the underscore.
        pub const PREFIX: &'static str = $prefix;
        /// A fresh id that carries `at`; `random` fills the 74 bits that are not time.
        pub fn new(at: Time, random: [u8; 10]) -> Self {
            let ms = u64::try_from(at.millis()).unwrap_or(0);
            Self(uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
        }
        /// The millisecond that the id carries.
        pub fn time(&self) -> Time {
            let b = self.0.as_bytes();
            let ms = b[..6].iter().fold(0i64, |acc, x| (acc << 8) | i64::from(*x));
            Time::from_millis(ms)
        }
        /// The UTC day that the id carries: the partition it lives in.
        pub fn day(&self) -> Day { self.time().day() }
        /// The sixteen bytes, as stored and as bound into sealed bodies.
        pub fn bytes(&self) -> &[u8; 16] { self.0.as_bytes() }
        /// The id behind stored bytes; only version 7 is accepted.
        pub fn from_bytes(bytes: [u8; 16]) -> Result<Self, IdError> {
            let id = Uuid::from_bytes(bytes);
            if id.get_version_num() == 7 { Ok(Self(id)) } else { Err(IdError::Body($prefix)) }
        }
    }
    impl fmt::Display for $name {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, concat!($prefix, "_{}"), self.0.simple())
        }
    }
    impl FromStr for $name {
        type Err = IdError;
        fn from_str(s: &str) -> Result<Self, IdError> {
            let body = s.strip_prefix(concat!($prefix, "_")).ok_or(IdError::Prefix($prefix))?;
            // One spelling per id: 32 lower-case hex digits, no hyphens, or signatures would differ.
            let fine = body.len() == 32
                && body.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            let id = if fine { Uuid::try_parse(body).ok() } else { None };
            id.and_then(|id| Self::from_bytes(id.into_bytes()).ok()).ok_or(IdError::Body($prefix))
        }
    }
    common!($name, $prefix);
)* } }

chosen_ids! {
    /// A camera: one lens at one place.
    CameraId = "cam";
    /// A hot list.
    ListId = "lst";
    /// One line of a hot list.
    EntryId = "ent";
    /// A person with a key.
    PersonId = "per";
    /// A registered device.
    DeviceId = "dev";
    /// A machine token.
    TokenId = "hpt";
}

timed_ids! {
    /// One read: one vehicle that passed one camera.
    ReadId = "rd";
    /// A run of reads sealed under one key.
    SegmentId = "seg";
    /// A hit: a read that looks like a hot-list entry.
    HitId = "hit";
    /// A camera's lease.
    LeaseId = "lea";
    /// An order to switch something.
    OrderId = "ord";
    /// A preservation hold.
    HoldId = "hld";
    /// A drill: a hit that was drawn, for people to practise.
    DrillId = "drl";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prefixes_are_checked() {
        assert!("cam_main-st-1".parse::<CameraId>().is_ok());
        assert_eq!("lst_a".parse::<CameraId>(), Err(IdError::Prefix("cam")));
        for bad in ["cam_", "cam_A", "cam_a b", "cam_a/../b", &format!("cam_{}", "a".repeat(41))] {
            assert_eq!(bad.parse::<CameraId>(), Err(IdError::Body("cam")), "{bad}");
        }
        // A random UUID (version 4) carries no time.
        let v4 = "rd_936da01f9abd4d9d80c702af85c822a8";
        assert_eq!(v4.parse::<ReadId>(), Err(IdError::Body("rd")));
        assert!("rd_01a2B3c4d5e67f00800000000000000f".parse::<ReadId>().is_err());
    }

    proptest! {
        #[test]
        fn a_timed_id_carries_its_time(ms in 0i64..(1 << 47), random: [u8; 10]) {
            let id = ReadId::new(Time::from_millis(ms), random);
            prop_assert_eq!(id.time().millis(), ms);
            prop_assert_eq!(id.to_string().parse::<ReadId>(), Ok(id));
            prop_assert_eq!(ReadId::from_bytes(*id.bytes()), Ok(id));
        }

        #[test]
        fn parsing_never_panics(s in ".{0,60}") {
            let _ = (s.parse::<ReadId>(), s.parse::<CameraId>());
        }
    }
}
