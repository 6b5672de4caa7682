//! What a city keeps of who asks, so that misuse is noticed: one row a question, without plate and case number.
//!
//! The row is there before the question is on the log, so that no crash hides who asked. From it come the
//! asker's own list, what the asker says came of it, and the alarms of [`crate::alarms`].

use crate::{AnswerRead, City};
use base::{Error, HoldId, PersonId, Result, Time};
use ledger::Leaf;
use plate::Text;
use policy::Intent;
use serde::{Deserialize, Serialize};
use store::AskRow;
use utoipa::ToSchema;

/// How long it is kept who asked: beyond that nobody leads a pseudonym of the log back to a person.
const KEPT_MS: i64 = 92 * 86_400_000;
/// How long a closed alarm is kept.
const ALARMS_MS: i64 = 400 * 86_400_000;
/// How long an asker has to say what came of a question.
pub(crate) const SAY_MS: i64 = 14 * 86_400_000;
/// Under which small settings it is kept who placed a hold.
const PLACERS: &str = "hold/by/";
/// Plates of an answer that count as asked about.
const OPENED: usize = 20;
/// The most questions in one page.
const PAGE: u32 = 200;

/// What is kept of a question beside who asked it and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// `allowed`, `narrowed`, `refused` or `breakglass`.
    pub decision: String,
    pub purpose: String,
    pub rule: String,
    /// Until when the public log says no more than that there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_until: Option<Time>,
    /// The registered paper that it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<String>,
    /// Which of the city's own plates it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<String>,
    /// What the asker says came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The vehicle or the person was found.
    Found,
    /// Somebody was arrested.
    Arrest,
    /// It became evidence.
    Evidence,
    /// It gave a lead.
    Lead,
    /// Nothing.
    Nothing,
    /// It was asked by mistake.
    Mistake,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 6] = [
        Outcome::Found,
        Outcome::Arrest,
        Outcome::Evidence,
        Outcome::Lead,
        Outcome::Nothing,
        Outcome::Mistake,
    ];

    /// As the public log spells it.
    pub fn slug(self) -> &'static str {
        match self {
            Outcome::Found => "found",
            Outcome::Arrest => "arrest",
            Outcome::Evidence => "evidence",
            Outcome::Lead => "lead",
            Outcome::Nothing => "nothing",
            Outcome::Mistake => "mistake",
        }
    }

    /// The one of this name.
    pub fn named(slug: &str) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|outcome| outcome.slug() == slug)
    }
}

/// A question of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuestionLine {
    /// Its id.
    pub id: String,
    /// When it was asked.
    pub asked: Time,
    /// The purpose.
    pub purpose: String,
    /// `allowed`, `narrowed`, `refused` or `breakglass`.
    pub decision: String,
    /// The rule that decided; empty where none did.
    pub rule: String,
    /// Its number on the log; none where a crash came between.
    pub log_entry: Option<u64>,
    /// The number of the answer on the log.
    pub outcome_entry: Option<u64>,
    /// How many reads were opened; at least so many where the city logs ranges.
    pub opened: u64,
    /// Until when the public log says no more than that there was one.
    pub sealed_until: Option<Time>,
    /// What the asker said came of it.
    pub outcome: Option<Outcome>,
    /// By when the asker has to say so, where that is open.
    pub due: Option<Time>,
}

/// Some of a person's questions.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Questions {
    /// Newest first.
    pub questions: Vec<QuestionLine>,
    /// The last one, where there are more behind it.
    pub next: Option<String>,
}

/// That an asker says what came of a question.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// What came of it.
    pub outcome: Outcome,
}

pub(crate) fn read(row: &AskRow) -> Result<Asked> {
    serde_json::from_str(&row.json).map_err(|e| {
        Error::internal("A stored question is damaged; restore the database.").because(e)
    })
}

/// A finding or a grade says why, in a sentence.
pub(crate) fn told_why(note: &str) -> Result<()> {
    if (1..=1000).contains(&note.trim().chars().count()) {
        return Ok(());
    }
    Err(Error::invalid("Say in a sentence of at most 1000 characters why."))
}

