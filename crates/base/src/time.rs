//! Time as the system keeps it: UTC milliseconds, UTC days, and key epochs; the clock is passed in.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};

const DAY_MS: i64 = 86_400_000;
/// Last millisecond of the year 9999: beyond it RFC 3339 has no spelling.
const MAX_MS: i64 = 253_402_300_799_999;

/// A moment: UTC milliseconds since 1970, which is the default. Written as RFC 3339 with milliseconds and `Z`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(i64);

impl Time {
    /// The moment `ms` milliseconds after 1970-01-01T00:00Z, kept within the years 1970 to 9999.
    pub fn from_millis(ms: i64) -> Self {
        Self(ms.clamp(0, MAX_MS))
    }
    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0
    }
    /// The UTC day this moment lies in.
    pub fn day(self) -> Day {
        Day((self.0 / DAY_MS) as i32)
    }
    /// The UTC month this moment lies in: `2026-11`.
    pub fn month(self) -> String {
        self.day().to_string().chars().take(7).collect()
    }
    /// This moment plus (or minus) so many milliseconds.
    pub fn plus_millis(self, ms: i64) -> Self {
        Self::from_millis(self.0.saturating_add(ms))
    }
    /// Milliseconds from `earlier` to this moment; negative if it is later.
    pub fn since(self, earlier: Time) -> i64 {
        self.0 - earlier.0
    }
    /// The start of the step of `ms` milliseconds that this moment lies in (a coarse public time).
    pub fn floor_to(self, ms: i64) -> Self {
        Self(self.0 - self.0.rem_euclid(ms.max(1)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In range by construction, so the fallback is never taken.
        let stamp =
            jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        write!(f, "{stamp:.3}")
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Time {
    type Err = crate::Error;
    fn from_str(s: &str) -> Result<Self, crate::Error> {
        let bad =
            || crate::Error::invalid("Write times as RFC 3339, for instance 2026-11-23T08:15:00Z.");
        let stamp: jiff::Timestamp = s.parse().map_err(|e: jiff::Error| bad().because(e))?;
        let ms = stamp.as_millisecond();
        if (0..=MAX_MS).contains(&ms) { Ok(Self(ms)) } else { Err(bad()) }
    }
}

impl serde::Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> serde::Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A UTC day, counted from 1970-01-01. Written `2026-11-23`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(i32);

impl Day {
    /// The day so many days after 1970-01-01.
    pub fn from_number(n: i32) -> Self {
        Self(n.clamp(0, (MAX_MS / DAY_MS) as i32))
    }
    /// Days since 1970-01-01.
    pub fn number(self) -> i32 {
        self.0
    }
    /// Its first millisecond.
    pub fn start(self) -> Time {
        Time(i64::from(self.0) * DAY_MS)
    }
    /// The day after.
    pub fn next(self) -> Day {
        Self::from_number(self.0 + 1)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.start().to_string()[..10])
    }
}
impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for Day {
    type Err = crate::Error;
    fn from_str(s: &str) -> Result<Self, crate::Error> {
        let midnight: Result<Time, _> = format!("{s}T00:00:00Z").parse();
        match midnight {
            Ok(t) if s.len() == 10 => Ok(t.day()),
            _ => Err(crate::Error::invalid("Write days as 2026-11-23.")),
        }
    }
}
impl serde::Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> serde::Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A key epoch: the step of `len_s` seconds that starts at `start_s` seconds since 1970.
/// Reads captured in it are sealed to its key and are forgotten when that key is destroyed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Epoch {
    /// Seconds since 1970 at which the epoch starts; a multiple of `len_s`.
    pub start_s: i64,
    /// Length in seconds; the default is 3600.
    pub len_s: u32,
}

impl Epoch {
    /// The epoch of `len_s` seconds that `at` lies in.
    pub fn of(at: Time, len_s: u32) -> Self {
        let len = i64::from(len_s.max(1));
        Self { start_s: (at.millis() / 1000) / len * len, len_s: len_s.max(1) }
    }
    /// Its first millisecond.
    pub fn start(self) -> Time {
        Time::from_millis(self.start_s * 1000)
    }
    /// The first millisecond after it.
    pub fn end(self) -> Time {
        Time::from_millis((self.start_s + i64::from(self.len_s)) * 1000)
    }
}

/// Where the time comes from. Pure crates take `now` as an argument instead.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Time;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Time::from_millis(jiff::Timestamp::now().as_millisecond())
    }
}

/// A clock that tests move by hand.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `at`.
    pub fn new(at: Time) -> Self {
        Self(AtomicI64::new(at.millis()))
    }
    /// Moves it forward (or back) by so many milliseconds.
    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        Time::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings() {
        let t: Time = "2026-11-23T08:15:00.25Z".parse().unwrap();
        assert_eq!(t.to_string(), "2026-11-23T08:15:00.250Z");
        assert_eq!(t.day().to_string(), "2026-11-23");
        assert_eq!("2026-11-23".parse::<Day>().unwrap(), t.day());
        assert_eq!(t.floor_to(900_000).to_string(), "2026-11-23T08:15:00.000Z");
        for bad in ["", "2026-11-23", "1969-12-31T23:59:59Z", "2026-13-01T00:00:00Z"] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
        assert!("2026-11-23x".parse::<Day>().is_err());
    }

    proptest! {
        #[test]
        fn time_survives_its_spelling(ms in 0..=MAX_MS) {
            let t = Time::from_millis(ms);
            prop_assert_eq!(t.to_string().parse::<Time>().unwrap(), t);
            prop_assert!(t.day().start() <= t && t < t.day().next().start() || t.day() == t.day().next());
        }

        #[test]
        fn an_epoch_holds_its_time(ms in 0..=MAX_MS - DAY_MS, len in 1u32..86_400) {
            let t = Time::from_millis(ms);
            let e = Epoch::of(t, len);
            prop_assert!(e.start() <= t && t < e.end());
        }
    }
}
