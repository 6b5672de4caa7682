//! Sockets: connections with their bounds, TLS in front of the routes, and the plain port beside it that shows the way.
//!
//! Handshakes are done beside each other, so that one that is slow holds up nobody, and each within its time; so are
//! heads of requests. One address has a share of the connections and no more. What the plain port is sent it does not
//! read: whoever speaks in the clear there is told where to go.

use crate::limits::name_of;
use crate::passing::{self, Inner};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// A handshake that takes longer is none.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// So long a connection may be open before the head of its next request is there.
const HEAD: Duration = Duration::from_secs(75);
/// When no connection can be taken, for want of file descriptors, it is tried again after so long.
const BREATH: Duration = Duration::from_millis(500);
/// Connections at a time.
const CONNECTIONS: usize = 16_384;
/// Of those, from one address: a town hall's desks share one, and each browser opens six.
const FROM_ONE: usize = 1024;
/// When the server closes, what is being answered has so long to end.
const LAST: Duration = Duration::from_secs(20);

/// Who is connected, by the name of their address.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by: HashMap<String, usize>,
}

/// One connection's place; given back when it is dropped.
pub(crate) struct Place(Arc<Places>, String);

impl Places {
    /// A place for a connection from `from`. Whom the city believes, a proxy or this machine itself, speaks for many.
    pub fn take(places: &Arc<Self>, from: IpAddr, for_many: bool) -> Option<Place> {
        let name = name_of(from);
        let mut held = places.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = held.by.get(&name).copied().unwrap_or_default();
        if held.all >= CONNECTIONS || (ours >= FROM_ONE && !for_many) {
            return None;
        }
        held.all += 1;
        held.by.insert(name.clone(), ours + 1);
        drop(held);
        Some(Place(places.clone(), name))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.all -= 1;
        if let Some(n) = held.by.get_mut(&self.1) {
            *n -= 1;
            if *n == 0 {
                held.by.remove(&self.1);
            }
        }
    }
}

/// The next connection; `None` where one was not to be had, after a moment if there is nothing to take it with.
pub(crate) async fn accepted(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok(taken) => Some(taken),
        Err(e) => {
            tracing::debug!(error = %e, "a connection was not taken");
            // One that went away before it was taken holds up nobody.
            if e.kind() != std::io::ErrorKind::ConnectionAborted {
                tokio::time::sleep(BREATH).await;
            }
            None
        }
    }
}

/// What answers connections.
#[derive(Clone)]
pub(crate) struct Front {
    router: Router,
    secret: Option<TlsAcceptor>,
    for_many: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
    places: Arc<Places>,
}

impl Front {
    /// Answers with `router`, whose requests have their [`ConnectInfo`]; nobody speaks for many.
    pub fn new(router: Router) -> Self {
        Self { router, secret: None, for_many: Arc::new(|_| false), places: Arc::default() }
    }

    /// Speaks TLS, with the certificate that is there at the moment.
    pub fn secret(self, live: Option<&Arc<tls::Live>>) -> Self {
        Self { secret: live.map(|live| TlsAcceptor::from(live.server_config())), ..self }
    }

    /// An address of which this is true may have any number of connections.
    pub fn for_many(self, is: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self { for_many: Arc::new(is), ..self }
    }

