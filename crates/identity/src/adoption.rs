//! What a city adopts, and what its offices sign for that.
//!
//! A set is rules, properties and charter together, in one spelling. What an office signs names the log, the set
//! that it replaces with the entry by which that is in force, and the new one. A city may go back to a set, but
//! never to an entry: the signature is good for this one change in this one city, once.

use crate::{Charter, Signature, SignerKey};
use base::{Error, Result, hex, sha256};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rules, what must hold of them, and who signs for the next change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    v: u32,
    /// The rule file.
    pub rules: String,
    /// The city's own properties, by name.
    pub properties: BTreeMap<String, String>,
    /// The charter in its one spelling.
    pub charter: String,
}

impl RuleSet {
    /// A set; the charter is checked and brought into its one spelling.
    pub fn new(
        rules: String,
        properties: BTreeMap<String, String>,
        charter: &Charter,
    ) -> Result<Self> {
        charter.check()?;
        Ok(Self { v: 1, rules, properties, charter: charter.canonical() })
    }

    /// Reads what [`RuleSet::canonical`] wrote, and nothing else.
    pub fn parse(text: &str) -> Result<Self> {
        let set = serde_json::from_str::<Self>(text).ok().filter(|set| set.v == 1);
        let set = set.filter(|set| set.canonical().is_ok_and(|own| own == text));
        set.ok_or_else(|| Error::invalid("This is not a set of rules in its one spelling."))
    }

    /// The one spelling: canonical JSON.
    pub fn canonical(&self) -> Result<String> {
        let bytes = base::canonical(self).map_err(unspelled)?;
        String::from_utf8(bytes).map_err(unspelled)
    }

    /// SHA-256 of that, in hex: the name of the set.
    pub fn hash(&self) -> Result<String> {
        Ok(hex(&sha256(self.canonical()?.as_bytes())))
    }

    /// Who signs for what comes after it.
    pub fn charter(&self) -> Result<Charter> {
        Charter::parse(&self.charter)
    }
}

fn unspelled(e: impl std::fmt::Display) -> Error {
    Error::internal("The set of rules cannot be written; see the log.").because(e.to_string())
}

/// The bytes that an office signs: in the city of this log, the set `base`, in force by entry `since` of it (zero
/// where no entry says so), is replaced by `set`; both by their hashes.
pub fn adoption_message(origin: &str, since: u64, base: &str, set: &str) -> Vec<u8> {
    format!("homeplate/adopt/v2\n{origin}\n{since}\n{base}\n{set}\n").into_bytes()
}

/// What offices signed before version 2. It does not name the entry, so it comes back when a city goes back.
fn older_message(origin: &str, base: &str, set: &str) -> Vec<u8> {
    format!("homeplate/adopt/v1\n{origin}\n{base}\n{set}\n").into_bytes()
}

/// The bytes that a prover signs: of the set of this hash each of these properties is proven; a property
/// by its name and the SHA-256 of its text in hex. No name has an end of line in it, so no other list
/// has the same bytes.
pub fn proofs_message<'a>(
    set: &str,
    properties: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<u8> {
    let mut text = format!("homeplate/proofs/v1\n{set}\n");
    for (name, hash) in properties {
        text.extend([name, " ", hash, "\n"]);
    }
    text.into_bytes()
}

/// A set with the signatures that make it the city's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adoption {
    /// The number on the log of the activation of the set that it replaces.
    #[serde(default)]
    pub since: u64,
    /// The hash of the set that it replaces.
    pub base: String,
    /// The set, in its one spelling.
    pub set: String,
    /// Keys and what they signed, spelled.
    pub signatures: Vec<(String, String)>,
}

impl Adoption {
    /// The set, and the offices that signed it, if they are enough under the charter that is replaced.
    pub fn verify(&self, origin: &str, charter: &Charter) -> Result<(RuleSet, Vec<String>)> {
        self.verified(charter, |set| adoption_message(origin, self.since, &self.base, set))
    }

    /// The same for signatures of before version 2. They say nothing of the entry that is replaced: only who sees
    /// the whole log can tell whether one of them has served before, so nobody else may go by them.
    pub fn verify_older(&self, origin: &str, charter: &Charter) -> Result<(RuleSet, Vec<String>)> {
        self.verified(charter, |set| older_message(origin, &self.base, set))
    }

