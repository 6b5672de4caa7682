//! Cedar, behind two functions: read a rule file, put a request to it.
//!
//! The rest of the crate does not know Cedar's types. Requests are built from parts whose words are checked
//! before; in tests each is validated against the schema, too.

use crate::{Action, Vouch};
use base::{Error, PersonId, Result, Time};
use cedar_policy::{
    ActionConstraint, Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName,
    EntityUid, Policy, PolicyId, PolicySet, Request, RestrictedExpression, Schema, ValidationMode,
    Validator,
};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Somebody in their roles.
type Roles = (PersonId, Vec<String>);

/// So many people's pictures are kept.
const PEOPLE: usize = 1024;

/// The purposes that rules can speak of; the schema has the same list and a test compares.
pub const PURPOSES: [&str; 8] = [
    "stolen-vehicle",
    "stolen-plate",
    "missing-person",
    "hit-and-run",
    "felony-investigation",
    "warrant",
    "immigration-enforcement",
    "protected-health",
];

/// The authorities that rules can speak of.
pub const AUTHORITIES: [&str; 4] = ["none", "judicial-warrant", "court-order", "declaration"];

/// What rules can speak of, as Cedar text.
pub const SCHEMA: &str = include_str!("../rules/schema.cedarschema");

/// What a search brings along for the rules to look at.
pub(crate) struct Asked<'a> {
    pub(crate) purpose: &'a str,
    pub(crate) authority: &'a str,
    pub(crate) case: Vouch,
    pub(crate) paper: Vouch,
    pub(crate) asking_off: bool,
    pub(crate) emergency: bool,
    pub(crate) review_overdue: bool,
    /// The kind of agency that the question is asked for, if it is for another.
    pub(crate) recipient: Option<&'a str>,
    pub(crate) has_reason: bool,
    pub(crate) plates: usize,
    pub(crate) pattern: bool,
    pub(crate) sealed: bool,
    pub(crate) cameras: usize,
    pub(crate) hours: i64,
}

impl<'a> Asked<'a> {
    /// The smallest and best-founded question for a purpose.
    pub(crate) fn most_welcome(purpose: &'a str, authority: &'a str, emergency: bool) -> Self {
        Self {
            purpose,
            authority,
            case: Vouch::Attested,
            paper: if authority == "none" { Vouch::None } else { Vouch::Attested },
            asking_off: false,
            emergency,
            review_overdue: false,
            recipient: None,
            has_reason: true,
            plates: 1,
            pattern: false,
            sealed: false,
            cameras: 1,
            hours: 1,
        }
    }
}

/// Cedar's answer: allowed or not, and the places of the rules that made it so.
pub(crate) struct Outcome {
    pub(crate) allowed: bool,
    pub(crate) fired: Vec<usize>,
}

/// Types that every request names, parsed once.
struct Types {
    person: EntityTypeName,
    role: EntityTypeName,
    purpose: EntityTypeName,
    authority: EntityTypeName,
    vouched: EntityTypeName,
    agency: EntityTypeName,
    city: EntityUid,
    actions: HashMap<Action, EntityUid>,
}

/// A validated set of rules, ready to be asked.
pub(crate) struct Engine {
    /// What is in force from a moment on, the earliest first; by action, because most rules speak of one alone and
    /// need not be asked about another.
    times: Vec<(Time, HashMap<Action, PolicySet>)>,
    authorizer: Authorizer,
    /// Who asked before, with their roles: Cedar's picture of them is made once.
    people: Mutex<HashMap<Roles, Arc<Entities>>>,
    schema: Schema,
    types: Types,
    places: HashMap<PolicyId, usize>,
}

fn broken(e: impl std::fmt::Display) -> Error {
    Error::internal("The rule schema of this program is broken; install it again.")
        .because(e.to_string())
}

fn type_name(name: &str) -> Result<EntityTypeName> {
    name.parse().map_err(broken)
}

fn uid(of: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
}

