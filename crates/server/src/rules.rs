//! Rules and how they change, for programs: what is in force and proposed is everybody's to read.

use crate::auth::{Shared, json};
use crate::people::Answered;
use axum::Json;
use axum::extract::{Path, Request, State};
use city::{NewProposal, NewSignature, Proposal};
use serde::Serialize;
use utoipa::ToSchema;

/// The rules in force.
#[derive(Serialize, ToSchema)]
pub(crate) struct InForce {
    /// SHA-256 of the rule file.
    hash: String,
    /// The rule file.
    rules: String,
    /// The whole set that it belongs to, spelled as on the log; absent in a city without a charter.
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<String>,
    /// The law preset whose ceilings must hold of any set.
    #[serde(skip_serializing_if = "Option::is_none")]
    preset: Option<String>,
}

/// Proposals.
#[derive(Serialize, ToSchema)]
pub(crate) struct Proposals {
    /// The newest first.
    proposals: Vec<Proposal>,
}

/// The rules in force.
#[utoipa::path(get, path = "/v1/rules", tag = "public",
    responses((status = 200, description = "The rule file", body = InForce)))]
pub(crate) async fn in_force(State(state): Shared) -> Json<InForce> {
    let rules = state.city.rules();
    Json(InForce {
        hash: rules.hash(),
        rules: rules.text().to_owned(),
        set: state.city.adopted_set(),
        preset: state.city.config().city.preset.clone(),
    })
}

/// Every proposal for other rules.
#[utoipa::path(get, path = "/v1/proposals", tag = "public",
    responses((status = 200, description = "Proposals", body = Proposals)))]
pub(crate) async fn list(State(state): Shared) -> Answered<Proposals> {
    Ok(Json(Proposals { proposals: state.run(|city| city.proposals()).await? }))
}

/// Proposes a set of rules; it is proven first.
#[utoipa::path(post, path = "/v1/proposals", tag = "people",
    request_body = NewProposal,
    responses((status = 200, description = "The proposal", body = Proposal)))]
pub(crate) async fn propose(State(state): Shared, request: Request) -> Answered<Proposal> {
    let (who, body) = state.person(request).await?;
    let new: NewProposal = json(&body)?;
    Ok(Json(state.run(move |city| city.propose(&who, new)).await?))
}

/// Signs a proposal for an office; the last signature that it takes makes the set active.
#[utoipa::path(post, path = "/v1/proposals/{id}/sign", tag = "people",
    request_body = NewSignature,
    params(("id" = String, Path, description = "`pro_…`")),
    responses((status = 200, description = "The proposal as it is now", body = Proposal)))]
pub(crate) async fn sign(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<Proposal> {
    let (who, body) = state.person(request).await?;
    let new: NewSignature = json(&body)?;
    Ok(Json(state.run(move |city| city.sign_proposal(&who, &id, new)).await?))
}
