//! Break-glass: a life is in danger, one person asks at once, named people look at it afterwards.
//!
//! The question is on the log as such, like any other before it is answered. Somebody else than the asker
//! reviews it by the end of the next working day; while one is overdue, the rules let nobody ask that way.
//! What is open is read from the log: no database can forget a review. The successor of a log begins without those
//! of the log before it, which auditors open there (`earlier`).

use crate::City;
use crate::oversight::told_why;
use base::{Error, PersonId, Result, Time};
use ledger::Leaf;
use policy::Action;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::PoisonError;
use utoipa::ToSchema;

const DAY_MS: i64 = 86_400_000;

/// Reviews that are remembered for the list of what was reviewed.
const REVIEWS: usize = 20;

/// Questions for a life in danger, by their number on the log.
#[derive(Debug, Default)]
pub(crate) struct Emergencies {
    /// Those that nobody has reviewed: when they were asked, and their id.
    open: BTreeMap<u64, (Time, String)>,
    /// The newest reviews, the oldest first.
    done: VecDeque<Reviewed>,
}

impl Emergencies {
    pub(crate) fn add(&mut self, index: u64, leaf: &Leaf) {
        match leaf.kind.as_str() {
            "search.intent" if leaf.facts.contains_key("emergency") => {
                self.open.insert(index, (leaf.time, leaf.id.clone().unwrap_or_default()));
            }
            "breakglass.reviewed" => {
                if let Some(reviewed) = leaf.number("entry") {
                    self.open.remove(&reviewed);
                    self.reviewed(index, reviewed, leaf);
                }
            }
            _ => {}
        }
    }

    fn reviewed(&mut self, index: u64, entry: u64, leaf: &Leaf) {
        self.done.push_back(Reviewed {
            entry,
            log_entry: index,
            at: leaf.time,
            by: leaf.by.clone().unwrap_or_default(),
            finding: leaf.text("finding").unwrap_or_default().to_owned(),
        });
        if self.done.len() > REVIEWS {
            self.done.pop_front();
        }
    }

    /// Whether this entry waits for its review.
    pub(crate) fn waits(&self, entry: u64) -> bool {
        self.open.contains_key(&entry)
    }

    /// How many wait for their review.
    pub(crate) fn waiting(&self) -> u64 {
        self.open.len() as u64
    }

    pub(crate) fn overdue(&self, now: Time) -> bool {
        self.open.values().any(|(at, _)| due(*at) <= now)
    }
}

/// The end of the next working day, Monday to Friday, in UTC. (1970-01-01 was a Thursday.)
pub(crate) fn due(at: Time) -> Time {
    let day = at.floor_to(DAY_MS).millis() / DAY_MS;
    let weekday = |day: i64| (day + 3).rem_euclid(7);
    let next = (day + 1..).find(|day| weekday(*day) < 5).unwrap_or(day + 1);
    Time::from_millis((next + 1).saturating_mul(DAY_MS))
}

/// A question that waits for its review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unreviewed {
    /// Its number on the public log.
    pub entry: u64,
    /// When it was asked.
    pub asked: Time,
    /// By when it is to be reviewed.
    pub due: Time,
    /// Whether that has passed.
    pub overdue: bool,
}

/// A question that waits for its review, as its reviewer sees it: what the log shows of it, and whom to ask.
/// What was asked and why is sealed to the auditors' key; the city cannot read it.
#[derive(Clone, Debug)]
pub struct Emergency {
    /// What waits, and until when.
    pub waits: Unreviewed,
    /// Who asked, where that is known: a restored database may have lost it.
    pub asker: Option<PersonId>,
    /// Whether whoever looks may review it.
    pub may_review: bool,
    /// Its public entry.
    pub leaf: Leaf,
    /// The entry of its outcome, if it has one.
    pub outcome: Option<Leaf>,
}

/// A question that was reviewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewed {
    /// Its number on the public log.
    pub entry: u64,
    /// The review's.
    pub log_entry: u64,
    /// When it was reviewed.
    pub at: Time,
    /// The reviewer's office.
    pub by: String,
    /// `justified` or `unjustified`.
    pub finding: String,
}

/// What somebody found who looked afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// There was a good reason; where a life was said to be in danger, it was.
    Justified,
    /// There was none, and the asker could know.
    Unjustified,
}

impl Finding {
    /// Both of them.
    pub const ALL: [Finding; 2] = [Finding::Justified, Finding::Unjustified];

    /// As the public log spells it.
    pub fn slug(self) -> &'static str {
        match self {
            Finding::Justified => "justified",
            Finding::Unjustified => "unjustified",
        }
    }

    /// The one of this name.
    pub fn named(slug: &str) -> Option<Finding> {
        Finding::ALL.into_iter().find(|finding| finding.slug() == slug)
    }
}

