//! Cameras: a code, a device key, leases, the last word.

use crate::{City, Enrol, Enrolled, Event};
use base::{CameraId, Error, LeaseId, PersonId, Result, Signed, sha256};
use policy::Action;
use read::{Lease, LeaseRequest, Stop};
use store::{CameraRow, LeaseRow};

/// The longest name of a camera, in characters.
pub(crate) const NAME_MAX: usize = 80;
/// How long an enrolment code is good for.
const CODE_MS: i64 = 24 * 3_600_000;
/// The longest lease, from its first to its last moment.
const LEASE_MS: i64 = 24 * 3_600_000;
/// How far a camera's clock may be off before it gets no lease.
const SKEW_MS: i64 = 5 * 60_000;

impl City {
    /// Registers a camera and makes the one-time code with which it enrols. A second call makes a
    /// new code and may change the name; another place is a move ([`City::move_camera`]).
    pub fn enrolment_code(
        &self,
        by: &PersonId,
        camera: &CameraId,
        name: &str,
        place: Option<(f64, f64)>,
    ) -> Result<String> {
        self.allowed(by, Action::EnrolCamera)?;
        if name.trim().is_empty() || name.chars().count() > NAME_MAX {
            return Err(Error::invalid("Give the camera a name of 1 to 80 characters."));
        }
        self.capture_allowed(camera)?;
        if let Some(place) = place {
            crate::fleet::on_earth(place)?;
        }
        let old = self.store.camera(camera)?;
        let stands = old.as_ref().and_then(|row| row.lat.zip(row.lon));
        if stands.is_some() && place.is_some() && place != stands {
            return Err(Error::conflict(
                "This camera stands elsewhere; move it, so that earlier reads keep their place.",
            ));
        }
        let place = place.or(stands);
        self.store.put_camera(&CameraRow {
            id: camera.clone(),
            name: name.to_owned(),
            lat: place.map(|p| p.0),
            lon: place.map(|p| p.1),
            device_key: old.and_then(|row| row.device_key),
            off_since: None,
        })?;
        self.new_code(camera)
    }

    /// A code for a camera that is known; older ones of it are good no longer.
    pub(crate) fn new_code(&self, camera: &CameraId) -> Result<String> {
        let code = code();
        self.store.put_code(&sha256(code.as_bytes()), camera, self.now().plus_millis(CODE_MS))?;
        Ok(code)
    }

    /// Takes a camera's device key in exchange for its code. Another device's key for this camera is dead
    /// from here on, and its leases have ended: what it has not delivered by now is lost with it.
    pub fn enrol(&self, enrol: Enrol) -> Result<Enrolled> {
        self.capture_allowed(&enrol.camera)?;
        let wrong = || Error::unauthenticated("The code is wrong, used or old; ask for a new one.");
        let row = self.store.camera(&enrol.camera)?.ok_or_else(wrong)?;
        let hash = sha256(enrol.code.as_bytes());
        let answer = Enrolled {
            camera: enrol.camera.clone(),
            city: self.config.city.name.clone(),
            lease_key: self.custody.lease_public()?,
        };
        if self.store.take_code(&hash, self.now())?.as_ref() != Some(&enrol.camera) {
            // The answer to a good enrolment may have been lost: the same key may ask again.
            let again = row.device_key == Some(enrol.device_key);
            return if again { Ok(answer) } else { Err(wrong()) };
        }
        let replaced = row.device_key.is_some_and(|old| old != enrol.device_key);
        self.store.put_camera(&CameraRow { device_key: Some(enrol.device_key), ..row.clone() })?;
        if replaced {
            self.store.end_leases(&enrol.camera, self.now())?;
        }
        let leaf =
            self.leaf("camera.enrolled").id(enrol.camera.as_str()).fact("name", row.name.as_str());
        let entry = self.log.append(&leaf)?;
        self.emit(Event {
            camera: Some(enrol.camera),
            log_entry: Some(entry.index),
            ..self.event("camera.enrolled")
        });
        Ok(answer)
    }

    /// Grants a lease: only while the log says that the camera may capture.
    pub fn lease(&self, request: &Signed<LeaseRequest>) -> Result<Signed<Lease>> {
        let camera = request.unverified().camera.clone();
        self.capture_allowed(&camera)?;
        let asked = request.verify(&self.key_of(camera.as_str())?)?;
        let now = self.now();
        if asked.at.since(now).abs() > SKEW_MS {
            return Err(Error::invalid(
                "The camera's clock is more than five minutes off; set it by NTP and try again.",
            ));
        }
        // A camera's clock may run a little behind: captures just before the grant count.
        let from = now.plus_millis(-SKEW_MS);
        let until = now.plus_millis(i64::from(self.config.keys.lease_s) * 1000);
        let lease = Lease {
            id: LeaseId::new(now, base::random()),
            camera: camera.clone(),
            capture_key: asked.capture_key,
            from,
            // With the minutes before the grant, too, it lasts no longer than a day.
            until: until.min(from.plus_millis(LEASE_MS)),
            seal_key: self.custody.ingest_key()?.to_string(),
        };
        // Stored before it is signed: a lease that a camera holds is always known here.
        self.store.put_lease(&LeaseRow { lease: lease.clone(), ended: None })?;
        self.log.append(
            &self
                .leaf("lease.granted")
                .id(lease.id.to_string())
                .fact("camera", camera.as_str())
                .fact("until", lease.until.to_string()),
        )?;
        self.custody.sign_lease(lease)
    }

    /// A camera's last word under a lease: how many reads it made.
    pub fn stopped(&self, stop: &Signed<Stop>) -> Result<()> {
        let said = stop.unverified();
        let unknown = || Error::not_found("There is no such lease; nothing needs to be said.");
        let row = self.store.lease(&said.lease)?.ok_or_else(unknown)?;
        let said = stop.verify(&row.lease.capture_key)?;
        if row.lease.camera != said.camera {
            return Err(unknown());
        }
        self.log.append_once(
            &self
                .leaf("camera.stopped")
                .id(said.lease.to_string())
                .fact("camera", said.camera.as_str())
                .fact("counter", said.counter),
        )?;
        Ok(())
    }
}

/// Sixteen easily typed characters: 80 bits.
pub(crate) fn code() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    let random: [u8; 16] = base::random();
    let letter = |b: &u8| char::from(ALPHABET[usize::from(*b) % 32]);
    random
        .chunks(4)
        .map(|four| four.iter().map(letter).collect::<String>())
        .collect::<Vec<_>>()
        .join("-")
}
