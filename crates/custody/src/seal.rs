//! The cryptography of sealed bodies: derivations, and nothing that keeps state.
//!
//! Every body has a key of its own, derived from a random segment key, and each such key seals one
//! message; so the nonce is fixed. Spelled out for other implementations in `ref/sealed-v1.md`.

use crate::sealed::{HeldRead, SealedHit, SealedRead, SealedSegment, Token};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use base::{
    CameraId, Epoch, Error, HitId, HoldId, PersonId, ReadId, Result, Secret, SegmentId, sha256,
};
use plate::{Reason, Text};
use read::Read;
use zeroize::Zeroize;

pub(crate) const SEGMENT_KEY: &[u8] = b"homeplate/segment-key/v1";
pub(crate) const HIT_KEY: &[u8] = b"homeplate/hit-key/v1";
const READ_BODY: &[u8] = b"homeplate/read-body/v1\n";
const READ_PICTURE: &[u8] = b"homeplate/read-picture/v1\n";
const HIT_BODY: &[u8] = b"homeplate/hit-body/v1\n";
const HIT_PICTURE: &[u8] = b"homeplate/hit-picture/v1\n";
const CLAIMS: &[u8] = b"homeplate/read-claims/v1\n";

/// Bodies are padded to a multiple of this: the length of a read would tell that of its plate.
const PAD: usize = 256;
const TAG: usize = 16;

/// Thirty-two secret bytes, wiped when they go.
pub(crate) type Key = Secret<[u8; 32]>;

/// How many readings of a plate are indexed.
const READINGS: usize = crate::scan::READINGS;

struct Len;
impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        32
    }
}

pub(crate) fn derive(from: &Key, label: &[u8], context: &[u8]) -> Result<Key> {
    let broken = |_| Error::internal("A key cannot be derived; nothing was sealed.");
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(from.expose());
    let info = [label, context];
    let mut out = [0; 32];
    prk.expand(&info, Len).and_then(|okm| okm.fill(&mut out)).map_err(broken)?;
    let key = Secret::new(out);
    out.zeroize();
    Ok(key)
}

fn cipher(key: &Key) -> Result<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key.expose())
        .map(LessSafeKey::new)
        .map_err(|_| Error::internal("A body key cannot be used; nothing was sealed."))
}

/// The derived key is used for one message alone, so there is one nonce.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn encrypt(key: &Key, aad: &[u8], mut plain: Vec<u8>) -> Result<Vec<u8>> {
    match cipher(key)?.seal_in_place_append_tag(nonce(), Aad::from(aad), &mut plain) {
        Ok(()) => Ok(plain),
        Err(_) => {
            plain.zeroize();
            Err(Error::too_large("A read is too large to be sealed."))
        }
    }
}

fn decrypt(key: &Key, aad: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>> {
    let mut bytes = sealed.to_vec();
    let open = cipher(key)?.open_in_place(nonce(), Aad::from(aad), &mut bytes).map(|p| p.len());
    match open {
        Ok(len) => {
            bytes.truncate(len);
            Ok(Secret::new(bytes))
        }
        Err(_) => Err(Error::invalid(
            "A sealed read does not open; it was changed, or is not the read it is said to be.",
        )),
    }
}

fn padded(body: &Secret<Vec<u8>>) -> Vec<u8> {
    let len = body.expose().len();
    // Room for the tag too: growing would leave a copy of the plain text behind.
    let mut out = Vec::with_capacity(len.next_multiple_of(PAD) + TAG);
    out.extend_from_slice(body.expose());
    out.resize(len.next_multiple_of(PAD), 0);
    out
}

fn with_room(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + TAG);
    out.extend_from_slice(bytes);
    out
}

/// Canonical JSON holds no zero byte, so padding is what ends in zeros.
fn unpadded(body: &Secret<Vec<u8>>) -> &[u8] {
    let bytes = body.expose();
    &bytes[..bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1)]
}