impl Types {
    fn new() -> Result<Self> {
        let action = type_name("Action")?;
        Ok(Self {
            person: type_name("Person")?,
            role: type_name("Role")?,
            purpose: type_name("Purpose")?,
            authority: type_name("Authority")?,
            vouched: type_name("Vouched")?,
            agency: type_name("Agency")?,
            city: uid(&type_name("City")?, "here"),
            actions: Action::ALL.into_iter().map(|a| (a, uid(&action, a.name()))).collect(),
        })
    }
}

impl Engine {
    /// Reads a rule file. The policies come back in file order; the places in an [`Outcome`] count
    /// in that order.
    pub(crate) fn read(text: &str) -> Result<(Self, Vec<Policy>)> {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).map_err(broken)?;
        let set: PolicySet = text.parse().map_err(|e: cedar_policy::ParseErrors| {
            Error::invalid(format!("The rule file is not Cedar: {e}. Mend it and try again."))
        })?;
        if set.templates().next().is_some() {
            return Err(Error::invalid(
                "The rule file holds a template (?principal or ?resource); write the rule out.",
            ));
        }
        validate(&set, &schema)?;
        let mut policies: Vec<Policy> = set.policies().cloned().collect();
        // Cedar numbers policies as they stand in the text: policy0, policy1, …
        policies.sort_by_key(|p| {
            p.id().to_string().trim_start_matches("policy").parse::<usize>().unwrap_or(usize::MAX)
        });
        let places = policies.iter().enumerate().map(|(at, p)| (p.id().clone(), at)).collect();
        let types = Types::new()?;
        let times = vec![(Time::from_millis(i64::MIN), by_action(&policies, &types)?)];
        let (authorizer, people) = (Authorizer::new(), Mutex::default());
        Ok((Self { times, authorizer, people, schema, types, places }, policies))
    }

    /// Makes one set for each time between two changes: `in_force` says whether a rule, by its place,
    /// holds at a moment.
    pub(crate) fn divide(
        &mut self,
        policies: &[Policy],
        changes: &[Time],
        in_force: impl Fn(usize, Time) -> bool,
    ) -> Result<()> {
        let beginning = Time::from_millis(i64::MIN);
        let mut times = Vec::with_capacity(changes.len() + 1);
        for at in std::iter::once(&beginning).chain(changes) {
            let held = policies.iter().enumerate().filter(|(place, _)| in_force(*place, *at));
            let held: Vec<Policy> = held.map(|(_, p)| p.clone()).collect();
            times.push((*at, by_action(&held, &self.types)?));
        }
        self.times = times;
        Ok(())
    }

    fn at(&self, now: Time, action: Action) -> &PolicySet {
        let behind = self.times.partition_point(|(from, _)| *from <= now);
        // Every action has a set, if an empty one.
        &self.times[behind.saturating_sub(1)].1[&action]
    }

    /// Role names that the rules speak of.
    pub(crate) fn roles(&self, policies: &[Policy]) -> HashSet<String> {
        policies
            .iter()
            .flat_map(Policy::entity_literals)
            .filter(|literal| literal.type_name() == &self.types.role)
            .map(|literal| literal.id().unescaped().to_owned())
            .collect()
    }

    /// Puts a request to the rules. An error in any rule is an error of the whole.
    pub(crate) fn ask(
        &self,
        person: &PersonId,
        roles: &[String],
        action: Action,
        asked: Option<&Asked<'_>>,
        now: Time,
    ) -> Result<Outcome> {
        let unfit = |e: String| {
            Error::internal("The rules cannot be put to this request; see the log.").because(e)
        };
        let principal = uid(&self.types.person, person.as_str());
        let entities = self.entities(person, roles, &principal)?;
        let context = match asked {
            Some(asked) => self.context(asked)?,
            None => Context::empty(),
        };
        let request = Request::new(
            principal,
            self.types.actions[&action].clone(),
            self.types.city.clone(),
            context,
            // Words that the schema does not know are refused before; a test that made a request of another shape
            // would fail, and a server need not look at each one anew.
            cfg!(debug_assertions).then_some(&self.schema),
        )
        .map_err(|e| unfit(e.to_string()))?;
        let response = self.authorizer.is_authorized(&request, self.at(now, action), &entities);
        if let Some(e) = response.diagnostics().errors().next() {
            return Err(unfit(e.to_string()));
        }
        let fired = response.diagnostics().reason();
        Ok(Outcome {
            allowed: response.decision() == Decision::Allow,
            fired: fired.filter_map(|id| self.places.get(id).copied()).collect(),
        })
    }

    /// A person in their roles.
    fn entities(
        &self,
        person: &PersonId,
        roles: &[String],
        principal: &EntityUid,
    ) -> Result<Arc<Entities>> {
        let key = (person.clone(), roles.to_vec());
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = people.get(&key) {
            return Ok(known.clone());
        }
        let parents = roles.iter().map(|role| uid(&self.types.role, role)).collect();
        let person = Entity::new_no_attrs(principal.clone(), parents);
        let entities = Arc::new(Entities::from_entities([person], None).map_err(broken)?);
        if people.len() >= PEOPLE {
            people.clear();
        }
        people.insert(key, entities.clone());
        Ok(entities)
    }

    fn context(&self, asked: &Asked<'_>) -> Result<Context> {
        use RestrictedExpression as Value;
        let count = |n: usize| Value::new_long(i64::try_from(n).unwrap_or(i64::MAX));
        let named = |of: &EntityTypeName, id: &str| Value::new_entity_uid(uid(of, id));
        let pairs = [
            ("purpose", named(&self.types.purpose, asked.purpose)),
            ("authority", named(&self.types.authority, asked.authority)),
            ("case", named(&self.types.vouched, asked.case.slug())),
            ("paper", named(&self.types.vouched, asked.paper.slug())),
            ("asking_off", Value::new_bool(asked.asking_off)),
            ("emergency", Value::new_bool(asked.emergency)),
            ("review_overdue", Value::new_bool(asked.review_overdue)),
            ("on_behalf", Value::new_bool(asked.recipient.is_some())),
            ("recipient", named(&self.types.agency, asked.recipient.unwrap_or("own"))),
            ("has_reason", Value::new_bool(asked.has_reason)),
            ("plates", count(asked.plates)),
            ("pattern", Value::new_bool(asked.pattern)),
            ("sealed", Value::new_bool(asked.sealed)),
            ("cameras", count(asked.cameras)),
            ("hours", Value::new_long(asked.hours)),
        ];
        Context::from_pairs(pairs.map(|(key, value)| (key.to_owned(), value))).map_err(broken)
    }
}

