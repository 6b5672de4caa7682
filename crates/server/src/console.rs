//! The console in a browser: signing in by a one-time link; below it a file for each page.

pub(crate) mod ask;
pub(crate) mod audit;
pub(crate) mod cameras;
pub(crate) mod devices;
pub(crate) mod drills;
pub(crate) mod field;
pub(crate) mod form;
pub(crate) mod glass;
pub(crate) mod hits;
pub(crate) mod lists;
pub(crate) mod log;
pub(crate) mod map;
pub(crate) mod now;
pub(crate) mod orders;
pub(crate) mod papers;
pub(crate) mod passkeys;
pub(crate) mod people;
pub(crate) mod questions;
pub(crate) mod rules;
pub(crate) mod settings;
pub(crate) mod tokens;

use crate::auth::Shared;
use crate::chrome::around;
use crate::guard::place_of;
use crate::problem::{note, status_of};
use crate::state::AppState;
use axum::extract::{Form, FromRequest, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::{Error, Kind, Time};
use city::City;
use pages::{EndedFragment, EnterPage, ErrorPage, SignInPage, render};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// A form that a passkey has signed: what it answered. What is signed is what the page began with.
#[derive(Deserialize)]
pub(crate) struct Signed {
    #[serde(default)]
    assertion: String,
}

/// Does what was signed, which is what holds, not the form that came from the page `from`; `unsigned` says what to do
/// where nothing was.
pub(crate) async fn signed(
    state: &AppState,
    headers: &HeaderMap,
    form: &Signed,
    from: &str,
    unsigned: &'static str,
) -> Response {
    if state.visitor(headers).is_none() {
        return sign_in(state, headers);
    }
    let done = async {
        let answer: Value = serde_json::from_str(&form.assertion)
            .map_err(|e| Error::invalid(unsigned).because(e))?;
        let confirmed = state.confirmed(headers, &answer).await?;
        let sort = state.sort_of(&confirmed.fields)?;
        state.run_first(move |city| sort.confirmed(city, confirmed)).await
    };
    match done.await {
        Ok(location) => Redirect::to(&location).into_response(),
        Err(e) => failed_at(state, headers, &e, from),
    }
}

/// An error as a page.
pub(crate) fn failed(state: &AppState, headers: &HeaderMap, e: &Error) -> Response {
    failed_at(state, headers, e, "/console")
}

/// The same, with the page at `path` to try again.
pub(crate) fn failed_at(state: &AppState, headers: &HeaderMap, e: &Error, path: &str) -> Response {
    note(e);
    let status = StatusCode::from_u16(status_of(e.kind())).unwrap_or(StatusCode::BAD_REQUEST);
    let page = ErrorPage {
        page: around(state, headers, path),
        message: e.message().into(),
        // Of every other kind something may be on the log already, or have come from the same form before.
        nothing: matches!(
            e.kind(),
            Kind::Invalid | Kind::Unauthenticated | Kind::Forbidden | Kind::TooLarge
        ),
    };
    (status, Html(render(&page))).into_response()
}

/// Whether a page's script asks for a part of its page, and not a browser for a page.
pub(crate) fn for_part(headers: &HeaderMap) -> bool {
    headers.contains_key("hx-request")
}

/// A part of a page that says that its session has ended, and how to go on with what is written there.
pub(crate) fn ended(state: &AppState, headers: &HeaderMap, status: StatusCode) -> Response {
    let page = around(state, headers, "/console");
    (status, Html(render(&EndedFragment { page }))).into_response()
}

/// The ways in, to whoever has no session; to a part of a page that there is none any more.
pub(crate) fn sign_in(state: &AppState, headers: &HeaderMap) -> Response {
    if for_part(headers) {
        return ended(state, headers, StatusCode::UNAUTHORIZED);
    }
    let page = SignInPage {
        page: around(state, headers, "/console"),
        passkeys: true,
        directory: state.city.has_directory(),
    };
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
        Err(e) => failed_at(state, headers, &e, to),
    }
}

tokio::task_local! {
    /// The city whose clocks a request to the console goes by. Set by the guard, handed on by [`AppState::run`];
    /// what is for everybody has none, and keeps UTC.
    pub(crate) static CLOCKS: Arc<City>;
}

/// A moment as people read it: by the city's clocks at the console, and in UTC where everybody reads.
pub(crate) fn shown(t: Time) -> String {
    CLOCKS.try_with(|city| city.config().city.shown(t)).unwrap_or_else(|_| {
        t.to_string().replace('T', " ").chars().take(19).collect::<String>() + " UTC"
    })
}

/// How far the clocks that [`shown`] goes by are ahead of UTC, in milliseconds, each from which moment on.
pub(crate) fn ahead(from: Time, until: Time) -> Vec<(i64, i64)> {
    let there = CLOCKS.try_with(|city| city.config().city.ahead(from, until)).unwrap_or_default();
    there.into_iter().map(|(since, by)| (since.millis(), by)).collect()
}

/// Moments as the city's clocks show them.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a>(&'a city::Section);

impl<'a> Shown<'a> {
    /// By the clocks of this city.
    pub(crate) fn of_city(state: &'a AppState) -> Self {
        Self(&state.city.config().city)
    }

    /// This moment.
    pub(crate) fn of(self, at: Time) -> String {
        self.0.shown(at)
    }
}

/// A word as the interface spells it.
pub(crate) fn word(value: impl serde::Serialize) -> String {
    let json = serde_json::to_value(value).ok();
    json.and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A probability as people of every language read it: never 100 %, which no reader can promise.
pub(crate) fn percent(p: f64) -> String {
    if p > 0.99 { "> 99 %".into() } else { format!("{:.0} %", p * 100.0) }
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
    let Some(person) = state.city.sessions().redeem(&form.link, state.city.now()) else {
        let e = Error::unauthenticated("The link was used or is too old; make a new one.");
        return failed(&state, &headers, &e);
    };
    match state.open_session(person, None, &headers, place).await {
        Ok(token) => {
            let cookie = state.session_cookie(token.expose());
            ([(header::SET_COOKIE, cookie)], Redirect::to("/console")).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// `POST /console/leave`.
pub(crate) async fn leave(State(state): Shared, headers: HeaderMap) -> Response {
    if let Some(token) = state.token(&headers)
        && let Err(e) = state.end_session(token).await
    {
        return failed(&state, &headers, &e);
    }
    ([(header::SET_COOKIE, state.no_cookie())], Redirect::to("/")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_of_no_language() {
        let shown = [0.0, 0.314, 0.99, 0.999, 1.0].map(percent);
        assert_eq!(shown, ["0 %", "31 %", "99 %", "> 99 %", "> 99 %"]);
    }
}
