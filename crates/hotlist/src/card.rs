//! The card of a hit: what people have said of it, and what follows from that.
//!
//! A card is the list of acts, in their order; its state, its stamps and what may be said on the air are
//! functions of that list. An act that does not belong is an error and changes nothing. No plate is in it.
//!
//! Three stamps travel with a hit: a person has *compared the picture*, the record was *confirmed live* with
//! whoever keeps it, and an officer has seen the vehicle *with their own eyes*. [`Card::unchecked`] names those
//! that are missing, and every card shows it.

use base::{Error, PersonId, Result, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long the answer of whoever keeps the record is good for, in milliseconds.
pub const RECORD_MS: i64 = 10 * 60_000;

/// What may be done about the entries of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListAction {
    /// Stop the vehicle, once people have confirmed hit and record.
    #[default]
    StopAfterConfirm,
    /// Watch where it goes and stop nobody.
    ObserveOnly,
    /// Tell whoever wrote the entry.
    InformOnly,
}

impl ListAction {
    /// As it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            ListAction::StopAfterConfirm => "stop_after_confirm",
            ListAction::ObserveOnly => "observe_only",
            ListAction::InformOnly => "inform_only",
        }
    }
}

/// What the person has compared with the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// The characters, in the picture.
    pub picture: bool,
    /// The state or country.
    pub state: bool,
    /// The make.
    pub make: bool,
    /// The colour.
    pub colour: bool,
}

impl Compared {
    /// Everything was.
    pub const ALL: Compared = Compared { picture: true, state: true, make: true, colour: true };

    fn all(self) -> bool {
        self == Self::ALL
    }
}

/// What a person found when they compared picture and entry.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum HitFinding {
    /// It is the listed plate, on such a vehicle.
    Correct,
    /// The same characters, of another state.
    WrongState,
    /// The plate shows other characters than were read.
    Misread,
    /// The listed plate on another vehicle: a plate that was moved, or an entry that is wrong.
    WrongVehicle,
    /// The entry is out of date.
    Stale,
}

impl HitFinding {
    /// Every finding, the right one first.
    pub const ALL: [HitFinding; 5] = [
        HitFinding::Correct,
        HitFinding::WrongState,
        HitFinding::Misread,
        HitFinding::WrongVehicle,
        HitFinding::Stale,
    ];

    /// As the log spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            HitFinding::Correct => "correct",
            HitFinding::WrongState => "wrong-state",
            HitFinding::Misread => "misread",
            HitFinding::WrongVehicle => "wrong-vehicle",
            HitFinding::Stale => "stale",
        }
    }

    /// The finding of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.as_str() == name)
    }
}

/// What whoever keeps the record answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecordAnswer {
    /// The record stands.
    Confirmed,
    /// The vehicle is not wanted any more.
    NoLongerWanted,
}

/// What an officer saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EyesAnswer {
    /// The plate is the listed one.
    HaveIt,
    /// It is not.
    NotIt,
    /// The vehicle was not there.
    Gone,
}

/// What came of it in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HitOutcome {
    /// The vehicle was recovered.
    Recovered,
    /// Nobody found it.
    NotFound,
    /// It was not the wanted vehicle after all, or not wanted.
    False,
}

impl HitOutcome {
    /// As the log spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            HitOutcome::Recovered => "recovered",
            HitOutcome::NotFound => "not-found",
            HitOutcome::False => "false",
        }
    }

    /// The outcome of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [HitOutcome::Recovered, HitOutcome::NotFound, HitOutcome::False]
            .into_iter()
            .find(|o| o.as_str() == name)
    }
}

/// One thing that was said of a hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum What {
    /// A person compared picture and entry.
    Verdict {
        /// What they found.
        finding: HitFinding,
        /// What they compared.
        compared: Compared,
        /// Whether what they read in the picture, typed by themselves, is the listed plate; absent where they
        /// were not asked to type it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        typed: Option<bool>,
        /// Whether a second person has to agree.
        #[serde(default)]
        needs_second: bool,
        /// A remark, whose text is in the private half of the log entry alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remark: Option<Remark>,
    },
    /// Whoever keeps the record was asked.
    Record {
        /// What they said.
        answer: RecordAnswer,
    },
    /// An officer saw the vehicle, or did not.
    Eyes {
        /// What they saw.
        answer: EyesAnswer,
    },
    /// What came of it.
    Outcome {
        /// It.
        outcome: HitOutcome,
        /// A remark, whose text is in the private half of the log entry alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remark: Option<Remark>,
    },
    /// It was another sighting of a vehicle that people had confirmed, and nobody was asked again.
    Along,
    /// Nobody decided in time.
    Cold,
    /// Nobody said in time what came of it.
    Unknown,
}

