//! The review of questions that were asked because a life was in danger.

use crate::page::{Page, Wrong};
use askama::Template;

/// A question that waits for its review. What was asked and why is sealed to the auditors' key: here stands what
/// the log shows, and whom to ask.
#[derive(Clone, Debug)]
pub struct BreakGlassView {
    /// Its number on the log.
    pub entry: u64,
    /// Who asked; empty where that is not known.
    pub who: String,
    /// The office.
    pub office: String,
    /// When, as shown.
    pub at: String,
    /// The purpose.
    pub purpose: String,
    /// Who vouches for its case: `none`, `stated` or `attested`.
    pub case: String,
    /// The rule that allowed it.
    pub rule: String,
    /// How many plates.
    pub plates: u64,
    /// Cameras asked.
    pub cameras: u64,
    /// The beginning, by the hour.
    pub from: String,
    /// The end, by the hour.
    pub until: String,
    /// Reads opened, as the log tells it; empty while there is no outcome.
    pub opened: String,
    /// By when it has to be reviewed, as shown.
    pub due: String,
    /// `waiting` or `overdue`.
    pub state: String,
    /// Whether this person may review it; nobody reviews an own question.
    pub may_review: bool,
    /// What the reviewer typed, to be shown again.
    pub note: String,
}

impl BreakGlassView {
    /// The name by which what is wrong with its note is told.
    fn field(&self) -> String {
        format!("note-{}", self.entry)
    }
}

/// A question that was reviewed.
#[derive(Clone, Debug)]
pub struct ReviewedView {
    /// Its number on the log.
    pub entry: u64,
    /// `justified` or `unjustified`.
    pub finding: String,
    /// The reviewer's office.
    pub by: String,
    /// When, as shown.
    pub at: String,
    /// The review's number on the log.
    pub log_entry: u64,
}

/// Review of questions asked with life in danger (`POST /console/breakglass/{entry}`).
#[derive(Template)]
#[template(path = "breakglass.html")]
pub struct BreakGlassPage {
    /// Around it.
    pub page: Page,
    /// What is wrong with what was sent.
    pub wrong: Vec<Wrong>,
    /// Those that wait, the most urgent first.
    pub waiting: Vec<BreakGlassView>,
    /// Those reviewed last, newest first.
    pub done: Vec<ReviewedView>,
    /// Whether this person may be given the sealed half of an entry.
    pub may_open: bool,
}
