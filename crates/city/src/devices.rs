//! Cameras: a code, a device key, leases, the last word.

use crate::{City, Enrol, Enrolled, Event};
use base::{CameraId, Error, LeaseId, PersonId, PublicKey, Result, Signed, Time, sha256};
use policy::Action;
use read::{CameraOff, Lease, LeaseRequest, Stop};
use store::{CameraRow, LeaseRow};

/// The longest name of a camera, in characters.
pub(crate) const NAME_MAX: usize = 80;
/// How long an enrolment code is good for.
const CODE_MS: i64 = 24 * 3_600_000;
/// The longest lease, from its first to its last moment.
const LEASE_MS: i64 = 24 * 3_600_000;
/// How far a camera's clock may be off before it gets no lease.
const SKEW_MS: i64 = 5 * 60_000;
/// A shorter lease is none.
const LEASE_MIN_MS: i64 = 500;

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
        // Whoever carries the code to the camera carries whom it may believe too.
        Ok(match self.own_root()? {
            Some(root) => format!("{code}@{}", crate::own_root::short_print(&root)?),
            None => code,
        })
    }

    /// Takes a camera's device key in exchange for its code. Another device's key for this camera is dead
    /// from here on, and its leases have ended: what it has not delivered by now is lost with it.
    pub fn enrol(&self, enrol: Enrol) -> Result<Enrolled> {
        self.capture_allowed(&enrol.camera)?;
        let wrong = || Error::unauthenticated("The code is wrong, used or old; ask for a new one.");
        let row = self.store.camera(&enrol.camera)?.ok_or_else(wrong)?;
        // Behind the @ stands whom the camera may believe; that is its own business.
        let code = enrol.code.split('@').next().unwrap_or_default();
        let hash = sha256(code.as_bytes());
        let answer = Enrolled {
            camera: enrol.camera.clone(),
            city: self.config.city.name.clone(),
            lease_key: self.custody.lease_public()?,
        };
        if self.store.take_code(&hash, self.now())?.as_ref() != Some(&enrol.camera) {
            // The answer to a good enrolment may have been lost, and its entry: the same key may ask again.
            if row.device_key != Some(enrol.device_key) || !self.log_enrolment(&row)? {
                return Err(wrong());
            }
            return Ok(answer);
        }
        let replaced = row.device_key.is_some_and(|old| old != enrol.device_key);
        self.store.put_camera(&CameraRow { device_key: Some(enrol.device_key), ..row.clone() })?;
        if replaced {
            self.store.end_leases(&enrol.camera, self.now())?;
        }
        self.enrolled(&row, enrol.device_key)?;
        Ok(answer)
    }

    fn enrolled(&self, row: &CameraRow, key: PublicKey) -> Result<()> {
        let leaf = self.leaf("camera.enrolled").id(row.id.as_str()).fact("name", row.name.as_str());
        // With it everybody can check what the device says of itself.
        let leaf = leaf.fact("key", key.to_string());
        let entry = self.append_said(leaf, false)?;
        self.emit(Event {
            camera: Some(row.id.clone()),
            log_entry: Some(entry.index),
            ..self.event("camera.enrolled")
        });
        Ok(())
    }

    /// Makes up for the entry of an enrolment that was cut off behind the key: one that the log does not have as the
    /// camera's newest would make its last words look forged. A key that the log has from before its newest was put back
    /// with an older database: the log's newest stands, and the device of then stays dead. Says whether the row's key is
    /// the camera's.
    fn log_enrolment(&self, row: &CameraRow) -> Result<bool> {
        let Some(key) = row.device_key else { return Ok(false) };
        let (newest, earlier) = {
            let switches = self.switches();
            let keys = switches.said.keys.get(row.id.as_str());
            let newest = keys.and_then(|keys| keys.last().copied().flatten());
            (newest, keys.is_some_and(|keys| keys.contains(&Some(key))))
        };
        match newest {
            Some(newest) if newest == key => return Ok(true),
            Some(newest) => {
                // It may have been cut off before the leases of the other device were ended.
                self.store.end_leases(&row.id, self.now())?;
                if earlier {
                    tracing::warn!(
                        camera = %row.id,
                        "the database has the key of a device that was replaced; the log's newest stands"
                    );
                    let row = CameraRow { device_key: Some(newest), ..row.clone() };
                    self.store.put_camera(&row)?;
                    return Ok(false);
                }
            }
            None => {}
        }
        self.enrolled(row, key)?;
        Ok(true)
    }

    /// The same for every camera, once a start.
    pub(crate) fn log_enrolments(&self) -> Result<()> {
        self.store.cameras()?.iter().try_for_each(|row| self.log_enrolment(row).map(drop))
    }

    /// Grants a lease: only while the log says that the camera may capture, and that log is one its witnesses
    /// know.
    pub fn lease(&self, request: &Signed<LeaseRequest>) -> Result<Signed<Lease>> {
        let camera = request.unverified().camera.clone();
        self.capture_allowed(&camera)?;
        let asked = request.verify(&self.key_of(camera.as_str())?)?;
        // A log that was set back may have lost an order: no camera goes on by it.
        self.witnesses_follow()?;
        let now = self.now();
        if asked.at.since(now).abs() > SKEW_MS {
            return Err(Error::invalid(
                "The camera's clock is more than five minutes off; set it by NTP and try again.",
            ));
        }
        let lease = self.span(asked, now)?;
        // Stored before it is signed: a lease that a camera holds is always known here.
        self.store.put_lease(&LeaseRow { lease: lease.clone(), ended: None })?;
        let mut leaf = self
            .leaf("lease.granted")
            .id(lease.id.to_string())
            .fact("camera", camera.as_str())
            .fact("until", lease.until.to_string())
            .fact("key", lease.capture_key.to_string());
        if let Some(frames) = asked.frames {
            leaf = leaf.fact("frames", frames);
        }
        if asked.jumps > 0 {
            leaf = leaf.fact("jumps", asked.jumps);
        }
        if asked.foreign {
            leaf = leaf.fact("foreign", true);
        }
        let (hits_only, gates) = (self.config.cameras.hits_only(&camera), self.gates(&camera));
        if hits_only.is_some() {
            leaf = leaf.fact("hits_only", true);
        }
        let clear_pictures = self.config.cameras.clear_pictures(&camera);
        if clear_pictures {
            leaf = leaf.fact("clear_pictures", true);
        }
        if !gates.is_empty() {
            leaf = leaf.fact("gates", gates.len() as u64);
        }
        let entry = self.append_said(leaf, false)?;
        self.witnessed(entry)?;
        // An order may have come meanwhile: it has not ended this lease if it did not find it.
        if let Err(e) = self.capture_allowed(&camera) {
            self.store.end_leases(&camera, self.now())?;
            return Err(e);
        }
        let next = self.switches().next_off(&camera, now);
        if let Some(next) = next.filter(|next| *next < lease.until) {
            self.store.end_leases(&camera, next)?;
            return Err(Error::unavailable("An order came meanwhile; ask for a lease again."));
        }
        let mut authority = self.authority(&camera)?;
        // A camera of before such orders goes on, and erases for key files alone.
        authority.passkeys = authority.passkeys.filter(|_| asked.knows(LeaseRequest::PASSKEYS));
        let authority = Some(authority);
        self.custody.sign_lease(Lease { authority, hits_only, clear_pictures, gates, ..lease })
    }

    /// From when until when a lease covers captures.
    fn span(&self, asked: &LeaseRequest, now: Time) -> Result<Lease> {
        let camera = asked.camera.clone();
        let (off, on) = {
            let switches = self.switches();
            (switches.next_off(&camera, now), switches.on_since(&camera, now))
        };
        // A camera's clock may run a little behind: captures just before the grant count, but none of a time
        // when it was off.
        let earliest = now.plus_millis(-SKEW_MS);
        let from = on.map_or(earliest, |on| on.max(earliest)).min(now);
        let until = now.plus_millis(i64::from(self.config.keys.lease_s) * 1000);
        // With the minutes before the grant, too, it lasts no longer than a day; and it never reaches beyond a
        // scheduled order.
        let until = until.min(from.plus_millis(LEASE_MS));
        let until = off.map_or(until, |off| off.min(until));
        if until.since(now) < LEASE_MIN_MS {
            return Err(Error::unavailable("A scheduled order switches this camera off now."));
        }
        Ok(Lease {
            id: LeaseId::new(now, base::random()),
            camera,
            capture_key: asked.capture_key,
            from,
            until,
            seal_key: self.custody.ingest_key()?.to_string(),
            authority: None,
            hits_only: None,
            clear_pictures: false,
            gates: Vec::new(),
        })
    }

    /// A camera's last word under a lease: how many reads it made, and which frame was its last.
    pub fn stopped(&self, stop: &Signed<Stop>) -> Result<()> {
        let said = stop.unverified();
        let unknown = || Error::not_found("There is no such lease; nothing needs to be said.");
        let row = self.store.lease(&said.lease)?.ok_or_else(unknown)?;
        let said = stop.verify(&row.lease.capture_key)?;
        if row.lease.camera != said.camera {
            return Err(unknown());
        }
        let mut leaf = self
            .leaf("camera.stopped")
            .id(said.lease.to_string())
            .fact("camera", said.camera.as_str())
            .fact("counter", said.counter)
            .fact("at", said.at.to_string())
            .fact("heard", self.now().to_string())
            .fact("signed", stop.signature());
        if let Some(frames) = said.frames {
            leaf = leaf.fact("frames", frames);
        }
        if let Some(spool) = said.spool {
            leaf = leaf.fact("spool", spool.as_str());
        }
        let entry = self.append_said(leaf, true)?;
        self.emit(Event {
            camera: Some(said.camera.clone()),
            id: Some(said.lease.to_string()),
            log_entry: Some(entry.index),
            ..self.event("camera.stopped")
        });
        Ok(())
    }

    /// A camera says that it is off, and by which order.
    pub fn camera_off(&self, by: &CameraId, off: &Signed<CameraOff>) -> Result<()> {
        let said = off.verify(&self.key_of(by.as_str())?)?;
        if &said.camera != by {
            return Err(Error::forbidden("A camera speaks for itself only."));
        }
        let order = said.order.map(|order| order.to_string()).unwrap_or_default();
        // A reader that is started again answers again; the log needs that once.
        let answered = self.switches().said.orders.get(&order).is_some_and(|o| {
            o.offs.get(by.as_str()).is_some_and(|ack| {
                ack.frames == Some(said.frames) && ack.spool.as_deref() == Some(said.spool.as_str())
            })
        });
        if answered {
            return Ok(());
        }
        let mut leaf = self
            .leaf("camera.off")
            // Said again where the line broke, it stands there once.
            .id(format!("{}/{order}/{}", said.camera, said.at.millis()))
            .fact("camera", said.camera.as_str())
            .fact("frames", said.frames)
            .fact("at", said.at.to_string())
            .fact("heard", self.now().to_string())
            .fact("spool", said.spool.as_str())
            .fact("erased", said.erased)
            .fact("signed", off.signature());
        if said.order.is_some() {
            leaf = leaf.fact("order", order);
        }
        let entry = self.append_said(leaf, true)?;
        self.emit(Event {
            camera: Some(by.clone()),
            log_entry: Some(entry.index),
            ..self.event("camera.off")
        });
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
