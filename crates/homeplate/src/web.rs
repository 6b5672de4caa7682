//! Files and answers from other machines, without a key: cities' logs, witnesses.

use base::{Error, Result};
use city::{RecordsLine, WitnessLine};
use ledger::Reply;
use std::path::Path;
use std::time::Duration;

/// The largest file of a log: a bundle of 256 entries of at most 64 KiB.
const FILE_MAX: u64 = 17 << 20;
/// A witness answers a line or two.
const ANSWER_MAX: u64 = 64 << 10;
/// So many times a city may ask to wait before a file.
const PATIENCE: u32 = 10;

/// One for all requests of a command: its connections are used again.
pub struct Web(ureq::Agent);

impl Web {
    /// Each request may take so long. Believed are the roots of `ca` alone, or whom this machine believes.
    pub fn new(timeout: Duration, ca: Option<&Path>) -> Result<Self> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(timeout))
            .tls_config(edge::tls(ca)?)
            .build();
        Ok(Self(config.into()))
    }

    /// A file below an address; `None` where there is none.
    pub fn fetch(&self, place: &str, path: &str) -> Result<Option<Vec<u8>>> {
        let url = format!("{}/{path}", place.trim_end_matches('/'));
        let mut answer = self.0.get(&url).call().map_err(|e| silent(&url, e))?;
        // A long log has more tiles than a city gives to one address in a minute: then we wait.
        for _ in 0..PATIENCE {
            let Some(wait) = wait_of(&answer) else { break };
            std::thread::sleep(wait);
            answer = self.0.get(&url).call().map_err(|e| silent(&url, e))?;
        }
        match answer.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            _ => {
                return Err(Error::unavailable(format!("{url} does not give the log; try again.")));
            }
        }
        let body = answer.body_mut().with_config().limit(FILE_MAX).read_to_vec();
        body.map(Some).map_err(|e| silent(&url, e))
    }
}

fn silent(url: &str, e: ureq::Error) -> Error {
    edge::silent(url, e)
}

/// How long a city that is asked too much wants us to wait.
fn wait_of(answer: &ureq::http::Response<ureq::Body>) -> Option<Duration> {
    if answer.status().as_u16() != 429 {
        return None;
    }
    let told = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let seconds: u64 = told.and_then(|value| value.parse().ok()).unwrap_or(5);
    Some(Duration::from_secs(seconds.clamp(1, 60)))
}

/// What a records system says of a case.
#[derive(serde::Deserialize)]
struct Case {
    open: bool,
}

impl RecordsLine for Web {
    fn is_open(&self, url: &str, token: Option<&str>) -> Result<bool> {
        // Neither the address nor the cause is repeated: they spell the case.
        let silent = || Error::unavailable("The records system does not answer as it should.");
        let mut request = self.0.get(url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut answer = request.call().map_err(|_| silent())?;
        match answer.status().as_u16() {
            200 => {}
            404 | 410 => return Ok(false),
            status => return Err(silent().because(format!("it answers {status}"))),
        }
        let body = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_vec();
        let body = body.map_err(|_| silent())?;
        let case: Case = serde_json::from_slice(&body).map_err(|_| silent())?;
        Ok(case.open)
    }
}

impl WitnessLine for Web {
    fn submit(&self, url: &str, request: &str) -> Result<Reply> {
        let url = format!("{url}/add-checkpoint");
        let mut answer = self
            .0
            .post(&url)
            .content_type("text/plain")
            .send(request)
            .map_err(|e| silent(&url, e))?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_string();
        let body = body.map_err(|e| silent(&url, e))?;
        match status {
            200 => Ok(Reply::Cosigned(body)),
            400 => Ok(Reply::Malformed),
            403 => Ok(Reply::Unsigned),
            404 => Ok(Reply::UnknownLog),
            409 => body.trim_end().parse().map(Reply::Size).map_err(|e| {
                Error::unavailable(format!("{url} names no size; is it a witness?")).because(e)
            }),
            422 => Ok(Reply::Inconsistent),
            status => Err(Error::unavailable(format!("{url} answers {status}; try again later."))),
        }
    }
}