/// A review.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmergencyReview {
    /// What was found; it is public.
    pub finding: Finding,
    /// Why, in a sentence; it stays private.
    pub note: String,
}

impl City {
    pub(crate) fn emergencies(&self) -> std::sync::MutexGuard<'_, Emergencies> {
        self.emergencies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the review of a question for a life in danger is overdue: while one is, nobody asks that way.
    pub fn review_overdue(&self) -> bool {
        self.emergencies().overdue(self.now())
    }

    /// What waits for its review, the oldest first.
    pub fn unreviewed(&self, by: &PersonId) -> Result<Vec<Unreviewed>> {
        self.allowed(by, Action::ReviewBreakGlass)?;
        let now = self.now();
        let one = |(entry, (asked, _)): (&u64, &(Time, String))| {
            let due = due(*asked);
            Unreviewed { entry: *entry, asked: *asked, due, overdue: due <= now }
        };
        Ok(self.emergencies().open.iter().map(one).collect())
    }

    /// The same for the page of a reviewer, and what was reviewed last, the newest first.
    pub fn emergencies_for(&self, by: &PersonId) -> Result<(Vec<Emergency>, Vec<Reviewed>)> {
        let waiting = self.unreviewed(by)?.into_iter().map(|waits| self.emergency(by, waits));
        let done = self.emergencies().done.iter().rev().cloned().collect();
        Ok((waiting.collect::<Result<_>>()?, done))
    }

    fn emergency(&self, by: &PersonId, waits: Unreviewed) -> Result<Emergency> {
        let leaf = self.entry_at(waits.entry)?;
        let id = leaf.id.clone().unwrap_or_default();
        let asker = self.asker_of(&id)?;
        let outcome = match self.log.find("search.outcome", &id) {
            Some(index) => Some(self.entry_at(index)?),
            None => None,
        };
        let may_review = self.reviews(by, &leaf).is_ok();
        Ok(Emergency { waits, asker, may_review, leaf, outcome })
    }

    /// That somebody else than the asker reviews this entry. An older database beside the newest log may not know who
    /// asked; when the month of their pseudonym is over too, nobody but an auditor can be believed.
    fn reviews(&self, by: &PersonId, entry: &Leaf) -> Result<()> {
        match self.is_of(entry, by)? {
            Some(true) => Err(Error::forbidden("Somebody else than the asker reviews a question.")),
            Some(false) => Ok(()),
            None => self.allowed(by, Action::ReadAudit).map(drop).map_err(|e| {
                Error::forbidden("Who asked this is not known any more; an auditor reviews it.")
                    .because(e.inside())
            }),
        }
    }

    /// Reviews a question for a life in danger that somebody else has asked; gives the review's number on
    /// the log.
    pub fn review_emergency(
        &self,
        by: &PersonId,
        entry: u64,
        review: EmergencyReview,
    ) -> Result<u64> {
        let person = self.allowed(by, Action::ReviewBreakGlass)?;
        told_why(&review.note)?;
        if !self.emergencies().waits(entry) {
            return Err(none());
        }
        self.reviews(by, &self.entry_at(entry)?)?;
        let id: [u8; 16] = base::random();
        let id = format!("rev_{}", base::hex(&id));
        let body = base::canonical(&review)
            .map_err(|e| Error::internal("The review cannot be kept; see the log.").because(e))?;
        let (_, commitment) = self.keep_record("review", &id, &body)?;
        let leaf = self
            .leaf_by("breakglass.reviewed", &person)?
            .id(&id)
            .fact("entry", entry)
            .fact("finding", review.finding.slug())
            .body(commitment);
        let index = self.log.append(&leaf)?.index;
        self.emergencies().add(index, &leaf);
        Ok(index)
    }
}

