//! Bytes sealed to a public key: HPKE (RFC 9180) base mode, X25519, HKDF-SHA-256, AES-256-GCM.
//!
//! Edges seal reads to the city's ingest key with it, so that a spool on a roadside machine holds no
//! plate in the clear; custody wraps segment keys to epoch keys with it.

use base::{Error, Result, Secret, b64, unb64};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal,
};

type Public = <X25519HkdfSha256 as Kem>::PublicKey;
type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
type Encapped = <X25519HkdfSha256 as Kem>::EncappedKey;

/// Length of the encapsulated key in front of the sealed bytes.
const ENC: usize = 32;

/// A public sealing key (X25519); spelled as base64.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey([u8; 32]);

impl SealKey {
    /// The key behind 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    /// Its 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
    /// Seals `plain` for the owner of the key, bound to a purpose (`info`) and to `aad`.
    pub fn seal(&self, info: &[u8], aad: &[u8], plain: &[u8]) -> Result<Sealed> {
        let cannot = |e: hpke::HpkeError| {
            Error::invalid("The sealing key is not an X25519 key; fetch a new lease.")
                .because(e.to_string())
        };
        let key = Public::from_bytes(&self.0).map_err(cannot)?;
        let (enc, sealed) = single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &key,
            info,
            plain,
            aad,
        )
        .map_err(cannot)?;
        Ok(Sealed([enc.to_bytes().as_slice(), &sealed].concat()))
    }
}

impl std::fmt::Display for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&b64(&self.0))
    }
}
impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealKey({self})")
    }
}
impl std::str::FromStr for SealKey {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self> {
        let bytes = unb64(s).and_then(|b| <[u8; 32]>::try_from(b).ok());
        bytes.map(Self).ok_or_else(|| Error::invalid("A sealing key is 32 bytes in base64."))
    }
}

/// The private half of a [`SealKey`].
pub struct OpenKey(Secret<[u8; 32]>);

impl std::fmt::Debug for OpenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenKey(…)")
    }
}

impl OpenKey {
    /// A fresh key.
    pub fn generate() -> Self {
        let (private, _) = X25519HkdfSha256::gen_keypair();
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&private.to_bytes());
        Self(Secret::new(bytes))
    }
    /// The key behind 32 kept bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }
    /// Its 32 bytes, to be wrapped and kept.
    pub fn bytes(&self) -> &[u8; 32] {
        self.0.expose()
    }
    fn private(&self) -> Result<Private> {
        Private::from_bytes(self.0.expose()).map_err(|e| {
            Error::internal("A private key is damaged; see the log.").because(e.to_string())
        })
    }
    /// The public half.
    pub fn public(&self) -> Result<SealKey> {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&X25519HkdfSha256::sk_to_pk(&self.private()?).to_bytes());
        Ok(SealKey(bytes))
    }
    /// Opens what was sealed to this key with the same `info` and `aad`.
    pub fn open(&self, info: &[u8], aad: &[u8], sealed: &Sealed) -> Result<Secret<Vec<u8>>> {
        let cannot = || {
            Error::invalid("A sealed item does not open; it was sealed to another key or changed.")
        };
        let (enc, body) = sealed.0.split_at_checked(ENC).ok_or_else(cannot)?;
        let enc = Encapped::from_bytes(enc).map_err(|e| cannot().because(e.to_string()))?;
        single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.private()?,
            &enc,
            info,
            body,
            aad,
        )
        .map(Secret::new)
        .map_err(|e| cannot().because(e.to_string()))
    }
}

/// Sealed bytes: 32 bytes of encapsulated key, then ciphertext and tag. Base64 in JSON, bytes
/// in binary formats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl utoipa::PartialSchema for Sealed {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some(
                "Bytes sealed with HPKE (RFC 9180): encapsulated key, then ciphertext; base64.",
            ))
            .pattern(Some("^[A-Za-z0-9+/]+={0,2}$"))
            .into()
    }
}
impl utoipa::ToSchema for Sealed {}
impl serde::Serialize for Sealed {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            s.serialize_str(&b64(&self.0))
        } else {
            s.serialize_bytes(&self.0)
        }
    }
}
impl<'de> serde::Deserialize<'de> for Sealed {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if !d.is_human_readable() {
            return serde_bytes::ByteBuf::deserialize(d).map(|bytes| Self(bytes.into_vec()));
        }
        let text = String::deserialize(d)?;
        unb64(&text).map(Self).ok_or_else(|| serde::de::Error::custom("sealed bytes are base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_key_purpose_and_context() {
        let key = OpenKey::generate();
        let sealed = key.public().unwrap().seal(b"a", b"b", b"plain").unwrap();
        assert_eq!(key.open(b"a", b"b", &sealed).unwrap().expose(), b"plain");
        assert!(key.open(b"x", b"b", &sealed).is_err());
        assert!(key.open(b"a", b"x", &sealed).is_err());
        assert!(OpenKey::generate().open(b"a", b"b", &sealed).is_err());
        assert!(key.open(b"a", b"b", &Sealed(vec![1, 2, 3])).is_err());
        let mut bent = sealed;
        bent.0[40] ^= 1;
        assert!(key.open(b"a", b"b", &bent).is_err());
    }
}
