//! What other rules would have said to questions that were asked: a proposal is tried on the public log.
//!
//! The log tells a question's facts, not its plates or its case, and its times by the hour; that is what
//! rules look at. Both sets of rules get the same facts at the same moment, so a difference is the rules'.
//! Not on the log, and taken as not so: that asking was off, and that a review was overdue. Who asked is
//! not there either: a rule that names a person by id is tried on nobody.

use crate::decide::HOUR_MS;
use crate::engine::{AUTHORITIES, Asked, PURPOSES};
use crate::{AGENCIES, Action, Decision, Rules, Vouch};
use base::{PersonId, Time};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How many log entries an example names.
const EXAMPLES: usize = 5;

/// Refusals of what no rule was asked about.
const BEFORE_RULES: [&str; 5] =
    ["purpose-known", "authority-known", "question-complete", "pattern-known", "sealed-warrant"];

/// A question known by its facts alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The roles of who asked.
    pub roles: Vec<String>,
    /// The purpose.
    pub purpose: String,
    /// The kind of paper it rests on, or `none`.
    pub authority: String,
    /// Who vouches for the case.
    pub case: Vouch,
    /// Who vouches for the paper.
    pub paper: Vouch,
    /// Whether a life was in danger.
    pub emergency: bool,
    /// The kind of agency that it was asked for, if for another.
    pub recipient: Option<String>,
    /// Whether a reason was written.
    pub has_reason: bool,
    /// How many plates.
    pub plates: u64,
    /// Whether characters of one were unknown.
    pub pattern: bool,
    /// Whether it was kept off the public page for a while.
    pub sealed: bool,
    /// How many cameras.
    pub cameras: u64,
    /// How many hours.
    pub hours: u64,
}

impl Known {
    /// Reads the facts of a log entry; `None` if they do not tell what rules look at, or no rule was
    /// asked.
    pub fn of_log(
        facts: &Map<String, Value>,
        on_behalf_of: Option<&str>,
        sealed: bool,
    ) -> Option<Self> {
        let text = |key: &str| facts.get(key).and_then(Value::as_str);
        let number = |key: &str| facts.get(key).and_then(Value::as_u64);
        let yes = |key: &str| facts.get(key).and_then(Value::as_bool).unwrap_or(false);
        let time = |key: &str| text(key)?.parse::<Time>().ok();
        if text("rule").is_some_and(|rule| BEFORE_RULES.contains(&rule)) {
            return None;
        }
        let known = |key: &str, all: &[&str]| text(key).filter(|word| all.contains(word));
        // Both ends are cut to the hour, so the length is too; nothing is asked about no time.
        let length = time("until")?.since(time("from")?).max(0);
        Some(Self {
            roles: text("roles")?.split_whitespace().map(str::to_owned).collect(),
            purpose: known("purpose", &PURPOSES)?.to_owned(),
            authority: known("authority", &AUTHORITIES)?.to_owned(),
            case: vouch(text("case")?)?,
            paper: text("paper").map_or(Some(Vouch::None), vouch)?,
            emergency: yes("emergency"),
            recipient: match on_behalf_of {
                Some(agency) => Some(AGENCIES.into_iter().find(|a| *a == agency)?.to_owned()),
                None => None,
            },
            has_reason: yes("reason"),
            plates: number("plates")?,
            pattern: text("manner") == Some("pattern"),
            sealed,
            cameras: number("cameras")?,
            hours: u64::try_from(length / HOUR_MS).unwrap_or_default().max(1),
        })
    }
}

fn vouch(word: &str) -> Option<Vouch> {
    [Vouch::None, Vouch::Stated, Vouch::Attested].into_iter().find(|v| v.slug() == word)
}

/// What rules say to a question known by its facts alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The rule that says it.
    pub rule: String,
    /// How many cameras and hours of it are answered; `None` if it is refused.
    pub reach: Option<(u64, u64)>,
}

