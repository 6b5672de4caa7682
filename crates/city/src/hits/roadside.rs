//! A plate that somebody has before their eyes, compared with the lists: a question like any other, on the log
//! before it is answered.

use super::{CheckPlate, PlateChecked};
use crate::City;
use base::{Error, PersonId, Result};
use hotlist::{state_code, states_contradict};
use plate::{Reason, Text};
use policy::Action;

impl City {
    /// What the lists say of a plate that a person typed. Look-alikes are not proposed: the person has the plate
    /// before them, though none tells O from 0 and I from 1. The plate is in the private half of the log entry alone.
    pub fn check_plate(&self, by: &PersonId, check: CheckPlate) -> Result<PlateChecked> {
        self.witnesses_follow()?;
        let person = self.allowed(by, Action::ViewHits)?;
        let text = Text::parse(&check.plate).map_err(|e| {
            Error::invalid("Write the plate with 1 to 12 letters and digits.").because(e)
        })?;
        let state = check.state.as_deref().map(str::trim).filter(|s| !s.is_empty());
        let none = || Error::invalid("Write the state as us-ca or CA, or leave it out.");
        let state = state.map(|s| state_code(s).ok_or_else(none)).transpose()?;
        let id = format!("chk_{}", base::hex(&base::random::<16>()));
        let body = serde_json::json!({
            "plate": text.reveal(Reason::Question), "state": state, "person": person.id,
        });
        let (_, commitment) = self.keep_record("check", &id, body.to_string().as_bytes())?;
        let leaf =
            self.leaf_by("hotlist.checked", &person)?.job("hotlist").id(&id).body(commitment);
        let entry = self.log.append(&leaf)?;
        let entry = self.witnessed(entry)?;
        let mut listed = Vec::new();
        for found in self.hot.listed(&text, self.now()) {
            let Some(row) = self.store.entry(&found)? else { continue };
            // What is not known of either leaves nothing out.
            let other = state.as_deref().zip(row.state.as_deref());
            if !other.is_some_and(|(asked, has)| states_contradict(asked, has)) {
                let fresh = self.in_force(&row, None)?;
                listed.push(self.entry_shown(row, fresh)?);
            }
        }
        // Of a list that is too old nothing is said, and so not that the plate is not on it.
        let stale = self.stale_lists()?.into_iter().map(|list| list.id).collect();
        Ok(PlateChecked { listed, stale, log_entry: entry.index })
    }
}
