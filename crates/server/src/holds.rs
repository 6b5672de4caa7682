//! Preservation holds for programs.

use crate::auth::{Shared, json};
use crate::paging::query;
use crate::people::Answered;
use axum::Json;
use axum::extract::{Path, Request, State};
use base::{Error, HoldId, ReadId, Result};
use city::{HeldPage, Holds, NewHold, Placed, Review};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeldQuery {
    /// The `next` of the page before.
    after: Option<ReadId>,
}

fn hold_id(text: &str) -> Result<HoldId> {
    text.parse().map_err(|e| Error::not_found("There is no such hold.").because(e))
}

/// Places a hold: on the log first, then reads are preserved.
#[utoipa::path(post, path = "/v1/holds", tag = "people",
    request_body = NewHold,
    responses((status = 200, description = "The hold", body = Placed)))]
pub(crate) async fn place(State(state): Shared, request: Request) -> Answered<Placed> {
    let (who, body) = state.person(request).await?;
    let new: NewHold = json(&body)?;
    Ok(Json(state.run(move |city| city.place_hold(&who, new)).await?))
}

/// Every hold.
#[utoipa::path(get, path = "/v1/holds", tag = "people",
    responses((status = 200, description = "Every hold, the oldest first", body = Holds)))]
pub(crate) async fn list(State(state): Shared, request: Request) -> Answered<Holds> {
    let (who, _) = state.person(request).await?;
    Ok(Json(state.run(move |city| city.holds(&who)).await?))
}

/// Says that a hold is still needed.
#[utoipa::path(post, path = "/v1/holds/{id}/review", tag = "people",
    request_body = Review,
    params(("id" = HoldId, Path)),
    responses((status = 200, description = "Noted")))]
pub(crate) async fn review(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<()> {
    let (who, body) = state.person(request).await?;
    let (id, new) = (hold_id(&id)?, json::<Review>(&body)?);
    Ok(Json(state.run(move |city| city.review_hold(&who, id, new.review)).await?))
}

/// Lets a hold go; what it preserved is deleted.
#[utoipa::path(post, path = "/v1/holds/{id}/release", tag = "people",
    params(("id" = HoldId, Path)),
    responses((status = 200, description = "Released")))]
pub(crate) async fn release(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<()> {
    let (who, _) = state.person(request).await?;
    let id = hold_id(&id)?;
    Ok(Json(state.run(move |city| city.release_hold(&who, id)).await?))
}

/// The preserved reads, sealed as they lie; that they were fetched is on the log first.
#[utoipa::path(get, path = "/v1/holds/{id}/reads", tag = "people",
    params(("id" = HoldId, Path), HeldQuery),
    responses((status = 200, description = "One page of sealed reads", body = HeldPage)))]
pub(crate) async fn reads(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<HeldPage> {
    let uri = request.uri().clone();
    let (who, _) = state.person(request).await?;
    let (id, asked) = (hold_id(&id)?, query::<HeldQuery>(&uri)?);
    Ok(Json(state.run(move |city| city.held(&who, id, asked.after)).await?))
}