fn none() -> Error {
    Error::not_found("This entry waits for no review.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Town, at, person};
    use crate::{Ask, NewPerson};
    use base::{Kind, SigningKey};

    #[test]
    fn the_next_working_day_ends() {
        let check = |asked: &str, by: &str| assert_eq!(due(at(asked)), at(by), "{asked}");
        check("2026-11-23T00:00:00Z", "2026-11-25T00:00:00Z"); // a Monday
        check("2026-11-26T23:59:59Z", "2026-11-28T00:00:00Z"); // a Thursday
        check("2026-11-27T12:00:00Z", "2026-12-01T00:00:00Z"); // a Friday
        check("2026-11-28T12:00:00Z", "2026-12-01T00:00:00Z");
        check("2026-11-29T12:00:00Z", "2026-12-01T00:00:00Z");
    }

    /// An older database was put beside the newest log: who asked is lost.
    #[test]
    fn nobody_reviews_their_own_after_a_restore() {
        let town = Town::new("2026-11-23T12:00:00Z", "");
        let somebody = |id: &str, role: &str| {
            let new = NewPerson {
                id: id.parse().unwrap(),
                name: id.into(),
                office: "police".into(),
                roles: vec![role.into()],
                key: SigningKey::generate().public(),
            };
            town.city.add_person(&person(), new.clone()).unwrap();
            new.id
        };
        let (sam, sue) = (somebody("per_sam", "supervisor"), somebody("per_sue", "supervisor"));
        let auditor = somebody("per_aud", "auditor");
        let asked = || {
            let danger = Ask {
                emergency: true,
                case: None,
                reason: Some("A child was taken.".into()),
                ..town.question("7ABC128")
            };
            let entry = town.city.ask(&sam, danger).unwrap().log_entry;
            let id = town.city.entry_at(entry).unwrap().id.unwrap();
            town.city.store.forget_ask(&id).unwrap();
            entry
        };
        let (first, second) = (asked(), asked());
        let review = |by: &PersonId, entry| {
            let note = "It was.".into();
            let review = EmergencyReview { finding: Finding::Justified, note };
            town.city.review_emergency(by, entry, review).map_err(|e| e.kind())
        };
        let offered = |by: &PersonId| {
            let (waiting, _) = town.city.emergencies_for(by).unwrap();
            waiting.iter().filter(|e| e.may_review).count()
        };
        assert_eq!((offered(&sam), offered(&sue)), (0, 2));
        assert_eq!(review(&sam, first), Err(Kind::Forbidden));
        review(&sue, first).unwrap();
        // In the next month the entry's pseudonym leads to nobody.
        town.clock.advance(9 * DAY_MS);
        assert_eq!((offered(&sam), offered(&sue), offered(&auditor)), (0, 0, 1));
        assert_eq!(review(&sue, second), Err(Kind::Forbidden));
        review(&auditor, second).unwrap();
    }

    #[test]
    fn one_that_nobody_reviewed_blocks_the_next() {
        let town = Town::new("2026-11-23T12:00:00Z", "");
        town.pass("7ABC128");
        let danger = |reason: Option<&str>| Ask {
            emergency: true,
            case: None,
            reason: reason.map(str::to_owned),
            ..town.question("7ABC128")
        };
        let e = town.city.ask(&person(), danger(None)).err().unwrap();
        assert_eq!(e.kind(), Kind::Refused, "{e}");
        let answer = town.city.ask(&person(), danger(Some("A child was taken."))).unwrap();
        assert_eq!(answer.opened, 1);
        let leaf = &town.logged("search.intent")[0];
        assert!(leaf.facts.contains_key("emergency") && leaf.text("case") == Some("none"));
        let waiting = town.city.unreviewed(&person()).unwrap();
        assert_eq!((waiting.len(), waiting[0].overdue), (1, false));
        let review =
            |note: &str| EmergencyReview { finding: Finding::Justified, note: note.into() };
        let own = town.city.review_emergency(&person(), answer.log_entry, review("It was."));
        assert_eq!(own.err().unwrap().kind(), Kind::Forbidden);
        // A day and a half later the next is refused; an ordinary question is not.
        town.clock.advance(36 * 3_600_000);
        let e = town.city.ask(&person(), danger(Some("Another."))).err().unwrap();
        assert!(e.message().contains("review-first"), "{e}");
        town.city.ask(&person(), town.question("7ABC128")).unwrap();
        let sue = NewPerson {
            id: "per_sue".parse().unwrap(),
            name: "Sue".into(),
            office: "police".into(),
            roles: vec!["supervisor".into()],
            key: SigningKey::generate().public(),
        };
        town.city.add_person(&person(), sue.clone()).unwrap();
        let by_sue = |entry, note: &str| town.city.review_emergency(&sue.id, entry, review(note));
        assert_eq!(by_sue(answer.log_entry, " ").err().unwrap().kind(), Kind::Invalid);
        assert_eq!(by_sue(0, "x").err().unwrap().kind(), Kind::NotFound);
        // The log alone says what is open.
        drop(town.city.emergencies());
        let overdue = || {
            let (mut replayed, log) = (Emergencies::default(), &town.city.log);
            let leaves = log.leaves(0, log.size()).unwrap();
            (0u64..).zip(&leaves).for_each(|(index, leaf)| replayed.add(index, leaf));
            replayed.overdue(town.city.now())
        };
        assert!(overdue());
        let (waiting, done) = town.city.emergencies_for(&sue.id).unwrap();
        assert_eq!((waiting[0].asker.as_ref(), done.len()), (Some(&person()), 0));
        assert_eq!(waiting[0].outcome.as_ref().unwrap().number("opened"), Some(1));
        by_sue(answer.log_entry, "It was.").unwrap();
        let (waiting, done) = town.city.emergencies_for(&sue.id).unwrap();
        assert_eq!(
            (waiting.len(), done[0].entry, done[0].by.as_str()),
            (0, answer.log_entry, "police")
        );
        assert!(!overdue());
        town.city.ask(&person(), danger(Some("Another."))).unwrap();
    }
}
