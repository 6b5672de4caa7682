//! A preservation hold: what must not be forgotten for a matter before a court, and on whose word.

use crate::intent::{read_back, spelled};
use base::{CameraId, HoldId, PersonId, Result, Secret, Time, hex, sha256};
use plate::{Reason, Text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a hold asks for. What it preserves nobody in the city can open.
#[derive(Clone)]
pub struct Hold {
    /// The hold.
    pub id: HoldId,
    /// Who places it.
    pub person: PersonId,
    /// The roles that the city gave that person.
    pub roles: Vec<String>,
    /// The matter, in the words of who orders it: a court's file number, a letter.
    pub matter: String,
    /// The court's paper that it rests on, as the city registered it: `pap_` and 32 hex digits. Who places the hold has
    /// not registered it.
    pub paper: String,
    /// The one plate that matters; `None` is every read of those cameras in that time.
    pub plate: Option<Text>,
    /// The cameras, each by name.
    pub cameras: Vec<CameraId>,
    /// First moment that matters.
    pub from: Time,
    /// First moment that matters no longer; not in the future.
    pub until: Time,
    /// When somebody has to say whether the hold is still needed.
    pub review: Time,
    /// The public key (X25519) that what is held is sealed to; its private half is the court's.
    pub key: [u8; 32],
}

/// Shows what the public log shows.
impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hold({}, {} cameras)", self.id, self.cameras.len())
    }
}

#[derive(Serialize)]
struct Body<'a> {
    v: u32,
    id: &'a HoldId,
    person: &'a PersonId,
    roles: &'a [String],
    matter: &'a str,
    paper: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    plate: Option<&'a str>,
    cameras: &'a [CameraId],
    from: i64,
    until: i64,
    review: i64,
    key: String,
}

/// [`Body`], read back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spelled {
    v: u32,
    id: HoldId,
    person: PersonId,
    roles: Vec<String>,
    matter: String,
    paper: String,
    plate: Option<String>,
    cameras: Vec<CameraId>,
    from: i64,
    until: i64,
    review: i64,
    key: String,
}

impl Spelled {
    fn hold(self) -> Option<Hold> {
        let plate = match &self.plate {
            Some(text) => Some(Text::parse(text).ok()?),
            None => None,
        };
        let hold = Hold {
            id: self.id,
            person: self.person,
            roles: self.roles,
            matter: self.matter,
            paper: self.paper,
            plate,
            cameras: self.cameras,
            from: Time::from_millis(self.from),
            until: Time::from_millis(self.until),
            review: Time::from_millis(self.review),
            key: base::unb64(&self.key)?.try_into().ok()?,
        };
        (self.v == 1).then_some(hold)
    }
}

impl Hold {
    /// Reads what [`Hold::canonical`] wrote, and nothing else.
    pub fn from_canonical(bytes: &[u8]) -> Result<Self> {
        read_back(bytes, Spelled::hold, Hold::canonical)
    }

    /// The key's name on the public log: SHA-256 of its 32 bytes, in hex.
    pub fn key_hash(&self) -> String {
        hex(&sha256(&self.key))
    }

    /// The canonical bytes that the public log commits to. They spell the plate.
    pub fn canonical(&self) -> Secret<Vec<u8>> {
        let body = Body {
            v: 1,
            id: &self.id,
            person: &self.person,
            roles: &self.roles,
            matter: &self.matter,
            paper: &self.paper,
            plate: self.plate.as_ref().map(|plate| plate.reveal(Reason::Question)),
            cameras: &self.cameras,
            from: self.from.millis(),
            until: self.until.millis(),
            review: self.review.millis(),
            key: base::b64(&self.key),
        };
        spelled(&body)
    }
}
