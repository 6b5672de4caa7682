//! The decision: what Cedar answers, and the bounds of the rule that allowed.

use crate::engine::{self, Asked};
use crate::rules::{Rule, Rules};
use crate::{Action, Intent, Vouch};
use base::{CameraId, PersonId, Time};

pub(crate) const HOUR_MS: i64 = 3_600_000;

/// What a decision needs beyond the question itself. Each has a source that is not the asker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Who vouches for the case number.
    pub case: Vouch,
    /// Who vouches for the paper that the question rests on: its warrant, order or declaration.
    pub paper: Vouch,
    /// Whether the city has switched asking off.
    pub asking_off: bool,
    /// Whether an earlier question for a life in danger was not reviewed in time.
    pub review_overdue: bool,
    /// The present moment.
    pub now: Time,
}

/// What a question may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// These cameras.
    pub cameras: Vec<CameraId>,
    /// From this moment on.
    pub from: Time,
    /// Until before this moment.
    pub until: Time,
}

/// The answer of the rules, with the rule that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// As asked.
    Allow {
        /// The rule that allows it.
        rule: String,
    },
    /// Less than was asked.
    Narrow {
        /// The rule that allows the rest.
        rule: String,
        /// The rest.
        scope: Scope,
    },
    /// No.
    Refuse {
        /// The rule that forbids it.
        rule: String,
        /// One sentence for the asker.
        because: String,
    },
}

fn refuse(rule: &str, because: impl Into<String>) -> Decision {
    Decision::Refuse { rule: rule.into(), because: because.into() }
}

impl Rules {
    /// Decides a question. The same question and facts give the same decision everywhere.
    pub fn decide(&self, intent: &Intent, facts: &Facts) -> Decision {
        if let Some(refusal) = malformed(intent) {
            return refusal;
        }
        let asked = asked(intent, facts);
        match self.verdict(&intent.person, &intent.roles, Action::Search, Some(&asked), facts.now) {
            Err(refusal) => refusal,
            Ok(permitting) => widest(&permitting, intent),
        }
    }

    /// Whether a person may do something at all. For [`Action::Search`]: whether there is any
    /// question that this person could ask; the question itself goes to [`Rules::decide`].
    pub fn may(&self, person: &PersonId, roles: &[String], action: Action, now: Time) -> Decision {
        if action != Action::Search {
            return match self.verdict(person, roles, action, None, now) {
                Err(refusal) => refusal,
                Ok(permitting) => Decision::Allow { rule: permitting[0].id.clone() },
            };
        }
        let mut refusal = refuse("no-rule", NO_RULE);
        let questions = engine::PURPOSES.into_iter().flat_map(|purpose| {
            engine::AUTHORITIES.into_iter().flat_map(move |authority| {
                [false, true].map(|emergency| Asked::most_welcome(purpose, authority, emergency))
            })
        });
        for asked in questions {
            match self.verdict(person, roles, action, Some(&asked), now) {
                Ok(permitting) => return Decision::Allow { rule: permitting[0].id.clone() },
                Err(no) => refusal = no,
            }
        }
        refusal
    }

    /// The rules that allow, in file order and never none of them, or the refusal.
    pub(crate) fn verdict(
        &self,
        person: &PersonId,
        roles: &[String],
        action: Action,
        asked: Option<&Asked<'_>>,
        now: Time,
    ) -> Result<Vec<&Rule>, Decision> {
        let outcome = match self.engine.ask(person, roles, action, asked, now) {
            Ok(outcome) => outcome,
            // A rule that fails would be skipped by Cedar, and it might have forbidden.
            Err(_) => return Err(refuse("rule-error", RULE_ERROR)),
        };
        let mut fired: Vec<&Rule> = outcome.fired.iter().map(|at| &self.list[*at]).collect();
        fired.sort_by_key(|rule| rule.place);
        match (outcome.allowed, fired.first()) {
            (true, Some(_)) => Ok(fired),
            (false, Some(rule)) => Err(refuse(&rule.id, &rule.because)),
            (_, None) => Err(refuse("no-rule", NO_RULE)),
        }
    }
}

/// A plate with fewer known characters is a question about a good part of all cars.
const KNOWN: usize = 3;
const SEALED: &str =
    "Only a question under a judicial warrant is kept off the public page for a while.";
const PATTERN_OPEN: &str = "Give at least three characters of a plate; ? and * are unknown ones.";
const NO_RULE: &str =
    "No rule of this city allows your role to do this; ask an administrator which role may.";
const RULE_ERROR: &str =
    "A rule of this city cannot be evaluated, so nothing is allowed; tell the clerk.";

/// What the rules are told of a question that is not [`malformed`]. The prover takes for granted that it is well
/// formed: at least one hour, camera and plate; for another if and only if it says for whom; a paper if and only if an
/// authority is named; sealed under a warrant alone.
fn asked<'a>(intent: &'a Intent, facts: &Facts) -> Asked<'a> {
    let paper = match facts.paper {
        _ if intent.authority == "none" => Vouch::None,
        Vouch::None => Vouch::Stated,
        paper => paper,
    };
    Asked {
        purpose: &intent.purpose,
        authority: &intent.authority,
        case: facts.case,
        paper,
        asking_off: facts.asking_off,
        emergency: intent.emergency,
        review_overdue: facts.review_overdue,
        recipient: intent.agency(),
        has_reason: intent.has_reason(),
        plates: intent.plates.len() + intent.patterns.len(),
        pattern: !intent.patterns.is_empty(),
        sealed: intent.sealed_until().is_some(),
        cameras: intent.cameras.len(),
        hours: hours(intent.from, intent.until),
    }
}