/// Whether an outcome says that the asker went away, or could not be answered.
fn broke_off(outcome: &Leaf) -> bool {
    outcome.facts.contains_key("cancelled")
}

fn unkept(e: impl std::fmt::Display) -> Error {
    Error::internal("The question cannot be kept; ask again.").because(e.to_string())
}

impl City {
    /// Keeps that somebody asks, before the log says so.
    pub(crate) fn keep_asker(&self, intent: &Intent, rule: &str, decision: &str) -> Result<AskRow> {
        let own = self.store.own_plates()?;
        let sealed: Vec<_> = own.iter().map(|row| row.sealed.clone()).collect();
        let marks = self.custody.marks(intent, &sealed)?;
        let own = marks.own.iter().filter_map(|at| own.get(*at as usize));
        let asked = Asked {
            decision: if intent.emergency && decision != "refused" {
                "breakglass"
            } else {
                decision
            }
            .into(),
            purpose: intent.public_purpose().to_owned(),
            rule: rule.to_owned(),
            sealed_until: intent.sealed_until(),
            paper: intent.paper.clone(),
            own: own.map(|row| row.id.clone()).collect(),
            outcome: None,
        };
        let row = AskRow {
            id: intent.id.clone(),
            person: intent.person.clone(),
            asked: intent.at,
            json: serde_json::to_string(&asked).map_err(unkept)?,
        };
        self.store.put_ask(&row, &marks.plates)?;
        Ok(row)
    }

    /// Forgets who asked when that is long ago, and marks of months that are over: their key is gone. What auditors
    /// still have to judge, and what is sealed, is remembered until then.
    pub(crate) fn forget_askers(&self) -> Result<()> {
        let now = self.now();
        let first = format!("{}-01T00:00:00Z", now.month()).parse().unwrap_or(now);
        self.store.forget_marks(first, now.plus_millis(-ALARMS_MS))?;
        let (due, open) = (self.log.audit().due, self.open_alarm_asks()?);
        let old = self.store.asks_between(Time::from_millis(0), now.plus_millis(-KEPT_MS))?;
        for row in old {
            let judged = |entry| due.contains_key(&entry) || self.emergencies().waits(entry);
            let drawn = self.entry_of(&row.id).is_some_and(judged);
            let until = read(&row)?.sealed_until;
            let sealed = until.is_some_and(|until| until.plus_millis(KEPT_MS) > now);
            if !drawn && !sealed && !open.contains(&row.id) {
                self.store.forget_ask(&row.id)?;
            }
        }
        for kept in self.store.metas(PLACERS)? {
            let id = kept.split(' ').next().unwrap_or_default();
            let at = id.parse::<HoldId>().ok().map(|id| id.time());
            let old = at.is_none_or(|at| at.plus_millis(KEPT_MS) <= now);
            let placed = self.log.find("hold.placed", id);
            if old && !placed.is_some_and(|entry| due.contains_key(&entry)) {
                self.store.drop_metas(&format!("{PLACERS}{id}"))?;
            }
        }
        Ok(())
    }

    /// Keeps who places a hold, before the log says so.
    pub(crate) fn keep_placer(&self, hold: HoldId, by: &PersonId) -> Result<()> {
        self.store.set_meta(&format!("{PLACERS}{hold}"), &format!("{hold} {by}"))
    }

    /// Who asked a question, or placed a hold, where that is still known.
    pub(crate) fn asker_of(&self, id: &str) -> Result<Option<PersonId>> {
        if let Some(row) = self.store.ask(id)? {
            return Ok(Some(row.person));
        }
        let kept = self.store.meta(&format!("{PLACERS}{id}"))?;
        Ok(kept.and_then(|kept| kept.split_once(' ')?.1.parse().ok()))
    }

