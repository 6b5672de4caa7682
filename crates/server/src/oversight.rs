//! What people's programs ask about their own questions, and auditors' about everybody's; every request is signed.

use crate::auth::{Shared, json};
use crate::paging::query;
use crate::people::Answered;
use axum::Json;
use axum::extract::{Path, Request, State};
use base::{Error, Result};
use city::{
    Alarm, CloseAlarm, Drawing, Graded, NewGrade, NewOwnPlate, OwnPlate, QuestionLine, Questions,
    Said,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Questions on one page, where nobody says otherwise.
const PAGE: u32 = 50;

/// Which page of the own questions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Behind {
    /// The last question of the page before.
    after: Option<String>,
    /// At most so many, up to 200.
    limit: Option<u32>,
}

/// Alarms.
#[derive(Serialize, ToSchema)]
pub(crate) struct Alarms {
    /// The open ones first, then the newest first.
    alarms: Vec<Alarm>,
}

/// The sealed list of the city's own plates.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnPlates {
    /// By id.
    plates: Vec<OwnPlate>,
}

/// The number of an entry in a path.
pub(crate) fn entry_number(text: &str) -> Result<u64> {
    let none = || Error::not_found("There is no such entry; entries are numbered from 0.");
    text.parse().map_err(|_| none())
}

/// One's own questions, newest first.
#[utoipa::path(get, path = "/v1/questions", tag = "people",
    params(Behind),
    responses((status = 200, description = "One page of questions", body = Questions)))]
pub(crate) async fn questions(State(state): Shared, request: Request) -> Answered<Questions> {
    let uri = request.uri().clone();
    let (who, _) = state.person(request).await?;
    let asked: Behind = query(&uri)?;
    let limit = asked.limit.unwrap_or(PAGE);
    let flow = move |city: &city::City| city.questions(&who, asked.after.as_deref(), limit);
    Ok(Json(state.run(flow).await?))
}

/// Says what came of an own question.
#[utoipa::path(post, path = "/v1/questions/{id}/outcome", tag = "people",
    request_body = Said,
    params(("id" = String, Path, description = "`q_…`")),
    responses((status = 200, description = "The question as it is now", body = QuestionLine)))]
pub(crate) async fn say(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<QuestionLine> {
    let (who, body) = state.person(request).await?;
    let said: Said = json(&body)?;
    Ok(Json(state.run(move |city| city.say_outcome(&who, &id, said)).await?))
}

/// Alarms, for auditors.
#[utoipa::path(get, path = "/v1/alarms", tag = "people",
    responses((status = 200, description = "Alarms", body = Alarms)))]
pub(crate) async fn alarms(State(state): Shared, request: Request) -> Answered<Alarms> {
    let (who, _) = state.person(request).await?;
    Ok(Json(Alarms { alarms: state.run(move |city| city.alarms(&who)).await? }))
}

/// Closes an alarm.
#[utoipa::path(post, path = "/v1/alarms/{id}/close", tag = "people",
    request_body = CloseAlarm,
    params(("id" = String, Path, description = "`alm_…`")),
    responses((status = 200, description = "The alarm as it is now", body = Alarm)))]
pub(crate) async fn close(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<Alarm> {
    let (who, body) = state.person(request).await?;
    let close: CloseAlarm = json(&body)?;
    Ok(Json(state.run(move |city| city.close_alarm(&who, &id, close)).await?))
}

/// What the lottery has drawn for the auditors.
#[utoipa::path(get, path = "/v1/audit/drawn", tag = "people",
    responses((status = 200, description = "What waits, then what is graded", body = Drawing)))]
pub(crate) async fn drawn(State(state): Shared, request: Request) -> Answered<Drawing> {
    let (who, _) = state.person(request).await?;
    Ok(Json(state.run(move |city| city.drawing(&who)).await?))
}

/// Grades a question that was drawn, once it was opened.
#[utoipa::path(post, path = "/v1/audit/entries/{index}/grade", tag = "people",
    request_body = NewGrade,
    params(("index" = u64, Path, description = "The number of the entry on the log, from 0")),
    responses((status = 200, description = "Graded", body = Graded)))]
pub(crate) async fn grade(
    State(state): Shared,
    Path(index): Path<String>,
    request: Request,
) -> Answered<Graded> {
    let (who, body) = state.person(request).await?;
    let (index, new): (u64, NewGrade) = (entry_number(&index)?, json(&body)?);
    Ok(Json(state.run(move |city| city.grade(&who, index, new)).await?))
}

/// The sealed list of the city's own plates: ids, never plates.
#[utoipa::path(get, path = "/v1/own-plates", tag = "people",
    responses((status = 200, description = "The list", body = OwnPlates)))]
pub(crate) async fn own_plates(State(state): Shared, request: Request) -> Answered<OwnPlates> {
    let (who, _) = state.person(request).await?;
    Ok(Json(OwnPlates { plates: state.run(move |city| city.own_plates(&who)).await? }))
}

/// Puts a plate on it.
#[utoipa::path(post, path = "/v1/own-plates", tag = "people",
    request_body = NewOwnPlate,
    responses((status = 200, description = "What to note of it", body = OwnPlate)))]
pub(crate) async fn add_own_plate(State(state): Shared, request: Request) -> Answered<OwnPlate> {
    let (who, body) = state.person(request).await?;
    let new: NewOwnPlate = json(&body)?;
    Ok(Json(state.run(move |city| city.add_own_plate(&who, new)).await?))
}

/// Takes one off.
#[utoipa::path(post, path = "/v1/own-plates/{id}/remove", tag = "people",
    params(("id" = String, Path, description = "`own_…`")),
    responses((status = 200, description = "It is off the list")))]
pub(crate) async fn remove_own_plate(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<()> {
    let (who, _) = state.person(request).await?;
    Ok(Json(state.run(move |city| city.remove_own_plate(&who, &id)).await?))
}
