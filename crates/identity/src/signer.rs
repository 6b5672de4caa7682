//! Who can sign, and what a signature is: a person's key or a passkey, each with one spelling.
//!
//! [`SignerKey::verify`] is pure. An outsider who has the public log and nothing else verifies with it
//! what people confirmed in a browser: W3C WebAuthn level 3, section 7.2, with user verification.

use crate::assertion::Assertion;
use base::{Error, PublicKey, Result, b64, es256_verifies, sha256, unb64};
use std::fmt;
use std::str::FromStr;

/// Stands in front of what a passkey confirms, so that signing in can never be taken for a signature.
const DOMAIN: &[u8] = b"homeplate/sign/v1\n";

/// A public key that signs for somebody.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignerKey {
    /// A person's Ed25519 key, in a file in their hand.
    Ed25519([u8; 32]),
    /// A passkey.
    Passkey {
        /// Its key.
        key: PasskeyKey,
        /// The site that it signs for, and no other.
        rp_id: String,
    },
}

/// A passkey's public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PasskeyKey {
    /// ECDSA on P-256 with SHA-256; the point in its 65 bytes.
    Es256([u8; 65]),
    /// Ed25519.
    EdDsa([u8; 32]),
}

impl PasskeyKey {
    pub(crate) fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Es256(point) => es256_verifies(point, bytes, signature),
            Self::EdDsa(key) => PublicKey(*key).verifies(bytes, signature),
        }
    }
}

/// A signature by a [`SignerKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// Over the message itself.
    Ed25519([u8; 64]),
    /// What the authenticator answered to a challenge made of the message.
    Passkey(Assertion),
}

impl SignerKey {
    /// The challenge that a passkey signs for this message.
    pub fn challenge(message: &[u8]) -> [u8; 32] {
        sha256(&[DOMAIN, message].concat())
    }

    /// Whether this key signed this message, with the person present and verified where it is a passkey.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<()> {
        match (self, signature) {
            (Self::Ed25519(key), Signature::Ed25519(bytes))
                if PublicKey(*key).verifies(message, bytes) =>
            {
                return Ok(());
            }
            (Self::Passkey { key, rp_id }, Signature::Passkey(assertion)) => {
                return assertion.verify(key, rp_id, &Self::challenge(message)).map(|_| ());
            }
            _ => {}
        }
        Err(Error::unauthenticated("The signature does not hold; sign with the enrolled key."))
    }
}

impl From<PublicKey> for SignerKey {
    fn from(key: PublicKey) -> Self {
        Self::Ed25519(key.0)
    }
}

impl fmt::Display for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ed25519(key) => write!(f, "ed25519:{}", b64(key)),
            Self::Passkey { key: PasskeyKey::Es256(point), rp_id } => {
                write!(f, "passkey:es256:{}:{rp_id}", b64(point))
            }
            Self::Passkey { key: PasskeyKey::EdDsa(key), rp_id } => {
                write!(f, "passkey:eddsa:{}:{rp_id}", b64(key))
            }
        }
    }
}

impl FromStr for SignerKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let read = match parts.as_slice() {
            ["ed25519", key] => sized(key).map(Self::Ed25519),
            ["passkey", algorithm, key, rp_id] if is_host(rp_id) => {
                let key = match *algorithm {
                    "es256" => {
                        sized(key).filter(|point: &[u8; 65]| point[0] == 4).map(PasskeyKey::Es256)
                    }
                    "eddsa" => sized(key).map(PasskeyKey::EdDsa),
                    _ => None,
                };
                key.map(|key| Self::Passkey { key, rp_id: (*rp_id).to_owned() })
            }
            _ => None,
        };
        read.ok_or_else(|| {
            Error::invalid(
                "A key is spelled ed25519:KEY, passkey:es256:KEY:SITE or passkey:eddsa:KEY:SITE.",
            )
        })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ed25519(bytes) => write!(f, "ed25519:{}", b64(bytes)),
            Self::Passkey(a) => write!(
                f,
                "passkey:{}:{}:{}",
                b64(&a.authenticator_data),
                b64(&a.client_data),
                b64(&a.signature)
            ),
        }
    }
}

impl FromStr for Signature {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let read = match parts.as_slice() {
            ["ed25519", bytes] => sized(bytes).map(Self::Ed25519),
            ["passkey", data, client, signature] => {
                let all = (unb64(data), unb64(client), unb64(signature));
                let (Some(authenticator_data), Some(client_data), Some(signature)) = all else {
                    return Err(unread());
                };
                Some(Self::Passkey(Assertion { authenticator_data, client_data, signature }))
            }
            _ => None,
        };
        read.ok_or_else(unread)
    }
}

fn unread() -> Error {
    Error::invalid("A signature is spelled ed25519:BYTES or passkey:DATA:CLIENT:BYTES.")
}

fn sized<const N: usize>(text: &str) -> Option<[u8; N]> {
    unb64(text)?.try_into().ok()
}

