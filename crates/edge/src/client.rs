//! Requests of a camera to its city, each signed with the device key.

use base::{CameraId, Clock, Error, Kind, Result, SigningKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

const ANSWER_MAX: u64 = 4 << 20;

/// A connection to the city in one camera's name.
pub struct Client {
    agent: ureq::Agent,
    server: String,
    camera: CameraId,
    key: SigningKey,
    clock: Arc<dyn Clock>,
}

/// What the city says when it says no.
#[derive(Deserialize)]
struct Problem {
    kind: String,
    message: String,
}

impl Client {
    /// Nothing is sent yet.
    pub fn new(
        server: &str,
        camera: CameraId,
        key: SigningKey,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        if !server.starts_with("http://") {
            return Err(Error::invalid(
                "Give the city's address as http://HOST:PORT; put TLS in front with a tunnel or proxy.",
            ));
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        let server = server.trim_end_matches('/').to_owned();
        Ok(Self { agent: config.into(), server, camera, key, clock })
    }

    /// The camera in whose name this speaks.
    pub fn camera(&self) -> &CameraId {
        &self.camera
    }

    /// The device key.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The city's address.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Posts JSON and reads the JSON answer.
    pub fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T> {
        let body = serde_json::to_vec(body)
            .map_err(|e| Error::internal("A request cannot be written.").because(e))?;
        let mut request = self
            .agent
            .post(format!("{}{path}", self.server))
            .header("content-type", "application/json");
        let (id, now) = (self.camera.as_str(), self.clock.now());
        for (name, value) in identity::http::sign("POST", path, &body, id, &self.key, now) {
            request = request.header(name, value);
        }
        let mut answer = request.send(&body[..]).map_err(|e| {
            Error::unavailable(format!("The city at {} does not answer.", self.server)).because(e)
        })?;
        let good = answer.status().is_success();
        let text = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_MAX)
            .read_to_vec()
            .map_err(|e| Error::unavailable("The city's answer was cut off.").because(e))?;
        if good { understood(&text) } else { Err(self.problem(&text)) }
    }

    fn problem(&self, text: &[u8]) -> Error {
        match serde_json::from_slice::<Problem>(text) {
            Ok(p) => Error::new(Kind::from_slug(&p.kind).unwrap_or(Kind::Unavailable), p.message),
            Err(e) => Error::unavailable(format!(
                "{} answered, but it is not a Homeplate server.",
                self.server
            ))
            .because(e),
        }
    }
}

fn understood<T: DeserializeOwned>(text: &[u8]) -> Result<T> {
    // An answer without a body is a plain yes.
    let json: &[u8] = if text.is_empty() { b"null" } else { text };
    serde_json::from_slice(json)
        .map_err(|e| Error::unavailable("The city's answer is not understood.").because(e))
}
