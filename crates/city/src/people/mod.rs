//! People: added by an administrator, let in by an invitation or a key that they made themselves.
//!
//! Nobody, an administrator included, gives another person a second way in: who has a key adds the next one
//! from their own session ([`passkeys`]), or two administrators say that it is lost ([`recover`]).

mod passkeys;
mod recover;
mod sessions;

pub use passkeys::{Claimed, PasskeyLine};
pub use recover::{Left, LostKey, LostLine};

pub(crate) use sessions::mark;

use crate::devices::{NAME_MAX, code};
use crate::{City, NewPerson};
use base::{Error, PersonId, Result, Time, sha256};
use identity::{Passkey, Person, machine_of};
use ledger::Leaf;
use policy::{Action, Decision};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::{MutexGuard, PoisonError};
use store::PersonRow;
use utoipa::ToSchema;

/// How long an invitation is good for.
pub(crate) const INVITED_MS: i64 = 24 * 3_600_000;

/// A person who is invited to come with a browser.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// The name.
    pub name: String,
    /// The office.
    pub office: String,
    /// The roles.
    pub roles: Vec<String>,
}

/// The way in for an invited person.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Invitation {
    /// The one-time code; it is good for 24 hours.
    pub code: String,
    /// The page that takes it.
    pub path: String,
    /// When it ends.
    pub until: Time,
}

impl Invitation {
    /// A new one, and the hash that is kept of it.
    pub(crate) fn new(now: Time) -> (Self, [u8; 32]) {
        let code = code();
        let hash = sha256(code.as_bytes());
        let path = format!("/console/join?code={code}");
        (Self { code, path, until: now.plus_millis(INVITED_MS) }, hash)
    }
}

/// A person in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PersonLine {
    /// The id.
    pub id: PersonId,
    /// The name.
    pub name: String,
    /// The office.
    pub office: String,
    /// The roles.
    pub roles: Vec<String>,
    /// Whether they have a key file.
    pub key: bool,
    /// Their passkeys.
    pub passkeys: Vec<PasskeyLine>,
    /// Whether they come in by the city's directory; who left and is here by it under another id does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub directory: bool,
    /// Since when they are here no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Time>,
}

impl From<Person> for PersonLine {
    fn from(person: Person) -> Self {
        Self {
            id: person.id,
            name: person.name,
            office: person.office,
            roles: person.roles,
            key: person.key.is_some(),
            passkeys: person.passkeys.iter().map(PasskeyLine::from).collect(),
            directory: person.directory.is_some(),
            ended: person.ended,
        }
    }
}

/// An id that says nothing: it stands on the public log, where no name does.
pub fn new_person_id() -> Result<PersonId> {
    let id = format!("per_{}", base::hex(&base::random::<6>()));
    id.parse().map_err(|e| Error::internal("No id could be made; try again.").because(e))
}

/// The person of a row.
pub(crate) fn read(row: &PersonRow) -> Result<Person> {
    serde_json::from_str(&row.json)
        .map_err(|e| Error::internal("A stored person is damaged; see the log.").because(e))
}

/// Whether they have anything to come in with.
pub(crate) fn comes_in(person: &Person) -> bool {
    person.key.is_some() || !person.passkeys.is_empty() || person.directory.is_some()
}

impl City {
    /// One change of people at a time: each reads a person and writes it back.
    pub(crate) fn changing_people(&self) -> MutexGuard<'_, ()> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The person of this id as stored, whether here or gone; not a machine.
    pub(crate) fn stored_person(&self, id: &PersonId) -> Result<Option<Person>> {
        self.store.person(id)?.as_ref().map(read).transpose()
    }

    /// The same; there has to be one.
    fn known_person(&self, id: &PersonId) -> Result<Person> {
        let known = self.stored_person(id)?;
        known.ok_or_else(|| Error::not_found("There is no such person here."))
    }

    pub(crate) fn stored_people(&self) -> Result<Vec<Person>> {
        self.store.persons()?.iter().map(read).collect()
    }

    /// Everybody, for administrators.
    pub fn people(&self, by: &PersonId) -> Result<Vec<PersonLine>> {
        self.allowed(by, Action::AddPerson)?;
        let all = self.stored_people()?;
        let subject = |person: &Person| person.directory.as_ref().map(|d| d.subject.clone());
        let here: HashSet<String> =
            all.iter().filter(|person| person.ended.is_none()).filter_map(subject).collect();
        let line = |person: Person| {
            let too = person.ended.is_some() && subject(&person).is_some_and(|s| here.contains(&s));
            let line = PersonLine::from(person);
            PersonLine { directory: line.directory && !too, ..line }
        };
        Ok(all.into_iter().map(line).collect())
    }

    fn fits(&self, new: &Invite) -> Result<()> {
        let sized = |text: &str| (1..=NAME_MAX).contains(&text.trim().chars().count());
        if !sized(&new.name) || !sized(&new.office) || new.roles.is_empty() {
            return Err(Error::invalid("A person has a name, an office and at least one role."));
        }
        let rules = self.rules();
        match new.roles.iter().find(|r| !rules.has_role(r)) {
            None => Ok(()),
            Some(unknown) => {
                Err(Error::invalid(format!("There is no role {unknown:?} in the city's rules.")))
            }
        }
    }

