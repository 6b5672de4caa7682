//! What goes in and out around hits. A [`HitView`] and a [`PlateChecked`] hold plates in the clear: an open hit in
//! the view of its person. They are never logged or stored, and have no `Debug`.

use crate::AnswerRead;
use base::{CameraId, EntryId, HitId, ListId, PersonId, Time};
use hotlist::{
    Compared, Doubt, EyesAnswer, HitFinding, HitOutcome, ListAction, RecordAnswer, Say, Stamps,
    What,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A hit as a line of a list: no plate in it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HitLine {
    /// The hit.
    pub id: HitId,
    /// The list that it matched.
    pub list: ListId,
    /// The entry that it matched.
    pub entry: EntryId,
    /// The camera that saw it.
    pub camera: CameraId,
    /// That camera's name.
    pub camera_name: String,
    /// Latitude of its place in degrees, where told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    /// Longitude of its place in degrees, where told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
    /// When it was seen.
    pub captured: Time,
    /// When it came here; absent until the log has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raised: Option<Time>,
    /// P(the read is the listed plate), 0 to 1.
    pub probability: f64,
    /// `open`, `second`, `confirmed`, `rejected`, `cold` or `closed`.
    pub state: String,
    /// Goes up with every change; what is said of a hit names the one it saw.
    pub version: i64,
    /// What the person found who decided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<HitFinding>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<HitOutcome>,
    /// Whether nobody had decided it in time: nothing is said of it on the air.
    #[serde(default)]
    pub cold: bool,
    /// What speaks against it; a hit with any doubt rings nowhere.
    #[serde(default)]
    pub doubts: Vec<Doubt>,
    /// How the read is like the entry: which places differ, and no character. Absent where it was raised before
    /// this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub basis: Option<read::Basis>,
}

/// A page of the list of hits.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Hits {
    /// The newest first.
    pub hits: Vec<HitLine>,
    /// What to give as `after` for the page behind this one; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<HitId>,
}

/// A character of a read, as a person weighs it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Character {
    /// The likeliest.
    pub best: char,
    /// P(it is that), 0 to 1.
    pub odds: f32,
    /// What it may be instead, the likeliest first, at most two.
    pub others: Vec<(char, f32)>,
    /// Whether the entry has another character here.
    pub differs: bool,
}

/// Something that was said of a hit, as people see it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ActLine {
    /// When.
    pub at: Time,
    /// By whom, as the console calls them; nobody where the time did it.
    pub by: Option<String>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// A hit in the view of the person who decides it.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct HitView {
    /// The line.
    pub line: HitLine,
    /// What the camera read.
    pub read: AnswerRead,
    /// The same, a character at a time.
    pub characters: Vec<Character>,
    /// The plate's corners in the picture, pixels: top left, top right, bottom right, bottom left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture_corners: Option<[[i32; 2]; 4]>,
    /// Which way the vehicle went, seen from the camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub direction: Option<read::Direction>,
    /// Where it was heading, in degrees from true north, clockwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heading: Option<u16>,
    /// What the list says; absent if the entry has been taken back.
    pub listed: Option<Listed>,
    /// Whether who confirms it has to type the plate as they read it in the picture.
    pub must_type: bool,
    /// Whether two people have to find it right.
    pub two_persons: bool,
    /// What was said of it, the oldest first.
    pub acts: Vec<ActLine>,
    /// The stamps that are good now.
    pub stamps: Stamps,
    /// What nobody has checked: of `picture`, `record`, `eyes`.
    pub unchecked: Vec<String>,
    /// What may be said on the air now.
    pub say: Say,
    /// The words for it, where there is anything to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<String>,
    /// The question to whoever keeps the record, ready to be copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_query: Option<String>,
    /// Other sightings of the same incident, the newest first.
    pub seen: Vec<HitLine>,
    /// The log entry that shows that it was opened.
    pub log_entry: u64,
}

