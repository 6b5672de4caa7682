//! Scanning: questions that no index answers, because some characters of the plate are unknown.
//!
//! Each segment carries a scan block: the likeliest readings of its reads, sealed under a key that is
//! derived from the private key of its epoch. So a block dies with its epoch, and only custody opens
//! one: what it gives back is which reads fit, never what the others say. The layout is in
//! `ref/sealed-v1.md`.

use crate::Custody;
use crate::permit::Permit;
use crate::seal::{self, Key};
use crate::sealed::SealedSegment;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base::{Epoch, Error, ReadId, Result, random};
use plate::{Pattern, Reason, Text};
use read::Read;
use std::collections::BTreeMap;
use zeroize::Zeroize;

const SCAN_KEY: &[u8] = b"homeplate/scan-key/v1\n";
/// Blocks are padded to a multiple of this, so that their length does not tell those of the plates.
const PAD: usize = 64;
const NONCE: usize = 12;
const TAG: usize = 16;
/// How many readings of each read can be scanned.
pub(crate) const READINGS: usize = 4;

/// The key of an epoch's scan blocks.
pub(crate) fn scan_key(epoch: Epoch, private: &Key) -> Result<Key> {
    seal::derive(private, SCAN_KEY, &seal::epoch_bytes(epoch))
}

fn cipher(key: &Key) -> Result<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key.expose())
        .map(LessSafeKey::new)
        .map_err(|_| Error::internal("A scan key cannot be used; nothing was sealed."))
}

/// Seals the readings of a segment's reads.
pub(crate) fn seal_block(
    key: &Key,
    segment: &SealedSegment,
    reads: &[(&Read, &[Text])],
) -> Result<Vec<u8>> {
    let size: usize = reads.iter().map(|(_, texts)| 17 + 13 * texts.len()).sum();
    // Room for everything at once: growing would leave copies of plates behind.
    let mut block = Vec::with_capacity(NONCE + size.next_multiple_of(PAD) + TAG);
    let nonce: [u8; NONCE] = random();
    block.extend_from_slice(&nonce);
    for (read, texts) in reads {
        block.extend_from_slice(read.id.bytes());
        block.push(texts.len() as u8);
        for text in *texts {
            let text = text.reveal(Reason::Sealing).as_bytes();
            block.push(text.len() as u8);
            block.extend_from_slice(text);
        }
    }
    let padded = NONCE + (block.len() - NONCE).next_multiple_of(PAD);
    block.resize(padded, 0);
    let aad = seal::segment_aad(&segment.id, &segment.camera, segment.epoch);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let sealed =
        cipher(key)?.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut block[NONCE..]);
    match sealed {
        Ok(tag) => {
            block.extend_from_slice(tag.as_ref());
            Ok(block)
        }
        Err(_) => {
            block.zeroize();
            Err(Error::internal("A scan block cannot be sealed; nothing was stored."))
        }
    }
}

/// Walks over an opened block: each read's id and readings. `None` where the block is malformed.
fn walk(mut block: &[u8], each: &mut dyn FnMut([u8; 16], &[&str])) -> Option<()> {
    // Padding: a read's id begins with its time, which is not zero.
    while block.first_chunk::<16>().is_some_and(|id| id.iter().any(|b| *b != 0)) {
        let (id, rest) = block.split_first_chunk::<16>()?;
        let (count, mut rest) = rest.split_first()?;
        let mut texts = [""; READINGS];
        for slot in texts.get_mut(..usize::from(*count))? {
            let (len, after) = rest.split_first()?;
            let (text, after) = after.split_at_checked(usize::from(*len))?;
            *slot = std::str::from_utf8(text).ok()?;
            rest = after;
        }
        each(*id, &texts[..usize::from(*count)]);
        block = rest;
    }
    Some(())
}

/// Opens blocks one after the other; keys and buffers are kept between them.
struct Opener<'a> {
    custody: &'a Custody,
    keys: BTreeMap<Epoch, LessSafeKey>,
    buffer: Vec<u8>,
}

impl Opener<'_> {
    fn open(&mut self, segment: &SealedSegment, sealed: &[u8]) -> Result<&[u8]> {
        let broken =
            || Error::invalid("A scan block does not open; it was changed. Run `homeplate check`.");
        let (nonce, body) = sealed.split_first_chunk::<NONCE>().ok_or_else(broken)?;
        if !self.keys.contains_key(&segment.epoch) {
            let key = cipher(&self.custody.scan_key(segment.epoch)?)?;
            self.keys.insert(segment.epoch, key);
        }
        let key = self.keys.get(&segment.epoch).ok_or_else(broken)?;
        let aad = seal::segment_aad(&segment.id, &segment.camera, segment.epoch);
        self.buffer.clear();
        self.buffer.extend_from_slice(body);
        let nonce = Nonce::assume_unique_for_key(*nonce);
        key.open_in_place(nonce, Aad::from(aad), &mut self.buffer)
            .map(|plain| &*plain)
            .map_err(|_| broken())
    }
}

impl Drop for Opener<'_> {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

/// What scanning some segments came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Reads in the permit's cameras and time whose readings were compared.
    pub reads: u64,
    /// How many of them fit.
    pub matched: u64,
    /// Segments that are older than scanning is, or forgotten: nothing in them can be found.
    pub unscannable: u64,
}

impl Custody {
    /// Compares the readings of segments with the permit's patterns; what fits belongs to the permit
    /// from then on, up to [`Permit::MATCHES`] reads. Segments of other cameras are skipped.
    pub fn scan(&self, permit: &mut Permit, segments: &[SealedSegment]) -> Result<Scanned> {
        let patterns: Vec<Pattern> = permit.patterns().to_vec();
        let mut opener = Opener { custody: self, keys: BTreeMap::new(), buffer: Vec::new() };
        let mut out = Scanned::default();
        for segment in segments {
            if permit.cameras().binary_search(&segment.camera).is_err() {
                continue;
            }
            let Some(sealed) = segment.scan.as_deref() else {
                out.unscannable += 1;
                continue;
            };
            let block = match opener.open(segment, sealed) {
                Ok(block) => block,
                Err(e) if e.kind() == base::Kind::Gone => {
                    out.unscannable += 1;
                    continue;
                }
                Err(e) => return Err(e),
            };
            let mut each = |id: [u8; 16], texts: &[&str]| {
                let Ok(id) = ReadId::from_bytes(id) else { return };
                let at = id.time();
                if at < permit.from() || at >= permit.until() {
                    return;
                }
                out.reads += 1;
                if patterns.iter().any(|p| texts.iter().any(|t| p.fits(t))) && permit.take(id) {
                    out.matched += 1;
                }
            };
            walk(block, &mut each).ok_or_else(|| {
                Error::invalid("A scan block is malformed; run `homeplate check`.")
            })?;
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hostile_blocks_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut seen = 0;
            let _ = walk(&bytes, &mut |_, _| seen += 1);
            prop_assert!(seen <= bytes.len() / 17 + 1);
        }
    }

    #[test]
    fn blocks_are_walked_to_their_padding() {
        let mut block = vec![7u8; 16];
        block.extend([2, 3, b'A', b'B', b'1', 2, b'X', b'9']);
        block.extend([9u8; 16]);
        block.push(0);
        block.resize(64, 0);
        let mut seen = Vec::new();
        walk(&block, &mut |id, texts| seen.push(format!("{} {texts:?}", id[0]))).unwrap();
        assert_eq!(seen, [r#"7 ["AB1", "X9"]"#, "9 []"]);
        block[16] = 9;
        assert!(walk(&block, &mut |_, _| ()).is_none(), "more readings than there can be");
    }
}
