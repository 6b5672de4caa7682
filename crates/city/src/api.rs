//! What goes in and out of the city's flows: the types that HTTP and the command line share.
//!
//! An [`Answer`] and a [`HitView`] hold plates in the clear: they are the design's exceptions (a
//! permit's answer, an open hit in the person's own view). They are never logged or stored, and have
//! no `Debug`.

use base::{
    CameraId, Epoch, Error, HoldId, LeaseId, ListId, OrderId, PersonId, PublicKey, ReadId, Time,
    b64, unb64,
};
use custody::HeldRead;
use ledger::{Figures, Leaf};
use read::Sealed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A camera introduces itself with the one-time code that a person gave it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// The one-time code.
    pub code: String,
    /// The camera it was made for.
    pub camera: CameraId,
    /// The device key that the camera has made.
    pub device_key: PublicKey,
}

/// What an enrolled camera has to know.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Enrolled {
    /// The camera.
    pub camera: CameraId,
    /// The city's name, for the operator's screen.
    pub city: String,
    /// The key that signs leases.
    pub lease_key: PublicKey,
}

/// Reads on their way in, each sealed to the city's ingest key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Version of this form: 1.
    pub v: u32,
    /// The camera whose device key signs the request.
    pub camera: CameraId,
    /// Sealed [`read::SignedRead`]s; at most [`Batch::MAX`].
    pub items: Vec<Sealed>,
}

impl Batch {
    /// The most reads in one batch.
    pub const MAX: usize = 256;
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ingested {
    /// Reads that were stored now.
    pub new: usize,
    /// Which ones.
    #[serde(default)]
    pub new_ids: Vec<ReadId>,
    /// Reads that were stored before: a resend.
    pub known: usize,
    /// Reads that were not stored, and will not be if they are sent again.
    pub refused: Vec<RefusedItem>,
    /// Reads that were not stored now, and will be if they are sent again later. A camera that does not know this
    /// field misses their answer, and sends the batch again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<LaterItem>,
}

/// One read that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedItem {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// The slug of the error's kind.
    pub kind: String,
    /// One sentence.
    pub message: String,
}

/// One read that is taken later: its capture time has not come by the city's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LaterItem {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// In how many seconds it is to be sent again.
    pub wait_s: u64,
    /// One sentence.
    pub message: String,
}

/// A new line of a hot list.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEntry {
    /// The list; it is made when it is not there.
    pub list: ListId,
    /// The wanted plate as written.
    pub plate: String,
    /// State as `us-ca`, if known.
    #[serde(default)]
    pub state: Option<String>,
    /// Why it is wanted.
    pub reason: String,
    /// Case number.
    pub case: String,
    /// When the entry ends by itself; mandatory.
    pub expires: Time,
}

/// A page of the public log's entries, for those who do not read tiles. Nothing proves it; `verify` does.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    /// The oldest first.
    pub entries: Vec<LogEntry>,
    /// How many entries the log has.
    pub size: u64,
    /// What to give as `after` for the page behind this one; absent at the log's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One entry of the public log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogEntry {
    /// Its number, from 0.
    pub index: u64,
    /// What it says.
    pub leaf: Leaf,
}

