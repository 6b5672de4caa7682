//! What a camera that keeps hits alone compares its readings with: the hot lists as keyed tokens of one camera
//! and one day.
//!
//! A token is the first eight bytes of HMAC-SHA-256 of the plate under a key of that camera and day. Who holds
//! key and set can try every plate there is, and so knows the lists as of that day: the set is sealed to the
//! camera on its way and kept in its memory only. It tells nothing of another day's list changes and nothing of
//! what other cameras see. A text that is on no list passes for one with a probability of the entries' number
//! in 2⁶⁴; of ten million entries and four readings that is once in 460 thousand million reads.
//!
//! Form of a set before it is sealed: length of the head in four bytes, big-endian ‖ the head, signed with the
//! city's lease key, as JSON ‖ the key, 32 bytes ‖ the tokens, 8 bytes each, ascending.

use crate::envelope::{OpenKey, SealKey, Sealed};
use base::{
    CameraId, Day, Error, PublicKey, Result, Secret, Signed, Statement, Time, hex, mac, sha256,
};
use plate::{Odds, Reason, Text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Purpose that the envelope of a set is bound to.
const INFO: &[u8] = b"homeplate/watch/v1";
/// Readings of a read that are compared: as many as index tokens are made of.
const READINGS: usize = 4;
/// No head is longer.
const HEAD_MAX: usize = 4096;

/// What a camera does with what is on no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Without {
    /// Keeps every read while it has no list of the day.
    All,
    /// Keeps none while it has no list of the day.
    Nothing,
}

/// A camera keeps hits alone: part of its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HitsOnly {
    /// What it keeps while it has no list of the day.
    pub without: Without,
}

/// What such a camera has, as it tells the city in its heartbeat; what it says besides is dropped, as there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// When its list of today was made; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub made: Option<Time>,
    /// Tokens in it.
    pub tokens: u64,
    /// What it keeps while it has none.
    pub without: Without,
}

/// What a camera asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchAsk {
    /// The UTC day that the set is wanted for: its first moment.
    pub day: Time,
    /// A fresh public key that the answer is sealed to.
    pub key: String,
    /// The version that the camera has; the answer is empty where there is no newer one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub have: Option<String>,
}

/// What the city says of a set: signed with its lease key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchHead {
    /// The camera that it is for.
    pub camera: CameraId,
    /// The first moment of the UTC day that it is for.
    pub day: Time,
    /// When it was made.
    pub made: Time,
    /// Names this state of the lists.
    pub version: String,
    /// How many tokens there are.
    pub tokens: u64,
    /// Entries that no token can be made of: plates of which too little is known.
    pub left_out: u64,
    /// SHA-256 of key and tokens, in hex.
    pub hash: String,
}

impl Statement for WatchHead {
    const DOMAIN: &'static str = "homeplate/watch/v1";
}

/// The token of a plate under the key of a camera and day.
fn token(mac: impl Fn(&[u8]) -> [u8; 32], plate: &Text) -> u64 {
    let whole = mac(plate.reveal(Reason::Token).as_bytes());
    u64::from_be_bytes([
        whole[0], whole[1], whole[2], whole[3], whole[4], whole[5], whole[6], whole[7],
    ])
}

/// The tokens of plates, sorted; the order of the plates is lost.
pub fn watch_tokens(key: &Secret<[u8; 32]>, plates: impl Iterator<Item = Text>) -> Vec<u64> {
    let mac = mac(key.expose());
    let mut out: Vec<u64> = plates.map(|plate| token(&mac, &plate)).collect();
    out.sort_unstable();
    out.dedup();
    out
}

fn body(key: &Secret<[u8; 32]>, tokens: &[u64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + 8 * tokens.len());
    out.extend_from_slice(key.expose());
    tokens.iter().for_each(|token| out.extend_from_slice(&token.to_be_bytes()));
    out
}

/// The hash that a head states of key and tokens.
pub fn watch_hash(key: &Secret<[u8; 32]>, tokens: &[u64]) -> String {
    let body = Secret::new(body(key, tokens));
    hex(&sha256(body.expose()))
}

/// A set in the memory of its camera.
pub struct WatchSet {
    head: WatchHead,
    key: Secret<[u8; 32]>,
    tokens: Vec<u64>,
}

/// Sizes only.
impl std::fmt::Debug for WatchSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WatchSet({} tokens)", self.tokens.len())
    }
}

impl WatchSet {
    /// Seals a set to the key that the camera asked with.
    pub fn seal(
        to: &SealKey,
        head: &Signed<WatchHead>,
        key: &Secret<[u8; 32]>,
        tokens: &[u64],
    ) -> Result<Sealed> {
        let text = serde_json::to_vec(head)
            .map_err(|e| Error::internal("A list's head cannot be spelled.").because(e))?;
        let mut plain = (text.len() as u32).to_be_bytes().to_vec();
        plain.reserve(text.len() + 32 + 8 * tokens.len());
        plain.extend_from_slice(&text);
        plain.append(&mut body(key, tokens));
        let plain = Secret::new(plain);
        to.seal(INFO, head.unverified().camera.as_str().as_bytes(), plain.expose())
    }

