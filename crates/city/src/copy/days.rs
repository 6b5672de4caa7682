//! What the newest copy has of each day, so that a day whose file is damaged here keeps what it has there.

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

/// One day's file: its size and its pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    pub size: u64,
    pub ids: Vec<Id>,
}

impl Copied {
    /// Whether all of it is at the place.
    pub(super) fn is_there(&self, there: &BTreeSet<Id>) -> bool {
        self.ids.iter().all(|id| there.contains(id))
    }
}

#[derive(Serialize, Deserialize)]
struct Noted {
    /// What the pieces are sealed to.
    key: String,
    days: BTreeMap<String, (u64, Vec<String>)>,
}

/// What was noted down of pieces under this key; nothing where nothing was, or where it cannot be read.
pub(super) fn load(dir: &Path, key: &SealKey) -> BTreeMap<Day, Copied> {
    let json = fs::read(dir.join(FILE)).ok();
    let noted = json.and_then(|json| serde_json::from_slice::<Noted>(&json).ok());
    let days = noted.filter(|noted| noted.key == key.to_string()).map(|noted| noted.days);
    let copied = |(day, (size, ids)): (String, (u64, Vec<String>))| {
        let ids: Option<Vec<Id>> = ids.iter().map(|id| piece_id(id)).collect();
        Some((day.parse().ok()?, Copied { size, ids: ids? }))
    };
    days.unwrap_or_default().into_iter().filter_map(copied).collect()
}

/// Notes down what a copy has.
pub(super) fn save(dir: &Path, key: &SealKey, days: &BTreeMap<Day, Copied>) -> Result<()> {
    let noted = |(day, one): (&Day, &Copied)| {
        (day.to_string(), (one.size, one.ids.iter().map(|id| base::hex(id)).collect()))
    };
    let noted = Noted { key: key.to_string(), days: days.iter().map(noted).collect() };
    let json = serde_json::to_vec(&noted)
        .map_err(|e| Error::internal("What was copied cannot be noted down.").because(e))?;
    write_atomic(&dir.join(FILE), &json)
}
