//! What an auditor looks at: alarms, and what the lottery drew.

use crate::page::Page;
use askama::Template;

/// Something that looks like misuse.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// Its id.
    pub id: String,
    /// What kind: `same-plate`, `colleague`, `two-places`, `no-outcome`, `volume`.
    pub kind: String,
    /// How many of what it counts.
    pub count: u64,
    /// Whom it is about.
    pub who: String,
    /// When, as shown.
    pub at: String,
    /// Entries of the log it is about.
    pub entries: Vec<u64>,
    /// Whether it is about the one who looks, and is open: somebody else closes it.
    pub own: bool,
    /// `open`, `justified` or `unjustified`.
    pub state: String,
    /// What the auditor wrote.
    pub note: String,
}

/// A question or refusal that the lottery drew.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// Its number on the log.
    pub index: u64,
    /// Its type on the log.
    pub kind: String,
    /// When, as shown.
    pub at: String,
    /// The purpose.
    pub purpose: String,
    /// The rule that decided.
    pub rule: String,
    /// By when it has to be graded, as shown; empty where it is.
    pub due: String,
    /// `drawn`, `overdue` or `graded`.
    pub state: String,
    /// The grade; empty while there is none.
    pub grade: String,
    /// The office that gave it.
    pub by: String,
    /// Whether the one who looks has opened it, and so may grade it.
    pub opened: bool,
}

/// Alarms and the audit by lottery (`POST /console/audit/{index}`, `POST /console/audit/alarms/{id}`).
#[derive(Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    /// Around it.
    pub page: Page,
    /// How much of an auditor's work is overdue; the public page says so too.
    pub overdue: u64,
    /// The month of the draw, as shown; empty where none was drawn yet.
    pub month: String,
    /// Hash of the checkpoint that drew.
    pub checkpoint: String,
    /// Alarms, newest first.
    pub alarms: Vec<Alarm>,
    /// What was drawn, the most urgent first.
    pub drawn: Vec<Drawn>,
    /// Grades there are.
    pub grades: Vec<String>,
    /// Whether this person may grade.
    pub may_grade: bool,
}

impl AuditPage {
    fn graded(&self) -> usize {
        self.drawn.iter().filter(|d| d.state == "graded").count()
    }
}
