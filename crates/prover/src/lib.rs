//! Proofs about a city's rules: what they cannot allow, whatever is asked.
//!
//! A property is a ceiling written as rules ([`policy::Property`]); it holds if no request of the schema is
//! allowed by the city's rules and not by the ceiling. The question goes to an SMT solver (cvc5, by
//! cedar-policy-symcc), a process of its own. What it finds against a property is a request, and that is
//! asked of the ordinary evaluator before anybody is told: an example that does not show what it should
//! is an error and not a refutation.
//!
//! Not here: the bounds that Cedar cannot return (`@max_hours`, `@max_cameras`), and who has which role.

use base::{Error, Result, Time};
use cedar_policy::{Authorizer, Decision, Effect, Policy, PolicyId, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::solver::{LocalSolver, Solver};
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, CompiledPolicySet, Env};
use policy::Property;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// What the server makes sure of before it puts a question to the rules: what is not so is never asked, and would make
/// examples that nobody understands. A test of `policy` holds the same of every question that it decides.
const WELL_FORMED: &str = r#"forbid (principal, action == Action::"Search", resource)
unless {
  context.hours >= 1 && context.cameras >= 1 && context.plates >= 1 &&
  (if context.on_behalf then context.recipient != Agency::"own" else context.recipient == Agency::"own") &&
  (if context.authority == Authority::"none" then context.paper == Vouched::"none" else context.paper != Vouched::"none") &&
  (if context.sealed then context.authority == Authority::"judicial-warrant" else true)
};"#;

/// What became of one property.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The property's name.
    pub property: String,
    /// What it says.
    pub says: String,
    /// A request that gets through, where it does not hold.
    pub against: Option<Example>,
    /// How long the proof took, in milliseconds.
    pub ms: u64,
}

/// A concrete request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// What is done, as the rules spell it.
    pub action: String,
    /// The roles of the one who does it.
    pub roles: Vec<String>,
    /// What the rules are told of it.
    pub facts: BTreeMap<String, String>,
    /// The city's rules that allow it.
    pub allowed_by: Vec<String>,
    /// From when on it gets through, where rules begin or end on a day; `None` is from the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
}

/// What was proven of a set of rules.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// SHA-256 of the rule file in hex.
    pub rules: String,
    /// One for each property, in the order they were given.
    pub verdicts: Vec<Verdict>,
    /// Rules that can never make a difference: no request meets them, or all they allow is forbidden.
    pub dead: Vec<String>,
}

impl Report {
    /// Whether every property holds and no rule is dead.
    pub fn fine(&self) -> bool {
        self.dead.is_empty() && self.verdicts.iter().all(|v| v.against.is_none())
    }
}

/// The solver at this path, with at most a minute for a question.
pub fn solver(path: &str) -> Result<LocalSolver> {
    let mut command = tokio::process::Command::new(path);
    command.args(["--lang", "smt", "--tlimit-per=60000"]).kill_on_drop(true);
    LocalSolver::from_command(&mut command).map_err(|e| {
        Error::unavailable(format!(
            "The solver {path} cannot be started; install cvc5, or name it with --solver."
        ))
        .because(e.to_string())
    })
}

/// Proves or refutes each property of a rule file, and looks for dead rules.
pub async fn prove<S: Solver>(solver: S, rules: &str, properties: &[Property]) -> Result<Report> {
    // Read the way the server reads it first: strictly, with a sentence for whoever wrote it.
    let read = policy::Rules::parse(rules)?;
    properties.iter().try_for_each(Property::plain)?;
    let (schema, _) = Schema::from_cedarschema_str(policy::SCHEMA).map_err(unproven)?;
    let mut prover = Prover {
        symbolic: CedarSymCompiler::new(solver).map_err(unproven)?,
        envs: schema.request_envs().collect(),
        schema,
        set: PolicySet::new(),
        from: None,
    };
    prover.envs.sort_by_key(|env| env.action().to_string());
    let mut verdicts: Vec<Verdict> = properties.iter().map(Verdict::open).collect();
    let mut alive = BTreeSet::new();
    // Rules that begin or end on a day make several sets, and what must hold holds of each.
    for (from, text) in read.stages() {
        (prover.from, prover.set) = (from, text.parse().map_err(unproven)?);
        for (property, verdict) in properties.iter().zip(&mut verdicts) {
            if verdict.against.is_none() {
                prover.judge(property, verdict).await?;
            }
        }
        alive.extend(prover.alive().await?);
    }
    let mut dead: Vec<String> = read.ids().map(str::to_owned).collect();
    dead.retain(|id| !alive.contains(id));
    dead.sort();
    Ok(Report { rules: read.hash(), verdicts, dead })
}

impl Verdict {
    fn open(property: &Property) -> Self {
        Self { property: property.id.clone(), says: property.says.clone(), against: None, ms: 0 }
    }
}

fn unproven(e: impl std::fmt::Display) -> Error {
    Error::unavailable("The proof broke off; nothing is known of these rules. Try again.")
        .because(e.to_string())
}

struct Prover<S: Solver> {
    symbolic: CedarSymCompiler<S>,
    envs: Vec<RequestEnv>,
    schema: Schema,
    /// What is in force …
    set: PolicySet,
    /// … from then on.
    from: Option<Time>,
}