    fn verified(
        &self,
        charter: &Charter,
        message: impl Fn(&str) -> Vec<u8>,
    ) -> Result<(RuleSet, Vec<String>)> {
        let set = RuleSet::parse(&self.set)?;
        let message = message(&set.hash()?);
        // What cannot be read counts for nothing, like what does not hold.
        let signatures: Vec<(SignerKey, Signature)> = self
            .signatures
            .iter()
            .filter_map(|(key, signature)| Some((key.parse().ok()?, signature.parse().ok()?)))
            .collect();
        let offices = charter.quorum(&message, &signatures)?;
        set.charter()?;
        Ok((set, offices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Office;
    use base::SigningKey;

    fn charter(keys: &[&SigningKey], needed: u32) -> Charter {
        let office = |(n, key): (usize, &&SigningKey)| Office {
            name: format!("office {n}"),
            keys: vec![key.public().into()],
        };
        Charter {
            needed,
            provers: Vec::new(),
            offices: keys.iter().enumerate().map(office).collect(),
        }
    }

    #[test]
    fn a_change_is_signed_for_one_city_one_set_and_one_moment() {
        let (a, b) = (SigningKey::from_seed([1; 32]), SigningKey::from_seed([2; 32]));
        let charter = charter(&[&a, &b], 2);
        let set = RuleSet::new("rules".into(), BTreeMap::new(), &charter).unwrap();
        let signed = |key: &SigningKey, message: &[u8]| {
            let signed = Signature::Ed25519(key.sign(message));
            (SignerKey::from(key.public()).to_string(), signed.to_string())
        };
        let hash = set.hash().unwrap();
        let sign = |key: &SigningKey, origin: &str, since: u64, base: &str| {
            signed(key, &adoption_message(origin, since, base, &hash))
        };
        let older = |key: &SigningKey| {
            let message = format!("homeplate/adopt/v1\nhere\nold\n{hash}\n");
            signed(key, message.as_bytes())
        };
        let adoption = |signatures: Vec<(String, String)>| Adoption {
            since: 7,
            base: "old".into(),
            set: set.canonical().unwrap(),
            signatures,
        };
        let check = |signatures: Vec<(String, String)>, good: bool| {
            let adoption = adoption(signatures);
            assert_eq!(adoption.verify("here", &charter).is_ok(), good, "{adoption:?}");
        };
        check(vec![sign(&a, "here", 7, "old"), sign(&b, "here", 7, "old")], true);
        check(vec![sign(&a, "here", 7, "old"), sign(&a, "here", 7, "old")], false);
        check(vec![sign(&a, "here", 7, "old"), sign(&b, "there", 7, "old")], false);
        check(vec![sign(&a, "here", 7, "old"), sign(&b, "here", 7, "older")], false);
        check(vec![sign(&a, "here", 7, "old"), sign(&b, "here", 3, "old")], false);
        check(vec![sign(&a, "here", 7, "old"), ("nonsense".into(), "x".into())], false);
        // What was signed before version 2 is told apart, and never counts together with it.
        check(vec![older(&a), older(&b)], false);
        check(vec![sign(&a, "here", 7, "old"), older(&b)], false);
        let before = |signatures| adoption(signatures).verify_older("here", &charter).is_ok();
        assert!(before(vec![older(&a), older(&b)]));
        assert!(!before(vec![older(&a), sign(&b, "here", 7, "old")]));
        let other = RuleSet::new("other".into(), BTreeMap::new(), &charter).unwrap();
        let swapped = Adoption {
            set: other.canonical().unwrap(),
            ..adoption(vec![sign(&a, "here", 7, "old"), sign(&b, "here", 7, "old")])
        };
        assert!(swapped.verify("here", &charter).is_err());
    }

    /// What an older version left behind in `adopting.json` is read.
    #[test]
    fn an_adoption_without_the_entry_is_read() {
        let text = r#"{"base": "old", "set": "{}", "signatures": []}"#;
        assert_eq!(serde_json::from_str::<Adoption>(text).unwrap().since, 0);
    }

    #[test]
    fn a_set_has_one_spelling() {
        let key = SigningKey::from_seed([1; 32]);
        let set = RuleSet::new("r".into(), BTreeMap::new(), &charter(&[&key], 1)).unwrap();
        let text = set.canonical().unwrap();
        assert_eq!(RuleSet::parse(&text).unwrap(), set);
        for wrong in [text.replace("\"v\":1", "\"v\":2"), format!(" {text}"), "{}".into()] {
            assert!(RuleSet::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
