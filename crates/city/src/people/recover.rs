//! The end of a way in: a key is lost, a person leaves, root resets one.

use super::{Invitation, gone};
use crate::City;
use base::{Error, PersonId, Result, Time, TokenId};
use identity::Person;
use policy::Action;
use serde::{Deserialize, Serialize};
use store::RecoveryRow;
use utoipa::ToSchema;

/// Another administrator must confirm within this time.
const CONFIRM_MS: i64 = 24 * 3_600_000;

/// What became of a lost key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LostKey {
    /// Another administrator must confirm until then; none where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm_until: Option<Time>,
    /// The person's new way in; none before it was confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Invitation>,
}

/// A key that one administrator says is lost; another one has to confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostLine {
    /// Whose.
    pub person: PersonId,
    /// Who said so.
    pub by: PersonId,
    /// When.
    pub asked: Time,
    /// Another administrator must confirm until then.
    pub until: Time,
}

/// What ended with a person.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Left {
    /// How many keys and passkeys.
    pub keys: usize,
    /// The machine tokens that they had made.
    pub tokens: Vec<TokenId>,
}

impl City {
    /// A person as stored who has not left: whether the directory has vouched for them today does not count.
    fn not_left(&self, id: &PersonId) -> Result<Person> {
        let person = self.known_person(id)?;
        if person.ended.is_some() { Err(gone()) } else { Ok(person) }
    }

    /// A person's key is lost. The first administrator says so; when a second one does, within a day, all
    /// that the person had ends, and they are invited anew.
    pub fn lost_key(&self, by: &PersonId, id: &PersonId) -> Result<LostKey> {
        let admin = self.allowed(by, Action::AddPerson)?;
        let _alone = self.changing_people();
        let mut person = self.not_left(id)?;
        if by == id {
            return Err(Error::forbidden("Two other administrators say that your key is lost."));
        }
        let now = self.now();
        let asked = self.store.recovery(id)?.filter(|row| self.is_asked(row, now));
        let Some(asked) = asked else {
            let leaf = self.leaf_of("admin.lost", &admin, &person)?.fact("step", "asked");
            self.log.append(&leaf)?;
            let (person, asked_by) = (id.clone(), by.clone());
            self.store.put_recovery(&RecoveryRow { person, asked_by, asked: now })?;
            let until = now.plus_millis(CONFIRM_MS);
            return Ok(LostKey { confirm_until: Some(until), invitation: None });
        };
        if asked.asked_by == *by {
            return Err(Error::conflict(
                "You said so already; another administrator must confirm.",
            ));
        }
        let leaf = self
            .leaf_of("admin.lost", &admin, &person)?
            .fact("step", "confirmed")
            .fact("asked_by", self.custody.pseudonym(&asked.asked_by)?);
        self.log.append(&leaf)?;
        person.key = None;
        person.passkeys.clear();
        crate::init::put_person(&self.store, &person)?;
        self.sessions.end_person(id)?;
        self.revoke_tokens_of(id, Some(&admin))?;
        self.store.drop_invitations(id)?;
        // Whoever had the key may have written an address, or registered a browser.
        self.store.drop_told(id)?;
        let invitation = Some(self.invitation(&person)?);
        Ok(LostKey { confirm_until: None, invitation })
    }

    /// Whether somebody has said in time that a key is lost, and may still say so: two who are here answer for it.
    fn is_asked(&self, row: &RecoveryRow, now: Time) -> bool {
        now.since(row.asked) <= CONFIRM_MS && self.allowed(&row.asked_by, Action::AddPerson).is_ok()
    }

