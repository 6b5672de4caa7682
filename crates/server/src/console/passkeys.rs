//! One's own passkeys: which there are, another one, one less.

use super::form::{Fields, field, mends, status, wrong};
use super::{failed, shown, sign_in};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use crate::state::AppState;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::{Error, Kind, PersonId};
use identity::Passkey;
use pages::{PasskeyView, PasskeysPage, render};

fn view(passkey: &Passkey) -> PasskeyView {
    PasskeyView {
        id: passkey.id.clone(),
        label: passkey.label.clone(),
        added: shown(passkey.added),
        used: passkey.used.map(shown),
    }
}

/// The page; with what was wrong, if something was.
async fn show(
    state: &AppState,
    headers: &HeaderMap,
    who: PersonId,
    failure: Option<Error>,
) -> Response {
    let code = failure.as_ref().map_or(StatusCode::OK, status);
    match state.run(move |city| Visitor::of(city, &who)).await {
        Ok(visitor) => {
            let passkeys: Vec<_> = visitor.person.passkeys.iter().map(view).collect();
            let person = &visitor.person;
            let may_remove =
                passkeys.len() > 1 || person.key.is_some() || person.directory.is_some();
            let page = around(state, headers, "/console/passkey");
            let page = PasskeysPage {
                page: signed_in(page, visitor, None),
                wrong: failure.iter().map(|e| wrong("", e.message())).collect(),
                passkeys,
                may_remove,
            };
            (code, Html(render(&page))).into_response()
        }
        Err(e) => failed(state, headers, &e),
    }
}

/// `GET /console/passkey`.
pub(crate) async fn list(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    show(&state, &headers, who, None).await
}

/// `POST /console/passkeys/remove`.
pub(crate) async fn remove(
    State(state): Shared,
    headers: HeaderMap,
    Form(sent): Form<Fields>,
) -> Response {
    let Some(session) = state.session(&headers) else { return sign_in(&state, &headers) };
    let (who, id) = (session.person.clone(), field(&sent, "id").to_owned());
    let (by, here) = (who.clone(), state.token(&headers));
    let removed = async {
        state.just_there(&session).await?;
        state.run(move |city| city.remove_passkey(&by, &id, here.as_deref())).await
    };
    match removed.await {
        Ok(()) => Redirect::to("/console/passkey").into_response(),
        Err(e) if mends(&e) || e.kind() == Kind::Forbidden => {
            show(&state, &headers, who, Some(e)).await
        }
        Err(e) => failed(&state, &headers, &e),
    }
}
