//! What cameras send: enrolment, leases, reads, the last word.

use crate::auth::{Shared, json, small_body};
use crate::encoding::Encoding;
use crate::parts;
use crate::parts::{BatchParts, Form};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::{Error, Signed};
use city::{Batch, Enrol, Enrolled, Ingested};
use read::{Heartbeat, Lease, LeaseRequest, Stop, WatchAsk};
use std::time::Duration;

/// How long a camera waits when all places are taken.
const WAIT: Duration = Duration::from_secs(1);

/// A camera introduces itself; the one-time code is the proof, no signature.
#[utoipa::path(post, path = "/v1/enrol", tag = "cameras",
    request_body = Enrol,
    security(()),
    responses((status = 200, description = "What the camera has to know", body = Enrolled)))]
pub(crate) async fn enrol(
    State(state): Shared,
    request: Request,
) -> Result<Json<Enrolled>, Problem> {
    let enrol: Enrol = json(&small_body(request).await?)?;
    Ok(Json(state.run_first(move |city| city.enrol(enrol)).await?))
}

/// A lease: the city's leave to capture for a while.
#[utoipa::path(post, path = "/v1/leases", tag = "cameras",
    request_body = Signed<LeaseRequest>,
    responses((status = 200, description = "The lease, signed with the city's lease key", body = Signed<Lease>)))]
pub(crate) async fn lease(
    State(state): Shared,
    request: Request,
) -> Result<Json<Signed<Lease>>, Problem> {
    let (camera, body) = state.camera(request).await?;
    let asked: Signed<LeaseRequest> = json(&body)?;
    if asked.unverified().camera != camera {
        return Err(Error::forbidden("A camera asks for its own lease only.").into());
    }
    Ok(Json(state.run_first(move |city| city.lease(&asked)).await?))
}

/// Reads come in, each sealed to the city. Sending one again changes nothing. As JSON an item is base64; as
/// multipart it is a part of bytes, which saves a quarter of the way.
#[utoipa::path(post, path = "/v1/reads", tag = "cameras",
    params(("Content-Encoding" = Option<String>, Header, description = "gzip or zstd; at most 8 MiB before packing. The signature covers the body as it is sent.")),
    request_body(content((Batch = "application/json"), (BatchParts = "multipart/form-data"))),
    responses((status = 200, description = "What became of each read", body = Ingested)))]
pub(crate) async fn reads(
    State(state): Shared,
    request: Request,
) -> Result<Json<Ingested>, Problem> {
    let encoding = Encoding::of(request.headers())?;
    let form = Form::of(request.headers())?;
    let (camera, body) = state.camera(request).await?;
    let place = state.ingest.clone().try_acquire_owned().map_err(|e| {
        Error::busy("The city takes in as many batches as it can; send this one again.")
            .because(e)
            .retry_after(WAIT)
    })?;
    let done = state
        .run_first(move |city| {
            // The place is free again when the work is done, even if the camera has gone meanwhile.
            let _place = place;
            let body = encoding.unpack(&body)?;
            let batch: Batch = match form {
                Form::Json => json(&body)?,
                Form::Parts { boundary } => parts::batch(&boundary, &body)?,
            };
            city.ingest(&camera, batch)
        })
        .await?;
    state.metrics.ingested(&done);
    Ok(Json(done))
}

/// How the camera is doing, once a minute. The newest word is kept in memory.
#[utoipa::path(post, path = "/v1/heartbeats", tag = "cameras",
    request_body = Heartbeat,
    responses((status = 200, description = "Noted")))]
pub(crate) async fn heartbeat(State(state): Shared, request: Request) -> Result<Json<()>, Problem> {
    let (camera, body) = state.camera(request).await?;
    let beat: Heartbeat = json(&body)?;
    Ok(Json(state.run_first(move |city| city.heartbeat(&camera, beat)).await?))
}

/// The hot lists of a day as keyed tokens, for a camera that keeps hits alone; sealed to the key in the request.
#[utoipa::path(post, path = "/v1/watch", tag = "cameras",
    request_body = WatchAsk,
    responses(
        (status = 200, description = "The set, HPKE-sealed to the key", content_type = "application/octet-stream"),
        (status = 204, description = "The camera has this version")))]
pub(crate) async fn watch(State(state): Shared, request: Request) -> Result<Response, Problem> {
    let (camera, body) = state.camera(request).await?;
    let ask: WatchAsk = json(&body)?;
    let place = state.watch_place().await?;
    let list = state
        .run_first(move |city| {
            let _place = place;
            city.watch_list(&camera, &ask)
        })
        .await?;
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok(match list {
        Some(sealed) => (kind, sealed).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// The last word of a lease. The statement is signed with the capture key, which may outlive the
/// device key; the request is not.
#[utoipa::path(post, path = "/v1/stops", tag = "cameras",
    request_body = Signed<Stop>,
    security(()),
    responses((status = 200, description = "Noted")))]
pub(crate) async fn stop(State(state): Shared, request: Request) -> Result<Json<()>, Problem> {
    let stop: Signed<Stop> = json(&small_body(request).await?)?;
    Ok(Json(state.run_first(move |city| city.stopped(&stop)).await?))
}
