//! Reads that no lease covers: counted, and told on the log without letting a camera fill it.

use crate::City;
use base::{CameraId, Result, Time};
use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

/// One entry a camera within this time at the most.
const EVERY_MS: i64 = 3_600_000;

/// What was refused and is not on the log yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Captured outside of any lease, or after the last word under it: no honest camera sends these.
    pub reads: u64,
    /// Captured under a lease that an order had ended, before the camera could hear of it.
    pub late: u64,
}

impl Refused {
    fn and(self, more: Self) -> Self {
        Self {
            reads: self.reads.saturating_add(more.reads),
            late: self.late.saturating_add(more.late),
        }
    }
}

/// By camera: what waits, and when the last entry was made.
pub(crate) type Refusals = BTreeMap<CameraId, (Refused, Option<Time>)>;

impl City {
    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what was refused; the first of an hour is on the log at once.
    pub(crate) fn note_refused(&self, camera: &CameraId, more: Refused) -> Result<()> {
        if more == Refused::default() {
            return Ok(());
        }
        {
            let mut all = self.refusals();
            let (waits, _) = all.entry(camera.clone()).or_default();
            *waits = waits.and(more);
        }
        self.tell_refused()
    }

    /// Puts on the log what has waited long enough.
    pub(crate) fn tell_refused(&self) -> Result<()> {
        let now = self.now();
        let due: Vec<(CameraId, Refused)> = {
            let mut all = self.refusals();
            let waits = all.iter_mut().filter(|(_, (waits, told))| {
                *waits != Refused::default()
                    && told.is_none_or(|told| now.since(told).abs() >= EVERY_MS)
            });
            waits
                .map(|(camera, (waits, told))| {
                    *told = Some(now);
                    (camera.clone(), std::mem::take(waits))
                })
                .collect()
        };
        for (camera, refused) in due {
            let mut leaf = self
                .leaf("camera.refused")
                .id(format!("{camera}/{}", now.millis()))
                .fact("camera", camera.as_str())
                .fact("reads", refused.reads);
            if refused.late > 0 {
                leaf = leaf.fact("late", refused.late);
            }
            if let Err(e) = self.append_said(leaf, false) {
                // It is told with what comes next.
                let mut all = self.refusals();
                let (waits, told) = all.entry(camera).or_default();
                *waits = waits.and(refused);
                *told = None;
                return Err(e);
            }
        }
        Ok(())
    }
}
