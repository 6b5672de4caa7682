//! Drills at the console: begin one, answer one, and how the desks do.

use super::hits::{VerdictForm, compared, finding, page_of};
use super::{Shown, back, failed, sign_in, word};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use crate::drills::drill_id;
use crate::state::State as Held;
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use base::{PersonId, Result as Done};
use city::{City, DeskTally, DrillLine, DrillResult, DrillVerdict};
use pages::{DeskRow, DrillMark, DrillRow, DrillsPage, FoundView, Place, render};
use std::collections::BTreeMap;

fn found(result: DrillResult) -> FoundView {
    FoundView {
        finding: word(result.finding),
        sort: word(result.sort),
        right: result.right,
        seconds: result.seconds,
    }
}

pub(super) fn row(line: DrillLine, shown: Shown<'_>) -> DrillRow {
    DrillRow {
        id: line.id.to_string(),
        started: shown.of(line.started),
        until: shown.of(line.until),
        by: line.by.unwrap_or_default(),
        over: line.over,
        sort: line.sort.map(word),
        answered: line.answered,
        right: line.right,
        result: line.result.map(found),
    }
}

/// How the desks do, as everybody sees it.
pub(crate) fn desks(desks: BTreeMap<String, DeskTally>) -> Vec<DeskRow> {
    let row = |(name, tally): (String, DeskTally)| DeskRow {
        name,
        answered: tally.answered,
        right: tally.right,
        look_alikes: tally.look_alikes,
        caught: tally.catch_rate().map(|rate| (rate * 100.0).round() as u64),
        median_s: tally.median_s,
    };
    desks.into_iter().map(row).collect()
}

/// `GET /console/drills`.
pub(crate) async fn list(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    match state.run(move |city| Ok((Visitor::of(city, &who)?, city.drills(&who)?))).await {
        Ok((visitor, found)) => {
            let shown = Shown::of_city(&state);
            let may_decide = visitor.may("DecideHit");
            let page = around(&state, &headers, "/console/drills");
            Html(render(&DrillsPage {
                page: signed_in(page, visitor, Place::Drills),
                drills: found.drills.into_iter().map(|line| row(line, shown)).collect(),
                desks: desks(found.desks),
                may_start: found.may_start,
                may_decide,
            }))
            .into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// `POST /console/drills`.
pub(crate) async fn start(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let done = state.run(move |city| city.start_drill(&who).map(|_| ())).await;
    back(&state, &headers, "/console/drills", done)
}

/// `GET /console/drills/{id}`.
pub(crate) async fn one(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let id = match drill_id(&id) {
        Ok(id) => id,
        Err(e) => return failed(&state, &headers, &e),
    };
    let flow = move |city: &City| Ok((Visitor::of(city, &who)?, city.drill(&who, &id)?));
    match state.run(flow).await {
        Ok((visitor, view)) => {
            let shown = Shown::of_city(&state);
            let page = around(&state, &headers, &format!("/console/drills/{id}"));
            let page = signed_in(page, visitor, Place::Drills);
            let mark = DrillMark {
                id: id.to_string(),
                until: shown.of(view.drill.until),
                over: view.drill.over,
                sort: view.drill.sort.map(word),
                result: view.drill.result.map(found),
            };
            Html(render(&page_of(page, view.hit, true, false, shown, Some(mark)))).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// `POST /console/drills/{id}/verdict`.
pub(crate) async fn verdict(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<VerdictForm>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let to = format!("/console/drills/{id}");
    back(&state, &headers, &to, decide(&state, who, &id, &form).await)
}

async fn decide(state: &Held, who: PersonId, id: &str, form: &VerdictForm) -> Done<()> {
    let id = drill_id(id)?;
    let verdict = DrillVerdict { finding: finding(form)?, compared: compared(form) };
    state.run(move |city| city.drill_verdict(&who, &id, verdict).map(|_| ())).await
}
