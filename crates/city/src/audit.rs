//! Audits: the private halves of log entries, for those who hold the auditors' key; and the questions and holds that
//! the log itself draws, which auditors must open and grade.
//!
//! The city hands out what is sealed; it cannot open it itself. That somebody looked is on the log
//! before they get it.

use crate::oversight::told_why;
use crate::{AuditRecord, City};
use base::{Error, PersonId, Result, Time, b64};
use ledger::Leaf;
use policy::Action;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Under which kind the private half of an entry of this type is kept.
fn record_of(kind: &str) -> &'static str {
    match kind {
        "search.outcome" => "outcome",
        "hotlist.checked" => "check",
        "hold.placed" => "hold",
        "paper.attested" => "paper",
        "breakglass.reviewed" => "review",
        "audit.graded" => "grade",
        "order.off" | "order.on" => "order",
        "hit.compared" | "hit.verdict" | "hit.outcome" => "remark",
        _ => "intent",
    }
}

/// Beside an entry that an auditor wanted to open and whose private half nobody has any more.
const LOST: &str = "lost";

/// How an auditor grades a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// Purpose, case and what was asked fit together.
    Sound,
    /// Something does not fit, and nobody can tell.
    Doubtful,
    /// It should not have been asked.
    Misuse,
}

impl Grade {
    /// All of them.
    pub const ALL: [Grade; 3] = [Grade::Sound, Grade::Doubtful, Grade::Misuse];

    /// As the public log spells it.
    pub fn slug(self) -> &'static str {
        match self {
            Grade::Sound => "sound",
            Grade::Doubtful => "doubtful",
            Grade::Misuse => "misuse",
        }
    }

    /// The one of this name.
    pub fn named(slug: &str) -> Option<Grade> {
        Grade::ALL.into_iter().find(|grade| grade.slug() == slug)
    }
}

/// A grade.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGrade {
    /// It is public.
    pub grade: Grade,
    /// Why, in a sentence; it stays private.
    pub note: String,
}

/// Where a grade stands.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Graded {
    /// The grade's number on the log.
    pub log_entry: u64,
}

/// An entry that was drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrawnLine {
    /// Its number on the log.
    pub entry: u64,
    /// Its type on the log.
    pub kind: String,
    /// When it was asked, as the log tells time.
    pub at: Time,
    /// The purpose; empty while the question is sealed.
    pub purpose: String,
    /// The rule that decided.
    pub rule: String,
    /// By when it has to be graded; none where it is.
    pub due: Option<Time>,
    /// The grade.
    pub grade: Option<String>,
    /// The office that gave it.
    pub by: Option<String>,
    /// Whether an auditor has opened it since it was drawn.
    pub opened: bool,
}

/// What the lottery drew last, and what is left of earlier months.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Drawing {
    /// The month that was drawn last; empty where none was yet.
    pub month: String,
    /// The root that drew, base64.
    pub root: String,
    /// How much should have been drawn, graded or closed by now, and was not.
    pub overdue: u64,
    /// Entries that wait, the most urgent first; then those of that month that are graded.
    pub entries: Vec<DrawnLine>,
}

impl City {
    /// The sealed private half of log entry `index`, with the salt of its commitment.
    pub fn audit_record(&self, by: &PersonId, index: u64) -> Result<AuditRecord> {
        self.audit_record_of(by, None, index)
    }

    /// The same of an earlier log, where `log` names one: 1 is the first that the city had.
    pub fn audit_record_of(
        &self,
        by: &PersonId,
        log: Option<u32>,
        index: u64,
    ) -> Result<AuditRecord> {
        let auditor = self.allowed(by, Action::ReadAudit)?;
        let leaf = match log {
            None => self.entry_at(index)?,
            Some(number) => self.earlier_entry(number, index)?,
        };
        let none =
            || Error::not_found("This entry has no private half; choose a question or a refusal.");
        if leaf.body.is_none() {
            return Err(none());
        }
        // Remarks, and signatures under orders, have names of their own.
        let named = leaf.text("remark").or(leaf.text("signatures"));
        let id = named.or(leaf.id.as_deref()).ok_or_else(none)?;
        let due = log.is_none() && self.log.audit().due.contains_key(&index);
        let Some(record) = self.store.record(record_of(&leaf.kind), id)? else {
            let lost = "The private half of this entry is lost: an older database was put back.";
            if !due {
                return Err(Error::gone(lost));
            }
            // It must not be overdue for ever.
            self.store.set_meta(&opened_key(index, by), LOST)?;
            return Err(Error::gone(format!(
                "{lost} Look at what is public of it, and grade it doubtful: homeplate audit grade {index}."
            )));
        };
        let opened = self.leaf_by("audit.opened", &auditor)?.fact("entry", index);
        self.log.append(&match log {
            None => opened,
            Some(number) => opened.fact("log", self.origin_of(number)),
        })?;
        // The log names nobody: who opened it, and so may grade it, the city remembers itself.
        if due {
            self.store.set_meta(&opened_key(index, by), "1")?;
        }
        Ok(AuditRecord { index, leaf, salt: b64(&record.salt), sealed: record.sealed })
    }

    /// Entry number `index` of the log.
    pub(crate) fn entry_at(&self, index: u64) -> Result<Leaf> {
        self.log.leaves(index, index.saturating_add(1))?.pop().ok_or_else(|| {
            Error::not_found(format!("The log has only {} entries.", self.log.size()))
        })
    }

    /// Puts on the log what it draws of months that are over.
    pub(crate) fn draw_audits(&self) -> Result<()> {
        for draw in self.log.draws()? {
            self.log.append_once(&draw.leaf(self.leaf("audit.drawn")))?;
        }
        Ok(())
    }