/// A question.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// One of the city's purposes.
    pub purpose: String,
    /// Case number.
    #[serde(default)]
    pub case: Option<String>,
    /// `none`, `judicial-warrant`, `court-order` or `declaration`.
    #[serde(default)]
    pub authority: Option<String>,
    /// The registered paper that the question rests on: `pap_…`.
    #[serde(default)]
    pub paper: Option<String>,
    /// A life is in danger: one person asks at once, and named people review it afterwards.
    #[serde(default)]
    pub emergency: bool,
    /// For whom, where the asker asks for somebody else: `local`, `county`, `state`,
    /// `out-of-state`, `federal`, `court`, `foreign` or `other`, and behind a colon the name. The public log shows the kind.
    #[serde(default)]
    pub on_behalf_of: Option<String>,
    /// Why, in the asker's words.
    #[serde(default)]
    pub reason: Option<String>,
    /// The plates asked for, as written; `?` is an unknown character, `*` any number of them.
    pub plates: Vec<String>,
    /// Whether what the plates are easily misread as is asked for too.
    #[serde(default)]
    pub look_alikes: bool,
    /// The cameras: where a rule allows fewer, the first of them are asked. Where it is empty, all that had not left the
    /// fleet before that time.
    #[serde(default)]
    pub cameras: Vec<CameraId>,
    /// Only what cameras saw while they stood here.
    #[serde(default)]
    pub area: Option<Area>,
    /// First moment asked about.
    pub from: Time,
    /// First moment no longer asked about.
    pub until: Time,
    /// Under a judicial warrant: until when the public log says no more than that there was a
    /// question. What it was is revealed there afterwards.
    #[serde(default)]
    pub reveal_after: Option<Time>,
}

/// A circle on the map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// Latitude of its middle in degrees.
    pub lat: f64,
    /// Longitude of its middle in degrees.
    pub lon: f64,
    /// Its radius in metres, at most 100,000.
    pub radius_m: f64,
}

/// What the rules would say to a question.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    /// `allowed`, `narrowed` or `refused`.
    pub decision: String,
    /// The rule that says so.
    pub rule: String,
    /// What is narrowed, or why it is refused, in a sentence.
    pub message: Option<String>,
    /// Who vouches for the case: `none`, `stated` (the asker) or `attested`.
    pub case: String,
    /// Who vouches for the paper, likewise.
    #[serde(default)]
    pub paper: String,
    /// How many cameras the question would reach.
    pub cameras: u64,
    /// From when.
    pub from: Time,
    /// Until before when.
    pub until: Time,
}

/// How far a question is that has to scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// How many days are scanned.
    pub days: u64,
    /// How many of them are done.
    pub days_done: u64,
    /// How many reads have been compared.
    pub scanned: u64,
    /// How many of them fit.
    pub matched: u64,
}

/// The answer to a question.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Answer {
    /// The number of the intent on the public log.
    pub log_entry: u64,
    /// The number of the outcome on the public log.
    pub outcome_entry: u64,
    /// The rule that allowed it.
    pub rule: String,
    /// What was narrowed, in a sentence; absent if nothing was.
    pub narrowed: Option<String>,
    /// The cameras that were asked, where the city had others too in that time; empty where all of them were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cameras: Vec<CameraId>,
    /// How many reads lie in the cameras and time of the permit.
    pub considered: u64,
    /// How many of them custody compared with a pattern, without telling anybody what they say.
    #[serde(default)]
    pub scanned: u64,
    /// Groups of reads that could not be compared: kept from before there was scanning.
    #[serde(default)]
    pub unscannable: u64,
    /// How many were opened.
    pub opened: u64,
    /// Whether more would fit than one answer holds; the oldest are missing.
    #[serde(default)]
    pub more: bool,
    /// Those reads, oldest first; the likeliest first where look-alikes or patterns were asked for.
    pub reads: Vec<AnswerRead>,
}

/// One opened read.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct AnswerRead {
    /// The read.
    pub id: ReadId,
    /// Its camera.
    pub camera: CameraId,
    /// What that camera's place was called then.
    pub camera_name: String,
    /// Latitude of that place in degrees, where told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    /// Longitude of that place in degrees, where told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
    /// When it was captured.
    pub captured: Time,
    /// The most probable text.
    pub plate: String,
    /// P(that text is right), 0 to 1.
    pub confidence: f32,
    /// Region as `us-ca`, where known.
    pub region: Option<String>,
    /// P(it is a plate that was asked for), 0 to 1, judged by its characters alone; in answers only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likeness: Option<f64>,
    /// The plate's neighbourhood as JPEG, base64.
    pub picture: Option<String>,
}

