//! Plates of the city's own people and their families, so that auditors hear when somebody asks about one.
//!
//! The list is sealed: not even who keeps it reads it back, and who holds the database learns how many there are
//! and nothing else. Custody compares.

use crate::City;
use base::{Error, PersonId, Result, Time};
use plate::Text;
use policy::Action;
use serde::{Deserialize, Serialize};
use store::OwnPlateRow;
use utoipa::ToSchema;

/// The most plates: each question is compared with all of them.
const MOST: usize = 2000;

/// A plate to be put on the sealed list.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOwnPlate {
    /// The plate.
    pub plate: String,
}

/// A plate on the sealed list, as who keeps it sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnPlate {
    /// `own_` and 32 hex digits; note whose it is, for nobody can look it up.
    pub id: String,
    /// Who added it.
    #[schema(value_type = String)]
    pub added_by: PersonId,
    /// When.
    pub added: Time,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    added_by: PersonId,
    added: Time,
}

fn shown(row: &OwnPlateRow) -> Result<OwnPlate> {
    let kept: Kept = serde_json::from_str(&row.json).map_err(|e| {
        Error::internal("The list of own plates is damaged; restore the database.").because(e)
    })?;
    Ok(OwnPlate { id: row.id.clone(), added_by: kept.added_by, added: kept.added })
}

impl City {
    /// Puts a plate on the sealed list.
    pub fn add_own_plate(&self, by: &PersonId, new: NewOwnPlate) -> Result<OwnPlate> {
        let person = self.allowed(by, Action::KeepOwnPlates)?;
        let plate = Text::parse(&new.plate).map_err(|e| {
            Error::invalid("Write the plate with 1 to 12 letters and digits.").because(e)
        })?;
        if self.store.own_plates()?.len() >= MOST {
            return Err(Error::too_large(format!("The list holds {MOST} plates; remove some.")));
        }
        let kept = Kept { added_by: by.clone(), added: self.now() };
        let id: [u8; 16] = base::random();
        let row = OwnPlateRow {
            id: format!("own_{}", base::hex(&id)),
            sealed: custody::seal_own(&self.custody.ingest_key()?, &plate)?,
            json: serde_json::to_string(&kept).map_err(|e| {
                Error::internal("The plate cannot be kept; see the log.").because(e)
            })?,
        };
        self.log.append(&self.leaf_by("admin.ownplate", &person)?.fact("change", "added"))?;
        self.store.put_own_plate(&row)?;
        shown(&row)
    }

    /// Takes a plate off the sealed list.
    pub fn remove_own_plate(&self, by: &PersonId, id: &str) -> Result<()> {
        let person = self.allowed(by, Action::KeepOwnPlates)?;
        if !self.store.own_plates()?.iter().any(|row| row.id == id) {
            return Err(Error::not_found("There is no such plate on the list."));
        }
        self.log.append(&self.leaf_by("admin.ownplate", &person)?.fact("change", "removed"))?;
        self.store.drop_own_plate(id).map(drop)
    }

    /// The sealed list: ids, never plates.
    pub fn own_plates(&self, by: &PersonId) -> Result<Vec<OwnPlate>> {
        self.allowed(by, Action::KeepOwnPlates)?;
        self.store.own_plates()?.iter().map(shown).collect()
    }
}
