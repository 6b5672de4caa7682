//! Ways out of the city: an e-mail, a push to a browser, a signed webhook. One message on one way a call.
//!
//! A message is a [`Notice`]: a heading, a sentence, a link. There is no field for a plate, a case or an
//! entry, and nothing here knows what they are. What an address is allowed to be, [`Reach`] says: names
//! are resolved first, and the address that was judged is the one that is connected to.
//!
//! Beside them one way in: a file that the city fetches by HTTPS or SFTP ([`fetch`], [`fetch_sftp`]).
//!
//! Not here: who is told, when, how often it is tried again. Every call blocks, and ends within
//! [`PATIENCE`] or soon after; a mail server has that for each answer, and a minute to take a message.

mod email;
mod failure;
mod fetch;
mod post;
mod push;
mod reach;
mod sftp;
mod webhook;

pub use email::{Email, Security, Smtp, is_address};
pub use failure::{Failure, Next, Outcome};
pub use fetch::{FETCH_PATIENCE, Got, Known, exchange, fetch};
pub use post::PATIENCE;
pub use push::{Subscription, VapidKey, WebPush};
pub use reach::{Reach, is_public};
pub use sftp::{SftpLogin, SftpPlace, fetch_sftp, is_fingerprint};
pub use webhook::{HookSecret, Webhook, signature};

/// What somebody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it has as its id wherever it comes; the same however often it is sent.
    pub id: String,
    /// One line.
    pub heading: String,
    /// A sentence or two.
    pub text: String,
    /// The page to open.
    pub link: String,
    /// Notices with the same topic replace each other where a way can do that.
    pub topic: String,
}
