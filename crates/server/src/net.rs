//! Sockets: TLS in front of the routes, and the plain port beside it that shows the way.
//!
//! Handshakes are done beside each other, so that one that is slow holds up nobody, and each within its time. What the
//! plain port is sent it does not read: whoever speaks in the clear there is told where to go.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use base::{Error, Result};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A handshake that takes longer is none.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes at a time; who comes on top waits to be accepted.
const AT_A_TIME: usize = 512;
/// When no connection can be taken, for want of file descriptors, it is tried again after so long.
const BREATH: Duration = Duration::from_millis(500);

type Secured = (TlsStream<TcpStream>, SocketAddr);

/// A listener whose connections are secret.
pub(crate) struct TlsListener {
    local: SocketAddr,
    ready: mpsc::Receiver<Secured>,
}

impl TlsListener {
    /// Takes connections from `listener` on, with the certificate that is there at the moment.
    pub fn new(listener: TcpListener, live: &Arc<tls::Live>) -> io::Result<Self> {
        let local = listener.local_addr()?;
        let (send, ready) = mpsc::channel(64);
        let acceptor = TlsAcceptor::from(live.server_config());
        tokio::spawn(take(listener, acceptor, send));
        Ok(Self { local, ready })
    }
}

async fn take(listener: TcpListener, acceptor: TlsAcceptor, send: mpsc::Sender<Secured>) {
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let (stream, peer) = tokio::select! {
            () = send.closed() => return,
            taken = listener.accept() => match taken {
                Ok(taken) => taken,
                Err(e) => {
                    tracing::debug!(error = %e, "a connection was not taken");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            },
        };
        let (acceptor, send) = (acceptor.clone(), send.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(secured)) => {
                    drop(place);
                    let _ = send.send((secured, peer)).await;
                }
                Ok(Err(e)) => tracing::debug!(error = %e, "a handshake failed"),
                Err(_) => tracing::debug!("a handshake took too long"),
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Secured {
        match self.ready.recv().await {
            Some(secured) => secured,
            // Nobody takes connections any more; whoever serves ends by its own word.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
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
) -> Result<()> {
    axum::serve(listener, router(plain))
        .with_graceful_shutdown(shutdown)
        .await
        .map_err(|e| Error::unavailable("The plain port has stopped; see the log.").because(e))
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
    use axum::body::Body;
    use tower::ServiceExt;

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
