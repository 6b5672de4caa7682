//! A question, as it is decided, logged and remembered.

use base::{CameraId, Error, PersonId, Result, Secret, Time, canonical, hex, sha256};
use plate::{Pattern, Reason, Text};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A question before it is answered: who asks what, for which purpose, on whose authority.
#[derive(Clone, PartialEq, Eq)]
pub struct Intent {
    /// `q_` and 32 hex digits; it names the question on the public log and tells nothing.
    pub id: String,
    /// Who asks.
    pub person: PersonId,
    /// The roles that the city gave that person.
    pub roles: Vec<String>,
    /// One of the purposes that the rules know.
    pub purpose: String,
    /// The case number, where one is stated.
    pub case: Option<String>,
    /// `none` or the kind of paper the question rests on, for instance `judicial-warrant`.
    pub authority: String,
    /// The registered paper that the question rests on, where one is named: its id.
    pub paper: Option<String>,
    /// Whether the asker says that a life is in danger.
    pub emergency: bool,
    /// For whom the person asks, where it is not for the own department: one of [`AGENCIES`], and
    /// behind a colon the name, which stays private.
    pub on_behalf_of: Option<String>,
    /// Why, in the asker's words.
    pub reason: Option<String>,
    /// The plates asked for of which every character is known.
    pub plates: Vec<Text>,
    /// The plates asked for with unknown characters.
    pub patterns: Vec<Pattern>,
    /// Whether what those plates are easily misread as is asked for too.
    pub look_alikes: bool,
    /// The cameras asked about, each by name.
    pub cameras: Vec<CameraId>,
    /// First moment asked about.
    pub from: Time,
    /// First moment no longer asked about.
    pub until: Time,
    /// When the question was asked.
    pub at: Time,
    /// Until when the public log says no more than that there was a question under a warrant.
    pub reveal_after: Option<Time>,
    /// What the asker has signed of it, where they were asked to.
    pub confirmed: Option<Confirmed>,
}

/// That the asker put a signature under a question: all that it takes to check it later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmed {
    /// The key, spelled.
    pub key: String,
    /// What was signed ([`Intent::to_confirm`]).
    pub message: String,
    /// The signature, spelled.
    pub signature: String,
}

/// The authority that seals questions.
pub(crate) const WARRANT: &str = "judicial-warrant";

/// The kinds of those for whom somebody may ask; the public log says no more of them.
pub const AGENCIES: [&str; 8] =
    ["local", "county", "state", "out-of-state", "federal", "court", "foreign", "other"];

/// Shows what the public log shows; plates, case and reason stay out of every trace.
impl fmt::Debug for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Intent({}, {} plates, {} cameras)",
            self.id,
            self.plates.len() + self.patterns.len(),
            self.cameras.len()
        )
    }
}

/// Who vouches for a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vouch {
    /// There is no such fact.
    None,
    /// The asker alone states it.
    Stated,
    /// Somebody else confirmed it.
    Attested,
}

impl Vouch {
    /// As rules and the public log spell it.
    pub fn slug(self) -> &'static str {
        match self {
            Vouch::None => "none",
            Vouch::Stated => "stated",
            Vouch::Attested => "attested",
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    v: u32,
    id: &'a str,
    person: &'a PersonId,
    roles: &'a [String],
    purpose: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<&'a str>,
    authority: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    paper: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    emergency: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    plates: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    patterns: Vec<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    look_alikes: bool,
    cameras: &'a [CameraId],
    from: i64,
    until: i64,
    at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reveal_after: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<&'a Confirmed>,
}

/// What an asker signs: all of the question. Its plates stand in it as a hash; the record beside it spells them.
#[derive(Serialize)]
struct ToConfirm<'a> {
    v: u32,
    what: &'a str,
    log: &'a str,
    person: &'a PersonId,
    purpose: &'a str,
    case: Option<&'a str>,
    authority: &'a str,
    paper: Option<&'a str>,
    emergency: bool,
    on_behalf_of: Option<&'a str>,
    reason: Option<&'a str>,
    plates: String,
    look_alikes: bool,
    cameras: &'a [CameraId],
    from: i64,
    until: i64,
    reveal_after: Option<i64>,
    at: i64,
}

/// The canonical bytes of a private body. Only whole numbers and strings are in one, so it has them.
pub(crate) fn spelled(body: &impl Serialize) -> Secret<Vec<u8>> {
    Secret::new(canonical(body).unwrap_or_else(|e| unreachable!("{e}")))
}

/// [`Body`], read back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spelled {
    v: u32,
    id: String,
    person: PersonId,
    roles: Vec<String>,
    purpose: String,
    case: Option<String>,
    authority: String,
    paper: Option<String>,
    #[serde(default)]
    emergency: bool,
    on_behalf_of: Option<String>,
    reason: Option<String>,
    plates: Vec<String>,
    #[serde(default)]
    patterns: Vec<String>,
    #[serde(default)]
    look_alikes: bool,
    cameras: Vec<CameraId>,
    from: i64,
    until: i64,
    at: i64,
    reveal_after: Option<i64>,
    confirmed: Option<Confirmed>,
}

