//! Off and on. The log is the source: what it says decides, and the database follows.

use crate::{City, Event, Ordered};
use base::{CameraId, Error, LeaseId, PersonId, Result, Signed, Time};
use ledger::Leaf;
use policy::Action;
use read::{Level, Order, Power};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

/// How old a signed order may be when it arrives: an old one must not be kept for later use.
const ORDER_AGE_MS: i64 = 10 * 60_000;
/// How long signatures for switching on are collected.
const ON_WINDOW_MS: i64 = 24 * 3_600_000;

/// One thing that can be off: a level, for one camera or (`None`) for all.
type Target = (String, Option<CameraId>);

/// What is off, by the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Switches {
    off: BTreeMap<Target, Time>,
    /// Cameras that left the fleet, for good.
    retired: BTreeMap<CameraId, Time>,
    /// Who has ordered what on again, and when.
    wanted_on: BTreeMap<Target, BTreeMap<PersonId, Time>>,
}

fn slug(level: Level) -> &'static str {
    match level {
        Level::Sharing => "sharing",
        Level::Asking => "asking",
        Level::Job => "job",
        Level::Capture => "capture",
    }
}

impl Switches {
    /// Replays the orders of the log.
    pub(crate) fn from_leaves(leaves: &[Leaf]) -> Self {
        let mut out = Self::default();
        for leaf in leaves {
            out.add(leaf);
        }
        out
    }

    pub(crate) fn add(&mut self, leaf: &Leaf) {
        if leaf.kind == "camera.retired"
            && let Some(camera) = leaf.id.as_ref().and_then(|id| id.parse().ok())
        {
            self.retired.entry(camera).or_insert(leaf.time);
        }
        let text = |key: &str| leaf.facts.get(key).and_then(|v| v.as_str());
        let Some(level) = text("level") else { return };
        let target = (level.to_owned(), text("camera").and_then(|c| c.parse().ok()));
        match leaf.kind.as_str() {
            "order.off" => {
                self.off.entry(target).or_insert(leaf.time);
            }
            "order.on" => {
                self.off.remove(&target);
            }
            _ => {}
        }
    }

    /// Since when this camera may not capture, if it may not.
    fn capture_off(&self, camera: &CameraId) -> Option<Time> {
        let all = self.off.get(&("capture".into(), None));
        let one = self.off.get(&("capture".into(), Some(camera.clone())));
        all.or(one).copied()
    }

    /// Since when this camera belongs to the fleet no longer, if it does not.
    pub(crate) fn retired(&self, camera: &CameraId) -> Option<Time> {
        self.retired.get(camera).copied()
    }

    /// Whether an order names this one camera.
    pub(crate) fn one_off(&self, camera: &CameraId) -> bool {
        self.off.contains_key(&("capture".into(), Some(camera.clone())))
    }

    fn level_off(&self, level: &str) -> bool {
        self.off.contains_key(&(level.to_owned(), None))
    }

    /// Notes that a person wants something on; returns whether enough people do.
    fn wants_on(&mut self, target: &Target, by: &PersonId, now: Time, needed: u32) -> bool {
        let people = self.wanted_on.entry(target.clone()).or_default();
        people.retain(|_, at| now.since(*at) <= ON_WINDOW_MS);
        people.insert(by.clone(), now);
        let enough = people.len() >= needed as usize;
        if enough {
            self.wanted_on.remove(target);
        }
        enough
    }
}

impl City {
    pub(crate) fn switches(&self) -> std::sync::MutexGuard<'_, Switches> {
        self.switches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the city lets this camera capture; otherwise since when it does not.
    pub(crate) fn capture_allowed(&self, camera: &CameraId) -> Result<()> {
        if let Some(since) = self.switches().retired(camera) {
            return Err(Error::gone(format!("This camera has been retired since {since}.")));
        }
        match self.switches().capture_off(camera) {
            None => Ok(()),
            Some(since) => Err(Error::gone(format!(
                "This camera has been switched off by order of the city since {since}."
            ))),
        }
    }

    pub(crate) fn asking_off(&self) -> bool {
        self.switches().level_off("asking")
    }

    pub(crate) fn jobs_off(&self) -> bool {
        self.switches().level_off("job")
    }

