//! Dates as lists write them.

use base::Time;
use std::fmt;
use std::sync::Arc;

const DAY_MS: i64 = 86_400_000;

/// Which of the first two numbers of `01/02/2027` is the month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateOrder {
    /// The first, as in the United States.
    #[default]
    MonthFirst,
    /// The second.
    DayFirst,
}

/// The clocks that times without a zone are of. Which they are on a day is the place's to say: in summer they may be
/// others than in winter, when the list is brought.
#[derive(Clone)]
pub struct Clocks(Arc<dyn Fn(Time) -> Time + Send + Sync>);

impl Clocks {
    /// `moment` gives the moment at which the clocks show a time, which comes as if they were those of UTC.
    pub fn new(moment: impl Fn(Time) -> Time + Send + Sync + 'static) -> Self {
        Self(Arc::new(moment))
    }
}

impl Default for Clocks {
    /// Those of UTC.
    fn default() -> Self {
        Self::new(|shown| shown)
    }
}

impl fmt::Debug for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clocks")
    }
}

/// A date, and a time of the day where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    day_ms: i64,
    within_ms: Option<i64>,
    /// Whether the zone was written (`Z` or an offset, already counted in).
    zoned: bool,
}

impl Moment {
    /// The moment, or the beginning of the day; without a written zone by these clocks.
    pub fn start(self, clocks: &Clocks) -> Time {
        self.at(self.within_ms.unwrap_or(0), clocks)
    }

    /// The moment, or the end of the day: `2027-02-03` holds all of that day.
    pub fn end(self, clocks: &Clocks) -> Time {
        self.at(self.within_ms.unwrap_or(DAY_MS), clocks)
    }

    fn at(self, within: i64, clocks: &Clocks) -> Time {
        let shown = Time::from_millis(self.day_ms + within);
        if self.zoned { shown } else { (clocks.0)(shown) }
    }
}

/// Reads `2027-02-03`, `20270203`, `02/03/2027`, `3.2.2027`, each with `14:05`, `14:05:59`, `.123`, `PM`, `Z` or
/// `+01:00` behind a space or `T`.
pub(crate) fn parse(text: &str, order: DateOrder) -> Option<Moment> {
    let text = text.trim();
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time.trim())),
        None => (text, None),
    };
    let day_ms = date_of(date, order)? * DAY_MS;
    let Some(time) = time.filter(|t| !t.is_empty()) else {
        return Some(Moment { day_ms, within_ms: None, zoned: false });
    };
    let (time, offset) = zone(time)?;
    let within = time_of(time)? - offset.unwrap_or(0) * 60_000;
    Some(Moment { day_ms, within_ms: Some(within), zoned: offset.is_some() })
}

/// A whole number of a few digits and nothing else.
fn digits(text: &str, most: usize) -> Option<i64> {
    let fine = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if fine { text.parse().ok() } else { None }
}

fn date_of(date: &str, order: DateOrder) -> Option<i64> {
    if date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) {
        return days(digits(&date[..4], 4)?, digits(&date[4..6], 2)?, digits(&date[6..], 2)?);
    }
    let separator = date.chars().find(|c| matches!(c, '-' | '/' | '.'))?;
    let mut parts = date.split(separator);
    let (Some(a), Some(b), Some(c), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    if a.len() == 4 {
        return days(digits(a, 4)?, digits(b, 2)?, digits(c, 2)?);
    }
    let year = if c.len() == 4 { digits(c, 4)? } else { return None };
    let (a, b) = (digits(a, 2)?, digits(b, 2)?);
    // Dots are day first wherever they are used.
    let day_first = order == DateOrder::DayFirst || separator == '.';
    if day_first { days(year, b, a) } else { days(year, a, b) }
}

/// The text before a zone, and the zone's minutes ahead of UTC.
fn zone(time: &str) -> Option<(&str, Option<i64>)> {
    if let Some(utc) = time.strip_suffix(['Z', 'z']) {
        return Some((utc, Some(0)));
    }
    let Some(at) = time.rfind(['+', '-']) else { return Some((time, None)) };
    let (hours, minutes) = match time[at + 1..].split_once(':') {
        Some(pair) => pair,
        None if time.len() - at == 5 => time[at + 1..].split_at_checked(2)?,
        None => (&time[at + 1..], "0"),
    };
    let ahead = digits(hours, 2)? * 60 + digits(minutes, 2)?;
    let ahead = if time[at..].starts_with('-') { -ahead } else { ahead };
    (ahead.abs() <= 14 * 60).then_some((&time[..at], Some(ahead)))
}