/// The private half of a log entry, for an auditor: sealed, and what it must agree with.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditRecord {
    /// The number of the entry on the public log.
    pub index: u64,
    /// The entry, which commits to the private half.
    pub leaf: Leaf,
    /// The salt of that commitment, base64.
    pub salt: String,
    /// The private half, sealed to the auditors' key.
    pub sealed: Sealed,
}

/// What became of an order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Ordered {
    /// The order.
    pub id: OrderId,
    /// Its number on the public log.
    pub log_entry: u64,
    /// Cameras that it switched.
    pub cameras: Vec<CameraId>,
    /// Leases that ended with it.
    pub leases: Vec<LeaseId>,
    /// When it takes effect, where that is later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// When it ends by itself, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Cameras that were ordered on and are still off by another order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub still_off: Vec<CameraId>,
}

/// The public page's content. Every figure in it is recomputed from the log by `verify`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Public {
    /// The city.
    pub city: String,
    /// The moment this was put together.
    pub now: Time,
    /// The figures, from the log alone.
    pub figures: Figures,
    /// The cameras, with what the log says of them.
    pub cameras: Vec<PublicCamera>,
    /// Orders to switch capture off that are in force or to come, the next first.
    #[serde(default)]
    pub orders: Vec<PublicOrder>,
    /// After how many days reads are forgotten.
    pub retention_days: u32,
    /// The log's origin line.
    pub origin: String,
    /// How many entries it has.
    pub log_size: u64,
    /// Its public key in the form of a signed note's verifier key.
    pub vkey: String,
    /// The witness rule in one sentence.
    pub witness: String,
    /// After how many minutes an entry of the log is shown here; 0 is at once.
    #[serde(default)]
    pub delay_minutes: u32,
    /// SHA-256 of the active rules.
    pub rules: String,
}

/// A camera on the public page.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PublicCamera {
    /// The camera.
    pub id: CameraId,
    /// Its name.
    pub name: String,
    /// Whether the city lets it capture.
    pub on: bool,
    /// Since when it is so.
    pub since: Time,
    /// Since when it belongs to the city's cameras no longer, if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<Time>,
}

/// An order to switch capture off, on the public page.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PublicOrder {
    /// The order; its receipt is at `/off/` and this.
    pub id: OrderId,
    /// The group that it names, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The cameras that it names; absent where it names all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cameras: Option<Vec<CameraId>>,
    /// Off from this moment on.
    pub from: Time,
    /// Off until before this moment; absent where it lasts until it is ordered on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Whether it has begun.
    pub begun: bool,
    /// Whether what cameras have not delivered is erased.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erases: bool,
    /// Why.
    pub reason: String,
}

/// Where a camera stands from a moment on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// Latitude in degrees.
    pub lat: f64,
    /// Longitude in degrees.
    pub lon: f64,
    /// What people call it there; as before where it is left out.
    #[serde(default)]
    pub name: Option<String>,
    /// The first moment at which it stood there; now where it is left out. Not in the future, and after
    /// the last move.
    #[serde(default)]
    pub from: Option<Time>,
}

/// That a camera was moved or retired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// The camera.
    pub camera: CameraId,
    /// Its number on the public log.
    pub log_entry: u64,
}

/// Something that happened, for live pages: ids only, never a plate.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// When.
    pub at: Time,
    /// `read.sealed`, `hit.raised`, `hit.verdict`, `search.answered`, `search.refused`, `order.off`,
    /// `order.on`, `camera.enrolled`, `camera.moved`, `camera.off`, `camera.retired`, `camera.stopped`,
    /// `hotlist.changed`, `hotlist.imported`, `hotlist.undone`, `hotlist.settings`, `hotlist.found`, `hotlist.unfound`,
    /// `hotlist.stale`.
    pub kind: String,
    /// The camera, where one is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<CameraId>,
    /// The id of the read, hit or question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its number on the public log, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_entry: Option<u64>,
    /// For `read.sealed`: the size of the sealed body in bytes and its first bytes in hex, for show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
}

