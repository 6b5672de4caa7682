//! Own entries of people who decide hits: one writes it down with a case number, another agrees, and then it is
//! matched. What nobody agrees to within a day is forgotten.

use crate::lists::new_entry_id;
use crate::{City, Event, NewEntry};
use base::{EntryId, Error, ListId, PersonId, Result, Time};
use plate::Text;
use policy::Action;
use serde::{Deserialize, Serialize};
use std::sync::PoisonError;
use store::WantedRow;
use utoipa::ToSchema;

/// How long an entry waits for a second person, in milliseconds.
const WAITS_MS: i64 = 86_400_000;

/// An entry that waits for a second person, as people of the city see it: the plate is in the clear.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Wanted {
    /// Its id, then the entry's.
    #[schema(value_type = String)]
    pub id: EntryId,
    /// Since when it waits.
    pub made: Time,
    /// Who wants it.
    #[schema(value_type = String)]
    pub by: PersonId,
    /// What they are called.
    pub by_name: String,
    /// What would be added.
    pub entry: NewEntry,
}

impl City {
    /// Writes down an entry for a list that takes those of officers; another person has to agree.
    pub fn want(&self, by: &PersonId, new: NewEntry) -> Result<EntryId> {
        let person = self.allowed(by, Action::DecideHit)?;
        self.takes_own(&new.list)?;
        Text::parse(&new.plate).map_err(|e| {
            Error::invalid("Write the plate with 1 to 12 letters and digits.").because(e)
        })?;
        if new.case.trim().is_empty() || new.reason.trim().is_empty() {
            return Err(Error::invalid("Give a reason and a case number."));
        }
        self.check_entry(&new)?;
        let id = new_entry_id()?;
        let json = serde_json::to_string(&new)
            .map_err(|e| Error::internal("The entry cannot be stored.").because(e))?;
        let made = self.now();
        self.store.put_wanted(&WantedRow { id: id.clone(), made, by: by.clone(), json })?;
        let leaf = self
            .leaf_by("hotlist.proposed", &person)?
            .job("hotlist")
            .id(id.as_str())
            .fact("list", new.list.as_str());
        let entry = self.log.append_once(&leaf)?;
        self.emit(Event { log_entry: Some(entry.index), ..self.event("hotlist.proposed") });
        Ok(id)
    }

    /// What waits for a second person.
    pub fn wanted(&self, by: &PersonId) -> Result<Vec<Wanted>> {
        self.allowed(by, Action::DecideHit)?;
        let name = |id: &PersonId| self.person(id).map_or_else(|_| id.to_string(), |p| p.name);
        let row = |row: WantedRow| {
            // Not the error itself, which quotes what it could not read: a plate may stand in it.
            let entry = serde_json::from_str(&row.json)
                .map_err(|_| Error::internal("What waits cannot be read."))?;
            Ok(Wanted { id: row.id, made: row.made, by_name: name(&row.by), by: row.by, entry })
        };
        let fresh = |row: &WantedRow| self.now().since(row.made) < WAITS_MS;
        self.store.wanted()?.into_iter().filter(fresh).map(row).collect()
    }

    /// Agrees to an entry that somebody else wrote down: from the next batch on it is matched.
    pub fn agree(&self, by: &PersonId, id: &EntryId) -> Result<()> {
        let person = self.allowed(by, Action::DecideHit)?;
        let all = self.wanted(by)?;
        let wanted = all.into_iter().find(|w| w.id == *id);
        let wanted = wanted.ok_or_else(|| Error::not_found("Nothing of that number waits."))?;
        if wanted.by == *by {
            return Err(Error::conflict("You wrote it down yourself; another person agrees."));
        }
        self.takes_own(&wanted.entry.list)?;
        self.check_entry(&wanted.entry)?;
        // First in, then away: what a crash leaves waiting is in already, and the log is told of it.
        match self.put_entry(id, wanted.entry, &wanted.by, &person, Some(wanted.made)) {
            Ok(()) => self.forget_one_wanted(id),
            Err(e) if e.kind() == base::Kind::Conflict => self.log_lists(),
            Err(e) => Err(e),
        }
    }

    /// Takes back what waits: who wrote it down, or who would have agreed.
    pub fn withdraw_wanted(&self, by: &PersonId, id: &EntryId) -> Result<()> {
        let person = self.allowed(by, Action::DecideHit)?;
        {
            let _one = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
            if self.store.entry(id)?.is_some() {
                return Err(Error::conflict(
                    "This entry is in force already; who keeps the lists can say that the vehicle was found.",
                ));
            }
            self.store.take_wanted(id)?;
        }
        let leaf = self.leaf_by("hotlist.withdrawn", &person)?.job("hotlist").id(id.as_str());
        self.log.append_once(&leaf)?;
        Ok(())
    }

    /// Forgets what nobody agreed to in time; the log says so first.
    pub(crate) fn forget_wanted(&self) -> Result<()> {
        // What is in force has not lapsed.
        self.log_lists()?;
        for id in self.store.wanted_before(self.now().plus_millis(-WAITS_MS))? {
            let leaf = self.leaf("hotlist.lapsed").job("hotlist").id(id.as_str());
            let entry = self.log.append_once(&leaf)?;
            self.forget_one_wanted(&id)?;
            self.emit(Event { log_entry: Some(entry.index), ..self.event("hotlist.lapsed") });
        }
        Ok(())
    }

    /// Forgets what waits, if it does still: somebody may have taken it away at this moment.
    pub(crate) fn forget_one_wanted(&self, id: &EntryId) -> Result<()> {
        match self.store.take_wanted(id) {
            Err(e) if e.kind() == base::Kind::NotFound => Ok(()),
            other => other,
        }
    }

    fn takes_own(&self, list: &ListId) -> Result<()> {
        match self.list_settings(list)? {
            Some(settings) if settings.own_entries => Ok(()),
            _ => Err(Error::conflict(
                "This list takes no entries of its own; whoever keeps the lists says which does.",
            )),
        }
    }
}