fn time_of(time: &str) -> Option<i64> {
    let upper = time.trim().to_ascii_uppercase();
    let (clock, half) = match (upper.strip_suffix("AM"), upper.strip_suffix("PM")) {
        (Some(clock), _) => (clock, Some(0)),
        (_, Some(clock)) => (clock, Some(12)),
        _ => (upper.as_str(), None),
    };
    let mut parts = clock.trim().split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = parts.next().unwrap_or("0");
    let second = digits(second.split_once('.').map_or(second, |(whole, _)| whole), 2)?;
    let hour = match half {
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(half) => hour % 12 + half,
        None => hour,
    };
    let fine = parts.next().is_none() && hour < 24 && minute < 60 && second < 61;
    fine.then_some(((hour * 60 + minute) * 60 + second) * 1000)
}

/// Days since 1970 of a day of the Gregorian calendar (the usual count from March, in eras of 400 years).
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..=9999).contains(&year) || !(1..=longest).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_are_read() {
        let us = DateOrder::MonthFirst;
        for (text, order, start, end) in [
            ("2027-02-03", us, "2027-02-03T00:00:00.000Z", "2027-02-04T00:00:00.000Z"),
            ("20270203", us, "2027-02-03T00:00:00.000Z", "2027-02-04T00:00:00.000Z"),
            ("02/03/2027", us, "2027-02-03T00:00:00.000Z", "2027-02-04T00:00:00.000Z"),
            ("2/3/2027 2:05 PM", us, "2027-02-03T14:05:00.000Z", "2027-02-03T14:05:00.000Z"),
            ("2/3/2027 12:05 am", us, "2027-02-03T00:05:00.000Z", "2027-02-03T00:05:00.000Z"),
            (
                "02/03/2027",
                DateOrder::DayFirst,
                "2027-03-02T00:00:00.000Z",
                "2027-03-03T00:00:00.000Z",
            ),
            ("3.2.2027", us, "2027-02-03T00:00:00.000Z", "2027-02-04T00:00:00.000Z"),
            ("2028-02-29T23:59:59.9Z", us, "2028-02-29T23:59:59.000Z", "2028-02-29T23:59:59.000Z"),
            (
                "2027-02-03T01:00:00+02:00",
                us,
                "2027-02-02T23:00:00.000Z",
                "2027-02-02T23:00:00.000Z",
            ),
            ("2027-02-03 01:00-0800", us, "2027-02-03T09:00:00.000Z", "2027-02-03T09:00:00.000Z"),
        ] {
            let moment = parse(text, order).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(moment.start(&Clocks::default()).to_string(), start, "{text}");
            assert_eq!(moment.end(&Clocks::default()).to_string(), end, "{text}");
        }
        // Eight hours behind UTC in winter, seven from the middle of March on.
        let march = parse("2027-03-14", us).unwrap().start(&Clocks::default());
        let clocks = Clocks::new(move |shown| {
            shown.plus_millis(if shown < march { 8 * 3_600_000 } else { 7 * 3_600_000 })
        });
        for (text, end) in [
            ("2027-02-03", "2027-02-04T08:00:00.000Z"),
            ("2027-06-03", "2027-06-04T07:00:00.000Z"),
            ("2027-06-03T12:00Z", "2027-06-03T12:00:00.000Z"),
        ] {
            assert_eq!(parse(text, us).unwrap().end(&clocks).to_string(), end, "{text}");
        }
        for bad in [
            "",
            "soon",
            "2027-02-30",
            "2027-13-01",
            "13/13/2027",
            "1/2/27",
            "2027-02-03 25:00",
            "2027-02-03 13:00 PM",
            "9999999999-1-1",
            "2027-02-03T1",
            "2027-02-03 10:00+99",
        ] {
            assert!(parse(bad, us).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_day_is_counted(day in 0i64..2_932_000) {
            let time = Time::from_millis(day * DAY_MS);
            let text = time.day().to_string();
            prop_assert_eq!(parse(&text, DateOrder::MonthFirst).unwrap().start(&Clocks::default()), time);
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,30}|[0-9TZ:/. +-]{0,30}") {
            parse(&text, DateOrder::DayFirst);
        }
    }
}
