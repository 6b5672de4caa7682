//! The rule file: Cedar policies with annotations, read strictly.

use crate::engine::Engine;
use crate::text::{Passage, passages, plain};
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
    /// How many hours one question may cover; they may lie anywhere within the retention.
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
    /// one that forbids says `@because`. Nothing in the file is hidden, and each rule's text, which is what people
    /// read and what is proven, is the policy that is enforced.
    pub fn parse(cedar: &str) -> Result<Rules> {
        plain("the rule file", cedar)?;
        Self::adopted(cedar)
    }

    /// Reads a rule file that was adopted already: it may have been when hidden characters in comments were not refused
    /// yet. That each rule's text is the policy that is enforced holds all the same.
    pub fn adopted(cedar: &str) -> Result<Rules> {
        let (mut engine, policies) = Engine::read(cedar)?;
        let mut ids = HashSet::new();
        let mut list = Vec::with_capacity(policies.len());
        let passages = cut(cedar, &policies)?;
        for (place, (policy, passage)) in policies.iter().zip(passages).enumerate() {
            let Passage { says, text } = passage;
            let rule = Rule { says, text, ..rule(place, policy)? };
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

/// The rules as they stand in the file, one for each policy. This crate cuts by its own reading of strings and
/// comments; each piece is given to Cedar once more, so that nobody is shown, and nothing is proven of, another rule
/// than the one that is enforced.
fn cut(cedar: &str, policies: &[Policy]) -> Result<Vec<Passage>> {
    let cut = passages(cedar);
    let same = |(policy, passage): (&Policy, &Passage)| {
        let read = Policy::parse(Some(policy.id().clone()), &passage.text);
        read.is_ok_and(|read| read == *policy)
    };
    let alike = policies.iter().zip(&cut).take_while(|pair| same(*pair)).count();
    if alike == policies.len() && alike == cut.len() {
        return Ok(cut);
    }
    Err(Error::invalid(format!(
        "Rule number {} cannot be shown as it would be enforced; write it plainly, its comments on lines of \
         their own, and try again.",
        alike + 1
    )))
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

#[cfg(test)]
mod tests {
    use super::*;
    use cedar_policy::PolicySet;

    fn read(text: &str) -> Vec<Policy> {
        let set: PolicySet = text.parse().unwrap();
        set.policies().cloned().collect()
    }

    /// Cedar reads one rule that lets everybody ask; whoever takes a comment to end with its line reads one that
    /// forbids. Not even a cutter that is wrong about this shows the other one.
    #[test]
    fn what_is_shown_is_what_is_enforced() {
        let evil = "// For a life in danger.\r@id(\"like\") permit (principal, action, resource) when {\"\n\n\
                    // Nobody may ask about more than a year at once.\n@id(\"like\")\n\
                    forbid (principal, action, resource) when { context.hours > 8784 };\n\
                    // ---- The end ----\" || true };\n";
        let policies = read(evil);
        assert_eq!((policies.len(), passages(evil).len()), (1, 1));
        let refused = |e: Error, why: &str| assert!(e.message().contains(why), "{e}");
        refused(cut(evil, &policies).unwrap_err(), "Rule number 1 cannot be shown");
        refused(Rules::parse(evil).unwrap_err(), "Line 1 of the rule file");
        let one = "permit (principal, action, resource);";
        assert!(cut(one, &read(one)).is_ok());
        refused(cut(&one.repeat(2), &read(one)).unwrap_err(), "Rule number 2");
        refused(cut("", &read(one)).unwrap_err(), "Rule number 1");
    }
}
