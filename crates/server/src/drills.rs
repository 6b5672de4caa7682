//! Drills for programs: begin one, see how it went, answer one.

use crate::auth::{Shared, json};
use crate::people::Answered;
use axum::Json;
use axum::extract::{Path, Request, State};
use base::{DrillId, Error};
use city::{DrillLine, DrillResult, DrillVerdict, DrillView, Drills};

pub(crate) fn drill_id(text: &str) -> Result<DrillId, Error> {
    text.parse().map_err(|_| Error::not_found("There is no such drill."))
}

/// The newest drills, what the signer found in them, and how the desks do.
#[utoipa::path(get, path = "/v1/drills", tag = "people",
    responses((status = 200, description = "The drills", body = Drills)))]
pub(crate) async fn all(State(state): Shared, request: Request) -> Answered<Drills> {
    let (who, _) = state.person(request).await?;
    Ok(Json(state.run(move |city| city.drills(&who)).await?))
}

/// Begins a drill: a drawn hit for everybody who decides hits, marked as one. The log says so first.
#[utoipa::path(post, path = "/v1/drills", tag = "people",
    responses((status = 200, description = "It runs", body = DrillLine)))]
pub(crate) async fn start(State(state): Shared, request: Request) -> Answered<DrillLine> {
    let (who, _) = state.person(request).await?;
    Ok(Json(state.run(move |city| city.start_drill(&who)).await?))
}

/// Opens a drill; the signer's time runs from their first look. The plates in it are made up.
#[utoipa::path(get, path = "/v1/drills/{id}", tag = "people",
    params(("id" = DrillId, Path)),
    responses((status = 200, description = "The drill", body = DrillView)))]
pub(crate) async fn one(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<DrillView> {
    let (who, _) = state.person(request).await?;
    let id = drill_id(&id)?;
    Ok(Json(state.run(move |city| city.drill(&who, &id)).await?))
}

/// Says what the signer found, and learns whether it was right. Once a drill and person.
#[utoipa::path(post, path = "/v1/drills/{id}/verdict", tag = "people",
    request_body = DrillVerdict,
    params(("id" = DrillId, Path)),
    responses((status = 200, description = "Whether it was right", body = DrillResult)))]
pub(crate) async fn verdict(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<DrillResult> {
    let (who, body) = state.person(request).await?;
    let (id, verdict): (_, DrillVerdict) = (drill_id(&id)?, json(&body)?);
    Ok(Json(state.run(move |city| city.drill_verdict(&who, &id, verdict)).await?))
}
