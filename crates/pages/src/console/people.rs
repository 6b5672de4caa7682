//! People of the console, and their passkeys.

use crate::page::{Choice, Page, Wrong};
use askama::Template;

/// A person whose key is lost: one administrator has said so, another has to.
#[derive(Clone, Debug)]
pub struct LostView {
    /// Who said so.
    pub by: String,
    /// Until when another one has to, as shown.
    pub until: String,
    /// Whether the one who looks may be the second.
    pub may_confirm: bool,
}

/// A person.
#[derive(Clone, Debug)]
pub struct PersonView {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The office.
    pub office: String,
    /// The roles.
    pub roles: Vec<String>,
    /// `active`, `invited` or `ended`.
    pub state: String,
    /// Since when they are here no longer, as shown.
    pub ended: Option<String>,
    /// Whether they have a key file.
    pub key: bool,
    /// How many passkeys.
    pub passkeys: u32,
    /// When a passkey of theirs answered last, as shown.
    pub last_seen: Option<String>,
    /// Where a lost key is being replaced.
    pub lost: Option<LostView>,
    /// Whether it is the one who looks.
    pub own: bool,
    /// Whether they have left, and may be let in again by the city's directory.
    pub may_return: bool,
}

impl PersonView {
    /// Whether this person has that role; templates take no closures.
    fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|r| r == role)
    }
}

/// An invitation that was just made: shown once.
#[derive(Clone, Debug)]
pub struct InvitationView {
    /// For whom.
    pub name: String,
    /// The link.
    pub link: String,
    /// Until when it works, as shown.
    pub until: String,
}

/// What was typed, to be shown again.
#[derive(Clone, Debug, Default)]
pub struct InviteForm {
    /// The name.
    pub name: String,
    /// The office.
    pub office: String,
}

/// People (`POST /console/people`, `/console/people/{id}/roles`, `/invite`, `/lost`, `/leave`, `/return`).
#[derive(Template)]
#[template(path = "people.html")]
pub struct PeoplePage {
    /// Around it.
    pub page: Page,
    /// What is wrong with what was sent.
    pub wrong: Vec<Wrong>,
    /// The people.
    pub people: Vec<PersonView>,
    /// Roles that there are, ticked as they were sent.
    pub roles: Vec<Choice>,
    /// What was sent.
    pub form: InviteForm,
    /// The invitation just made.
    pub invitation: Option<InvitationView>,
}

/// A passkey of one's own.
#[derive(Clone, Debug)]
pub struct PasskeyView {
    /// The credential's id.
    pub id: String,
    /// What its person calls it.
    pub label: String,
    /// When it was added, as shown.
    pub added: String,
    /// When it last answered, as shown.
    pub used: Option<String>,
}

/// One's own passkeys (`POST /console/passkeys/remove`).
#[derive(Template)]
#[template(path = "passkeys.html")]
pub struct PasskeysPage {
    /// Around it.
    pub page: Page,
    /// What is wrong with what was sent.
    pub wrong: Vec<Wrong>,
    /// The passkeys, the oldest first.
    pub passkeys: Vec<PasskeyView>,
    /// Whether one may go: the last way in stays.
    pub may_remove: bool,
}
