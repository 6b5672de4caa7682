//! How a city's rules came to be, followed from the public log alone, by anybody.
//!
//! Each change must replace the set that was in force, be what was proposed, and be signed by enough
//! offices of the charter that it replaces; proofs that it brings along must be signed by a prover of that
//! charter. What a log says without that is an error and not a history.

use crate::SignedProofs;
use crate::proofs::own;
use base::{Error, Result, Time};
use identity::{Adoption, Charter, RuleSet};
use ledger::Leaf;
use serde::Serialize;
use std::collections::BTreeMap;

/// A set that became active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The number of its activation on the log.
    pub log_entry: u64,
    /// When.
    pub at: Time,
    /// The hash of the rule file.
    pub rules: String,
    /// The hash of the whole set; absent in a city without a charter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// The offices that signed it; none for the set that the city began with.
    pub offices: Vec<String>,
    /// The key of the prover whose signed proofs it was adopted with, where the log has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proved_by: Option<String>,
}

/// Follows the log leaf by leaf.
#[derive(Default)]
pub struct RuleHistory {
    origin: String,
    in_force: Option<(String, Charter)>,
    proposed: BTreeMap<String, Proposed>,
    changes: Vec<Change>,
}

/// A set that is proposed, and the proofs that came with it.
struct Proposed {
    adoption: Adoption,
    proofs: Option<SignedProofs>,
}

impl RuleHistory {
    /// Nothing seen yet of the log of this origin.
    pub fn new(origin: &str) -> Self {
        Self { origin: origin.to_owned(), ..Self::default() }
    }

    /// Takes the next leaf, by its number on the log; those that are not about rules may be left out.
    pub fn add(&mut self, index: u64, leaf: &Leaf) -> Result<()> {
        let text = |key: &str| leaf.text(key).unwrap_or_default().to_owned();
        match leaf.kind.as_str() {
            "policy.proposed" => {
                let set = RuleSet::parse(&text("text"))?;
                if set.hash()? != text("set") {
                    return Err(broken(index, "its text is not the set that it names"));
                }
                let adoption =
                    Adoption { base: text("base"), set: text("text"), signatures: vec![] };
                let proposed = Proposed { adoption, proofs: SignedProofs::of_leaf(leaf) };
                self.proposed.insert(leaf.id.clone().unwrap_or_default(), proposed);
            }
            "policy.signed" => {
                if let Some(proposed) = self.proposed.get_mut(&text("proposal")) {
                    proposed.adoption.signatures.push((text("key"), text("signature")));
                }
            }
            "policy.activated" => {
                let change = self.activated(index, leaf)?;
                self.changes.push(change);
            }
            _ => {}
        }
        Ok(())
    }

    fn activated(&mut self, index: u64, leaf: &Leaf) -> Result<Change> {
        let rules = leaf.text("hash").unwrap_or_default().to_owned();
        let change = |set: Option<String>, offices| Change {
            log_entry: index,
            at: leaf.time,
            rules: rules.clone(),
            set,
            offices,
            proved_by: None,
        };
        let hashed = |text: &str| base::hex(&base::sha256(text.as_bytes()));
        let (Some((base, charter)), Some(proposal)) = (&self.in_force, leaf.text("proposal"))
        else {
            // The set that a city, or the successor of a lost log, begins with.
            if self.in_force.is_some() {
                return Err(broken(index, "nobody has proposed it"));
            }
            let Some(text) = leaf.text("text") else { return Ok(change(None, Vec::new())) };
            let set = RuleSet::parse(text)?;
            if hashed(&set.rules) != rules || leaf.text("set") != Some(set.hash()?.as_str()) {
                return Err(broken(index, "its text is not the set that it names"));
            }
            self.in_force = Some((set.hash()?, set.charter()?));
            return Ok(change(Some(set.hash()?), Vec::new()));
        };
        let Proposed { adoption, proofs } =
            self.proposed.get(proposal).ok_or_else(|| broken(index, "nobody has proposed it"))?;
        if adoption.base != *base {
            return Err(broken(index, "it replaces another set than the one in force"));
        }
        let (set, offices) = adoption
            .verify(&self.origin, charter)
            .map_err(|e| broken(index, "too few offices have signed it").because(e))?;
        let hash = set.hash()?;
        if leaf.text("set") != Some(hash.as_str()) || hashed(&set.rules) != rules {
            return Err(broken(index, "it is not the set that was proposed"));
        }
        if let Some(proofs) = proofs {
            // What is shipped with the programs changes with them; the city's own stands in the set.
            proofs
                .check(&set, &own(&set.properties), charter)
                .map_err(|e| broken(index, "its proofs do not hold").because(e))?;
        }
        let proved_by = proofs.as_ref().map(|proofs| proofs.key.clone());
        self.in_force = Some((hash.clone(), set.charter()?));
        Ok(Change { proved_by, ..change(Some(hash), offices) })
    }

    /// Every change, the first one first.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }
}

fn broken(index: u64, why: &str) -> Error {
    Error::invalid(format!("Entry {index} makes a set of rules active, but {why}; ask the city."))
}
