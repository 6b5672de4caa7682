//! What is said on the air of a hit, word by word, and the question to whoever keeps the record.
//!
//! In English and in the order in which radio traffic is read: what it is and what may be done, the plate a
//! character at a time, the vehicle, where and when, what nobody has checked.

use crate::{HitLine, Listed};
use base::Time;
use hotlist::{Say, Stamps};

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

/// A moment as the clocks of the city show it, `ahead` minutes ahead of UTC.
pub(super) fn clock(at: Time, ahead: i32) -> String {
    let local = at.plus_millis(i64::from(ahead) * 60_000).to_string();
    local.get(11..16).unwrap_or_default().to_owned()
}

/// What the words are made of, beside the entry.
pub(super) struct OnAir<'a> {
    pub say: Say,
    pub line: &'a HitLine,
    /// The last sighting of the vehicle, where it was seen after this hit.
    pub last: Option<&'a HitLine>,
    pub stamps: &'a Stamps,
    /// Which way it went at this hit.
    pub way: Option<&'a str>,
    /// Minutes that the city's clocks are ahead of UTC at a moment.
    pub ahead: &'a dyn Fn(Time) -> i32,
}

impl OnAir<'_> {
    fn clock(&self, at: Time) -> String {
        clock(at, (self.ahead)(at))
    }
}

/// The words for a hit, where there is anything to say.
pub(super) fn words(on: &OnAir<'_>, listed: &Listed) -> Option<String> {
    let reason = listed.reason.to_uppercase();
    let head = match on.say {
        Say::Stop => {
            let at = on.stamps.record.as_ref().map(|s| on.clock(s.at)).unwrap_or_default();
            format!("{reason}, record confirmed at {at}.")
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
    Some(format!(
        "{head} Plate {}, {state}.{vehicle} {} Case {}. {last}",
        spelled(&listed.plate),
        seen(on),
        listed.case
    ))
}

/// Where and when it was seen: at the hit that was compared, and where a camera read it last.
fn seen(on: &OnAir<'_>) -> String {
    let way = on.way.map(|way| format!(", {way}")).unwrap_or_default();
    let first = format!("{} at {}{way}", on.line.camera_name, on.clock(on.line.captured));
    match on.last {
        None => format!("Seen {first}."),
        Some(last) => {
            format!("Last read {} at {}; seen {first}.", last.camera_name, on.clock(last.captured))
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
    fn the_clock_is_the_citys() {
        let check =
            |at: &str, ahead, want: &str| assert_eq!(clock(at.parse().unwrap(), ahead), want);
        check("2026-11-23T00:05:59Z", -480, "16:05");
        check("2026-11-23T23:30:00Z", 60, "00:30");
    }
}
