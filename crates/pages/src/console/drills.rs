//! Drills: drawn hits, and how the desks do in them.

use crate::page::Page;
use askama::Template;

/// What somebody found in a drill.
pub struct FoundView {
    /// What they said.
    pub finding: String,
    /// What it was: `listed` or `look-alike`.
    pub sort: String,
    /// Whether that was right.
    pub right: bool,
    /// Seconds that it took.
    pub seconds: u64,
}

/// A drill in a list.
pub struct DrillRow {
    /// The drill.
    pub id: String,
    /// When it began, as shown.
    pub started: String,
    /// Until when it takes answers, as shown.
    pub until: String,
    /// Who began it; empty where it began by itself.
    pub by: String,
    /// Whether it is over.
    pub over: bool,
    /// What it was, once it is over.
    pub sort: Option<String>,
    /// How many answered.
    pub answered: u64,
    /// How many of them were right, once it is over.
    pub right: Option<u64>,
    /// What this person found.
    pub result: Option<FoundView>,
}

impl DrillRow {
    /// How it stands with it, in a word.
    pub(crate) fn state(&self) -> &'static str {
        match (&self.result, self.over) {
            (Some(found), _) if found.right => "drill-right",
            (Some(_), _) => "drill-wrong",
            (None, true) => "drill-over",
            (None, false) => "drill",
        }
    }
}

/// How a desk does.
pub struct DeskRow {
    /// The office.
    pub name: String,
    /// Answers.
    pub answered: u64,
    /// Of these right.
    pub right: u64,
    /// Answers to look-alikes.
    pub look_alikes: u64,
    /// The share of look-alikes that was caught, in percent; absent where there were none.
    pub caught: Option<u64>,
    /// Half of the answers took no longer, in seconds.
    pub median_s: u64,
}

/// The mark of a drill on the page of a hit.
pub struct DrillMark {
    /// The drill.
    pub id: String,
    /// Until when it takes answers, as shown.
    pub until: String,
    /// Whether it is over.
    pub over: bool,
    /// What it was, once it is over.
    pub sort: Option<String>,
    /// What this person found.
    pub result: Option<FoundView>,
}

/// The drills.
#[derive(Template)]
#[template(path = "drills.html")]
pub struct DrillsPage {
    /// Around it.
    pub page: Page,
    /// The newest first.
    pub drills: Vec<DrillRow>,
    /// How the desks do.
    pub desks: Vec<DeskRow>,
    /// Whether this person may begin one.
    pub may_start: bool,
    /// Whether this person answers drills.
    pub may_decide: bool,
}
