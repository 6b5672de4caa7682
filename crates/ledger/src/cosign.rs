//! Cosignatures: a witness's word that a checkpoint extends all it has seen of that log before.
//!
//! C2SP `tlog-cosignature`, the Ed25519 kind (`cosignature/v1`): the time, in seconds, is signed with the
//! checkpoint's text and stands in front of the signature.

use crate::notes::{parse_key, spell_key};
use base::{Error, PublicKey, Result, SigningKey, Time};
use signed_note::{Signature, Verifier, is_key_name_valid, key_id};

/// The signature type of cosignatures.
const COSIGNATURE: u8 = 4;
const STAMP: usize = 8;

/// A witness's verifier key: `<name>+<key id>+<base64 of 0x04 and the Ed25519 key>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    id: u32,
    public: PublicKey,
}

impl WitnessKey {
    /// Reads a key in its one spelling.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, id, public) = parse_key(text, COSIGNATURE).ok_or_else(|| {
            Error::invalid(
                "This is not a witness's key; it looks like name+1a2b3c4d+BA… in one line.",
            )
        })?;
        Ok(Self { name, id, public })
    }

    /// The name in its signature lines.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As it is handed to everybody.
    pub fn spelled(&self) -> String {
        spell_key(&self.name, COSIGNATURE, &self.public)
    }

    /// The bare key: two spellings of one key are one witness.
    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Whether a signature line is by this key, and when it says it was made.
    pub(crate) fn time_of(&self, line: &Signature) -> Option<Time> {
        let ours = line.name() == self.name && line.id() == self.id;
        if ours { stamp(line.signature()).map(|(time, _)| time) } else { None }
    }
}

impl Verifier for WitnessKey {
    fn name(&self) -> &str {
        &self.name
    }
    fn key_id(&self) -> u32 {
        self.id
    }
    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        stamp(signature).is_some_and(|(time, bare)| self.public.verifies(&said(time, text), bare))
    }
}

/// Time and bare signature of a cosignature.
fn stamp(signature: &[u8]) -> Option<(Time, &[u8])> {
    let (seconds, bare) = signature.split_first_chunk::<STAMP>()?;
    let seconds = i64::try_from(u64::from_be_bytes(*seconds)).ok()?;
    // A time that we cannot hold is none that a witness has seen.
    Some((Time::from_millis(seconds.checked_mul(1000)?), bare))
}

fn said(at: Time, text: &[u8]) -> Vec<u8> {
    let mut out = format!("cosignature/v1\ntime {}\n", at.millis().div_euclid(1000)).into_bytes();
    out.extend(text);
    out
}

/// What a witness signs with.
pub struct Cosigner {
    key: SigningKey,
    vkey: WitnessKey,
}

impl Cosigner {
    /// A witness of this name, best the address that it is reached at, without `https://`.
    pub fn new(name: &str, key: SigningKey) -> Result<Self> {
        if !is_key_name_valid(name) || name.chars().any(char::is_control) {
            return Err(Error::invalid(
                "A witness's name has no spaces and no plus signs, for instance witness.example/plates.",
            ));
        }
        let public = key.public();
        let tagged = [&[COSIGNATURE], public.0.as_slice()].concat();
        let vkey = WitnessKey { name: name.to_owned(), id: key_id(name, &tagged), public };
        Ok(Self { key, vkey })
    }

    /// The key to check its cosignatures with.
    pub fn vkey(&self) -> &WitnessKey {
        &self.vkey
    }

    /// The signature line under a checkpoint's text, with its line break.
    pub(crate) fn cosign(&self, text: &[u8], now: Time) -> Result<String> {
        let seconds = u64::try_from(now.millis().div_euclid(1000)).map_err(|e| {
            Error::internal("The clock stands before 1970; nothing was signed.").because(e)
        })?;
        let at = Time::from_millis(now.millis().div_euclid(1000) * 1000);
        let mut blob = seconds.to_be_bytes().to_vec();
        blob.extend(self.key.sign(&said(at, text)));
        let unspelled = || Error::internal("A cosignature cannot be spelled; nothing was signed.");
        let line = Signature::new(self.vkey.name.clone(), self.vkey.id, blob)
            .map_err(|e| unspelled().because(e))?;
        String::from_utf8(line.to_bytes()).map_err(|e| unspelled().because(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"homeplate/x\n3\nAAAA\n";

    fn cosigner() -> Cosigner {
        Cosigner::new("witness.example/w", SigningKey::from_seed([5; 32])).unwrap()
    }

    fn line(text: &str) -> Signature {
        Signature::from_bytes(text.trim_end().as_bytes()).unwrap()
    }

    #[test]
    fn a_cosignature_holds_for_its_text_time_and_key_alone() {
        let at = Time::from_millis(1_679_315_147_900);
        let signed = line(&cosigner().cosign(TEXT, at).unwrap());
        let key = WitnessKey::parse(&cosigner().vkey().spelled()).unwrap();
        assert!(key.verify(TEXT, signed.signature()));
        assert_eq!(key.time_of(&signed), Some(Time::from_millis(1_679_315_147_000)), "seconds");
        assert!(!key.verify(b"homeplate/x\n4\nAAAA\n", signed.signature()));
        for at in [0, 7, 8, 40, 71] {
            let mut changed = signed.signature().to_vec();
            changed[at] ^= 1;
            assert!(!key.verify(TEXT, &changed), "byte {at}");
        }
        for cut in [0, 7, 8, 71] {
            assert!(!key.verify(TEXT, &signed.signature()[..cut]), "cut at {cut}");
        }
        let other = Cosigner::new("witness.example/w", SigningKey::from_seed([6; 32])).unwrap();
        assert!(!other.vkey().verify(TEXT, signed.signature()));
        assert_eq!(other.vkey().time_of(&signed), None);
    }

    #[test]
    fn a_key_of_another_type_is_none() {
        let good = cosigner().vkey().spelled();
        assert!(good.contains("+B"), "{good}");
        for bad in ["", "++", "a+b+c", &good.replace("+B", "+A"), &format!("{good}\n")] {
            assert!(WitnessKey::parse(bad).is_err(), "{bad:?}");
        }
        for name in ["", "a b", "a+b", "a\nb"] {
            assert!(Cosigner::new(name, SigningKey::generate()).is_err(), "{name:?}");
        }
    }
}
