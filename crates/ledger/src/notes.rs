//! Checkpoints as C2SP signed notes, and the verifier keys that belong to them.
//!
//! The syntax is that of `signed_note` and `tlog_tiles`, known to this module and `tree` alone; the
//! Ed25519 is that of `base`. Stricter than the specification in one point: a signature by a key
//! that was not named is refused, because a byte changed in it could not be noticed.

use crate::cosign::WitnessKey;
use base::{Error, PublicKey, Result, SigningKey, Time, b64, unb64};
use signed_note::{Note, Signature, Verifier, VerifierList, is_key_name_valid, key_id};
use tlog_tiles::{Checkpoint, Hash};

const ED25519: u8 = 1;

/// What a checkpoint states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Which log.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of the Merkle tree over them.
    pub root: [u8; 32],
}

/// Signs the checkpoints of one log.
pub(crate) struct Signer {
    key: SigningKey,
    vkey: Vkey,
    spelled: String,
}

impl Signer {
    pub fn new(origin: &str, key: SigningKey) -> Result<Self> {
        if !is_key_name_valid(origin) || origin.chars().any(char::is_control) {
            return Err(Error::invalid(
                "A log's origin is a name without spaces and plus signs, for instance homeplate/springfield.",
            ));
        }
        let public = key.public();
        let vkey = Vkey { name: origin.to_owned(), id: key_id(origin, &tagged(&public)), public };
        let spelled = spell_key(origin, ED25519, &public);
        Ok(Self { key, vkey, spelled })
    }

    /// The verifier key, as it is handed to everybody.
    pub fn spelled(&self) -> &str {
        &self.spelled
    }

    /// The verifier key, to check with.
    pub fn vkey(&self) -> &Vkey {
        &self.vkey
    }

    /// The signed checkpoint of a tree.
    pub fn checkpoint(&self, size: u64, root: [u8; 32]) -> Result<String> {
        let origin = &self.vkey.name;
        let defect = || Error::internal("The checkpoint cannot be spelled; the log is unchanged.");
        let text = Checkpoint::new(origin, size, Hash(root), "").map_err(|_| defect())?.to_bytes();
        let signature = Signature::new(origin.clone(), self.vkey.id, self.key.sign(&text).to_vec());
        let note =
            signature.and_then(|s| Note::new(&text, &[s])).map_err(|e| defect().because(e))?;
        String::from_utf8(note.to_bytes()).map_err(|e| defect().because(e))
    }
}

/// A verifier key: `<origin>+<key id>+<base64 of 0x01 and the Ed25519 key>`.
#[derive(Clone)]
pub(crate) struct Vkey {
    name: String,
    id: u32,
    public: PublicKey,
}

impl Vkey {
    pub fn parse(text: &str) -> Result<Self> {
        let (name, id, public) = parse_key(text, ED25519).ok_or_else(|| {
            Error::invalid(
                "This is not a verifier key; it looks like name+1a2b3c4d+AQ… in one line.",
            )
        })?;
        Ok(Self { name, id, public })
    }

    /// The origin that it signs for.
    pub fn origin(&self) -> &str {
        &self.name
    }

    /// Whether a signature's bytes begin with this key's id.
    pub fn has_id(&self, blob: &[u8]) -> bool {
        blob.starts_with(&self.id.to_be_bytes())
    }

    /// The bare key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// What a checkpoint states, if this log signed it and every byte of it is as it must be.
    pub fn open(&self, checkpoint: &[u8]) -> Result<Head> {
        let note = Note::from_bytes(checkpoint).map_err(|e| malformed().because(e))?;
        let known = VerifierList::new(vec![Box::new(self.clone())]);
        let (signed, _) = note.verify(&known).map_err(|e| unsigned().because(e))?;
        // Spelled anew from what was verified: no repeated and no unknown signature, no other base64.
        let spelled = Note::new(note.text(), &signed).map(|n| n.to_bytes());
        if spelled.is_ok_and(|bytes| bytes != checkpoint) {
            return Err(Error::invalid(
                "The checkpoint carries more than the one signature by this log's key.",
            ));
        }
        self.head(note.text())
    }

    /// What the text of a checkpoint states that this key has signed.
    fn head(&self, text: &[u8]) -> Result<Head> {
        let head = Checkpoint::from_bytes(text).map_err(|_| malformed())?;
        if head.origin() != self.name {
            return Err(Error::invalid(format!(
                "The checkpoint is of another log than {}; name the right key.",
                self.name
            )));
        }
        if head.to_bytes() != text || !head.extension().is_empty() {
            return Err(malformed());
        }
        Ok(Head { origin: self.name.clone(), size: head.size(), root: head.hash().0 })
    }
}

