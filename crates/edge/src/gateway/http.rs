//! The gateway's two doors. Devices post documents at one; at the other, on loopback, people look.
//!
//! Whoever shows no secret that is known gets the same answer to everything: there is no such page. A
//! body is taken only from a device that is known, within its size, its time and its turns.

use super::device::{NoTurn, Turn};
use super::{Gateway, page};
use crate::panel::is_here;
use base::{Error, Kind, Result, Shutdown, sha256};
use exchange::inbound::{Adapter, DOCUMENT_MAX, Document};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// Connections at once, and of them from one address.
const CONNECTIONS: usize = 256;
const FROM_ONE: usize = 32;
/// A head must be there within this time, a body within that.
const HEAD_TIME: Duration = Duration::from_secs(10);
const BODY_TIME: Duration = Duration::from_secs(30);
/// A document waits so long for a turn while others of its devices are looked at; many a device sends none twice.
const TURN_TIME: Duration = Duration::from_secs(1);
/// A body that is not wanted runs away for so long at most; of a stranger's, so many bytes.
const POUR_TIME: Duration = Duration::from_secs(5);
const POURED: usize = 256 << 10;
/// Nobody stays longer on one connection.
const STAY: Duration = Duration::from_secs(600);
/// The largest head, in bytes.
const HEAD_MAX: usize = 16 << 10;

type Answer = Response<Full<Bytes>>;

/// Which door was used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// The camera network.
    Devices,
    /// People on this machine.
    People,
}

/// Opens a door: listens, so that an address in use is told at once.
pub(super) fn open(address: std::net::SocketAddr) -> Result<TcpListener> {
    let cannot = |e| Error::unavailable(format!("{address} cannot be listened on.")).because(e);
    let listener = TcpListener::bind(address).map_err(cannot)?;
    listener.set_nonblocking(true).map_err(cannot)?;
    Ok(listener)
}

/// Serves one door until `done`.
pub(super) async fn serve(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    door: Door,
    done: Shutdown,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(e) => return tracing::error!(error = %e, "a door does not open"),
    };
    let places = Arc::new(Places::default());
    let stop = tokio::task::spawn_blocking({
        let done = done.clone();
        move || while !done.sleep(Duration::from_secs(1)) {}
    });
    tokio::pin!(stop);
    loop {
        let (stream, from) = tokio::select! {
            _ = &mut stop => return,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(_) => {
                    // Out of handles: waiting is all that helps.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let Some(place) = Places::take(&places, from.ip()) else { continue };
        let gateway = gateway.clone();
        tokio::spawn(async move {
            let _place = place;
            let service = service_fn(|request| answer(request, gateway.clone(), door));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME)
                .max_buf_size(HEAD_MAX)
                .serve_connection(TokioIo::new(stream), service);
            // A device that goes away is no event.
            let _ = tokio::time::timeout(STAY, connection).await;
        });
    }
}

/// Who is connected, by address.
#[derive(Default)]
struct Places(Mutex<HashMap<IpAddr, usize>>);

struct Place(Arc<Places>, IpAddr);

