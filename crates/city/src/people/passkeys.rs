//! Passkeys: added by whoever was invited or is signed in, used, removed.

use super::{comes_in, passkey_of};
use crate::City;
use base::{Error, PersonId, Result, Time, sha256, unb64url};
use identity::{Answered, Passkey, Person, Registered, handle};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most passkeys of one person.
const MOST: usize = 10;

/// A passkey in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PasskeyLine {
    /// The credential's id.
    pub id: String,
    /// Its public key and site, as charters spell it.
    pub key: String,
    /// What its person calls it.
    pub label: String,
    /// When it was added.
    pub added: Time,
    /// When it last answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<Time>,
}

impl From<&Passkey> for PasskeyLine {
    fn from(passkey: &Passkey) -> Self {
        Self {
            id: passkey.id.clone(),
            key: passkey.key.to_string(),
            label: passkey.label.clone(),
            added: passkey.added,
            used: passkey.used,
        }
    }
}

/// Who a passkey's answer says it is of; nothing is checked yet.
#[derive(Debug)]
pub struct Claimed {
    /// The person.
    pub person: PersonId,
    /// The passkey that must have answered.
    pub passkey: Passkey,
}

fn stranger() -> Error {
    Error::unauthenticated("This passkey is not known here; ask an administrator to invite you.")
}

impl City {
    /// The person behind an invitation's code, and the code's hash; the code is not used up.
    pub fn invited(&self, code: &str) -> Result<(Person, [u8; 32])> {
        let hash = sha256(code.trim().as_bytes());
        let id = self.store.invitation(&hash, self.now())?.ok_or_else(|| {
            Error::unauthenticated("The invitation is wrong, used or old; ask for a new one.")
        })?;
        Ok((self.person(&id)?, hash))
    }

    /// Takes a new passkey: the invitation that allowed it is used up.
    pub fn add_passkey(&self, made: Registered) -> Result<PersonId> {
        let _alone = self.changing_people();
        let mut person = self.person(&made.person)?;
        if self.stored_people()?.iter().any(|p| p.passkeys.iter().any(|k| k.id == made.passkey.id))
        {
            return Err(Error::conflict("This passkey is known already; choose another one."));
        }
        if person.passkeys.len() >= MOST {
            return Err(Error::conflict("A person has at most 10 passkeys; remove one first."));
        }
        if let Some(hash) = made.invitation
            && self.store.take_invitation(&hash, self.now())?.as_ref() != Some(&made.person)
        {
            return Err(Error::unauthenticated(
                "The invitation was used meanwhile; ask for a new one.",
            ));
        }
        let leaf = self.leaf_by("admin.passkey", &person)?.fact("change", "added");
        self.log.append(&leaf.fact("key", made.passkey.key.to_string()))?;
        person.passkeys.push(made.passkey);
        crate::init::put_person(&self.store, &person)?;
        Ok(person.id)
    }

    /// Removes one of a person's own passkeys, but not their last way in. It may be in another's hands: their sessions end,
    /// but for the one whose token is `here`, where it is removed.
    pub fn remove_passkey(&self, by: &PersonId, id: &str, here: Option<&str>) -> Result<()> {
        let _alone = self.changing_people();
        let mut person = self.person(by)?;
        let known = person.passkeys.iter().position(|passkey| passkey.id == id);
        let gone = person.passkeys.remove(known.ok_or_else(|| {
            Error::not_found("You have no such passkey; it may be removed already.")
        })?);
        if !comes_in(&person) {
            return Err(Error::conflict("This is your only way in; add another passkey first."));
        }
        // First, since it is good even where the rest fails.
        self.sessions.end_elsewhere(by, here)?;
        crate::init::put_person(&self.store, &person)?;
        let leaf = self.leaf_by("admin.passkey", &person)?.fact("change", "removed");
        self.log.append(&leaf.fact("key", gone.key.to_string()))?;
        Ok(())
    }

    /// The person and the passkey that an answer claims to be of.
    pub fn claimed(&self, answer: &Answered) -> Result<Claimed> {
        let user = answer.user.as_deref().ok_or_else(stranger)?;
        unb64url(&answer.credential).ok_or_else(stranger)?;
        let rows = self.store.persons()?;
        let row = rows.into_iter().find(|row| handle(&row.id) == user).ok_or_else(stranger)?;
        self.passkey_of(&row.id, answer)
    }

    /// The passkey of this person that answered.
    pub fn passkey_of(&self, person: &PersonId, answer: &Answered) -> Result<Claimed> {
        let mut known = self.person(person).map_err(|_| stranger())?;
        let passkey = passkey_of(&mut known, &answer.credential).ok_or_else(stranger)?.clone();
        Ok(Claimed { person: known.id, passkey })
    }

    /// Notes that a passkey answered rightly with this counter: only one answer with it counts.
    pub fn passkey_answered(&self, claimed: &Claimed, counter: u32) -> Result<Person> {
        let _alone = self.changing_people();
        let mut person = self.person(&claimed.person)?;
        let passkey = passkey_of(&mut person, &claimed.passkey.id).ok_or_else(stranger)?;
        passkey.advance(counter, self.now())?;
        crate::init::put_person(&self.store, &person)?;
        Ok(person)
    }
}
