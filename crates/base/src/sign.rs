//! Signed statements: canonical bytes under a domain line, signed with Ed25519 (RFC 8032).
//!
//! Every kind of statement has a domain of its own (`homeplate/lease/v1`), which stands in front of
//! its canonical bytes, so that a signature on one kind can never be passed off as another.

use crate::{CanonError, Error, Result, Secret, b64, canonical, unb64};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Random bytes from the operating system's generator.
pub fn random<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    // Fails only where the kernel has no generator; nothing that follows could be trusted.
    SystemRandom::new().fill(&mut out).unwrap_or_else(|_| std::process::abort());
    out
}

/// A private Ed25519 key.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    seed: Secret<[u8; 32]>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.public())
    }
}

impl SigningKey {
    /// A fresh key.
    pub fn generate() -> Self {
        Self::from_seed(random())
    }
    /// The key that a 32-byte seed stands for.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        // 32 bytes are always a valid seed.
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed)
            .unwrap_or_else(|_| unreachable!("a 32-byte seed"));
        Self { pair, seed: Secret::new(seed) }
    }
    /// The seed, to be written to a private file.
    pub fn seed(&self) -> &[u8; 32] {
        self.seed.expose()
    }
    /// The public half.
    pub fn public(&self) -> PublicKey {
        let mut out = [0; 32];
        out.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(out)
    }
    /// The signature over some bytes.
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        let mut out = [0; 64];
        out.copy_from_slice(self.pair.sign(bytes).as_ref());
        out
    }
    /// Writes the seed to a private file (mode 0600), base64 in one line.
    pub fn save(&self, path: &std::path::Path) -> Result<()> {
        crate::write_secret(path, format!("{}\n", b64(self.seed())).as_bytes())
    }
    /// Reads a key that [`SigningKey::save`] wrote.
    pub fn load(path: &std::path::Path) -> Result<Self> {
        let file = crate::read_secret(path)?;
        let text = std::str::from_utf8(file.expose()).ok();
        let seed =
            text.and_then(|t| unb64(t.trim_end())).and_then(|b| <[u8; 32]>::try_from(b).ok());
        seed.map(Self::from_seed).ok_or_else(|| {
            Error::invalid(format!(
                "{} is not a key file; restore it from a backup.",
                path.display()
            ))
        })
    }
}

/// A public Ed25519 key; spelled as base64.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Whether `signature` is this key's over `bytes`.
    pub fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(bytes, signature).is_ok()
    }
}

/// Whether `signature` (DER) is one of ES256, ECDSA on P-256 with SHA-256, over `bytes`: what passkeys
/// make. The key is a point in its 65 bytes.
pub fn es256_verifies(key: &[u8; 65], bytes: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(bytes, signature).is_ok()
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&b64(&self.0))
    }
}
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl std::str::FromStr for PublicKey {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self> {
        let bytes = unb64(s).and_then(|b| <[u8; 32]>::try_from(b).ok());
        bytes.map(Self).ok_or_else(|| Error::invalid("A public key is 32 bytes in base64."))
    }
}
impl Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Something that is signed. The domain ends without a newline and names the version.
pub trait Statement: Serialize {
    /// For instance `homeplate/lease/v1`.
    const DOMAIN: &'static str;

    /// The bytes that are signed: domain, newline, canonical JSON.
    fn signed_bytes(&self) -> Result<Vec<u8>, CanonError> {
        let mut out = format!("{}\n", Self::DOMAIN).into_bytes();
        out.extend(canonical(self)?);
        Ok(out)
    }
}

/// A statement with its signature. Nothing is believed before [`Signed::verify`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Signed<T> {
    /// What is said; read it only after verifying, through [`Signed::verify`].
    body: T,
    /// Ed25519 over [`Statement::signed_bytes`], base64.
    sig: String,
}

impl<T: Statement> Signed<T> {
    /// Signs a statement.
    pub fn sign(body: T, key: &SigningKey) -> Result<Self> {
        let bytes = body.signed_bytes().map_err(|e| {
            Error::internal("The statement has no canonical form; see the log.").because(e)
        })?;
        Ok(Self { sig: b64(&key.sign(&bytes)), body })
    }
    /// The statement, if `key` signed it.
    pub fn verify(&self, key: &PublicKey) -> Result<&T> {
        let good = match (self.body.signed_bytes(), unb64(&self.sig)) {
            (Ok(bytes), Some(sig)) => key.verifies(&bytes, &sig),
            _ => false,
        };
        if good {
            Ok(&self.body)
        } else {
            Err(Error::unauthenticated("The signature does not hold; sign with the enrolled key."))
        }
    }
    /// A statement and a signature that were kept apart; nothing is believed before [`Signed::verify`].
    pub fn from_parts(body: T, signature: &str) -> Self {
        Self { body, sig: signature.to_owned() }
    }
    /// The signature, base64.
    pub fn signature(&self) -> &str {
        &self.sig
    }
    /// What it says of itself, before anything is verified: only to find the key to verify with.
    pub fn unverified(&self) -> &T {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
    struct Note {
        n: i64,
    }
    impl Statement for Note {
        const DOMAIN: &'static str = "homeplate/test/v1";
    }

    #[test]
    fn only_the_signed_statement_verifies() {
        let key = SigningKey::generate();
        let signed = Signed::sign(Note { n: 7 }, &key).unwrap();
        assert_eq!(signed.verify(&key.public()).unwrap().n, 7);
        assert!(signed.verify(&SigningKey::generate().public()).is_err());
        let text = serde_json::to_string(&signed).unwrap();
        let forged: Signed<Note> = serde_json::from_str(&text.replace('7', "8")).unwrap();
        assert!(forged.verify(&key.public()).is_err());
    }

    #[test]
    fn a_key_survives_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let key = SigningKey::generate();
        key.save(&dir.path().join("k")).unwrap();
        assert_eq!(SigningKey::load(&dir.path().join("k")).unwrap().public(), key.public());
        std::fs::write(dir.path().join("k"), "nonsense").unwrap();
        assert!(
            SigningKey::load(&dir.path().join("k")).unwrap_err().to_string().contains("not a key")
        );
    }
}
