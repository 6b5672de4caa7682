//! Cameras and people as programs: signed requests without a process each, for tests under load.

use crate::world::World;
use base::{CameraId, Clock, LeaseId, ReadId, Signed, SigningKey, SystemClock, Time};
use city::{Answer, Ask, Batch, Enrol, Ingested};
use plate::Odds;
use read::{Lease, LeaseRequest, Read, SealKey, Sealed, SignedRead};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// What the server said when it did not say yes: the status (0 where it did not answer) and the body.
#[derive(Debug)]
pub struct No(pub u16, pub String);

/// Somebody with a key.
pub struct Caller {
    agent: ureq::Agent,
    url: String,
    id: String,
    key: SigningKey,
}

impl Caller {
    pub fn new(url: String, id: &str, key: SigningKey) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self { agent: config.into(), url, id: id.into(), key }
    }

    /// The person whose key file `name.key` lies in the test's folder.
    pub fn person(world: &World, name: &str) -> Self {
        let file = std::fs::read(world.path(&format!("{name}.key"))).expect("a key file");
        let file: serde_json::Value = serde_json::from_slice(&file).expect("JSON");
        let seed = base::unb64(file["seed"].as_str().expect("a seed")).expect("base64");
        let key = SigningKey::from_seed(seed.try_into().expect("32 bytes"));
        Self::new(world.url(), file["person"].as_str().expect("a person"), key)
    }

    /// The same caller with a connection of its own.
    pub fn again(&self) -> Self {
        Self::new(self.url.clone(), &self.id, SigningKey::from_seed(*self.key.seed()))
    }

    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, No> {
        self.post_at(path, body, SystemClock.now())
    }

    /// The same by a clock of one's own.
    pub fn post_at<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        now: Time,
    ) -> Result<T, No> {
        let body = serde_json::to_vec(body).expect("JSON");
        let mut request = self.agent.post(format!("{}{path}", self.url));
        request = request.header("content-type", "application/json");
        for (name, value) in identity::http::sign("POST", path, &body, &self.id, &self.key, now) {
            request = request.header(name, value);
        }
        let mut answer = request.send(&body[..]).map_err(|e| No(0, e.to_string()))?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().map_err(|e| No(0, e.to_string()))?;
        if !(200..300).contains(&status) {
            return Err(No(status, text));
        }
        serde_json::from_str(&text).map_err(|e| No(0, e.to_string()))
    }

    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, No> {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        let now = SystemClock.now();
        for (name, value) in identity::http::sign("GET", path, b"", &self.id, &self.key, now) {
            request = request.header(name, value);
        }
        let mut answer = request.call().map_err(|e| No(0, e.to_string()))?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().map_err(|e| No(0, e.to_string()))?;
        if !(200..300).contains(&status) {
            return Err(No(status, text));
        }
        serde_json::from_str(&text).map_err(|e| No(0, e.to_string()))
    }

    /// Where these plates were in the last hour.
    pub fn ask(&self, plates: &[String]) -> Result<Answer, No> {
        let now = SystemClock.now();
        self.post(
            "/v1/ask",
            &question(plates, now.plus_millis(-3_600_000), now.plus_millis(60_000)),
        )
    }
}

/// A plain question.
pub fn question(plates: &[String], from: Time, until: Time) -> Ask {
    Ask {
        purpose: "stolen-vehicle".into(),
        case: Some("26-0417".into()),
        authority: None,
        paper: None,
        emergency: false,
        on_behalf_of: None,
        reason: None,
        plates: plates.to_vec(),
        look_alikes: false,
        cameras: Vec::new(),
        area: None,
        from,
        until,
        reveal_after: None,
    }
}

/// A camera without a lens.
pub struct Device {
    pub id: CameraId,
    pub caller: Caller,
    device: SigningKey,
    capture: SigningKey,
    /// The lease that it has.
    pub lease: Option<Lease>,
    counter: u64,
    /// The count of frames that it claims.
    pub frames: Option<u64>,
}

