//! People: added by an administrator with the public key that they made themselves.

use crate::{City, NewPerson};
use base::{Error, PersonId, Result};
use identity::Person;
use policy::Action;

impl City {
    /// Adds a person, or gives a known one new roles; a key is never replaced silently.
    pub fn add_person(&self, by: &PersonId, new: NewPerson) -> Result<()> {
        let admin = self.allowed(by, Action::AddPerson)?;
        let sized = |text: &str| (1..=80).contains(&text.trim().chars().count());
        if !sized(&new.name) || !sized(&new.office) || new.roles.is_empty() {
            return Err(Error::invalid("A person has a name, an office and at least one role."));
        }
        if let Some(unknown) = new.roles.iter().find(|r| !self.rules().has_role(r)) {
            return Err(Error::invalid(format!(
                "There is no role {unknown:?} in the city's rules."
            )));
        }
        if let Some(row) = self.store.person(&new.id)? {
            let old: Person = serde_json::from_str(&row.json)
                .map_err(|e| Error::internal("A stored person is damaged.").because(e))?;
            if old.key != new.key {
                return Err(Error::conflict("This person has another key; choose another id."));
            }
        }
        let person = Person {
            id: new.id,
            name: new.name,
            office: new.office,
            roles: new.roles,
            key: new.key,
        };
        crate::init::put_person(&self.store, &person)?;
        self.log.append(
            &self
                .leaf_by("admin.person", &admin)?
                .id(person.id.as_str())
                .fact("roles", person.roles.join(" ")),
        )?;
        Ok(())
    }
}