pub(crate) fn epoch_bytes(epoch: Epoch) -> [u8; 12] {
    let mut out = [0; 12];
    out[..8].copy_from_slice(&epoch.start_s.to_be_bytes());
    out[8..].copy_from_slice(&epoch.len_s.to_be_bytes());
    out
}

/// What a wrapped segment key is bound to.
pub(crate) fn segment_aad(id: &SegmentId, camera: &CameraId, epoch: Epoch) -> Vec<u8> {
    [id.bytes().as_slice(), camera.as_str().as_bytes(), &epoch_bytes(epoch)].concat()
}

/// What a wrapped hit key is bound to, and a hit's body with it.
pub(crate) fn hit_aad(id: &HitId, epoch: Epoch) -> Vec<u8> {
    [id.bytes().as_slice(), &epoch_bytes(epoch)].concat()
}

fn read_aad(id: &ReadId, camera: &CameraId, epoch: Epoch) -> Vec<u8> {
    [id.bytes().as_slice(), camera.as_str().as_bytes(), &epoch_bytes(epoch)].concat()
}

/// What the keys of a held read are bound to.
pub(crate) fn held_aad(hold: &HoldId, id: &ReadId) -> Vec<u8> {
    [hold.bytes().as_slice(), id.bytes()].concat()
}

/// What the store will say of a read and custody will believe: in the key, so that it cannot lie.
fn claims(id: &ReadId, segment: &SegmentId, counter: u64, tokens: &[Token]) -> Vec<u8> {
    let mut said = CLAIMS.to_vec();
    said.extend_from_slice(segment.bytes());
    said.extend_from_slice(&counter.to_be_bytes());
    tokens.iter().for_each(|token| said.extend_from_slice(&token.0));
    [id.bytes().as_slice(), &sha256(&said)].concat()
}

/// The index token of a plate under a day's key.
pub(crate) fn token(day: &Key, plate: &Text) -> Token {
    let key = hmac::Key::new(hmac::HMAC_SHA256, day.expose());
    let tag = hmac::sign(&key, plate.reveal(Reason::Token).as_bytes());
    let mut out = [0; 32];
    out.copy_from_slice(tag.as_ref());
    Token(out)
}

/// A person's pseudonym under a month's key: `a_` and 16 hex digits.
pub(crate) fn pseudonym(key: &Key, month: &str, person: &PersonId) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    let tag = hmac::sign(&key, format!("homeplate/actor/v1\n{month}\n{person}").as_bytes());
    format!("a_{}", base::hex(&tag.as_ref()[..8]))
}

/// The likeliest readings of a read: what is indexed and can be scanned.
pub(crate) fn readings(read: &Read) -> Vec<Text> {
    read.odds.readings(READINGS).into_iter().map(|reading| reading.text).collect()
}

/// The tokens of a read's readings, sorted so that their order tells nothing.
pub(crate) fn tokens(day: &Key, readings: &[Text]) -> Vec<Token> {
    let mut out: Vec<Token> = readings.iter().map(|text| token(day, text)).collect();
    out.sort_unstable();
    out
}

/// Seals one read into a segment.
pub(crate) fn seal_read(
    key: &Key,
    segment: &SealedSegment,
    read: &Read,
    picture: Option<&[u8]>,
    tokens: Vec<Token>,
) -> Result<SealedRead> {
    let keys = BodyKeys::of_read(key, &read.id, &segment.id, read.counter, &tokens)?;
    let aad = read_aad(&read.id, &read.camera, segment.epoch);
    let (body, picture) = keys.seal(&aad, read, picture)?;
    Ok(SealedRead {
        id: read.id,
        camera: read.camera.clone(),
        segment: segment.id,
        captured: read.captured,
        counter: read.counter,
        body,
        picture,
        tokens,
    })
}

/// Seals a hit's copy of its read: body and picture.
pub(crate) fn seal_hit(
    key: &Key,
    id: &HitId,
    epoch: Epoch,
    read: &Read,
    picture: Option<&[u8]>,
) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
    BodyKeys::of_hit(key, id)?.seal(&hit_aad(id, epoch), read, picture)
}

