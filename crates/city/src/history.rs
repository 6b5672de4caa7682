//! How a city's rules came to be, followed from the public log alone, by anybody.
//!
//! Each change must replace the set that was in force, be what was proposed, and be signed by enough
//! offices of the charter that it replaces; proofs that it brings along must be signed by a prover of that
//! charter. What a log says without that is an error and not a history.
//!
//! A signature names the activation that it replaces, so it is good once. What was signed before version 2 names
//! none: it counts as long as it has served no earlier activation, and as nobody has signed the newer way.

use crate::SignedProofs;
use crate::proofs::own;
use base::{Error, Result, Time};
use identity::{Adoption, Charter, RuleSet};
use ledger::Leaf;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

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
    /// The offices that signed it; none for the set that the log begins with.
    pub offices: Vec<String>,
    /// Whether it is what a successor log went on with: whether offices signed it that log does not say.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unsigned: bool,
    /// The key of the prover whose signed proofs it was adopted with, where the log has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proved_by: Option<String>,
}

/// Follows the log leaf by leaf.
#[derive(Default)]
pub struct RuleHistory {
    origin: String,
    /// The number of its activation, its hash, its charter.
    in_force: Option<(u64, String, Charter)>,
    proposed: BTreeMap<String, Proposed>,
    /// Whether somebody has signed with the entry that is replaced.
    newer: bool,
    /// Signatures without it that made a set active.
    served: BTreeSet<(String, String)>,
    changes: Vec<Change>,
    differed: Vec<(u64, Time)>,
}

/// A set that is proposed, and the proofs that came with it.
struct Proposed {
    adoption: Adoption,
    /// Signatures of before version 2: keys and what they signed, spelled.
    older: Vec<(String, String)>,
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
                let adoption = Adoption {
                    since: 0,
                    base: text("base"),
                    set: text("text"),
                    signatures: vec![],
                };
                let proofs = SignedProofs::of_leaf(leaf);
                let proposed = Proposed { adoption, older: vec![], proofs };
                self.proposed.insert(leaf.id.clone().unwrap_or_default(), proposed);
            }
            "policy.signed" => {
                let newer = leaf.number("since").is_some();
                self.newer |= newer;
                if let Some(proposed) = self.proposed.get_mut(&text("proposal")) {
                    let signature = (text("key"), text("signature"));
                    match newer {
                        true => proposed.adoption.signatures.push(signature),
                        false if self.newer => {}
                        false => proposed.older.push(signature),
                    }
                }
            }
            "policy.activated" => {
                let change = self.activated(index, leaf)?;
                self.changes.push(change);
            }
            "policy.checked" if leaf.facts.get("same").and_then(|s| s.as_bool()) == Some(false) => {
                self.differed.push((index, leaf.time));
            }
            _ => {}
        }
        Ok(())
    }

    /// Where the city said that what it goes by was not what had been adopted: the entry, and when.
    pub fn differed(&self) -> &[(u64, Time)] {
        &self.differed
    }

    fn activated(&mut self, index: u64, leaf: &Leaf) -> Result<Change> {
        let rules = leaf.text("hash").unwrap_or_default().to_owned();
        let change = |set: Option<String>, offices| Change {
            log_entry: index,
            at: leaf.time,
            rules: rules.clone(),
            set,
            offices,
            unsigned: leaf.facts.contains_key("unsigned"),
            proved_by: None,
        };
        let hashed = |text: &str| base::hex(&base::sha256(text.as_bytes()));
        let (Some((since, base, charter)), Some(proposal)) =
            (&self.in_force, leaf.text("proposal"))
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
            self.in_force = Some((index, set.hash()?, set.charter()?));
            return Ok(change(Some(set.hash()?), Vec::new()));
        };
        let Proposed { adoption, older, proofs } =
            self.proposed.get(proposal).ok_or_else(|| broken(index, "nobody has proposed it"))?;
        if adoption.base != *base {
            return Err(broken(index, "it replaces another set than the one in force"));
        }
        let signed = match older.is_empty() {
            true => Adoption { since: *since, ..adoption.clone() }.verify(&self.origin, charter),
            false => {
                let fresh = older.iter().filter(|signature| !self.served.contains(*signature));
                let signatures = fresh.cloned().collect();
                Adoption { signatures, ..adoption.clone() }.verify_older(&self.origin, charter)
            }
        };
        let (set, offices) =
            signed.map_err(|e| broken(index, "too few offices have signed it").because(e))?;
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
        self.served.extend(older.iter().cloned());
        self.in_force = Some((index, hash.clone(), set.charter()?));
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