    /// Takes connections until `shutdown` is ready; then what is being answered is given some time. Those that servers
    /// which stand by pass on come in by `inner`.
    pub async fn serve(
        self,
        listener: TcpListener,
        inner: Option<Inner>,
        shutdown: impl Future<Output = ()>,
    ) {
        let (close, closing) = watch::channel(false);
        // Every connection holds a sender: when none is left, all have ended.
        let (alive, mut ended) = mpsc::channel::<()>(1);
        let one = |front: &Self| (front.clone(), closing.clone(), alive.clone());
        // Until they have shown who they are, those that come in by `inner` are anybody; and clients take no place of theirs.
        let openings = Arc::new(Places::default());
        tokio::pin!(shutdown);
        loop {
            let passed = async {
                match &inner {
                    Some(inner) => (accepted(&inner.listener).await, inner.key),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = &mut shutdown => break,
                taken = accepted(&listener) => {
                    let Some((stream, peer)) = taken else { continue };
                    let Some(place) = self.place(peer) else { continue };
                    let (front, closing, alive) = one(&self);
                    tokio::spawn(async move {
                        let _held = (place, alive);
                        front.hear(stream, peer, closing).await;
                    });
                }
                (taken, key) = passed => {
                    let Some((stream, other)) = taken else { continue };
                    let Some(place) = Places::take(&openings, other.ip(), false) else { continue };
                    let (front, closing, alive) = one(&self);
                    tokio::spawn(async move {
                        let _held = alive;
                        front.hear_passed(stream, place, key, closing).await;
                    });
                }
            }
        }
        drop((listener, inner, alive));
        close.send_replace(true);
        if tokio::time::timeout(LAST, ended.recv()).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
    }

    fn place(&self, peer: SocketAddr) -> Option<Place> {
        let ip = peer.ip().to_canonical();
        Places::take(&self.places, ip, (self.for_many)(ip))
    }

    /// A connection that another server passes on, once that has said whose it is.
    async fn hear_passed(
        &self,
        mut stream: TcpStream,
        before: Place,
        key: [u8; 32],
        closing: watch::Receiver<bool>,
    ) {
        let peer = match passing::taken(&mut stream, &key).await {
            Ok(peer) => peer,
            Err(e) => return tracing::debug!(error = %e.inside(), "nothing was passed on"),
        };
        let Some(_place) = self.place(peer) else { return };
        drop(before);
        self.hear(stream, peer, closing).await;
    }

    async fn hear(&self, stream: TcpStream, peer: SocketAddr, closing: watch::Receiver<bool>) {
        // Events are small, and each is wanted at once.
        let _ = stream.set_nodelay(true);
        match &self.secret {
            None => self.speak(stream, peer, closing).await,
            Some(acceptor) => {
                match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                    Ok(Ok(secured)) => self.speak(secured, peer, closing).await,
                    Ok(Err(e)) => tracing::debug!(error = %e, "a handshake failed"),
                    Err(_) => tracing::debug!("a handshake took too long"),
                }
            }
        }
    }

