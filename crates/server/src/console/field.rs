//! The pages for a phone or the car: confirmed hits, one of them large, and a plate that somebody sees.

use super::hits::{
    AnswerForm, OutcomeForm, VerdictForm, hit_id, incident, open, outcome_of, record_of, vehicle,
    verdict_of,
};
use super::{Shown, back, failed_at, sign_in};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use crate::state::AppState;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use base::{Error, Kind};
use city::{CheckPlate, City, EyesAnswer, Incident, Listed, NewEyes, PlateChecked};
use pages::{CheckedView, FieldPage, MetView, Place, render};
use serde::Deserialize;

/// Where all of it is.
const HERE: &str = "/field";

/// What came of a plate that was typed.
#[derive(Default)]
struct Typed {
    checked: Option<CheckedView>,
    /// What is wrong with it, and what it was.
    wrong: Option<String>,
    sent: CheckForm,
}

fn page(
    state: &AppState,
    headers: &HeaderMap,
    visitor: Visitor,
    hits: Vec<Incident>,
    typed: Typed,
) -> Html<String> {
    let page = signed_in(around(state, headers, HERE), visitor, Place::Field);
    let shown = Shown::of_city(state);
    let hits = hits.into_iter().map(|one| incident(one, shown)).collect();
    let Typed { checked, wrong, sent: CheckForm { plate, state } } = typed;
    Html(render(&FieldPage { page, hits, checked, wrong, plate, state }))
}

/// `GET /field`.
pub(crate) async fn list(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    match state.run(move |city| Ok((Visitor::of(city, &who)?, city.field(&who)?))).await {
        Ok((visitor, hits)) => {
            page(&state, &headers, visitor, hits, Typed::default()).into_response()
        }
        Err(e) => failed_at(&state, &headers, &e, HERE),
    }
}

/// `GET /field/{id}`.
pub(crate) async fn one(state: Shared, headers: HeaderMap, Path(id): Path<String>) -> Response {
    open(state, headers, &id, true).await
}

/// A plate that somebody sees.
#[derive(Clone, Default, Deserialize)]
pub(crate) struct CheckForm {
    #[serde(default)]
    plate: String,
    #[serde(default)]
    state: String,
}

fn met(l: Listed) -> MetView {
    MetView {
        vehicle: vehicle(&l),
        plate: l.plate,
        reason: l.reason,
        case: l.case,
        state: l.state.unwrap_or_default().to_uppercase(),
        list: l.list_name,
        action: l.action.as_str().into(),
        fresh: l.fresh,
    }
}

/// `POST /field/check`.
pub(crate) async fn check(
    State(state): Shared,
    headers: HeaderMap,
    Form(form): Form<CheckForm>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let (sent, plate) = (form.clone(), form.plate.trim().to_uppercase());
    let asked =
        CheckPlate { plate: form.plate, state: Some(form.state).filter(|s| !s.trim().is_empty()) };
    let flow = move |city: &City| {
        let checked = match city.check_plate(&who, asked) {
            Err(e) if e.kind() == Kind::Invalid => Err(e.message().to_owned()),
            other => Ok(other?),
        };
        Ok((Visitor::of(city, &who)?, city.field(&who)?, checked))
    };
    match state.run(flow).await {
        Ok((visitor, hits, Ok(PlateChecked { listed, stale, log_entry }))) => {
            let met = listed.into_iter().map(met).collect();
            let stale = stale.iter().map(ToString::to_string).collect();
            let checked = Some(CheckedView { plate, met, stale, log_entry });
            let typed = Typed { checked, ..Typed::default() };
            page(&state, &headers, visitor, hits, typed).into_response()
        }
        // What was typed is not typed again.
        Ok((visitor, hits, Err(wrong))) => {
            let typed = Typed { checked: None, wrong: Some(wrong), sent };
            let page = page(&state, &headers, visitor, hits, typed);
            (StatusCode::BAD_REQUEST, page).into_response()
        }
        Err(e) => failed_at(&state, &headers, &e, HERE),
    }
}

/// `POST /field/{id}/eyes`.
pub(crate) async fn eyes(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<AnswerForm>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let to = format!("/field/{id}");
    let said = async {
        let id = hit_id(&id)?;
        let answer = match form.answer.as_str() {
            "have-it" => EyesAnswer::HaveIt,
            "not-it" => EyesAnswer::NotIt,
            "gone" => EyesAnswer::Gone,
            _ => return Err(Error::invalid("Say with one of the buttons what you saw.")),
        };
        let new = NewEyes { answer, version: form.version };
        state.run(move |city| city.own_eyes(&who, &id, new).map(|_| ())).await
    };
    back(&state, &headers, &to, said.await)
}

/// `POST /field/{id}/record`.
pub(crate) async fn record(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<AnswerForm>,
) -> Response {
    record_of(&state, &headers, &id, form, &format!("/field/{id}")).await
}

/// `POST /field/{id}/outcome`.
pub(crate) async fn outcome(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<OutcomeForm>,
) -> Response {
    outcome_of(&state, &headers, &id, form, &format!("/field/{id}")).await
}

/// `POST /field/{id}/verdict`.
pub(crate) async fn verdict(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<VerdictForm>,
) -> Response {
    verdict_of(&state, &headers, &id, form, ("/field", "/field")).await
}