    /// Whoever has the city's folder in their hands, root on its machine, gives a person whose last key is lost a new way
    /// in, where no two administrators are left to. All that the person had ends, and they are of the directory no longer:
    /// it may be gone. It stands on the log before anything is changed, as of `root`, who is no person of the city.
    ///
    /// # Errors
    /// There is no such person, or they have left.
    pub fn reset_person(&self, id: &PersonId) -> Result<Invitation> {
        let _alone = self.changing_people();
        let mut person = self.not_left(id)?;
        let keys = usize::from(person.key.is_some()) + person.passkeys.len();
        let leaf = self.leaf("admin.reset").by("root").id(person.id.as_str());
        self.log.append(&leaf.fact("roles", person.roles.join(" ")).fact("keys", keys))?;
        person.key = None;
        person.passkeys.clear();
        person.directory = None;
        crate::init::put_person(&self.store, &person)?;
        self.sessions.end_person(id)?;
        self.revoke_tokens_of(id, None)?;
        self.store.drop_invitations(id)?;
        self.store.drop_told(id)?;
        self.invitation(&person)
    }

    /// The keys that one administrator has said are lost, and who still may, for administrators.
    pub fn lost_keys(&self, by: &PersonId) -> Result<Vec<LostLine>> {
        self.allowed(by, Action::AddPerson)?;
        let now = self.now();
        let mut rows = self.store.recoveries()?;
        rows.retain(|row| self.is_asked(row, now));
        let mut lines = Vec::new();
        for row in rows {
            // Who left meanwhile lost nothing.
            if self.stored_person(&row.person)?.is_some_and(|person| person.ended.is_none()) {
                let until = row.asked.plus_millis(CONFIRM_MS);
                let (person, by, asked) = (row.person, row.asked_by, row.asked);
                lines.push(LostLine { person, by, asked, until });
            }
        }
        Ok(lines)
    }

    /// A person leaves: keys, passkeys, invitations, sessions and tokens end. One of the directory does not come in by it
    /// again before an administrator [lets them back](City::let_back). Repeating it ends what a crash left.
    pub fn leave(&self, by: &PersonId, id: &PersonId) -> Result<Left> {
        let who = if by == id { self.person(by)? } else { self.allowed(by, Action::AddPerson)? };
        let _alone = self.changing_people();
        let person = self.known_person(id)?;
        self.end_person(&who, person)
    }

    /// Somebody of the directory who was ended here may come in by it again: as the same person, so that what takes two
    /// persons still takes two.
    ///
    /// # Errors
    /// There is no such person, they are still here, also under another id, or they do not come by the directory; then they
    /// are invited anew.
    pub fn let_back(&self, by: &PersonId, id: &PersonId) -> Result<()> {
        let admin = self.allowed(by, Action::AddPerson)?;
        let _alone = self.changing_people();
        let mut person = self.known_person(id)?;
        if person.ended.is_none() || person.directory.is_none() {
            return Err(Error::conflict(
                "This person is here, or does not come by the city's directory; invite whoever is new.",
            ));
        }
        if self.is_here_too(&person)? {
            return Err(Error::conflict("This person is here already, under another id."));
        }
        person.ended = None;
        self.log.append(&self.leaf_of("admin.person", &admin, &person)?)?;
        crate::init::put_person(&self.store, &person)
    }

    fn end_person(&self, who: &Person, person: Person) -> Result<Left> {
        if self.may_let_in(&person) {
            self.someone_administers(&person)?;
        }
        self.end_all(who, person)
    }

    /// Ends all that a person has; `who` acts. Nobody else changes people meanwhile.
    pub(crate) fn end_all(&self, who: &Person, mut person: Person) -> Result<Left> {
        let id = &person.id.clone();
        let anew = person.ended.is_none();
        let keys = usize::from(person.key.is_some()) + person.passkeys.len();
        person.key = None;
        person.passkeys.clear();
        person.ended = person.ended.or(Some(self.now()));
        // First of all nothing of theirs opens anything.
        crate::init::put_person(&self.store, &person)?;
        self.sessions.end_person(id)?;
        let tokens = self.revoke_tokens_of(id, Some(who))?;
        self.store.drop_invitations(id)?;
        self.store.drop_told(id)?;
        let leaf = self.leaf_of("admin.left", who, &person)?;
        // Who was let back leaves another time; what a crash left is ended under the entry that is there.
        if anew {
            self.log.append(&leaf)?
        } else {
            self.log.append_once(&leaf)?
        };
        Ok(Left { keys, tokens })
    }
}
