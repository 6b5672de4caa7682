//! What the time does to hits: nobody decided, nobody said what came of it; and cameras that misread.

use super::{HitLine, board::Counted, card_of, doubts_of, is_partial};
use crate::{City, Event};
use base::{CameraId, Error, PersonId, Result, Time};
use hotlist::{Act, Around, HitState, INCIDENT_MS, What};
use policy::Action;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use store::{HitRow, SuspensionRow};

/// As the store spells that a camera's hits wait.
const SUSPENDED: &str = "suspended";
/// So many hits of a state, or of an entry, are tended at a time.
pub(super) const STEP: u32 = 1000;
/// For how long after a capture somebody is asked what came of it, in milliseconds, and of how many hits at a time.
const DUE_MS: i64 = 7 * 86_400_000;
const DUE: usize = 50;
/// Over how many days a camera's misreads are counted, in milliseconds.
const COUNTED_MS: i64 = 30 * 86_400_000;

/// `[hits]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HitsSection {
    /// A hit that nobody decided within so many minutes is cold: nothing is said on the air any more.
    pub verdict_minutes: u32,
    /// A hit that came here so many seconds after its capture rings nowhere: the vehicle is anywhere.
    pub late_seconds: u32,
    /// Of a confirmed hit that nobody said within so many hours what came of it, that is published.
    pub outcome_hours: u32,
    /// A camera of whose decided hits more than so many percent were misread has its hits wait.
    pub misread_percent: u32,
    /// So many of its hits must have been decided before.
    pub misread_least: u32,
}

impl Default for HitsSection {
    fn default() -> Self {
        Self {
            verdict_minutes: 10,
            late_seconds: 120,
            outcome_hours: 24,
            misread_percent: 20,
            misread_least: 10,
        }
    }
}

impl HitsSection {
    /// What is wrong with it, if anything.
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        match () {
            () if !(1..=60).contains(&self.verdict_minutes) => {
                Some("hits.verdict_minutes is 1 to 60")
            }
            () if !(10..=3600).contains(&self.late_seconds) => {
                Some("hits.late_seconds is 10 to 3600")
            }
            () if !(1..=168).contains(&self.outcome_hours) => {
                Some("hits.outcome_hours is 1 to 168")
            }
            () if !(1..=100).contains(&self.misread_percent) => {
                Some("hits.misread_percent is 1 to 100")
            }
            () if !(3..=1000).contains(&self.misread_least) => {
                Some("hits.misread_least is 3 to 1000")
            }
            () => None,
        }
    }
}

impl City {
    /// Hits that nobody decided in time go cold, and of those that nobody said the outcome of it is said that
    /// nobody did.
    pub(crate) fn tend_hits(&self) -> Result<()> {
        self.forget_wanted()?;
        self.log_owed()?;
        let waiting = i64::from(self.config.hits.verdict_minutes) * 60_000;
        for state in [HitState::Open, HitState::Second] {
            for row in self.store.hits_that_are(state.as_str(), STEP)? {
                let since = row.raised.unwrap_or(row.captured);
                if self.now().since(since) >= waiting {
                    let what = if self.moves_along(&row)? { What::Along } else { What::Cold };
                    self.by_time(&row, what)?;
                }
            }
        }
        let due = i64::from(self.config.hits.outcome_hours) * 3_600_000;
        for row in self.store.hits_that_are(HitState::Confirmed.as_str(), STEP)? {
            let card = card_of(&row);
            let at = card.confirmed_at().unwrap_or(row.captured);
            if self.now().since(at) >= due && !card.outcome_unknown() {
                self.by_time(&row, What::Unknown)?;
            }
        }
        Ok(())
    }

    /// Forgets hits with the day of their reads. What the log is owed of them it is told first, and that nobody said
    /// what came of those that were confirmed.
    pub(crate) fn forget_hits(&self, limit: Time) -> Result<()> {
        self.relay()?;
        let last = limit.day().start();
        let confirmed = self.store.hits_that_are(HitState::Confirmed.as_str(), STEP)?;
        for row in confirmed.iter().filter(|row| row.captured < last) {
            if !card_of(row).outcome_unknown() {
                self.by_time(row, What::Unknown)?;
            }
        }
        self.log_owed()?;
        self.store.forget_hits(limit)?;
        self.store.forget_findings(self.now().plus_millis(-COUNTED_MS).day())
    }

    /// Whether a hit is another sighting of a vehicle that people had confirmed in time: nobody was to decide it.
    fn moves_along(&self, row: &HitRow) -> Result<bool> {
        Ok(self.same_vehicle(row)?.iter().any(|other| {
            let card = card_of(other);
            let over = matches!(card.state(), HitState::Confirmed | HitState::Closed);
            other.id != row.id && over && card.confirmed_at().is_some() && !card.went_cold()
        }))
    }

