//! Signing in by the city's directory: there, and back with a word that only this browser has.

use crate::auth::Shared;
use crate::chrome::around;
use crate::console::failed;
use crate::guard::same;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::Error;
use city::City;
use pages::{EnterPage, render};
use serde::Deserialize;

/// `GET /console/directory`: to the directory's page.
pub(crate) async fn begin(State(state): Shared, headers: HeaderMap) -> Response {
    let begun = async {
        let _place = state.directory_place()?;
        state.run(City::directory_begin).await
    };
    match begun.await {
        Ok(leaving) => {
            let cookie = state.cookie_of_leaving(&leaving.state);
            ([(header::SET_COOKIE, cookie)], Redirect::to(&leaving.url)).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// What a browser brings back (OpenID Connect Core 1.0, section 3.1.2.5).
#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
}

/// `GET /console/directory/back`: one click more opens the session, from a page of our own: another site has sent
/// the browser here, and what it does for another site opens nothing.
pub(crate) async fn back(
    State(state): Shared,
    headers: HeaderMap,
    Query(back): Query<Back>,
) -> Response {
    let known = state.leaving_cookie(&headers).is_some_and(|word| same(&word, &back.state));
    if !known || back.code.is_empty() {
        let e = Error::unauthenticated(
            "The city's directory did not let you in, or this sign-in was begun elsewhere; begin again.",
        );
        return failed(&state, &headers, &e);
    }
    let ended = async {
        let _place = state.directory_place()?;
        state.run(move |city| city.directory_back(&back.state, &back.code)).await
    };
    match ended.await {
        Ok(person) => {
            let link = state.city.sessions().link(person, state.city.now());
            let page = around(&state, &headers, "/console");
            Html(render(&EnterPage { page, link: link.expose().clone() })).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}
