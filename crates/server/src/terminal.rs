//! The pages on which a device, and a person with a new passkey, come in.

use crate::auth::Shared;
use crate::chrome::around;
use crate::console::failed;
use crate::guard::place_of;
use axum::extract::{Form, Query, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::Kind;
use pages::{DevicePage, RegisterPage, render};
use serde::Deserialize;

/// Query of a link, and the form behind it.
#[derive(Deserialize)]
pub(crate) struct Code {
    #[serde(default)]
    code: String,
}

/// `GET /console/device?code=…`: one more click uses the code up.
pub(crate) async fn device(
    State(state): Shared,
    headers: HeaderMap,
    Query(query): Query<Code>,
) -> Response {
    let page = around(&state, &headers, "/console/device");
    Html(render(&DevicePage { page, code: query.code })).into_response()
}

/// `POST /console/device`.
pub(crate) async fn enrol(
    State(state): Shared,
    headers: HeaderMap,
    Form(form): Form<Code>,
) -> Response {
    match state.run(move |city| city.enrol_device(&form.code)).await {
        Ok((_, cookie)) => {
            let cookie = state.cookie_of_device(cookie.expose());
            ([(header::SET_COOKIE, cookie)], Redirect::to("/console")).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// `GET /console/join?code=…`: an invited person makes a passkey. Looking uses nothing up, but guessing counts.
pub(crate) async fn join(
    State(state): Shared,
    Query(query): Query<Code>,
    request: Request,
) -> Response {
    let (place, headers) = (place_of(&request), request.headers().clone());
    let (code, now) = (query.code.clone(), state.city.now());
    let found = match state.tries.may(&place, now) {
        Ok(()) => state.run(move |city| city.invited(&code)).await,
        Err(e) => Err(e),
    };
    match found {
        Ok((person, _)) => {
            let page = around(&state, &headers, "/console");
            let invitation = query.code;
            Html(render(&RegisterPage { page, name: person.name, invitation })).into_response()
        }
        Err(e) => {
            if e.kind() == Kind::Unauthenticated {
                state.tries.failed(&place, now);
            }
            failed(&state, &headers, &e)
        }
    }
}
