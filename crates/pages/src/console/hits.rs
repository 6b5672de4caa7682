//! Hits: questions to a person, not orders.

use crate::page::Page;
use askama::Template;

/// A hit in the list.
pub struct HitRow {
    /// The hit's id.
    pub id: String,
    /// `open`, `confirmed` or `rejected`.
    pub state: String,
    /// When it was seen, as shown.
    pub captured: String,
    /// The camera's name.
    pub camera: String,
    /// The list.
    pub list: String,
    /// Probability as shown, for instance `97 %`.
    pub probability: String,
}

/// The list of hits.
#[derive(Template)]
#[template(path = "hits.html")]
pub struct HitsPage {
    /// Around it.
    pub page: Page,
    /// Newest first.
    pub hits: Vec<HitRow>,
    /// The last hit of this page, where there are more behind it.
    pub next: Option<String>,
}

/// The entry beside a hit.
pub struct ListedView {
    /// The wanted plate.
    pub plate: String,
    /// Its state, as shown.
    pub state: String,
    /// Why it is wanted.
    pub reason: String,
    /// Case number.
    pub case: String,
    /// When it ends, as shown.
    pub expires: String,
    /// Whether it is in force.
    pub fresh: bool,
}

/// One hit, to be decided.
#[derive(Template)]
#[template(path = "hit.html")]
pub struct HitPage {
    /// Around it.
    pub page: Page,
    /// The line.
    pub hit: HitRow,
    /// Version that a verdict refers to.
    pub version: i64,
    /// What was read.
    pub plate: String,
    /// How sure the reader is, as shown.
    pub confidence: String,
    /// The picture, base64 JPEG; empty if there is none.
    pub picture: String,
    /// The entry, if it is still there.
    pub listed: Option<ListedView>,
    /// The number of the log entry that shows this opening.
    pub log_entry: u64,
}