/// Opens a hit's copy.
pub(crate) fn open_hit(key: &Key, hit: &SealedHit) -> Result<(Read, Option<Vec<u8>>)> {
    let aad = hit_aad(&hit.id, hit.epoch);
    BodyKeys::of_hit(key, &hit.id)?.open(&aad, &hit.body, hit.picture.as_deref())
}

/// A picture may be missing (pictures can have a shorter retention); another one may not stand in.
fn same_picture(read: &Read, picture: Option<&[u8]>) -> Result<()> {
    match picture {
        Some(bytes) if read.picture != Some(sha256(bytes)) => Err(Error::invalid(
            "The picture that comes with a read is not the one that the camera signed.",
        )),
        _ => Ok(()),
    }
}

/// The keys of one body and one picture.
pub(crate) struct BodyKeys {
    body: Key,
    picture: Key,
}

impl BodyKeys {
    pub(crate) fn of_read(
        key: &Key,
        id: &ReadId,
        segment: &SegmentId,
        counter: u64,
        tokens: &[Token],
    ) -> Result<Self> {
        let context = claims(id, segment, counter, tokens);
        Ok(Self {
            body: derive(key, READ_BODY, &context)?,
            picture: derive(key, READ_PICTURE, &context)?,
        })
    }

    /// Both keys, to be sealed to somebody.
    pub(crate) fn bytes(&self) -> Secret<Vec<u8>> {
        Secret::new([self.body.expose().as_slice(), self.picture.expose()].concat())
    }

    pub(crate) fn from_bytes(bytes: &Secret<Vec<u8>>) -> Result<Self> {
        match bytes.expose().as_chunks::<32>() {
            ([body, picture], []) => {
                Ok(Self { body: Secret::new(*body), picture: Secret::new(*picture) })
            }
            _ => Err(Error::invalid("The keys of a held read are not two of 32 bytes.")),
        }
    }

    /// Opens what a hold preserved.
    pub(crate) fn open_held(&self, held: &HeldRead) -> Result<(Read, Option<Vec<u8>>)> {
        let aad = read_aad(&held.id, &held.camera, held.epoch);
        self.open(&aad, &held.body, held.picture.as_deref())
    }

    fn of_hit(key: &Key, id: &HitId) -> Result<Self> {
        Ok(Self {
            body: derive(key, HIT_BODY, id.bytes())?,
            picture: derive(key, HIT_PICTURE, id.bytes())?,
        })
    }

    fn seal(
        &self,
        aad: &[u8],
        read: &Read,
        picture: Option<&[u8]>,
    ) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
        same_picture(read, picture)?;
        let body = encrypt(&self.body, aad, padded(&read.canonical()))?;
        let picture = picture.map(|p| encrypt(&self.picture, aad, with_room(p))).transpose()?;
        Ok((body, picture))
    }

    fn open(
        &self,
        aad: &[u8],
        body: &[u8],
        picture: Option<&[u8]>,
    ) -> Result<(Read, Option<Vec<u8>>)> {
        let plain = decrypt(&self.body, aad, body)?;
        let read = Read::from_canonical(unpadded(&plain))?;
        // The picture leaves custody's care here: it goes into the answer.
        let picture = match picture {
            None => None,
            Some(sealed) => Some(decrypt(&self.picture, aad, sealed)?.expose().clone()),
        };
        same_picture(&read, picture.as_deref())?;
        Ok((read, picture))
    }

    /// Opens a sealed read of this segment epoch.
    pub(crate) fn open_read(
        &self,
        sealed: &SealedRead,
        epoch: Epoch,
    ) -> Result<(Read, Option<Vec<u8>>)> {
        let aad = read_aad(&sealed.id, &sealed.camera, epoch);
        self.open(&aad, &sealed.body, sealed.picture.as_deref())
    }
}
