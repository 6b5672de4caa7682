//! Web push: a message to a browser that somebody registered, through the push service of its maker.
//!
//! The service sees when and how long, not what: a message is encrypted to the browser (RFC 8291, in the
//! coding aes128gcm of RFC 8188) and says by a signature which city sends it (RFC 8292, VAPID). All of them
//! are padded to one length.

use crate::post::Poster;
use crate::{Failure, Notice, Outcome, PATIENCE, Reach};
use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base::{Error, Result, Time, b64url, random, read_secret, sha256, unb64url, write_secret};
use std::path::Path;
use ureq::http::Uri;

/// A point of P-256, uncompressed.
const POINT: usize = 65;
/// The record size that the coding's head names; one record is all there ever is.
const RECORD: u32 = 4096;
/// What every message is padded to, so that its length tells nothing.
const LENGTH: usize = 1024;
/// The longest address of a browser that is taken.
const ENDPOINT_MAX: usize = 1024;
/// A push service keeps a message so long for a browser that is away, in seconds; a hit is old then.
const KEPT_S: u32 = 600;
/// How long a signature over a service's name is good; RFC 8292 allows 24 hours.
const SIGNED_S: i64 = 12 * 3600;

/// A browser as it registered itself.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Subscription {
    /// Where its push service takes messages for it. Who knows it can send nothing without the city's key,
    /// but it is the person's.
    pub endpoint: String,
    /// Its public key, base64url.
    pub p256dh: String,
    /// Its secret, base64url.
    pub auth: String,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subscription(…)")
    }
}

/// The keys of a browser.
struct Keys {
    point: [u8; POINT],
    auth: [u8; 16],
}

impl Subscription {
    /// Whether a message can be made for it, and its address be called.
    pub fn check(&self, reach: Reach) -> Result<()> {
        self.keys()?;
        if self.endpoint.len() > ENDPOINT_MAX || !reach.takes_url(&self.endpoint) {
            return Err(Error::invalid(
                "A browser's address is https:// and a host, no longer than 1024.",
            ));
        }
        Ok(())
    }

    fn keys(&self) -> Result<Keys> {
        let bad =
            || Error::invalid("These are not a browser's keys; let it register itself again.");
        let point = unb64url(&self.p256dh).and_then(|b| <[u8; POINT]>::try_from(b).ok());
        let auth = unb64url(&self.auth).and_then(|b| <[u8; 16]>::try_from(b).ok());
        let keys = Keys { point: point.ok_or_else(bad)?, auth: auth.ok_or_else(bad)? };
        // Whether the point lies on the curve shows when something is agreed with it.
        let own = PrivateKey::generate(&ECDH_P256).map_err(|_| bad())?;
        let peer = UnparsedPublicKey::new(&ECDH_P256, keys.point);
        agreement::agree(&own, peer, bad(), |_| Ok(()))?;
        Ok(keys)
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    let mut out = [0; 32];
    out.copy_from_slice(context.sign().as_ref());
    out
}

fn broken() -> Error {
    Error::internal("A message could not be encrypted; see the log.")
}

/// `text` encrypted to a browser, by a key pair and salt that are used this once; padded to `length` if it is
/// shorter.
fn encrypt(
    text: &[u8],
    keys: &Keys,
    own: &PrivateKey,
    salt: [u8; 16],
    length: usize,
) -> Result<Vec<u8>> {
    let public = own.compute_public_key().map_err(|_| broken())?;
    let peer = UnparsedPublicKey::new(&ECDH_P256, keys.point);
    let secret = agreement::agree(own, peer, broken(), |shared| Ok(mac(&keys.auth, &[shared])))?;
    // HKDF (RFC 5869) in its two steps; each output is one block.
    let ikm = mac(&secret, &[b"WebPush: info\0", &keys.point, public.as_ref(), &[1]]);
    let prk = mac(&salt, &[&ikm]);
    let key = mac(&prk, &[b"Content-Encoding: aes128gcm\0", &[1]]);
    let nonce = mac(&prk, &[b"Content-Encoding: nonce\0", &[1]]);
    let key = UnboundKey::new(&aead::AES_128_GCM, &key[..16]).map_err(|_| broken())?;
    let nonce = Nonce::try_assume_unique_for_key(&nonce[..12]).map_err(|_| broken())?;
    let mut record = text.to_vec();
    // The delimiter of the last record, and zeros behind it.
    record.push(2);
    record.resize(record.len().max(length), 0);
    LessSafeKey::new(key)
        .seal_in_place_append_tag(nonce, Aad::empty(), &mut record)
        .map_err(|_| broken())?;
    let mut out = salt.to_vec();
    out.extend(RECORD.to_be_bytes());
    out.push(POINT as u8);
    out.extend(public.as_ref());
    out.extend(record);
    Ok(out)
}

/// The city's key towards push services.
pub struct VapidKey(EcdsaKeyPair);

impl VapidKey {
    /// The key in `file`, which is made where there is none, its owner's alone. A browser is registered with
    /// this key: with another one all are registered anew.
    pub fn load_or_make(file: &Path) -> Result<Self> {
        let bad = || {
            Error::invalid(format!(
                "{} is no key for web push; restore it from a backup, or remove it and let everybody \
                 register their devices again.",
                file.display()
            ))
        };
        if !file.exists() {
            let made = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .and_then(|pair| pair.to_pkcs8v1())
                .map_err(|_| Error::internal("A key for web push cannot be made; see the log."))?;
            write_secret(file, made.as_ref())?;
        }
        let bytes = read_secret(file)?;
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes.expose())
            .map(Self)
            .map_err(|_| bad())
    }

