//! Who sent this? A signature for programs, a token for machines, a session cookie for browsers.

use crate::forgers::Source;
use crate::limits::address_of;
use crate::state::{AppState, State};
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use base::{CameraId, Error, Kind, PersonId, Result, Time};
use futures_util::StreamExt;
use identity::Session;
use identity::http::Claim;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;

/// The largest body that is read before its signature is checked.
pub(crate) const BODY_MAX: usize = 8 << 20;
/// The largest body of a request that nobody has signed.
const SMALL_MAX: usize = 64 << 10;
/// A body that stands still for so long is given up, and one that is not there as a whole after so long.
const STILL: Duration = Duration::from_secs(30);
const WHOLE: Duration = Duration::from_secs(600);
/// The largest file of a hot list, of people who may bring one.
pub(crate) const LIST_MAX: usize = 64 << 20;
/// Names of the cookies of sessions and of devices.
const COOKIE: &str = "homeplate";
const DEVICE: &str = "homeplate-device";
/// The cookie of a browser that has gone to the directory, and how long it is kept, in seconds.
const LEAVING: &str = "homeplate_leaving";
const LEAVING_S: u32 = 600;
/// Browsers keep a cookie no longer than 400 days.
const DEVICE_S: u32 = 400 * 86_400;

/// One header's value; `None` if it is absent, not text, or there twice.
pub(crate) fn single(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut all = headers.get_all(name).iter();
    let one = all.next()?.to_str().ok()?.to_owned();
    if all.next().is_some() { None } else { Some(one) }
}

/// Reads a body within the usual limit.
pub(crate) async fn body_of(request: Request) -> Result<Bytes> {
    body_within(request, BODY_MAX).await
}

/// Reads the small body of a request that nobody has signed: a stranger's costs little memory.
pub(crate) async fn small_body(request: Request) -> Result<Bytes> {
    body_within(request, SMALL_MAX).await
}

/// Reads a body of at most so many bytes. One that stands still, or takes too long as a whole, is given up: a sender whose
/// network is gone, or who sends a byte now and then, keeps neither memory nor a place.
pub(crate) async fn body_within(request: Request, most: usize) -> Result<Bytes> {
    timeout(WHOLE, read_within(request, most, STILL)).await.unwrap_or_else(|_| Err(stuck()))
}

async fn read_within(request: Request, most: usize, still: Duration) -> Result<Bytes> {
    let mut parts = request.into_body().into_data_stream();
    let mut body = Vec::new();
    while let Some(part) = timeout(still, parts.next()).await.map_err(|_| stuck())? {
        let part =
            part.map_err(|e| Error::invalid("The request was cut off; send it again.").because(e))?;
        if body.len() + part.len() > most {
            return Err(Error::too_large(format!(
                "The request has more than {} KiB; send less at a time.",
                most >> 10
            )));
        }
        body.extend_from_slice(&part);
    }
    Ok(body.into())
}

fn stuck() -> Error {
    Error::busy("The request stopped on its way; send it again.")
}

/// A JSON body; the parser's words are kept out of the answer, since they may quote a plate.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|e| {
        Error::invalid(format!(
            "The body is not the JSON that this address takes (line {}, column {}).",
            e.line(),
            e.column()
        ))
    })
}

impl AppState {
    /// The id of the key that signed the request, and its body. The signature holds, is fresh and
    /// was not seen before; not by a server before this one either, where a person wants something done.
    async fn signed(&self, request: Request, most_bytes: usize) -> Result<(String, Bytes)> {
        let method = request.method().as_str().to_owned();
        let path = request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned();
        let headers = request.headers().clone();
        let look = |name: &str| single(&headers, name);
        let claim = identity::http::claim(&look)?;
        let now = self.city.now();
        let from = Source { address: address_of(&request), key_id: claim.key_id.clone() };
        let most = self.city.config().limits.false_per_minute;
        let done = async {
            let id = claim.key_id.clone();
            if self.forgers.is_doubted(&from, most, now) && !self.is_enrolled(&id, now).await? {
                return Err(city::unknown_key());
            }
            let key = self.run_first(move |city| city.key_of(&id)).await?;
            self.forgers.may_try(&from, most, now)?;
            // Before the body is read: what a stranger sends costs no memory.
            let claim = identity::http::verify_head(&method, &path, &look, &key, now)?;
            // Nor what a key sends beyond its share: neither a body nor a nonce of it is kept.
            self.limits.take(&claim.key_id, self.share_of(&claim.key_id), now)?;
            let body = body_within(request, most_bytes).await?;
            identity::http::verify_body(&body, &look)?;
            self.nonces.fresh(&claim.key_id, &claim.nonce, now)?;
            Ok((claim, body))
        }
        .await;
        let (claim, body) = match done {
            Ok(done) => {
                self.forgers.was_true(&from, now);
                done
            }
            Err(e) if e.kind() == Kind::Unauthenticated => {
                return Err(self.forgers.was_false(&from, most, now).err().unwrap_or(e));
            }
            Err(e) => return Err(e),
        };
        if claim.key_id.parse::<PersonId>().is_ok() && method != "GET" && method != "HEAD" {
            self.keep_nonce(&claim, now).await?;
        }
        Ok((claim.key_id, body))
    }

