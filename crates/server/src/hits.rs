//! Hits for programs: the queue, one hit, what people say of it, a plate that somebody has before them, the handover.

use crate::auth::{Shared, json};
use crate::paging::{HitsQuery, limit, query};
use crate::people::{Added, Answered};
use crate::state::State as Held;
use axum::Json;
use axum::extract::{Path, Request, State};
use base::{CameraId, EntryId, Error, HitId, PersonId};
use city::{
    CheckPlate, City, Handover, HitLine, HitView, Hits, Incident, NewEntry, NewEyes, NewOutcome,
    NewRecord, PlateChecked, Queue, Shift, Verdict, Wanted,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

fn hit_id(text: &str) -> Result<HitId, Error> {
    text.parse().map_err(|_| Error::not_found("There is no such hit."))
}

/// The newest hits, newest first; no plate in them.
#[utoipa::path(get, path = "/v1/hits", tag = "people",
    params(HitsQuery),
    responses((status = 200, description = "One page of hits", body = Hits)))]
pub(crate) async fn hits(State(state): Shared, request: Request) -> Answered<Hits> {
    let uri = request.uri().clone();
    let (who, _) = state.caller(request).await?;
    let asked: HitsQuery = query(&uri)?;
    let most = limit(asked.limit)?;
    Ok(Json(state.run(move |city| city.hits(&who, most, asked.after)).await?))
}

/// Opens a hit; the opening is on the log first.
#[utoipa::path(get, path = "/v1/hits/{id}", tag = "people",
    params(("id" = HitId, Path)),
    responses((status = 200, description = "The hit, with the plates in the clear", body = HitView)))]
pub(crate) async fn hit(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<HitView> {
    let (who, _) = state.caller(request).await?;
    let id = hit_id(&id)?;
    Ok(Json(state.run(move |city| city.hit(&who, &id)).await?))
}

/// What waits for a person, the most urgent first; no plate in it.
#[utoipa::path(get, path = "/v1/queue", tag = "people",
    responses((status = 200, description = "The queue", body = Queue)))]
pub(crate) async fn queue(State(state): Shared, request: Request) -> Answered<Queue> {
    let (who, _) = state.caller(request).await?;
    Ok(Json(state.run(move |city| city.queue(&who)).await?))
}

/// Confirmed hits, for those who look for the vehicles.
#[derive(Serialize, ToSchema)]
pub(crate) struct Field {
    /// The newest first; no plate in them.
    incidents: Vec<Incident>,
}

/// Confirmed hits that may be looked for on the street; no plate in them.
#[utoipa::path(get, path = "/v1/field", tag = "people",
    responses((status = 200, description = "The incidents", body = Field)))]
pub(crate) async fn field(State(state): Shared, request: Request) -> Answered<Field> {
    let (who, _) = state.caller(request).await?;
    Ok(Json(Field { incidents: state.run(move |city| city.field(&who)).await? }))
}

/// A person says something of a hit; `act` is what the city does with it.
async fn said<T: DeserializeOwned + Send + 'static>(
    state: &Held,
    id: &str,
    request: Request,
    act: fn(&City, &PersonId, &HitId, T) -> base::Result<HitLine>,
) -> Answered<HitLine> {
    let (who, body) = state.person(request).await?;
    let id = hit_id(id)?;
    let said: T = json(&body)?;
    Ok(Json(state.run(move |city| act(city, &who, &id, said)).await?))
}

/// Says what a person found when they compared picture and entry.
#[utoipa::path(post, path = "/v1/hits/{id}/verdict", tag = "people",
    request_body = Verdict,
    params(("id" = HitId, Path)),
    responses((status = 200, description = "The hit as it is now", body = HitLine)))]
pub(crate) async fn verdict(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<HitLine> {
    said(&state, &id, request, City::verdict).await
}

/// Says what whoever keeps the record answered; a confirmation is good for ten minutes.
#[utoipa::path(post, path = "/v1/hits/{id}/record", tag = "people",
    request_body = NewRecord,
    params(("id" = HitId, Path)),
    responses((status = 200, description = "The hit as it is now", body = HitLine)))]
pub(crate) async fn record(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<HitLine> {
    said(&state, &id, request, City::record_answered).await
}

/// Says what an officer saw.
#[utoipa::path(post, path = "/v1/hits/{id}/eyes", tag = "people",
    request_body = NewEyes,
    params(("id" = HitId, Path)),
    responses((status = 200, description = "The hit as it is now", body = HitLine)))]
