//! What goes in and out around drills. A [`DrillView`] shows plates that were made up.

use crate::HitView;
use crate::drills::DrillSort;
use base::{DrillId, Time};
use hotlist::{Compared, HitFinding};
use ledger::DeskTally;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// `[drills]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DrillSection {
    /// So many begin by themselves in a week.
    pub a_week: u32,
    /// A drill takes answers for so many minutes.
    pub minutes: u32,
}

impl Default for DrillSection {
    fn default() -> Self {
        Self { a_week: 0, minutes: 10 }
    }
}

impl DrillSection {
    /// What is wrong with it, if anything.
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        match () {
            () if self.a_week > 50 => Some("drills.a_week is 0 to 50"),
            () if !(1..=60).contains(&self.minutes) => Some("drills.minutes is 1 to 60"),
            () => None,
        }
    }
}

/// A drill in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DrillLine {
    /// The drill.
    pub id: DrillId,
    /// When it began.
    pub started: Time,
    /// First moment at which it takes no answer any more.
    pub until: Time,
    /// What the person is called who began it; absent where it began by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Whether it is over.
    pub over: bool,
    /// What it was; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<DrillSort>,
    /// How many people answered.
    pub answered: u64,
    /// How many of them were right; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<u64>,
    /// What the person found who asks, where they have decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<DrillResult>,
}

/// A drill of which only the id is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Drill {
    /// It.
    pub id: DrillId,
}

/// What somebody found in a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillResult {
    /// What they said.
    pub finding: HitFinding,
    /// What it was.
    pub sort: DrillSort,
    /// Whether that was right: `correct` of a listed car, `misread` of a look-alike.
    pub right: bool,
    /// Seconds from their first look to their answer.
    pub seconds: u64,
}

/// The newest drills, and how the desks do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Drills {
    /// The newest first.
    pub drills: Vec<DrillLine>,
    /// By office, as everybody sees it.
    pub desks: BTreeMap<String, DeskTally>,
    /// Whether the person who asks may begin one.
    pub may_start: bool,
}

/// A drill in the view of a person who decides hits. The plates in it are made up.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct DrillView {
    /// The line.
    pub drill: DrillLine,
    /// What is shown, in the form of a hit. There is no hit of its id.
    pub hit: HitView,
}

/// What a person found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrillVerdict {
    /// It.
    pub finding: HitFinding,
    /// What was compared; `correct` needs all four.
    #[serde(default)]
    pub compared: Compared,
}