    /// Carries out a signed order. Off: one authorised person suffices. On: the last of the needed
    /// people's orders does it; before that the answer says how many are still wanted.
    pub fn order(&self, by: &PersonId, order: Signed<Order>) -> Result<Ordered> {
        let said = order.unverified();
        let action = match said.power {
            Power::Off => Action::SwitchOff,
            Power::On => Action::SwitchOn,
        };
        let person = self.allowed(by, action)?;
        let key = person.key.ok_or_else(|| {
            Error::forbidden("Orders are signed with a key file; you have none here.")
        })?;
        let said = order.verify(&key)?.clone();
        self.check_order(by, &said)?;
        let target: Target = (slug(said.level).to_owned(), said.camera.clone());
        if said.power == Power::On {
            let needed = self.config.switch.on_signatures;
            if !self.switches().wants_on(&target, by, self.now(), needed) {
                return Err(Error::conflict(format!(
                    "Noted. Switching on needs {needed} different people within a day; others must order it too."
                )));
            }
        }
        let kind = if said.power == Power::Off { "order.off" } else { "order.on" };
        let mut leaf = self
            .leaf_by(kind, &person)?
            .id(said.id.to_string())
            .fact("level", target.0.as_str())
            .fact("reason", said.reason.as_str());
        if let Some(camera) = &said.camera {
            leaf = leaf.fact("camera", camera.as_str());
        }
        // On the log first: from here on the order holds whatever happens to this process.
        let entry = self.log.append_once(&leaf)?;
        self.switches().add(&leaf);
        let leases = self.apply_orders()?;
        self.emit(Event {
            camera: said.camera.clone(),
            id: Some(said.id.to_string()),
            log_entry: Some(entry.index),
            ..self.event(kind)
        });
        let cameras = self.touched(&said)?;
        Ok(Ordered { id: said.id, log_entry: entry.index, cameras, leases })
    }

    fn check_order(&self, by: &PersonId, order: &Order) -> Result<()> {
        if &order.by != by {
            return Err(Error::forbidden("An order is sent by the person who signed it."));
        }
        if order.at.since(self.now()).abs() > ORDER_AGE_MS {
            return Err(Error::invalid("The order is too old; sign a new one."));
        }
        if order.reason.trim().is_empty() || order.reason.chars().count() > 300 {
            return Err(Error::invalid("Give the reason of the order in 1 to 300 characters."));
        }
        match (&order.camera, order.level) {
            (Some(camera), Level::Capture) => {
                self.store.camera(camera)?.ok_or_else(|| {
                    Error::not_found("There is no such camera; the public page lists them.")
                })?;
            }
            (Some(_), _) => {
                return Err(Error::invalid("Only capture is switched camera by camera."));
            }
            (None, _) => {}
        }
        Ok(())
    }

    fn touched(&self, order: &Order) -> Result<Vec<CameraId>> {
        if order.level != Level::Capture {
            return Ok(Vec::new());
        }
        match &order.camera {
            Some(camera) => Ok(vec![camera.clone()]),
            None => Ok(self.store.cameras()?.into_iter().map(|c| c.id).collect()),
        }
    }

    /// Makes the database follow the log: a camera that is off loses its leases, a
    /// retired one its device key too.
    /// Harmless to repeat. Returns the leases that ended.
    pub(crate) fn apply_orders(&self) -> Result<Vec<LeaseId>> {
        let mut ended = BTreeSet::new();
        for mut row in self.store.cameras()? {
            let off = {
                let switches = self.switches();
                switches.retired(&row.id).or(switches.capture_off(&row.id))
            };
            match (off, row.off_since) {
                (Some(_), None) => {
                    let now = self.now();
                    ended.extend(self.store.end_leases(&row.id, now)?);
                    // The device's own key stays: on again needs nobody at the camera. One that left the
                    // fleet is a stranger.
                    if self.switches().retired(&row.id).is_some() {
                        row.device_key = None;
                    }
                    row.off_since = Some(now);
                    self.store.put_camera(&row)?;
                }
                (None, Some(_)) => {
                    row.off_since = None;
                    self.store.put_camera(&row)?;
                }
                _ => {}
            }
        }
        Ok(ended.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_needs_different_people_within_a_day() {
        let target: Target = ("capture".into(), None);
        let at = |h: i64| Time::from_millis(h * 3_600_000);
        let per = |s: &str| s.parse::<PersonId>().unwrap();
        let mut s = Switches::default();
        assert!(!s.wants_on(&target, &per("per_a"), at(0), 2));
        assert!(!s.wants_on(&target, &per("per_a"), at(1), 2), "the same person twice");
        assert!(!s.wants_on(&target, &per("per_b"), at(26), 2), "the first has lapsed");
        assert!(s.wants_on(&target, &per("per_a"), at(27), 2));
    }

    #[test]
    fn the_log_decides() {
        let leaf = |kind: &str, level: &str, camera: Option<&str>| {
            let leaf = Leaf::new(kind, Time::from_millis(60_000)).fact("level", level);
            match camera {
                Some(c) => leaf.fact("camera", c),
                None => leaf,
            }
        };
        let one: CameraId = "cam_one".parse().unwrap();
        let two: CameraId = "cam_two".parse().unwrap();
        let mut leaves = vec![leaf("order.off", "capture", Some("cam_one"))];
        let s = Switches::from_leaves(&leaves);
        assert!(s.capture_off(&one).is_some() && s.capture_off(&two).is_none());
        leaves.push(leaf("order.off", "capture", None));
        leaves.push(leaf("order.on", "capture", Some("cam_one")));
        let s = Switches::from_leaves(&leaves);
        assert!(s.capture_off(&one).is_some(), "everything is still off");
        leaves.push(leaf("order.on", "capture", None));
        leaves.push(leaf("order.off", "asking", None));
        let s = Switches::from_leaves(&leaves);
        assert!(s.capture_off(&one).is_none() && s.level_off("asking") && !s.level_off("job"));
    }
}