impl Spelled {
    fn intent(self) -> Option<Intent> {
        let plates = self.plates.iter().map(|p| Text::parse(p).ok());
        let patterns = self.patterns.iter().map(|p| Pattern::parse(p).ok());
        let intent = Intent {
            id: self.id,
            person: self.person,
            roles: self.roles,
            purpose: self.purpose,
            case: self.case,
            authority: self.authority,
            paper: self.paper,
            emergency: self.emergency,
            on_behalf_of: self.on_behalf_of,
            reason: self.reason,
            plates: plates.collect::<Option<_>>()?,
            patterns: patterns.collect::<Option<_>>()?,
            look_alikes: self.look_alikes,
            cameras: self.cameras,
            from: Time::from_millis(self.from),
            until: Time::from_millis(self.until),
            at: Time::from_millis(self.at),
            reveal_after: self.reveal_after.map(Time::from_millis),
            confirmed: self.confirmed,
        };
        (self.v == 1).then_some(intent)
    }
}

/// Reads a private body back; only its one spelling counts.
pub(crate) fn read_back<S: DeserializeOwned, T>(
    bytes: &[u8],
    meant: impl FnOnce(S) -> Option<T>,
    spelled: impl FnOnce(&T) -> Secret<Vec<u8>>,
) -> Result<T> {
    let read = serde_json::from_slice::<S>(bytes).ok().and_then(meant);
    read.filter(|read| spelled(read).expose() == bytes)
        .ok_or_else(|| Error::invalid("This is not a question or a hold in its canonical form."))
}

impl Intent {
    /// Reads what [`Intent::canonical`] wrote, and nothing else.
    pub fn from_canonical(bytes: &[u8]) -> Result<Self> {
        read_back(bytes, Spelled::intent, Intent::canonical)
    }

    /// How the plates are looked for, as the public log spells it: `exact`, `look-alikes` or
    /// `pattern`, the widest of them.
    pub fn manner(&self) -> &'static str {
        match (self.patterns.is_empty(), self.look_alikes) {
            (false, _) => "pattern",
            (true, true) => "look-alikes",
            (true, false) => "exact",
        }
    }

    /// The purpose as the public log spells it. A word that is no purpose could be anything, a plate
    /// for instance, and is not repeated there.
    pub fn public_purpose(&self) -> &'static str {
        crate::engine::PURPOSES.into_iter().find(|p| *p == self.purpose).unwrap_or("unknown")
    }

    /// The authority as the public log spells it, like [`Intent::public_purpose`].
    pub fn public_authority(&self) -> &'static str {
        crate::engine::AUTHORITIES.into_iter().find(|a| *a == self.authority).unwrap_or("unknown")
    }

    /// Whether the asker wrote why.
    pub fn has_reason(&self) -> bool {
        self.reason.as_deref().is_some_and(|r| !r.trim().is_empty())
    }

    /// Until when the question is sealed. Without a warrant it is not, whatever was wished: nobody hides
    /// a question that the rules refuse.
    pub fn sealed_until(&self) -> Option<Time> {
        self.reveal_after.filter(|_| self.authority == WARRANT)
    }

    /// The kind of those for whom is asked, one of [`AGENCIES`]; `other` for any that is not.
    pub fn agency(&self) -> Option<&'static str> {
        let kind = self.on_behalf_of.as_deref()?.split(':').next()?.trim();
        Some(AGENCIES.into_iter().find(|known| *known == kind).unwrap_or("other"))
    }

    /// The bytes that an asker signs for this question at a moment, in the city of this log. `plates` is the SHA-256
    /// of the canonical JSON of all of them, those with unknown characters last.
    pub fn to_confirm(&self, log: &str, at: Time) -> Vec<u8> {
        let exact = self.plates.iter().map(|p| p.reveal(Reason::Question));
        let patterns = self.patterns.iter().map(|p| p.reveal(Reason::Question));
        let plates: Vec<&str> = exact.chain(patterns).collect();
        let said = ToConfirm {
            v: 1,
            what: "ask",
            log,
            person: &self.person,
            purpose: &self.purpose,
            case: self.case.as_deref(),
            authority: &self.authority,
            paper: self.paper.as_deref(),
            emergency: self.emergency,
            on_behalf_of: self.on_behalf_of.as_deref(),
            reason: self.reason.as_deref(),
            plates: hex(&sha256(spelled(&plates).expose())),
            look_alikes: self.look_alikes,
            cameras: &self.cameras,
            from: self.from.millis(),
            until: self.until.millis(),
            reveal_after: self.reveal_after.map(|t| t.millis()),
            at: at.millis(),
        };
        spelled(&said).expose().clone()
    }

    /// The canonical bytes that the public log commits to. They spell the plates.
    pub fn canonical(&self) -> Secret<Vec<u8>> {
        let body = Body {
            v: 1,
            id: &self.id,
            person: &self.person,
            roles: &self.roles,
            purpose: &self.purpose,
            case: self.case.as_deref(),
            authority: &self.authority,
            paper: self.paper.as_deref(),
            emergency: self.emergency,
            on_behalf_of: self.on_behalf_of.as_deref(),
            reason: self.reason.as_deref(),
            plates: self.plates.iter().map(|p| p.reveal(Reason::Question)).collect(),
            patterns: self.patterns.iter().map(|p| p.reveal(Reason::Question)).collect(),
            look_alikes: self.look_alikes,
            cameras: &self.cameras,
            from: self.from.millis(),
            until: self.until.millis(),
            at: self.at.millis(),
            reveal_after: self.reveal_after.map(|t| t.millis()),
            confirmed: self.confirmed.as_ref(),
        };
        spelled(&body)
    }
}