/// Opens a checkpoint that others than its log have signed too: which of `witnesses` did, by their place,
/// and when. Signatures by unknown keys are passed over; a false one by a known key refuses it.
pub(crate) fn open_with(
    log: &Vkey,
    checkpoint: &[u8],
    witnesses: &[WitnessKey],
) -> Result<(Head, Vec<(usize, Time)>)> {
    let note = Note::from_bytes(checkpoint).map_err(|e| malformed().because(e))?;
    let mut known: Vec<Box<dyn Verifier>> = vec![Box::new(log.clone())];
    known.extend(witnesses.iter().map(|w| Box::new(w.clone()) as Box<dyn Verifier>));
    let (signed, _) = note.verify(&VerifierList::new(known)).map_err(|e| unsigned().because(e))?;
    if !signed.iter().any(|s| s.name() == log.name && s.id() == log.id) {
        return Err(unsigned());
    }
    let head = log.head(note.text())?;
    let by = witnesses.iter().enumerate().filter_map(|(at, witness)| {
        let time = signed.iter().find_map(|line| witness.time_of(line))?;
        Some((at, time))
    });
    Ok((head, by.collect()))
}

/// The origin that a checkpoint names, whoever signed it.
pub(crate) fn origin_of(checkpoint: &[u8]) -> Result<(String, Vec<u8>)> {
    let note = Note::from_bytes(checkpoint).map_err(|e| malformed().because(e))?;
    let head = Checkpoint::from_bytes(note.text()).map_err(|_| malformed())?;
    Ok((head.origin().to_owned(), note.text().to_vec()))
}

fn malformed() -> Error {
    Error::invalid("The checkpoint is malformed; fetch the log again.")
}

fn unsigned() -> Error {
    Error::unauthenticated(
        "The checkpoint is not signed by this log's key; name the right key, or distrust the log.",
    )
}

impl Verifier for Vkey {
    fn name(&self) -> &str {
        &self.name
    }
    fn key_id(&self) -> u32 {
        self.id
    }
    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        self.public.verifies(text, signature)
    }
}

fn tagged(key: &PublicKey) -> Vec<u8> {
    [&[ED25519], key.0.as_slice()].concat()
}

/// Name, id and key of a verifier key in its one spelling, if it is of this signature type.
pub(crate) fn parse_key(text: &str, kind: u8) -> Option<(String, u32, PublicKey)> {
    let mut parts = text.splitn(3, '+');
    let (name, id, key) = (parts.next()?, parts.next()?, unb64(parts.next()?)?);
    let public = PublicKey(key.strip_prefix(&[kind])?.try_into().ok()?);
    let expected = key_id(name, &key);
    let fine = is_key_name_valid(name) && id == format!("{expected:08x}");
    fine.then(|| (name.to_owned(), expected, public))
}

/// The bare key in a log's verifier key. It stays where a log gets a successor: that has another origin alone.
pub fn key_in(vkey: &str) -> Result<PublicKey> {
    Vkey::parse(vkey.trim()).map(|vkey| vkey.public)
}

/// The one spelling of a verifier key.
pub(crate) fn spell_key(name: &str, kind: u8, public: &PublicKey) -> String {
    let tagged = [&[kind], public.0.as_slice()].concat();
    format!("{name}+{:08x}+{}", key_id(name, &tagged), b64(&tagged))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::new("homeplate/springfield", SigningKey::from_seed([7; 32])).unwrap()
    }

    #[test]
    fn a_checkpoint_opens_under_its_key_alone() {
        let text = signer().checkpoint(3, [9; 32]).unwrap();
        let head = Vkey::parse(signer().spelled()).unwrap().open(text.as_bytes()).unwrap();
        assert_eq!((head.size, head.root), (3, [9; 32]));
        let other = Signer::new("homeplate/springfield", SigningKey::from_seed([8; 32])).unwrap();
        assert!(other.vkey().open(text.as_bytes()).is_err());
        let elsewhere =
            Signer::new("homeplate/shelbyville", SigningKey::from_seed([7; 32])).unwrap();
        assert!(elsewhere.vkey().open(text.as_bytes()).is_err());
    }

    #[test]
    fn another_spelling_is_refused() {
        let text = signer().checkpoint(3, [9; 32]).unwrap();
        let signature = text.rsplit_once("\n\n").unwrap().1.to_owned();
        let stranger = signature.replace("springfield", "shelbyville");
        for other in [
            format!("{text}\n"),
            format!("{text}{signature}"),
            format!("{text}{stranger}"),
            format!("{stranger}{text}"),
            text.replace("\n3\n", "\n03\n"),
            text.trim_end().to_owned(),
            String::new(),
        ] {
            assert!(signer().vkey().open(other.as_bytes()).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_verifier_key_is_strict() {
        let good = signer().spelled().to_owned();
        assert!(Vkey::parse(&good).is_ok());
        for bad in [
            good.to_uppercase(),
            good.replace("+AR", "+AQ"),
            good.replace("springfield", "shelbyville"),
            format!("{good}\n"),
            "++".into(),
            String::new(),
        ] {
            assert!(bad == good || Vkey::parse(&bad).is_err(), "{bad:?}");
        }
        for origin in ["", "a b", "a+b", "a\nb"] {
            assert!(Signer::new(origin, SigningKey::generate()).is_err(), "{origin:?}");
        }
    }
}
