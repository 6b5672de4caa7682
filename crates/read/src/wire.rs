//! A read and its wire format, version 1 (`ref/read-v1.md`; golden bytes in `ref/golden/`).
//!
//! The form: canonical JSON with whole numbers only. Odds are parts per million, times UTC
//! milliseconds, corners pixels of the frame. What is signed is the domain line and those bytes;
//! the picture is bound by its hash. The text of the plate is not a field: it follows from the odds.

use base::{
    CameraId, Error, LeaseId, PublicKey, ReadId, Result, Secret, SigningKey, Time, b64, canonical,
    sha256, unb64,
};
use plate::Odds;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

const DOMAIN: &[u8] = b"homeplate/read/v1\n";
const PPM: f32 = 1_000_000.0;
/// The largest whole number that canonical JSON spells.
const COUNTER_MAX: u64 = (1 << 53) - 1;
/// The largest picture that travels with a read.
const PICTURE_MAX: usize = 256 * 1024;

/// One vehicle that passed one camera. `Debug` shows no plate.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// UUIDv7 whose time is `captured`.
    pub id: ReadId,
    /// The camera that saw it.
    pub camera: CameraId,
    /// The lease under which it was captured.
    pub lease: LeaseId,
    /// Counts the reads of the lease from 1: a gap is a lost read.
    pub counter: u64,
    /// When the best frame was taken.
    pub captured: Time,
    /// When the vehicle's plate was first seen.
    pub first: Time,
    /// When it was last seen.
    pub last: Time,
    /// Over how many frames the vote went.
    pub frames: u32,
    /// Character odds, voted.
    pub odds: Odds,
    /// P(the whole text is right), 0 to 1.
    pub confidence: f32,
    /// Region as `us-ca`, where known.
    pub region: Option<String>,
    /// Corners of the plate in the best frame, pixels: top left, top right, bottom right, bottom left.
    pub corners: [[i32; 2]; 4],
    /// Width and height of that frame in pixels.
    pub frame_size: [u32; 2],
    /// SHA-256 of the picture that comes with it.
    pub picture: Option<[u8; 32]>,
    /// What else is known of the pass.
    pub sighting: Sighting,
}

/// What a camera may know of a pass besides the plate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// The device's own count of frames, at the best one; it never falls, whatever lease there is.
    pub frame: Option<u64>,
    /// Which way the vehicle went, seen from the camera.
    pub direction: Option<Direction>,
    /// Its lane, as the camera's settings number them.
    pub lane: Option<u8>,
    /// Where it was heading, in degrees from true north, clockwise, 0 to 359.
    pub heading: Option<u16>,
    /// The camera's clock less the city's when it last asked, in milliseconds.
    pub clock_offset_ms: Option<i32>,
    /// The plate's corners in the picture that comes with it, pixels, in the order of [`Read::corners`].
    pub picture_corners: Option<[[i32; 2]; 4]>,
    /// Whose reader it was, where it was not ours: its confidence is not calibrated.
    pub reader: Option<String>,
}

/// Which way a vehicle went, seen from the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Towards it.
    Approaching,
    /// Away from it.
    Leaving,
    /// To the left.
    Left,
    /// To the right.
    Right,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u32,
    id: ReadId,
    camera: CameraId,
    lease: LeaseId,
    counter: u64,
    captured: i64,
    first: i64,
    last: i64,
    frames: u32,
    characters: Vec<Vec<(char, u32)>>,
    confidence: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    region: Option<String>,
    corners: [[i32; 2]; 4],
    frame_size: [u32; 2],
    #[serde(skip_serializing_if = "Option::is_none", default)]
    picture: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    frame: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    direction: Option<Direction>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    lane: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    heading: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    clock_offset_ms: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    picture_corners: Option<[[i32; 2]; 4]>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    reader: Option<String>,
}

fn ppm(p: f32) -> u32 {
    (p.clamp(0.0, 1.0) * PPM).round() as u32
}

fn bad(what: &str) -> Error {
    Error::invalid(format!("The read is not in wire format v1: {what}."))
}