    async fn speak(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        peer: SocketAddr,
        mut closing: watch::Receiver<bool>,
    ) {
        let service = service_fn(|mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            self.router.clone().oneshot(request.map(Body::new))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let done = tokio::select! {
            done = connection.as_mut() => done,
            () = async { drop(closing.wait_for(|closing| *closing).await) } => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(e) = done {
            // A browser that goes away is no event.
            tracing::debug!(error = %e, "a connection ended");
        }
    }
}

/// What the plain port knows.
#[derive(Clone, Debug)]
pub struct Plain {
    /// The city's address, `https://…`.
    pub origin: String,
    /// The root of the city's own authority, which everybody may have.
    pub root: Option<PathBuf>,
    /// What a certificate authority wants to hear.
    pub tokens: tls::Tokens,
}

/// Serves the plain port until `shutdown` is ready.
pub async fn serve_plain(
    plain: Plain,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    Front::new(router(plain)).serve(listener, None, shutdown).await;
}

fn router(plain: Plain) -> Router {
    Router::new()
        .route("/.well-known/acme-challenge/{token}", get(token))
        .route("/ca.pem", get(root))
        .fallback(elsewhere)
        .with_state(Arc::new(plain))
}

async fn token(State(plain): State<Arc<Plain>>, Path(token): Path<String>) -> Response {
    match plain.tokens.answer(&token) {
        Some(answer) => ([(header::CONTENT_TYPE, "text/plain")], answer).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn root(State(plain): State<Arc<Plain>>) -> Response {
    match plain.root.as_ref().and_then(|file| std::fs::read(file).ok()) {
        Some(pem) => certificate(pem),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A certificate as browsers and phones take it up.
pub(crate) fn certificate(pem: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/x-x509-ca-cert"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"homeplate-ca.pem\""),
    ];
    (headers, pem).into_response()
}

/// Who looks is led on. What somebody sent in the clear is not taken, and not sent again by itself.
async fn elsewhere(State(plain): State<Arc<Plain>>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let say = format!("Speak https: {}\n", plain.origin);
        return (StatusCode::FORBIDDEN, say).into_response();
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let to = format!("{}{path}", plain.origin);
    (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, to)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_its_share() {
        let places = Arc::new(Places::default());
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let take = |from: &str, for_many| Places::take(&places, at(from), for_many);
        let mut held: Vec<_> = (0..FROM_ONE).map(|_| take("192.0.2.1", false).unwrap()).collect();
        assert!(take("192.0.2.1", false).is_none());
        assert!(take("192.0.2.2", false).is_some(), "another address");
        assert!(take("192.0.2.1", true).is_some(), "a proxy");
        held.pop();
        held.push(take("192.0.2.1", false).unwrap());
        assert!(take("192.0.2.1", false).is_none());
        // A customer's whole network counts as one.
        held.extend((0..FROM_ONE).map(|n| take(&format!("2001:db8::{n:x}"), false).unwrap()));
        assert!(take("2001:db8::ffff", false).is_none());
        held.extend((held.len()..CONNECTIONS).map(|_| take("127.0.0.1", true).unwrap()));
        assert!(take("192.0.2.2", false).is_none() && take("127.0.0.1", true).is_none(), "full");
        held.clear();
        let left = places.0.lock().unwrap();
        assert_eq!((left.all, left.by.len()), (0, 0));
    }

    /// Answers come, with whom they go to; closing ends idle connections at once and lets an answer end.
    #[tokio::test]
    async fn closing_ends_what_is_idle_and_lets_an_answer_end() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let slow = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| {
            tokio::time::sleep(Duration::from_millis(300)).await;
            peer.to_string()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (close, closed) = tokio::sync::oneshot::channel::<()>();
        let front = Front::new(Router::new().route("/", get(slow)));
        let serving = tokio::spawn(front.serve(listener, None, async { drop(closed.await) }));
        let mut idle = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut asking = tokio::net::TcpStream::connect(address).await.unwrap();
        asking.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        close.send(()).unwrap();
        let mut said = String::new();
        asking.read_to_string(&mut said).await.unwrap();
        let own = asking.local_addr().unwrap().to_string();
        assert!(said.starts_with("HTTP/1.1 200") && said.ends_with(&own), "{said}");
        assert_eq!(idle.read(&mut [0; 9]).await.unwrap_or(0), 0);
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn the_plain_port_shows_the_way_and_takes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        std::fs::write(&file, "root").unwrap();
        let plain = |root| Plain {
            origin: "https://plates.city.example".into(),
            root,
            tokens: Default::default(),
        };
        let check = async |plain: Plain, method: &str, path: &str, want: u16, to: Option<&str>| {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            let answer = router(plain).oneshot(request).await.unwrap();
            assert_eq!(answer.status().as_u16(), want, "{method} {path}");
            let location = answer.headers().get(header::LOCATION).map(|to| to.to_str().unwrap());
            assert_eq!(location, to, "{method} {path}");
        };
        let to = "https://plates.city.example/console?a=b";
        check(plain(None), "GET", "/console?a=b", 308, Some(to)).await;
        check(plain(None), "POST", "/v1/ask", 403, None).await;
        check(plain(None), "GET", "/ca.pem", 404, None).await;
        check(plain(Some(file)), "GET", "/ca.pem", 200, None).await;
        check(plain(None), "GET", "/.well-known/acme-challenge/x", 404, None).await;
        // A path that is none does not lead to another host.
        check(
            plain(None),
            "GET",
            "//evil.example/x",
            308,
            Some("https://plates.city.example//evil.example/x"),
        )
        .await;
    }
}
