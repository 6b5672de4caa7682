//! What goes into the control data and comes out of it: plain rows, one struct a thing.

use base::{
    CameraId, DeviceId, DrillId, EntryId, HitId, HoldId, ListId, OrderId, PersonId, PublicKey,
    ReadId, Time, TokenId,
};
use custody::Found;
use read::{Lease, Sealed};

/// A camera as the city knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraRow {
    /// The camera.
    pub id: CameraId,
    /// What people call it.
    pub name: String,
    /// Latitude in degrees, where told.
    pub lat: Option<f64>,
    /// Longitude in degrees, where told.
    pub lon: Option<f64>,
    /// The lasting key of the device; none before enrolment and after switching off.
    pub device_key: Option<PublicKey>,
    /// Since when it is switched off, if it is.
    pub off_since: Option<Time>,
}

/// Where a camera stands or stood, from a moment on.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaceRow {
    /// The camera.
    pub camera: CameraId,
    /// The first moment at which it stood there.
    pub since: Time,
    /// What people called it there.
    pub name: String,
    /// Latitude in degrees, where told.
    pub lat: Option<f64>,
    /// Longitude in degrees, where told.
    pub lon: Option<f64>,
}

/// A lease that was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// The lease.
    pub lease: Lease,
    /// When it was ended before its time, if it was.
    pub ended: Option<Time>,
}

/// A person; what `identity` says of them is kept as the text it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    /// The person.
    pub id: PersonId,
    /// The person as JSON.
    pub json: String,
}

/// A lost key: who asked that its person gets in anew, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryRow {
    /// Whose key is lost.
    pub person: PersonId,
    /// The administrator who said so.
    pub asked_by: PersonId,
    /// When.
    pub asked: Time,
}

/// A registered device; what `identity` says of it is kept as the text it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRow {
    /// The device.
    pub id: DeviceId,
    /// The device as JSON.
    pub json: String,
}

/// A machine token; likewise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineRow {
    /// The token's public half.
    pub id: TokenId,
    /// The hash of the whole.
    pub hash: [u8; 32],
    /// When it was last shown.
    pub used: Option<Time>,
    /// The token as JSON.
    pub json: String,
}

/// A preservation hold. What it asked for is on the log alone, and in its private half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRow {
    /// The hold.
    pub id: HoldId,
    /// When it is to be looked at again.
    pub review: Time,
    /// How many reads it preserved.
    pub reads: u64,
    /// Whether there are more that it is to preserve.
    pub preserving: bool,
    /// When it was let go, if it was.
    pub released: Option<Time>,
}

/// A hit: a question to a person. No plate is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HitRow {
    /// The hit.
    pub id: HitId,
    /// The list of the entry.
    pub list: ListId,
    /// The entry that the read looks like.
    pub entry: EntryId,
    /// The camera that saw it.
    pub camera: CameraId,
    /// The read.
    pub read: ReadId,
    /// When it was captured.
    pub captured: Time,
    /// P(the read is the listed plate), parts per million.
    pub probability_ppm: u32,
    /// `open`, or what people made of it.
    pub state: String,
    /// What people said of it, as the text that `city` wrote.
    pub card_json: Option<String>,
    /// What the person found who decided it, if somebody did.
    pub finding: Option<String>,
    /// When it came here; later than `captured` where the camera had no line.
    pub raised: Option<Time>,
    /// Grows by one with every change; a writer names the one it saw.
    pub version: i64,
    /// Whether the public log knows of it.
    pub raised_logged: bool,
    /// How it came to be taken for the entry, where that is known.
    pub basis: Option<read::Basis>,
}

/// What a hit becomes by an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HitChange {
    /// The version that the act saw; another has been there since where it does not fit.
    pub version: i64,
    /// Where the hit stands then.
    pub state: String,
    /// What the person found who decided it.
    pub finding: Option<String>,
    /// The card, as text.
    pub card_json: String,
}

/// Whether a camera's hits wait because it misreads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspensionRow {
    /// The camera.
    pub camera: CameraId,
    /// Since when it is so.
    pub at: Time,
    /// `suspended` or `looked-at`.
    pub state: String,
    /// Why, as the text that `city` wrote.
    pub json: String,
    /// Whether the log does not know it yet.
    pub owes: bool,
}

/// An entry that waits for a second person.
#[derive(Clone, PartialEq, Eq)]
pub struct WantedRow {
    /// Its id, then the entry's.
    pub id: EntryId,
    /// Since when it waits.
    pub made: Time,
    /// Who wants it.
    pub by: PersonId,
    /// What would be added, as the text that `city` wrote; a plate is in it.
    pub json: String,
}