/// Whether this is a name of a machine, in small letters, as browsers spell one.
pub(crate) fn is_host(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

macro_rules! as_text {
    ($($name:ident),*) => { $(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )* };
}

as_text!(SignerKey, Signature);

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use testkit::{Authenticator, Flags};

    fn passkey(of: &Authenticator) -> SignerKey {
        SignerKey::Passkey { key: PasskeyKey::Es256(of.point()), rp_id: of.rp_id().to_owned() }
    }

    fn confirmed(of: &mut Authenticator, message: &[u8]) -> Signature {
        let [authenticator_data, client_data, signature] =
            of.assert(&SignerKey::challenge(message));
        Signature::Passkey(Assertion { authenticator_data, client_data, signature })
    }

    #[test]
    fn one_spelling() {
        let mut soft = Authenticator::new("plates.example", "https://plates.example");
        let keys = [
            SignerKey::Ed25519([7; 32]),
            passkey(&soft),
            SignerKey::Passkey { key: PasskeyKey::EdDsa([9; 32]), rp_id: "localhost".into() },
        ];
        for key in keys {
            assert_eq!(key.to_string().parse::<SignerKey>().unwrap(), key);
            let json = serde_json::to_string(&key).unwrap();
            assert_eq!(serde_json::from_str::<SignerKey>(&json).unwrap(), key);
        }
        for signature in [Signature::Ed25519([3; 64]), confirmed(&mut soft, b"m")] {
            assert_eq!(signature.to_string().parse::<Signature>().unwrap(), signature);
        }
        let es256 = passkey(&soft).to_string();
        for bad in [
            "",
            "ed25519:",
            "ed25519:AAAA",
            &es256.replace("plates.example", "Plates.example"),
            &es256.replace("plates.example", ""),
            &es256.replace("es256", "rs256"),
            &es256.replace("es256:B", "es256:A"),
            &format!("{es256}:1"),
        ] {
            assert!(bad.parse::<SignerKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_of_people_sign_messages() {
        let mine = base::SigningKey::generate();
        let signature = Signature::Ed25519(mine.sign(b"m"));
        let key = SignerKey::from(mine.public());
        assert!(key.verify(b"m", &signature).is_ok());
        assert!(key.verify(b"n", &signature).is_err());
        let mut soft = Authenticator::new("localhost", "http://localhost:8080");
        assert!(key.verify(b"m", &confirmed(&mut soft, b"m")).is_err());
        assert!(passkey(&soft).verify(b"m", &signature).is_err());
    }

    /// What an authenticator must not have done, one thing at a time.
    #[test]
    fn passkeys_sign_messages() {
        let check = |name: &str, change: &dyn Fn(&mut Authenticator), good: bool| {
            let mut soft = Authenticator::new("plates.example", "https://plates.example");
            let key = passkey(&soft);
            change(&mut soft);
            let signature = confirmed(&mut soft, b"m");
            assert_eq!(key.verify(b"m", &signature).is_ok(), good, "{name}");
            assert!(key.verify(b"n", &signature).is_err(), "{name}");
        };
        check("as it should be", &|_| {}, true);
        check("below the site", &|a| a.origin = "https://desk.plates.example".into(), true);
        check("at a port", &|a| a.origin = "https://plates.example:8443".into(), true);
        check("a backed up key", &|a| a.flags = Flags::PRESENT | 4 | 8 | 16, true);
        check("another site's page", &|a| a.origin = "https://evil.example".into(), false);
        check("a longer name", &|a| a.origin = "https://evilplates.example".into(), false);
        check("in the clear", &|a| a.origin = "http://plates.example".into(), false);
        check("behind a user", &|a| a.origin = "https://plates.example@evil.example".into(), false);
        check("no origin", &|a| a.origin = "null".into(), false);
        check("another site", &|a| a.set_rp_id("evil.example"), false);
        check("nobody present", &|a| a.flags = Flags::VERIFIED, false);
        check("nobody verified", &|a| a.flags = Flags::PRESENT, false);
        check("backed up but not eligible", &|a| a.flags = 1 | 4 | 16, false);
        check("a registration", &|a| a.kind = "webauthn.create".into(), false);
        check("in a frame of another's", &|a| a.cross_origin = true, false);
        check("another's key", &|a| a.forget_key(), false);
    }

    #[test]
    fn signing_in_confirms_nothing() {
        let mut soft = Authenticator::new("localhost", "http://localhost:8080");
        let [authenticator_data, client_data, signature] = soft.assert(&sha256(b"m"));
        let signed = Signature::Passkey(Assertion { authenticator_data, client_data, signature });
        assert!(passkey(&soft).verify(b"m", &signed).is_err());
    }

    proptest! {
        #[test]
        fn a_changed_byte_never_passes(at in any::<prop::sample::Index>(), bit in 0u8..8, part in 0usize..3) {
            let mut soft = Authenticator::new("localhost", "http://localhost:8080");
            let key = passkey(&soft);
            let mut parts = soft.assert(&SignerKey::challenge(b"m"));
            let place = at.index(parts[part].len());
            parts[part][place] ^= 1 << bit;
            let [authenticator_data, client_data, signature] = parts;
            let signed = Signature::Passkey(Assertion { authenticator_data, client_data, signature });
            prop_assert!(key.verify(b"m", &signed).is_err());
        }

        #[test]
        fn hostile_text_never_panics(text in "\\PC{0,80}") {
            let _ = (text.parse::<SignerKey>(), text.parse::<Signature>());
        }
    }
}
