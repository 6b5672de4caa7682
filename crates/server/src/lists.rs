//! Hot lists for programs: settings, imports, vehicles that were found again.

use crate::auth::{LIST_MAX, Shared, json};
use crate::paging::query_of;
use crate::people::Answered;
use axum::Json;
use axum::extract::{Path, Request, State};
use base::{Error, ListId, Result};
use city::{ConfirmImport, FoundLine, ImportDone, ImportPreview, ListSettings, ListView, NewFound};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Every list.
#[derive(Serialize, ToSchema)]
pub(crate) struct Lists {
    /// By id.
    lists: Vec<ListView>,
}

/// How a file is read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportQuery {
    /// The `mapping` of what was understood, as JSON, put right by a person; without it the server looks for itself.
    pub mapping: Option<String>,
}

fn list_id(text: &str) -> Result<ListId> {
    text.parse().map_err(|_| Error::not_found("There is no such list."))
}

/// Every list with its age; no plate in it.
#[utoipa::path(get, path = "/v1/lists", tag = "people",
    responses((status = 200, description = "The lists", body = Lists)))]
pub(crate) async fn all(State(state): Shared, request: Request) -> Answered<Lists> {
    let (who, _) = state.caller(request).await?;
    Ok(Json(Lists { lists: state.run(move |city| city.lists(&who)).await? }))
}

/// One list.
#[utoipa::path(get, path = "/v1/lists/{id}", tag = "people",
    params(("id" = ListId, Path)),
    responses((status = 200, description = "The list", body = ListView)))]
pub(crate) async fn one(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<ListView> {
    let (who, _) = state.caller(request).await?;
    Ok(Json(state.run(move |city| city.list(&who, &list_id(&id)?)).await?))
}

/// Makes a list, or changes how it is kept.
#[utoipa::path(post, path = "/v1/lists/{id}", tag = "people",
    params(("id" = ListId, Path)),
    request_body = ListSettings,
    responses((status = 200, description = "The list", body = ListView)))]
pub(crate) async fn set(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<ListView> {
    let (who, body) = state.caller(request).await?;
    let settings: ListSettings = json(&body)?;
    Ok(Json(state.run(move |city| city.set_list(&who, &list_id(&id)?, &settings)).await?))
}

/// Reads a file for a list and says what it understood and what it would change. Nothing is taken yet.
#[utoipa::path(post, path = "/v1/lists/{id}/imports", tag = "people",
    params(("id" = ListId, Path), ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream",
        description = "The file, at most 64 MiB: delimited, or the layouts of the guide"),
    responses((status = 200, description = "What it was taken for; no plate in it", body = ImportPreview)))]
pub(crate) async fn import(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<ImportPreview> {
    // Files are large: two at a time, and the others come again.
    let _place = state.list_place()?;
    let uri = request.uri().clone();
    let (who, body) = state.caller_of(request, LIST_MAX).await?;
    let asked: ImportQuery = query_of(&uri, "Give `mapping` as JSON, or nothing.")?;
    let mapping = asked.mapping.as_deref().map(|text| json(text.as_bytes())).transpose()?;
    let preview =
        state.run(move |city| city.import(&who, &list_id(&id)?, &mut &body[..], mapping)).await?;
    Ok(Json(preview))
}

/// Takes an import, whole or not at all; where there are doubts somebody must be `sure`.
#[utoipa::path(post, path = "/v1/lists/{id}/imports/{number}/confirm", tag = "people",
    params(("id" = ListId, Path), ("number" = i64, Path)),
    request_body = ConfirmImport,
    responses((status = 200, description = "It is matched from now on", body = ImportDone)))]
pub(crate) async fn confirm(
    State(state): Shared,
    Path((id, number)): Path<(String, String)>,
    request: Request,
) -> Answered<ImportDone> {
    let (who, body) = state.caller(request).await?;
    let how: ConfirmImport = json(&body)?;
    let done = state
        .run(move |city| city.confirm_import(&who, &list_id(&id)?, import_number(&number)?, how));
    Ok(Json(done.await?))
}

/// Takes the import back that was taken last.
#[utoipa::path(post, path = "/v1/lists/{id}/imports/{number}/undo", tag = "people",
    params(("id" = ListId, Path), ("number" = i64, Path)),
    responses((status = 200, description = "The list is what it was before", body = ImportDone)))]
pub(crate) async fn undo(
    State(state): Shared,
    Path((id, number)): Path<(String, String)>,
    request: Request,
) -> Answered<ImportDone> {
    let (who, _) = state.caller(request).await?;
    let done =
        state.run(move |city| city.undo_import(&who, &list_id(&id)?, import_number(&number)?));
    Ok(Json(done.await?))
}

/// Says that a vehicle was found: older copies of the list raise no hits of it any more.
#[utoipa::path(post, path = "/v1/lists/{id}/found", tag = "people",
    params(("id" = ListId, Path)),
    request_body = NewFound,
    responses((status = 200, description = "What silences it", body = FoundLine)))]
pub(crate) async fn found(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<FoundLine> {
    let (who, body) = state.caller(request).await?;
    let new: NewFound = json(&body)?;
    Ok(Json(state.run(move |city| city.found(&who, &list_id(&id)?, new)).await?))
}

/// Takes back that a vehicle was found: what the list says of it raises hits again.
#[utoipa::path(post, path = "/v1/lists/{id}/found/{found}/undo", tag = "people",
    params(("id" = ListId, Path), ("found" = String, Path)),
    responses((status = 200, description = "It silences nothing any more", body = FoundLine)))]
pub(crate) async fn undo_found(
    State(state): Shared,
    Path((id, found)): Path<(String, String)>,
    request: Request,
) -> Answered<FoundLine> {
    let (who, _) = state.caller(request).await?;
    Ok(Json(state.run(move |city| city.undo_found(&who, &list_id(&id)?, &found)).await?))
}

fn import_number(text: &str) -> Result<i64> {
    text.parse().map_err(|_| Error::not_found("This list has no import of that number."))
}