impl<S: Solver> Prover<S> {
    async fn judge(&mut self, property: &Property, verdict: &mut Verdict) -> Result<()> {
        let ceiling: PolicySet = property
            .text
            .parse()
            .map_err(|e| Error::invalid(format!("Property {} is not Cedar: {e}.", property.id)))?;
        let begun = Instant::now();
        let asked = self.well_formed()?;
        for env in self.envs.clone() {
            let known = |e: cedar_policy_symcc::err::Error| {
                Error::invalid(format!(
                    "Property {} does not fit what rules can speak of: {e}.",
                    property.id
                ))
            };
            let ours = self.compiled(&asked, &env)?;
            let theirs = CompiledPolicySet::compile(&ceiling, &env, &self.schema).map_err(known)?;
            let found = self
                .symbolic
                .check_implies_with_counterexample_opt(&ours, &theirs)
                .await
                .map_err(unproven)?;
            if let Some(found) = found {
                verdict.against = Some(self.shown(&found, &ceiling)?);
                break;
            }
        }
        verdict.ms += u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// The rules, of questions as the server makes them.
    fn well_formed(&self) -> Result<PolicySet> {
        let bound = Policy::parse(Some(PolicyId::new("well-formed")), WELL_FORMED);
        let mut set = self.set.clone();
        set.add(bound.map_err(unproven)?).map_err(unproven)?;
        Ok(set)
    }

    fn compiled(&self, set: &PolicySet, env: &RequestEnv) -> Result<CompiledPolicySet> {
        CompiledPolicySet::compile(set, env, &self.schema).map_err(unproven)
    }

    /// The request in words, after the evaluator has confirmed what the solver says of it.
    fn shown(&self, found: &Env, ceiling: &PolicySet) -> Result<Example> {
        let request = &found.request;
        let ask = |set| Authorizer::new().is_authorized(request, set, &found.entities);
        let ours = ask(&self.set);
        if ours.decision() != Decision::Allow || ask(ceiling).decision() != Decision::Deny {
            return Err(unproven("the solver's example does not show what it should"));
        }
        let allowed_by = ours.diagnostics().reason().map(|id| self.name(id)).collect();
        let person = request.principal().ok_or_else(|| unproven("nobody asks"))?;
        let mut roles: Vec<String> = found
            .entities
            .ancestors(person)
            .map(|all| all.map(|role| role.id().unescaped().to_owned()).collect())
            .unwrap_or_default();
        roles.sort();
        let action = request.action().map(|a| a.id().unescaped().to_owned()).unwrap_or_default();
        let context = request.context().map(cedar_policy::Context::to_json_value);
        let context = context.transpose().map_err(unproven)?.unwrap_or_default();
        let facts = context.as_object().into_iter().flatten();
        let facts = facts.map(|(key, value)| (key.clone(), plain(value))).collect();
        Ok(Example { action, roles, facts, allowed_by, from: self.from })
    }

    fn name(&self, id: &cedar_policy::PolicyId) -> String {
        self.set.annotation(id, "id").unwrap_or("without @id").to_owned()
    }

    /// A rule that permits is dead if what remains of it under all that forbids is nothing; a rule that
    /// forbids is dead if no request meets it. (That another rule forbids the same does not make it dead:
    /// it says so on purpose.)
    async fn alive(&mut self) -> Result<Vec<String>> {
        let rules: Vec<Policy> = self.set.policies().cloned().collect();
        let mut alive = Vec::new();
        for rule in &rules {
            if self.lives(rule, &rules).await? {
                alive.push(self.name(rule.id()));
            }
        }
        Ok(alive)
    }

    async fn lives(&mut self, rule: &Policy, all: &[Policy]) -> Result<bool> {
        let forbids = all.iter().filter(|other| other.effect() == Effect::Forbid).cloned();
        let alone = match rule.effect() {
            Effect::Forbid => None,
            Effect::Permit => {
                let with = forbids.chain([rule.clone()]);
                Some(PolicySet::from_policies(with).map_err(unproven)?)
            }
        };
        for env in self.envs.clone() {
            let never = match &alone {
                Some(set) => {
                    let set = self.compiled(set, &env)?;
                    self.symbolic.check_always_denies_opt(&set).await
                }
                None => {
                    let rule =
                        CompiledPolicy::compile(rule, &env, &self.schema).map_err(unproven)?;
                    self.symbolic.check_never_matches_opt(&rule).await
                }
            };
            if !never.map_err(unproven)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// `{"__entity": {"type": "Purpose", "id": "warrant"}}` → `warrant`.
fn plain(value: &serde_json::Value) -> String {
    let entity = value.get("__entity").and_then(|entity| entity.get("id"));
    match entity.unwrap_or(value) {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl std::fmt::Display for Example {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let roles =
            if self.roles.is_empty() { "nobody's role".into() } else { self.roles.join(", ") };
        let facts: Vec<String> = self.facts.iter().map(|(k, v)| format!("{k} {v}")).collect();
        write!(f, "{} as {roles}: {}", self.action, facts.join(", "))?;
        match self.from {
            Some(from) => write!(f, ", from {from} on"),
            None => Ok(()),
        }
    }
}
