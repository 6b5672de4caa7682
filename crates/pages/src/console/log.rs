//! The public log in words.

use crate::page::{Choice, Page};
use askama::Template;

/// A public fact of an entry.
#[derive(Clone, Debug)]
pub struct FactView {
    /// Its name on the log.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// An entry.
#[derive(Clone, Debug)]
pub struct EntryView {
    /// Its number.
    pub index: u64,
    /// Its type on the log, for instance `search.intent`.
    pub kind: String,
    /// When, as shown.
    pub at: String,
    /// Who acted: office or role, or a pseudonym; empty where the log names none.
    pub by: String,
    /// Its subject.
    pub subject: String,
    /// Public facts.
    pub facts: Vec<FactView>,
}

/// A page of the log.
#[derive(Template)]
#[template(path = "log.html")]
pub struct LogPage {
    /// Around it.
    pub page: Page,
    /// Types of entries to choose from; none chosen shows all.
    pub kinds: Vec<Choice>,
    /// Newest first.
    pub entries: Vec<EntryView>,
    /// How many entries the log has.
    pub size: u64,
    /// The log's origin line.
    pub origin: String,
    /// Its public key.
    pub vkey: String,
    /// The witness rule in one sentence.
    pub witness: String,
    /// The number below which older entries begin.
    pub older: Option<u64>,
    /// The number above which newer entries begin.
    pub newer: Option<u64>,
}

impl LogPage {
    /// The type that is chosen, for the links to further pages.
    fn kind(&self) -> &str {
        self.kinds.iter().find(|k| k.chosen).map_or("", |k| &k.value)
    }
}
