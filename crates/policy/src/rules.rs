//! The rule file: Cedar policies with annotations, read strictly.

use crate::engine::Engine;
use crate::text::passages;
use base::{Error, Result, Time, sha256};
use cedar_policy::{Effect, Policy};
use std::collections::{BTreeSet, HashSet};
use std::fmt;

/// Annotations that mean something. Others are refused: a misspelt bound would be no bound.
const ANNOTATIONS: [&str; 7] =
    ["id", "because", "max_hours", "max_cameras", "ordinance", "effective", "expires"];

/// One rule of the city.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(crate) place: usize,
    /// Its name.
    pub id: String,
    /// Whether it allows something; otherwise it forbids.
    pub permits: bool,
    /// The plain sentence above it; empty if there is none.
    pub says: String,
    /// What a refused person reads; empty for a rule that allows.
    pub because: String,
    /// How many hours a question may reach back.
    pub max_hours: Option<u32>,
    /// How many cameras a question may reach.
    pub max_cameras: Option<u32>,
    /// The section of the ordinance that it carries out; empty where none is given.
    pub ordinance: String,
    /// From when on it holds; always where it is `None`.
    pub effective: Option<Time>,
    /// From when on it holds no longer.
    pub expires: Option<Time>,
    /// The rule as it stands in the file.
    pub text: String,
}

impl Rule {
    /// Whether it holds at a moment.
    pub fn in_force(&self, at: Time) -> bool {
        self.effective.is_none_or(|from| from <= at) && self.expires.is_none_or(|end| at < end)
    }
}

/// The city's rules, validated and ready to decide.
pub struct Rules {
    pub(crate) engine: Engine,
    pub(crate) list: Vec<Rule>,
    roles: HashSet<String>,
    hash: String,
    text: String,
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
        let (mut engine, policies) = Engine::read(cedar)?;
        let mut ids = HashSet::new();
        let mut list = Vec::with_capacity(policies.len());
        let mut passages = passages(cedar).into_iter();
        for (place, policy) in policies.iter().enumerate() {
            let mut rule = rule(place, policy)?;
            if let Some(passage) = passages.next() {
                (rule.says, rule.text) = (passage.says, passage.text);
            }
            if !ids.insert(rule.id.clone()) {
                return Err(Error::invalid(format!(
                    "Two rules are called {}; give each an @id of its own.",
                    rule.id
                )));
            }
            list.push(rule);
        }
        let changes = changes(&list);
        if !changes.is_empty() {
            engine.divide(&policies, &changes, |place, at| list[place].in_force(at))?;
        }
        let hash = base::hex(&sha256(cedar.as_bytes()));
        Ok(Rules { roles: engine.roles(&policies), engine, list, hash, text: cedar.to_owned() })
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

    /// The rules, in file order.
    pub fn list(&self) -> &[Rule] {
        &self.list
    }

    /// The rule file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The roles that the rules speak of, sorted.
    pub fn roles(&self) -> BTreeSet<&str> {
        self.roles.iter().map(String::as_str).collect()
    }

    /// What holds from when on, as rule files of their own, the earliest first; the first has no beginning.
    /// Without dated rules that is the whole file, once.
    pub fn stages(&self) -> Vec<(Option<Time>, String)> {
        let mut stages = vec![None];
        stages.extend(changes(&self.list).into_iter().map(Some));
        let text = |from: Option<Time>| {
            let at = from.unwrap_or(Time::from_millis(i64::MIN));
            let held = self.list.iter().filter(|rule| rule.in_force(at));
            held.map(|rule| rule.text.as_str()).collect::<Vec<_>>().join("\n\n")
        };
        stages.into_iter().map(|from| (from, text(from))).collect()
    }

    /// The ids of the rules, in file order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|rule| rule.id.as_str())
    }
}

/// The moments at which a rule begins or ends, each once, in their order.
fn changes(list: &[Rule]) -> Vec<Time> {
    let all: BTreeSet<Time> =
        list.iter().flat_map(|r| [r.effective, r.expires]).flatten().collect();
    all.into_iter().collect()
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
    let effective = date(policy, &id, "effective")?;
    let expires = date(policy, &id, "expires")?;
    if effective.zip(expires).is_some_and(|(from, until)| from >= until) {
        return Err(Error::invalid(format!("Rule {id} expires before it is effective.")));
    }
    Ok(Rule {
        place,
        id,
        permits: !forbids,
        says: String::new(),
        because,
        max_hours,
        max_cameras,
        ordinance: policy.annotation("ordinance").unwrap_or_default().trim().to_owned(),
        effective,
        expires,
        text: String::new(),
    })
}

/// A day, by its first moment in UTC.
fn date(policy: &Policy, id: &str, key: &str) -> Result<Option<Time>> {
    let Some(text) = policy.annotation(key) else { return Ok(None) };
    let plain = text.len() == 10;
    let time = format!("{text}T00:00:00Z").parse::<Time>().ok().filter(|_| plain);
    time.map(Some).ok_or_else(|| {
        Error::invalid(format!("Rule {id}: @{key} is a day, for instance @{key}(\"2027-01-01\")."))
    })
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
