//! People and machines that may do something here.

use crate::page::{Choice, Page, Wrong};
use askama::Template;

/// A person whose key is lost: one administrator has said so, another has to.
#[derive(Clone, Debug)]
pub struct LostView {
    /// Who said so.
    pub by: String,
    /// When, as shown.
    pub at: String,
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
    /// The roles.
    pub roles: Vec<String>,
    /// `active`, `invited`, `locked` or `ended`.
    pub state: String,
    /// Since when, as shown.
    pub since: String,
    /// How many passkeys.
    pub passkeys: u32,
    /// When this person was here last, as shown.
    pub last_seen: Option<String>,
    /// Where a lost key is being replaced.
    pub lost: Option<LostView>,
    /// Whether it is the one who looks.
    pub own: bool,
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
}

/// People (`POST /console/people`, `/console/people/{id}/roles`, `/end`, `/lost`, `/lost/confirm`).
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
    /// Whether this person may change anything here.
    pub may_manage: bool,
}

/// A machine's token; never the secret itself.
#[derive(Clone, Debug)]
pub struct TokenView {
    /// The id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Who made it.
    pub by: String,
    /// When, as shown.
    pub at: String,
    /// Until when, as shown.
    pub until: String,
    /// When it was used last, as shown.
    pub last_used: Option<String>,
    /// `active`, `expiring` or `ended`.
    pub state: String,
}

/// What was typed, to be shown again.
#[derive(Clone, Debug, Default)]
pub struct TokenForm {
    /// What it is called.
    pub name: String,
    /// Until when, as a date field has it.
    pub until: String,
}

/// Machine tokens (`POST /console/tokens`, `POST /console/tokens/{id}/end`).
#[derive(Template)]
#[template(path = "tokens.html")]
pub struct TokensPage {
    /// Around it.
    pub page: Page,
    /// What is wrong with what was sent.
    pub wrong: Vec<Wrong>,
    /// The tokens.
    pub tokens: Vec<TokenView>,
    /// What a token may do, ticked as it was sent.
    pub scopes: Vec<Choice>,
    /// What was sent.
    pub form: TokenForm,
    /// The secret of the token just made: shown once.
    pub fresh: Option<String>,
    /// Whether this person may change anything here.
    pub may_manage: bool,
}
