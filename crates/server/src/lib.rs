//! HTTP and nothing else: who signed the request, which flow of [`city::City`] it wants, and how the
//! answer is spelled. Status codes exist in this crate alone.
//!
//! Programs (cameras, the command line) sign every request; browsers have a console session by a
//! passkey or a one-time link. The public page, its figures and the log's files need neither.
//! Not in any trace: bodies, query strings, plates.

mod admit;
mod ask;
mod auth;
mod camera;
mod checker;
mod chrome;
mod confirm;
mod console;
mod directory;
mod drills;
mod encoding;
mod fleet;
mod forgers;
mod guard;
mod hits;
mod holds;
mod limits;
mod lists;
mod live;
mod metrics;
mod net;
mod notify;
mod openapi;
mod orders;
mod oversight;
mod paging;
mod papers;
mod parts;
mod passing;
mod passkeys;
mod people;
mod problem;
mod public;
mod routes;
mod rules;
mod state;
mod terminal;
#[cfg(test)]
mod tests;
mod trace;
mod witness;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn_with_state, map_response_with_state};
use axum::response::Response;
use base::Result;
use city::City;
use state::{AppState, State};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

pub use net::{Plain, serve_plain};
pub use passing::{Inner, pass_on};
pub use problem::{STATUS_TABLE, status_of};
pub use witness::serve_witness;

/// What the operator may choose.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Address of a camera's live picture (`http://127.0.0.1:8081`): adds the page `/street`.
    pub preview: Option<String>,
    /// The certificate, where this server speaks TLS itself.
    pub live: Option<Arc<tls::Live>>,
}

/// Serves the city on `listener`, and what servers that stand by pass on at `inner`, until `shutdown` is ready; open
/// event streams are ended then.
pub async fn serve(
    city: Arc<City>,
    listener: TcpListener,
    inner: Option<Inner>,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let port = listener.local_addr().map_or(0, |address| address.port());
    let state = Arc::new(AppState::new(city, options, port)?);
    let (closing, live, asked) = (state.clone(), state.options.live.clone(), state.clone());
    let ending = async move {
        shutdown.await;
        closing.close();
    };
    // A proxy speaks for everybody behind it, and so may a program on this machine.
    let for_many = move |from: IpAddr| from.is_loopback() || asked.city.config().tls.believes(from);
    net::Front::new(router(state))
        .secret(live.as_ref())
        .for_many(for_many)
        .serve(listener, inner, ending)
        .await;
    Ok(())
}

fn router(state: State) -> Router {
    routes::all()
        .router
        .fallback(problem::nowhere)
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(from_fn_with_state(state.clone(), guard::guard))
        .layer(from_fn_with_state(state.clone(), limits::by_address))
        .layer(map_response_with_state(state.clone(), harden))
        .layer(from_fn_with_state(state.clone(), limits::told_by))
        .layer(from_fn_with_state(state.clone(), trace::trace))
        .with_state(state)
}

/// For a year, a browser that was here once speaks to this name in secret alone (RFC 6797). It counts on secret
/// connections only; names below are not ours to speak for.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Headers that every answer carries: no sniffing, no framing, no scripts but our own files. The
/// referrer stays within this origin: without any, browsers send forms with `Origin: null`.
async fn harden(
    axum::extract::State(state): axum::extract::State<State>,
    mut r: Response,
) -> Response {
    let live = state.options.preview.as_deref().unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
         img-src 'self' data: {live}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = r.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        // The page that is one file has a policy of its own.
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let site = state.ceremonies.site();
    // `localhost` is every program's on this machine.
    if site.secure() && site.rp_id() != "localhost" {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    r
}
