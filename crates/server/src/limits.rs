//! How often one may ask: a bucket for each person, each camera and each network address, refilled as
//! time goes by.
//!
//! Requests that must be signed count for the key that signed them, those of a console session for its person, all
//! others for the address they come from. Keys are as many as the city has people and cameras; addresses are without number, so
//! no more than [`MOST`] have a bucket of their own and the rest share one. The clock is passed in.

use crate::console::failed;
use crate::guard::for_people;
use crate::problem::{Problem, comes_again};
use crate::state::State;
use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::{Error, Result, Time};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The most buckets at a time, a few megabytes.
const MOST: usize = 20_000;
/// A bucket that was left alone so long is full again, whatever its size.
const MINUTE_MS: i64 = 60_000;
/// Full buckets are looked for no more often than this.
const SWEEP_MS: i64 = 1_000;
/// The bucket of those for whom there is none.
const CROWD: &str = "";

/// Addresses below `/v1/` that take requests without a signature; a test holds the list against
/// the OpenAPI document.
pub(crate) const UNSIGNED: [&str; 11] = [
    "/v1/openapi.json",
    "/v1/public",
    "/v1/alive",
    "/v1/events",
    "/v1/enrol",
    "/v1/stops",
    "/v1/orders/{id}",
    "/v1/orders/{id}/certificate",
    "/v1/log",
    "/v1/rules",
    "/v1/proposals",
];

/// Buckets by name.
#[derive(Debug, Default)]
pub(crate) struct Limits(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    buckets: HashMap<String, Bucket>,
    swept: Option<Time>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Requests that may still be made at once.
    left: f64,
    at: Time,
}

impl Limits {
    /// Takes one request of `key` out of its bucket of `per_minute`; 0 is no limit. A minute's worth
    /// may come at once.
    pub fn take(&self, key: &str, per_minute: u32, now: Time) -> Result<()> {
        self.ask(key, per_minute, now, 1.0)
    }

    /// Whether there is one left, without taking it.
    pub fn look(&self, key: &str, per_minute: u32, now: Time) -> Result<()> {
        self.ask(key, per_minute, now, 0.0)
    }

    fn ask(&self, key: &str, per_minute: u32, now: Time, taken: f64) -> Result<()> {
        if per_minute == 0 {
            return Ok(());
        }
        let most = f64::from(per_minute);
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = inner.bucket(key, most, now);
        // A clock that was set back refills nothing, and takes nothing away.
        let passed = now.since(bucket.at).max(0) as f64 / MINUTE_MS as f64;
        bucket.left = (bucket.left + passed * most).min(most);
        bucket.at = now;
        if bucket.left < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - bucket.left) * 60.0 / most);
            return Err(Error::busy(format!(
                "At most {per_minute} requests a minute are answered; wait a little."
            ))
            .retry_after(wait));
        }
        bucket.left -= taken;
        Ok(())
    }
}

impl Inner {
    fn bucket(&mut self, key: &str, most: f64, now: Time) -> &mut Bucket {
        let full = self.buckets.len() >= MOST && !self.buckets.contains_key(key);
        if full && self.swept.is_none_or(|at| now.since(at).abs() >= SWEEP_MS) {
            self.swept = Some(now);
            self.buckets.retain(|_, b| now.since(b.at).abs() < MINUTE_MS);
        }
        let own = self.buckets.len() < MOST || self.buckets.contains_key(key);
        let key = if own { key } else { CROWD };
        self.buckets.entry(key.to_owned()).or_insert(Bucket { left: most, at: now })
    }
}

/// Where a request comes from, as far as it is believed.
#[derive(Clone, Copy, Debug)]
struct Caller(IpAddr);

/// Where a request comes from: its peer, or whom a believed proxy says it asks for.
pub(crate) fn address_of(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<Caller>().map(|caller| caller.0)
}

/// Writes down where a request comes from, before anything asks.
pub(crate) async fn told_by(
    axum::extract::State(state): axum::extract::State<State>,
    mut request: Request,
    next: Next,
) -> Response {
    let tls = &state.city.config().tls;
    if let Some(address) = caller_of(&request, |peer| tls.believes(peer)) {
        request.extensions_mut().insert(Caller(address));
    }
    next.run(request).await
}

fn caller_of(request: &Request, believed: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    let peer = peer.ip().to_canonical();
    if !believed(peer) {
        return Some(peer);
    }
    // The last one that no proxy of ours has written about another: what stands before it came with the request.
    let told = request.headers().get_all("x-forwarded-for");
    let hops: Vec<&str> =
        told.iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')).collect();
    let mut from = peer;
    for hop in hops.iter().rev() {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        from = address.to_canonical();
        if !believed(from) {
            break;
        }
    }
    Some(from)
}

/// The name of an address's bucket: a network of IPv6 is one customer's and counts as one.
pub(crate) fn name_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let network = Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64);
            network.to_string()
        }
    }
}

