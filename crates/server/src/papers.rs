//! Papers that somebody vouches for, and reviews of questions for a life in danger, for programs.

use crate::auth::{Shared, json};
use crate::people::Answered;
use axum::Json;
use axum::extract::{Path, Request, State};
use base::Error;
use city::{EmergencyReview, NewPaper, Paper, Unreviewed};
use serde::Serialize;
use utoipa::ToSchema;

/// The papers that count now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Papers {
    /// The oldest first.
    papers: Vec<Paper>,
}

/// What waits for its review.
#[derive(Serialize, ToSchema)]
pub(crate) struct Waiting {
    /// The oldest first.
    questions: Vec<Unreviewed>,
}

/// That something was reviewed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reviewed {
    /// The review's number on the public log.
    log_entry: u64,
}

/// Registers a paper that the signer has seen.
#[utoipa::path(post, path = "/v1/papers", tag = "people",
    request_body = NewPaper,
    responses((status = 200, description = "The paper; questions name its id", body = Paper)))]
pub(crate) async fn attest(State(state): Shared, request: Request) -> Answered<Paper> {
    let (who, body) = state.person(request).await?;
    let new: NewPaper = json(&body)?;
    Ok(Json(state.run(move |city| city.attest(&who, new)).await?))
}

/// The papers that count now, for those who may vouch for such.
#[utoipa::path(get, path = "/v1/papers", tag = "people",
    responses((status = 200, description = "Papers", body = Papers)))]
pub(crate) async fn list(State(state): Shared, request: Request) -> Answered<Papers> {
    let (who, _) = state.person(request).await?;
    Ok(Json(Papers { papers: state.run(move |city| city.papers(&who)).await? }))
}

/// Takes a paper back.
#[utoipa::path(post, path = "/v1/papers/{id}/withdraw", tag = "people",
    params(("id" = String, Path, description = "`pap_…`")),
    responses((status = 200, description = "It counts no longer")))]
pub(crate) async fn withdraw(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<()> {
    let (who, _) = state.person(request).await?;
    Ok(Json(state.run(move |city| city.withdraw_paper(&who, &id)).await?))
}

/// Questions for a life in danger that wait for their review.
#[utoipa::path(get, path = "/v1/breakglass", tag = "people",
    responses((status = 200, description = "What waits", body = Waiting)))]
pub(crate) async fn waiting(State(state): Shared, request: Request) -> Answered<Waiting> {
    let (who, _) = state.person(request).await?;
    Ok(Json(Waiting { questions: state.run(move |city| city.unreviewed(&who)).await? }))
}

/// Reviews one that somebody else has asked.
#[utoipa::path(post, path = "/v1/breakglass/{index}/review", tag = "people",
    request_body = EmergencyReview,
    params(("index" = u64, Path, description = "The number of the question on the log")),
    responses((status = 200, description = "Reviewed", body = Reviewed)))]
pub(crate) async fn review(
    State(state): Shared,
    Path(index): Path<String>,
    request: Request,
) -> Answered<Reviewed> {
    let (who, body) = state.person(request).await?;
    let index: u64 =
        index.parse().map_err(|_| Error::not_found("This entry waits for no review."))?;
    let review: EmergencyReview = json(&body)?;
    let flow = move |city: &city::City| city.review_emergency(&who, index, review);
    Ok(Json(Reviewed { log_entry: state.run(flow).await? }))
}
