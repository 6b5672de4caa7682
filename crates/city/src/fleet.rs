//! Changes of the fleet: a device is replaced, a camera is moved, a camera leaves.
//!
//! As with orders, the log is written first and the database follows it, at once or when the city is
//! opened again. Reads stay as they are: until their retention, and with the place that they had.

use crate::devices::NAME_MAX;
use crate::{Changed, City, Event, Move};
use base::{CameraId, Error, PersonId, Result, Time};
use ledger::{Entry, Leaf};
use policy::Action;
use store::{CameraRow, PlaceRow};

/// Places are on the log in millionths of a degree: a tenth of a metre.
const MILLIONTHS: f64 = 1e6;

/// Whether latitude and longitude name a place.
pub(crate) fn on_earth((lat, lon): (f64, f64)) -> Result<()> {
    if lat.abs() <= 90.0 && lon.abs() <= 180.0 {
        return Ok(());
    }
    Err(Error::invalid("Latitude is -90 to 90 and longitude -180 to 180 degrees."))
}

fn millionths(degrees: f64) -> i64 {
    (degrees * MILLIONTHS).round() as i64
}

fn degrees(millionths: i64) -> f64 {
    millionths as f64 / MILLIONTHS
}

impl City {
    /// A code with which another device takes a camera's place. The old device goes on until the new one
    /// enrols, and is refused from that moment.
    pub fn replace_camera(&self, by: &PersonId, camera: &CameraId) -> Result<String> {
        self.allowed(by, Action::EnrolCamera)?;
        self.fleet(camera)?;
        self.capture_allowed(camera)?;
        self.new_code(camera)
    }

    /// Takes a camera out of the fleet for good: its key is dead and its leases end now. Its id is not
    /// used again. Repeating it changes nothing.
    pub fn retire_camera(&self, by: &PersonId, camera: &CameraId) -> Result<Changed> {
        let person = self.allowed(by, Action::EnrolCamera)?;
        self.known(camera)?;
        let leaf = self.leaf_by("camera.retired", &person)?.id(camera.as_str());
        let entry = self.log.append_once(&leaf)?;
        self.switches().add(entry.index, &leaf);
        self.apply_orders()?;
        self.turned.send_modify(|turn| *turn += 1);
        Ok(self.changed("camera.retired", camera, &entry))
    }

    /// Says that a camera stands elsewhere from a moment on.
    pub fn move_camera(&self, by: &PersonId, camera: &CameraId, to: &Move) -> Result<Changed> {
        let person = self.allowed(by, Action::EnrolCamera)?;
        let row = self.fleet(camera)?;
        on_earth((to.lat, to.lon))?;
        let name = to.name.clone().unwrap_or(row.name);
        if name.trim().is_empty() || name.chars().count() > NAME_MAX {
            return Err(Error::invalid("Give the camera a name of 1 to 80 characters."));
        }
        let now = self.now();
        let since = to.from.unwrap_or(now);
        if since > now || since <= Time::from_millis(0) {
            return Err(Error::invalid(
                "A camera was moved at a moment that has been; leave `from` out for now.",
            ));
        }
        let places = self.store.places()?;
        if places.iter().any(|place| &place.camera == camera && place.since >= since) {
            return Err(Error::conflict(
                "The camera was moved later than that; give a later moment.",
            ));
        }
        let leaf = self
            .leaf_by("camera.moved", &person)?
            .id(camera.as_str())
            .fact("name", name)
            .fact("lat", millionths(to.lat))
            .fact("lon", millionths(to.lon))
            .fact("from", since.to_string());
        let entry = self.log.append(&leaf)?;
        self.follow_moves(&[leaf])?;
        Ok(self.changed("camera.moved", camera, &entry))
    }

    /// Makes the database follow the log; harmless to repeat.
    pub(crate) fn follow_moves(&self, leaves: &[Leaf]) -> Result<()> {
        for leaf in leaves.iter().filter(|leaf| leaf.kind == "camera.moved") {
            if let Some(row) = place_of(leaf) {
                self.store.move_camera(&row)?;
            }
        }
        Ok(())
    }

    fn known(&self, camera: &CameraId) -> Result<CameraRow> {
        self.store
            .camera(camera)?
            .ok_or_else(|| Error::not_found("There is no such camera; the public page lists them."))
    }

    /// A camera that is known and not retired.
    fn fleet(&self, camera: &CameraId) -> Result<CameraRow> {
        let row = self.known(camera)?;
        match self.switches().retired(camera) {
            None => Ok(row),
            Some(since) => Err(Error::gone(format!("This camera has been retired since {since}."))),
        }
    }

    fn changed(&self, kind: &str, camera: &CameraId, entry: &Entry) -> Changed {
        self.emit(Event {
            camera: Some(camera.clone()),
            log_entry: Some(entry.index),
            ..self.event(kind)
        });
        Changed { camera: camera.clone(), log_entry: entry.index }
    }
}

fn place_of(leaf: &Leaf) -> Option<PlaceRow> {
    let place = |key: &str| leaf.facts.get(key)?.as_i64().map(degrees);
    Some(PlaceRow {
        camera: leaf.id.as_ref()?.parse().ok()?,
        since: leaf.text("from")?.parse().ok()?,
        name: leaf.text("name")?.to_owned(),
        lat: place("lat"),
        lon: place("lon"),
    })
}
