//! An order to switch off, as everybody sees it: a receipt, and on paper a certificate.

use crate::page::Page;
use askama::Template;

/// One camera's line.
pub struct OffRow {
    /// The camera.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// How it stands, in a word: `acknowledged`, `lease-runs`, `lease-ended`, `foreign`, `no-lease`, `scheduled`.
    pub state: String,
    /// Whether somebody has to go there.
    pub foreign: bool,
    /// When it answered, as shown.
    pub at: Option<String>,
    /// The number of its last frame.
    pub frames: Option<u64>,
    /// How many reads it made under its last lease.
    pub reads: Option<u64>,
    /// Whether what it had not delivered was erased.
    pub erased: bool,
    /// When its lease ends or has ended, as shown.
    pub lease_until: Option<String>,
    /// The entry of the log that says so.
    pub log_entry: Option<u64>,
}

/// The receipt of an order to switch off.
#[derive(Template)]
#[template(path = "off.html")]
pub struct OffPage {
    /// Around it.
    pub page: Page,
    /// The order.
    pub id: String,
    /// When the page was made, as shown.
    pub now: String,
    /// The same as programs read it.
    pub now_exact: String,
    /// Why.
    pub reason: String,
    /// The office that gave it.
    pub by: String,
    /// Whether it names every camera.
    pub all: bool,
    /// The group that it names; empty where it names none.
    pub group: String,
    /// When it takes effect, as shown.
    pub from: String,
    /// The same as programs read it.
    pub from_exact: String,
    /// Whether it has taken effect.
    pub begun: bool,
    /// Whether it was taken back before it took effect.
    pub void: bool,
    /// When it ends by itself, as shown.
    pub until: Option<String>,
    /// When it was taken back or ended, as shown.
    pub over: Option<String>,
    /// Whether cameras erase what they have not delivered.
    pub erase: bool,
    /// The camera where it was entered from a file.
    pub entered_at: Option<String>,
    /// Its number on the log.
    pub log_entry: u64,
    /// Whether nothing more is to be waited for.
    pub done: bool,
    /// Camera by camera.
    pub lines: Vec<OffRow>,
    /// Address of the certificate.
    pub address: String,
    /// The log's public key.
    pub vkey: String,
    /// The witness rule in one sentence.
    pub witness: String,
}

impl OffPage {
    fn foreign(&self) -> bool {
        self.lines.iter().any(|line| line.foreign)
    }
}