/// That a remark was made; what it says is sealed to the auditors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Remark {
    /// Under which its text is kept.
    pub id: String,
    /// What the log commits to it with.
    pub commitment: String,
}

/// Something that was said, by whom and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Act {
    /// When.
    pub at: Time,
    /// By whom; nobody where the time did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<PersonId>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

impl What {
    /// The remark that came with it.
    pub fn remark(&self) -> Option<&Remark> {
        match self {
            What::Verdict { remark, .. } | What::Outcome { remark, .. } => remark.as_ref(),
            _ => None,
        }
    }
}

/// Where a hit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HitState {
    /// It waits for a person.
    Open,
    /// One person found it right, and another has to agree.
    Second,
    /// It is the listed vehicle, people say.
    Confirmed,
    /// It is not.
    Rejected,
    /// It belongs to a vehicle that people confirmed at another sighting.
    Along,
    /// Nobody decided in time.
    Cold,
    /// What came of it is known.
    Closed,
}

impl HitState {
    /// As the store and the interface spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            HitState::Open => "open",
            HitState::Second => "second",
            HitState::Confirmed => "confirmed",
            HitState::Rejected => "rejected",
            HitState::Along => "along",
            HitState::Cold => "cold",
            HitState::Closed => "closed",
        }
    }
}

/// What stands around a card at the moment of an act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// What the list lets one do.
    pub action: ListAction,
    /// Two people have to find it right.
    pub two_persons: bool,
    /// The entry is in force, its vehicle was not found again, and its list is young enough to be believed.
    pub fresh: bool,
    /// The characters that were read are not those of the entry, or the states differ: who confirms reads the
    /// picture themselves and types what they see.
    pub must_type: bool,
    /// It was captured so long before it was raised, or before now, that the vehicle is anywhere.
    pub late: bool,
    /// Of another hit of the entry people said, after this one was confirmed, that the vehicle is not looked for any
    /// more.
    pub over: bool,
}

/// A stamp: who, when, and until when it is good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stamp {
    /// When it was given.
    pub at: Time,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<PersonId>,
    /// When it ends, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// The three stamps; absent is what nobody has checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stamps {
    /// Picture, state, make and colour were compared, by as many people as the list asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Stamp>,
    /// Whoever keeps the record said that it stands, less than ten minutes ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Stamp>,
    /// An officer read the plate on the vehicle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eyes: Option<Stamp>,
}

/// What may be said on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Say {
    /// Nothing yet: nobody has compared the picture.
    NotCompared,
    /// Nothing yet: another person has to agree.
    NeedsSecond,
    /// Nothing: it was found to be wrong.
    Rejected,
    /// Nothing: it is too long ago.
    TooLate,
    /// Nothing: it is over.
    Over,
    /// Nothing: the entry has ended, its vehicle was found, or its list is too old.
    Stale,
    /// Nothing on the air; whoever wrote the entry is told.
    Inform,
    /// Watch it and stop nobody.
    Observe,
    /// Look for it, and do not stop it: the record has not been confirmed.
    Look,
    /// It may be stopped by who has read its plate with their own eyes.
    Stop,
}

impl Say {
    /// Whether there is anything to say.
    pub fn aloud(self) -> bool {
        matches!(self, Say::Observe | Say::Look | Say::Stop)
    }

    /// As the interface spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Say::NotCompared => "not-compared",
            Say::NeedsSecond => "needs-second",
            Say::Rejected => "rejected",
            Say::TooLate => "too-late",
            Say::Over => "over",
            Say::Stale => "stale",
            Say::Inform => "inform",
            Say::Observe => "observe",
            Say::Look => "look",
            Say::Stop => "stop",
        }
    }
}

/// What people have said of a hit, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Card {
    /// The acts.
    pub acts: Vec<Act>,
}

