//! What lies at the second place, and how it is sealed. Names and forms: `ref/copy-v1.md`.

use base::{Error, Result, Time};
use read::{OpenKey, SealKey, Sealed};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

const INFO: &[u8] = b"homeplate/copy/v1";
/// Bytes of a piece of a database file.
pub(super) const PIECE: usize = 256 << 10;
/// The version of everything here.
pub(super) const VERSION: u8 = 1;
/// Under this number the base of a generation lies.
pub(super) const BASE: u64 = 0;

/// `city`: whose place it is. In the clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    pub v: u8,
    /// The city's slug.
    pub city: String,
    /// The recovery key that the newest of it is sealed to, and how many sheets of how many open that.
    pub recovery: String,
    pub needed: u8,
    pub of: u8,
    /// By chance: tells this place from an empty folder.
    pub mark: String,
}

/// A whole state: of the city's folder, or of its reads.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Base {
    pub v: u8,
    pub at: Time,
    pub files: Vec<File>,
}

/// A file of a base: its pieces, in order, make it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct File {
    pub name: String,
    pub mode: u32,
    pub size: u64,
    pub pieces: Vec<ByteBuf>,
}

/// What changed since the record before.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub v: u8,
    pub seq: u64,
    /// SHA-256 of the sealed record before, or of the sealed base.
    pub before: ByteBuf,
    pub at: Time,
    /// The server ended as it should: nothing came after this.
    pub closed: bool,
    pub changes: Vec<Change>,
}

/// A change of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Change {
    /// These bytes at these places; then the file has this size.
    Write { file: String, mode: u32, size: u64, parts: Vec<(u64, ByteBuf)> },
    /// It is gone.
    Remove { file: String },
}

impl Change {
    /// A file as a whole.
    pub fn whole(file: String, mode: u32, bytes: Vec<u8>) -> Self {
        let size = bytes.len() as u64;
        Self::Write { file, mode, size, parts: vec![(0, ByteBuf::from(bytes))] }
    }

    /// About so many bytes on the way.
    pub fn weight(&self) -> usize {
        match self {
            Self::Write { parts, .. } => 100 + parts.iter().map(|p| p.1.len() + 16).sum::<usize>(),
            Self::Remove { .. } => 100,
        }
    }
}

/// The name of a generation's record.
pub(super) fn record_name(generation: &str, seq: u64) -> String {
    format!("g/{generation}/{seq:010}")
}

/// The name of a piece below `b` or `rb`.
pub(super) fn piece_name(kind: &str, id: &[u8]) -> String {
    let hex = base::hex(id);
    format!("{kind}/{}/{hex}", &hex[..2])
}

/// The id of a piece whose name below its kind is this.
pub(super) fn piece_id(name: &str) -> Option<[u8; 32]> {
    let hex = name.rsplit('/').next()?;
    let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..64).step_by(2).map(byte).collect();
    bytes?.try_into().ok().filter(|_| hex.len() == 64)
}

/// Seals bytes for the place, bound to the name that they get there.
pub(super) fn seal_bytes(key: &SealKey, name: &str, plain: &[u8]) -> Result<Vec<u8>> {
    Ok(key.seal(INFO, name.as_bytes(), plain)?.0)
}

/// Opens what [`seal_bytes`] sealed under the same name.
pub(super) fn open_bytes(key: &OpenKey, name: &str, sealed: Vec<u8>) -> Result<Vec<u8>> {
    Ok(key.open(INFO, name.as_bytes(), &Sealed(sealed))?.expose().clone())
}

pub(super) fn seal(key: &SealKey, name: &str, what: &impl Serialize) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    ciborium::into_writer(what, &mut plain)
        .map_err(|e| Error::internal("The copy cannot be spelled.").because(e.to_string()))?;
    seal_bytes(key, name, &plain)
}

pub(super) fn open<T: DeserializeOwned>(key: &OpenKey, name: &str, sealed: Vec<u8>) -> Result<T> {
    let plain = open_bytes(key, name, sealed)?;
    ciborium::from_reader(plain.as_slice()).map_err(|e| {
        Error::invalid("The copy is of another version or damaged.").because(e.to_string())
    })
}
