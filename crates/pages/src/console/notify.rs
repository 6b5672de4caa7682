//! How somebody is told of hits when they are not at the console.

use crate::page::{Page, Wrong};
use askama::Template;

/// A device that is told by web push.
#[derive(Clone, Debug)]
pub struct BrowserView {
    /// The id.
    pub id: String,
    /// What its person calls it.
    pub name: String,
    /// Since when, as shown.
    pub at: String,
}

/// How a try of one way went.
#[derive(Clone, Debug)]
pub struct TriedView {
    /// The address, or the device's name.
    pub to: String,
    /// Why it did not go out, if it did not.
    pub failed: Option<String>,
}

/// A message that was to reach this person.
#[derive(Clone, Debug)]
pub struct LastView {
    /// The hit's number.
    pub number: u64,
    /// When, as shown.
    pub at: String,
    /// `waiting`, `sent`, `given-up` or `needless`.
    pub state: String,
    /// Why it did not go out.
    pub said: Option<String>,
}

/// How I am told (`POST /console/notify/…`).
#[derive(Template)]
#[template(path = "notify.html")]
pub struct NotifyPage {
    /// Around it.
    pub page: Page,
    /// What is wrong with what was sent.
    pub wrong: Vec<Wrong>,
    /// Whether this person may decide hits.
    pub decides: bool,
    /// Whether the city sends mail.
    pub mail_there: bool,
    /// The address that is theirs.
    pub address: Option<String>,
    /// Whether they are told there.
    pub mail: bool,
    /// An address that waits to be confirmed.
    pub pending: Option<String>,
    /// The code of the link that was opened; empty where none was.
    pub confirm: String,
    /// The address as it was sent.
    pub sent: String,
    /// The city's key for web push; empty where it has no such way.
    pub push_key: String,
    /// Their devices.
    pub browsers: Vec<BrowserView>,
    /// What was just tried.
    pub tried: Option<Vec<TriedView>>,
    /// The last messages to them.
    pub last: Vec<LastView>,
}

impl NotifyPage {
    /// Whether there is a way to this person.
    fn reachable(&self) -> bool {
        (self.mail && self.address.is_some()) || !self.browsers.is_empty()
    }
}
