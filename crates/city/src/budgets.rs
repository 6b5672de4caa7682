//! A list's threshold from the false hits a day that the city puts up with.
//!
//! The matcher counts how probable its proposals were, those below the threshold too; the counts are kept by list and
//! day, and from them the threshold follows once a day (`hotlist::Tally`). A day counts on which reads were compared
//! with the list, whether anything was proposed or not; one on which it was too old, matching was off or no read came
//! says nothing. Before there are some days of them, the threshold follows from the traffic alone, stricter than it
//! need be (`hotlist::first_threshold`).

use crate::City;
use crate::lists::ListSettings;
use base::{Error, ListId, Result};
use hotlist::{Prior, Tally, Terms, first_threshold};
use std::collections::BTreeMap;

/// From so many whole days on the counts are believed; so many are looked at.
const LEAST_DAYS: u32 = 3;
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
        let from = today.start().plus_millis(-(MOST_DAYS + 1) * DAY_MS).day();
        let (mut all, mut days) = (Tally::default(), 0);
        // Neither today nor the first day need be whole: one that is not would make the threshold too low.
        let kept = self.store.tallies(list, from)?;
        for (_, json) in kept.into_iter().filter(|(day, _)| *day < today).skip(1) {
            all.merge(&counts(&json)?);
            days += 1;
        }
        let threshold = if days >= LEAST_DAYS {
            all.threshold(most, f64::from(days))
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
                Some(_) if tally.counts().is_empty() => continue,
                Some((_, json)) => counts(json)?,
                None => Tally::default(),
            };
            all.merge(&tally);
            let json = serde_json::to_string(&all.counts())
                .map_err(|e| Error::internal("A tally cannot be stored.").because(e))?;
            self.store.put_tally(&list, today, &json)?;
        }
        if self.store.meta(WORKED_OUT)?.as_deref() != Some(&today.to_string()) {
            self.set_terms()?;
            self.store.set_meta(WORKED_OUT, &today.to_string())?;
        }
        Ok(())
    }

    /// Forgets counts that no threshold follows from any more: for when the clock is to be believed.
    pub(crate) fn forget_tallies(&self) -> Result<()> {
        let today = self.now().day();
        self.store.forget_tallies(today.start().plus_millis(-2 * MOST_DAYS * DAY_MS).day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewEntry;
    use crate::kit::{Town, person};
    use base::Day;

    const START: &str = "2026-11-20T12:00:00Z";

    fn list() -> ListId {
        "lst_budget".parse().unwrap()
    }

    fn settings() -> ListSettings {
        ListSettings { name: "B".into(), false_hits_a_day: Some(2.0), ..ListSettings::default() }
    }

    /// Days until yesterday: `p` with five proposals that are .6 short of certain, `q` with none, `.` without reads.
    fn of_days(days: &str) -> Town {
        let town = Town::new(START, "");
        for (ago, day) in (1i64..).zip(days.chars().rev()) {
            let json = match day {
                'p' => r#"{"10":5}"#,
                'q' => "{}",
                _ => continue,
            };
            let day = town.city.now().plus_millis(-ago * DAY_MS).day();
            town.city.store.put_tally(&list(), day, json).unwrap();
        }
        town
    }

    #[test]
    fn days_count_on_which_reads_were_compared() {
        let check = |days: &str, want: f64| {
            let got = of_days(days).city.threshold_of(&list(), &settings()).unwrap();
            assert!((got - want).abs() < 1e-3, "{days}: {got}");
        };
        // 20 000 reads a day, of which one in a thousand is listed: 20/(20+2).
        let (first, strict) = (20.0 / 22.0, 0.431);
        check("", first);
        check("ppp", first);
        check("pppp", strict);
        check("pppp..........", strict);
        check("qppp", strict);
        check("ppppqqq", Terms::COUNTED);
        check("p.............p", first);
    }

    #[test]
    fn a_quiet_day_is_kept_and_one_without_comparing_is_not() {
        let town = Town::new(START, "state=\"us-ca\"\n");
        town.city.set_list(&person(), &list(), &settings()).unwrap();
        let kept = || {
            town.city.tally().unwrap();
            town.city.store.tallies(&list(), Day::from_number(0)).unwrap()
        };
        town.pass("8XYZ999");
        assert!(kept().is_empty(), "nothing is listed yet");
        let entry = NewEntry {
            list: list(),
            plate: "7ABC128".into(),
            state: Some("us-ca".into()),
            reason: "stolen".into(),
            case: "26-0417".into(),
            expires: town.city.now().plus_millis(60 * DAY_MS),
        };
        town.city.add_entry(&person(), entry).unwrap();
        assert!(kept().is_empty(), "no read came");
        town.pass("8XYZ998");
        assert_eq!(kept(), [(town.city.now().day(), "{}".to_owned())]);
    }

    #[test]
    fn a_clock_that_was_ahead_forgets_no_counts() {
        let town = of_days("pppp");
        let kept = || town.city.store.tallies(&list(), Day::from_number(0)).unwrap().len();
        town.clock.advance(40 * DAY_MS);
        town.city.tally().unwrap();
        town.clock.advance(-40 * DAY_MS);
        town.city.tally().unwrap();
        assert_eq!(kept(), 4);
        for _ in 0..16 {
            town.city.retain().unwrap();
            town.clock.advance(2 * DAY_MS);
        }
        assert_eq!(kept(), 0);
    }
}
