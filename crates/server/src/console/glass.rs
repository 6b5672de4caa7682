//! The review of questions that were asked because a life was in danger.
//!
//! A reviewer sees what the log shows of a question, and who asked: whom else could they ask why? What was asked
//! and the asker's words are sealed to the auditors' key, which the server does not have.

use super::form::{Fields, field, mends, status, whole, wrong};
use super::{failed, shown, sign_in};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use crate::state::AppState;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::{Error, Kind, PersonId, Result};
use city::{City, Emergency, EmergencyReview, Finding, Reviewed};
use pages::{BreakGlassPage, BreakGlassView, Place, ReviewedView, Wrong, render};

/// What the page says besides what waits.
#[derive(Default)]
struct After {
    status: StatusCode,
    wrong: Vec<Wrong>,
    /// Entry and note of a review that was not taken.
    note: (u64, String),
}

fn view(city: &City, e: &Emergency, note: &(u64, String)) -> BreakGlassView {
    let leaf = &e.leaf;
    let text = |name: &str| leaf.text(name).unwrap_or_default().to_owned();
    let moment = |name: &str| {
        let said = leaf.text(name).and_then(|text| text.parse().ok());
        said.map(shown).unwrap_or_default()
    };
    let name = |id: &PersonId| city.person(id).map_or_else(|_| id.to_string(), |p| p.name);
    let outcome = e.outcome.as_ref();
    let opened = outcome.and_then(|leaf| {
        let number = leaf.number("opened").map(|n| n.to_string());
        number.or_else(|| leaf.text("result").map(str::to_owned))
    });
    BreakGlassView {
        entry: e.waits.entry,
        who: e.asker.as_ref().map(name).unwrap_or_default(),
        office: leaf.by.clone().unwrap_or_default(),
        at: shown(e.waits.asked),
        purpose: text("purpose"),
        case: text("case"),
        rule: text("rule"),
        plates: leaf.number("plates").unwrap_or_default(),
        cameras: leaf.number("cameras").unwrap_or_default(),
        from: moment("from"),
        until: moment("until"),
        opened: opened.unwrap_or_default(),
        due: shown(e.waits.due),
        state: if e.waits.overdue { "overdue" } else { "waiting" }.into(),
        may_review: e.may_review,
        note: if note.0 == e.waits.entry { note.1.clone() } else { String::new() },
    }
}

fn reviewed(r: Reviewed) -> ReviewedView {
    let (entry, log_entry) = (r.entry, r.log_entry);
    ReviewedView { entry, finding: r.finding, by: r.by, at: shown(r.at), log_entry }
}

async fn show(state: &AppState, headers: &HeaderMap, who: PersonId, after: After) -> Response {
    let note = after.note;
    let flow = move |city: &City| {
        let (waiting, done) = city.emergencies_for(&who)?;
        let waiting: Vec<_> = waiting.iter().map(|e| view(city, e, &note)).collect();
        Ok((Visitor::of(city, &who)?, waiting, done))
    };
    match state.run(flow).await {
        Ok((visitor, waiting, done)) => {
            let may_open = visitor.may("ReadAudit");
            let page = around(state, headers, "/console/breakglass");
            let page = BreakGlassPage {
                page: signed_in(page, visitor, Place::BreakGlass),
                wrong: after.wrong,
                waiting,
                done: done.into_iter().map(reviewed).collect(),
                may_open,
            };
            (after.status, Html(render(&page))).into_response()
        }
        Err(e) => failed(state, headers, &e),
    }
}

/// `GET /console/breakglass`.
pub(crate) async fn list(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    show(&state, &headers, who, After::default()).await
}

fn finding(sent: &Fields) -> Result<Finding> {
    Finding::named(field(sent, "finding"))
        .ok_or_else(|| Error::invalid("Say whether it was justified or not."))
}

/// `POST /console/breakglass/{id}`, by its number on the log: what somebody else than the asker has found.
pub(crate) async fn review(
    State(state): Shared,
    headers: HeaderMap,
    Path(index): Path<String>,
    Form(sent): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let Ok(entry) = index.parse::<u64>() else {
        return failed(&state, &headers, &Error::not_found("This entry waits for no review."));
    };
    let by = who.clone();
    let note = whole(&sent, "note").trim().to_owned();
    let done = match finding(&sent) {
        Ok(finding) => {
            let review = EmergencyReview { finding, note: note.clone() };
            state.run(move |city| city.review_emergency(&by, entry, review)).await
        }
        Err(e) => Err(e),
    };
    match done {
        Ok(_) => Redirect::to("/console/breakglass").into_response(),
        Err(e) if mends(&e) => {
            // Somebody else may have been faster: then there is no such field any more.
            let field = match e.kind() {
                Kind::Invalid => format!("note-{entry}"),
                _ => String::new(),
            };
            let wrong = vec![wrong(&field, e.message())];
            let after = After { status: status(&e), wrong, note: (entry, note) };
            show(&state, &headers, who, after).await
        }
        Err(e) => failed(&state, &headers, &e),
    }
}