impl Places {
    fn take(places: &Arc<Places>, from: IpAddr) -> Option<Place> {
        let mut held = places.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = held.values().sum();
        let ours = held.get(&from).copied().unwrap_or_default();
        if all >= CONNECTIONS || ours >= FROM_ONE {
            return None;
        }
        held.insert(from, ours + 1);
        Some(Place(places.clone(), from))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = held.get_mut(&self.1) {
            *n -= 1;
            if *n == 0 {
                held.remove(&self.1);
            }
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    gateway: Arc<Gateway>,
    door: Door,
) -> Result<Answer, Infallible> {
    Ok(match door {
        Door::People => tokio::task::block_in_place(|| look(&request, &gateway)),
        Door::Devices => match devices(&request, &gateway) {
            at if at.is_empty() => {
                gateway.stranger();
                pour(request.into_body(), POURED).await;
                refuse(&Error::not_found("There is no such page."))
            }
            at => match take(request.into_parts(), &gateway, at).await {
                Ok(text) => reply(200, "application/json", text),
                Err(e) => refuse(&e),
            },
        },
    })
}

/// The devices that a request shows the secret of, if its address names their adapter.
fn devices(request: &Request<Incoming>, gateway: &Gateway) -> Vec<usize> {
    let key = request.headers().get("x-api-key").and_then(|v| v.to_str().ok());
    let route = route(request.method(), request.uri().path(), key);
    route.map_or_else(Vec::new, |(secret, adapter)| {
        gateway.find(&sha256(secret.as_bytes()), adapter)
    })
}

/// Secret and adapter of an address: `/in/<secret>/<adapter>`; with the secret in the header
/// `x-api-key` `/adapters/<adapter>`, and `/api/plate-reads` for what already feeds an ALPR database.
fn route<'a>(method: &Method, path: &'a str, key: Option<&'a str>) -> Option<(&'a str, Adapter)> {
    if method != Method::POST && method != Method::PUT {
        return None;
    }
    if path == "/api/plate-reads" {
        return Some((key?, Adapter::BlueIris));
    }
    if let Some(adapter) = path.strip_prefix("/adapters/") {
        return Some((key?, adapter.trim_end_matches('/').parse().ok()?));
    }
    let (secret, adapter) = path.strip_prefix("/in/")?.split_once('/')?;
    Some((secret, adapter.trim_end_matches('/').parse().ok()?))
}

async fn take(
    (head, body): (Parts, Incoming),
    gateway: &Arc<Gateway>,
    at: Vec<usize>,
) -> Result<String> {
    let allowed = match turn(gateway, &at).await {
        Ok(turn) => gateway.leased(&at).map(|()| turn),
        Err(e) => Err(e),
    };
    let _turn = match allowed {
        Ok(turn) => turn,
        Err(e) => {
            // Nothing of it is kept, or looked at.
            pour(body, DOCUMENT_MAX).await;
            return Err(e);
        }
    };
    let kind = head.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let kind = kind.unwrap_or_default().to_owned();
    let body = Limited::new(body, DOCUMENT_MAX).collect();
    let body = tokio::time::timeout(BODY_TIME, body)
        .await
        .map_err(|_| Error::invalid("The body did not come in time."))?
        .map_err(|e| match e.downcast_ref::<http_body_util::LengthLimitError>() {
            Some(_) => Error::too_large("A document may have at most 8 MiB."),
            None => Error::invalid("The body was cut off."),
        })?;
    let body = Zeroizing::new(body.to_bytes().to_vec());
    let work = tokio::task::spawn_blocking({
        let (gateway, at) = (gateway.clone(), at.clone());
        move || gateway.hear(&at, &Document { content_type: &kind, body: &body })
    });
    let taken = work.await.map_err(|e| Error::internal("The document broke us.").because(e))??;
    Ok(format!("{{\"taken\":{},\"left_out\":{}}}\n", taken.taken, taken.left_out))
}

/// A turn of one of these devices, within [`TURN_TIME`].
async fn turn<'a>(gateway: &'a Gateway, at: &'a [usize]) -> Result<Turn<'a>> {
    let end = tokio::time::Instant::now() + TURN_TIME;
    loop {
        match gateway.turn(at) {
            Ok(turn) => return Ok(turn),
            Err(NoTurn::Busy) if tokio::time::Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(_) => return Err(gateway.turned_away(at)),
        }
    }
}

/// Lets a body that is not wanted run away, so that the answer is heard: a device that still sends when
/// the connection is cut does not read why.
async fn pour(mut body: Incoming, most: usize) {
    let all = async {
        let mut poured = 0;
        while let Some(Ok(frame)) = body.frame().await {
            poured += frame.data_ref().map_or(0, Bytes::len);
            if poured > most {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(POUR_TIME, all).await;
}

/// The people's page, for this machine only: a page elsewhere that has its own name point here gets
/// nothing.
fn look(request: &Request<Incoming>, gateway: &Gateway) -> Answer {
    let host = request.headers().get(HOST).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if request.method() != Method::GET || !is_here(host) {
        return refuse(&Error::not_found("There is no such page."));
    }
    let devices = gateway.status();
    match request.uri().path() {
        "/" => {
            let html = page::page(&devices, gateway.strangers(), gateway.now());
            reply(200, "text/html; charset=utf-8", html)
        }
        "/status.json" => {
            let json = page::json(&devices, gateway.strangers());
            reply(200, "application/json", json.to_string())
        }
        _ => refuse(&Error::not_found("There is no such page.")),
    }
}

/// What devices understand of an error.
fn refuse(e: &Error) -> Answer {
    let status = match e.kind() {
        Kind::Invalid => 400,
        Kind::NotFound => 404,
        Kind::Gone => 410,
        Kind::TooLarge => 413,
        Kind::Busy => 429,
        Kind::Unavailable => 503,
        _ => 500,
    };
    let mut answer = reply(status, "text/plain; charset=utf-8", format!("{}\n", e.message()));
    if let Some(wait) = e.wait() {
        answer.headers_mut().insert(RETRY_AFTER, wait.as_secs().into());
    }
    // What may be left of the body is not waited for.
    answer.headers_mut().insert(CONNECTION, hyper::header::HeaderValue::from_static("close"));
    answer
}

fn reply(status: u16, kind: &'static str, text: String) -> Answer {
    let built = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind)
        .header(CACHE_CONTROL, "no-store")
        .header("x-content-type-options", "nosniff")
        .header(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        )
        .body(Full::new(Bytes::from(text)));
    // Built of constants: it always is an answer.
    built.unwrap_or_else(|_| Response::new(Full::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check =
            |method: Method, path: &str, key: Option<&str>, want: Option<(&str, Adapter)>| {
                assert_eq!(route(&method, path, key), want, "{path}");
            };
        check(Method::POST, "/in/s3cret/axis", None, Some(("s3cret", Adapter::Axis)));
        check(Method::POST, "/in/s3cret/axis/", None, Some(("s3cret", Adapter::Axis)));
        check(Method::PUT, "/in/s3cret/hikvision", Some("x"), Some(("s3cret", Adapter::Hikvision)));
        check(Method::POST, "/adapters/blue-iris", Some("k"), Some(("k", Adapter::BlueIris)));
        check(Method::POST, "/api/plate-reads", Some("k"), Some(("k", Adapter::BlueIris)));
        check(Method::GET, "/in/s3cret/axis", None, None);
        check(Method::POST, "/adapters/blue-iris", None, None);
        check(Method::POST, "/api/plate-reads", None, None);
        check(Method::POST, "/in/s3cret/acme", None, None);
        check(Method::POST, "/in/s3cret", None, None);
        check(Method::POST, "/", Some("k"), None);
    }

    #[test]
    fn places_are_bounded_and_come_back() {
        let places = Arc::new(Places::default());
        let ip: IpAddr = "10.0.0.1".parse().unwrap();
        let held: Vec<_> = (0..FROM_ONE).map(|_| Places::take(&places, ip).unwrap()).collect();
        assert!(Places::take(&places, ip).is_none());
        assert!(Places::take(&places, "10.0.0.2".parse().unwrap()).is_some());
        drop(held);
        assert!(Places::take(&places, ip).is_some());
        let far = |n: usize| IpAddr::from([10, 1, (n / 250) as u8, (n % 250) as u8]);
        let all: Vec<_> = (0..300).filter_map(|n| Places::take(&places, far(n))).collect();
        assert_eq!(all.len(), CONNECTIONS);
        assert_eq!(
            places.0.lock().unwrap().len(),
            CONNECTIONS,
            "who is turned away leaves no trace"
        );
        drop(all);
        assert!(places.0.lock().unwrap().is_empty());
    }
}
