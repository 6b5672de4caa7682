//! What leaves custody sealed. The store keeps these; nothing in them is a plate.

use base::{CameraId, Day, Epoch, HitId, HoldId, ReadId, SegmentId, Time};
use read::Sealed;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A plate as the index knows it: keyed by the day, so that the same plate has the same token
/// within a day and another one the next day.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Token(#[serde(with = "serde_bytes")] pub [u8; 32]);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Some reads of one camera under one key, which is wrapped to the epoch of their capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSegment {
    /// The segment.
    pub id: SegmentId,
    /// The one camera whose reads are in it.
    pub camera: CameraId,
    /// The epoch whose key opens it, and whose end ends it.
    pub epoch: Epoch,
    /// The segment key, sealed to the epoch's key.
    pub wrapped: Sealed,
    /// The readings of its reads, sealed for scanning; absent in segments of before there was any.
    #[serde(with = "serde_bytes")]
    pub scan: Option<Vec<u8>>,
}

/// One read, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedRead {
    /// The read; its day is the partition.
    pub id: ReadId,
    /// The camera.
    pub camera: CameraId,
    /// The segment whose key this read's key is derived from.
    pub segment: SegmentId,
    /// When it was captured; the same moment as in the id.
    pub captured: Time,
    /// The camera's counter under its lease.
    pub counter: u64,
    /// The read's canonical bytes, padded and sealed.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
    /// Its picture, sealed.
    #[serde(with = "serde_bytes")]
    pub picture: Option<Vec<u8>>,
    /// Index tokens of its up to four likeliest readings, in no telling order.
    pub tokens: Vec<Token>,
}

impl SealedRead {
    /// Whether what the store says of it agrees with itself, and with its segment.
    pub(crate) fn told_straight(&self, segment: &SealedSegment) -> bool {
        self.segment == segment.id
            && self.camera == segment.camera
            && self.id.time() == self.captured
            && Epoch::of(self.captured, segment.epoch.len_s) == segment.epoch
    }
}

/// A hit's own copy of its read, sealed under a key with a retention of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedHit {
    /// The hit.
    pub id: HitId,
    /// Names the hit key: hits have epochs of a day, apart from those of reads.
    pub epoch: Epoch,
    /// The key of this hit, sealed to the hit epoch's key.
    pub wrapped: Sealed,
    /// The read's canonical bytes, padded and sealed.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
    /// Its picture, sealed.
    #[serde(with = "serde_bytes")]
    pub picture: Option<Vec<u8>>,
}

/// What the store takes in one transaction, in the file of one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedBatch {
    /// The UTC day of every read in it.
    pub day: Day,
    /// The segments of its reads.
    pub segments: Vec<SealedSegment>,
    /// The reads.
    pub reads: Vec<SealedRead>,
    /// Copies for hits; the caller adds them with [`crate::Custody::seal_hit`].
    pub hits: Vec<SealedHit>,
}

/// A read that a hold preserves: what was sealed, and its keys, sealed to the matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRead {
    /// The hold.
    pub hold: HoldId,
    /// The read.
    pub id: ReadId,
    /// Its camera.
    pub camera: CameraId,
    /// The epoch it was sealed in; the bodies are bound to it.
    pub epoch: Epoch,
    /// The keys of body and picture, sealed to the matter's public key.
    pub keys: Sealed,
    /// The read's canonical bytes, padded and sealed.
    pub body: Vec<u8>,
    /// Its picture, sealed.
    pub picture: Option<Vec<u8>>,
}

/// A sealed read with its segment, as the store found it for a permit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The read.
    pub read: SealedRead,
    /// Its segment.
    pub segment: SealedSegment,
}