    /// The public half as browsers want it (`applicationServerKey`), base64url.
    pub fn public(&self) -> String {
        b64url(self.0.public_key().as_ref())
    }

    /// The value of `Authorization` for the push service at `endpoint`.
    fn authorization(&self, endpoint: &str, contact: &str, now: Time) -> Result<String> {
        let bad = || Error::invalid("A browser's address is https:// and a host.");
        let uri: Uri = endpoint.parse().map_err(|_| bad())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(bad());
        };
        let claims = serde_json::json!({
            "aud": format!("{scheme}://{authority}"),
            "exp": now.millis().div_euclid(1000) + SIGNED_S,
            "sub": contact,
        });
        let head = b64url(br#"{"typ":"JWT","alg":"ES256"}"#);
        let signed = format!("{head}.{}", b64url(claims.to_string().as_bytes()));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| {
            Error::internal("A message to a push service cannot be signed; see the log.")
        })?;
        Ok(format!("vapid t={signed}.{}, k={}", b64url(signature.as_ref()), self.public()))
    }
}

/// The way to browsers.
pub struct WebPush {
    key: VapidKey,
    contact: String,
    poster: Poster,
    reach: Reach,
}

impl WebPush {
    /// `contact` is `mailto:` or `https://`: whom a push service asks when something is wrong.
    pub fn new(key: VapidKey, contact: &str, reach: Reach) -> Self {
        Self { key, contact: contact.to_owned(), poster: Poster::new(reach, PATIENCE), reach }
    }

    /// The city's public key.
    pub fn public_key(&self) -> String {
        self.key.public()
    }

    /// Whether a browser may be registered.
    pub fn check(&self, to: &Subscription) -> Result<()> {
        to.check(self.reach)
    }

