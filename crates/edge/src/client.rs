//! Requests of a camera to its city, each signed with the device key.

use base::{CameraId, Clock, Error, Kind, Result, SigningKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

const ANSWER_MAX: u64 = 4 << 20;
/// No city makes a camera wait for longer.
const WAIT_MAX: Duration = Duration::from_secs(300);

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
        let wait = wait_of(answer.headers().get("retry-after").and_then(|v| v.to_str().ok()));
        let text = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_MAX)
            .read_to_vec()
            .map_err(|e| Error::unavailable("The city's answer was cut off.").because(e))?;
        if good {
            return understood(&text);
        }
        let e = self.problem(&text);
        Err(match wait {
            Some(wait) => e.retry_after(wait),
            None => e,
        })
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

/// What `Retry-After` says, in seconds; the form with a date is not believed, since clocks differ.
fn wait_of(header: Option<&str>) -> Option<Duration> {
    let seconds: u64 = header?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(WAIT_MAX))
}

fn understood<T: DeserializeOwned>(text: &[u8]) -> Result<T> {
    // An answer without a body is a plain yes.
    let json: &[u8] = if text.is_empty() { b"null" } else { text };
    serde_json::from_slice(json)
        .map_err(|e| Error::unavailable("The city's answer is not understood.").because(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits() {
        let check = |header: Option<&str>, seconds: Option<u64>| {
            assert_eq!(wait_of(header), seconds.map(Duration::from_secs), "{header:?}");
        };
        check(Some("7"), Some(7));
        check(Some("86400"), Some(300));
        check(Some("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        check(Some("-1"), None);
        check(None, None);
    }
}
