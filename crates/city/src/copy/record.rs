//! What lies at the second place, and how it is sealed. Names and forms: `ref/copy-v1.md`.

use base::{Error, Kind, PublicKey, Result, SigningKey, Time, mac};
use read::{OpenKey, SealKey, Sealed};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

const INFO: &[u8] = b"homeplate/copy/v1";
/// Bytes of a signature.
const SIGNATURE: usize = 64;
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
    /// The key that names its pieces: whoever may open them sees by it that each is the one that was meant.
    #[serde(default)]
    pub names: ByteBuf,
}

/// A file of a base: its pieces, in order, make it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct File {
    pub name: String,
    pub mode: u32,
    pub size: u64,
    pub pieces: Vec<ByteBuf>,
    /// Of a folder with many files: the pieces that list them. Each is an array of files, and the folder has no bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<ByteBuf>,
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

/// The id of a piece for the recovery key whose public half this is, by the key that names pieces.
pub(super) fn id_of(names: &[u8; 32], key: &SealKey, bytes: &[u8]) -> [u8; 32] {
    mac(names)(&[key.bytes().as_slice(), bytes].concat())
}

/// Who makes a copy: to whom it is sealed, and by whose key it is signed.
#[derive(Clone, Copy)]
pub(super) struct Maker<'a> {
    pub key: &'a SealKey,
    /// The log's key.
    pub by: &'a SigningKey,
}

/// Who opens a copy, and whose it must be.
#[derive(Clone, Copy)]
pub(super) struct Opener<'a> {
    pub key: &'a OpenKey,
    /// The log's key; `None` takes anybody's.
    pub by: Option<PublicKey>,
}

/// What is signed: bound to the name that it gets.
fn signed(name: &str, cbor: &[u8]) -> Vec<u8> {
    [INFO, b"\n", name.as_bytes(), b"\n", cbor].concat()
}

/// Signs and seals: the signature stands behind the CBOR.
pub(super) fn seal(maker: Maker<'_>, name: &str, what: &impl Serialize) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    ciborium::into_writer(what, &mut plain)
        .map_err(|e| Error::internal("The copy cannot be spelled.").because(e.to_string()))?;
    plain.extend(maker.by.sign(&signed(name, &plain)));
    seal_bytes(maker.key, name, &plain)
}

pub(super) fn open<T: DeserializeOwned>(
    opener: Opener<'_>,
    name: &str,
    sealed: Vec<u8>,
) -> Result<T> {
    let plain = open_bytes(opener.key, name, sealed)?;
    if let Some(by) = opener.by {
        let holds = plain
            .split_last_chunk::<SIGNATURE>()
            .is_some_and(|(cbor, signature)| by.verifies(&signed(name, cbor), signature));
        if !holds {
            return Err(Error::new(
                Kind::Unauthenticated,
                "This copy is not signed by the log key that was named: somebody else wrote it, or it is older than \
                 signatures, or the key is another city's.",
            ));
        }
    }
    ciborium::from_reader(plain.as_slice()).map_err(|e| {
        Error::invalid("The copy is of another version or damaged.").because(e.to_string())
    })
}
