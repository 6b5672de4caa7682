//! Getting in: a passkey, or a link that works once.

use crate::page::Page;
use askama::Template;

/// How to get in.
#[derive(Template)]
#[template(path = "signin.html")]
pub struct SignInPage {
    /// Around it.
    pub page: Page,
    /// Whether people of this city have passkeys; without, only the link is offered.
    pub passkeys: bool,
    /// Whether people may sign in by the city's directory.
    pub directory: bool,
}

/// A session ended while something was written: a part of the page that is open, with the way to go on there.
#[derive(Template)]
#[template(path = "ended.html")]
pub struct EndedFragment {
    /// Language and city.
    pub page: Page,
}

/// A one-time link was opened: one more click uses it, so that a preview robot does not.
#[derive(Template)]
#[template(path = "enter.html")]
pub struct EnterPage {
    /// Around it.
    pub page: Page,
    /// The link's secret.
    pub link: String,
}

/// Making a passkey from an invitation.
#[derive(Template)]
#[template(path = "register.html")]
pub struct RegisterPage {
    /// Around it.
    pub page: Page,
    /// Whose passkey it becomes.
    pub name: String,
    /// The invitation's secret.
    pub invitation: String,
}

/// A device becomes a registered one: an administrator has said what it is.
#[derive(Template)]
#[template(path = "device.html")]
pub struct DevicePage {
    /// Around it.
    pub page: Page,
    /// The one-time code.
    pub code: String,
}
