//! Warrants, orders, declarations and cases that somebody else than the asker vouches for.

use crate::page::{Choice, Page, Wrong};
use askama::Template;

/// A paper that counts.
#[derive(Clone, Debug)]
pub struct PaperView {
    /// Its id; questions name it.
    pub id: String,
    /// `case`, or its kind as the rules spell authorities.
    pub kind: String,
    /// Its number.
    pub reference: String,
    /// The kind of agency that it is for; empty for the own department and the court.
    pub agency: String,
    /// That agency's name; empty for all of that kind.
    pub agency_name: String,
    /// Whether it is a declaration that names no agency, and so counts for nobody.
    pub nameless: bool,
    /// Whether a hold may rest on it: it has the key of a court's matter.
    pub for_holds: bool,
    /// Who vouches for it.
    pub by: String,
    /// Since when, as shown.
    pub at: String,
    /// Until when it counts, as shown.
    pub until: String,
    /// `valid` or `expiring`.
    pub state: String,
    /// Number of the attestation on the log.
    pub log_entry: u64,
}

/// What was typed, to be shown again.
#[derive(Clone, Debug, Default)]
pub struct PaperForm {
    /// Its number.
    pub reference: String,
    /// The name of the agency that it is for.
    pub agency_name: String,
    /// The key of a court's matter.
    pub key: String,
    /// Until when it counts, as a date and time field has it.
    pub until: String,
}

/// Papers (`POST /console/papers`, `POST /console/papers/{id}/withdraw`).
#[derive(Template)]
#[template(path = "papers.html")]
pub struct PapersPage {
    /// Around it.
    pub page: Page,
    /// What is wrong with what was sent.
    pub wrong: Vec<Wrong>,
    /// Those that count now, newest first.
    pub papers: Vec<PaperView>,
    /// Kinds that this person may vouch for.
    pub kinds: Vec<Choice>,
    /// Kinds of agencies; none chosen is the own department, and the court.
    pub agencies: Vec<Choice>,
    /// What was sent, or the beginning.
    pub form: PaperForm,
    /// What a case number looks like, where this person may vouch for cases.
    pub case_format: Option<String>,
    /// The time zone of every moment on this page.
    pub zone: String,
}
