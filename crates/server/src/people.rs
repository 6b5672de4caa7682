//! What people's programs ask for; every request is signed.

use crate::auth::{Shared, json};
use crate::paging::query_of;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, Request, State};
use base::{CameraId, EntryId};
use city::{AuditRecord, NewEntry, NewPerson};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(crate) type Answered<T> = Result<Json<T>, Problem>;

/// A camera to be registered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCamera {
    /// The camera.
    id: CameraId,
    /// What people call the place.
    name: String,
    /// Latitude in degrees.
    lat: Option<f64>,
    /// Longitude in degrees.
    lon: Option<f64>,
}

/// The way in for a new camera.
#[derive(Serialize, ToSchema)]
pub(crate) struct Code {
    /// The one-time code.
    pub code: String,
}

/// A new line of a hot list.
#[derive(Serialize, ToSchema)]
pub(crate) struct Added {
    /// The line.
    pub id: EntryId,
}

/// The way in for a browser.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConsoleLink {
    /// Path and query; it works once, within five minutes.
    path: String,
}

/// Registers a camera and gives its one-time code.
#[utoipa::path(post, path = "/v1/cameras", tag = "people",
    request_body = NewCamera,
    responses((status = 200, description = "The code that the camera enrols with", body = Code)))]
pub(crate) async fn camera(State(state): Shared, request: Request) -> Answered<Code> {
    let (who, body) = state.caller(request).await?;
    let new: NewCamera = json(&body)?;
    let place = new.lat.zip(new.lon);
    let code = state.run(move |city| city.enrolment_code(&who, &new.id, &new.name, place)).await?;
    Ok(Json(Code { code }))
}

/// Adds a person.
#[utoipa::path(post, path = "/v1/people", tag = "people",
    request_body = NewPerson,
    responses((status = 200, description = "Added")))]
pub(crate) async fn person(State(state): Shared, request: Request) -> Answered<()> {
    let (who, body) = state.person(request).await?;
    let new: NewPerson = json(&body)?;
    Ok(Json(state.run(move |city| city.add_person(&who, new)).await?))
}

/// Adds a line to a hot list.
#[utoipa::path(post, path = "/v1/hotlist", tag = "people",
    request_body = NewEntry,
    responses((status = 200, description = "The line", body = Added)))]
pub(crate) async fn hotlist(State(state): Shared, request: Request) -> Answered<Added> {
    let (who, body) = state.caller(request).await?;
    let new: NewEntry = json(&body)?;
    let id = state.run(move |city| city.add_entry(&who, new)).await?;
    Ok(Json(Added { id }))
}

/// Which log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OfLog {
    /// An earlier log of the city, 1 for the first that it had; the present one where it is left out.
    log: Option<u32>,
}

/// The sealed private half of a log entry.
#[utoipa::path(get, path = "/v1/audit/entries/{index}", tag = "people",
    params(("index" = u64, Path, description = "The number of the entry on the log, from 0"), OfLog),
    responses((status = 200, description = "The record", body = AuditRecord)))]
pub(crate) async fn audit(
    State(state): Shared,
    Path(index): Path<String>,
    request: Request,
) -> Answered<AuditRecord> {
    let uri = request.uri().clone();
    let (who, _) = state.caller(request).await?;
    let index = crate::oversight::entry_number(&index)?;
    let OfLog { log } = query_of(&uri, "Give `log`, the number of an earlier log, or nothing.")?;
    Ok(Json(state.run(move |city| city.audit_record_of(&who, log, index)).await?))
}

/// A one-time link for the signer's browser.
#[utoipa::path(post, path = "/v1/console-links", tag = "people",
    responses((status = 200, description = "The link", body = ConsoleLink)))]
pub(crate) async fn console_link(State(state): Shared, request: Request) -> Answered<ConsoleLink> {
    let (who, _) = state.person(request).await?;
    let link = state.city.sessions().link(who, state.city.now());
    Ok(Json(ConsoleLink { path: format!("/console/enter?link={}", link.expose()) }))
}