impl Rules {
    /// What these rules say at a moment: the same verdict, and the same choice among rules that allow, as
    /// [`Rules::decide`] comes to.
    pub fn say(&self, known: &Known, at: Time) -> Said {
        let whole = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let asked = Asked {
            purpose: &known.purpose,
            authority: &known.authority,
            case: known.case,
            paper: known.paper,
            asking_off: false,
            emergency: known.emergency,
            review_overdue: false,
            recipient: known.recipient.as_deref(),
            has_reason: known.has_reason,
            plates: whole(known.plates),
            pattern: known.pattern,
            sealed: known.sealed,
            cameras: whole(known.cameras),
            hours: i64::try_from(known.hours).unwrap_or(i64::MAX),
        };
        let refused = |rule: &str| Said { rule: rule.to_owned(), reach: None };
        let Ok(nobody) = "per_unknown".parse::<PersonId>() else { return refused("no-rule") };
        let permitting = match self.verdict(&nobody, &known.roles, Action::Search, Some(&asked), at)
        {
            Ok(permitting) => permitting,
            Err(Decision::Refuse { rule, .. }) => return refused(&rule),
            Err(_) => return refused("rule-error"),
        };
        let reach = |cameras: Option<u32>, hours: Option<u32>| {
            let most = |bound: Option<u32>, n: u64| bound.map_or(n, |b| n.min(u64::from(b)));
            (most(cameras, known.cameras), most(hours, known.hours))
        };
        let mut best: Option<Said> = None;
        let size = |(cameras, hours): (u64, u64)| u128::from(cameras) * u128::from(hours);
        for rule in permitting {
            let reach = reach(rule.max_cameras, rule.max_hours);
            let most = best.as_ref().and_then(|said| said.reach).map(size);
            if most.is_none_or(|most| size(reach) > most) {
                best = Some(Said { rule: rule.id.clone(), reach: Some(reach) });
            }
        }
        best.unwrap_or_else(|| refused("no-rule"))
    }
}

/// What becomes of a question under other rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// It was answered and would be refused.
    Refused,
    /// It was refused and would be answered, in full or in part.
    Allowed,
    /// It would reach fewer cameras or hours.
    Narrowed,
    /// It would reach more cameras or hours.
    Widened,
}

/// Questions that one rule of the proposal answers differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What becomes of them.
    pub turn: Turn,
    /// The rule of the proposal that makes it so; `no-rule` where none allows it.
    pub rule: String,
    /// How many they are.
    pub questions: u64,
    /// The log entries of some of them.
    pub entries: Vec<u64>,
}

/// What a proposal would change of what was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// How many questions were tried.
    pub tried: u64,
    /// How many could not be: they are sealed, or the log does not tell enough of them.
    pub untold: u64,
    /// What would be otherwise.
    pub changes: Vec<Change>,
}

/// Tries a proposal on questions, each with the number of its log entry, as if asked at one moment.
pub fn replay(current: &Rules, proposed: &Rules, asked: &[(u64, Known)], at: Time) -> Replay {
    let mut groups: BTreeMap<(Turn, String), Vec<u64>> = BTreeMap::new();
    for (entry, known) in asked {
        let (old, new) = (current.say(known, at), proposed.say(known, at));
        if let Some(turn) = turn(old.reach, new.reach) {
            groups.entry((turn, new.rule)).or_default().push(*entry);
        }
    }
    let changes = groups.into_iter().map(|((turn, rule), mut entries)| {
        let questions = entries.len() as u64;
        entries.truncate(EXAMPLES);
        Change { turn, rule, questions, entries }
    });
    Replay { tried: asked.len() as u64, untold: 0, changes: changes.collect() }
}

fn turn(old: Option<(u64, u64)>, new: Option<(u64, u64)>) -> Option<Turn> {
    match (old, new) {
        (None, None) => None,
        (Some(_), None) => Some(Turn::Refused),
        (None, Some(_)) => Some(Turn::Allowed),
        (Some(old), Some(new)) if old == new => None,
        // What loses on one side is told as a loss, whatever it gains on the other.
        (Some(old), Some(new)) if new.0 < old.0 || new.1 < old.1 => Some(Turn::Narrowed),
        _ => Some(Turn::Widened),
    }
}

impl Replay {
    /// It in words, a sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let mut told = vec![match self.tried {
            0 => "There was no question to try the proposal on.".to_owned(),
            n => format!("The proposal was tried on {}.", questions(n)),
        }];
        if self.untold > 0 {
            told.push(format!(
                "{} could not be tried: sealed, refused before any rule was asked, or logged with too \
                 few facts.",
                questions(self.untold)
            ));
        }
        for change in &self.changes {
            let Change { turn, rule, questions: n, entries } = change;
            let by = match rule.as_str() {
                "no-rule" => "because no rule allows it".to_owned(),
                rule => format!("by rule {rule}"),
            };
            let turned = match turn {
                Turn::Refused => "answered until now would be refused",
                Turn::Allowed => "refused until now would be answered",
                Turn::Narrowed => "would reach fewer cameras or hours",
                Turn::Widened => "would reach more cameras or hours",
            };
            let some: Vec<String> = entries.iter().map(u64::to_string).collect();
            let such = if entries.len() as u64 == *n { "log entries" } else { "for instance" };
            told.push(format!("{} {turned} {by} ({such} {}).", questions(*n), some.join(", ")));
        }
        if self.tried > 0 && self.changes.is_empty() {
            told.push("Every one of them would be answered as under the present rules.".into());
        }
        told
    }
}

