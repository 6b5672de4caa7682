//! Hot lists for people: their age, files that are brought, own entries of officers.

use crate::page::{Page, Wrong};
use askama::Template;

/// A list.
pub struct ListRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `valid`, `overdue` where it is too old, or `waiting` where nothing was imported.
    pub state: String,
    /// Entries.
    pub entries: u64,
    /// When it was imported last, as shown; empty where never.
    pub imported: String,
    /// Rows of that import that were refused.
    pub refused: u64,
    /// From when it is too old, as shown; empty where never.
    pub stale_from: String,
    /// What may be done about its hits.
    pub action: String,
    /// Two people have to find a hit right.
    pub two_persons: bool,
    /// An import that waits.
    pub waiting: Option<i64>,
    /// The import that can be taken back.
    pub undo: Option<i64>,
    /// How probable a hit must be, as shown.
    pub threshold: String,
    /// So many false hits a day that it follows from, as shown; empty where it does not.
    pub budget: String,
    /// When it was fetched last, as shown; empty where it never came, absent where nobody fetches it.
    pub fetched: Option<String>,
    /// Why it could not be fetched; empty where it could.
    pub unfetched: String,
}

/// An entry that waits for a second person.
pub struct WantedView {
    /// Its id.
    pub id: String,
    /// The plate.
    pub plate: String,
    /// Its state; empty where none was given.
    pub state: String,
    /// Why.
    pub reason: String,
    /// Case number.
    pub case: String,
    /// The list's name.
    pub list: String,
    /// Who wrote it down.
    pub by: String,
    /// When, as shown.
    pub made: String,
    /// Whether this person did.
    pub mine: bool,
}

/// What was typed for an own entry.
#[derive(Default)]
pub struct WantedForm {
    /// The list, by id.
    pub list: String,
    /// The plate.
    pub plate: String,
    /// The state.
    pub state: String,
    /// Why.
    pub reason: String,
    /// Case number.
    pub case: String,
    /// For how many days.
    pub days: String,
}

/// The lists.
#[derive(Template)]
#[template(path = "lists.html")]
pub struct ListsPage {
    /// Around it.
    pub page: Page,
    /// What is wrong with what was sent.
    pub wrong: Vec<Wrong>,
    /// By id.
    pub lists: Vec<ListRow>,
    /// What waits for a second person.
    pub wanted: Vec<WantedView>,
    /// The lists that take own entries: id and name.
    pub own_lists: Vec<(String, String)>,
    /// What was typed.
    pub form: WantedForm,
    /// Whether this person keeps the lists.
    pub may_edit: bool,
    /// Whether this person may write down own entries.
    pub may_want: bool,
}

/// What was understood of a file; a part of the page.
#[derive(Template)]
#[template(path = "import.html")]
pub struct ImportFragment {
    /// For its language and its word.
    pub page: Page,
    /// The list.
    pub list: String,
    /// The import's number; none where it cannot be taken.
    pub number: Option<i64>,
    /// Why it cannot.
    pub problem: Option<String>,
    /// Each column's heading, and what it is taken for; empty where it is ignored.
    pub columns: Vec<(String, String)>,
    /// New entries.
    pub added: u64,
    /// Entries that say something else.
    pub changed: u64,
    /// Entries that are gone.
    pub removed: u64,
    /// Entries that stay.
    pub same: u64,
    /// Rows of categories that the city has not adopted.
    pub dropped: Vec<(String, u64)>,
    /// Rows that were refused.
    pub troubled: u64,
    /// What was wrong with the first of them.
    pub problems: Vec<String>,
    /// Why to look again: `empty`, `shrinks`, `grows`, `troubled`, `first`, `undone`.
    pub doubts: Vec<String>,
}