    /// Whether people are called for a hit that comes here at this moment: nothing speaks against it, and nobody
    /// was called for the same vehicle within the hour. Cars that fit half a plate are not the same one.
    pub(crate) fn may_ring(&self, row: &HitRow, raised: Time) -> Result<bool> {
        let (late, held) = (self.came_late(row.captured, raised), self.suspended_now()?);
        if !doubts_of(row, late, &held).is_empty() {
            return Ok(false);
        }
        if is_partial(row.basis.as_ref()) {
            return Ok(true);
        }
        for other in self.store.hits_of_entry(&row.entry, STEP)? {
            let live = matches!(other.state.as_str(), "open" | "second" | "confirmed")
                && !card_of(&other).went_cold();
            let near = other.captured.since(row.captured).abs() <= INCIDENT_MS;
            if other.id != row.id && live && near && self.store.rang(&other.id)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn by_time(&self, row: &HitRow, what: What) -> Result<()> {
        let act = Act { at: self.now(), by: None, what };
        match self.acted(row, &Around::default(), row.version, act) {
            Ok(row) => self.log_acts(&row),
            // A person was quicker.
            Err(e) if e.kind() == base::Kind::Conflict => Ok(()),
            // One that is damaged holds up no other, and nothing else that goes by the clock.
            Err(e) if e.kind() == base::Kind::Internal => {
                tracing::error!(hit = %row.id, error = %e.inside(), "a card");
                Ok(())
            }
            Err(e) => Err(e),
        }
    }

    /// The cameras whose hits wait, and why.
    pub(super) fn suspensions_now(&self) -> Result<Vec<SuspensionRow>> {
        let mut rows = self.store.suspensions()?;
        rows.retain(|row| row.state == SUSPENDED);
        Ok(rows)
    }

    /// The ids of cameras whose hits wait.
    pub(super) fn suspended_now(&self) -> Result<HashSet<String>> {
        Ok(self.suspensions_now()?.into_iter().map(|row| row.camera.to_string()).collect())
    }

    /// Has a camera's hits wait where too many of those that people decided were misread.
    pub(super) fn suspend_if_it_misreads(&self, camera: &CameraId) -> Result<()> {
        let said = self.store.suspensions()?.into_iter().find(|row| row.camera == *camera);
        if said.as_ref().is_some_and(|row| row.state == SUSPENDED) {
            return Ok(());
        }
        // What was misread before somebody looked at it is forgiven.
        let month = self.now().plus_millis(-COUNTED_MS);
        let from = said.map_or(month, |row| row.at.max(month));
        let found = self.store.findings(camera, from)?;
        let decided: u64 = found.iter().map(|(_, n)| n).sum();
        let misread = found.iter().find(|(f, _)| f == "misread").map_or(0, |(_, n)| *n);
        let limit = &self.config.hits;
        let over = misread * 100 > decided * u64::from(limit.misread_percent);
        if decided < u64::from(limit.misread_least) || !over {
            return Ok(());
        }
        self.suspend(camera, &Counted { decided, misread })
    }

    /// Has a camera's hits wait although nobody has decided any: for tests of what the log could not take.
    #[cfg(test)]
    pub(crate) fn suspend_for_test(&self, camera: &CameraId) -> Result<()> {
        self.suspend(camera, &Counted { decided: 4, misread: 4 })
    }

    fn suspend(&self, camera: &CameraId, of: &Counted) -> Result<()> {
        let json = serde_json::to_string(of)
            .map_err(|e| Error::internal("A suspension cannot be stored.").because(e))?;
        let row = SuspensionRow {
            camera: camera.clone(),
            at: self.now(),
            state: SUSPENDED.into(),
            json,
            owes: true,
        };
        self.store.put_suspension(&row)?;
        self.log_suspension(&row)
    }

    fn log_suspension(&self, row: &SuspensionRow) -> Result<()> {
        let of: Counted = serde_json::from_str(&row.json).unwrap_or_default();
        let leaf = self
            .leaf("hit.suspended")
            .job("hotlist")
            .id(row.camera.as_str())
            .fact("decided", of.decided)
            .fact("misread", of.misread);
        let entry = self.log.append(&leaf)?;
        self.store.suspension_logged(&row.camera, row.at)?;
        self.emit(Event {
            camera: Some(row.camera.clone()),
            log_entry: Some(entry.index),
            ..self.event("hit.suspended")
        });
        Ok(())
    }

    /// Suspensions that could not be put on the log. One that a crash left marked is said twice, which changes nothing.
    pub(super) fn log_camera_suspensions(&self) -> Result<()> {
        self.store.suspensions_owed()?.iter().try_for_each(|row| self.log_suspension(row))
    }

    /// Somebody has looked at a camera that misreads: its hits ring again.
    pub fn hits_resume(&self, by: &PersonId, camera: &CameraId) -> Result<()> {
        let person = self.allowed(by, Action::EnrolCamera)?;
        let held = self.suspensions_now()?;
        let Some(said) = held.into_iter().find(|row| row.camera == *camera) else {
            return Err(Error::conflict("The hits of this camera do not wait."));
        };
        // The newest line counts, also after a clock was set back.
        let at = self.now().max(said.at.plus_millis(1));
        let leaf = self.leaf_by("hit.resumed", &person)?.job("hotlist").id(camera.as_str());
        let entry = self.log.append(&leaf)?;
        self.store.put_suspension(&SuspensionRow {
            camera: camera.clone(),
            at,
            state: "looked-at".into(),
            json: "{}".into(),
            owes: false,
        })?;
        self.emit(Event {
            camera: Some(camera.clone()),
            log_entry: Some(entry.index),
            ..self.event("hit.resumed")
        });
        Ok(())
    }

    /// Confirmed hits of the last week of which it is due to say what came of them, the newest first.
    pub(super) fn outcomes_due(&self) -> Result<Vec<HitLine>> {
        let mut rows = self.store.hits_that_are(HitState::Confirmed.as_str(), STEP)?;
        let since = self.now().plus_millis(-DUE_MS);
        rows.retain(|row| row.captured >= since && card_of(row).outcome_unknown());
        rows.truncate(DUE);
        self.lines(rows)
    }
}