    /// Whether it was this person who asked a question, or placed a hold, by its entry. Where a restored database has
    /// lost who it was, the entry's pseudonym says so as long as its month lasts; `None` when that is over.
    pub(crate) fn is_of(&self, entry: &Leaf, person: &PersonId) -> Result<Option<bool>> {
        if let Some(asker) = self.asker_of(entry.id.as_deref().unwrap_or_default())? {
            return Ok(Some(asker == *person));
        }
        if entry.time.month() != self.now().month() {
            return Ok(None);
        }
        let Some(actor) = &entry.actor else { return Ok(Some(false)) };
        Ok(Some(*actor == self.custody.pseudonym(person)?))
    }

    /// The number of a question or refusal on the log.
    pub(crate) fn entry_of(&self, id: &str) -> Option<u64> {
        self.log.find("search.intent", id).or_else(|| self.log.find("search.refused", id))
    }

    /// What became of a question: the number of that entry, and what it says.
    fn outcome_of(&self, id: &str) -> Result<Option<(u64, Leaf)>> {
        let index = self.log.find("search.outcome", id);
        index.map(|index| Ok((index, self.entry_at(index)?))).transpose()
    }

    /// Whether a question was not answered, by the log: nothing can come of it.
    pub(crate) fn came_to_nothing(&self, id: &str) -> Result<bool> {
        Ok(self.outcome_of(id)?.is_some_and(|(_, leaf)| broke_off(&leaf)))
    }

    fn question_line(&self, row: &AskRow) -> Result<QuestionLine> {
        let asked = read(row)?;
        let answered = self.outcome_of(&row.id)?;
        let opened = answered.as_ref().map_or(0, |(_, leaf)| leaf.opened());
        let from = asked.sealed_until.unwrap_or(row.asked);
        let open = asked.outcome.is_none() && asked.decision != "refused";
        let open = open && !answered.as_ref().is_some_and(|(_, leaf)| broke_off(leaf));
        Ok(QuestionLine {
            id: row.id.clone(),
            asked: row.asked,
            purpose: asked.purpose,
            decision: asked.decision,
            rule: asked.rule,
            log_entry: self.entry_of(&row.id),
            outcome_entry: answered.map(|(index, _)| index),
            opened,
            sealed_until: asked.sealed_until.filter(|until| *until > self.now()),
            outcome: asked.outcome,
            due: open.then(|| from.plus_millis(SAY_MS)),
        })
    }

    /// A person's own questions, newest first, from behind the one named `after`.
    pub fn questions(&self, by: &PersonId, after: Option<&str>, limit: u32) -> Result<Questions> {
        let person = self.person(by)?;
        let behind = match after {
            Some(id) => Some(self.own_question(&person.id, id)?),
            None => None,
        };
        let before = behind.as_ref().map(|row| (row.asked, row.id.as_str()));
        let limit = limit.clamp(1, PAGE);
        let mut rows = self.store.asks_of(&person.id, before, limit + 1)?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = if more { rows.last().map(|row| row.id.clone()) } else { None };
        let questions = rows.iter().map(|row| self.question_line(row)).collect::<Result<_>>()?;
        Ok(Questions { questions, next })
    }

    /// A question was misuse: its paper counts no longer. The log says so from a moment on, and not before the
    /// question is revealed.
    pub(crate) fn suspend_paper_of(&self, id: &str, from: Time) -> Result<()> {
        let Some(row) = self.store.ask(id)? else { return Ok(()) };
        let asked = read(&row)?;
        match asked.paper {
            Some(paper) => {
                self.suspend_paper(&paper, asked.sealed_until.map_or(from, |t| t.max(from)))
            }
            None => Ok(()),
        }
    }

    /// What a question opened counts as asked about, however it was spelled.
    pub(crate) fn mark_opened(
        &self,
        row: &AskRow,
        intent: &Intent,
        opened: &[AnswerRead],
    ) -> Result<()> {
        // Whoever asks for plates by all their characters has said which; those are marked already.
        if intent.manner() == "exact" || opened.is_empty() {
            return Ok(());
        }
        let mut plates: Vec<Text> =
            opened.iter().filter_map(|r| Text::parse(&r.plate).ok()).collect();
        plates.sort();
        plates.dedup();
        plates.truncate(OPENED);
        let found = Intent { plates, patterns: Vec::new(), look_alikes: false, ..intent.clone() };
        let marks = self.custody.marks(&found, &[])?;
        self.store.add_marks(row, &marks.plates)?;
        self.watched(row);
        Ok(())
    }