    /// Requests a minute that a key may make.
    fn share_of(&self, key_id: &str) -> u32 {
        let limits = &self.city.config().limits;
        let person = key_id.parse::<PersonId>().is_ok();
        if person { limits.person_per_minute } else { limits.camera_per_minute }
    }

    /// A server that is started meanwhile knows this request.
    async fn keep_nonce(&self, claim: &Claim, now: Time) -> Result<()> {
        let (nonces, claim) = (self.nonces.clone(), claim.clone());
        self.run_first(move |_| {
            // What it is for fails by itself where nothing can be written.
            if let Err(e) = nonces.keep(&claim.key_id, &claim.nonce, now) {
                tracing::warn!(error = %e, "a nonce is not kept: after a restart its request could be said again");
            }
            Ok(())
        })
        .await
    }

    /// The person who signed, and the body.
    pub(crate) async fn person(&self, request: Request) -> Result<(PersonId, Bytes)> {
        self.person_of(request, BODY_MAX).await
    }

    async fn person_of(&self, request: Request, most: usize) -> Result<(PersonId, Bytes)> {
        let (key_id, body) = self.signed(request, most).await?;
        let id = key_id.parse().map_err(|_| Error::forbidden("Only a person may do this."))?;
        Ok((id, body))
    }

    /// The camera that signed, and the body.
    pub(crate) async fn camera(&self, request: Request) -> Result<(CameraId, Bytes)> {
        let (key_id, body) = self.signed(request, BODY_MAX).await?;
        let id = key_id.parse().map_err(|_| Error::forbidden("Only a camera may do this."))?;
        Ok((id, body))
    }

    /// The person who signed, or the machine that shows its token; and the body. What a machine may is for the
    /// city to say: routes that no machine may ask [`AppState::person`].
    pub(crate) async fn caller(&self, request: Request) -> Result<(PersonId, Bytes)> {
        self.caller_of(request, BODY_MAX).await
    }

    /// The same, with a body of at most so many bytes.
    pub(crate) async fn caller_of(
        &self,
        request: Request,
        most: usize,
    ) -> Result<(PersonId, Bytes)> {
        if request.headers().contains_key(header::AUTHORIZATION) {
            self.machine(request, most).await
        } else {
            self.person_of(request, most).await
        }
    }

    async fn machine(&self, request: Request, most: usize) -> Result<(PersonId, Bytes)> {
        let bad = || Error::unauthenticated("The token is sent as `Authorization: Bearer hpt_…`.");
        let shown = single(request.headers(), header::AUTHORIZATION.as_str()).ok_or_else(bad)?;
        let token = shown.strip_prefix("Bearer ").ok_or_else(bad)?.to_owned();
        let (id, _) = identity::read_token(&token).ok_or_else(bad)?;
        let from = Source { address: address_of(&request), key_id: id.to_string() };
        let (now, limits) = (self.city.now(), &self.city.config().limits);
        self.forgers.may_try(&from, limits.false_per_minute, now)?;
        let who = match self.run_first(move |city| city.machine(&token)).await {
            Err(e) if e.kind() == Kind::Unauthenticated => {
                let many = self.forgers.was_false(&from, limits.false_per_minute, now).err();
                return Err(many.unwrap_or(e));
            }
            other => other?,
        };
        self.forgers.was_true(&from, now);
        self.limits.take(id.as_str(), limits.person_per_minute, now)?;
        Ok((who, body_within(request, most).await?))
    }

    /// A cookie's name: behind TLS browsers make sure that this very host has set it.
    fn named(&self, name: &str) -> String {
        if self.ceremonies.site().secure() { format!("__Host-{name}") } else { name.to_owned() }
    }

    fn cookie(&self, name: &str, value: &str, more: &str) -> String {
        self.cookie_from(name, value, "Strict", more)
    }

    fn cookie_from(&self, name: &str, value: &str, same_site: &str, more: &str) -> String {
        let name = self.named(name);
        let secure = if self.ceremonies.site().secure() { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}{secure}{more}")
    }

    /// The cookie of a session.
    pub(crate) fn session_cookie(&self, token: &str) -> String {
        self.cookie(COOKIE, token, "")
    }

