//! A list's threshold from the false hits a day that the city puts up with.
//!
//! The matcher counts how probable its proposals were, those below the threshold too; the counts are kept by list and
//! day, and from them the threshold follows once a day (`hotlist::Tally`). Before there are some days of them, it
//! follows from the traffic alone, stricter than it need be (`hotlist::first_threshold`).

use crate::City;
use crate::lists::ListSettings;
use base::{Day, Error, ListId, Result};
use hotlist::{Prior, Tally, Terms, first_threshold};
use std::collections::BTreeMap;

/// From so many whole days on the counts are believed; so many are looked at.
const LEAST_DAYS: i64 = 3;
const MOST_DAYS: i64 = 14;
const DAY_MS: i64 = 86_400_000;
/// Reads a day of a city that has none yet.
const READS: f64 = 20_000.0;
/// What the store calls the day for which thresholds were worked out last.
const WORKED_OUT: &str = "budgets/day";

fn counts(json: &str) -> Result<Tally> {
    let counts: BTreeMap<usize, u64> = serde_json::from_str(json)
        .map_err(|e| Error::internal("A list's tally is damaged.").because(e))?;
    Ok(Tally::of_counts(&counts))
}

impl City {
    /// How probable a hit of a list must be today.
    pub(crate) fn threshold_of(&self, list: &ListId, settings: &ListSettings) -> Result<f64> {
        let Some(most) = settings.false_hits_a_day else { return Ok(settings.threshold) };
        let today = self.now().day();
        let from = today.start().plus_millis(-MOST_DAYS * DAY_MS).day();
        let mut all = Tally::default();
        let mut first = None;
        // Today is not over, and a day that is not whole would make the budget too small.
        for (day, json) in self.store.tallies(list, from)?.into_iter().filter(|(d, _)| *d < today) {
            first.get_or_insert(day);
            all.merge(&counts(&json)?);
        }
        let days = first.map_or(0, |day: Day| today.start().since(day.start()) / DAY_MS);
        let threshold = if days >= LEAST_DAYS {
            all.threshold(most, days as f64)
        } else {
            first_threshold(most, self.reads_a_day(), &Prior::default())
        };
        Ok(threshold.max(Terms::COUNTED))
    }

    /// The mean of the last days that had reads.
    fn reads_a_day(&self) -> f64 {
        let today = self.now().day();
        let figures = self.log.figures();
        let days: Vec<u64> =
            figures.reads_by_day.range(..today).rev().take(7).map(|(_, reads)| *reads).collect();
        match days.len() {
            0 => READS,
            n => days.iter().sum::<u64>() as f64 / n as f64,
        }
    }

    /// Keeps what was proposed, and works the thresholds out anew on a new day.
    pub(crate) fn tend_budgets(&self) -> Result<()> {
        let today = self.now().day();
        for (list, tally) in self.hot.take_proposed() {
            let kept = self.store.tallies(&list, today)?;
            let mut all = match kept.iter().find(|(day, _)| *day == today) {
                Some((_, json)) => counts(json)?,
                None => Tally::default(),
            };
            all.merge(&tally);
            let json = serde_json::to_string(&all.counts())
                .map_err(|e| Error::internal("A tally cannot be stored.").because(e))?;
            self.store.put_tally(&list, today, &json)?;
        }
        if self.store.meta(WORKED_OUT)?.as_deref() != Some(&today.to_string()) {
            self.store.forget_tallies(today.start().plus_millis(-2 * MOST_DAYS * DAY_MS).day())?;
            self.set_terms()?;
            self.store.set_meta(WORKED_OUT, &today.to_string())?;
        }
        Ok(())
    }
}
