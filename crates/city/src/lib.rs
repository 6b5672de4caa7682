//! The city's flows: enrol, lease, ingest, raise a hit, decide it, ask, switch off, publish.
//!
//! This crate owns the order in which things happen, and that order is the product's promise:
//! a question is on the public log *before* a key is handed out; a sealed read, its tokens and its
//! effects are stored in *one* transaction; an order to switch off is on the log before anything
//! else acts on it, and the log, not the database, decides whether a lease is signed.
//! Every flow can be cut off between any two lines and ends the same when it is run again or when
//! the city is opened again ([`City::open`] mends what a crash left half done).
//!
//! Not here: HTTP, SQL, keys, HTML.

mod adoption;
#[cfg(test)]
#[path = "tests/adoption.rs"]
mod adoption_tests;
mod ahead;
mod alarms;
pub mod api;
pub mod approval;
mod ask;
mod audit;
mod budgets;
mod camera_health;
mod camera_rules;
mod cases;
mod certificate;
pub mod check;
mod check_address;
mod config;
mod confirm;
mod copy;
mod devices;
mod devices_said;
mod directory;
mod drills;
#[cfg(test)]
#[path = "tests/drills.rs"]
mod drills_tests;
mod drops;
mod dry_run;
mod earlier;
mod emergencies;
mod explain;
mod feed;
mod fetches;
#[cfg(test)]
#[path = "tests/fetches.rs"]
mod fetches_tests;
mod fleet;
mod hands;
mod health;
mod history;
mod hits;
#[cfg(test)]
#[path = "tests/hits.rs"]
mod hits_tests;
mod holds;
mod imports;
mod ingest;
mod init;
mod keeper;
#[cfg(test)]
#[path = "tests/kit.rs"]
mod kit;
mod lists;
#[cfg(test)]
#[path = "tests/lists.rs"]
mod lists_tests;
#[cfg(test)]
#[path = "tests/long_list.rs"]
mod long_list_tests;
mod map;
mod memory;
mod off;
#[cfg(test)]
#[path = "tests/off.rs"]
mod off_tests;
mod open;
mod oversight;
mod own_plates;
mod own_root;
mod papers;
mod past;
mod people;
mod pictures;
mod places;
pub mod plan;
mod preserving;
pub mod preset;
mod proofs;
#[cfg(test)]
#[path = "tests/proofs.rs"]
mod proofs_tests;
mod public;
mod published;
mod question;
mod reasons;
mod refused;
mod retain;
mod ringing;
#[cfg(test)]
#[path = "tests/ringing.rs"]
mod ringing_tests;
#[cfg(test)]
#[path = "tests/roadside.rs"]
mod roadside_tests;
mod room;
mod said;
mod sealed;
mod seat;
mod settings;
mod succeed;
mod switch;
mod terminals;
mod tokens;
mod unshown;
pub mod upgrade;
mod upkeep;
#[cfg(test)]
#[path = "tests/upkeep.rs"]
mod upkeep_tests;
mod waiting;
mod wanted;
mod watch;
mod witness;

pub use adoption::{NewProposal, NewSignature, Proposal};
pub use ahead::{Ahead, Known};
pub use alarms::{Alarm, AlarmKind, AlarmSection, CloseAlarm};
pub use api::*;
pub use ask::Watch;
pub use audit::{Drawing, DrawnLine, Grade, Graded, NewGrade};
pub use camera_health::{CameraHealth, CameraState, CameraTrouble};
pub use camera_rules::{CameraSection, GateRule};
pub use cases::{RecordsLine, spelled};
pub use certificate::{Certificate, Certified, CertifiedCamera};
pub use check_address::PLAN_FILE;
pub use config::{
    Audience, Cases, Config, Confirm, ConsoleSection, CustodyProcess, CustodySection,
    DirectoryGroup, DirectorySection, Engine, KekKind, Keys, Limits, LogSection, Network,
    Retention, Section, Server as ServerSection, Stored, Switching, TlsMode, TlsSection,
    WitnessRule,
};
pub use confirm::Confirmation;
pub use copy::{
    Copier, CopyHealth, CopySection, Opening, ReadsCopier, ReadsEvery, Restored, restore,
};
pub use custody::{HeldRead, Share, join, open_held, open_record, split};
pub use devices_said::Devices;
pub use directory::DIRECTORY_BACK;
pub use drills::{
    Drill, DrillLine, DrillResult, DrillSection, DrillSort, DrillVerdict, DrillView, Drills,
};
pub use drops::HotlistDrop;
pub use dry_run::tried;
pub use emergencies::{Emergency, EmergencyReview, Finding, Reviewed, Unreviewed};
pub use explain::{EXPLAINED, Explained};
pub use feed::{Feed, Listener, Next};
pub use fetches::{FetchLine, HotlistFetch};
pub use hands::{NewOrder, OrderWaiting};
pub use health::Health;
pub use history::{Change, RuleHistory};
pub use hits::*;
pub use hotlist::{
    Act, Card, Compared, Doubt, EyesAnswer, HitFinding, HitOutcome, HitState, ListAction,
    RecordAnswer, Remark, Say, Stamp, Stamps, What,
};
pub use imports::{ConfirmImport, Described, ImportDone, ImportPreview, ImportRows};
pub use init::{InitOptions, Initialised, init, invite_first};
pub use keeper::{
    Custodian, act_as, act_as_owner, adopt, custody_answers, give_to_users, make_sheets,
    starts_custody, system_user,
};
pub use ledger::DeskTally;
pub use ledger::{Judged, Reply as WitnessReply, Witness};
pub use lists::{FoundLine, ListSettings, ListView, NewFound};
pub use map::{MapLayer, MapSection, StreetPart};
pub use memory::memory;
pub use off::{CHECKLIST, OffLine, OffReceipt, OffState};
pub use open::{City, unknown_key};
pub use oversight::{Outcome, QuestionLine, Questions, Said};
pub use own_plates::{NewOwnPlate, OwnPlate};
pub use papers::{NewPaper, Paper, PaperKind};
pub use people::{
    Claimed, Invitation, Invite, Left, LostKey, LostLine, PasskeyLine, PersonLine, new_person_id,
};
pub use pictures::{PicturePlace, PictureSection};
pub use policy::{AGENCIES, AUTHORITIES, PURPOSES, Property, Rule};
pub use proofs::{
    Proof, ProofLine, Proofs, ProvenText, SignedProofs, is_property_name, properties_of, prove,
    proven_texts,
};
pub use public::{LogName, Newest, Turn};
pub use reasons::ReasonSection;
pub use ringing::{
    Browser, BrowserLine, DeliverSection, HookSection, LastLine, TestLine, TestOutcome, Told,
};
pub use room::Step as PictureStep;
pub use seat::{Holder, Seat, StandingBy};
pub use settings::Setting;
pub use store::Url;
pub use succeed::{
    Lost, Successor, log_origin, log_size, log_witnesses, lost, note_witnessed, succeed,
};
pub use switch::Standing;
pub use terminals::{DeviceCode, DeviceLine, NewDevice};
pub use tokens::{MadeToken, NewToken, TokenLine, machine_actions};
pub use upkeep::UpkeepSection;
pub use waiting::Waiting;
pub use wanted::Wanted;
pub use witness::WitnessLine;
