//! What is said over the socket. Plates travel as the bytes that the log commits to, or sealed; they are
//! wiped where they were.

use crate::Sort;
use crate::sealed::{Found, SealedHit, SealedSegment, Token};
use base::{CameraId, Day, Epoch, Error, HitId, HoldId, Kind, PersonId, ReadId, Result, Time};
use identity::Adoption;
use policy::{Facts, Vouch};
use read::{Lease, Sealed, WatchHead};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use zeroize::Zeroize;

/// Bytes that may spell a plate, or be a key.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Plain(#[serde(with = "serde_bytes")] pub Vec<u8>);

impl Drop for Plain {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Names a permit that custody keeps.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Handle(pub [u8; 16]);

/// A read of a batch, canonical, with its picture.
#[derive(Serialize, Deserialize)]
pub(super) struct Arriving {
    pub read: Plain,
    pub picture: Option<Plain>,
}

/// [`Facts`], spelled.
#[derive(Serialize, Deserialize)]
pub(super) struct Stated {
    case: String,
    paper: String,
    asking_off: bool,
    review_overdue: bool,
    now: Time,
}

impl From<&Facts> for Stated {
    fn from(facts: &Facts) -> Self {
        Self {
            case: facts.case.slug().into(),
            paper: facts.paper.slug().into(),
            asking_off: facts.asking_off,
            review_overdue: facts.review_overdue,
            now: facts.now,
        }
    }
}

impl TryFrom<Stated> for Facts {
    type Error = Error;

    fn try_from(said: Stated) -> Result<Self> {
        let vouch = |word: &str| {
            let known = [Vouch::None, Vouch::Stated, Vouch::Attested];
            let vouch = known.into_iter().find(|vouch| vouch.slug() == word);
            vouch.ok_or_else(|| Error::invalid("Nobody vouches for a fact like that."))
        };
        Ok(Self {
            case: vouch(&said.case)?,
            paper: vouch(&said.paper)?,
            asking_off: said.asking_off,
            review_overdue: said.review_overdue,
            now: said.now,
        })
    }
}

/// The server's first word: what both sides must go by.
#[derive(Serialize, Deserialize)]
pub(super) struct Hello {
    pub version: u32,
    pub rules: String,
    pub log: String,
    // Not said by versions of before, which shall hear that they are.
    #[serde(default)]
    pub epoch_s: u32,
    #[serde(default)]
    pub witnesses: Option<String>,
}

/// What the city asks. An entry is its receipt, a leaf its bytes, an intent and a hold their canonical
/// bytes, a read likewise.
#[derive(Serialize, Deserialize)]
pub(super) enum Request {
    Hello(Hello),
    Takes(Time),
    OpenItems { camera: CameraId, items: Vec<Sealed> },
    Seal { day: Day, reads: Vec<Arriving> },
    SealHit { hit: HitId, read: Plain, picture: Option<Plain> },
    SealRecord(Plain),
    Pseudonym(PersonId),
    Marks { intent: Plain, own: Vec<Sealed> },
    IngestKey,
    LeasePublic,
    SignLease(Lease),
    WatchKey { camera: CameraId, day: Day },
    SignWatch(WatchHead),
    Permit { intent: Plain, facts: Stated, salt: [u8; 32], entry: String, then: Option<Plain> },
    Adopt { adoption: Adoption, entry: String },
    Scan { permit: Handle, segments: Vec<SealedSegment> },
    Keys { permit: Handle, found: Vec<Found> },
    OpenHit { hit: SealedHit, entry: String },
    HoldPermit { hold: HoldId, sealed: Sealed, salt: [u8; 32], entry: String },
    Reseal { permit: Handle, found: Vec<Found> },
    Release(Handle),
    DestroyBefore(Time),
    DestroyHitsBefore(Time),
    DestructionLogged(Sort, Vec<Epoch>),
    Rescue,
}

/// The answer: what was asked for, or why not.
#[derive(Serialize, Deserialize)]
pub(super) enum Word<T> {
    Good(T),
    No { kind: String, message: String },
}

impl<T> Word<T> {
    pub fn of(done: Result<T>) -> Self {
        match done {
            Ok(good) => Self::Good(good),
            Err(e) => Self::No { kind: e.kind().slug().into(), message: e.message().into() },
        }
    }

    pub fn into_result(self) -> Result<T> {
        match self {
            Self::Good(good) => Ok(good),
            Self::No { kind, message } => {
                Err(Error::new(Kind::from_slug(&kind).unwrap_or(Kind::Internal), message))
            }
        }
    }
}

/// A permit as the city's side needs it: where to look, and for what.
#[derive(Serialize, Deserialize)]
pub(crate) struct Given {
    pub handle: Handle,
    pub entry: u64,
    pub cameras: Vec<CameraId>,
    pub from: Time,
    pub until: Time,
    pub tokens: BTreeMap<Day, Vec<Token>>,
    pub scans: bool,
}

/// The same of a hold, with its matter's public key.
#[derive(Serialize, Deserialize)]
pub(crate) struct GivenHold {
    pub handle: Handle,
    pub key: [u8; 32],
    pub cameras: Vec<CameraId>,
    pub from: Time,
    pub until: Time,
    pub days: BTreeMap<Day, Option<Token>>,
}

/// What a scan came to, and which reads are new in the permit.
#[derive(Serialize, Deserialize)]
pub(super) struct Compared {
    pub reads: u64,
    pub matched: u64,
    pub unscannable: u64,
    pub new: Vec<ReadId>,
}

/// The keys of one read.
#[derive(Serialize, Deserialize)]
pub(crate) struct Key {
    pub read: ReadId,
    pub keys: Plain,
    pub epoch: Epoch,
}
