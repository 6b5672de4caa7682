//! JSON of unknown makers: a value that knows where it stands, so that an error names the place and
//! never what stood there.

use super::{RESULTS_MAX, bounded};
use crate::inbound::Document;
use base::{Error, Result};
use plate::{Text, TextError};
use serde_json::Value;
use zeroize::Zeroize;

/// The most commas, colons and brackets outside texts: a value needs 16 times the memory of a digit.
const MARKS_MAX: usize = 100_000;

/// A whole JSON document. Its texts are wiped when it goes.
pub(super) struct Json(Value);

impl Json {
    /// Reads a document.
    pub fn read(document: &Document<'_>) -> Result<Self> {
        bounded(document)?;
        Self::parse(document.body)
    }

    /// Reads JSON. Fails with the line and column.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if marks(bytes) > MARKS_MAX {
            return Err(Error::too_large("The document has too many fields."));
        }
        // Not serde's own words: they may quote what stands there.
        serde_json::from_slice(bytes).map(Self).map_err(|e| {
            let (line, column) = (e.line(), e.column());
            Error::invalid(format!("The document is no JSON at line {line} column {column}."))
        })
    }

    /// A document made of fields that came apart.
    pub fn of(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Self(Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()))
    }

    /// The whole of it.
    pub fn root(&self) -> Node<'_> {
        Node { value: &self.0, path: String::new() }
    }
}

impl Drop for Json {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        _ => {}
    }
}

fn marks(bytes: &[u8]) -> usize {
    let (mut marks, mut inside, mut escaped) = (0, false, false);
    for b in bytes {
        match b {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b',' | b':' | b'[' | b'{' if !inside => marks += 1,
            _ => {}
        }
    }
    marks
}

/// A value and its place.
pub(super) struct Node<'a> {
    value: &'a Value,
    path: String,
}

static NOTHING: Value = Value::Null;

impl<'a> Node<'a> {
    /// The field of an object; null where there is none.
    pub fn get(&self, name: &'static str) -> Node<'a> {
        let dot = if self.path.is_empty() { "" } else { "." };
        let path = format!("{}{dot}{name}", self.path);
        Node { value: self.value.get(name).unwrap_or(&NOTHING), path }
    }

    /// The items of an array, at most 64; none where there is none.
    pub fn items(&self) -> Result<Vec<Node<'a>>> {
        match self.value {
            Value::Null => Ok(Vec::new()),
            Value::Array(items) if items.len() > RESULTS_MAX => Err(Error::too_large(format!(
                "{} holds more than {RESULTS_MAX} items.",
                self.name()
            ))),
            Value::Array(items) => Ok(items
                .iter()
                .enumerate()
                .map(|(i, value)| Node { value, path: format!("{}[{i}]", self.path) })
                .collect()),
            _ => Err(self.wrong("is no list")),
        }
    }

    /// Whether something is there.
    pub fn there(&self) -> bool {
        !self.value.is_null()
    }

    /// Whether it is a list.
    pub fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        self.value.is_object()
    }

    /// Its text, if it is one.
    pub fn as_text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// The text; `None` where nothing stands.
    pub fn text(&self) -> Result<Option<&'a str>> {
        match self.value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            _ => Err(self.wrong("is no text")),
        }
    }

    /// A name or id: a text or a whole number, at most 128 characters.
    pub fn name_text(&self) -> Option<String> {
        match self.value {
            Value::String(text) if !text.is_empty() => Some(text.chars().take(128).collect()),
            Value::Number(n) => Some(n.to_string()),
            _ => None,
        }
    }

    /// The number, also one that is written as text; `None` where nothing stands.
    pub fn number(&self) -> Result<Option<f64>> {
        let number = match self.value {
            Value::Null => return Ok(None),
            Value::String(text) if text.trim().is_empty() => return Ok(None),
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_f64(),
        };
        number.filter(|n: &f64| n.is_finite()).map(Some).ok_or_else(|| self.wrong("is no number"))
    }

    /// A share of `whole` (1 or 100) as 0 to 1; a hair outside is rounding.
    pub fn share(&self, whole: f64) -> Result<Option<f32>> {
        let Some(number) = self.number()? else { return Ok(None) };
        let share = number / whole;
        if (-0.001..=1.001).contains(&share) {
            Ok(Some(share.clamp(0.0, 1.0) as f32))
        } else {
            Err(self.wrong(&format!("is no share from 0 to {whole}")))
        }
    }

    /// The plate; `None` where nothing stands.
    pub fn plate(&self) -> Result<Option<Text>> {
        let Some(written) = self.text()? else { return Ok(None) };
        plate(written).map_err(|e| self.wrong(&format!("is no plate that can be taken: {e}")))
    }

    /// A whole number of pixels.
    pub fn pixels(&self) -> Option<i32> {
        let number = self.number().ok().flatten()?;
        (-1e6..=1e6).contains(&number).then(|| number.round() as i32)
    }

    /// An error that names the place.
    pub fn wrong(&self, what: &str) -> Error {
        Error::invalid(format!("{} {what}.", self.name()))
    }

    fn name(&self) -> &str {
        if self.path.is_empty() { "The document" } else { &self.path }
    }
}

