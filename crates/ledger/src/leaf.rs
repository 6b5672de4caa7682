//! Leaf v1: one public entry, and the commitment to what stays private.
//!
//! A leaf has exactly one spelling (canonical JSON), and [`Leaf::parse`] accepts no other: what is
//! hashed, what is read and what is shown can never differ. Its time is cut to the minute, because
//! in a small town the second of a question can itself tell who asked.

use base::{Error, Result, Time, b64, canonical, sha256, unb64};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Borrow;

/// What a leaf may be at most: an entry bundle gives an entry's length two bytes.
pub(crate) const MAX_BYTES: usize = u16::MAX as usize;
const MINUTE_MS: i64 = 60_000;
const VERSION: u32 = 1;

/// One entry of the public log. It never holds a plate, a person's name or a case number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// The version of this form: 1.
    pub v: u32,
    /// What happened, for instance `search.intent`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When, cut to the minute.
    pub time: Time,
    /// The subject: a camera, a hit, a question. [`crate::Log::append_once`] goes by type and id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The job it belongs to, for instance `hotlist`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The office or role that acted; never a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Who acted, under a name that lasts a month and that nobody can lead back to the person: with
    /// it the questions of one person can be counted, and no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The agency it was done for, if it was done for another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// Public facts, as `ref/log-v1.md` lists them by type.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub facts: Map<String, Value>,
    /// The [`commitment`] to the private body, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Leaf {
    /// A leaf of this type at this moment, which is cut to the minute.
    pub fn new(kind: impl Into<String>, time: impl Borrow<Time>) -> Self {
        Self {
            v: VERSION,
            kind: kind.into(),
            time: time.borrow().floor_to(MINUTE_MS),
            id: None,
            job: None,
            by: None,
            actor: None,
            on_behalf_of: None,
            facts: Map::new(),
            body: None,
        }
    }

    /// With this subject.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
    /// Of this job.
    pub fn job(mut self, job: impl Into<String>) -> Self {
        self.job = Some(job.into());
        self
    }
    /// By this office.
    pub fn by(mut self, by: impl Into<String>) -> Self {
        self.by = Some(by.into());
        self
    }
    /// By the person of this pseudonym.
    pub fn actor(mut self, pseudonym: impl Into<String>) -> Self {
        self.actor = Some(pseudonym.into());
        self
    }
    /// For this agency.
    pub fn on_behalf_of(mut self, agency: impl Into<String>) -> Self {
        self.on_behalf_of = Some(agency.into());
        self
    }
    /// With one more public fact; numbers must be whole.
    pub fn fact(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.facts.insert(key.into(), value.into());
        self
    }
    /// With the commitment to its private body.
    pub fn body(mut self, commitment: impl Into<String>) -> Self {
        self.body = Some(commitment.into());
        self
    }

    /// A fact that is a text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.facts.get(key)?.as_str()
    }
    /// A fact that is a whole number, zero or more.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.facts.get(key)?.as_u64()
    }
    /// How many reads an answer opened: the number, or at least so many where the city logs ranges.
    pub fn opened(&self) -> u64 {
        let least = || self.text("result")?.split('-').next()?.parse().ok();
        self.number("opened").or_else(least).unwrap_or(0)
    }

    /// The bytes that go on the log. Refused if [`Leaf::parse`] would not take them back.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        self.well_formed()?;
        let bytes = canonical(self).map_err(|e| {
            Error::invalid("A log entry's facts must be texts, whole numbers, lists or objects.")
                .because(e)
        })?;
        if bytes.len() > MAX_BYTES {
            return Err(Error::too_large(format!(
                "A log entry has at most {MAX_BYTES} bytes; keep the rest in its private body."
            )));
        }
        Ok(bytes)
    }

    /// The leaf that these bytes spell; any other spelling of it is refused.
    pub fn parse(bytes: &[u8]) -> Result<Leaf> {
        let leaf: Leaf = serde_json::from_slice(bytes)
            .map_err(|e| Error::invalid("This is not a log entry of version 1.").because(e))?;
        if leaf.bytes()? != bytes {
            return Err(Error::invalid("This log entry is not in its canonical spelling."));
        }
        Ok(leaf)
    }

    fn well_formed(&self) -> Result<()> {
        let optional = [&self.id, &self.job, &self.by, &self.actor, &self.on_behalf_of];
        let wrong = if self.v != VERSION {
            "version is not 1"
        } else if !is_kind(&self.kind) {
            "type is not words of a-z with dots between them"
        } else if self.time.floor_to(MINUTE_MS) != self.time {
            "time is not a whole minute"
        } else if optional.into_iter().flatten().any(String::is_empty) {
            "field is empty; leave it out"
        } else if self.body.as_deref().is_some_and(|b| unb64(b).is_none_or(|b| b.len() != 32)) {
            "body is not a commitment"
        } else {
            return Ok(());
        };
        Err(Error::invalid(format!("A log entry was not accepted: its {wrong}.")))
    }
}

