//! Who comes in and who goes, for administrators' programs: people, machine tokens, devices.

use crate::auth::{Shared, json};
use crate::people::Answered;
use axum::Json;
use axum::extract::{Path, Request, State};
use base::{DeviceId, Error, PersonId, Result, TokenId};
use city::{
    DeviceCode, DeviceLine, Invitation, Invite, Left, LostKey, MadeToken, NewDevice, NewToken,
    PersonLine, TokenLine,
};

pub(crate) fn person_id(text: &str) -> Result<PersonId> {
    text.parse().map_err(|_| Error::not_found("There is no such person; see the list of people."))
}

/// Everybody, with what they come in with.
#[utoipa::path(get, path = "/v1/people", tag = "people",
    responses((status = 200, description = "By id", body = Vec<PersonLine>)))]
pub(crate) async fn people(State(state): Shared, request: Request) -> Answered<Vec<PersonLine>> {
    let (who, _) = state.person(request).await?;
    Ok(Json(state.run(move |city| city.people(&who)).await?))
}

/// Invites a person who comes with a browser and makes a passkey there.
#[utoipa::path(post, path = "/v1/people/{id}/invite", tag = "people",
    request_body = Invite,
    params(("id" = PersonId, Path)),
    responses((status = 200, description = "The way in", body = Invitation)))]
pub(crate) async fn invite(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<Invitation> {
    let (who, body) = state.person(request).await?;
    let (id, new): (PersonId, Invite) = (person_id(&id)?, json(&body)?);
    Ok(Json(state.run(move |city| city.invite(&who, &id, new)).await?))
}

/// Says that a person's key is lost. When a second administrator says so within a day, all that the person had
/// ends, and they get a new invitation.
#[utoipa::path(post, path = "/v1/people/{id}/lost-key", tag = "people",
    params(("id" = PersonId, Path)),
    responses((status = 200, description = "What became of it", body = LostKey)))]
pub(crate) async fn lost_key(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<LostKey> {
    let (who, _) = state.person(request).await?;
    let id = person_id(&id)?;
    Ok(Json(state.run(move |city| city.lost_key(&who, &id)).await?))
}

/// A person leaves: keys, passkeys, sessions and the tokens that they made end at once.
#[utoipa::path(post, path = "/v1/people/{id}/leave", tag = "people",
    params(("id" = PersonId, Path)),
    responses((status = 200, description = "What ended", body = Left)))]
pub(crate) async fn leave(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<Left> {
    let (who, _) = state.person(request).await?;
    let id = person_id(&id)?;
    Ok(Json(state.run(move |city| city.leave(&who, &id)).await?))
}

/// Makes a machine token; it is shown this once.
#[utoipa::path(post, path = "/v1/tokens", tag = "people",
    request_body = NewToken,
    responses((status = 200, description = "The token", body = MadeToken)))]
pub(crate) async fn new_token(State(state): Shared, request: Request) -> Answered<MadeToken> {
    let (who, body) = state.person(request).await?;
    let new: NewToken = json(&body)?;
    Ok(Json(state.run(move |city| city.new_token(&who, new)).await?))
}

/// Every machine token, without its secret.
#[utoipa::path(get, path = "/v1/tokens", tag = "people",
    responses((status = 200, description = "By id", body = Vec<TokenLine>)))]
pub(crate) async fn tokens(State(state): Shared, request: Request) -> Answered<Vec<TokenLine>> {
    let (who, _) = state.person(request).await?;
    Ok(Json(state.run(move |city| city.tokens(&who)).await?))
}

/// Ends a machine token at once.
#[utoipa::path(post, path = "/v1/tokens/{id}/revoke", tag = "people",
    params(("id" = TokenId, Path)),
    responses((status = 200, description = "It has ended")))]
pub(crate) async fn revoke_token(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<()> {
    let (who, _) = state.person(request).await?;
    let id: TokenId = id.parse().map_err(|_| Error::not_found("There is no such token."))?;
    Ok(Json(state.run(move |city| city.revoke_token(&who, &id)).await?))
}

/// Registers a device; its browser takes the code.
#[utoipa::path(post, path = "/v1/devices", tag = "people",
    request_body = NewDevice,
    responses((status = 200, description = "The way in for the device", body = DeviceCode)))]
pub(crate) async fn new_device(State(state): Shared, request: Request) -> Answered<DeviceCode> {
    let (who, body) = state.person(request).await?;
    let new: NewDevice = json(&body)?;
    Ok(Json(state.run(move |city| city.new_device(&who, new)).await?))
}

/// Every device.
#[utoipa::path(get, path = "/v1/devices", tag = "people",
    responses((status = 200, description = "By id", body = Vec<DeviceLine>)))]
pub(crate) async fn devices(State(state): Shared, request: Request) -> Answered<Vec<DeviceLine>> {
    let (who, _) = state.person(request).await?;
    Ok(Json(state.run(move |city| city.devices(&who)).await?))
}

/// Ends a device, and the sessions at it.
#[utoipa::path(post, path = "/v1/devices/{id}/revoke", tag = "people",
    params(("id" = DeviceId, Path)),
    responses((status = 200, description = "It has ended")))]
pub(crate) async fn revoke_device(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<()> {
    let (who, _) = state.person(request).await?;
    let id: DeviceId = id.parse().map_err(|_| Error::not_found("There is no such device."))?;
    Ok(Json(state.run(move |city| city.revoke_device(&who, &id)).await?))
}