impl Card {
    /// Where the hit stands.
    pub fn state(&self) -> HitState {
        self.acts.iter().fold(HitState::Open, |state, act| match (&act.what, state) {
            (_, HitState::Closed) => state,
            (What::Verdict { finding, needs_second, .. }, _) => match (finding, state) {
                (HitFinding::Correct, HitState::Second) => HitState::Confirmed,
                (HitFinding::Correct, _) if *needs_second && !self.first_before(act) => {
                    HitState::Second
                }
                (HitFinding::Correct, _) => HitState::Confirmed,
                _ => HitState::Rejected,
            },
            (What::Record { answer: RecordAnswer::NoLongerWanted }, _)
            | (What::Eyes { answer: EyesAnswer::NotIt }, _) => HitState::Rejected,
            (What::Outcome { .. }, _) => HitState::Closed,
            (What::Along, HitState::Open | HitState::Second) => HitState::Along,
            (What::Cold, HitState::Open | HitState::Second) => HitState::Cold,
            _ => state,
        })
    }

    /// Whether somebody else found it right before this act: a hit that went cold between two people.
    fn first_before(&self, act: &Act) -> bool {
        self.acts.iter().take_while(|a| *a != act).any(|a| a.by != act.by && right(a))
    }

    /// The card with another act.
    ///
    /// # Errors
    /// [`base::Kind::Conflict`] where the act does not belong to what the hit is now, and
    /// [`base::Kind::Invalid`] where it lacks something.
    pub fn with(&self, act: Act, around: &Around) -> Result<Card> {
        let state = self.state();
        match &act.what {
            What::Verdict { finding, compared, typed, .. } => {
                self.may_decide(state, &act, *finding)?;
                if *finding == HitFinding::Correct {
                    may_confirm(*compared, *typed, around)?;
                }
            }
            What::Record { .. } => match state {
                HitState::Open | HitState::Second | HitState::Confirmed => {}
                _ => return Err(not_now(state)),
            },
            What::Eyes { .. } => match state {
                HitState::Confirmed => {}
                HitState::Open | HitState::Second | HitState::Along | HitState::Cold => {
                    return Err(Error::conflict(
                        "Nobody has confirmed this hit yet; somebody compares its picture first.",
                    ));
                }
                _ => return Err(not_now(state)),
            },
            What::Outcome { .. } => match state {
                HitState::Confirmed => {}
                HitState::Rejected if self.was_confirmed() => {}
                HitState::Closed => return Err(not_now(state)),
                _ => {
                    return Err(Error::conflict(
                        "Only of a hit that was confirmed can be said what came of it.",
                    ));
                }
            },
            What::Cold | What::Along => match state {
                HitState::Open | HitState::Second => {}
                _ => return Err(not_now(state)),
            },
            What::Unknown => match state {
                HitState::Confirmed if !self.outcome_unknown() => {}
                _ => return Err(not_now(state)),
            },
        }
        let mut card = self.clone();
        card.acts.push(act);
        Ok(card)
    }

    fn may_decide(&self, state: HitState, act: &Act, finding: HitFinding) -> Result<()> {
        match state {
            HitState::Open | HitState::Second | HitState::Along | HitState::Cold => {}
            _ => return Err(not_now(state)),
        }
        let first = self.acts.iter().find(|a| right(a));
        if finding == HitFinding::Correct && first.is_some_and(|first| first.by == act.by) {
            return Err(Error::conflict(
                "You have compared this hit already; the second look is another person's.",
            ));
        }
        Ok(())
    }

    /// The stamps that are good at this moment.
    pub fn stamps(&self, now: Time) -> Stamps {
        let mut stamps = Stamps::default();
        for act in &self.acts {
            let stamp = Stamp { at: act.at, by: act.by.clone(), until: None };
            match &act.what {
                What::Record { answer: RecordAnswer::Confirmed } => {
                    let until = act.at.plus_millis(RECORD_MS);
                    // A clock that was set back makes no stamp longer.
                    let good = act.at <= now && now < until;
                    stamps.record = good.then_some(Stamp { until: Some(until), ..stamp });
                }
                What::Record { answer: RecordAnswer::NoLongerWanted } => stamps.record = None,
                What::Eyes { answer: EyesAnswer::HaveIt } => stamps.eyes = Some(stamp),
                What::Eyes { answer: EyesAnswer::NotIt | EyesAnswer::Gone } => stamps.eyes = None,
                _ => {}
            }
        }
        if self.was_confirmed() {
            let last = self.acts.iter().rev().find(|act| right(act));
            stamps.picture = last.map(|act| Stamp { at: act.at, by: act.by.clone(), until: None });
        }
        stamps
    }

