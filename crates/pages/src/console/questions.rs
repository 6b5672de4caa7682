//! Questions that were asked: one's own.

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
    /// Whether that is soon, or past.
    pub urgent: bool,
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
