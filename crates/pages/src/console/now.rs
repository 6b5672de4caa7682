//! What goes on now: hits that wait, what is under way, cameras, the handover; and the street's own pages.

use super::{DrillRow, HitRow};
use crate::page::Page;
use askama::Template;

/// A camera whose hits wait.
pub struct SuspendedView {
    /// The camera.
    pub camera: String,
    /// Its name.
    pub name: String,
    /// Of so many hits that people decided.
    pub decided: u64,
    /// So many were misread.
    pub misread: u64,
}

/// What waits for a person.
#[derive(Default)]
pub struct QueueView {
    /// The most urgent first.
    pub urgent: Vec<HitRow>,
    /// What something speaks against.
    pub unlikely: Vec<HitRow>,
    /// Confirmed, and the end is not known.
    pub under_way: Vec<HitRow>,
    /// Lists that are too old.
    pub stale: Vec<String>,
    /// Cameras whose hits wait.
    pub suspended: Vec<SuspendedView>,
}

/// A camera as everybody of the city may see it.
pub struct CameraDot {
    /// Its name.
    pub name: String,
    /// `on` or `off`.
    pub state: String,
    /// Since when, as shown.
    pub since: String,
}

/// What goes on now.
#[derive(Template)]
#[template(path = "now.html")]
pub struct NowPage {
    /// Around it.
    pub page: Page,
    /// What waits.
    pub queue: QueueView,
    /// Whether this person may have a camera's hits ring again.
    pub may_resume: bool,
    /// The cameras that are off, and how many are on.
    pub off: Vec<CameraDot>,
    /// How many are on.
    pub on: u64,
    /// Reads today, a day in UTC as the log counts them.
    pub reads: u64,
    /// Hits whose outcome is due.
    pub due: Vec<HitRow>,
    /// Drills that wait for this person.
    pub drills: Vec<DrillRow>,
}

/// What the next shift has to know.
#[derive(Template)]
#[template(path = "handover.html")]
pub struct HandoverPage {
    /// Around it.
    pub page: Page,
    /// What waits.
    pub queue: QueueView,
    /// Confirmed, and nobody has confirmed the record.
    pub calls: Vec<HitRow>,
    /// Nobody said what came of them.
    pub due: Vec<HitRow>,
    /// Who took over last and when, as shown.
    pub last: Option<(String, String)>,
    /// Whether this person may take over.
    pub may_accept: bool,
}

impl HandoverPage {
    /// What is open: the word of each heading, and its hits.
    pub(crate) fn strips(&self) -> [(&'static str, &[HitRow]); 5] {
        [
            ("urgent", &self.queue.urgent),
            ("calls", &self.calls),
            ("under_way", &self.queue.under_way),
            ("due", &self.due),
            ("unlikely", &self.queue.unlikely),
        ]
    }
}

/// A list entry that a typed plate met.
pub struct MetView {
    /// The plate as it is listed.
    pub plate: String,
    /// Why it is wanted.
    pub reason: String,
    /// Case number.
    pub case: String,
    /// Its state, as shown; empty where the list does not say.
    pub state: String,
    /// The list's name.
    pub list: String,
    /// The vehicle as the list describes it.
    pub vehicle: String,
    /// What may be done.
    pub action: String,
    /// Whether it is in force.
    pub fresh: bool,
}

/// What the lists say of a typed plate.
pub struct CheckedView {
    /// The plate as typed.
    pub plate: String,
    /// What is listed.
    pub met: Vec<MetView>,
    /// Lists that are too old and were not asked.
    pub stale: Vec<String>,
    /// The log entry that shows the question.
    pub log_entry: u64,
}

/// The page for a phone or the car.
#[derive(Template)]
#[template(path = "field.html")]
pub struct FieldPage {
    /// Around it.
    pub page: Page,
    /// Confirmed hits, the newest first.
    pub hits: Vec<HitRow>,
    /// What a typed plate met.
    pub checked: Option<CheckedView>,
    /// What is wrong with what was typed.
    pub wrong: Option<String>,
    /// The plate that was typed, where something is wrong with it; empty otherwise.
    pub plate: String,
    /// The state that was typed, likewise.
    pub state: String,
}

/// How often hits were misread, in one row.
pub struct MisreadRow {
    /// The camera, list or hour.
    pub name: String,
    /// Decided.
    pub decided: u64,
    /// Misread.
    pub misread: u64,
    /// The share, in percent, 0 to 100.
    pub percent: u64,
}

/// How often hits were misread.
#[derive(Template)]
#[template(path = "misreads.html")]
pub struct MisreadsPage {
    /// Around it.
    pub page: Page,
    /// `camera`, `list` and `hour`, each with its rows.
    pub tables: Vec<(&'static str, Vec<MisreadRow>)>,
    /// What was found, and how often.
    pub findings: Vec<(String, u64)>,
    /// What came of confirmed hits, and how often.
    pub outcomes: Vec<(String, u64)>,
    /// Hits that nobody decided in time.
    pub cold: u64,
    /// Confirmed hits that an officer on the spot found to be another vehicle.
    pub not_it: u64,
    /// Cameras whose hits wait because they misread, and since when, as shown.
    pub suspended: Vec<(String, String)>,
}
