//! Hits: questions to a person, not orders.

use super::DrillMark;
use crate::page::Page;
use askama::Template;

/// A hit in a list, or the hit that stands for an incident.
#[derive(Clone, Default)]
pub struct HitRow {
    /// The hit's id.
    pub id: String,
    /// `open`, `second`, `confirmed`, `rejected`, `cold` or `closed`.
    pub state: String,
    /// When it was seen, as shown.
    pub captured: String,
    /// The camera's name.
    pub camera: String,
    /// The list.
    pub list: String,
    /// Probability as shown, for instance `97 %`.
    pub probability: String,
    /// What speaks against it, as the interface spells it.
    pub doubts: Vec<String>,
    /// What was found, where somebody decided.
    pub finding: Option<String>,
    /// What came of it, where somebody said so.
    pub outcome: Option<String>,
    /// Where and when it was seen last, where it was seen more than once.
    pub last: Option<String>,
    /// How many sightings there are, this one among them; 0 where nobody counted.
    pub sightings: u32,
    /// Where the camera stands that saw it last: latitude and longitude in degrees, as text.
    pub place: Option<(String, String)>,
}

/// The list of hits.
#[derive(Template)]
#[template(path = "hits.html")]
pub struct HitsPage {
    /// Around it.
    pub page: Page,
    /// Newest first.
    pub hits: Vec<HitRow>,
    /// The last hit of this page, where there are more behind it.
    pub next: Option<String>,
}

/// The entry beside a hit.
pub struct ListedView {
    /// The wanted plate, a character at a time, and whether it differs from what was read.
    pub plate: Vec<(String, bool)>,
    /// Its state, as shown; empty where the list does not say.
    pub state: String,
    /// Why it is wanted.
    pub reason: String,
    /// Case number.
    pub case: String,
    /// When it ends, as shown.
    pub expires: String,
    /// Whether it is in force.
    pub fresh: bool,
    /// The vehicle as the list describes it: colour, year, make, model; empty where it does not.
    pub vehicle: String,
    /// What else the list says.
    pub note: Option<String>,
    /// Category, where the list has any.
    pub category: Option<String>,
    /// The list's name.
    pub list: String,
    /// When it was imported, as shown; empty where people write it.
    pub imported: String,
    /// `stop_after_confirm`, `observe_only` or `inform_only`.
    pub action: String,
}

/// A character of the read.
pub struct CharacterView {
    /// The likeliest.
    pub best: String,
    /// Its odds as shown.
    pub odds: String,
    /// What else it may be, as shown; empty where nothing else is likely.
    pub others: String,
    /// Whether the entry has another one.
    pub differs: bool,
}

/// What was said of a hit.
pub struct ActView {
    /// When, as shown.
    pub at: String,
    /// By whom; empty where the time did it.
    pub by: String,
    /// What: `verdict-correct`, `record-confirmed`, `eyes-gone`, `outcome-false`, `cold`, `unknown` and so on.
    pub what: String,
    /// Whether a remark came with it, which auditors can read.
    pub remarked: bool,
}

/// A stamp, given or missing.
pub struct StampView {
    /// `picture`, `record` or `eyes`.
    pub name: String,
    /// By whom, where it is given.
    pub by: Option<String>,
    /// When, as shown.
    pub at: String,
    /// Until when it is good, as shown; empty where it does not end.
    pub until: String,
}

/// A part of the picture, in its pixels.
#[derive(Clone, Copy)]
pub struct Crop {
    /// Left.
    pub x: i32,
    /// Top.
    pub y: i32,
    /// Width.
    pub width: i32,
    /// Height.
    pub height: i32,
}

/// One hit, to be decided.
#[derive(Template)]
#[template(path = "hit.html")]
pub struct HitPage {
    /// Around it.
    pub page: Page,
    /// The line.
    pub hit: HitRow,
    /// Version that an act refers to.
    pub version: i64,
    /// What was read.
    pub plate: Vec<CharacterView>,
    /// The state that was read, as shown; empty where none was.
    pub state: String,
    /// How sure the reader is, as shown.
    pub confidence: String,
    /// Which way it went, as the interface spells it; empty where that is not known.
    pub direction: String,
    /// The picture, base64 JPEG; empty if there is none.
    pub picture: String,
    /// The plate in it.
    pub crop: Option<Crop>,
    /// The entry, if it is still there.
    pub listed: Option<ListedView>,
    /// Who confirms it types the plate.
    pub must_type: bool,
    /// Two people have to find it right.
    pub two_persons: bool,
    /// Whether this person may decide.
    pub may_decide: bool,
    /// What was said of it, the oldest first.
    pub acts: Vec<ActView>,
    /// The three stamps.
    pub stamps: Vec<StampView>,
    /// What may be said on the air, as the interface spells it.
    pub say: String,
    /// The words for it.
    pub broadcast: Option<String>,
    /// The question to whoever keeps the record.
    pub record_query: Option<String>,
    /// Other sightings of the same vehicle.
    pub seen: Vec<HitRow>,
    /// The number of the log entry that shows this opening.
    pub log_entry: u64,
    /// Whether this is the page for the street: a large picture and three buttons.
    pub field: bool,
    /// That it is no hit but a drill.
    pub drill: Option<DrillMark>,
}

impl HitPage {
    /// The characters with their places, from 1.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (usize, &CharacterView)> {
        self.plate.iter().enumerate().map(|(n, c)| (n + 1, c))
    }

    /// Whether a person has to compare it.
    pub(crate) fn waits(&self) -> bool {
        if let Some(drill) = &self.drill {
            return self.may_decide && !drill.over && drill.result.is_none();
        }
        self.may_decide && matches!(self.hit.state.as_str(), "open" | "second" | "along" | "cold")
    }

    /// Whether somebody may say what came of it: it was confirmed, whatever was found afterwards.
    pub(crate) fn may_end(&self) -> bool {
        let over = |act: &ActView| act.what.starts_with("eyes-") || act.what.starts_with("record-");
        let right = self.acts.iter().any(|act| act.what == "verdict-correct");
        let state = self.hit.state.as_str();
        let found_wrong = state == "rejected" && right && self.acts.last().is_some_and(over);
        self.drill.is_none() && self.may_decide && (state == "confirmed" || found_wrong)
    }

    /// Whether people said that the vehicle is not looked for any more, and its list looks for it still.
    pub(crate) fn still_listed(&self) -> bool {
        let over = |act: &ActView| {
            matches!(act.what.as_str(), "record-no-longer-wanted" | "outcome-recovered")
        };
        let fresh = self.listed.as_ref().is_some_and(|listed| listed.fresh);
        self.drill.is_none() && fresh && self.acts.iter().any(over)
    }

    /// Where its forms go.
    pub(crate) fn base(&self) -> &'static str {
        match (self.field, &self.drill) {
            (true, _) => "/field",
            (false, Some(_)) => "/console/drills",
            (false, None) => "/console/hits",
        }
    }

    /// Under which name they find it.
    pub(crate) fn id(&self) -> &str {
        self.drill.as_ref().map_or(&self.hit.id, |drill| &drill.id)
    }
}