fn questions(n: u64) -> String {
    if n == 1 { "1 question".into() } else { format!("{n} questions") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at() -> Time {
        "2026-11-23T08:15:00Z".parse().unwrap()
    }

    /// An officer's question about a stolen vehicle, two cameras, three hours; with other facts.
    fn facts(other: Value) -> Map<String, Value> {
        let mut facts = json!({
            "roles": "officer", "purpose": "stolen-vehicle", "authority": "none",
            "case": "stated", "plates": 1, "cameras": 2, "rule": "officer-search",
            "from": "2026-11-20T08:00:00.000Z", "until": "2026-11-20T11:00:00.000Z"
        });
        let all = facts.as_object_mut().unwrap();
        all.extend(other.as_object().unwrap().clone());
        std::mem::take(all)
    }

    fn known(other: Value) -> Known {
        Known::of_log(&facts(other), None, false).unwrap()
    }

    fn standard_with(from: &str, to: &str) -> Rules {
        assert!(Rules::standard().contains(from), "{from}");
        Rules::parse(&Rules::standard().replace(from, to)).unwrap()
    }

    #[test]
    fn facts_of_the_log_are_read() {
        let check = |other: Value, agency: Option<&str>, readable: bool| {
            let facts = facts(other);
            assert_eq!(Known::of_log(&facts, agency, false).is_some(), readable, "{facts:?}");
        };
        check(json!({}), None, true);
        check(json!({}), Some("county"), true);
        check(json!({}), Some("club"), false);
        check(json!({"purpose": "unknown"}), None, false);
        check(json!({"roles": 3}), None, false);
        check(json!({"rule": "pattern-known"}), None, false);
        check(json!({"case": "sworn"}), None, false);
        check(json!({"until": "yesterday"}), None, false);
        assert_eq!(known(json!({})).hours, 3);
        let short = known(json!({"until": "2026-11-20T08:00:00.000Z", "manner": "pattern"}));
        assert_eq!((short.hours, short.pattern), (1, true));
    }

    #[test]
    fn rules_say_the_same_as_they_decide() {
        let rules = Rules::parse(Rules::standard()).unwrap();
        let check = |other: Value, rule: &str, reach: Option<(u64, u64)>| {
            let said = rules.say(&known(other), at());
            assert_eq!((said.rule.as_str(), said.reach), (rule, reach));
        };
        check(json!({}), "officer-search", Some((2, 3)));
        check(json!({"cameras": 30}), "officer-search", Some((20, 3)));
        check(json!({"case": "none"}), "case-required", None);
        check(json!({"roles": "parking"}), "no-rule", None);
        check(
            json!({"case": "none", "emergency": true, "reason": true, "roles": "dispatcher"}),
            "break-glass",
            Some((2, 3)),
        );
        check(
            json!({"roles": "officer detective", "case": "attested", "cameras": 60,
                   "purpose": "felony-investigation"}),
            "detective-search",
            Some((50, 3)),
        );
    }

    #[test]
    fn what_would_change_is_told() {
        let current = Rules::parse(Rules::standard()).unwrap();
        let asked: Vec<(u64, Known)> = (1..=7)
            .map(|entry| (entry, known(json!({}))))
            .chain([
                (9, known(json!({"cameras": 30}))),
                (12, known(json!({"case": "none", "authority": "judicial-warrant", "paper": "attested"}))),
            ])
            .collect();
        let check = |proposed: &Rules, lines: &[&str]| {
            let told = replay(&current, proposed, &asked, at()).sentences();
            assert_eq!(told[0], "The proposal was tried on 9 questions.");
            assert_eq!(told[1..], *lines);
        };
        check(&current, &["Every one of them would be answered as under the present rules."]);
        check(
            &standard_with("@max_cameras(\"20\")", "@max_cameras(\"10\")"),
            &[
                "1 question would reach fewer cameras or hours by rule officer-search (log entries 9).",
            ],
        );
        check(
            &standard_with("@max_cameras(\"20\")", ""),
            &[
                "1 question would reach more cameras or hours by rule officer-search (log entries 9).",
            ],
        );
        check(
            &standard_with(
                "when { context.case == Vouched::\"none\" }",
                "when { context.plates > 9 }",
            ),
            &[
                "1 question refused until now would be answered by rule warrant-search (log entries 12).",
            ],
        );
        check(
            &standard_with(
                "when { context.case == Vouched::\"none\" }",
                "when { context.case != Vouched::\"attested\" }",
            ),
            &[
                "8 questions answered until now would be refused by rule case-required (for instance 1, 2, 3, 4, 5).",
            ],
        );
    }

    #[test]
    fn no_question_and_sealed_ones() {
        let current = Rules::parse(Rules::standard()).unwrap();
        let none = Replay { untold: 2, ..replay(&current, &current, &[], at()) };
        let told = none.sentences().join("\n");
        assert!(
            told.starts_with("There was no question") && told.contains("2 questions could not")
        );
    }
}
