//! The charter: which offices sign together, with which keys, and how many of them it takes.

use crate::{Signature, SignerKey};
use base::{Error, Result, hex, sha256};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The most offices, and the most keys of one.
const MOST: usize = 64;

/// Who signs for the city.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charter {
    /// How many different offices must sign.
    pub needed: u32,
    /// Whose signed proofs count in place of the city's own prover; none in most cities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provers: Vec<SignerKey>,
    /// The offices.
    pub offices: Vec<Office>,
}

/// An office: whoever holds one of its keys signs for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Office {
    /// As the public log names it, for instance `city clerk`.
    pub name: String,
    /// Its keys.
    pub keys: Vec<SignerKey>,
}

impl Charter {
    /// Reads a charter and checks it.
    pub fn parse(text: &str) -> Result<Self> {
        let charter: Self = toml::from_str(text).map_err(|e| {
            Error::invalid(
                "The charter cannot be read: needed = N, and [[offices]] with name and keys.",
            )
            .because(e.to_string())
        })?;
        charter.check()?;
        Ok(charter)
    }

    /// Whether it can be signed under: as many offices as it takes, each once, no key twice.
    pub fn check(&self) -> Result<()> {
        if self.offices.len() > MOST || self.offices.iter().any(|o| o.keys.len() > MOST) {
            return Err(Error::invalid(format!(
                "A charter has at most {MOST} offices with {MOST} keys each."
            )));
        }
        let provers: BTreeSet<&SignerKey> = self.provers.iter().collect();
        if self.provers.len() > MOST || provers.len() != self.provers.len() {
            return Err(Error::invalid(format!(
                "A charter names at most {MOST} provers, each once."
            )));
        }
        if self.needed == 0 || self.needed as usize > self.offices.len() {
            return Err(Error::invalid(format!(
                "The charter has {} offices; needed is a number from 1 to that.",
                self.offices.len()
            )));
        }
        let mut names = BTreeSet::new();
        let mut keys = BTreeSet::new();
        for office in &self.offices {
            if !is_name(&office.name) {
                return Err(Error::invalid(
                    "An office has a name of 1 to 60 letters, digits, spaces and dashes.",
                ));
            }
            if !names.insert(office.name.to_lowercase()) {
                return Err(Error::invalid(format!(
                    "Two offices are called {}; one office signs once.",
                    office.name
                )));
            }
            if office.keys.is_empty() {
                return Err(Error::invalid(format!(
                    "The office {} has no key; give it one or leave it out.",
                    office.name
                )));
            }
            if office.keys.iter().any(|key| !keys.insert(key)) {
                return Err(Error::invalid(format!(
                    "A key of {} stands in the charter twice; nobody signs for two.",
                    office.name
                )));
            }
        }
        Ok(())
    }

    /// The one spelling of the charter: provers by text, offices by name, their keys by text. Without
    /// provers it is the spelling of before there were any.
    pub fn canonical(&self) -> String {
        let spelled = |keys: &[SignerKey]| {
            let mut keys: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
            keys.sort();
            keys.join(", ")
        };
        let mut offices: Vec<&Office> = self.offices.iter().collect();
        offices.sort_by(|a, b| a.name.cmp(&b.name));
        let mut out = format!("needed = {}\n", self.needed);
        if !self.provers.is_empty() {
            let _ = writeln!(out, "provers = [{}]", spelled(&self.provers));
        }
        for office in offices {
            let _ = write!(
                out,
                "\n[[offices]]\nname = \"{}\"\nkeys = [{}]\n",
                office.name,
                spelled(&office.keys)
            );
        }
        out
    }

    /// SHA-256 of that spelling, in hex.
    pub fn hash(&self) -> String {
        hex(&sha256(self.canonical().as_bytes()))
    }

    /// The office that a key signs for.
    pub fn office_of(&self, key: &SignerKey) -> Option<&str> {
        let office = self.offices.iter().find(|office| office.keys.contains(key))?;
        Some(&office.name)
    }

    /// The different offices that signed this message, if they are enough. Signatures that do not hold, or
    /// are by others, count for nothing.
    pub fn quorum(
        &self,
        message: &[u8],
        signatures: &[(SignerKey, Signature)],
    ) -> Result<Vec<String>> {
        self.check()?;
        let signed: BTreeSet<&str> = signatures
            .iter()
            .filter(|(key, signature)| key.verify(message, signature).is_ok())
            .filter_map(|(key, _)| self.office_of(key))
            .collect();
        let needed = self.needed as usize;
        if signed.len() < needed {
            return Err(Error::conflict(format!(
                "{} of {needed} offices have signed; {} more must.",
                signed.len(),
                needed - signed.len()
            )));
        }
        Ok(signed.into_iter().map(String::from).collect())
    }
}