    pub(crate) fn judging(&self) -> std::sync::MutexGuard<'_, ()> {
        self.judging.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn own_question(&self, by: &PersonId, id: &str) -> Result<AskRow> {
        let row = self.store.ask(id)?.filter(|row| row.person == *by);
        row.ok_or_else(|| Error::not_found("You asked no such question; see your own questions."))
    }

    /// The asker says what came of a question: once, and on the log.
    pub fn say_outcome(&self, by: &PersonId, id: &str, said: Said) -> Result<QuestionLine> {
        let person = self.person(by)?;
        let row = self.own_question(&person.id, id)?;
        let mut asked = read(&row)?;
        if asked.decision == "refused" {
            return Err(Error::conflict("Nothing can come of a question that was refused."));
        }
        if asked.sealed_until.is_some_and(|until| until > self.now()) {
            return Err(Error::conflict(
                "This question is sealed; say what came of it when the log has revealed it.",
            ));
        }
        if asked.outcome.is_some_and(|before| before != said.outcome) {
            return Err(Error::conflict("You said what came of it before; that stays on the log."));
        }
        // Without a pseudonym: that of this month beside a question of an earlier one would tie the two together.
        let leaf = self.leaf("search.followed").by(&person.office).id(id);
        let entry = self.log.append_once(&leaf.fact("outcome", said.outcome.slug()))?;
        if Leaf::parse(&entry.leaf)?.text("outcome") != Some(said.outcome.slug()) {
            return Err(Error::conflict("You said what came of it before; that stays on the log."));
        }
        asked.outcome = Some(said.outcome);
        self.store.change_ask(id, &serde_json::to_string(&asked).map_err(unkept)?)?;
        self.question_line(&AskRow { json: serde_json::to_string(&asked).map_err(unkept)?, ..row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Town, clerk, person};
    use base::Kind;

    #[test]
    fn the_asker_says_what_came_of_it_once() {
        let town = Town::new("2026-11-02T12:00:00Z", "");
        town.pass("7ABC128");
        let answer = town.city.ask(&person(), town.question("7ABC128")).unwrap();
        town.clock.advance(1000);
        let refused = crate::Ask { purpose: "curiosity".into(), ..town.question("7ABC128") };
        assert!(town.city.ask(&person(), refused).is_err());
        let mine = town.city.questions(&person(), None, 10).unwrap();
        assert_eq!(mine.questions.len(), 2);
        let (no, yes) = (&mine.questions[0], &mine.questions[1]);
        assert_eq!((no.decision.as_str(), no.due), ("refused", None));
        assert_eq!((yes.log_entry, yes.opened), (Some(answer.log_entry), 1));
        let first = town.city.questions(&person(), None, 1).unwrap();
        let second = town.city.questions(&person(), first.next.as_deref(), 1).unwrap();
        assert_eq!((second.questions[0].id.as_str(), second.next), (yes.id.as_str(), None));
        // Nobody sees or judges those of another person.
        assert!(town.city.questions(&clerk(), None, 10).unwrap().questions.is_empty());
        let say = |by: &PersonId, id: &str, outcome| {
            town.city.say_outcome(by, id, Said { outcome }).map_err(|e| e.kind())
        };
        assert_eq!(say(&clerk(), &yes.id, Outcome::Lead).unwrap_err(), Kind::NotFound);
        assert_eq!(say(&person(), &no.id, Outcome::Lead).unwrap_err(), Kind::Conflict);
        assert_eq!(say(&person(), &yes.id, Outcome::Lead).unwrap().due, None);
        say(&person(), &yes.id, Outcome::Lead).unwrap();
        assert_eq!(say(&person(), &yes.id, Outcome::Found).unwrap_err(), Kind::Conflict);
        assert_eq!(town.logged("search.followed").len(), 1);
        assert_eq!(town.city.log.figures().audit.followed["lead"], 1);
    }
}
