//! Who is signed in at the console, as far as people and their devices decide it.

use super::comes_in;
use crate::City;
use base::{Error, PersonId, Result};
use identity::{How, Opened, Opening, Session, Sessions};
use ledger::Leaf;

/// What the sessions that a server leaves are known by: its start on the log. A server that does not know of them, or
/// another log, has another, and then they are not believed.
pub(crate) fn mark(index: u64, start: &Leaf) -> String {
    format!("{index} {}", start.time)
}

impl City {
    /// Links and sessions of the console. What begins or ends one blocks for a write to the disk.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Begins a session of a person who is here, at the device that has this cookie: by the passkey of theirs that has
    /// answered, or by a link. Nobody leaves, and no key or device ends, in between.
    ///
    /// # Errors
    /// The person has no way in by now, or the passkey is theirs no longer.
    pub fn begin_session(
        &self,
        person: &PersonId,
        passkey: Option<&str>,
        device: Option<&str>,
        place: String,
    ) -> Result<Opened> {
        let _alone = self.changing_people();
        let known = self.person(person)?;
        let is_theirs = |id: &str| known.passkeys.iter().any(|passkey| passkey.id == id);
        if !comes_in(&known) || !passkey.is_none_or(is_theirs) {
            return Err(Error::unauthenticated("Your way in has ended; ask an administrator."));
        }
        let device = device.map(|cookie| self.device_of(cookie)).transpose()?.flatten();
        let opening = Opening {
            person: person.clone(),
            how: if passkey.is_some() { How::Passkey } else { How::Link },
            class: device.as_ref().map(|device| device.class).unwrap_or_default(),
            device: device.map(|device| device.id),
            place,
        };
        Ok(self.sessions.open(opening, self.now()))
    }

    /// Of the sessions that a server before left, those stay whose person and device are what they were: it may have died
    /// between ending a person or a device and ending what was open there.
    pub(crate) fn settle_sessions(&self) -> Result<()> {
        let mut over = Vec::new();
        for (token, session) in self.sessions.all() {
            if !self.is_still(&session)? {
                over.push(token);
            }
        }
        self.sessions.end_all(&over)
    }

    fn is_still(&self, session: &Session) -> Result<bool> {
        let person = self.stored_person(&session.person)?;
        if !person.is_some_and(|person| person.ended.is_none() && comes_in(&person)) {
            return Ok(false);
        }
        let Some(id) = &session.device else { return Ok(true) };
        let device = self.device(id)?;
        Ok(device.is_some_and(|device| device.revoked.is_none() && device.made <= session.begun))
    }
}
