//! What is looked for on the street: confirmed hits, with the later sightings of the same vehicles.
//!
//! A page of it stands in every car, and each asks again at each event: entries, lists and the hits of an entry are
//! each read once for all of it.

use super::board::{MOST, UNDER_WAY_MS, one_vehicle};
use super::{Incident, card_of, doubts_of, is_over_by, is_partial, last_found, over_of, tend};
use crate::{City, ListSettings};
use base::{EntryId, HitId, PersonId, Result, Time};
use policy::Action;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use store::HitRow;

/// The hits of an entry, the newest first, and of which of them people said that it is over.
struct OfEntry {
    hits: Vec<HitRow>,
    over: Vec<(HitId, Time)>,
}

impl City {
    /// Confirmed hits that may be looked for on the street, with the later sightings of the same vehicles; the newest
    /// first, and no plate in them.
    pub fn field(&self, by: &PersonId) -> Result<Vec<Incident>> {
        self.allowed(by, Action::ViewHits)?;
        let (mut aloud, entries) = self.without_the_over(self.aloud_alone()?)?;
        let suspended = self.suspended_now()?;
        let mut known: HashSet<HitId> = aloud.iter().map(|row| row.id).collect();
        let mut seen = Vec::new();
        for row in &aloud {
            let Some(of) = entries.get(&row.entry) else { continue };
            for other in one_vehicle(row, &of.hits[..of.hits.len().min(MOST as usize)]) {
                // As on the air: what something speaks against, or people rejected, is no place to drive to.
                let counts = !matches!(other.state.as_str(), "confirmed" | "rejected")
                    && doubts_of(other, self.is_late(other), &suspended).is_empty();
                if counts && known.insert(other.id) {
                    seen.push(other.clone());
                }
            }
        }
        aloud.extend(seen);
        let mut incidents = self.incidents_of(aloud)?;
        incidents.retain(|incident| incident.confirmed);
        Ok(incidents)
    }

    /// Confirmed hits of which something may be said on the air, whatever people said of other hits of their entries.
    fn aloud_alone(&self) -> Result<Vec<HitRow>> {
        let now = self.now();
        let mut rows = self.store.hits_that_are("confirmed", MOST)?;
        rows.retain(|row| now.since(row.captured) < UNDER_WAY_MS);
        let (lists, plain) = (self.lists_now()?, ListSettings::default());
        let entries = self.entries_named(rows.iter().map(|row| &row.entry))?;
        let found = match rows.iter().any(|row| is_partial(row.basis.as_ref())) {
            true => self.tombstones()?,
            false => Vec::new(),
        };
        rows.retain(|row| {
            let entry = entries.get(&row.entry);
            // Of half a plate nobody opens here which vehicle it was, and one that fits was found since.
            let half = entry.filter(|_| is_partial(row.basis.as_ref()));
            let last = half.and_then(|entry| last_found(row, entry, &found));
            if last.is_some_and(|found| found >= row.captured) {
                return false;
            }
            let fresh = entry.is_some_and(|entry| {
                let stale = lists.get(&entry.list).is_some_and(|(_, stale)| *stale);
                self.is_looked_for(entry, None) && !stale
            });
            let settings = lists.get(&row.list).map_or(&plain, |(settings, _)| settings);
            card_of(row).say(&self.around_alone(row, settings, fresh), now).aloud()
        });
        Ok(rows)
    }

    /// Those of these hits that are not over, and what there is of their entries.
    fn without_the_over(
        &self,
        mut rows: Vec<HitRow>,
    ) -> Result<(Vec<HitRow>, HashMap<EntryId, OfEntry>)> {
        let mut entries = HashMap::new();
        for row in &rows {
            if let Entry::Vacant(place) = entries.entry(row.entry.clone()) {
                let hits = self.store.hits_of_entry(&row.entry, tend::STEP)?;
                place.insert(OfEntry { over: over_of(&hits), hits });
            }
        }
        rows.retain(|row| entries.get(&row.entry).is_none_or(|of| !is_over_by(row, &of.over)));
        Ok((rows, entries))
    }
}
