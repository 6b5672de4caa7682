//! What is said on the air of a hit, word by word, and the question to whoever keeps the record.
//!
//! In English and in the order in which radio traffic is read: what it is and what may be done, the plate a
//! character at a time, the vehicle, where and when, what nobody has checked.

use crate::{HitLine, Listed};
use base::Time;
use hotlist::{Say, Stamps};
use jiff::Timestamp;
use jiff::tz::Offset;

/// The spelling alphabet of the ITU.
const WORDS: [&str; 26] = [
    "Alfa", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel", "India", "Juliett",
    "Kilo", "Lima", "Mike", "November", "Oscar", "Papa", "Quebec", "Romeo", "Sierra", "Tango",
    "Uniform", "Victor", "Whiskey", "X-ray", "Yankee", "Zulu",
];

/// A plate, spelled.
pub(super) fn spelled(plate: &str) -> String {
    let word = |c: char| match c {
        'A'..='Z' => WORDS[c as usize - 'A' as usize].to_owned(),
        '?' | '*' => "unknown".into(),
        other => other.to_string(),
    };
    plate.chars().map(word).collect::<Vec<_>>().join(" ")
}

/// A moment as the clocks of the city show it, `ahead` minutes ahead of UTC: `at 12:05`, with the day before it where
/// that is not the day of `now`.
fn when(at: Time, now: Time, ahead: &dyn Fn(Time) -> i32) -> String {
    let [at, now] = [at, now].map(|t| {
        let local = t.plus_millis(i64::from(ahead(t)) * 60_000).millis();
        Offset::UTC.to_datetime(Timestamp::from_millisecond(local).unwrap_or_default())
    });
    let format = if at.date() == now.date() { "at %H:%M" } else { "on %B %-d at %H:%M" };
    at.strftime(format).to_string()
}

/// What the words are made of, beside the entry.
pub(super) struct OnAir<'a> {
    pub say: Say,
    pub now: Time,
    pub line: &'a HitLine,
    /// What the camera read, where the entry knows half a plate and people compared what was read.
    pub read: Option<&'a str>,
    /// The last sighting of the vehicle, where it was seen after this hit.
    pub last: Option<&'a HitLine>,
    pub stamps: &'a Stamps,
    /// Which way it went at this hit.
    pub way: Option<&'a str>,
    /// Minutes that the city's clocks are ahead of UTC at a moment.
    pub ahead: &'a dyn Fn(Time) -> i32,
}

impl OnAir<'_> {
    fn when(&self, at: Time) -> String {
        when(at, self.now, self.ahead)
    }
}

/// The words for a hit, where there is anything to say.
pub(super) fn words(on: &OnAir<'_>, listed: &Listed) -> Option<String> {
    let reason = listed.reason.to_uppercase();
    let head = match on.say {
        Say::Stop => {
            let at = on.stamps.record.as_ref().map(|s| on.when(s.at)).unwrap_or_default();
            format!("{reason}, record confirmed {at}.")
        }
        Say::Look => format!("LOOK FOR, DO NOT STOP: {reason}, the record has not been confirmed."),
        Say::Observe => format!("OBSERVE ONLY, DO NOT STOP: {reason}."),
        _ => return None,
    };
    let d = &listed.described;
    let vehicle: Vec<&str> = [&d.color, &d.year, &d.make, &d.model, &d.style]
        .into_iter()
        .filter_map(|part| part.as_deref())
        .collect();
    let vehicle =
        if vehicle.is_empty() { String::new() } else { format!(" {}.", vehicle.join(" ")) };
    let state = listed.state.as_deref().map_or("state not listed".to_owned(), |state| {
        state.rsplit('-').next().unwrap_or(state).to_uppercase()
    });
    let last = match on.say {
        Say::Stop => "Read the plate with your own eyes before you stop it.",
        _ => "Say where it is.",
    };
    // Many cars fit half a plate, and people compared one of them.
    let read = on.read.map(|read| format!(", read as {}", spelled(read))).unwrap_or_default();
    Some(format!(
        "{head} Plate {}{read}, {state}.{vehicle} {} Case {}. {last}",
        spelled(&listed.plate),
        seen(on),
        listed.case
    ))
}

/// Where and when it was seen: at the hit that was compared, and where a camera read it last.
fn seen(on: &OnAir<'_>) -> String {
    let way = on.way.map(|way| format!(", {way}")).unwrap_or_default();
    let first = format!("{} {}{way}", on.line.camera_name, on.when(on.line.captured));
    match on.last {
        None => format!("Seen {first}."),
        Some(last) => {
            format!("Last read {} {}; seen {first}.", last.camera_name, on.when(last.captured))
        }
    }
}

/// The question to whoever keeps the record: plate and state as NCIC's query of a vehicle has them. None for a
/// plate that is known in part.
pub(super) fn record_query(listed: &Listed) -> Option<String> {
    if listed.plate.contains(['?', '*']) {
        return None;
    }
    let state = listed.state.as_deref().map(|s| s.rsplit('-').next().unwrap_or(s).to_uppercase());
    let state = state.map(|s| format!(".LIS/{s}")).unwrap_or_default();
    Some(format!("QV.LIC/{}{state}", listed.plate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plate_is_spelled() {
        let check = |plate: &str, want: &str| assert_eq!(spelled(plate), want);
        check("7ABC128", "7 Alfa Bravo Charlie 1 2 8");
        check("X?Z*", "X-ray unknown Zulu unknown");
    }

    #[test]
    fn the_clock_is_the_citys_and_another_day_is_said() {
        let check = |at: &str, now: &str, ahead, want: &str| {
            assert_eq!(when(at.parse().unwrap(), now.parse().unwrap(), &|_| ahead), want);
        };
        check("2026-11-23T00:05:59Z", "2026-11-23T07:00:00Z", -480, "at 16:05");
        check("2026-11-23T00:05:59Z", "2026-11-23T08:00:00Z", -480, "on November 22 at 16:05");
        check("2026-11-23T23:30:00Z", "2026-11-24T22:59:00Z", 60, "at 00:30");
        check("2026-11-03T12:05:00Z", "2026-11-09T12:05:00Z", 0, "on November 3 at 12:05");
    }
}
