//! What has to be proven of a set of rules before it is the city's, and by whom.
//!
//! With a prover here the city proves for itself. Without one it believes an office that the charter in
//! force names among its `provers` and that signed, for exactly this set, that each property is proven
//! which the city would have proven itself, in the same text. The signature is on the log, so that it can
//! be checked again at activation, and by anybody else at any time.

use crate::City;
use base::{Error, Result, hex, sha256};
use identity::{Charter, RuleSet, SignerKey, proofs_message};
use ledger::Leaf;
use policy::{Property, Rules};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// The most properties that signed proofs speak of: a log entry has to hold them beside the set.
const MOST: usize = 100;

/// The way to the program that proves.
pub trait ProofLine: Send + Sync {
    /// Whether it can be gone here: the program and its solver are installed.
    fn installed(&self) -> bool {
        true
    }

    /// Proves or refutes each property of a rule file.
    fn prove(&self, rules: &str, properties: &[Property]) -> Result<Proofs>;
}

/// What `homeplate-prove` found, as far as the city reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Proofs {
    /// SHA-256 of the rule file in hex.
    pub rules: String,
    /// One for each property.
    pub verdicts: Vec<Proof>,
    /// Rules that can never make a difference.
    pub dead: Vec<String>,
}

/// What became of one property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Proof {
    /// Its name.
    pub property: String,
    /// What it says.
    pub says: String,
    /// A request that gets through, where it does not hold.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub against: Option<serde_json::Value>,
    /// How long the proof took, in milliseconds.
    #[serde(default)]
    pub ms: u64,
}

/// A property that is proven: its name, and the SHA-256 of its text in hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProvenText {
    /// Its name.
    pub property: String,
    /// SHA-256 of its text in hex.
    pub sha256: String,
}

/// Proofs of a set that somebody else made and signed: what `homeplate policy prove --sign` writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedProofs {
    /// The hash of the set.
    pub set: String,
    /// What was proven of it.
    pub properties: Vec<ProvenText>,
    /// The prover's key, spelled.
    pub key: String,
    /// What it signed, spelled.
    pub signature: String,
}

impl SignedProofs {
    /// The bytes to sign for a set of which these properties are proven.
    pub fn message(set: &str, properties: &[ProvenText]) -> Vec<u8> {
        let all = properties.iter().map(|p| (p.property.as_str(), p.sha256.as_str()));
        proofs_message(set, all)
    }

    /// Whether a prover of this charter signed that of this set each of these properties is proven.
    pub fn check(&self, set: &RuleSet, needed: &[Property], charter: &Charter) -> Result<()> {
        let key: SignerKey = self.key.parse()?;
        if !charter.provers.contains(&key) {
            return Err(Error::forbidden(
                "The proofs are signed by nobody whom the charter in force names among its provers.",
            ));
        }
        if self.set != set.hash()? {
            return Err(Error::invalid(
                "The proofs are of another set; prove exactly these rules, properties and charter.",
            ));
        }
        let plain = |p: &ProvenText| is_property_name(&p.property) && is_sha256(&p.sha256);
        if self.properties.len() > MOST || !self.properties.iter().all(plain) {
            return Err(Error::invalid(format!(
                "Proofs name at most {MOST} properties, each with the SHA-256 of its text."
            )));
        }
        for property in needed {
            let mut found = self.properties.iter().filter(|p| p.property == property.id).peekable();
            if found.peek().is_none() {
                return Err(Error::invalid(format!(
                    "The proofs leave out {}; prove it too.",
                    property.id
                )));
            }
            let hash = hash(&property.text);
            if !found.any(|p| p.sha256 == hash) {
                return Err(Error::invalid(format!(
                    "The proofs are of another text of {}; prove the one that the city has.",
                    property.id
                )));
            }
        }
        key.verify(&Self::message(&self.set, &self.properties), &self.signature.parse()?)
            .map_err(|e| Error::unauthenticated("The prover's signature does not hold.").because(e))
    }

    /// As a proposal's entry on the log has them.
    pub(crate) fn of_leaf(leaf: &Leaf) -> Option<Self> {
        let names = leaf.text("proven")?.split_whitespace();
        let mut hashes = leaf.text("proven_texts")?.split_whitespace();
        let one = |name: &str| ProvenText {
            property: name.to_owned(),
            // Without one the signature does not hold.
            sha256: hashes.next().unwrap_or_default().to_owned(),
        };
        Some(Self {
            set: leaf.text("set")?.to_owned(),
            properties: names.map(one).collect(),
            key: leaf.text("prover")?.to_owned(),
            signature: leaf.text("proofs")?.to_owned(),
        })
    }

    /// Puts them on a proposal's entry, beside the names of the properties.
    pub(crate) fn on_leaf(&self, leaf: Leaf) -> Leaf {
        let hashes: Vec<&str> = self.properties.iter().map(|p| p.sha256.as_str()).collect();
        leaf.fact("proven_texts", hashes.join(" "))
            .fact("prover", self.key.clone())
            .fact("proofs", self.signature.clone())
    }
}