impl Read {
    /// The canonical bytes: with the domain line before them, what the capture key signs.
    pub fn canonical(&self) -> Secret<Vec<u8>> {
        let wire = Wire {
            v: 1,
            id: self.id,
            camera: self.camera.clone(),
            lease: self.lease,
            counter: self.counter,
            captured: self.captured.millis(),
            first: self.first.millis(),
            last: self.last.millis(),
            frames: self.frames,
            characters: self
                .odds
                .places()
                .iter()
                .map(|place| place.iter().map(|(c, p)| (*c, ppm(*p))).collect())
                .collect(),
            confidence: ppm(self.confidence),
            region: self.region.clone(),
            corners: self.corners,
            frame_size: self.frame_size,
            picture: self.picture.map(|h| b64(&h)),
            frame: self.sighting.frame,
            direction: self.sighting.direction,
            lane: self.sighting.lane,
            heading: self.sighting.heading,
            clock_offset_ms: self.sighting.clock_offset_ms,
            picture_corners: self.sighting.picture_corners,
            reader: self.sighting.reader.clone(),
        };
        // Only integers and strings are in it, so it always has canonical bytes.
        Secret::new(canonical(&wire).unwrap_or_else(|e| unreachable!("{e}")))
    }

    /// Reads canonical bytes back and checks every bound; refuses any other spelling of them.
    pub fn from_canonical(bytes: &[u8]) -> Result<Self> {
        let w: Wire = serde_json::from_slice(bytes).map_err(|e| {
            // serde's message may quote a character of the plate: keep its place, not its words.
            bad(&format!("line {} column {}", e.line(), e.column()))
        })?;
        if w.v != 1 {
            return Err(bad("the version is not 1"));
        }
        let places = w
            .characters
            .iter()
            .map(|place| place.iter().map(|(c, p)| (*c, *p as f32 / PPM)).collect())
            .collect();
        let odds = Odds::new(places).map_err(|e| bad(&e.to_string()))?;
        let picture = match &w.picture {
            None => None,
            Some(text) => {
                let hash = unb64(text).and_then(|b| <[u8; 32]>::try_from(b).ok());
                Some(hash.ok_or_else(|| bad("picture is not a SHA-256 in base64"))?)
            }
        };
        let read = Self {
            id: w.id,
            camera: w.camera,
            lease: w.lease,
            counter: w.counter,
            captured: Time::from_millis(w.captured),
            first: Time::from_millis(w.first),
            last: Time::from_millis(w.last),
            frames: w.frames,
            odds,
            confidence: w.confidence as f32 / PPM,
            region: w.region,
            corners: w.corners,
            frame_size: w.frame_size,
            picture,
            sighting: Sighting {
                frame: w.frame,
                direction: w.direction,
                lane: w.lane,
                heading: w.heading,
                clock_offset_ms: w.clock_offset_ms,
                picture_corners: w.picture_corners,
                reader: w.reader,
            },
        };
        read.check()?; // before `canonical`, which takes checked numbers only
        if read.canonical().expose() != bytes {
            return Err(bad("the bytes are not canonical"));
        }
        Ok(read)
    }

    fn check(&self) -> Result<()> {
        // The partition follows from the id, so the id must carry the capture time.
        if self.id.time() != self.captured {
            return Err(bad("the time in the id is not the capture time"));
        }
        if !(self.first <= self.captured && self.captured <= self.last) {
            return Err(bad("captured lies outside first..last"));
        }
        // Beyond 2^53 a number has no canonical bytes.
        if self.counter == 0 || self.frames == 0 || self.counter > COUNTER_MAX {
            return Err(bad("counter and frames start at 1, counter ends at 2^53 - 1"));
        }
        let named = self.region.as_deref().is_none_or(|r| {
            (2..=6).contains(&r.len()) && r.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        });
        if !named {
            return Err(bad("region is not like us-ca"));
        }
        let seen = &self.sighting;
        if seen.frame.is_some_and(|f| f == 0 || f > COUNTER_MAX) {
            return Err(bad("frame starts at 1 and ends at 2^53 - 1"));
        }
        if seen.heading.is_some_and(|h| h > 359) {
            return Err(bad("heading is 0 to 359 degrees"));
        }
        let named = |r: &str| {
            (1..=32).contains(&r.len())
                && r.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if !seen.reader.as_deref().is_none_or(named) {
            return Err(bad("reader is 1 to 32 of a-z, 0-9 and -"));
        }
        Ok(())
    }
}

/// A read, its picture (JPEG) and the capture key's signature: what travels to the city.
#[derive(Clone, Debug, PartialEq)]
pub struct SignedRead {
    read: Read,
    picture: Option<Vec<u8>>,
    sig: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSigned {
    /// Canonical bytes of the read, base64: the very bytes that were signed.
    read: String,
    sig: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    picture: Option<String>,
}

fn signed_bytes(canonical: &[u8]) -> Secret<Vec<u8>> {
    Secret::new([DOMAIN, canonical].concat())
}

impl SignedRead {
    /// Signs a read with the lease's capture key; the picture's hash is put into the read.
    pub fn sign(mut read: Read, picture: Option<Vec<u8>>, key: &SigningKey) -> Self {
        read.picture = picture.as_deref().map(sha256);
        let sig = key.sign(signed_bytes(read.canonical().expose()).expose()).to_vec();
        Self { read, picture, sig }
    }

