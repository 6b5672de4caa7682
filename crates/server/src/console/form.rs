//! What forms send, and what is wrong with it.

use crate::console::CLOCKS;
use crate::problem::status_of;
use axum::http::StatusCode;
use base::{Error, Kind, Result, Time};
use pages::{Choice, Wrong};

/// The fields of a form, in their order; some come more than once.
pub(crate) type Fields = Vec<(String, String)>;

/// The first value of a field as it was sent; empty where there is none.
pub(crate) fn whole<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// The same without what stands around it.
pub(crate) fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    whole(fields, name).trim()
}

/// A field that was filled in.
pub(crate) fn some(fields: &Fields, name: &str) -> Option<String> {
    Some(field(fields, name)).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Every value of a field.
pub(crate) fn every<'a>(fields: &'a Fields, name: &str) -> impl Iterator<Item = &'a str> {
    fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// A date and time field: a moment by the city's clocks at the console, otherwise in UTC.
pub(crate) fn moment(fields: &Fields, name: &str) -> Result<Option<Time>> {
    let text = field(fields, name);
    if text.is_empty() { Ok(None) } else { moment_of(text).map(Some) }
}

/// The moment that a date and time field spells, likewise.
pub(crate) fn moment_of(text: &str) -> Result<Time> {
    let there = CLOCKS.try_with(|city| city.config().city.moment(text));
    let time = there.unwrap_or_else(|_| {
        let whole = if text.len() == 16 { format!("{text}:00Z") } else { format!("{text}Z") };
        whole.parse()
    });
    time.map_err(|_| Error::invalid("Give moments as 2026-11-23T08:00."))
}

/// By which clocks [`moment`] understands a date and time field: what its hint says.
pub(crate) fn zone() -> String {
    let there = CLOCKS.try_with(|city| city.config().city.time_zone.clone());
    there.unwrap_or_else(|_| "UTC".into())
}

/// As a date and time field wants it.
pub(crate) fn typed(t: Time) -> String {
    let there = CLOCKS.try_with(|city| city.config().city.typed(t));
    there.unwrap_or_else(|_| t.to_string().chars().take(16).collect())
}

/// Words to choose from, with those ticked that were sent.
pub(crate) fn choices<'a>(
    words: impl IntoIterator<Item = &'a str>,
    sent: &Fields,
    name: &str,
) -> Vec<Choice> {
    let one = |word: &str| Choice {
        value: word.to_owned(),
        chosen: every(sent, name).any(|value| value.trim() == word),
    };
    words.into_iter().map(one).collect()
}

/// That something is wrong with a field.
pub(crate) fn wrong(field: &str, message: &str) -> Wrong {
    Wrong { field: field.to_owned(), message: message.to_owned() }
}

/// Names that people read have so many characters at the most.
const NAME_MAX: usize = 80;

/// That a name is missing or too long.
pub(crate) fn nameless(fields: &Fields, name: &str, message: &str) -> Option<Wrong> {
    let fits = (1..=NAME_MAX).contains(&field(fields, name).chars().count());
    (!fits).then(|| wrong(name, message))
}

/// The status of an error.
pub(crate) fn status(e: &Error) -> StatusCode {
    StatusCode::from_u16(status_of(e.kind())).unwrap_or(StatusCode::BAD_REQUEST)
}

/// Whether whoever sent the form can do something about it: then it comes back as it was, with the sentence.
pub(crate) fn mends(e: &Error) -> bool {
    matches!(
        e.kind(),
        Kind::Invalid | Kind::Conflict | Kind::Refused | Kind::NotFound | Kind::TooLarge
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        let sent: Fields = [("a", " x "), ("b", ""), ("a", "y")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec();
        assert_eq!((field(&sent, "a"), whole(&sent, "a"), field(&sent, "c")), ("x", " x ", ""));
        assert_eq!((some(&sent, "a").as_deref(), some(&sent, "b")), (Some("x"), None));
        assert_eq!(every(&sent, "a").collect::<Vec<_>>(), [" x ", "y"]);
        let ticked: Vec<bool> =
            choices(["x", "y", "z"], &sent, "a").iter().map(|c| c.chosen).collect();
        assert_eq!(ticked, [true, true, false]);
        assert!(nameless(&sent, "a", "m").is_none() && nameless(&sent, "b", "m").is_some());
    }
}