fn is_kind(kind: &str) -> bool {
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase());
    kind.split('.').all(word)
}

/// What a leaf says of its private body: nothing to who lacks the salt, and for ever only this
/// body to who has it. Destroying the salt makes the public half meaningless.
pub fn commitment(salt: &[u8; 32], canonical_body: &[u8]) -> String {
    b64(&sha256(&[b"homeplate/body/v1\n", salt.as_slice(), canonical_body].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn a_leaf_has_one_spelling() {
        let leaf = Leaf::new("search.intent", at("2026-11-23T08:15:42.5Z"))
            .id("q_00")
            .by("officer")
            .fact("cameras", 2)
            .body(commitment(&[7; 32], b"{}"));
        let text = String::from_utf8(leaf.bytes().unwrap()).unwrap();
        assert!(text.contains("2026-11-23T08:15:00.000Z"), "{text}");
        assert_eq!(Leaf::parse(text.as_bytes()).unwrap(), leaf);
        for other in [
            format!(" {text}"),
            format!("{text}\n"),
            text.replace("\"v\":1", "\"v\":2"),
            text.replace("\"v\":1", "\"v\":1,\"v\":1"),
            text.replace("\"v\":1", "\"v\":1.0"),
            text.replace("08:15:00.000Z", "08:15:00Z"),
            text.replace("08:15:00.000Z", "08:15:01.000Z"),
            text.replace("\"cameras\":2", "\"cameras\":2.5"),
            text.replace("\"by\":\"officer\"", "\"by\":\"\""),
            text.replace("\"by\":\"officer\"", "\"by\":null"),
            text.replace("\"by\":\"officer\"", "\"by\":\"\\u006ffficer\""),
            text.replace("\"by\"", "\"who\""),
            text.replace("search.intent", "search..intent"),
        ] {
            assert_ne!(other, text);
            assert!(Leaf::parse(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn what_could_not_be_read_back_is_not_written() {
        let fine = || Leaf::new("admin.created", at("2026-11-23T08:15:00Z"));
        assert!(fine().bytes().is_ok());
        for bad in [
            fine().id(""),
            fine().fact("place", 0.5),
            fine().body("short"),
            Leaf { v: 2, ..fine() },
            Leaf { time: at("2026-11-23T08:15:01Z"), ..fine() },
            Leaf { kind: "Admin".into(), ..fine() },
        ] {
            assert!(bad.bytes().is_err(), "{bad:?}");
        }
        let long = fine().fact("much", "x".repeat(MAX_BYTES));
        assert_eq!(long.bytes().unwrap_err().kind(), base::Kind::TooLarge);
    }

    #[test]
    fn a_commitment_needs_its_salt() {
        assert_ne!(commitment(&[1; 32], b"{}"), commitment(&[2; 32], b"{}"));
        assert_ne!(commitment(&[1; 32], b"{}"), commitment(&[1; 32], b"[]"));
    }
}
