//! The queue: what waits for a person, the most urgent first, and which hits are one moving vehicle.

use super::{HitLine, Incident, Queue, Suspended, is_partial};
use crate::City;
use base::{EntryId, PersonId, Result};
use hotlist::{Doubt, INCIDENT_MS, Sighted, incidents, urgency};
use policy::Action;
use std::collections::{BTreeSet, HashMap};
use store::{EntryRow, HitRow};

/// So many hits of a state are looked at; beyond it the queue is no queue any more.
pub(super) const MOST: u32 = 500;
/// How long a confirmed hit is under way, in milliseconds: two days.
pub(super) const UNDER_WAY_MS: i64 = 48 * 3_600_000;

impl City {
    /// What waits for somebody, in the order in which it should be looked at; no plate in it.
    pub fn queue(&self, by: &PersonId) -> Result<Queue> {
        self.allowed(by, Action::ViewHits)?;
        self.queue_now()
    }

    pub(super) fn queue_now(&self) -> Result<Queue> {
        let now = self.now();
        let mut rows = self.store.hits_that_are("open", MOST)?;
        rows.extend(self.store.hits_that_are("second", MOST)?);
        let confirmed = self.store.hits_that_are("confirmed", MOST)?;
        rows.extend(confirmed.into_iter().filter(|row| now.since(row.captured) < UNDER_WAY_MS));
        let mut queue = Queue { suspended: self.suspended()?, ..Queue::default() };
        for incident in self.incidents_of(rows)? {
            if incident.confirmed {
                queue.under_way.push(incident);
            } else if incident.hit.doubts.is_empty() {
                queue.urgent.push(incident);
            } else {
                queue.unlikely.push(incident);
            }
        }
        let waits = queue.urgent.iter().chain(&queue.unlikely);
        let entries = self.entries_named(waits.map(|incident| &incident.hit.entry))?;
        let weight = |i: &Incident| {
            let priority = entries.get(&i.hit.entry).map_or(0, |entry| entry.priority);
            urgency(i.hit.probability, priority, i.hit.captured, now)
        };
        for strip in [&mut queue.urgent, &mut queue.unlikely] {
            strip.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
        }
        let lists = self.lists_now()?.into_iter();
        queue.stale_lists = lists.filter(|(_, (_, stale))| *stale).map(|(id, _)| id).collect();
        Ok(queue)
    }

    /// Those of these entries that are there, asked for at once: each live page needs them at each event.
    pub(super) fn entries_named<'a>(
        &self,
        ids: impl Iterator<Item = &'a EntryId>,
    ) -> Result<HashMap<EntryId, EntryRow>> {
        let ids: BTreeSet<&EntryId> = ids.collect();
        let ids: Vec<EntryId> = ids.into_iter().cloned().collect();
        let rows = self.store.entries_named(&ids)?;
        Ok(rows.into_iter().map(|row| (row.id.clone(), row)).collect())
    }

    /// Rows as incidents, the newest first.
    pub(super) fn incidents_of(&self, rows: Vec<HitRow>) -> Result<Vec<Incident>> {
        let groups = incidents(rows.iter().map(sighted).collect());
        let mut lines: HashMap<_, HitLine> =
            self.lines(rows)?.into_iter().map(|line| (line.id, line)).collect();
        let mut out = Vec::new();
        for group in groups {
            let members: Vec<HitLine> =
                group.iter().filter_map(|one| lines.remove(&one.hit)).collect();
            out.extend(incident(members));
        }
        Ok(out)
    }

    /// Other hits of the incident that this one is part of, the newest first.
    pub(super) fn seen_with(&self, row: &HitRow) -> Result<Vec<HitLine>> {
        let mut rows = self.same_vehicle(row)?;
        rows.retain(|other| other.id != row.id);
        self.lines(rows)
    }

    /// The hits of the incident that this one is part of, itself among them, the newest first.
    pub(super) fn same_vehicle(&self, row: &HitRow) -> Result<Vec<HitRow>> {
        let rows = self.store.hits_of_entry(&row.entry, MOST)?;
        Ok(one_vehicle(row, &rows).into_iter().cloned().collect())
    }

    /// What is shown of what goes on: the queue, and hits whose outcome is due. No plate in it.
    pub fn now_board(&self, by: &PersonId) -> Result<(Queue, Vec<HitLine>)> {
        self.allowed(by, Action::ViewHits)?;
        Ok((self.queue_now()?, self.outcomes_due()?))
    }

    /// The cameras whose hits wait, for who may see hits.
    pub fn suspended_cameras(&self, by: &PersonId) -> Result<Vec<Suspended>> {
        self.allowed(by, Action::ViewHits)?;
        self.suspended()
    }

    /// The cameras whose hits wait.
    pub(crate) fn suspended(&self) -> Result<Vec<Suspended>> {
        let names = self.camera_names()?;
        let rows = self.suspensions_now()?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let of: Counted = serde_json::from_str(&row.json).unwrap_or_default();
                Suspended {
                    camera_name: names.name(&row.camera, row.at),
                    camera: row.camera,
                    since: row.at,
                    decided: of.decided,
                    misread: of.misread,
                }
            })
            .collect())
    }
}

/// Those of an entry's hits that are of one incident with this one, itself among them, the newest first.
pub(super) fn one_vehicle<'a>(row: &HitRow, rows: &'a [HitRow]) -> Vec<&'a HitRow> {
    let near = |other: &&HitRow| other.captured.since(row.captured).abs() <= 24 * INCIDENT_MS;
    let mut rows: Vec<&HitRow> = rows.iter().filter(near).collect();
    let groups = incidents(rows.iter().copied().map(sighted).collect());
    let mine = groups.into_iter().find(|g| g.iter().any(|one| one.hit == row.id));
    let mine = mine.unwrap_or_default();
    rows.retain(|r| mine.iter().any(|one| one.hit == r.id));
    rows.sort_by_key(|r| std::cmp::Reverse((r.captured, r.id)));
    rows
}

fn sighted(row: &HitRow) -> Sighted {
    let (entry, alone) = (row.entry.clone(), is_partial(row.basis.as_ref()));
    Sighted { hit: row.id, entry, captured: row.captured, alone }
}

/// Why a camera's hits wait.
#[derive(Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Counted {
    pub decided: u64,
    pub misread: u64,
}

/// The sightings of one vehicle, the newest first, as an incident: what waits is asked before what was decided.
fn incident(members: Vec<HitLine>) -> Option<Incident> {
    let last = members.first()?;
    let (last_camera, last_seen) = (last.camera_name.clone(), last.captured);
    let (last_lat, last_lon) = (last.lat, last.lon);
    // One that came late, or that nobody decided in time, stops nobody and leads nothing.
    let leads = |line: &&HitLine| {
        line.state == "confirmed" && !line.cold && !line.doubts.contains(&Doubt::Late)
    };
    let confirmed = members.iter().find(leads).cloned();
    let waits = |sure: bool| {
        members.iter().find(move |line| {
            matches!(line.state.as_str(), "open" | "second") && (line.doubts.is_empty() || !sure)
        })
    };
    let sightings = u32::try_from(members.len()).unwrap_or(u32::MAX);
    let lead = waits(true).or_else(|| waits(false)).or(members.first()).cloned();
    Some(Incident {
        sightings,
        last_camera,
        last_lat,
        last_lon,
        last_seen,
        confirmed: confirmed.is_some(),
        hit: confirmed.or(lead)?,
    })
}
