//! What is not a person: programs with tokens, and the devices that people use the console at.

use crate::page::{Choice, Page, Wrong};
use askama::Template;

/// A machine's token; never the secret itself.
#[derive(Clone, Debug)]
pub struct TokenView {
    /// The id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it may do: actions, as the rules spell them.
    pub scopes: Vec<String>,
    /// Who made it.
    pub by: String,
    /// When, as shown.
    pub at: String,
    /// Until when, as shown.
    pub until: String,
    /// When it was used last, as shown.
    pub last_used: Option<String>,
    /// `active`, `expiring`, `ended` or `revoked`.
    pub state: String,
}

impl TokenView {
    /// Whether it is good for anything.
    fn is_good(&self) -> bool {
        ["active", "expiring"].contains(&self.state.as_str())
    }
}

/// What was typed, to be shown again.
#[derive(Clone, Debug, Default)]
pub struct TokenForm {
    /// What it is called.
    pub name: String,
    /// Until when, as a date field has it.
    pub until: String,
}

/// Machine tokens (`POST /console/tokens`, `POST /console/tokens/{id}/revoke`).
#[derive(Template)]
#[template(path = "tokens.html")]
pub struct TokensPage {
    /// Around it.
    pub page: Page,
    /// What is wrong with what was sent.
    pub wrong: Vec<Wrong>,
    /// The tokens.
    pub tokens: Vec<TokenView>,
    /// What a token of this person may do, ticked as it was sent.
    pub scopes: Vec<Choice>,
    /// What was sent.
    pub form: TokenForm,
    /// The secret of the token just made: shown once.
    pub fresh: Option<String>,
}

/// A device.
#[derive(Clone, Debug)]
pub struct DeviceView {
    /// The id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// `desk`, `vehicle`, `receive-only` or `other`.
    pub class: String,
    /// Who registered it.
    pub by: String,
    /// When, as shown.
    pub at: String,
    /// `active` or `revoked`.
    pub state: String,
}

/// The way in of a device that was just registered: shown once.
#[derive(Clone, Debug)]
pub struct DeviceCodeView {
    /// What people call it.
    pub name: String,
    /// The page to open on it.
    pub link: String,
    /// The code, to be typed.
    pub code: String,
}

/// Devices (`POST /console/devices`, `POST /console/devices/{id}/revoke`).
#[derive(Template)]
#[template(path = "devices.html")]
pub struct DevicesPage {
    /// Around it.
    pub page: Page,
    /// What is wrong with what was sent.
    pub wrong: Vec<Wrong>,
    /// The devices.
    pub devices: Vec<DeviceView>,
    /// Classes that there are.
    pub classes: Vec<Choice>,
    /// What the new one is called, as it was sent.
    pub called: String,
    /// The way in of the one just registered.
    pub fresh: Option<DeviceCodeView>,
}