    /// Opens what came, if the city's lease key has signed it for this camera and day.
    pub fn open(
        sealed: &Sealed,
        key: &OpenKey,
        city: &PublicKey,
        camera: &CameraId,
        day: Day,
    ) -> Result<Self> {
        let wrong = || Error::unavailable("The list that came is not this city's; asking again.");
        let plain = key.open(INFO, camera.as_str().as_bytes(), sealed).map_err(|_| wrong())?;
        let (length, rest) = plain.expose().split_first_chunk::<4>().ok_or_else(wrong)?;
        let length = u32::from_be_bytes(*length) as usize;
        if length > HEAD_MAX {
            return Err(wrong());
        }
        let (head, body) = rest.split_at_checked(length).ok_or_else(wrong)?;
        let head: Signed<WatchHead> = serde_json::from_slice(head).map_err(|_| wrong())?;
        let head = head.verify(city).map_err(|_| wrong())?.clone();
        let told = head.tokens.checked_mul(8).and_then(|n| n.checked_add(32));
        let whole = told == Some(body.len() as u64) && head.hash == hex(&sha256(body));
        if &head.camera != camera || head.day != day.start() || !whole {
            return Err(wrong());
        }
        let (key, body) = body.split_first_chunk::<32>().ok_or_else(wrong)?;
        let tokens: Vec<u64> =
            body.as_chunks::<8>().0.iter().map(|eight| u64::from_be_bytes(*eight)).collect();
        if !tokens.is_sorted() {
            return Err(wrong());
        }
        Ok(Self { head, key: Secret::new(*key), tokens })
    }

    /// What the city says of it.
    pub fn head(&self) -> &WatchHead {
        &self.head
    }

    /// Whether one of the likeliest readings is on a list.
    pub fn wants(&self, odds: &Odds) -> bool {
        let mac = mac(self.key.expose());
        odds.readings(READINGS)
            .iter()
            .any(|reading| self.tokens.binary_search(&token(&mac, &reading.text)).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SigningKey;

    fn text(plate: &str) -> Text {
        Text::parse(plate).unwrap()
    }

    fn odds(plate: &str) -> Odds {
        Odds::new(plate.chars().map(|c| vec![(c, 0.98)]).collect()).unwrap()
    }

    struct City {
        lease_key: SigningKey,
        key: Secret<[u8; 32]>,
    }

    impl City {
        fn sealed(&self, to: &SealKey, plates: &[&str], bend: impl Fn(&mut WatchHead)) -> Sealed {
            let tokens = watch_tokens(&self.key, plates.iter().map(|p| text(p)));
            let mut head = WatchHead {
                camera: "cam_a".parse().unwrap(),
                day: Day::from_number(20_780).start(),
                made: Time::from_millis(1_795_420_800_000),
                version: "1".into(),
                tokens: tokens.len() as u64,
                left_out: 0,
                hash: watch_hash(&self.key, &tokens),
            };
            bend(&mut head);
            let head = Signed::sign(head, &self.lease_key).unwrap();
            WatchSet::seal(to, &head, &self.key, &tokens).unwrap()
        }
    }

    #[test]
    fn a_set_finds_what_is_listed_and_shows_nothing() {
        let city = City { lease_key: SigningKey::generate(), key: Secret::new([9; 32]) };
        let own = OpenKey::generate();
        let listed = ["7ABC128", "8XYZ001", "7ABC128", "B0B"];
        let sealed = city.sealed(&own.public().unwrap(), &listed, |_| {});
        let camera: CameraId = "cam_a".parse().unwrap();
        let day = Day::from_number(20_780);
        let open = |sealed: &Sealed, key: &OpenKey, camera: &CameraId, day: Day| {
            WatchSet::open(sealed, key, &city.lease_key.public(), camera, day)
        };
        let set = open(&sealed, &own, &camera, day).unwrap();
        assert_eq!(set.head().tokens, 3);
        for (plate, want) in
            [("7ABC128", true), ("8XYZ001", true), ("B0B", true), ("7ABC129", false), ("A", false)]
        {
            assert_eq!(set.wants(&odds(plate)), want, "{plate}");
        }
        // A second reading counts.
        let unsure: Vec<Vec<(char, f32)>> = "7ABC12"
            .chars()
            .map(|c| vec![(c, 0.98)])
            .chain([vec![('3', 0.6), ('8', 0.4)]])
            .collect();
        assert!(set.wants(&Odds::new(unsure).unwrap()));
        assert!(!format!("{set:?}").contains("ABC"));
        assert!(!sealed.0.windows(7).any(|w| w == b"7ABC128"));
        // Others' sets, other days' sets and forged ones are none.
        assert!(open(&sealed, &OpenKey::generate(), &camera, day).is_err());
        assert!(open(&sealed, &own, &"cam_b".parse().unwrap(), day).is_err());
        assert!(open(&sealed, &own, &camera, day.next()).is_err());
        let stranger = City { lease_key: SigningKey::generate(), key: Secret::new([9; 32]) };
        let forged = stranger.sealed(&own.public().unwrap(), &[], |_| {});
        assert!(open(&forged, &own, &camera, day).is_err());
        for bend in [
            (|h: &mut WatchHead| h.tokens += 1) as fn(&mut WatchHead),
            |h| h.tokens = (1 << 53) - 1,
            |h| h.hash = "00".into(),
        ] {
            let bent = city.sealed(&own.public().unwrap(), &listed, bend);
            assert!(open(&bent, &own, &camera, day).is_err());
        }
    }

    /// What a long list costs: `cargo nextest run … --run-ignored all --no-capture`.
    #[test]
    #[ignore = "a measurement"]
    fn a_million_plates() {
        let plates = (0..1_000_000u32).map(|n| text(&format!("{:07}", n)));
        let began = std::time::Instant::now();
        let tokens = watch_tokens(&Secret::new([9; 32]), plates);
        println!("{} tokens in {} ms", tokens.len(), began.elapsed().as_millis());
        assert_eq!(tokens.len(), 1_000_000, "none collides");
    }

    #[test]
    fn another_key_gives_other_tokens() {
        let tokens = |key: u8| watch_tokens(&Secret::new([key; 32]), [text("7ABC128")].into_iter());
        assert_ne!(tokens(1), tokens(2));
        assert_eq!(tokens(1), tokens(1));
    }
}
