//! Which cameras read no vehicle where they usually do: how many reads each made in each hour of the last eight days.

use base::{CameraId, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const HOUR_MS: i64 = 3_600_000;
/// Hours that are remembered: a week, the hours that are looked at, and some.
const KEPT: i64 = 8 * 24;
const DAY: i64 = 24;

/// Reads by camera and hour (hours since 1970). It says no more than that cars passed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Activity(BTreeMap<CameraId, BTreeMap<i64, u32>>);

fn hour(at: Time) -> i64 {
    at.millis() / HOUR_MS
}

impl Activity {
    /// A vehicle was read.
    pub fn note(&mut self, camera: &CameraId, captured: Time) {
        let hours = self.0.entry(camera.clone()).or_default();
        *hours.entry(hour(captured)).or_default() += 1;
    }

    /// Drops what is too old to say anything.
    pub fn forget(&mut self, now: Time) {
        let first = hour(now) - KEPT;
        self.0.values_mut().for_each(|hours| hours.retain(|hour, _| *hour >= first));
        self.0.retain(|_, hours| !hours.is_empty());
    }

    /// Reads of the last seven days, by camera.
    pub fn of_week(&self, now: Time) -> BTreeMap<CameraId, u64> {
        let first = hour(now) - 7 * DAY;
        let sum = |hours: &BTreeMap<i64, u32>| {
            hours.range(first..).map(|(_, n)| u64::from(*n)).sum::<u64>()
        };
        self.0.iter().map(|(camera, hours)| (camera.clone(), sum(hours))).collect()
    }

    /// Whether a camera has read nothing for `quiet` whole hours in which it usually reads: on more than half of the days
    /// before that are known, at least two, and on the same day of the week before, where that is known.
    pub fn is_quiet(&self, camera: &CameraId, now: Time, quiet: u32) -> bool {
        let Some(hours) = self.0.get(camera) else { return false };
        let (this, quiet) = (hour(now), i64::from(quiet));
        let any = |from: i64, to: i64| hours.range(from..to).any(|(_, n)| *n > 0);
        if any(this - quiet, this + 1) {
            return false;
        }
        let Some((first, _)) = hours.first_key_value() else { return false };
        let known: Vec<i64> = (1..=7).filter(|day| this - quiet - day * DAY >= *first).collect();
        let did = |day: &i64| any(this - quiet - day * DAY, this - day * DAY);
        let usual = known.iter().filter(|day| did(day)).count();
        known.len() >= 2 && usual * 2 > known.len() && known.iter().all(|day| *day != 7 || did(day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hours of an eight-day week, beginning on a Monday, in which a car passes; and whether the camera is quiet at an hour.
    fn check(busy: impl Fn(i64) -> bool, at_hour: i64, quiet: bool) {
        let start: Time = "2026-11-16T00:00:00Z".parse().unwrap();
        let camera: CameraId = "cam_a".parse().unwrap();
        let mut activity = Activity::default();
        let at = |hour: i64| start.plus_millis(hour * HOUR_MS + 60_000);
        (0..at_hour).filter(|hour| busy(*hour)).for_each(|hour| activity.note(&camera, at(hour)));
        activity.forget(at(at_hour));
        assert_eq!(activity.is_quiet(&camera, at(at_hour), 2), quiet, "hour {at_hour}");
    }

    #[test]
    fn only_where_it_usually_reads() {
        let day_only = |hour: i64| (7..20).contains(&(hour % 24));
        let stops = |at: i64| move |hour: i64| day_only(hour) && hour < at;
        // Nothing is usual on the first day.
        check(stops(10), 14, false);
        // On the fifth day it stops at ten: told at twelve, when two whole hours are over.
        check(stops(4 * 24 + 10), 4 * 24 + 11, false);
        check(stops(4 * 24 + 10), 4 * 24 + 12, true);
        // At night nobody passes, and nobody is told.
        check(day_only, 4 * 24 + 23, false);
        check(day_only, 4 * 24 + 3, false);
        // On a Sunday nobody passes; a week on that is known.
        let weekdays = |hour: i64| day_only(hour) && (hour / 24) % 7 != 6;
        check(weekdays, 13 * 24 + 12, false);
        check(|_| false, 200, false);
    }
}