    /// Read and picture, if `key` signed the read and the picture is the one it names.
    pub fn verify(&self, key: &PublicKey) -> Result<(&Read, Option<&[u8]>)> {
        if !key.verifies(signed_bytes(self.read.canonical().expose()).expose(), &self.sig) {
            return Err(Error::unauthenticated(
                "A read is not signed with its lease's capture key; renew the lease and send again.",
            ));
        }
        if self.picture.as_deref().map(sha256) != self.read.picture {
            return Err(bad("the picture is not the one whose hash was signed"));
        }
        Ok((&self.read, self.picture.as_deref()))
    }

    /// What it says of itself before anything is verified: only to find camera and lease.
    pub fn unverified(&self) -> &Read {
        &self.read
    }

    /// The bytes that are sealed to the city's key.
    pub fn encode(&self) -> Secret<Vec<u8>> {
        let mut wire = WireSigned {
            read: b64(self.read.canonical().expose()),
            sig: b64(&self.sig),
            picture: self.picture.as_deref().map(b64),
        };
        let out = canonical(&wire).unwrap_or_else(|e| unreachable!("{e}"));
        wire.read.zeroize();
        Secret::new(out)
    }

    /// Reads [`SignedRead::encode`]'s bytes back; the signature is *not* checked here.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let wire: WireSigned = serde_json::from_slice(bytes)
            .map_err(|e| bad(&format!("envelope, line {} column {}", e.line(), e.column())))?;
        let field =
            |text: &str, name| unb64(text).ok_or_else(|| bad(&format!("{name} is not base64")));
        let picture = wire.picture.as_deref().map(|p| field(p, "picture")).transpose()?;
        if picture.as_ref().is_some_and(|p| p.len() > PICTURE_MAX) {
            return Err(Error::too_large("The picture of a read may have at most 256 KiB."));
        }
        let canonical = Secret::new(field(&wire.read, "read")?);
        Ok(Self {
            read: Read::from_canonical(canonical.expose())?,
            sig: field(&wire.sig, "sig")?,
            picture,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect_file;
    use proptest::prelude::*;

    pub(crate) fn example() -> Read {
        let captured = Time::from_millis(1_795_421_700_250);
        Read {
            id: ReadId::new(captured, [7; 10]),
            camera: "cam_main-st-1".parse().unwrap(),
            lease: LeaseId::new(captured.plus_millis(-60_000), [9; 10]),
            counter: 42,
            captured,
            first: captured.plus_millis(-400),
            last: captured.plus_millis(600),
            frames: 6,
            odds: Odds::new(vec![
                vec![('7', 0.98)],
                vec![('A', 0.97)],
                vec![('B', 0.91), ('8', 0.08)],
                vec![('C', 0.99)],
                vec![('1', 0.95), ('I', 0.05)],
                vec![('2', 1.0)],
                vec![('8', 0.91), ('B', 0.08)],
            ])
            .unwrap(),
            confidence: 0.93,
            region: Some("us-ca".into()),
            corners: [[410, 300], [520, 304], [519, 350], [409, 346]],
            frame_size: [1280, 720],
            picture: None,
            sighting: Default::default(),
        }
    }

    #[test]
    fn what_else_is_known_travels_and_is_bounded() {
        let full = Sighting {
            frame: Some(88_123),
            direction: Some(Direction::Leaving),
            lane: Some(2),
            heading: Some(359),
            clock_offset_ms: Some(-120),
            picture_corners: Some([[10, 20], [120, 24], [119, 70], [9, 66]]),
            reader: Some("axis".into()),
        };
        let read = Read { sighting: full.clone(), ..example() };
        assert_eq!(Read::from_canonical(read.canonical().expose()).unwrap(), read);
        let refused = |change: fn(&mut Sighting)| {
            let mut sighting = full.clone();
            change(&mut sighting);
            let read = Read { sighting, ..example() };
            assert!(Read::from_canonical(read.canonical().expose()).is_err(), "{read:?}");
        };
        refused(|s| s.frame = Some(0));
        refused(|s| s.heading = Some(360));
        refused(|s| s.reader = Some(String::new()));
        refused(|s| s.reader = Some("7ABC128".into()));
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn golden_bytes() {
        let key = SigningKey::from_seed([1; 32]);
        let signed = SignedRead::sign(example(), Some(b"not really a jpeg".to_vec()), &key);
        let canonical = signed.unverified().canonical();
        expect_file!["../../../ref/golden/read-v1.json"]
            .assert_eq(std::str::from_utf8(canonical.expose()).unwrap());
        expect_file!["../../../ref/golden/read-v1.signature.hex"].assert_eq(&hex(&signed.sig));
    }

    #[test]
    fn signing_binds_read_and_picture() {
        let key = SigningKey::generate();
        let signed = SignedRead::sign(example(), Some(b"jpeg".to_vec()), &key);
        let back = SignedRead::decode(signed.encode().expose()).unwrap();
        assert_eq!(back, signed);
        assert!(back.verify(&key.public()).is_ok());
        assert!(back.verify(&SigningKey::generate().public()).is_err());
        let swapped = SignedRead { picture: Some(b"other".to_vec()), ..signed.clone() };
        assert!(swapped.verify(&key.public()).is_err());
        let mut moved = signed;
        moved.read.camera = "cam_elsewhere".parse().unwrap();
        assert!(moved.verify(&key.public()).is_err());
    }

    #[test]
    fn a_counter_without_canonical_bytes_is_refused() {
        let text = String::from_utf8(example().canonical().expose().clone()).unwrap();
        let huge = text.replace("\"counter\":42", &format!("\"counter\":{}", u64::MAX));
        assert!(Read::from_canonical(huge.as_bytes()).is_err());
    }

    #[test]
    fn bounds_are_checked() {
        let check = |change: fn(&mut Read), want: &str| {
            let mut read = example();
            change(&mut read);
            let e = Read::from_canonical(read.canonical().expose()).unwrap_err();
            assert!(e.to_string().contains(want), "{e}");
        };
        check(|r| r.captured = r.captured.plus_millis(1), "time in the id");
        check(|r| r.first = r.captured.plus_millis(1), "outside first..last");
        check(|r| r.counter = 0, "start at 1");
        check(|r| r.region = Some("California".into()), "region");
    }

    #[test]
    fn other_spellings_are_refused() {
        let text = String::from_utf8(example().canonical().expose().clone()).unwrap();
        for other in [text.replacen(',', ", ", 1), text.replace("\"v\":1", "\"v\":1,\"x\":1")] {
            assert!(Read::from_canonical(other.as_bytes()).is_err());
        }
    }

    #[test]
    fn nothing_printable_names_the_plate() {
        let signed = SignedRead::sign(example(), None, &SigningKey::generate());
        let shown = format!("{signed:?}");
        assert!(!shown.contains("7ABC") && !shown.contains("('7'"), "{shown}");
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (Read::from_canonical(&bytes).is_ok(), SignedRead::decode(&bytes).is_ok());
        }

        #[test]
        fn one_changed_byte_is_noticed(at in 0usize..1000, flip in 1u8..=255) {
            let key = SigningKey::from_seed([1; 32]);
            let mut bytes = SignedRead::sign(example(), None, &key).encode().expose().clone();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            let held = SignedRead::decode(&bytes).and_then(|s| s.verify(&key.public()).map(|_| ()));
            prop_assert!(held.is_err());
        }
    }
}