    /// Tells a browser. What its page shows is JSON: `heading`, `text`, `link`, `topic`.
    pub fn send(&self, to: &Subscription, notice: &Notice, now: Time) -> Outcome {
        let keys = to.keys().map_err(Failure::gone)?;
        let shown = serde_json::json!({
            "heading": notice.heading,
            "text": notice.text,
            "link": notice.link,
            "topic": notice.topic,
        });
        let own = PrivateKey::generate(&ECDH_P256).map_err(|_| Failure::again(broken()))?;
        let text = shown.to_string();
        let body =
            encrypt(text.as_bytes(), &keys, &own, random(), LENGTH).map_err(Failure::again)?;
        let authorization =
            self.key.authorization(&to.endpoint, &self.contact, now).map_err(Failure::gone)?;
        let kept = KEPT_S.to_string();
        // At most 32 characters of base64url; what it says is nobody's business.
        let topic = b64url(&sha256(notice.topic.as_bytes())[..24]);
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/octet-stream"),
            ("content-encoding", "aes128gcm"),
            ("ttl", kept.as_str()),
            ("urgency", "high"),
            ("topic", topic.as_str()),
        ];
        let answer = self.poster.post(&to.endpoint, &headers, &body)?;
        let said = |what: &str| Error::unavailable(format!("The push service {what}."));
        match answer.status {
            404 | 410 => Err(Failure::gone(said("knows this browser no longer"))),
            400 | 401 | 403 | 413 => {
                Err(Failure::never(said(&format!("refuses the message ({})", answer.status))))
            }
            _ => answer.taken(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        unb64url(text).unwrap().try_into().unwrap()
    }

    /// RFC 8291, section 5 and appendix A.
    #[test]
    fn the_example_of_the_standard() {
        let keys = Keys {
            point: bytes(
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            ),
            auth: bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        };
        let own: [u8; 32] = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let own = PrivateKey::from_private_key(&ECDH_P256, &own).unwrap();
        let text = b"When I grow up, I want to be a watermelon";
        let sent = encrypt(text, &keys, &own, bytes("DGv6ra1nlYgDCS1FRnbzlw"), 0).unwrap();
        let wanted = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(b64url(&sent), wanted);
        let padded = |text: &[u8]| encrypt(text, &keys, &own, random(), LENGTH).unwrap().len();
        assert_eq!(padded(b"a"), padded(&[b'a'; 900]), "length tells nothing");
    }

    #[test]
    fn what_is_no_browser() {
        let good = Subscription {
            endpoint: "https://push.example/abc".into(),
            p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
                .into(),
            auth: "BTBZMqHH6r4Tts7J_aSIgg".into(),
        };
        good.check(Reach::PUBLIC).unwrap();
        assert_eq!(format!("{good:?}"), "Subscription(…)");
        let mut off_curve = unb64url(&good.p256dh).unwrap();
        off_curve[64] ^= 1;
        for (what, bad) in [
            ("plain", Subscription { endpoint: "http://push.example/".into(), ..good.clone() }),
            (
                "long",
                Subscription {
                    endpoint: format!("https://a/{}", "x".repeat(1024)),
                    ..good.clone()
                },
            ),
            ("no key", Subscription { p256dh: String::new(), ..good.clone() }),
            ("off the curve", Subscription { p256dh: b64url(&off_curve), ..good.clone() }),
            ("short secret", Subscription { auth: "AAAA".into(), ..good.clone() }),
        ] {
            assert!(bad.check(Reach::PUBLIC).is_err(), "{what}");
        }
    }

    #[test]
    fn the_citys_key_is_made_once_and_signs_for_one_service() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys/push.key");
        let key = VapidKey::load_or_make(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(VapidKey::load_or_make(&file).unwrap().public(), key.public());
        let now = Time::from_millis(1_700_000_000_000);
        let value = key
            .authorization("https://push.example:8443/a/b?c", "mailto:it@c.example", now)
            .unwrap();
        let token = value.strip_prefix("vapid t=").unwrap().split(',').next().unwrap();
        let [head, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
        let claims: serde_json::Value = serde_json::from_slice(&unb64url(claims).unwrap()).unwrap();
        assert_eq!(claims["aud"], "https://push.example:8443");
        assert_eq!(claims["exp"], 1_700_000_000 + SIGNED_S);
        assert_eq!(claims["sub"], "mailto:it@c.example");
        let signed = token.rsplit_once('.').unwrap().0;
        assert!(signed.starts_with(head));
        let public = aws_lc_rs::signature::UnparsedPublicKey::new(
            &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED,
            unb64url(&key.public()).unwrap(),
        );
        public.verify(signed.as_bytes(), &unb64url(signature).unwrap()).unwrap();
        std::fs::write(&file, b"no key").unwrap();
        assert!(VapidKey::load_or_make(&file).is_err(), "a damaged key is not replaced silently");
    }
}