pub(crate) async fn eyes(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<HitLine> {
    said(&state, &id, request, City::own_eyes).await
}

/// Says what came of a hit that was confirmed.
#[utoipa::path(post, path = "/v1/hits/{id}/outcome", tag = "people",
    request_body = NewOutcome,
    params(("id" = HitId, Path)),
    responses((status = 200, description = "The hit as it is now", body = HitLine)))]
pub(crate) async fn outcome(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<HitLine> {
    said(&state, &id, request, City::hit_outcome).await
}

/// Compares a plate that somebody has before their eyes with the lists; the question is on the log first.
#[utoipa::path(post, path = "/v1/plate-checks", tag = "people",
    request_body = CheckPlate,
    responses((status = 200, description = "What is listed, in the clear", body = PlateChecked)))]
pub(crate) async fn check_plate(State(state): Shared, request: Request) -> Answered<PlateChecked> {
    let (who, body) = state.person(request).await?;
    let check: CheckPlate = json(&body)?;
    Ok(Json(state.run(move |city| city.check_plate(&who, check)).await?))
}

/// What the next shift has to know; no plate in it.
#[utoipa::path(get, path = "/v1/handover", tag = "people",
    responses((status = 200, description = "What is open", body = Shift)))]
pub(crate) async fn shift(State(state): Shared, request: Request) -> Answered<Shift> {
    let (who, _) = state.caller(request).await?;
    Ok(Json(state.run(move |city| city.shift(&who)).await?))
}

/// Takes the shift over: what is open is the signer's.
#[utoipa::path(post, path = "/v1/handover", tag = "people",
    responses((status = 200, description = "What was taken over", body = Handover)))]
pub(crate) async fn take_over(State(state): Shared, request: Request) -> Answered<Handover> {
    let (who, _) = state.person(request).await?;
    Ok(Json(state.run(move |city| city.take_over(&who)).await?))
}

/// Says that somebody has looked at a camera that misreads; its hits ring again.
#[utoipa::path(post, path = "/v1/cameras/{id}/hits-resume", tag = "people",
    params(("id" = CameraId, Path)),
    responses((status = 200, description = "They do")))]
pub(crate) async fn resume(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<()> {
    let (who, _) = state.person(request).await?;
    let camera: CameraId = id.parse().map_err(|_| Error::not_found("There is no such camera."))?;
    Ok(Json(state.run(move |city| city.hits_resume(&who, &camera)).await?))
}

/// Entries that wait for a second person.
#[derive(Serialize, ToSchema)]
pub(crate) struct Waiting {
    /// The oldest first, the plates in the clear.
    wanted: Vec<Wanted>,
}

/// Entries that officers wrote down and another has to agree to.
#[utoipa::path(get, path = "/v1/wanted", tag = "people",
    responses((status = 200, description = "What waits", body = Waiting)))]
pub(crate) async fn wanted(State(state): Shared, request: Request) -> Answered<Waiting> {
    let (who, _) = state.person(request).await?;
    Ok(Json(Waiting { wanted: state.run(move |city| city.wanted(&who)).await? }))
}

/// Writes down an entry; another person has to agree before it is matched.
#[utoipa::path(post, path = "/v1/wanted", tag = "people",
    request_body = NewEntry,
    responses((status = 200, description = "What waits", body = Added)))]
pub(crate) async fn want(State(state): Shared, request: Request) -> Answered<Added> {
    let (who, body) = state.person(request).await?;
    let new: NewEntry = json(&body)?;
    Ok(Json(Added { id: state.run(move |city| city.want(&who, new)).await? }))
}

fn entry_id(text: &str) -> Result<EntryId, Error> {
    text.parse().map_err(|_| Error::not_found("Nothing of that number waits."))
}

/// Agrees to an entry that somebody else wrote down; from now on it is matched.
#[utoipa::path(post, path = "/v1/wanted/{id}/agree", tag = "people",
    params(("id" = String, Path)),
    responses((status = 200, description = "It is matched")))]
pub(crate) async fn agree(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<()> {
    let (who, _) = state.person(request).await?;
    Ok(Json(state.run(move |city| city.agree(&who, &entry_id(&id)?)).await?))
}

/// Takes back an entry that waits.
#[utoipa::path(post, path = "/v1/wanted/{id}/withdraw", tag = "people",
    params(("id" = String, Path)),
    responses((status = 200, description = "It does not wait any more")))]
pub(crate) async fn withdraw(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<()> {
    let (who, _) = state.person(request).await?;
    Ok(Json(state.run(move |city| city.withdraw_wanted(&who, &entry_id(&id)?)).await?))
}
