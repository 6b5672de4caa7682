//! One file from another machine, by HTTPS: with an end in time, a bound on its size, and the same guard over
//! addresses as messages have. No redirect is followed, nothing is kept on disk.

use crate::post::{agent, silent};
use crate::reach::Reach;
use base::{Error, Result};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a file may take, from the look-up of the name to its last byte.
pub const FETCH_PATIENCE: Duration = Duration::from_secs(300);

/// What is known of the file that came last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What the other side calls it.
    pub etag: Option<String>,
    /// When the other side changed it, in its own words.
    pub modified: Option<String>,
}

/// What the other side gave.
pub enum Got {
    /// The same as last time.
    Same,
    /// A file, and what to know it by.
    New(Zeroizing<Vec<u8>>, Known),
}

/// Says how much, and nothing of it: a plate may stand in it.
impl std::fmt::Debug for Got {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Got::Same => f.write_str("Same"),
            Got::New(file, known) => write!(f, "New({} bytes, {known:?})", file.len()),
        }
    }
}

pub(crate) fn too_large(most: usize) -> Error {
    Error::too_large(format!(
        "The other side's file has more than {} MiB; it was not taken.",
        most >> 20
    ))
}

/// One request and its whole answer, for protocols that a library speaks; the address is judged like any other.
///
/// # Errors
/// One sentence without the address, where there is no answer.
pub fn exchange(
    request: ureq::http::Request<Vec<u8>>,
    reach: Reach,
    most: usize,
    patience: Duration,
) -> Result<ureq::http::Response<Vec<u8>>> {
    if !reach.takes_url(&request.uri().to_string()) {
        return Err(Error::invalid(
            "The address is not one that is called: https:// and a public host.",
        ));
    }
    let agent = agent(reach, patience);
    let answer = match request.body().is_empty() {
        true => agent.run(request.map(|_| ())),
        false => agent.run(request),
    };
    let (head, mut body) = answer.map_err(|e| silent(e).error)?.into_parts();
    let body = body.with_config().limit(most as u64).read_to_vec().map_err(|e| silent(e).error)?;
    Ok(ureq::http::Response::from_parts(head, body))
}

/// Fetches a file of at most so many bytes; `login` is a name and a password, or an empty name and a token.
///
/// # Errors
/// One sentence without the address: a list's address may hold a secret.
pub fn fetch(
    url: &str,
    login: Option<(&str, &str)>,
    known: &Known,
    reach: Reach,
    most: usize,
    patience: Duration,
) -> Result<Got> {
    if !reach.takes_url(url) {
        return Err(Error::invalid(
            "The address is not one that is called: https:// and a public host.",
        ));
    }
    let mut request = agent(reach, patience).get(url);
    if let Some((name, secret)) = login {
        let value = match name {
            "" => format!("Bearer {secret}"),
            name => format!("Basic {}", base::b64(format!("{name}:{secret}").as_bytes())),
        };
        request = request.header("authorization", value);
    }
    for (header, value) in [("if-none-match", &known.etag), ("if-modified-since", &known.modified)]
    {
        if let Some(value) = value {
            request = request.header(header, value);
        }
    }
    let mut answer = request.call().map_err(|e| silent(e).error)?;
    match answer.status().as_u16() {
        200 => {}
        304 => return Ok(Got::Same),
        401 | 403 => {
            return Err(Error::forbidden(
                "The other side does not let the city in; check the login.",
            ));
        }
        404 | 410 => return Err(Error::not_found("The other side has no such file.")),
        300..=399 => {
            return Err(Error::unavailable(
                "The other side answers with a redirect, which is not followed.",
            ));
        }
        status => return Err(Error::unavailable(format!("The other side answers {status}."))),
    }
    let told = |name: &str| {
        let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
        // What is not sent back as it came is not kept.
        value.filter(|v| v.len() <= 200).map(str::to_owned)
    };
    let fresh = Known { etag: told("etag"), modified: told("last-modified") };
    let read = answer.body_mut().with_config().limit(most as u64).read_to_vec();
    match read {
        Ok(file) => Ok(Got::New(Zeroizing::new(file), fresh)),
        Err(ureq::Error::BodyExceedsLimit(_)) => Err(too_large(most)),
        Err(e) => Err(silent(e).error),
    }
}
