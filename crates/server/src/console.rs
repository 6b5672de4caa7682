//! The console in a browser: sign in by a one-time link, see hits, decide one; below it a file for each other page.

pub(crate) mod ask;
pub(crate) mod audit;
pub(crate) mod devices;
pub(crate) mod form;
pub(crate) mod glass;
pub(crate) mod log;
pub(crate) mod papers;
pub(crate) mod passkeys;
pub(crate) mod people;
pub(crate) mod questions;
pub(crate) mod rules;
pub(crate) mod tokens;

use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use crate::guard::place_of;
use crate::problem::{note, status_of};
use crate::state::{AppState, State as Held};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Form, FromRequest, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::{Error, HitId, PersonId, Time};
use city::{City, Compared, Decision, HitLine, HitView, Verdict};
use identity::How;
use pages::{
    EnterPage, ErrorPage, HitPage, HitRow, HitsPage, ListedView, Page, Place, SignInPage, render,
};
use serde::Deserialize;

/// Hits on one page.
const PAGE: u32 = 100;

/// An error as a page.
pub(crate) fn failed(state: &AppState, headers: &HeaderMap, e: &Error) -> Response {
    note(e);
    let status = StatusCode::from_u16(status_of(e.kind())).unwrap_or(StatusCode::BAD_REQUEST);
    let page = around(state, headers, "/console");
    (status, Html(render(&ErrorPage { page, message: e.message().into() }))).into_response()
}

pub(crate) fn sign_in(state: &AppState, headers: &HeaderMap) -> Response {
    let page = SignInPage { page: around(state, headers, "/console"), passkeys: true };
    (StatusCode::UNAUTHORIZED, Html(render(&page))).into_response()
}

/// Back to a page after something was done, or why not.
pub(crate) fn back(
    state: &AppState,
    headers: &HeaderMap,
    to: &str,
    done: base::Result<()>,
) -> Response {
    match done {
        Ok(()) => Redirect::to(to).into_response(),
        Err(e) => failed(state, headers, &e),
    }
}

/// A moment as people read it.
pub(crate) fn shown(t: Time) -> String {
    t.to_string().replace('T', " ").chars().take(19).collect::<String>() + " UTC"
}

/// A probability as people read it: never 100 %, which no reader can promise.
pub(crate) fn percent(p: f64) -> String {
    if p > 0.99 { "over 99 %".into() } else { format!("{:.0} %", p * 100.0) }
}

fn row(line: HitLine) -> HitRow {
    HitRow {
        id: line.id.to_string(),
        state: line.state,
        captured: shown(line.captured),
        camera: line.camera_name,
        list: line.list.to_string(),
        probability: percent(line.probability),
    }
}

/// Query of the one-time link.
#[derive(Deserialize)]
pub(crate) struct Link {
    #[serde(default)]
    link: String,
}

/// `GET /console/enter?link=…`.
pub(crate) async fn enter(
    State(state): Shared,
    headers: HeaderMap,
    Query(query): Query<Link>,
) -> Response {
    // The link itself is no address to come back to.
    let page = around(&state, &headers, "/console");
    Html(render(&EnterPage { page, link: query.link })).into_response()
}

/// `POST /console/enter`: uses the link up and opens a session.
pub(crate) async fn redeem(State(state): Shared, request: Request) -> Response {
    let (place, headers) = (place_of(&request), request.headers().clone());
    let Ok(Form(form)) = Form::<Link>::from_request(request, &()).await else {
        return failed(&state, &headers, &Error::invalid("This is not the form of a link."));
    };
    let Some(person) = state.sessions.redeem(&form.link, state.city.now()) else {
        let e = Error::unauthenticated("The link was used or is too old; make a new one.");
        return failed(&state, &headers, &e);
    };
    match state.open_session(person, How::Link, &headers, place).await {
        Ok(token) => {
            let cookie = state.session_cookie(token.expose());
            ([(header::SET_COOKIE, cookie)], Redirect::to("/console")).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// `POST /console/leave`.
pub(crate) async fn leave(State(state): Shared, headers: HeaderMap) -> Response {
    if let Some(token) = state.token(&headers) {
        state.sessions.end(&token);
    }
    ([(header::SET_COOKIE, state.no_cookie())], Redirect::to("/")).into_response()
}

/// Query of the list of hits.
#[derive(Deserialize)]
pub(crate) struct Behind {
    after: Option<HitId>,
}

/// `GET /console`: the list of hits.
pub(crate) async fn hits(
    State(state): Shared,
    headers: HeaderMap,
    query: Result<Query<Behind>, QueryRejection>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let Ok(Query(Behind { after })) = query else {
        return failed(&state, &headers, &Error::invalid("There is no such page of hits."));
    };
    let flow = move |city: &City| Ok((Visitor::of(city, &who)?, city.hits(&who, PAGE, after)?));
    match state.run(flow).await {
        Ok((visitor, found)) => {
            let page = signed_in(around(&state, &headers, "/console"), visitor, Place::Hits);
            let hits = found.hits.into_iter().map(row).collect();
            let next = found.next.map(|id| id.to_string());
            Html(render(&HitsPage { page, hits, next })).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// `GET /console/hits/{id}`.
pub(crate) async fn hit(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let Ok(id) = id.parse::<HitId>() else {
        return failed(&state, &headers, &Error::not_found("There is no such hit."));
    };
    let back = format!("/console/hits/{id}");
    let flow = move |city: &City| Ok((Visitor::of(city, &who)?, city.hit(&who, &id)?));
    match state.run(flow).await {
        Ok((visitor, view)) => {
            let page = signed_in(around(&state, &headers, &back), visitor, Place::Hits);
            Html(render(&page_of(page, view))).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

fn page_of(page: Page, view: HitView) -> HitPage {
    HitPage {
        page,
        version: view.line.version,
        hit: row(view.line),
        plate: view.read.plate,
        confidence: percent(f64::from(view.read.confidence)),
        picture: view.read.picture.unwrap_or_default(),
        listed: view.listed.map(|l| ListedView {
            plate: l.plate,
            state: l.state.unwrap_or_else(|| "state not listed".into()),
            reason: l.reason,
            case: l.case,
            expires: shown(l.expires),
            fresh: l.fresh,
        }),
        log_entry: view.log_entry,
    }
}

/// The verdict form.
#[derive(Deserialize)]
pub(crate) struct VerdictForm {
    version: i64,
    decision: String,
    #[serde(default)]
    picture: Option<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    make: Option<String>,
    #[serde(default)]
    colour: Option<String>,
    #[serde(default)]
    note: String,
}

/// `POST /console/hits/{id}/verdict`.
pub(crate) async fn verdict(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<VerdictForm>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    back(&state, &headers, "/console", decide(&state, who, &id, form).await)
}

async fn decide(state: &Held, who: PersonId, id: &str, form: VerdictForm) -> base::Result<()> {
    let id: HitId = id.parse().map_err(|_| Error::not_found("There is no such hit."))?;
    let decision = match form.decision.as_str() {
        "confirmed" => Decision::Confirmed,
        "rejected" => Decision::Rejected,
        _ => return Err(Error::invalid("A verdict is confirmed or rejected.")),
    };
    let verdict = Verdict {
        decision,
        compared: Compared {
            picture: form.picture.is_some(),
            state: form.state.is_some(),
            make: form.make.is_some(),
            colour: form.colour.is_some(),
        },
        note: form.note,
        version: form.version,
    };
    state.run(move |city| city.verdict(&who, &id, verdict).map(|_| ())).await
}