/// A line of a hot list: the only plate that is on disk in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    /// The entry.
    pub id: EntryId,
    /// Its list.
    pub list: ListId,
    /// The plate that is looked for, whole or partial.
    pub plate: plate::Pattern,
    /// The state that issued it, where known.
    pub state: Option<String>,
    /// Why it is looked for.
    pub reason: String,
    /// The case it belongs to.
    pub case_no: String,
    /// First moment at which it is looked for no longer.
    pub expires: Time,
    /// Who added it.
    pub added_by: PersonId,
    /// Its category, where the list has any.
    pub category: Option<String>,
    /// How pressing it is: 0 is the usual.
    pub priority: u8,
    /// First moment at which it is looked for.
    pub begins: Time,
    /// Where it comes from; empty where a person of the city wrote it.
    pub source: String,
    /// Its number with who sent it.
    pub record: Option<String>,
    /// What else the list says of it, as the text that `city` wrote.
    pub more_json: Option<String>,
    /// The import that wrote it last; `None` where a person did.
    pub born: Option<i64>,
}

/// An import of a list: a numbered batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRow {
    /// The list.
    pub list: ListId,
    /// From 1 in each list.
    pub number: i64,
    /// `coming` while its rows do, `waiting`, `taken`, `undone`, or `dropped` where it was never taken.
    pub state: String,
    /// When it was brought.
    pub made: Time,
    /// When it was taken.
    pub taken: Option<Time>,
    /// Who brought it.
    pub by: PersonId,
    /// What was understood and what it changes, as the text that `city` wrote.
    pub json: String,
}

/// A vehicle that was found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TombstoneRow {
    /// Its id.
    pub id: String,
    /// The list it is silenced in.
    pub list: ListId,
    /// The plate.
    pub plate: plate::Text,
    /// Its state.
    pub state: Option<String>,
    /// When it was found.
    pub found: Time,
    /// First moment at which it would be looked for again.
    pub until: Time,
    /// Who said so.
    pub by: PersonId,
}

/// The private half of a log entry: the salt of its commitment and its sealed body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// The salt; whoever destroys it has erased what the log commits to.
    pub salt: [u8; 32],
    /// The body, sealed to the auditors.
    pub sealed: Sealed,
}

/// A switching order, as the text that its signer signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// The order.
    pub id: OrderId,
    /// The signed order as JSON.
    pub json: String,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Reads that are stored now and were not before.
    pub new: Vec<ReadId>,
    /// Reads that were stored already; nothing of them was changed.
    pub known: Vec<ReadId>,
}

/// What a permit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The reads that carry one of the permit's tokens, by time.
    pub found: Vec<Found>,
    /// Whether there are more than one question loads; those that are missing are the oldest.
    pub more: bool,
    /// How many reads lie in the permit's cameras and time.
    pub considered: u64,
}

/// That somebody asked; what the city says of it is kept as the text it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskRow {
    /// The question's id.
    pub id: String,
    /// Who asked.
    pub person: PersonId,
    /// When.
    pub asked: Time,
    /// The rest, as JSON; no plate and no case number.
    pub json: String,
}

/// An alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmRow {
    /// Its id, at random.
    pub id: String,
    /// What raised it: there is one alarm a key.
    pub key: String,
    /// When it was raised.
    pub raised: Time,
    /// When an auditor closed it.
    pub closed: Option<Time>,
    /// The rest, as JSON.
    pub json: String,
}

/// A plate of one of the city's own people, sealed to custody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPlateRow {
    /// Its id.
    pub id: String,
    /// The plate.
    pub sealed: Sealed,
    /// Who added it and when, as JSON.
    pub json: String,
}

/// A drill: what it shows follows from its seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillRow {
    /// The drill.
    pub id: DrillId,
    /// When it began.
    pub started: Time,
    /// First moment at which it takes no answer any more.
    pub until: Time,
    /// Who began it, or `schedule`.
    pub by: String,
    /// All of it.
    pub seed: [u8; 16],
    /// When the log was told that it ended.
    pub ended: Option<Time>,
}

/// Somebody who looked at a drill, and what they found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillAnswerRow {
    /// The drill.
    pub drill: DrillId,
    /// Who.
    pub person: PersonId,
    /// The office they worked for.
    pub office: String,
    /// When they saw it first.
    pub opened: Time,
    /// When they decided.
    pub decided: Option<Time>,
    /// What they found, as the log spells it.
    pub finding: Option<String>,
    /// The answer's number in its drill, from 1.
    pub number: Option<i64>,
    /// Whether the log does not know it yet.
    pub owes: bool,
}

/// The last try to fetch a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRow {
    /// The list.
    pub list: ListId,
    /// When it was tried last.
    pub tried: Time,
    /// When it came last, whether it had changed or not.
    pub fetched: Option<Time>,
    /// What went wrong the last time; absent where nothing did.
    pub said: Option<String>,
}