/// Counts requests that need no signature for the address they come from, and those of people who are signed in at
/// the console for the person.
pub(crate) async fn by_address(
    axum::extract::State(state): axum::extract::State<State>,
    request: Request,
    next: Next,
) -> Response {
    let pattern = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let signed = pattern.is_some_and(|p| p.starts_with("/v1/") && !UNSIGNED.contains(&p));
    let most = state.city.config().limits.address_per_minute;
    // Many desks share an address: who is signed in counts by themselves, at pages that one signs in for.
    let visitor = match for_people(request.uri().path()) {
        true => state.visitor(request.headers()),
        false => None,
    };
    if let Some(person) = visitor {
        // Whoever moves the map about asks for many parts of it, and gives an order all the same.
        let sort =
            if request.uri().path().starts_with("/console/map/") { "map" } else { "console" };
        let bucket = format!("{sort}/{person}");
        if let Err(e) = state.limits.take(&bucket, most, state.city.now()) {
            return refused(&state, request.headers(), e);
        }
    } else if let Some(address) = address_of(&request).filter(|_| !signed)
        && let Err(e) = state.addresses.take(&name_of(address), most, state.city.now())
    {
        return Problem(e).into_response();
    }
    next.run(request).await
}

/// A page for who reads pages, a document for programs.
fn refused(state: &State, headers: &HeaderMap, e: Error) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if !accepted.is_some_and(|accept| accept.contains("text/html")) {
        return Problem(e).into_response();
    }
    let mut page = failed(state, headers, &e);
    if let Some(seconds) = comes_again(&e) {
        page.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn at(second: f64) -> Time {
        Time::from_millis((second * 1000.0) as i64)
    }

    /// Requests as `key@second`, and which of them are refused.
    fn check(per_minute: u32, requests: &[&str], refused: &[usize]) {
        let limits = Limits::default();
        let found: Vec<usize> = requests
            .iter()
            .enumerate()
            .filter(|(_, request)| {
                let (key, second) = request.split_once('@').unwrap();
                limits.take(key, per_minute, at(second.parse().unwrap())).is_err()
            })
            .map(|(n, _)| n)
            .collect();
        assert_eq!(found, refused, "{requests:?}");
    }

    #[test]
    fn buckets() {
        check(2, &["a@0", "a@0", "a@1", "b@1", "a@29", "a@31", "a@32"], &[2, 4, 6]);
        check(2, &["a@100", "a@100", "a@40", "a@100", "a@130"], &[2]);
        check(0, &["a@0"; 50], &[]);
        check(1, &["a@0", "a@3600", "a@3600"], &[2]);
    }

    #[test]
    fn the_wait_is_long_enough() {
        let limits = Limits::default();
        limits.take("a", 1, at(0.0)).unwrap();
        let wait = limits.take("a", 1, at(15.0)).unwrap_err().wait().unwrap();
        assert_eq!(wait, Duration::from_secs(45));
        assert!(limits.take("a", 1, at(60.0)).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let limits = Limits::default();
        for n in 0..MOST {
            limits.take(&n.to_string(), 2, at(0.0)).unwrap();
        }
        let held = || limits.0.lock().unwrap().buckets.len();
        // The crowd has one bucket, which is empty soon; those who have their own keep it.
        assert!(limits.take("x", 2, at(1.0)).is_ok() && limits.take("y", 2, at(1.0)).is_ok());
        assert!(limits.take("z", 2, at(1.0)).is_err());
        assert!(limits.take("7", 2, at(1.0)).is_ok());
        assert_eq!(held(), MOST + 1);
        assert!(limits.take("z", 2, at(120.0)).is_ok());
        assert_eq!(held(), 1, "full buckets are thrown away");
    }

    #[test]
    fn addresses() {
        let check = |peer: &str, forwarded: &[&'static str], want: &str| {
            let mut request = Request::new(Body::empty());
            let peer: SocketAddr = peer.parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(peer));
            for value in forwarded {
                request.headers_mut().append("x-forwarded-for", value.parse().unwrap());
            }
            let believed = |ip: IpAddr| ip.is_loopback() || ip.to_string() == "10.0.0.5";
            assert_eq!(name_of(caller_of(&request, believed).unwrap()), want);
        };
        check("192.0.2.7:99", &[], "192.0.2.7");
        check("192.0.2.7:99", &["198.51.100.1"], "192.0.2.7");
        check("127.0.0.1:99", &[], "127.0.0.1");
        check("127.0.0.1:99", &["6.6.6.6, 198.51.100.1"], "198.51.100.1");
        check("127.0.0.1:99", &["6.6.6.6", "198.51.100.1"], "198.51.100.1");
        check("127.0.0.1:99", &["unknown"], "127.0.0.1");
        check("10.0.0.5:99", &["198.51.100.1"], "198.51.100.1");
        check("10.0.0.5:99", &["6.6.6.6, 198.51.100.1, 10.0.0.5"], "198.51.100.1");
        check("10.0.0.6:99", &["198.51.100.1"], "10.0.0.6");
        check("[::ffff:192.0.2.7]:99", &[], "192.0.2.7");
        check("[2001:db8:1:2:3:4:5:6]:99", &[], "2001:db8:1:2::");
    }
}
