//! Machine tokens: made, shown once, ended. For administrators.

use super::form::{Fields, choices, every, field, mends, moment_of, nameless, status, wrong};
use super::{back, failed, shown, sign_in};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use crate::state::AppState;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use base::{Day, Error, PersonId, Result, Time, TokenId};
use city::{City, NewToken, TokenLine, machine_actions};
use pages::{Place, TokenForm, TokenView, TokensPage, Wrong, render};
use std::collections::HashMap;

const DAY_MS: i64 = 86_400_000;
/// A token that ends within this time is shown as such.
const SOON_MS: i64 = 14 * DAY_MS;

/// What the page says besides which there are.
#[derive(Default)]
struct After {
    status: StatusCode,
    wrong: Vec<Wrong>,
    sent: Fields,
    fresh: Option<String>,
}

/// What people are called, for lists that name them by id.
pub(super) fn names(city: &City, who: &PersonId) -> Result<HashMap<PersonId, String>> {
    Ok(city.people(who)?.into_iter().map(|p| (p.id, p.name)).collect())
}

/// A day as people read it.
fn day(t: Time) -> String {
    t.to_string().chars().take(10).collect()
}

fn view(t: TokenLine, names: &HashMap<PersonId, String>, now: Time) -> TokenView {
    let state = match t.revoked {
        Some(_) => "revoked",
        None if t.expires <= now => "ended",
        None if t.expires.since(now) <= SOON_MS => "expiring",
        None => "active",
    };
    TokenView {
        id: t.id.to_string(),
        name: t.name,
        scopes: t.scope,
        by: names.get(&t.by).cloned().unwrap_or_else(|| t.by.to_string()),
        at: day(t.made),
        until: shown(t.expires),
        last_used: t.used.map(shown),
        state: state.into(),
    }
}

async fn show(state: &AppState, headers: &HeaderMap, who: PersonId, after: After) -> Response {
    let flow = move |city: &City| {
        let (tokens, now) = (city.tokens(&who)?, city.now());
        let names = names(city, &who)?;
        let mut tokens: Vec<_> = tokens.into_iter().map(|t| view(t, &names, now)).collect();
        // Those that are good for something first.
        tokens.sort_by_key(|t| !["active", "expiring"].contains(&t.state.as_str()));
        Ok((Visitor::of(city, &who)?, tokens))
    };
    match state.run(flow).await {
        Ok((visitor, tokens)) => {
            let page = around(state, headers, "/console/tokens");
            let scopes: Vec<_> = machine_actions().filter(|name| visitor.may(name)).collect();
            let page = TokensPage {
                page: signed_in(page, visitor, Place::Tokens),
                wrong: after.wrong,
                tokens,
                scopes: choices(scopes, &after.sent, "scopes"),
                form: TokenForm {
                    name: field(&after.sent, "name").to_owned(),
                    until: field(&after.sent, "expires").to_owned(),
                },
                fresh: after.fresh,
            };
            (after.status, Html(render(&page))).into_response()
        }
        Err(e) => failed(state, headers, &e),
    }
}

/// `GET /console/tokens`.
pub(crate) async fn list(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    show(&state, &headers, who, After::default()).await
}

/// The end of a day that a date field names, by the clocks that every field goes by.
fn end_of(date: &str) -> Option<Time> {
    let day: Day = date.parse().ok()?;
    moment_of(&format!("{}T00:00", day.next())).ok()
}

/// The token that a form wants.
fn wanted(sent: &Fields) -> std::result::Result<NewToken, Vec<Wrong>> {
    let mut all = Vec::new();
    all.extend(nameless(sent, "name", "Write what program it is, in 1 to 80 characters."));
    let scope: Vec<String> = every(sent, "scopes").map(str::to_owned).collect();
    if scope.is_empty() {
        all.push(wrong("scopes", "Tick at least one thing that it may do."));
    }
    let expires = end_of(field(sent, "expires"));
    if expires.is_none() {
        all.push(wrong("expires", "Choose the last day, within a year, as 2027-01-31."));
    }
    match expires.filter(|_| all.is_empty()) {
        Some(expires) => Ok(NewToken { name: field(sent, "name").to_owned(), scope, expires }),
        None => Err(all),
    }
}

/// `POST /console/tokens`: makes one; it is shown this once.
pub(crate) async fn make(
    State(state): Shared,
    headers: HeaderMap,
    Form(sent): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let bad = StatusCode::BAD_REQUEST;
    let new = match wanted(&sent) {
        Ok(new) => new,
        Err(wrong) => {
            let after = After { status: bad, wrong, sent, fresh: None };
            return show(&state, &headers, who, after).await;
        }
    };
    let by = who.clone();
    match state.run(move |city| city.new_token(&by, new)).await {
        Ok(made) => {
            let after = After { fresh: Some(made.token), ..After::default() };
            show(&state, &headers, who, after).await
        }
        Err(e) if mends(&e) => {
            let wrong = vec![wrong("", e.message())];
            let after = After { status: status(&e), wrong, sent, fresh: None };
            show(&state, &headers, who, after).await
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// `POST /console/tokens/{id}/revoke`.
pub(crate) async fn revoke(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let flow = move |city: &City| {
        let id: TokenId = id.parse().map_err(|_| Error::not_found("There is no such token."))?;
        city.revoke_token(&who, &id)
    };
    back(&state, &headers, "/console/tokens", state.run(flow).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_until_the_end_of_its_day() {
        let check = |date: &str, want: Option<&str>| {
            let end = end_of(date).map(|t| t.to_string());
            assert_eq!(end.as_deref(), want, "{date}");
        };
        check("2027-01-31", Some("2027-02-01T00:00:00.000Z"));
        check("2027-02-30", None);
        check("", None);
        check("tomorrow", None);
    }
}