/// A written plate; none where the maker says that it could not read one.
pub(super) fn plate(written: &str) -> Result<Option<Text>, TextError> {
    const UNREAD: [&str; 6] = ["", "unknown", "noplate", "no plate", "none", "null"];
    let written = written.trim();
    if UNREAD.iter().any(|word| written.eq_ignore_ascii_case(word)) {
        return Ok(None);
    }
    Text::parse(written).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(json: &str, ask: impl Fn(&Node<'_>) -> Result<()>) -> String {
        let json = Json::parse(json.as_bytes()).unwrap();
        ask(&json.root()).unwrap_err().message().to_owned()
    }

    #[test]
    fn errors_name_the_place_and_not_what_stands_there() {
        let e = error(r#"{"a":[{"b":"7ABC128"}]}"#, |root| {
            root.get("a").items()?[0].get("b").number().map(|_| ())
        });
        assert_eq!(e, "a[0].b is no number.");
        let e = error(r#"{"p":"7ABC#128"}"#, |root| root.get("p").plate().map(|_| ()));
        assert!(e.starts_with("p is no plate") && !e.contains("7ABC"), "{e}");
        let e = Json::parse(b"{\"p\":\n \"7ABC128\",,}").err().unwrap();
        assert_eq!(e.message(), "The document is no JSON at line 2 column 12.");
        let e = error(r#"{"c": 120}"#, |root| root.get("c").share(100.0).map(|_| ()));
        assert_eq!(e, "c is no share from 0 to 100.");
        let many = format!("[{}1]", "1,".repeat(RESULTS_MAX));
        assert!(error(&many, |root| root.items().map(|_| ())).contains("more than 64"));
    }

    #[test]
    fn a_small_body_does_not_ask_for_much_memory() {
        let e = Json::parse(format!("[{}1]", "1,".repeat(MARKS_MAX)).as_bytes()).err().unwrap();
        assert_eq!(e.kind(), base::Kind::TooLarge);
        assert!(Json::parse("[".repeat(5000).as_bytes()).is_err());
        assert!(Json::parse(format!("\"{}\"", ",".repeat(MARKS_MAX + 1)).as_bytes()).is_ok());
    }

    #[test]
    fn numbers_may_be_texts() {
        let json = Json::parse(br#"{"a":"0.5","b":" ","c":"x","d":null,"e":"1e999"}"#).unwrap();
        let root = json.root();
        assert_eq!(root.get("a").number().unwrap(), Some(0.5));
        assert_eq!(root.get("b").number().unwrap(), None);
        assert_eq!(root.get("d").share(1.0).unwrap(), None);
        assert!(root.get("c").number().is_err() && root.get("e").number().is_err());
    }

    #[test]
    fn unread_is_no_plate() {
        for written in ["", " ", "unknown", "noPlate", "None"] {
            assert_eq!(plate(written), Ok(None), "{written}");
        }
        assert!(plate("7abc 128").unwrap().is_some());
        assert!(plate("&PLATE").is_err());
    }
}