    fn opened_by(&self, index: u64, by: &PersonId) -> Result<bool> {
        Ok(self.store.meta(&opened_key(index, by))?.is_some())
    }

    /// Grades a question or a hold that the log has drawn: who grades has opened it, and it is not theirs, as far as an
    /// older database beside the newest log still knows whose; an auditor is believed beyond, as with emergencies. One whose
    /// private half such a database has lost is doubtful, and the log says why. Gives the grade's number on the log. Where
    /// it was misuse, the paper that it rested on counts no longer.
    pub fn grade(&self, by: &PersonId, index: u64, new: NewGrade) -> Result<Graded> {
        let auditor = self.allowed(by, Action::ReadAudit)?;
        told_why(&new.note)?;
        let _alone = self.judging();
        if !self.log.audit().due.contains_key(&index) {
            return Err(Error::not_found("This entry waits for no grade; see what was drawn."));
        }
        let drawn = self.entry_at(index)?;
        if self.is_of(&drawn, &auditor.id)? == Some(true) {
            return Err(Error::forbidden(
                "You asked or placed this yourself; another auditor grades it.",
            ));
        }
        let opened = self.store.meta(&opened_key(index, by))?.ok_or_else(|| {
            Error::conflict(format!(
                "Open the entry before you grade it: homeplate audit open {index}."
            ))
        })?;
        let lost = opened == LOST;
        if lost && new.grade != Grade::Doubtful {
            return Err(Error::invalid(
                "The private half of this entry is lost, so nobody can tell; grade it doubtful.",
            ));
        }
        let id: [u8; 16] = base::random();
        let id = format!("gra_{}", base::hex(&id));
        let body = base::canonical(&new)
            .map_err(|e| Error::internal("The grade cannot be kept; see the log.").because(e))?;
        let (_, commitment) = self.keep_record("grade", &id, &body)?;
        let leaf = self.leaf_by("audit.graded", &auditor)?.id(&id).body(commitment);
        let leaf = leaf.fact("entry", index).fact("grade", new.grade.slug());
        let leaf = if lost { leaf.fact("lost", true) } else { leaf };
        // Before the grade: cut off in between it is given again, and suspends again.
        if new.grade == Grade::Misuse {
            self.suspend_paper_of(drawn.id.as_deref().unwrap_or_default(), self.now())?;
            // Of a hold the entry alone names it.
            if let Some(paper) = drawn.text("paper_id") {
                self.suspend_paper(paper, self.now())?;
            }
        }
        let log_entry = self.log.append(&leaf)?.index;
        self.store.set_meta(&graded_key(index), &log_entry.to_string())?;
        self.store.drop_metas(&format!("audit/opened/{index}/"))?;
        self.log_suspensions()?;
        Ok(Graded { log_entry })
    }

    /// What the lottery drew last, and what is left of earlier months.
    pub fn drawing(&self, by: &PersonId) -> Result<Drawing> {
        self.allowed(by, Action::ReadAudit)?;
        let audit = self.log.audit();
        let mut drawing = Drawing { overdue: audit.overdue(self.now()), ..Drawing::default() };
        let mut due: Vec<(Option<Time>, u64)> =
            audit.due.iter().map(|(entry, due)| (Some(*due), *entry)).collect();
        due.sort_unstable();
        if let Some(last) = self.last_drawn()? {
            drawing.month = last.id.clone().unwrap_or_default();
            drawing.root = last.text("root").unwrap_or_default().to_owned();
            let entries = last.text("entries").unwrap_or_default().split(' ');
            let entries = entries.filter_map(|n| n.parse().ok());
            due.extend(entries.filter(|n| !audit.due.contains_key(n)).map(|n| (None, n)));
        }
        for (due, entry) in due {
            drawing.entries.push(self.drawn_line(by, entry, due)?);
        }
        Ok(drawing)
    }

    /// The newest entry that says what was drawn; nobody asks further back than a year.
    fn last_drawn(&self) -> Result<Option<Leaf>> {
        let mut at = self.now();
        for _ in 0..12 {
            let month = at.month();
            if let Some(index) = self.log.find("audit.drawn", &month) {
                return self.entry_at(index).map(Some);
            }
            let Ok(first) = format!("{month}-01T00:00:00Z").parse::<Time>() else { break };
            at = first.plus_millis(-1);
        }
        Ok(None)
    }

    fn drawn_line(&self, by: &PersonId, entry: u64, due: Option<Time>) -> Result<DrawnLine> {
        let leaf = self.entry_at(entry)?;
        let grade = match self.store.meta(&graded_key(entry))?.and_then(|n| n.parse().ok()) {
            Some(index) => Some(self.entry_at(index)?),
            None => None,
        };
        let fact = |name: &str| leaf.text(name).unwrap_or_default().to_owned();
        Ok(DrawnLine {
            entry,
            at: leaf.time,
            purpose: fact("purpose"),
            rule: fact("rule"),
            kind: leaf.kind.clone(),
            due,
            grade: grade.as_ref().and_then(|g| g.text("grade")).map(str::to_owned),
            by: grade.and_then(|g| g.by),
            opened: self.opened_by(entry, by)?,
        })
    }
}

fn opened_key(index: u64, by: &PersonId) -> String {
    format!("audit/opened/{index}/{by}")
}

fn graded_key(index: u64) -> String {
    format!("audit/graded/{index}")
}

#[cfg(test)]
#[path = "tests/audit.rs"]
mod tests;
