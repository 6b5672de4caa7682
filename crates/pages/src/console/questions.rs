//! Questions that were asked: one's own, and those with life in danger.

use crate::page::Page;
use askama::Template;

/// A question of one's own.
#[derive(Clone, Debug)]
pub struct QuestionView {
    /// Its id.
    pub id: String,
    /// When, as shown.
    pub asked: String,
    /// The purpose.
    pub purpose: String,
    /// `allowed`, `narrowed`, `refused` or `breakglass`.
    pub decision: String,
    /// The rule that decided.
    pub rule: String,
    /// Number on the log; `None` where a crash came between.
    pub log_entry: Option<u64>,
    /// Number of the outcome on the log; `None` while there is none.
    pub outcome_entry: Option<u64>,
    /// Reads opened.
    pub opened: u64,
    /// Until when it is sealed, as shown.
    pub sealed_until: Option<String>,
    /// What came of it, one of the page's outcomes; `None` while nobody has said.
    pub outcome: Option<String>,
    /// By when somebody has to say what came of it, as shown.
    pub due: Option<String>,
}

/// One's own questions (`POST /console/questions/{id}/outcome`).
#[derive(Template)]
#[template(path = "questions.html")]
pub struct QuestionsPage {
    /// Around it.
    pub page: Page,
    /// Newest first.
    pub questions: Vec<QuestionView>,
    /// What may come of a question.
    pub outcomes: Vec<String>,
    /// The last question of this page, where there are more behind it.
    pub next: Option<String>,
}

/// A question asked with life in danger.
#[derive(Clone, Debug)]
pub struct BreakGlassView {
    /// Its id.
    pub id: String,
    /// Who asked.
    pub who: String,
    /// When, as shown.
    pub at: String,
    /// The purpose.
    pub purpose: String,
    /// The case number; empty if there was none.
    pub case: String,
    /// Why, in the asker's words.
    pub reason: String,
    /// Cameras asked.
    pub cameras: u64,
    /// The beginning, as shown.
    pub from: String,
    /// The end, as shown.
    pub until: String,
    /// Reads opened.
    pub opened: u64,
    /// Number on the log.
    pub log_entry: u64,
    /// By when it has to be reviewed, as shown.
    pub due: String,
    /// `waiting`, `overdue`, `justified` or `unjustified`.
    pub state: String,
    /// Who reviewed it; empty while nobody has.
    pub reviewer: String,
    /// What the reviewer wrote.
    pub note: String,
    /// Whether this person may review it; nobody reviews an own question.
    pub may_review: bool,
}

/// Review of questions asked with life in danger (`POST /console/breakglass/{id}`).
#[derive(Template)]
#[template(path = "breakglass.html")]
pub struct BreakGlassPage {
    /// Around it.
    pub page: Page,
    /// Those that wait, the most urgent first.
    pub waiting: Vec<BreakGlassView>,
    /// Those reviewed, newest first.
    pub done: Vec<BreakGlassView>,
}
