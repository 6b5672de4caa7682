//! Times as makers write them. One without its zone is not guessed: it is none.

use base::Time;
use jiff::Timestamp;
use jiff::civil::DateTime;

/// Numbers below this are seconds since 1970, from here on milliseconds: 1973 in milliseconds is the
/// year 5138 in seconds.
const MILLISECONDS_FROM: f64 = 1e11;
/// And from here on microseconds.
const MICROSECONDS_FROM: f64 = 1e14;

/// Seconds, milliseconds or microseconds since 1970.
pub(super) fn since_1970(number: f64) -> Option<Time> {
    let ms = match number {
        n if n >= MICROSECONDS_FROM => n / 1000.0,
        n if n >= MILLISECONDS_FROM => n,
        n => n * 1000.0,
    };
    (1.0..253_402_300_799_999.0).contains(&ms).then(|| Time::from_millis(ms.round() as i64))
}

/// RFC 3339, the same with a space, or a number as text.
pub(super) fn written(text: &str) -> Option<Time> {
    let text = text.trim();
    if text.len() > 64 {
        return None;
    }
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return since_1970_ms(stamp.as_millisecond());
    }
    // A number that is also a date without a zone (20261123) is refused by its size.
    let number = text.parse::<f64>().ok().filter(|n| *n >= 1e9)?;
    since_1970(number)
}

/// Whether it is a date and a time that only lack their zone: worth a word to the person.
pub(super) fn lacks_zone(text: &str) -> bool {
    written(text).is_none() && text.trim().parse::<DateTime>().is_ok()
}

fn since_1970_ms(ms: i64) -> Option<Time> {
    (ms > 0).then(|| Time::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_times() {
        let check = |text: &str, want: Option<&str>| {
            assert_eq!(written(text).map(|t| t.to_string()).as_deref(), want, "{text}");
        };
        check("2026-11-23T08:15:00Z", Some("2026-11-23T08:15:00.000Z"));
        check("2026-11-23 08:15:00.970337+00:00", Some("2026-11-23T08:15:00.970Z"));
        check("2026-11-23T08:15:00+08:00", Some("2026-11-23T00:15:00.000Z"));
        check("1795421700", Some("2026-11-23T08:15:00.000Z"));
        check("1795421700250", Some("2026-11-23T08:15:00.250Z"));
        check("1795421700.25", Some("2026-11-23T08:15:00.250Z"));
        check("1795421700250000", Some("2026-11-23T08:15:00.250Z"));
        check("2026-11-23T08:15:00", None);
        check("20261123", None);
        check("yesterday", None);
        check("-5", None);
        check("NaN", None);
        assert!(lacks_zone("2026-11-23T08:15:00") && lacks_zone("2026-11-23 08:15:00"));
        assert!(!lacks_zone("2026-11-23T08:15:00Z") && !lacks_zone("yesterday"));
    }
}
