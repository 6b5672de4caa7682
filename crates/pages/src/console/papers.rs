//! Warrants and declarations that clerk or counsel vouch for.

use crate::page::{Choice, Page, Wrong};
use askama::Template;

/// A paper.
#[derive(Clone, Debug)]
pub struct PaperView {
    /// Its id.
    pub id: String,
    /// Its kind, as the rules spell authorities.
    pub kind: String,
    /// Its reference, for instance a court's number.
    pub reference: String,
    /// Who issued it.
    pub issuer: String,
    /// The case it belongs to.
    pub case: String,
    /// Who attested it.
    pub by: String,
    /// When, as shown.
    pub at: String,
    /// Until when it counts, as shown.
    pub until: String,
    /// `valid`, `expiring`, `ended` or `revoked`.
    pub state: String,
    /// Number of the attestation on the log.
    pub log_entry: u64,
    /// Whether this person may take it back.
    pub may_revoke: bool,
}

/// What was typed, to be shown again.
#[derive(Clone, Debug, Default)]
pub struct PaperForm {
    /// Its reference.
    pub reference: String,
    /// Who issued it.
    pub issuer: String,
    /// The case it belongs to.
    pub case: String,
    /// Until when it counts, as a date and time field has it.
    pub until: String,
}

/// Papers (`POST /console/papers`, `POST /console/papers/{id}/revoke`).
#[derive(Template)]
#[template(path = "papers.html")]
pub struct PapersPage {
    /// Around it.
    pub page: Page,
    /// What is wrong with what was sent.
    pub wrong: Vec<Wrong>,
    /// Newest first.
    pub papers: Vec<PaperView>,
    /// Kinds of papers.
    pub kinds: Vec<Choice>,
    /// What was sent, or the beginning.
    pub form: PaperForm,
    /// The time zone of every moment on this page.
    pub zone: String,
    /// Whether this person may attest papers.
    pub may_attest: bool,
}