/// A person to be added.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// The id.
    pub id: PersonId,
    /// The name.
    pub name: String,
    /// The office.
    pub office: String,
    /// The roles.
    pub roles: Vec<String>,
    /// The public key; the private one stays in the person's hand.
    pub key: PublicKey,
}

/// A preservation hold that is to be placed.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// The matter: a court's file number, a letter.
    pub matter: String,
    /// The court's paper that it rests on, `pap_…`: a judicial warrant or a court order that somebody else has registered
    /// with this key.
    pub paper: String,
    /// The cameras; all where it is empty.
    #[serde(default)]
    pub cameras: Vec<CameraId>,
    /// First moment that matters.
    pub from: Time,
    /// First moment that matters no longer; not in the future.
    pub until: Time,
    /// The one plate that matters; every read where it is left out.
    #[serde(default)]
    pub plate: Option<String>,
    /// When somebody has to say whether the hold is still needed; within 400 days.
    pub review: Time,
    /// The matter's public key, base64; its private half is the court's, never the city's.
    pub key: String,
}

/// A hold that was placed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Placed {
    /// The hold.
    pub id: HoldId,
    /// How many reads it preserves.
    pub reads: u64,
    /// Whether more are being preserved, which the city goes on with by itself.
    pub preserving: bool,
    /// Its number on the public log.
    pub log_entry: u64,
}

/// A hold as a list shows it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HoldLine {
    /// The hold.
    pub id: HoldId,
    /// When it was placed.
    pub placed: Time,
    /// When somebody has to say whether it is still needed.
    pub review: Time,
    /// Whether nobody has said so in time.
    pub overdue: bool,
    /// How many reads it preserves.
    pub reads: u64,
    /// Whether more are being preserved.
    pub preserving: bool,
    /// When it was let go, if it was.
    pub released: Option<Time>,
}

/// Every hold.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Holds {
    /// The oldest first.
    pub holds: Vec<HoldLine>,
}

/// Until when a hold is needed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// When somebody has to say so again; within 400 days.
    pub review: Time,
}

/// Preserved reads, still sealed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HeldPage {
    /// In the order of their capture.
    pub reads: Vec<HeldLine>,
    /// Behind which read to go on; absent behind the last.
    pub next: Option<ReadId>,
}

/// One preserved read, as `ref/sealed-v1.md` describes it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldLine {
    /// The hold.
    pub hold: HoldId,
    /// The read.
    pub id: ReadId,
    /// Its camera.
    pub camera: CameraId,
    /// First second of its epoch.
    pub epoch_start_s: i64,
    /// Length of its epoch in seconds.
    pub epoch_s: u32,
    /// The keys of body and picture, sealed to the matter's key.
    pub keys: Sealed,
    /// The sealed read, base64.
    pub body: String,
    /// Its sealed picture, base64.
    pub picture: Option<String>,
}

impl From<HeldRead> for HeldLine {
    fn from(held: HeldRead) -> Self {
        Self {
            hold: held.hold,
            id: held.id,
            camera: held.camera,
            epoch_start_s: held.epoch.start_s,
            epoch_s: held.epoch.len_s,
            keys: held.keys,
            body: b64(&held.body),
            picture: held.picture.map(|picture| b64(&picture)),
        }
    }
}

impl TryFrom<HeldLine> for HeldRead {
    type Error = Error;

    fn try_from(line: HeldLine) -> Result<Self, Error> {
        let bytes = |text: &str| {
            unb64(text).ok_or_else(|| Error::invalid("A held read is not base64; fetch it again."))
        };
        Ok(Self {
            hold: line.hold,
            id: line.id,
            camera: line.camera,
            epoch: Epoch { start_s: line.epoch_start_s, len_s: line.epoch_s },
            keys: line.keys,
            body: bytes(&line.body)?,
            picture: line.picture.as_deref().map(bytes).transpose()?,
        })
    }
}
