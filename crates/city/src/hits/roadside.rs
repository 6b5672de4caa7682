//! A plate that somebody has before their eyes, compared with the lists: a question like any other, on the log
//! before it is answered.

use super::{CheckPlate, PlateChecked};
use crate::City;
use base::{Error, PersonId, Result};
use plate::{Reason, Text};
use policy::Action;

impl City {
    /// What the lists say of a plate that a person typed. Look-alikes are not proposed: the person has the plate
    /// before them. The plate is in the private half of the log entry alone.
    pub fn check_plate(&self, by: &PersonId, check: CheckPlate) -> Result<PlateChecked> {
        self.witnesses_follow()?;
        let person = self.allowed(by, Action::ViewHits)?;
        let text = Text::parse(&check.plate).map_err(|e| {
            Error::invalid("Write the plate with 1 to 12 letters and digits.").because(e)
        })?;
        let state = check.state.as_deref().map(str::trim).filter(|s| !s.is_empty());
        if state.is_some_and(|s| {
            s.len() > 8 || !s.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
        }) {
            return Err(Error::invalid("Write the state as us-ca, or leave it out."));
        }
        let state = state.map(str::to_lowercase);
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
            let short = |s: &str| s.rsplit('-').next().unwrap_or(s).to_lowercase();
            let other = match (&state, &row.state) {
                (Some(asked), Some(has)) => short(asked) != short(has),
                _ => false,
            };
            if !other {
                listed.push(self.entry_shown(row)?);
            }
        }
        Ok(PlateChecked { listed, log_entry: entry.index })
    }
}
