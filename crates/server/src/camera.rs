//! What cameras send: enrolment, leases, reads, the last word.

use crate::auth::{Shared, body_of, json};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Request, State};
use base::{Error, Signed};
use city::{Batch, Enrol, Enrolled, Ingested};
use read::{Lease, LeaseRequest, Stop};

/// `POST /v1/enrol`: the one-time code is the proof.
pub(crate) async fn enrol(
    State(state): Shared,
    request: Request,
) -> Result<Json<Enrolled>, Problem> {
    let enrol: Enrol = json(&body_of(request).await?)?;
    Ok(Json(state.run(move |city| city.enrol(enrol)).await?))
}

/// `POST /v1/leases`.
pub(crate) async fn lease(
    State(state): Shared,
    request: Request,
) -> Result<Json<Signed<Lease>>, Problem> {
    let (camera, body) = state.camera(request).await?;
    let asked: Signed<LeaseRequest> = json(&body)?;
    if asked.unverified().camera != camera {
        return Err(Error::forbidden("A camera asks for its own lease only.").into());
    }
    Ok(Json(state.run(move |city| city.lease(&asked)).await?))
}

/// `POST /v1/reads`.
pub(crate) async fn reads(
    State(state): Shared,
    request: Request,
) -> Result<Json<Ingested>, Problem> {
    let (camera, body) = state.camera(request).await?;
    let batch: Batch = json(&body)?;
    Ok(Json(state.run(move |city| city.ingest(&camera, batch)).await?))
}

/// `POST /v1/stops`: signed with the capture key, which may outlive the device key.
pub(crate) async fn stop(State(state): Shared, request: Request) -> Result<Json<()>, Problem> {
    let stop: Signed<Stop> = json(&body_of(request).await?)?;
    Ok(Json(state.run(move |city| city.stopped(&stop)).await?))
}