    /// What nobody has checked, by the names of the stamps.
    pub fn unchecked(&self, now: Time) -> Vec<&'static str> {
        let stamps = self.stamps(now);
        [
            ("picture", stamps.picture.is_none()),
            ("record", stamps.record.is_none()),
            ("eyes", stamps.eyes.is_none()),
        ]
        .into_iter()
        .filter_map(|(name, missing)| missing.then_some(name))
        .collect()
    }

    /// What may be said on the air now.
    pub fn say(&self, around: &Around, now: Time) -> Say {
        match self.state() {
            HitState::Open | HitState::Along => Say::NotCompared,
            HitState::Second => Say::NeedsSecond,
            HitState::Rejected => Say::Rejected,
            HitState::Cold => Say::TooLate,
            HitState::Closed => Say::Over,
            HitState::Confirmed if around.over => Say::Over,
            HitState::Confirmed if around.late || self.went_cold() => Say::TooLate,
            HitState::Confirmed if !around.fresh => Say::Stale,
            HitState::Confirmed => match around.action {
                ListAction::InformOnly => Say::Inform,
                ListAction::ObserveOnly => Say::Observe,
                ListAction::StopAfterConfirm if self.stamps(now).record.is_some() => Say::Stop,
                ListAction::StopAfterConfirm => Say::Look,
            },
        }
    }

    /// The verdict as the log tells it: the finding that decided, if the hit is decided.
    pub fn finding(&self) -> Option<HitFinding> {
        let mut verdicts = self.acts.iter().filter_map(|act| match act.what {
            What::Verdict { finding, .. } => Some(finding),
            _ => None,
        });
        let last = verdicts.next_back()?;
        (last != HitFinding::Correct || self.was_confirmed()).then_some(last)
    }

    /// What came of it, where somebody said so.
    pub fn outcome(&self) -> Option<HitOutcome> {
        self.acts.iter().find_map(|act| match act.what {
            What::Outcome { outcome, .. } => Some(outcome),
            _ => None,
        })
    }

    /// Whether the time to say what came of it went by.
    pub fn outcome_unknown(&self) -> bool {
        self.acts.iter().any(|act| act.what == What::Unknown)
    }

    /// Whether nobody had decided it in time.
    pub fn went_cold(&self) -> bool {
        self.acts.iter().any(|act| act.what == What::Cold)
    }

    /// When people confirmed it, if they did, whatever came afterwards.
    pub fn confirmed_at(&self) -> Option<Time> {
        (1..=self.acts.len())
            .map(|n| Card { acts: self.acts[..n].to_vec() })
            .find(|card| card.state() == HitState::Confirmed)
            .and_then(|card| card.acts.last().map(|act| act.at))
    }

    /// When people said last that the vehicle is not looked for any more: whoever keeps the record, or that it was
    /// recovered.
    pub fn over_at(&self) -> Option<Time> {
        let over = |act: &&Act| {
            matches!(
                act.what,
                What::Record { answer: RecordAnswer::NoLongerWanted }
                    | What::Outcome { outcome: HitOutcome::Recovered, .. }
            )
        };
        self.acts.iter().rev().find(over).map(|act| act.at)
    }

    fn was_confirmed(&self) -> bool {
        self.confirmed_at().is_some()
    }
}

fn right(act: &Act) -> bool {
    matches!(act.what, What::Verdict { finding: HitFinding::Correct, .. })
}

fn may_confirm(compared: Compared, typed: Option<bool>, around: &Around) -> Result<()> {
    if !compared.all() {
        return Err(Error::invalid(
            "Compare picture, state, make and colour before you confirm a hit.",
        ));
    }
    if !around.fresh {
        return Err(Error::conflict(
            "The entry has ended, its vehicle was found, or its list is too old; it confirms nothing until it is listed again.",
        ));
    }
    match typed {
        Some(false) => Err(Error::conflict(
            "What you read in the picture is not the listed plate; the finding is a misread, or another state.",
        )),
        None if around.must_type => Err(Error::invalid(
            "The camera read other characters than are listed: type the plate as you read it in the picture.",
        )),
        _ => Ok(()),
    }
}

fn not_now(state: HitState) -> Error {
    Error::conflict(format!("This hit is {} already.", state.as_str()))
}

#[cfg(test)]
#[path = "card/tests.rs"]
mod tests;
