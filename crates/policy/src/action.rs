//! What a person can do here. A role is a set of these, named in the city's rules.

/// Something that a rule can allow or forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Ask where a plate was.
    Search,
    /// See and open hits.
    ViewHits,
    /// Confirm or reject a hit.
    DecideHit,
    /// Change a hot list.
    EditHotList,
    /// Add a camera.
    EnrolCamera,
    /// Add a person or change roles.
    AddPerson,
    /// Switch something off.
    SwitchOff,
    /// Switch something on again.
    SwitchOn,
    /// Read the private half of the log, and grade what was drawn.
    ReadAudit,
    /// Preserve reads for a court, and let them go again.
    PlaceHold,
    /// Confirm, as a second person, that a case exists.
    AttestCase,
    /// Vouch for a warrant, a court order or a declaration.
    AttestPaper,
    /// Review a question that was asked because a life was in danger.
    ReviewBreakGlass,
    /// Propose other rules.
    ProposeRules,
    /// Sign proposed rules for an office.
    SignRules,
    /// Keep the sealed list of plates of the city's own people.
    KeepOwnPlates,
    /// Look at parked cars.
    EnforceParking,
    /// Hear who contests a citation.
    HearContest,
    /// See counts of cars.
    ViewTraffic,
    /// Prepare what the law makes public.
    PrepareRecords,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 20] = [
        Action::Search,
        Action::ViewHits,
        Action::DecideHit,
        Action::EditHotList,
        Action::EnrolCamera,
        Action::AddPerson,
        Action::SwitchOff,
        Action::SwitchOn,
        Action::ReadAudit,
        Action::PlaceHold,
        Action::AttestCase,
        Action::AttestPaper,
        Action::ReviewBreakGlass,
        Action::ProposeRules,
        Action::SignRules,
        Action::KeepOwnPlates,
        Action::EnforceParking,
        Action::HearContest,
        Action::ViewTraffic,
        Action::PrepareRecords,
    ];

    /// Whether a machine may have this action in its scope. Not what only a person can answer for: asking,
    /// signing, attesting, comparing with one's own eyes, and letting in people, who could then do all of it.
    pub fn machines_may(self) -> bool {
        match self {
            Action::ViewHits
            | Action::EditHotList
            | Action::EnrolCamera
            | Action::ReadAudit
            | Action::ViewTraffic => true,
            Action::Search
            | Action::DecideHit
            | Action::AddPerson
            | Action::SwitchOff
            | Action::SwitchOn
            | Action::PlaceHold
            | Action::AttestCase
            | Action::AttestPaper
            | Action::ReviewBreakGlass
            | Action::ProposeRules
            | Action::SignRules
            | Action::KeepOwnPlates
            | Action::EnforceParking
            | Action::HearContest
            | Action::PrepareRecords => false,
        }
    }

    /// As the rules spell it.
    pub fn name(self) -> &'static str {
        match self {
            Action::Search => "Search",
            Action::ViewHits => "ViewHits",
            Action::DecideHit => "DecideHit",
            Action::EditHotList => "EditHotList",
            Action::EnrolCamera => "EnrolCamera",
            Action::AddPerson => "AddPerson",
            Action::SwitchOff => "SwitchOff",
            Action::SwitchOn => "SwitchOn",
            Action::ReadAudit => "ReadAudit",
            Action::PlaceHold => "PlaceHold",
            Action::AttestCase => "AttestCase",
            Action::AttestPaper => "AttestPaper",
            Action::ReviewBreakGlass => "ReviewBreakGlass",
            Action::ProposeRules => "ProposeRules",
            Action::SignRules => "SignRules",
            Action::KeepOwnPlates => "KeepOwnPlates",
            Action::EnforceParking => "EnforceParking",
            Action::HearContest => "HearContest",
            Action::ViewTraffic => "ViewTraffic",
            Action::PrepareRecords => "PrepareRecords",
        }
    }

    /// The action of this name.
    pub fn named(name: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.name() == name)
    }
}