/// A hot-list entry as the person who decides a hit sees it.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Listed {
    /// The wanted plate.
    pub plate: String,
    /// Its state, if the list says so.
    pub state: Option<String>,
    /// Why it is wanted.
    pub reason: String,
    /// Case number.
    pub case: String,
    /// When the entry ends.
    pub expires: Time,
    /// Whether the entry is still in force, and its list young enough: a stale one stops nobody.
    pub fresh: bool,
    /// The list's name.
    #[serde(default)]
    pub list_name: String,
    /// When the list was imported last, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Time>,
    /// Its category, where the list has any.
    #[serde(default)]
    pub category: Option<String>,
    /// How pressing it is: 0 is the usual.
    #[serde(default)]
    pub priority: u8,
    /// Where it comes from; empty where a person of the city wrote it.
    #[serde(default)]
    pub source: String,
    /// What may be done about it.
    #[serde(default)]
    pub action: ListAction,
    /// What the list says of the vehicle.
    #[serde(default)]
    pub described: crate::Described,
}

/// What a person found when they compared picture and entry.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// What they found.
    pub finding: HitFinding,
    /// What was compared; `correct` needs all four.
    #[serde(default)]
    pub compared: Compared,
    /// The plate as they read it in the picture, in their own typing; needed where `must_type` says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typed: Option<String>,
    /// A remark; it stays private.
    #[serde(default)]
    pub note: String,
    /// The version of the hit that the person saw.
    pub version: i64,
}

/// What whoever keeps the record answered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRecord {
    /// It.
    pub answer: RecordAnswer,
    /// The version of the hit that the person saw.
    pub version: i64,
}

/// What an officer saw.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEyes {
    /// It.
    pub answer: EyesAnswer,
    /// The version of the hit that the person saw.
    pub version: i64,
}

/// What came of a hit.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOutcome {
    /// It.
    pub outcome: HitOutcome,
    /// A remark; it stays private.
    #[serde(default)]
    pub note: String,
    /// The version of the hit that the person saw.
    pub version: i64,
}

/// Hits that are one moving vehicle.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    /// The hit to look at: the newest that waits, or else the newest.
    pub hit: HitLine,
    /// How many sightings there are, this one among them.
    pub sightings: u32,
    /// Where it was seen last.
    pub last_camera: String,
    /// Latitude of that place in degrees, where told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_lat: Option<f64>,
    /// Longitude of that place in degrees, where told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_lon: Option<f64>,
    /// And when.
    pub last_seen: Time,
    /// Whether people have confirmed one of them.
    pub confirmed: bool,
}

/// What waits for somebody, in the order in which it should be looked at.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// Hits that ring: the most urgent first.
    pub urgent: Vec<Incident>,
    /// Hits that something speaks against.
    pub unlikely: Vec<Incident>,
    /// Confirmed, and nobody has said yet what came of it.
    pub under_way: Vec<Incident>,
    /// Lists that are too old to be believed: they raise nothing.
    pub stale_lists: Vec<ListId>,
    /// Cameras whose hits wait because they misread.
    pub suspended: Vec<Suspended>,
}

/// A camera that misreads more than the city accepts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Suspended {
    /// The camera.
    pub camera: CameraId,
    /// Its name.
    pub camera_name: String,
    /// Since when its hits wait.
    pub since: Time,
    /// Of so many of its hits that people decided.
    pub decided: u64,
    /// So many were misread.
    pub misread: u64,
}

/// What somebody who takes over a shift is shown.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Shift {
    /// What waits and what is under way.
    pub queue: Queue,
    /// Confirmed hits whose record nobody has confirmed live.
    pub calls_waiting: Vec<HitLine>,
    /// Confirmed hits of which nobody said within a day what came of them.
    pub outcomes_due: Vec<HitLine>,
    /// The last handover.
    pub last: Option<Handover>,
}

/// A shift that took over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Handover {
    /// When.
    pub at: Time,
    /// Who accepted it.
    #[schema(value_type = String)]
    pub by: PersonId,
    /// What they are called.
    pub by_name: String,
    /// How much of what was open then, by name: `urgent`, `unlikely`, `under-way`, `calls-waiting`, `outcomes-due`,
    /// `stale-lists`, `suspended`.
    pub open: BTreeMap<String, u64>,
}

/// A plate that somebody has before their eyes.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckPlate {
    /// As they read it.
    pub plate: String,
    /// Its state as `us-ca`, if they know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// What the lists say of it.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct PlateChecked {
    /// What is listed under this plate and, where a state was given, not under another.
    pub listed: Vec<Listed>,
    /// Lists that are too old to be believed: they were not asked, and the plate may be on one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale: Vec<ListId>,
    /// The log entry that shows that it was asked.
    pub log_entry: u64,
}