/// What no rule can decide: a word that the rules do not know, or a question about nothing.
fn malformed(intent: &Intent) -> Option<Decision> {
    let unknown = |rule: &str, what: &str, word: &str, known: &[&str]| {
        if known.contains(&word) {
            return None;
        }
        Some(refuse(rule, format!("{} Choose one of: {}.", no_such(what, word), known.join(", "))))
    };
    unknown("purpose-known", "purpose", &intent.purpose, &engine::PURPOSES)
        .or_else(|| {
            unknown("authority-known", "authority", &intent.authority, &engine::AUTHORITIES)
        })
        .or_else(|| {
            let plates = intent.plates.len() + intent.patterns.len();
            let empty = plates == 0 || intent.cameras.is_empty();
            (empty || intent.from >= intent.until).then(|| {
                refuse(
                    "question-complete",
                    "Name at least one plate, one camera and a time that ends after it begins.",
                )
            })
        })
        .or_else(|| {
            let open = intent.patterns.iter().any(|p| p.known() < KNOWN);
            open.then(|| refuse("pattern-known", PATTERN_OPEN))
        })
        .or_else(|| {
            let wished = intent.reveal_after != intent.sealed_until();
            wished.then(|| refuse("sealed-warrant", SEALED))
        })
}

/// Names the unknown word, unless it could be more than a misspelt one: the sentence is shown and
/// logged, and a plate that slipped into the field must not be.
fn no_such(what: &str, word: &str) -> String {
    let plain =
        (1..=40).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    if plain {
        format!("There is no {what} \"{word}\" here.")
    } else {
        format!("There is no such {what} here.")
    }
}

/// Hours from one moment to another, every begun one counted.
fn hours(from: Time, until: Time) -> i64 {
    let ms = until.since(from).max(0);
    ms / HOUR_MS + i64::from(ms % HOUR_MS != 0)
}

/// One rule must carry the whole answer: the one that leaves most of the question, the first of
/// equals. Bounds of two rules are never mixed.
fn widest(permitting: &[&Rule], intent: &Intent) -> Decision {
    let mut best: Option<(i128, &Rule, usize, Time)> = None;
    for rule in permitting {
        let (cameras, from) = within(rule, intent);
        let size = cameras as i128 * i128::from(intent.until.since(from));
        if best.as_ref().is_none_or(|(most, ..)| size > *most) {
            best = Some((size, rule, cameras, from));
        }
    }
    let Some((_, rule, cameras, from)) = best else { return refuse("no-rule", NO_RULE) };
    let rule = rule.id.clone();
    if cameras == intent.cameras.len() && from == intent.from {
        return Decision::Allow { rule };
    }
    let cameras = intent.cameras[..cameras].to_vec();
    Decision::Narrow { rule, scope: Scope { cameras, from, until: intent.until } }
}

/// The question inside the bounds of one rule: how many of its first cameras, and from when on.
fn within(rule: &Rule, intent: &Intent) -> (usize, Time) {
    let most = rule.max_cameras.map_or(usize::MAX, |n| n as usize);
    let earliest = match rule.max_hours {
        Some(hours) => intent.until.plus_millis(-i64::from(hours).saturating_mul(HOUR_MS)),
        None => intent.from,
    };
    (intent.cameras.len().min(most), intent.from.max(earliest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plate::Text;
    use proptest::prelude::*;

    proptest! {
        /// What the prover takes for granted.
        #[test]
        fn questions_are_well_formed(
            ms in -1i64..400_000_000,
            plates in 0usize..3,
            cameras in 0usize..3,
            authority in proptest::sample::select(engine::AUTHORITIES.to_vec()),
            behalf in proptest::option::of("[a-z-]{0,12}(: [A-Z]{0,3})?"),
            paper in proptest::sample::select(vec![Vouch::None, Vouch::Stated, Vouch::Attested]),
            reveal in any::<bool>(),
        ) {
            let at = Time::from_millis(1_795_000_000_000);
            let intent = Intent {
                id: "q_1".into(),
                person: "per_ann".parse().unwrap(),
                roles: Vec::new(),
                purpose: "stolen-vehicle".into(),
                case: None,
                authority: authority.into(),
                paper: None,
                emergency: false,
                on_behalf_of: behalf,
                reason: None,
                plates: vec![Text::parse("7ABC128").unwrap(); plates],
                patterns: Vec::new(),
                look_alikes: false,
                cameras: vec!["cam_one".parse().unwrap(); cameras],
                from: at,
                until: at.plus_millis(ms),
                at,
                reveal_after: reveal.then_some(at),
                confirmed: None,
            };
            let facts = Facts {
                case: Vouch::None,
                paper,
                asking_off: false,
                review_overdue: false,
                now: at,
            };
            if malformed(&intent).is_none() {
                let asked = asked(&intent, &facts);
                prop_assert!(asked.hours >= 1 && asked.cameras >= 1 && asked.plates >= 1);
                prop_assert!(asked.recipient != Some("own"));
                prop_assert_eq!(asked.paper == Vouch::None, asked.authority == "none");
                prop_assert!(!asked.sealed || asked.authority == "judicial-warrant");
            }
        }
    }
}
