//! People of the city's directory: let in for as long as it says that they are there, with what their groups may do.
//!
//! The directory says who somebody is; it never signs for them. What has to be confirmed is confirmed with a passkey
//! of the person's own.

use crate::people::{gone, new_person_id};
use crate::{City, Invite};
use base::{Error, PersonId, Result};
use deliver::Reach;
use identity::{Directory, InDirectory, Leaving, Person, Vouched};
use std::time::Duration;

/// How long the directory may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer of a directory.
const ANSWER: usize = 1 << 20;
/// Where people come back to.
pub const DIRECTORY_BACK: &str = "/console/directory/back";
/// Whom the directory has not named for so long is told of nothing any more: they may have left without another try at the
/// door. It is more than a day, since people who are off duty are woken, too.
const TOLD_MS: i64 = 7 * 86_400_000;
/// Who acted, on the log.
const OFFICE: &str = "directory";

impl City {
    /// Whether people may sign in by the city's directory.
    pub fn has_directory(&self) -> bool {
        self.config.directory.is_some()
    }

    fn directory(&self) -> Result<(Directory, Reach)> {
        let section = self.config.directory.as_ref();
        let section =
            section.ok_or_else(|| Error::not_found("Nobody signs in here by a directory."))?;
        let origin = self.config.server.public_url.as_deref().unwrap_or_default();
        let directory = Directory {
            issuer: section.issuer.clone(),
            client_id: section.client_id.clone(),
            secret: crate::keeper::secret(&self.dir, &section.secret, "Secret of the directory")?,
            scopes: section.scopes.clone(),
            groups_claim: section.groups_claim.clone(),
            redirect: format!("{}{DIRECTORY_BACK}", origin.trim_end_matches('/')),
        };
        let reach = if section.allow_local { Reach::LOCAL } else { Reach::PUBLIC };
        Ok((directory, reach))
    }

    /// Begins a sign-in by the directory.
    pub fn directory_begin(&self) -> Result<Leaving> {
        let (directory, reach) = self.directory()?;
        let ask = |request| deliver::exchange(request, reach, ANSWER, PATIENCE);
        directory.begin(&self.leavings, &ask, self.now())
    }

    /// Ends one: who it is, let in by what their groups may do. Who is in none of them any more has left.
    ///
    /// # Errors
    /// The directory's word does not hold, none of their groups is let in, or they were ended here, by an administrator or
    /// by themselves: then [`City::let_back`] is an administrator's.
    pub fn directory_back(&self, state: &str, code: &str) -> Result<PersonId> {
        let (directory, reach) = self.directory()?;
        let ask = |request| deliver::exchange(request, reach, ANSWER, PATIENCE);
        let vouched = directory.finish(&self.leavings, &ask, (state, code), self.now())?;
        self.admit(vouched)
    }

    pub(crate) fn admit(&self, vouched: Vouched) -> Result<PersonId> {
        // Nobody is ended for what was not said.
        let Some(said) = &vouched.groups else {
            return Err(Error::forbidden(
                "The city's directory did not say which groups you are in; its administrators compare its settings with directory.groups_claim.",
            ));
        };
        let groups = self.config.directory_group.iter();
        let theirs: Vec<_> = groups.filter(|g| said.contains(&g.name)).collect();
        let Some(first) = theirs.first() else {
            return Err(self.turned_away(&vouched)?);
        };
        let mut roles: Vec<String> = theirs.iter().flat_map(|g| g.roles.iter().cloned()).collect();
        roles.sort_unstable();
        roles.dedup();
        let _alone = self.changing_people();
        let known = self.of_directory(&vouched.subject)?;
        // Nobody ends what an administrator has said, nor becomes a second person, by signing in again.
        if known.as_ref().is_some_and(|person| person.ended.is_some()) {
            return Err(Error::forbidden(
                "Your way in was ended here; ask an administrator to let you in again.",
            ));
        }
        let name = vouched.name.or(known.as_ref().map(|p| p.name.clone()));
        let name = name.unwrap_or_else(|| first.name.clone());
        let id = known.as_ref().map_or_else(new_person_id, |person| Ok(person.id.clone()))?;
        let new = Invite { name, office: first.office.clone(), roles };
        let mut person = self.as_changed(&id, new)?;
        person.directory = Some(InDirectory { subject: vouched.subject, vouched: self.now() });
        let same = known.is_some_and(|old| {
            (&old.name, &old.office, &old.roles) == (&person.name, &person.office, &person.roles)
        });
        if !same {
            let leaf = self.leaf("admin.person").by(OFFICE).id(person.id.as_str());
            self.log.append(&leaf.fact("roles", person.roles.join(" ")))?;
        }
        crate::init::put_person(&self.store, &person)?;
        Ok(person.id)
    }

    /// The person who is this one in the directory: still here, or ended by somebody here.
    fn of_directory(&self, subject: &str) -> Result<Option<Person>> {
        let theirs =
            |person: &Person| person.directory.as_ref().is_some_and(|d| d.subject == subject);
        let all = self.stored_people()?.into_iter().filter(theirs);
        Ok(all.min_by_key(|person| person.ended.is_some()))
    }

    /// Whether somebody who has left is here as another person: by the directory, before it was asked who was ended.
    pub(crate) fn is_here_too(&self, person: &Person) -> Result<bool> {
        let Some(theirs) = &person.directory else { return Ok(false) };
        let known = self.of_directory(&theirs.subject)?;
        Ok(known.is_some_and(|known| known.ended.is_none() && known.id != person.id))
    }

    /// Somebody who is in none of the groups: if they were, they have left.
    fn turned_away(&self, vouched: &Vouched) -> Result<Error> {
        let _alone = self.changing_people();
        let known = self.of_directory(&vouched.subject)?;
        if let Some(person) = known.filter(|person| person.ended.is_none()) {
            // It was the directory, which may let them in again: as somebody new.
            let out = Person { directory: None, ..person.clone() };
            self.end_all(&person, out)?;
        }
        Ok(Error::forbidden(
            "The city's directory knows you, but none of your groups is let in here; ask its administrators.",
        ))
    }

    /// Whether a person is told of what happens here while they are away.
    pub(crate) fn is_told(&self, person: &Person) -> bool {
        let lately = |d: &InDirectory| self.now().since(d.vouched).abs() <= TOLD_MS;
        person.ended.is_none() && person.directory.as_ref().is_none_or(lately)
    }

    /// The person, if they are still here: for those of the directory, as it said not long ago.
    pub(crate) fn still_here(&self, person: Person) -> Result<Person> {
        if person.ended.is_some() {
            return Err(gone());
        }
        let hours = self.config.directory.as_ref().map_or(24, |directory| directory.hours);
        let old =
            |d: &InDirectory| self.now().since(d.vouched).abs() > i64::from(hours) * 3_600_000;
        if person.directory.as_ref().is_some_and(old) {
            return Err(Error::unauthenticated(
                "Sign in by the city's directory again: it says each day that you are here.",
            ));
        }
        Ok(person)
    }
}

#[cfg(test)]
#[path = "tests/directory.rs"]
mod tests;