    /// The same, taken back.
    pub(crate) fn no_cookie(&self) -> String {
        self.cookie(COOKIE, "", "; Max-Age=0")
    }

    /// The word of a sign-in by the directory: a browser brings it along when another site sends it back, once.
    pub(crate) fn cookie_of_leaving(&self, state: &str) -> String {
        self.cookie_from(LEAVING, state, "Lax", &format!("; Max-Age={LEAVING_S}"))
    }

    /// What a browser that comes back from the directory shows.
    pub(crate) fn leaving_cookie(&self, headers: &HeaderMap) -> Option<String> {
        found(headers, &self.named(LEAVING))
    }

    /// The cookie of a registered device.
    pub(crate) fn cookie_of_device(&self, value: &str) -> String {
        self.cookie(DEVICE, value, &format!("; Max-Age={DEVICE_S}"))
    }

    /// The session token of a browser's request.
    pub(crate) fn token(&self, headers: &HeaderMap) -> Option<String> {
        found(headers, &self.named(COOKIE))
    }

    /// What a registered device shows.
    pub(crate) fn device_cookie(&self, headers: &HeaderMap) -> Option<String> {
        found(headers, &self.named(DEVICE))
    }

    /// A browser's session, if it is open. The guard has used it by now.
    pub(crate) fn session(&self, headers: &HeaderMap) -> Option<Session> {
        self.city.sessions().look(&self.token(headers)?, self.city.now())
    }

    /// The person of a browser's session, if it is open.
    pub(crate) fn visitor(&self, headers: &HeaderMap) -> Option<PersonId> {
        self.session(headers).map(|session| session.person)
    }
}

/// A cookie's value.
fn found(headers: &HeaderMap, name: &str) -> Option<String> {
    let cookies = single(headers, header::COOKIE.as_str())?;
    cookies
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.to_owned())
}

/// A form must come from a page of this very server: browsers say where a POST comes from. `site` is the city's address
/// as browsers see it; a proxy may ask us under another name.
pub(crate) fn same_origin(headers: &HeaderMap, site: &str) -> Result<()> {
    let foreign = || Error::forbidden("This form was not sent from this city's own page.");
    let origin = single(headers, header::ORIGIN.as_str()).ok_or_else(foreign)?;
    if origin == site {
        return Ok(());
    }
    let host = single(headers, header::HOST.as_str()).ok_or_else(foreign)?;
    let there = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    if there == Some(host.as_str()) { Ok(()) } else { Err(foreign()) }
}

/// Extractor-free access to the shared state in handlers.
pub(crate) type Shared = axum::extract::State<State>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_come_from_our_own_pages() {
        let check = |origin: Option<&str>, good: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "plates.example:8080".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            let site = "https://plates.city.example";
            assert_eq!(same_origin(&headers, site).is_ok(), good, "{origin:?}");
        };
        check(Some("http://plates.example:8080"), true);
        check(Some("https://plates.example:8080"), true);
        check(Some("https://plates.city.example"), true);
        check(Some("http://plates.city.example"), false);
        check(Some("https://plates.city.example.evil.example"), false);
        check(Some("http://plates.example"), false);
        check(Some("http://evil.example"), false);
        check(Some("null"), false);
        check(None, false);
    }

    #[tokio::test]
    async fn a_body_comes_whole_or_is_given_up() {
        use axum::body::Body;
        use futures_util::stream::{iter, pending};
        type Part = std::result::Result<&'static str, &'static str>;
        let check = async |parts: Vec<Part>, stays: bool, want: std::result::Result<&str, Kind>| {
            let parts = iter(parts);
            let body = match stays {
                true => Body::from_stream(parts.chain(pending())),
                false => Body::from_stream(parts),
            };
            let read = read_within(Request::new(body), 6, Duration::from_millis(30)).await;
            assert_eq!(read.as_deref().map_err(Error::kind), want.map(str::as_bytes));
        };
        check(vec![Ok("abc"), Ok("def")], false, Ok("abcdef")).await;
        check(vec![], false, Ok("")).await;
        check(vec![Ok("abc"), Ok("defg")], false, Err(Kind::TooLarge)).await;
        check(vec![Ok("abc"), Err("gone")], false, Err(Kind::Invalid)).await;
        check(vec![Ok("abc")], true, Err(Kind::Busy)).await;
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "a=b; homeplate=123; c=d".parse().unwrap());
        assert_eq!(found(&headers, "homeplate").as_deref(), Some("123"));
        headers.append(header::COOKIE, "homeplate=456".parse().unwrap());
        assert_eq!(found(&headers, "homeplate"), None, "two cookie headers are ambiguous");
    }
}
