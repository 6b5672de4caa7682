//! Requests of a camera to its city, each signed with the device key.

use crate::trust;
use base::{CameraId, Clock, Error, Kind, Result, SigningKey};
use flate2::{Compression, write::GzEncoder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const ANSWER_MAX: u64 = 4 << 20;
/// Sixteen million tokens.
const FETCH_MAX: u64 = 128 << 20;
/// Making them takes the city a while.
const FETCH: Duration = Duration::from_secs(120);
/// No city makes a camera wait for longer.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// The status of a body that is too large for whoever answers.
const TOO_LARGE: u16 = 413;

/// A smaller body is not worth packing.
const PACKED_FROM: usize = 1024;

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
    /// One that believes whom this machine believes; nothing is sent yet.
    pub fn new(
        server: &str,
        camera: CameraId,
        key: SigningKey,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Self::believing(None, server, camera, key, clock)
    }

    /// The same, believing the roots of a file alone.
    pub fn believing(
        root: Option<&Path>,
        server: &str,
        camera: CameraId,
        key: SigningKey,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        if !server.starts_with("http://") && !server.starts_with("https://") {
            return Err(Error::invalid(
                "Give the city's address as https://HOST, or as http://HOST:PORT on the same machine.",
            ));
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_global(Some(Duration::from_secs(30)))
            .tls_config(trust::tls(root)?)
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
        self.send(path, "application/json", None, &json_of(body)?)
    }

    /// Posts JSON and reads an answer of bytes; `None` where the city has nothing to say.
    pub fn fetch<B: Serialize>(&self, path: &str, body: &B) -> Result<Option<Vec<u8>>> {
        let body = json_of(body)?;
        let mut request = self
            .agent
            .post(format!("{}{path}", self.server))
            .config()
            .timeout_global(Some(FETCH))
            .build()
            .header("content-type", "application/json");
        let (id, now) = (self.camera.as_str(), self.clock.now());
        for (name, value) in identity::http::sign("POST", path, &body, id, &self.key, now) {
            request = request.header(name, value);
        }
        let (good, bytes) = self.heard(request.send(&body[..]), FETCH_MAX)?;
        match good {
            Ok(()) => Ok(Some(bytes).filter(|bytes| !bytes.is_empty())),
            Err(e) => Err(e),
        }
    }

    /// The same with the body packed, where that makes it smaller; for addresses that take it so.
    pub fn post_packed<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T> {
        let body = json_of(body)?;
        match packed(&body) {
            Some(small) => self.send(path, "application/json", Some("gzip"), &small),
            None => self.send(path, "application/json", None, &body),
        }
    }

    /// Posts a body of any type, signed as it is, and reads the JSON answer.
    pub fn send<T: DeserializeOwned>(
        &self,
        path: &str,
        kind: &str,
        encoding: Option<&str>,
        body: &[u8],
    ) -> Result<T> {
        let mut request =
            self.agent.post(format!("{}{path}", self.server)).header("content-type", kind);
        if let Some(encoding) = encoding {
            request = request.header("content-encoding", encoding);
        }
        let (id, now) = (self.camera.as_str(), self.clock.now());
        for (name, value) in identity::http::sign("POST", path, body, id, &self.key, now) {
            request = request.header(name, value);
        }
        self.answered(request.send(body))
    }

    /// Asks for something that needs no body, and reads the JSON answer.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let mut request = self.agent.get(format!("{}{path}", self.server));
        let (id, now) = (self.camera.as_str(), self.clock.now());
        for (name, value) in identity::http::sign("GET", path, b"", id, &self.key, now) {
            request = request.header(name, value);
        }
        self.answered(request.call())
    }

    fn answered<T: DeserializeOwned>(
        &self,
        answer: std::result::Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<T> {
        let (good, text) = self.heard(answer, ANSWER_MAX)?;
        good.and_then(|()| understood(&text))
    }

    /// What the city said, in at most so many bytes, and whether it said no.
    fn heard(
        &self,
        answer: std::result::Result<ureq::http::Response<ureq::Body>, ureq::Error>,
        most: u64,
    ) -> Result<(Result<()>, Vec<u8>)> {
        let mut answer = answer.map_err(|e| trust::silent(&self.server, e))?;
        let status = answer.status();
        let wait = wait_of(answer.headers().get("retry-after").and_then(|v| v.to_str().ok()));
        let text = answer
            .body_mut()
            .with_config()
            .limit(most)
            .read_to_vec()
            .map_err(|e| Error::unavailable("The city's answer was cut off.").because(e))?;
        if status.is_success() {
            return Ok((Ok(()), text));
        }
        let e = self.problem(status.as_u16(), &text);
        let e = match wait {
            Some(wait) => e.retry_after(wait),
            None => e,
        };
        Ok((Err(e), text))
    }

    fn problem(&self, status: u16, text: &[u8]) -> Error {
        match serde_json::from_slice::<Problem>(text) {
            Ok(p) => Error::new(Kind::from_slug(&p.kind).unwrap_or(Kind::Unavailable), p.message),
            // A proxy's own page, which says nothing about what was sent: it stays, and goes in smaller batches.
            Err(e) if status == TOO_LARGE => Error::unavailable(format!(
                "A proxy before {} takes no batch of this size; let it take 8 MiB.",
                self.server
            ))
            .because(e),
            Err(e) => Error::unavailable(format!(
                "{} answered, but it is not a Homeplate server.",
                self.server
            ))
            .because(e),
        }
    }
}

fn json_of<B: Serialize>(body: &B) -> Result<Vec<u8>> {
    serde_json::to_vec(body).map_err(|e| Error::internal("A request cannot be written.").because(e))
}

/// A body as gzip, if it is large enough and shrinks: what is sealed does not, its base64 does.
fn packed(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < PACKED_FROM {
        return None;
    }
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(body).ok()?;
    packer.finish().ok().filter(|small| small.len() < body.len())
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
    fn what_shrinks_is_packed() {
        let noise: [u8; 4096] = base::random();
        assert_eq!(packed(&noise), None);
        assert_eq!(packed(&b"x".repeat(PACKED_FROM - 1)), None);
        let text = base::b64(&noise);
        let small = packed(text.as_bytes()).unwrap();
        assert!(small.len() * 10 < text.len() * 8, "{} {}", small.len(), text.len());
        let mut back = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&small[..]), &mut back)
            .unwrap();
        assert_eq!(back, text);
    }

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