impl Device {
    /// Enrols a camera of this name.
    pub fn enrol(world: &World, name: &str) -> Self {
        let id: CameraId = format!("cam_{name}").parse().expect("an id");
        let new = serde_json::json!({"id": id, "name": name});
        let admin = Caller::person(world, "admin");
        let made: serde_json::Value = admin.post("/v1/cameras", &new).expect("a camera");
        Self::with_code(world, id, made["code"].as_str().expect("a code"))
    }

    /// Enrols a camera that was registered before, with its one-time code.
    pub fn with_code(world: &World, id: CameraId, code: &str) -> Self {
        let code = code.to_owned();
        let device = SigningKey::generate();
        let key = || SigningKey::from_seed(*device.seed());
        let caller = Caller::new(world.url(), id.as_str(), key());
        let enrol = Enrol { code, camera: id.clone(), device_key: device.public() };
        let _: serde_json::Value = caller.post("/v1/enrol", &enrol).expect("enrolled");
        Self {
            id,
            caller,
            device,
            capture: SigningKey::generate(),
            lease: None,
            counter: 0,
            frames: None,
        }
    }

    /// The camera whose reader keeps its key in this folder; the reader does not run meanwhile.
    pub fn of_reader(world: &World, folder: &str, id: &str) -> Self {
        let id: CameraId = id.parse().expect("an id");
        let device = SigningKey::load(&world.path(folder).join("device.key")).expect("a key");
        let key = SigningKey::from_seed(*device.seed());
        let caller = Caller::new(world.url(), id.as_str(), key);
        let capture = SigningKey::generate();
        Self { id, caller, device, capture, lease: None, counter: 0, frames: None }
    }

    /// Asks for a lease by a clock of one's own.
    pub fn renew(&mut self, at: Time) -> Result<(), No> {
        let capture_key = self.capture.public();
        let asked = LeaseRequest {
            camera: self.id.clone(),
            capture_key,
            at,
            frames: self.frames,
            jumps: 0,
            foreign: false,
            knows: Vec::new(),
        };
        let asked = Signed::sign(asked, &self.device).expect("signed");
        let lease: Signed<Lease> = self.caller.post_at("/v1/leases", &asked, at)?;
        self.lease = Some(lease.unverified().clone());
        Ok(())
    }

    /// Reads of these plates, a millisecond apart, the last at `now`, as one batch.
    pub fn batch(&mut self, plates: &[String], now: Time) -> Batch {
        let lease = self.lease.clone().expect("a lease");
        let seal: SealKey = lease.seal_key.parse().expect("a key");
        let first = now.plus_millis(-(plates.len() as i64));
        let items = (1i64..).zip(plates).map(|(n, plate)| {
            self.counter += 1;
            let read = sighting(&self.id, lease.id, self.counter, plate, first.plus_millis(n));
            let plain = SignedRead::sign(read, None, &self.capture).encode();
            let sealed: Sealed = seal
                .seal(b"homeplate/ingest/v1", self.id.as_str().as_bytes(), plain.expose())
                .expect("sealed");
            sealed
        });
        let items = items.collect();
        Batch { v: 1, camera: self.id.clone(), items }
    }

    pub fn send(&self, batch: &Batch) -> Result<Ingested, No> {
        self.caller.post("/v1/reads", batch)
    }
}

fn sighting(camera: &CameraId, lease: LeaseId, counter: u64, plate: &str, at: Time) -> Read {
    Read {
        id: ReadId::new(at, base::random()),
        camera: camera.clone(),
        lease,
        counter,
        captured: at,
        first: at,
        last: at,
        frames: 5,
        odds: Odds::new(plate.chars().map(|c| vec![(c, 0.99)]).collect()).expect("odds"),
        confidence: 0.95,
        region: Some("us-ca".into()),
        corners: [[10, 10], [90, 10], [90, 40], [10, 40]],
        frame_size: [1280, 720],
        picture: None,
        sighting: Default::default(),
    }
}
