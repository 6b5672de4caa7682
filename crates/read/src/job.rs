//! What a job sees of a read, and what it may leave behind.

use crate::Read;
use base::{EntryId, HitId, ListId, ReadId, Time, sha256};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A vehicle's pass as the jobs see it: the read, in memory, between opening and sealing.
pub type Pass = Arc<Read>;

/// What a job leaves behind for a pass. It holds ids, keyed tokens and counts, never a plate,
/// and is stored in the transaction that stores the sealed read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Effect {
    /// A read that looks like a hot-list entry: a question to a person.
    Hit {
        /// Follows from entry and read, so that a job that runs again raises the same hit.
        hit: HitId,
        /// The list.
        list: ListId,
        /// The entry.
        entry: EntryId,
        /// The read.
        read: ReadId,
        /// P(the read is the listed plate), parts per million.
        probability_ppm: u32,
        /// How the read came to be taken for the entry; effects from before it was told have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        basis: Option<Basis>,
    },
}

/// How a read is like a listed plate. It names places and no character.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// How the characters are alike.
    pub text: TextBasis,
    /// How the states stand to each other.
    pub state: StateBasis,
    /// Places, from 0, where the read's best text and the entry differ: of the read, but of the entry
    /// where a character is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<u8>,
}

/// How the characters of a read are like those of a listed plate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextBasis {
    /// The best text of the read is the plate.
    Exact,
    /// It differs in characters that are taken for one another: proposed, never confirmed.
    LookAlike,
    /// It differs in other characters that the reader thought possible.
    Other,
    /// The entry has a character that was not read.
    Missing,
    /// A character was read that the entry does not have.
    Extra,
    /// The entry is known in part, and the read fits it.
    Partial,
}

/// How the state of a read and the state of a listed plate stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateBasis {
    /// They are the same.
    Same,
    /// One of them is not known.
    Unknown,
    /// They differ.
    Differs,
}

impl Effect {
    /// The read that caused it.
    pub fn read(&self) -> ReadId {
        match self {
            Effect::Hit { read, .. } => *read,
        }
    }
}

/// One of the city's jobs. It looks at passes in memory and is otherwise without state of its own.
pub trait Job: Send + Sync {
    /// The job's name as the public log spells it.
    fn name(&self) -> &'static str;
    /// The effects of some passes; called once for every read that is new.
    fn on_passes(&self, passes: &[Pass], now: Time) -> Vec<Effect>;
}

/// The hit of this entry and this read: always the same one.
pub fn hit_id(entry: &EntryId, read: &ReadId) -> HitId {
    let hash = sha256(format!("homeplate/hit/v1\n{entry}\n{read}").as_bytes());
    let mut random = [0; 10];
    random.copy_from_slice(&hash[..10]);
    HitId::new(read.time(), random)
}
