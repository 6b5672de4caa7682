//! How the week was, every Monday from eight o'clock on, by the city's clocks.

use super::mailing::Post;
use super::{Fault, Faults, words};
use crate::City;
use base::{Result, Time};
use std::collections::BTreeSet;

const DAY_MS: i64 = 86_400_000;
/// From this hour on.
const HOUR: i64 = 8;
/// Where it is remembered which weeks were told, and to whom.
const WEEK: &str = "upkeep/week";

/// The Monday of the week that a moment lies in, by clocks that are so many minutes ahead; counted in days. A Monday
/// begins at eight.
fn week_of(now: Time, ahead: i32) -> i64 {
    let local = now.millis() + i64::from(ahead) * 60_000 - HOUR * 3_600_000;
    let day = local.div_euclid(DAY_MS);
    // The first of January 1970 was a Thursday.
    day - (day + 3).rem_euclid(7)
}

impl City {
    /// Tells whoever has not been told.
    pub(super) fn tell_week(&self, post: &mut Post, faults: &Faults, now: Time) -> Result<()> {
        let people = post.people();
        if !self.config.upkeep.weekly || people.is_empty() {
            return Ok(());
        }
        let week = week_of(now, self.config.city.ahead_of_utc(now));
        let kept = self.store.meta(WEEK)?.unwrap_or_default();
        let mut words: Vec<String> = kept.split(' ').map(str::to_owned).collect();
        let told: Option<i64> = words.first().and_then(|week| week.parse().ok());
        match told {
            Some(told) if told == week => {}
            Some(told) if told < week => words = vec![week.to_string()],
            // The clock was set back: last week's is not told once more.
            Some(told) if told - week <= 7 => return Ok(()),
            // There was no week yet; or a clock had leapt ahead, and was set right.
            _ => {
                return self.store.set_meta(WEEK, &format!("{week} {}", people.join(" ")));
            }
        }
        if post.week.0 != week {
            post.week = (week, BTreeSet::new());
        }
        let before = words.len();
        for one in people {
            if words[1..].contains(&one) {
                continue;
            }
            // Told already, and the store could not take it: nobody hears of the week once a minute.
            if post.week.1.contains(&one) {
                words.push(one);
                continue;
            }
            let name = format!("week {week}");
            let known = self.week_known(faults, now)?;
            let said = |lang: &str| words::week(&known, &self.config.city.name, lang);
            if self.mail_of_upkeep(post, (&name, &one), said, now) {
                post.week.1.insert(one.clone());
                words.push(one);
            }
        }
        if words.len() != before {
            self.store.set_meta(WEEK, &words.join(" "))?;
        }
        Ok(())
    }

    fn week_known(&self, faults: &Faults, now: Time) -> Result<Week> {
        let reads = self.with_activity(|activity| activity.of_week(now))?;
        let mut cameras = Vec::new();
        for row in self.store.cameras()? {
            let off = self.switches().capture_off(&row.id, now).is_some();
            let reads = reads.get(&row.id).copied().unwrap_or_default();
            cameras.push(OfCamera { name: row.name, reads, off });
        }
        let certificate = self.config.tls.live(&self.dir).and_then(|live| {
            live.refresh().ok()?;
            live.seen()
        });
        let wrong = faults.values().filter(|told| told.over.is_none());
        let wrong = wrong.map(|t| (self.config.city.shown(t.since), t.fault.clone()));
        Ok(Week {
            cameras,
            entries: self.log_size(),
            disk: self.picture_disk(),
            certificate_days: certificate.map(|seen| seen.days_left(now)),
            messages: self.messages_left()?,
            wrong: wrong.collect(),
        })
    }
}

/// A camera's week.
pub(super) struct OfCamera {
    pub name: String,
    pub reads: u64,
    pub off: bool,
}

/// What there is to say of a week.
pub(super) struct Week {
    pub cameras: Vec<OfCamera>,
    /// Entries of the log.
    pub entries: u64,
    /// How full the disk is, in percent.
    pub disk: Option<f64>,
    pub certificate_days: Option<i64>,
    /// Messages of hits: how many wait, and how many were given up since yesterday.
    pub messages: (u64, u64),
    /// What is wrong now, and since when.
    pub wrong: Vec<(String, Fault)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_on_monday_at_eight() {
        let week = |at: &str, ahead: i32| week_of(at.parse().unwrap(), ahead);
        // 2026-11-23 is a Monday.
        assert_ne!(week("2026-11-23T07:59:00Z", 0), week("2026-11-23T08:00:00Z", 0));
        assert_eq!(week("2026-11-23T08:00:00Z", 0), week("2026-11-30T07:59:00Z", 0));
        assert_eq!(week("2026-11-23T13:59:00Z", -360), week("2026-11-16T14:00:00Z", -360));
        assert_ne!(week("2026-11-23T14:00:00Z", -360), week("2026-11-16T14:00:00Z", -360));
    }
}
