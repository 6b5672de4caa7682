//! The city's rules, what is proven about them, and how they change.

use crate::diff::DiffLine;
use crate::page::{Page, Wrong};
use askama::Template;

/// A rule.
#[derive(Clone, Debug)]
pub struct RuleView {
    /// Its id.
    pub id: String,
    /// What it says, in plain words: the comment above it.
    pub plain: String,
    /// How it is written.
    pub cedar: String,
    /// Whether it forbids.
    pub forbids: bool,
    /// Section of the ordinance; empty where none is named.
    pub ordinance: String,
    /// Since when, as shown; empty for ever since.
    pub effective: String,
    /// Until when, as shown; empty for no end.
    pub expires: String,
    /// `active`, `soon`, `expiring` or `ended`.
    pub state: String,
    /// Hours a question may be about.
    pub max_hours: Option<u32>,
    /// Cameras a question may be about.
    pub max_cameras: Option<u32>,
}

/// Something that no rule may allow.
#[derive(Clone, Debug)]
pub struct PropertyView {
    /// Its id.
    pub id: String,
    /// Its sentence.
    pub sentence: String,
    /// `proven`, `refuted` or `unknown`.
    pub state: String,
    /// A question that would get through, in words.
    pub example: Option<String>,
    /// How long the proof took.
    pub milliseconds: Option<u64>,
}

/// A proposal in the list.
#[derive(Clone, Debug)]
pub struct ProposalRow {
    /// Hash of the proposed rules.
    pub hash: String,
    /// What it is called.
    pub title: String,
    /// Who made it.
    pub by: String,
    /// When, as shown.
    pub at: String,
    /// `proposed`, `signed`, `active`, `adopted` (and replaced since) or `overtaken`.
    pub state: String,
    /// Offices that have signed.
    pub signed: u32,
    /// Offices that have to.
    pub needed: u32,
}

/// Rules, proofs and proposals.
#[derive(Template)]
#[template(path = "rules.html")]
pub struct RulesPage {
    /// Around it.
    pub page: Page,
    /// Hash of the active rules.
    pub hash: String,
    /// Since when they are active, as shown.
    pub since: String,
    /// Number of their activation on the log.
    pub log_entry: u64,
    /// Whether what is active is what was adopted; if not, nobody may ask.
    pub adopted: bool,
    /// Whether they are what a successor log went on with, which no office has signed there.
    pub unsigned: bool,
    /// The rules, in the order of the file.
    pub rules: Vec<RuleView>,
    /// What is proven about them.
    pub properties: Vec<PropertyView>,
    /// Proposals, newest first.
    pub proposals: Vec<ProposalRow>,
    /// Whether this person may propose.
    pub may_propose: bool,
}

/// Writing a proposal (`POST /console/rules`).
#[derive(Template)]
#[template(path = "propose.html")]
pub struct ProposePage {
    /// Around it.
    pub page: Page,
    /// What is wrong with what was sent.
    pub wrong: Vec<Wrong>,
    /// The whole rule file, to be changed.
    pub rules: String,
}

/// An office that has to sign.
#[derive(Clone, Debug)]
pub struct SignatureView {
    /// The office, as the configuration names it.
    pub office: String,
    /// Who signed for it; empty while nobody has.
    pub person: String,
    /// When, as shown.
    pub at: String,
}

/// One proposal (`POST /console/proposals/{hash}/sign`, `/activate`).
#[derive(Template)]
#[template(path = "proposal.html")]
pub struct ProposalPage {
    /// Around it.
    pub page: Page,
    /// Its id.
    pub hash: String,
    /// Hash of the proposed set.
    pub set: String,
    /// What it is called.
    pub title: String,
    /// Who made it.
    pub by: String,
    /// When, as shown.
    pub at: String,
    /// As in the list.
    pub state: String,
    /// Number on the log.
    pub log_entry: u64,
    /// The key of another office that proved it, where one did.
    pub prover: Option<String>,
    /// What changes ([`crate::diff()`]).
    pub changes: Vec<DiffLine>,
    /// What is proven about the proposed rules.
    pub properties: Vec<PropertyView>,
    /// Over how many days past questions were replayed.
    pub dry_days: u32,
    /// How many questions were replayed; `None` where that was not done.
    pub dry_questions: Option<u64>,
    /// What would have been different, in words.
    pub findings: Vec<String>,
    /// Offices that may sign, and those that have.
    pub signatures: Vec<SignatureView>,
    /// How many have to.
    pub needed: u32,
    /// Whether this person may sign now.
    pub may_sign: bool,
    /// Whether this person may activate it: all have signed, and it is not active all the same.
    pub may_activate: bool,
}

impl ProposalPage {
    fn signed(&self) -> usize {
        self.signatures.iter().filter(|s| !s.person.is_empty()).count()
    }

    /// Which of the needed signatures are there.
    fn meter(&self) -> Vec<bool> {
        (0..self.needed as usize).map(|i| i < self.signed()).collect()
    }
}
