//! What the newest copy has of each day, so that a day whose file is damaged or lost here keeps what it has there.

use super::looked::Looked;
use super::record::piece_id;
use super::tracks::Id;
use base::{Day, Error, Result, write_atomic};
use read::SealKey;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Where it lies in the city's folder: the pieces' names at the place, by which nobody can tell what is in them.
pub(super) const FILE: &str = "copy.days";

/// A day's file, by its name in the city's folder and in a copy.
pub(super) fn name(day: Day) -> String {
    format!("store/reads/{day}.db")
}

/// What a copy has of one day's file: its size and its pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    pub size: u64,
    pub ids: Vec<Id>,
    /// When this process read it as a whole last.
    pub looked: Option<Looked>,
}

impl Copied {
    /// Whether all of it is at the place.
    pub(super) fn is_there(&self, there: &BTreeSet<Id>) -> bool {
        self.ids.iter().all(|id| there.contains(id))
    }
}

/// What is known of the copies at the place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// What the newest has of each day.
    pub days: BTreeMap<Day, Copied>,
    /// Older ones that may have more.
    pub older: Option<Older>,
}

/// Copies that were made when nothing was noted down: they may have days that this city has lost since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Older {
    /// The newest of them by its name.
    pub newest: String,
    /// The days.
    pub days: BTreeSet<Day>,
}

impl Older {
    /// What of it counts while a copy has nothing of these days: of a day that is forgotten, or whole again, nothing.
    pub(super) fn of(mut self, nothing: &BTreeSet<Day>) -> Option<Self> {
        self.days.retain(|day| nothing.contains(day));
        (!self.days.is_empty()).then_some(self)
    }
}

#[derive(Serialize, Deserialize)]
struct Noted {
    /// What the pieces are sealed to.
    key: String,
    days: BTreeMap<String, (u64, Vec<String>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    older: Option<Older>,
}

/// What was noted down of pieces under this key; `None` where nothing was, or where it cannot be read. What is sealed to
/// another key the sheets of this one do not open: of that nothing counts.
pub(super) fn load(dir: &Path, key: &SealKey) -> Option<Known> {
    let noted: Noted = serde_json::from_slice(&fs::read(dir.join(FILE)).ok()?).ok()?;
    if noted.key != key.to_string() {
        return Some(Known::default());
    }
    let copied = |(day, (size, ids)): (String, (u64, Vec<String>))| {
        let ids: Option<Vec<Id>> = ids.iter().map(|id| piece_id(id)).collect();
        Some((day.parse().ok()?, Copied { size, ids: ids?, looked: None }))
    };
    let days = noted.days.into_iter().filter_map(copied).collect();
    Some(Known { days, older: noted.older })
}

/// Notes down what a copy has.
pub(super) fn save(dir: &Path, key: &SealKey, known: &Known) -> Result<()> {
    let noted = |(day, one): (&Day, &Copied)| {
        (day.to_string(), (one.size, one.ids.iter().map(|id| base::hex(id)).collect()))
    };
    let noted = Noted {
        key: key.to_string(),
        days: known.days.iter().map(noted).collect(),
        older: known.older.clone(),
    };
    let json = serde_json::to_vec(&noted)
        .map_err(|e| Error::internal("What was copied cannot be noted down.").because(e))?;
    write_atomic(&dir.join(FILE), &json)
}
