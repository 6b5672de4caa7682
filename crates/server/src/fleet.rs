//! Changes of the fleet, ordered by people: replaced devices, moved cameras, retired ones.

use crate::auth::{Shared, json};
use crate::people::{Answered, Code};
use axum::Json;
use axum::extract::{Path, Request, State};
use base::{CameraId, Error, Result};
use city::{CameraHealth, Changed, Move};

fn camera_id(text: &str) -> Result<CameraId> {
    text.parse()
        .map_err(|_| Error::not_found("There is no such camera; the public page lists them."))
}

/// The cameras with their health as they told it last: for those who register cameras, or may switch them off.
/// No plate is in it.
#[utoipa::path(get, path = "/v1/cameras", tag = "people",
    responses((status = 200, description = "The cameras, by id", body = Vec<CameraHealth>)))]
pub(crate) async fn cameras(State(state): Shared, request: Request) -> Answered<Vec<CameraHealth>> {
    let (who, _) = state.caller(request).await?;
    Ok(Json(state.run(move |city| city.camera_health(&who)).await?))
}

/// A code with which another device takes a camera's place. When it enrols, the old device's key is dead.
#[utoipa::path(post, path = "/v1/cameras/{id}/replace", tag = "people",
    params(("id" = CameraId, Path)),
    responses((status = 200, description = "The code that the new device enrols with", body = Code)))]
pub(crate) async fn replace(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<Code> {
    let (who, _) = state.person(request).await?;
    let id = camera_id(&id)?;
    let code = state.run(move |city| city.replace_camera(&who, &id)).await?;
    Ok(Json(Code { code }))
}

/// Says that a camera stands elsewhere from a moment on; reads of before keep their place.
#[utoipa::path(post, path = "/v1/cameras/{id}/move", tag = "people",
    request_body = Move,
    params(("id" = CameraId, Path)),
    responses((status = 200, description = "On the log", body = Changed)))]
pub(crate) async fn move_to(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<Changed> {
    let (who, body) = state.person(request).await?;
    let id = camera_id(&id)?;
    let to: Move = json(&body)?;
    Ok(Json(state.run(move |city| city.move_camera(&who, &id, &to)).await?))
}

/// Takes a camera out of the fleet for good. Its reads stay until they are forgotten.
#[utoipa::path(post, path = "/v1/cameras/{id}/retire", tag = "people",
    params(("id" = CameraId, Path)),
    responses((status = 200, description = "On the log", body = Changed)))]
pub(crate) async fn retire(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<Changed> {
    let (who, _) = state.person(request).await?;
    let id = camera_id(&id)?;
    Ok(Json(state.run(move |city| city.retire_camera(&who, &id)).await?))
}
