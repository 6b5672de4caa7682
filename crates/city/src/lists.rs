//! Hot-list entries that people of the city add.

use crate::{City, Event, NewEntry};
use base::{EntryId, Error, PersonId, Result, Time};
use hotlist::Entry;
use plate::Text;
use policy::Action;
use store::EntryRow;

/// The longest life of an entry: a year.
const LONGEST_MS: i64 = 366 * 86_400_000;

impl City {
    /// Adds an entry; from the next batch on it is matched.
    pub fn add_entry(&self, by: &PersonId, new: NewEntry) -> Result<EntryId> {
        let person = self.allowed(by, Action::EditHotList)?;
        let plate = Text::parse(&new.plate).map_err(|e| {
            Error::invalid("Write the plate with 1 to 12 letters and digits.").because(e)
        })?;
        let life = new.expires.since(self.now());
        if life <= 0 || life > LONGEST_MS {
            return Err(Error::invalid("An entry must end within a year from now."));
        }
        if !crate::config::case_fits(&self.config.cases.format, &new.case) {
            return Err(Error::invalid(format!(
                "The case number does not have this city's form {} (# is a digit).",
                self.config.cases.format
            )));
        }
        if new.reason.trim().is_empty() || new.reason.chars().count() > 200 {
            return Err(Error::invalid("Give the reason in 1 to 200 characters."));
        }
        let hex = base::hex(&base::random::<8>());
        let id: EntryId = format!("ent_{hex}")
            .parse()
            .map_err(|e| Error::internal("No id could be made.").because(e))?;
        self.store.add_entry(&EntryRow {
            id: id.clone(),
            list: new.list.clone(),
            plate,
            state: new.state,
            reason: new.reason,
            case_no: new.case,
            expires: new.expires,
            added_by: person.id.clone(),
        })?;
        self.reload_lists()?;
        let entry = self.log.append_once(
            &self
                .leaf_by("hotlist.changed", &person)?
                .job("hotlist")
                .id(id.as_str())
                .fact("list", new.list.as_str())
                .fact("added", 1)
                .fact("removed", 0),
        )?;
        self.emit(Event { log_entry: Some(entry.index), ..self.event("hotlist.changed") });
        Ok(id)
    }

    pub(crate) fn reload_lists(&self) -> Result<()> {
        let entries = self.store.entries()?.into_iter().map(|e| Entry {
            id: e.id,
            list: e.list,
            plate: e.plate.into(),
            state: e.state,
            priority: 0,
            from: Time::from_millis(0),
            expires: e.expires,
        });
        self.hot.replace(entries.collect());
        Ok(())
    }
}
