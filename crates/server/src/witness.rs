//! A witness's addresses: C2SP `tlog-witness` for logs, a page for people.
//!
//! Not the city's server: whoever runs a witness runs nothing else of Homeplate.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base::{Clock, SystemClock};
use city::{Witness, WitnessReply as Reply};
use std::sync::Arc;
use tokio::net::TcpListener;

/// A checkpoint and 63 lines of proof are much shorter.
const LARGEST: usize = 64 << 10;

/// Serves a witness on `listener` until `shutdown` is ready.
pub async fn serve_witness(
    witness: Arc<Witness>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) {
    let router = Router::new()
        .route("/add-checkpoint", post(add))
        .route("/", get(page))
        .route("/vkey", get(vkey))
        .route("/checkpoint/{*origin}", get(checkpoint))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(witness);
    crate::net::Front::new(router).serve(listener, None, shutdown).await;
}

async fn add(State(witness): State<Arc<Witness>>, request: Bytes) -> Response {
    let done =
        tokio::task::spawn_blocking(move || witness.add_checkpoint(&request, SystemClock.now()));
    let said = |status: StatusCode, text: &'static str| (status, text).into_response();
    match done.await {
        Ok(Ok(Reply::Cosigned(line))) => (StatusCode::OK, line).into_response(),
        Ok(Ok(Reply::Malformed)) => {
            said(StatusCode::BAD_REQUEST, "not an add-checkpoint request\n")
        }
        Ok(Ok(Reply::UnknownLog)) => said(StatusCode::NOT_FOUND, "this log is not followed here\n"),
        Ok(Ok(Reply::Unsigned)) => said(StatusCode::FORBIDDEN, "not signed by this log's key\n"),
        Ok(Ok(Reply::Size(size))) => {
            let kind = [(header::CONTENT_TYPE, "text/x.tlog.size")];
            (StatusCode::CONFLICT, kind, format!("{size}\n")).into_response()
        }
        Ok(Ok(Reply::Inconsistent)) => {
            said(StatusCode::UNPROCESSABLE_ENTITY, "does not extend what was cosigned before\n")
        }
        Ok(Err(e)) => {
            tracing::error!(error = %e.inside(), "cosigning");
            said(StatusCode::SERVICE_UNAVAILABLE, "the witness cannot write its state\n")
        }
        Err(e) => {
            tracing::error!(error = %e, "cosigning");
            said(StatusCode::INTERNAL_SERVER_ERROR, "the witness failed\n")
        }
    }
}

async fn vkey(State(witness): State<Arc<Witness>>) -> String {
    format!("{}\n", witness.vkey())
}

/// What is followed and how far, one log a line, for people.
async fn page(State(witness): State<Arc<Witness>>) -> String {
    let mut out = format!("witness {}\n\n", witness.vkey());
    for log in witness.following() {
        out += &match log.last {
            Some((size, at, _)) => format!("{}  {size} entries, cosigned at {at}\n", log.origin),
            None => format!("{}  nothing cosigned yet\n", log.origin),
        };
    }
    out
}

/// The newest checkpoint of a log that was cosigned here, so that anybody can compare it with the log's own.
async fn checkpoint(State(witness): State<Arc<Witness>>, Path(origin): Path<String>) -> Response {
    let found = witness.following().into_iter().find(|log| log.origin == origin);
    match found.and_then(|log| log.last) {
        Some((_, _, text)) => text.into_response(),
        None => {
            (StatusCode::NOT_FOUND, "nothing of such a log was cosigned here\n").into_response()
        }
    }
}
