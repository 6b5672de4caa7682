//! One line in the operator's log for each request, and its id for the one who sent it.
//!
//! The line has method, route pattern, status, milliseconds and id. Path parameters, queries, headers,
//! bodies, people and addresses are in no line.

use crate::state::State;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use base::random;
use std::time::Instant;
use tracing::Instrument;

/// The answer's header with the request's id.
const ID: HeaderName = HeaderName::from_static("x-request-id");

/// Counts, times and logs a request.
pub(crate) async fn trace(
    axum::extract::State(state): axum::extract::State<State>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let id = base::hex(&random::<8>());
    let method = request.method().clone();
    // A client's own word for a method could say anything.
    let shown = if method.as_str().len() <= 7 { method.as_str() } else { "other" };
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("unmatched", MatchedPath::as_str);
    // What is logged on the way carries the id, too.
    let span = tracing::error_span!(target: "request", "request", id);
    let mut answer = next.run(request).instrument(span).await;
    let (status, took) = (answer.status().as_u16(), begun.elapsed());
    state.metrics.answered(shown, route, status, took);
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(target: "request", method = shown, route, status, ms, id, "answered");
    if let Ok(value) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert(ID, value);
    }
    answer
}
