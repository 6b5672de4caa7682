//! Pages for everybody.

use crate::console::DeskRow;
use crate::page::Page;
use askama::Template;

/// A camera's line.
pub struct CameraRow {
    /// What people call it.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Whether the city lets it capture.
    pub on: bool,
    /// Whether it is one of the city's cameras no longer.
    pub retired: bool,
    /// Since when, as shown.
    pub since: String,
    /// How many frames it says that it has pulled.
    pub frames: Option<u64>,
    /// How often that count went back.
    pub repeated: u64,
    /// Frames that were pulled without a lease.
    pub unleased: u64,
    /// Its reads that were refused because no lease covered them.
    pub refused: u64,
}

/// An order to switch off that is in force or to come.
pub struct OrderRow {
    /// The order.
    pub id: String,
    /// Whom it concerns: a group or cameras; empty where all.
    pub named: String,
    /// When it begins, as shown.
    pub from: String,
    /// The same as programs read it.
    pub from_exact: String,
    /// When it ends by itself, as shown.
    pub until: Option<String>,
    /// Whether it has begun.
    pub begun: bool,
    /// Why.
    pub reason: String,
}

impl CameraRow {
    /// How it stands with it, in a word.
    fn state(&self) -> &'static str {
        match (self.retired, self.on) {
            (true, _) => "retired",
            (false, true) => "on",
            (false, false) => "off",
        }
    }
}

/// A time in which a camera was off.
pub struct GapRow {
    /// The camera's name.
    pub camera: String,
    /// Its beginning, as shown.
    pub from: String,
    /// Its end, as shown; `None` while it lasts.
    pub until: Option<String>,
}

/// What everybody may see of a city.
#[derive(Template)]
#[template(path = "public.html")]
pub struct PublicPage {
    /// Around it.
    pub page: Page,
    /// When the page was made, as shown.
    pub now: String,
    /// The same as programs read it.
    pub now_exact: String,
    /// Reads in all.
    pub reads: u64,
    /// Hits raised.
    pub hits: u64,
    /// Of them confirmed by a person.
    pub confirmed: u64,
    /// Of them rejected by a person.
    pub rejected: u64,
    /// Questions answered.
    pub searches: u64,
    /// Questions refused.
    pub refusals: u64,
    /// Questions on the log that have no outcome: a crash, or one in progress.
    pub open_questions: u64,
    /// Questions under a warrant of which the log says nothing more yet.
    pub sealed: u64,
    /// The cameras.
    pub cameras: Vec<CameraRow>,
    /// Orders to switch off that are in force or to come.
    pub orders: Vec<OrderRow>,
    /// Times in which one was off: those that last, and the newest of those that are over.
    pub gaps: Vec<GapRow>,
    /// How many more there were.
    pub gaps_more: u64,
    /// Days after which reads are forgotten.
    pub retention_days: u32,
    /// Entries of the log.
    pub log_size: u64,
    /// The log's origin line.
    pub origin: String,
    /// Its public key.
    pub vkey: String,
    /// The witness rule in one sentence.
    pub witness: String,
    /// After how many minutes an entry of the log is shown; 0 is at once.
    pub delay_minutes: u32,
    /// Hash of the active rules.
    pub rules: String,
    /// What runs; none where the log does not say.
    pub software: Option<SoftwareRow>,
    /// Drawn entries that the auditor has not graded in time.
    pub audit_overdue: u64,
    /// Drills that were begun.
    pub drills: u64,
    /// Drills that nobody answered.
    pub drills_unanswered: u64,
    /// How the desks do in them.
    pub desks: Vec<DeskRow>,
}

/// The software, as the log says that it was started.
pub struct SoftwareRow {
    /// Its version.
    pub version: String,
    /// Since when this executable runs.
    pub since: String,
    /// Whole days since then.
    pub days: u64,
    /// SHA-256 of the executable.
    pub executable: String,
}

/// The demonstration: live picture, events, figures.
#[derive(Template)]
#[template(path = "street.html")]
pub struct StreetPage {
    /// Around it.
    pub page: Page,
    /// Address of the camera's live picture.
    pub live: String,
}

/// Something went wrong: what the visitor can do.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// Around it.
    pub page: Page,
    /// One sentence.
    pub message: String,
    /// Whether it is certain that nothing was changed.
    pub nothing: bool,
}

impl PublicPage {
    /// How many cameras are on; templates take no closures.
    fn cameras_on(&self) -> usize {
        self.cameras.iter().filter(|c| c.on).count()
    }
}
