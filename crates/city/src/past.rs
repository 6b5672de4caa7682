//! What a city knows from its log at a start.
//!
//! A log of years has millions of entries: they are looked at one at a time, while the log itself is read, and of those
//! that something else has to be done about, which are few, a copy is kept.

use crate::adoption::Adoptions;
use crate::emergencies::Emergencies;
use crate::switch::Switches;
use ledger::Leaf;

/// Kinds of entries that are kept as they are.
const KEPT: [&str; 4] = ["camera.moved", "share.gate", "share.gate.closed", "hold.placed"];

/// All of it.
#[derive(Default)]
pub(crate) struct Past {
    pub adoptions: Adoptions,
    pub switches: Switches,
    pub emergencies: Emergencies,
    pub activations: Activations,
    /// What the sessions are known by that the server before left: its start.
    pub mark: String,
    /// The first administrator.
    pub first_person: Option<String>,
    /// Moves of cameras, gates and holds, as they came.
    pub kept: Vec<Leaf>,
}

/// The newest activation of rules.
#[derive(Default)]
pub(crate) struct Activations {
    /// Its number on the log.
    pub newest: u64,
    /// The hash of the rules that it put in force.
    pub hash: Option<String>,
    /// The hash of those in force before; empty where there were none.
    pub before: String,
}

impl Activations {
    fn add(&mut self, index: u64, leaf: &Leaf) {
        self.newest = index;
        self.before = self.hash.take().unwrap_or_default();
        self.hash = leaf.text("hash").map(str::to_owned);
    }
}

impl Past {
    /// Takes one more entry into account.
    pub(crate) fn add(&mut self, index: u64, leaf: &Leaf) {
        self.adoptions.add(index, leaf);
        self.switches.add(index, leaf);
        self.emergencies.add(index, leaf);
        match leaf.kind.as_str() {
            "policy.activated" => self.activations.add(index, leaf),
            "software.start" => self.mark = crate::people::mark(index, leaf),
            "admin.created" if self.first_person.is_none() => self.first_person = leaf.id.clone(),
            kind if KEPT.contains(&kind) => self.kept.push(leaf.clone()),
            _ => {}
        }
    }
}
