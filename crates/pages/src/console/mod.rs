//! Pages for people of the city: a file a job.

mod answer;
mod ask;
mod audit;
mod breakglass;
mod cameras;
mod drills;
mod hits;
mod lists;
mod log;
mod machines;
mod notify;
mod now;
mod orders;
mod papers;
mod people;
mod questions;
mod rules;
mod settings;
mod signin;

pub use answer::{AnswerPage, ReadCard};
pub use ask::{AskForm, AskPage, CameraChoice, Preview, PreviewFragment};
pub use audit::{Alarm, AuditPage, Drawn};
pub use breakglass::{BreakGlassPage, BreakGlassView, ReviewedView};
pub use cameras::{CameraView, CamerasPage};
pub use drills::{DeskRow, DrillMark, DrillRow, DrillsPage, FoundView};
pub use hits::{ActView, CharacterView, Crop, HitPage, HitRow, HitsPage, ListedView, StampView};
pub use lists::{ImportFragment, ListRow, ListsPage, WantedForm, WantedView};
pub use log::{EntryView, FactView, LogPage};
pub use machines::{DeviceCodeView, DeviceView, DevicesPage, TokenForm, TokenView, TokensPage};
pub use notify::{BrowserView, LastView, NotifyPage, TriedView};
pub use now::{
    CameraDot, CheckedView, FieldPage, HandoverPage, MetView, MisreadRow, MisreadsPage, NowPage,
    QueueView, SuspendedView,
};
pub use orders::{OrderLine, OrderWaits, OrdersPage, Reach};
pub use papers::{PaperForm, PaperView, PapersPage};
pub use people::{
    InvitationView, InviteForm, LostView, PasskeyView, PasskeysPage, PeoplePage, PersonView,
};
pub use questions::{QuestionView, QuestionsPage};
pub use rules::{
    PropertyView, ProposalPage, ProposalRow, ProposePage, RuleView, RulesPage, SignatureView,
};
pub use settings::{SettingRow, SettingsPage};
pub use signin::{DevicePage, EndedFragment, EnterPage, RegisterPage, SignInPage};