/// These properties by name and text.
pub fn proven_texts(properties: &[Property]) -> Vec<ProvenText> {
    let one = |p: &Property| ProvenText { property: p.id.clone(), sha256: hash(&p.text) };
    properties.iter().map(one).collect()
}

fn hash(text: &str) -> String {
    hex(&sha256(text.as_bytes()))
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Whether a property may be called this.
pub fn is_property_name(name: &str) -> bool {
    (1..=60).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether a property of this name is not a city's to write: it is shipped, or some law's.
pub(crate) fn is_taken(name: &str) -> bool {
    let laws = policy::Preset::all().iter().flat_map(|preset| preset.ceilings());
    Property::shipped().into_iter().chain(laws).any(|property| property.id == name)
}

/// A city's own properties, as they count when they are proven.
pub(crate) fn own(properties: &BTreeMap<String, String>) -> Vec<Property> {
    properties.iter().map(|(id, text)| Property::new(id, text)).collect()
}

/// All that has to hold of a set: what must hold everywhere, what the law of the city's state excludes, as
/// far as a preset says it, and the city's own.
pub fn properties_of(set: &RuleSet, preset: Option<&str>) -> Vec<Property> {
    let preset = preset.and_then(crate::preset::find);
    let mut properties = Property::shipped();
    properties.extend(preset.map(|preset| preset.law.ceilings()).unwrap_or_default());
    properties.extend(own(&set.properties));
    properties
}

/// Proves a set; one that does not hold is refused with a request that would get through.
pub fn prove(line: &dyn ProofLine, set: &RuleSet, properties: &[Property]) -> Result<()> {
    let proofs = line.prove(&set.rules, properties)?;
    let judged = proofs.verdicts.iter().map(|verdict| verdict.property.as_str());
    let same = proofs.rules == Rules::adopted(&set.rules)?.hash()
        && judged.eq(properties.iter().map(|property| property.id.as_str()));
    if !same {
        return Err(Error::unavailable("The proof is of other rules; install the programs anew."));
    }
    if let Some(rule) = proofs.dead.first() {
        return Err(Error::refused(format!(
            "Rule {rule} can never make a difference; mend it or take it out."
        )));
    }
    if let Some(refuted) = proofs.verdicts.iter().find(|v| v.against.is_some()) {
        let example = refuted.against.as_ref().map(in_words).unwrap_or_default();
        return Err(Error::refused(format!(
            "Not proven: {} This would get through: {example}",
            refuted.says
        )));
    }
    Ok(())
}

impl City {
    /// Says how rules are proven; the first way holds.
    pub fn reach_prover(&self, line: Arc<dyn ProofLine>) {
        let _ = self.prover.set(line);
    }

    /// The names of the properties that are proven of a set: by the prover here where one is installed, and
    /// otherwise by one that this charter names. What was brought along has to hold in any case: it
    /// goes on the log.
    pub(crate) fn proven(
        &self,
        set: &RuleSet,
        charter: &Charter,
        brought: Option<&SignedProofs>,
    ) -> Result<Vec<String>> {
        let properties = properties_of(set, self.config.city.preset.as_deref());
        if let Some(proofs) = brought {
            proofs.check(set, &properties, charter)?;
        }
        match self.prover.get().filter(|line| line.installed()) {
            Some(line) => prove(line.as_ref(), set, &properties)?,
            None if brought.is_some() => {}
            None => {
                return Err(Error::unavailable(
                    "Nothing here proves rules; install homeplate-prove and cvc5, or bring proofs that a \
                     prover of the charter signed.",
                ));
            }
        }
        // In the order of what was signed, where something was.
        Ok(match brought {
            Some(proofs) => proofs.properties.iter().map(|p| p.property.clone()).collect(),
            None => properties.into_iter().map(|p| p.id).collect(),
        })
    }
}

/// A request that gets through, as `homeplate-prove` found it, in a sentence.
fn in_words(against: &serde_json::Value) -> String {
    let words = |name: &str| {
        let list = against[name].as_array().into_iter().flatten();
        list.filter_map(|word| word.as_str()).collect::<Vec<_>>().join(", ")
    };
    let facts = against["facts"].as_object().into_iter().flatten();
    let facts: Vec<String> =
        facts.map(|(name, value)| format!("{name} {}", value.as_str().unwrap_or("?"))).collect();
    let Some(action) = against["action"].as_str().filter(|_| !facts.is_empty()) else {
        // Of another version of the program: then as it comes.
        return against.to_string();
    };
    let roles = Some(words("roles")).filter(|roles| !roles.is_empty());
    let from = against["from"].as_str().map(|from| format!(", from {from} on"));
    format!(
        "{action} as {} with {}{}; allowed by {}.",
        roles.as_deref().unwrap_or("somebody without a role"),
        facts.join(", "),
        from.unwrap_or_default(),
        words("allowed_by")
    )
}
