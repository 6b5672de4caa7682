//! Audits: the private halves of log entries, for those who hold the auditors' key.
//!
//! The city hands out what is sealed; it cannot open it itself. That somebody looked is on the log
//! before they get it.

use crate::{AuditRecord, City};
use base::{Error, PersonId, Result, b64};
use policy::Action;

/// Under which kind the private half of an entry of this type is kept.
fn record_of(kind: &str) -> &'static str {
    match kind {
        "search.outcome" => "outcome",
        "hold.placed" => "hold",
        "paper.attested" => "paper",
        "breakglass.reviewed" => "review",
        _ => "intent",
    }
}

impl City {
    /// The sealed private half of log entry `index`, with the salt of its commitment.
    pub fn audit_record(&self, by: &PersonId, index: u64) -> Result<AuditRecord> {
        let auditor = self.allowed(by, Action::ReadAudit)?;
        let leaf = self.log.leaves(index, index.saturating_add(1))?.pop().ok_or_else(|| {
            Error::not_found(format!("The log has only {} entries.", self.log.size()))
        })?;
        let none =
            || Error::not_found("This entry has no private half; choose a question or a refusal.");
        if leaf.body.is_none() {
            return Err(none());
        }
        let id = leaf.id.as_deref().ok_or_else(none)?;
        let record = self.store.record(record_of(&leaf.kind), id)?.ok_or_else(|| {
            Error::gone("The private half of this entry has been erased, as the city's rules say.")
        })?;
        self.log.append(&self.leaf_by("audit.opened", &auditor)?.fact("entry", index))?;
        Ok(AuditRecord { index, leaf, salt: b64(&record.salt), sealed: record.sealed })
    }
}