/// The rules that can speak of an action, for each action.
fn by_action(policies: &[Policy], types: &Types) -> Result<HashMap<Action, PolicySet>> {
    let speaks = |policy: &Policy, uid: &EntityUid| match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(one) => one == *uid,
        // The schema has no groups of actions, so what is not named is not in them.
        ActionConstraint::In(some) => some.contains(uid),
    };
    let of = |action: &Action| {
        let uid = &types.actions[action];
        let some = policies.iter().filter(|policy| speaks(policy, uid)).cloned();
        Ok((*action, PolicySet::from_policies(some).map_err(broken)?))
    };
    Action::ALL.iter().map(of).collect()
}

/// Warnings count as errors: they are rules that can never apply and letters that look like others.
fn validate(set: &PolicySet, schema: &Schema) -> Result<()> {
    let result = Validator::new(schema.clone()).validate(set, ValidationMode::Strict);
    let first = result
        .validation_errors()
        .map(|e| (e.policy_id().clone(), e.to_string()))
        .chain(result.validation_warnings().map(|w| (w.policy_id().clone(), w.to_string())))
        .next();
    match first {
        None => Ok(()),
        Some((at, what)) => {
            let name = set.annotation(&at, "id").unwrap_or("without @id").to_owned();
            Err(Error::invalid(format!(
                "Rule {name} does not hold: {what}. Mend it and try again."
            )))
        }
    }
}