fn is_name(text: &str) -> bool {
    (1..=60).contains(&text.chars().count())
        && text.trim() == text
        && text.chars().all(|c| c.is_alphanumeric() || c == ' ' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SigningKey;
    use proptest::prelude::*;

    fn key(n: u8) -> SigningKey {
        SigningKey::from_seed([n; 32])
    }

    /// As many offices, with two keys each: 2n and 2n + 1.
    fn charter(needed: u32, offices: u8) -> Charter {
        let office = |n: u8| Office {
            name: format!("office {n}"),
            keys: [2 * n, 2 * n + 1].map(|n| key(n).public().into()).to_vec(),
        };
        Charter { needed, provers: Vec::new(), offices: (0..offices).map(office).collect() }
    }

    fn signed(by: &[u8], message: &[u8]) -> Vec<(SignerKey, Signature)> {
        by.iter()
            .map(|n| (key(*n).public().into(), Signature::Ed25519(key(*n).sign(message))))
            .collect()
    }

    #[test]
    fn one_spelling() {
        let one = charter(2, 3);
        let mut other = one.clone();
        other.offices.reverse();
        other.offices[0].keys.reverse();
        assert_eq!(one.canonical(), other.canonical());
        let back = Charter::parse(&one.canonical()).unwrap();
        assert_eq!((back.hash(), back.canonical()), (one.hash(), one.canonical()));
        // A charter without provers keeps the name that it had before there were any.
        assert!(!one.canonical().contains("provers"));
        let keys = [21, 20].map(|n| SignerKey::from(key(n).public()));
        let (mut first, mut second) = (one.clone(), one.clone());
        first.provers = keys.to_vec();
        second.provers = keys.iter().rev().cloned().collect();
        assert_eq!(first.canonical(), second.canonical());
        assert_ne!(first.hash(), one.hash());
        let back = Charter::parse(&first.canonical()).unwrap();
        assert_eq!((back.provers.len(), back.canonical()), (2, first.canonical()));
    }

    #[test]
    fn what_cannot_be_signed_under_is_refused() {
        let check = |change: &dyn Fn(&mut Charter), words: &str| {
            let mut charter = charter(2, 3);
            change(&mut charter);
            let e = charter.check().unwrap_err();
            assert!(e.message().contains(words), "{e}");
            assert!(charter.quorum(b"m", &signed(&[0, 2, 4], b"m")).is_err());
        };
        check(&|c| c.needed = 0, "from 1 to that");
        check(&|c| c.needed = 4, "from 1 to that");
        check(&|c| c.offices[1].name = "Office 0".into(), "called Office 0");
        check(&|c| c.offices[1].name = "a\"b".into(), "letters");
        check(&|c| c.offices[1].keys.clear(), "no key");
        check(&|c| c.provers = vec![key(9).public().into(); 2], "each once");
        check(&|c| c.offices[1].keys[0] = c.offices[0].keys[0].clone(), "twice");
        assert!(Charter::parse("needed = 1\nmore = 2\noffices = []").is_err());
    }

    #[test]
    fn enough_offices() {
        let charter = charter(2, 3);
        let check = |by: &[u8], want: Result<Vec<&str>, &str>| match (
            charter.quorum(b"m", &signed(by, b"m")),
            want,
        ) {
            (Ok(got), Ok(want)) => assert_eq!(got, want),
            (Err(e), Err(words)) => assert!(e.message().contains(words), "{e}"),
            (got, _) => panic!("{by:?}: {got:?}"),
        };
        check(&[0, 2], Ok(vec!["office 0", "office 1"]));
        check(&[5, 3, 0], Ok(vec!["office 0", "office 1", "office 2"]));
        check(&[], Err("0 of 2 offices have signed; 2 more must"));
        check(&[0, 1], Err("1 of 2 offices have signed; 1 more must"));
        check(&[0, 0, 99], Err("1 of 2"));
    }

    proptest! {
        #[test]
        fn one_office_counts_once(by in prop::collection::vec(0u8..12, 0..20), needed in 1u32..6) {
            let charter = charter(needed, 5);
            let offices: BTreeSet<u8> = by.iter().filter(|n| **n < 10).map(|n| n / 2).collect();
            let got = charter.quorum(b"m", &signed(&by, b"m"));
            prop_assert_eq!(got.is_ok(), offices.len() >= needed as usize);
            if let Ok(names) = got {
                prop_assert_eq!(names.len(), offices.len());
            }
        }

        #[test]
        fn a_changed_message_never_passes(message in prop::collection::vec(any::<u8>(), 1..40), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let signatures = signed(&[0, 2, 4, 6, 8], &message);
            let charter = charter(1, 5);
            prop_assert!(charter.quorum(&message, &signatures).is_ok());
            let mut other = message.clone();
            other[at.index(message.len())] ^= 1 << bit;
            prop_assert!(charter.quorum(&other, &signatures).is_err());
        }
    }
}
