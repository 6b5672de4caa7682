//! An entry with the proof that it is on the log: all that somebody needs who has only the key.

use crate::leaf::Leaf;
use crate::notes::Vkey;
use crate::tree::proves;
use base::{Error, Result};

/// An entry, its place, and the proof that it is included under a signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from zero.
    pub index: u64,
    /// Its bytes.
    pub leaf: Vec<u8>,
    /// The Merkle audit path, from the leaf up.
    pub proof: Vec<[u8; 32]>,
    /// The signed checkpoint that the path leads to.
    pub checkpoint: String,
}

impl Entry {
    /// The leaf, if the log with this verifier key has signed for it at this place.
    pub fn check(&self, vkey: &str) -> Result<Leaf> {
        let head = Vkey::parse(vkey)?.open(self.checkpoint.as_bytes())?;
        if !proves(&self.proof, head.size, head.root, self.index, &self.leaf) {
            return Err(not_shown());
        }
        Leaf::parse(&self.leaf)
    }
}

pub(crate) fn not_shown() -> Error {
    Error::unauthenticated(
        "The proof does not show that this entry is on the log; fetch it from the log again.",
    )
}
