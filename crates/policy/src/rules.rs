//! The rule file: Cedar policies with annotations, read strictly.

use crate::engine::Engine;
use base::{Error, Result, sha256};
use cedar_policy::{Effect, Policy};
use std::collections::HashSet;
use std::fmt;

/// Annotations that mean something. Others are refused: a misspelt bound would be no bound.
const ANNOTATIONS: [&str; 5] = ["id", "because", "max_hours", "max_cameras", "ordinance"];

/// One rule of the city.
pub(crate) struct Rule {
    pub(crate) place: usize,
    pub(crate) id: String,
    pub(crate) because: String,
    pub(crate) max_hours: Option<u32>,
    pub(crate) max_cameras: Option<u32>,
}

/// The city's rules, validated and ready to decide.
pub struct Rules {
    pub(crate) engine: Engine,
    pub(crate) list: Vec<Rule>,
    roles: HashSet<String>,
    hash: String,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rules({}, {} rules)", &self.hash[..12], self.list.len())
    }
}

impl Rules {
    /// Reads a rule file. Every policy must hold against the schema and carry an `@id` of its own;
    /// one that forbids says `@because`.
    pub fn parse(cedar: &str) -> Result<Rules> {
        let (engine, policies) = Engine::read(cedar)?;
        let mut ids = HashSet::new();
        let mut list = Vec::with_capacity(policies.len());
        for (place, policy) in policies.iter().enumerate() {
            let rule = rule(place, policy)?;
            if !ids.insert(rule.id.clone()) {
                return Err(Error::invalid(format!(
                    "Two rules are called {}; give each an @id of its own.",
                    rule.id
                )));
            }
            list.push(rule);
        }
        let hash = base::hex(&sha256(cedar.as_bytes()));
        Ok(Rules { roles: engine.roles(&policies), engine, list, hash })
    }

    /// The rules a new city starts with.
    pub fn standard() -> &'static str {
        include_str!("../rules/standard.cedar")
    }

    /// SHA-256 of the rule file in hex, as `sha256sum` prints it: the log names rules by it.
    pub fn hash(&self) -> String {
        self.hash.clone()
    }

    /// Whether any rule speaks of this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.contains(role)
    }

    /// The ids of the rules, in file order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|rule| rule.id.as_str())
    }
}

fn rule(place: usize, policy: &Policy) -> Result<Rule> {
    let id = policy.annotation("id").unwrap_or_default().to_owned();
    let fine = (1..=60).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !fine {
        return Err(Error::invalid(format!(
            "Rule number {} needs an @id of small letters, digits and dashes.",
            place + 1
        )));
    }
    if let Some((other, _)) = policy.annotations().find(|(key, _)| !ANNOTATIONS.contains(key)) {
        return Err(Error::invalid(format!(
            "Rule {id} has an annotation @{other} that means nothing here; known are @{}.",
            ANNOTATIONS.join(", @")
        )));
    }
    let forbids = policy.effect() == Effect::Forbid;
    let because = policy.annotation("because").unwrap_or_default().trim().to_owned();
    if forbids && because.is_empty() {
        return Err(Error::invalid(format!(
            "Rule {id} forbids; say @because(\"…\"), the sentence that a refused person reads."
        )));
    }
    let max_hours = bound(policy, &id, "max_hours")?;
    let max_cameras = bound(policy, &id, "max_cameras")?;
    if forbids && (max_hours.is_some() || max_cameras.is_some()) {
        return Err(Error::invalid(format!(
            "Rule {id} forbids and has a bound; put bounds on rules that permit."
        )));
    }
    Ok(Rule { place, id, because, max_hours, max_cameras })
}

fn bound(policy: &Policy, id: &str, key: &str) -> Result<Option<u32>> {
    let Some(text) = policy.annotation(key) else { return Ok(None) };
    match text.parse::<u32>() {
        Ok(n) if n > 0 && n.to_string() == text => Ok(Some(n)),
        _ => Err(Error::invalid(format!(
            "Rule {id}: @{key} is a whole number from 1 on, for instance @{key}(\"72\")."
        ))),
    }
}