    /// Whether they let people in, by whatever they come in with.
    fn may_let_in(&self, person: &Person) -> bool {
        let may = self.rules().may(&person.id, &person.roles, Action::AddPerson, self.now());
        let here = person.ended.is_none() && comes_in(person);
        here && !matches!(may, Decision::Refuse { .. })
    }

    /// Whether they let people in by a key of their own and whatever the directory says: without its word a key of its
    /// people opens nothing.
    fn is_administrator(&self, person: &Person) -> bool {
        self.may_let_in(person) && person.directory.is_none()
    }

    /// Without an administrator nobody could ever let another one in. Nobody of the directory stands in for one who is
    /// not of it; where all are, another of them does.
    fn someone_administers(&self, without: &Person) -> Result<()> {
        let own = self.is_administrator(without);
        let stands_in = |person: &Person| match own {
            true => self.is_administrator(person),
            false => self.may_let_in(person),
        };
        let people = self.stored_people()?;
        if people.iter().any(|person| person.id != without.id && stands_in(person)) {
            return Ok(());
        }
        Err(Error::conflict("This is the last administrator; let another one in first."))
    }

    /// The person as they will be, with another name, office and roles; keys stay as they are.
    pub(crate) fn as_changed(&self, id: &PersonId, new: Invite) -> Result<Person> {
        self.fits(&new)?;
        if machine_of(id).is_some() {
            return Err(Error::invalid("This id is for machines; choose another one."));
        }
        let Some(old) = self.stored_person(id)? else {
            return Ok(Person {
                id: id.clone(),
                name: new.name,
                office: new.office,
                roles: new.roles,
                key: None,
                passkeys: Vec::new(),
                directory: None,
                ended: None,
            });
        };
        if old.ended.is_some() {
            return Err(gone());
        }
        let person = Person { name: new.name, office: new.office, roles: new.roles, ..old.clone() };
        if self.is_administrator(&old) && !self.is_administrator(&person) {
            self.someone_administers(&old)?;
        }
        Ok(person)
    }

    /// Adds a person, or gives a known one new roles; a key is never replaced silently.
    pub fn add_person(&self, by: &PersonId, new: NewPerson) -> Result<()> {
        let admin = self.allowed(by, Action::AddPerson)?;
        let _alone = self.changing_people();
        let known = self.stored_person(&new.id)?;
        let invite = Invite { name: new.name, office: new.office, roles: new.roles };
        let mut person = self.as_changed(&new.id, invite)?;
        if known.is_some_and(|old| old.key != Some(new.key)) {
            return Err(Error::conflict("This person has another key; choose another id."));
        }
        person.key = Some(new.key);
        self.log.append(&self.leaf_of("admin.person", &admin, &person)?)?;
        crate::init::put_person(&self.store, &person)
    }

    fn leaf_of(&self, kind: &str, by: &Person, person: &Person) -> Result<Leaf> {
        let leaf = self.leaf_by(kind, by)?.id(person.id.as_str());
        Ok(leaf.fact("roles", person.roles.join(" ")))
    }

    /// Gives a known person other roles, whatever they come in with.
    pub fn change_roles(&self, by: &PersonId, id: &PersonId, roles: Vec<String>) -> Result<()> {
        let admin = self.allowed(by, Action::AddPerson)?;
        let _alone = self.changing_people();
        let known = self.known_person(id)?;
        let new = Invite { name: known.name, office: known.office, roles };
        let person = self.as_changed(id, new)?;
        self.log.append(&self.leaf_of("admin.person", &admin, &person)?)?;
        crate::init::put_person(&self.store, &person)
    }

    /// Invites a person who comes with a browser alone. Once they have a way in nobody invites them again.
    pub fn invite(&self, by: &PersonId, id: &PersonId, new: Invite) -> Result<Invitation> {
        let admin = self.allowed(by, Action::AddPerson)?;
        let _alone = self.changing_people();
        let person = self.as_changed(id, new)?;
        if comes_in(&person) {
            return Err(Error::conflict(
                "This person has a way in; they add a passkey themselves, or their key is lost.",
            ));
        }
        self.log.append(&self.leaf_of("admin.invited", &admin, &person)?)?;
        crate::init::put_person(&self.store, &person)?;
        self.invitation(&person)
    }

    /// Notes who somebody is before they can come in.
    fn invitation(&self, person: &Person) -> Result<Invitation> {
        let (invitation, hash) = Invitation::new(self.now());
        self.store.put_invitation(&hash, &person.id, invitation.until)?;
        Ok(invitation)
    }

    /// Somebody uses the console at two places: a person may, a thief does, so that it is written down.
    pub fn at_two_places(&self, id: &PersonId) -> Result<()> {
        let person = self.person(id)?;
        self.log.append(&self.leaf_by("session.elsewhere", &person)?)?;
        self.alarm_places(id)
    }
}

pub(crate) fn gone() -> Error {
    Error::forbidden("This person has left; choose another id for another person.")
}

pub(crate) fn passkey_of<'a>(person: &'a mut Person, id: &str) -> Option<&'a mut Passkey> {
    person.passkeys.iter_mut().find(|passkey| passkey.id == id)
}

#[cfg(test)]
#[path = "../tests/people.rs"]
mod tests;
