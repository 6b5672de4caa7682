//! The recovery key: its public half lies with custody, its private half on paper and nowhere else.
//!
//! The key-encryption key is another one after every destruction, so paper cannot hold it. What is on paper is
//! a key that stays, and to its public half custody seals the key-encryption key in force whenever a copy of
//! the keys leaves for the second place. The public half lies in custody's own folder: who chose it could
//! read every copy.
//!
//! Not here: how the private half is divided (`paper.rs`), where copies go.

use crate::file::Files;
use crate::kek::{Kek, key_of};
use crate::seal::Key;
use base::{Error, Result, read_secret, write_secret};
use read::{OpenKey, SealKey, Sealed};
use serde::{Deserialize, Serialize};
use std::path::Path;

const FILE: &str = "recovery.pub";
const INFO: &[u8] = b"homeplate/recovery/v1";

/// The key on paper, as the machine knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Its public half.
    pub key: SealKey,
    /// So many sheets open it.
    pub needed: u8,
    /// So many there are.
    pub of: u8,
}

/// A copy of a city's keys that opens with the recovery key alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rescue {
    /// The public half of the recovery key, base64.
    pub recovery: String,
    /// So many sheets open it.
    pub needed: u8,
    /// So many there are.
    pub of: u8,
    /// `custody.keys` as it lies on disk.
    #[serde(with = "serde_bytes")]
    pub keys: Vec<u8>,
    /// The key that it is under, sealed.
    pub kek: Sealed,
}

impl Rescue {
    pub(crate) fn of(recovery: Recovery, keys: Vec<u8>, kek: &Key) -> Result<Self> {
        let kek = recovery.key.seal(INFO, b"kek", kek.expose())?;
        let Recovery { key, needed, of } = recovery;
        Ok(Self { recovery: key.to_string(), needed, of, keys, kek })
    }
}

/// The recovery key of the city whose keys are in `dir`, if it has one.
pub fn recovery_of(dir: &Path) -> Result<Option<Recovery>> {
    let path = dir.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let text = read_secret(&path)?;
    let text = String::from_utf8_lossy(text.expose()).into_owned();
    let words: Vec<&str> = text.split_whitespace().collect();
    let read = match words.as_slice() {
        ["recovery-v1", needed, of, key] => {
            needed.parse().ok().zip(of.parse().ok()).zip(key.parse().ok())
        }
        _ => None,
    };
    match read {
        Some(((needed, of), key)) => Ok(Some(Recovery { key, needed, of })),
        None => Err(Error::invalid(format!(
            "{} is damaged; make new sheets with `homeplate custody shares`.",
            path.display()
        ))),
    }
}

/// Keeps the public half of a recovery key beside the keys. Copies that are made from now on open with its sheets.
pub fn set_recovery(dir: &Path, recovery: &Recovery) -> Result<()> {
    // One that nothing can be sealed to is found out now.
    recovery.key.seal(INFO, b"", b"")?;
    let Recovery { key, needed, of } = recovery;
    write_secret(&dir.join(FILE), format!("recovery-v1 {needed} {of} {key}\n").as_bytes())
}

/// Makes the keys of a city in `dir` from a copy, protected as `kek` says, under a new key-encryption key.
/// Refuses a folder that holds keys already.
pub fn rescue(dir: &Path, kek: &Kek, with: &OpenKey, copy: &Rescue) -> Result<()> {
    let public = with.public()?;
    if copy.recovery != public.to_string() {
        return Err(Error::invalid(
            "These sheets belong to another recovery key than this copy; find those that were printed last \
             before it was made.",
        ));
    }
    let plain = with.open(INFO, b"kek", &copy.kek)?;
    let key = key_of(plain.expose().clone())
        .ok_or_else(|| Error::invalid("The copy of the keys is damaged; take another copy."))?;
    Files::restore(dir, kek, key, &copy.keys)?;
    set_recovery(dir, &Recovery { key: public, needed: copy.needed, of: copy.of })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keys;

    #[test]
    fn a_copy_opens_with_the_recovery_key_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        let keys = Keys::generate(OpenKey::generate().public().unwrap());
        let files = Files::create(&old, &Kek::File, &keys).unwrap();
        assert_eq!(recovery_of(&old).unwrap(), None);
        let paper = OpenKey::generate();
        let recovery = Recovery { key: paper.public().unwrap(), needed: 2, of: 3 };
        set_recovery(&old, &recovery).unwrap();
        assert_eq!(recovery_of(&old).unwrap(), Some(recovery.clone()));
        let (kept, kek) = files.as_kept().unwrap();
        let copy = Rescue::of(recovery.clone(), kept, kek).unwrap();
        let e = rescue(&new, &Kek::File, &OpenKey::generate(), &copy).unwrap_err();
        assert!(e.message().contains("another recovery key"), "{e}");
        assert!(!new.exists(), "nothing was made");
        rescue(&new, &Kek::File, &paper, &copy).unwrap();
        let (again, read) = Files::open(&new, &Kek::File).unwrap();
        assert_eq!(read.write().expose(), keys.write().expose());
        assert_eq!(recovery_of(&new).unwrap(), Some(recovery));
        // The key that was in the copy is not in use any more.
        assert_ne!(again.as_kept().unwrap().1.expose(), kek.expose());
        assert!(rescue(&new, &Kek::File, &paper, &copy).is_err(), "keys are there already");
        // Under a passphrase the new machine keeps them so.
        let under = Kek::Passphrase(base::Secret::new("seven brown horses".into()));
        rescue(&dir.path().join("p"), &under, &paper, &copy).unwrap();
        assert!(Files::open(&dir.path().join("p"), &Kek::File).is_err());
        assert!(Files::open(&dir.path().join("p"), &under).is_ok());
    }

    #[test]
    fn a_damaged_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "recovery-v1 2 3", "recovery-v1 2 3 AAAA", "recovery-v2 2 3 AAAA"] {
            write_secret(&dir.path().join(FILE), text.as_bytes()).unwrap();
            assert!(recovery_of(dir.path()).unwrap_err().message().contains("shares"), "{text}");
        }
    }
}
