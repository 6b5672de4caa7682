//! Pages for people of the city: a file a job.

mod answer;
mod ask;
mod audit;
mod hits;
mod log;
mod papers;
mod people;
mod questions;
mod rules;
mod signin;

pub use answer::{AnswerPage, ReadCard, RefusedPage};
pub use ask::{AskForm, AskPage, CameraChoice, Preview, PreviewFragment};
pub use audit::{Alarm, AuditPage, Drawn};
pub use hits::{HitPage, HitRow, HitsPage, ListedView};
pub use log::{EntryView, FactView, LogPage};
pub use papers::{PaperForm, PaperView, PapersPage};
pub use people::{
    InvitationView, InviteForm, LostView, PeoplePage, PersonView, TokenForm, TokenView, TokensPage,
};
pub use questions::{BreakGlassPage, BreakGlassView, QuestionView, QuestionsPage};
pub use rules::{
    PropertyView, ProposalPage, ProposalRow, ProposePage, RuleView, RulesPage, SignatureView,
};
pub use signin::{DevicePage, EnterPage, RegisterPage, SignInPage};
