//! What every request of a browser to the console passes first: whose session it is, from where, and whether
//! its device may do more than look.
//!
//! Here, and not in the pages, so that no page can forget it: a POST comes from our own page, carries the
//! session's secret word, and is not a wall's.

use crate::auth::{BODY_MAX, same_origin, single};
use crate::console::{CLOCKS, ended, failed, for_part};
use crate::limits::{address_of, name_of};
use crate::problem::Problem;
use crate::state::{AppState, State};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::{Error, PersonId, Result};
use identity::Session;

/// The form field, and the header of programs in pages, with the session's secret word.
const FIELD: &str = "csrf";
const HEADER: &str = "x-csrf";
/// The header of what a page asks for by itself, and the address that it listens at.
const LIVE: &str = "x-live";
const EVENTS: &str = "/console/events";
/// The ways in: who takes one may have an old session, whose word the page does not know.
const WAYS_IN: [&str; 6] = [
    "/console/enter",
    "/console/device",
    "/console/passkey/signin/start",
    "/console/passkey/signin/finish",
    "/console/passkey/register/start",
    "/console/passkey/register/finish",
];
/// What a wall shows.
const WALL: [&str; 4] = ["/console", "/console/hits", "/console/events", "/console/map.json"];
/// And what its map is drawn from.
const MAP: &str = "/console/map/";
/// What a wall may do: sign in, and out.
const WALL_ACTS: [&str; 5] = [
    "/console/enter",
    "/console/leave",
    "/console/device",
    "/console/passkey/signin/start",
    "/console/passkey/signin/finish",
];

/// Where a request comes from, as coarse as it counts.
pub(crate) fn place_of(request: &Request) -> String {
    address_of(request).map_or_else(|| "unknown".into(), name_of)
}

/// Whether two secrets are the same; how long it takes tells nothing about where they differ.
pub(crate) fn same(a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> bool {
    let (a, b) = (a.as_ref(), b.as_ref());
    let differ = a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b));
    a.len() == b.len() && differ == 0
}

/// Whether a request carries its session's word.
pub(crate) fn has_word(headers: &HeaderMap, session: &Session) -> Result<()> {
    if single(headers, HEADER).is_some_and(|word| same(&word, &session.csrf)) {
        Ok(())
    } else {
        Err(no_word())
    }
}

/// What is told where a form has not its session's word.
const NO_WORD: &str = "This form is from another session; open the page again and repeat it.";

fn no_word() -> Error {
    Error::forbidden(NO_WORD)
}

/// Whether a path is one of those that people sign in for.
pub(crate) fn for_people(path: &str) -> bool {
    ["/console", "/field"].iter().any(|room| {
        path.strip_prefix(room).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Lets a browser's request through, or not.
pub(crate) async fn guard(
    axum::extract::State(state): axum::extract::State<State>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    if !for_people(&path) {
        return next.run(request).await;
    }
    let headers = request.headers().clone();
    match state.may_pass(&path, request).await {
        Ok(request) => CLOCKS.scope(state.city.clone(), next.run(request)).await,
        Err(e) if path.starts_with("/console/passkey/") || path == "/console/notify/browser" => {
            Problem(e).into_response()
        }
        // The page is of a session before; it may take over the word of this one.
        Err(e) if for_part(&headers) && e.message() == NO_WORD => {
            ended(&state, &headers, StatusCode::FORBIDDEN)
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

impl AppState {
    async fn may_pass(&self, path: &str, request: Request) -> Result<Request> {
        let looks = matches!(*request.method(), Method::GET | Method::HEAD);
        if !looks {
            same_origin(request.headers(), self.ceremonies.site().origin())?;
        }
        let (token, place) = (self.token(request.headers()), place_of(&request));
        // What a page asks for by itself keeps nobody signed in.
        let by_hand = !(looks && (request.headers().contains_key(LIVE) || path == EVENTS));
        let Some(session) = self.seen(token, place, by_hand).await? else { return Ok(request) };
        let allowed: &[&str] = if looks { &WALL } else { &WALL_ACTS };
        let shown = allowed.contains(&path) || (looks && path.starts_with(MAP));
        if !session.may_act() && !shown {
            return Err(Error::forbidden(
                "This device shows hits and nothing else; use another one to do something.",
            ));
        }
        if looks || WAYS_IN.contains(&path) {
            return Ok(request);
        }
        if request.headers().contains_key(HEADER) {
            has_word(request.headers(), &session)?;
            return Ok(request);
        }
        has_field(request, &session).await
    }

    /// The session of a request, which is used by it. A second place is put on the log.
    async fn seen(
        &self,
        token: Option<String>,
        place: String,
        by_hand: bool,
    ) -> Result<Option<Session>> {
        let now = self.city.now();
        let Some(token) = token else { return Ok(None) };
        let seen = match by_hand {
            true => self.city.sessions().who(&token, &place, now),
            false => self.city.sessions().glance(&token, &place, now),
        };
        let Some(seen) = seen else { return Ok(None) };
        if seen.elsewhere
            && let Err(e) = self.two_places(seen.session.person.clone()).await
        {
            // The next request from there passes no more than this one before it is on the log.
            self.city.sessions().forget_place(&token, &place, now);
            return Err(e);
        }
        Ok(Some(seen.session))
    }

    /// Says that somebody uses the console at two places.
    pub(crate) async fn two_places(&self, person: PersonId) -> Result<()> {
        self.run_first(move |city| city.at_two_places(&person)).await
    }
}

/// Whether a form carries its session's word; the form is read for that, and handed on whole.
async fn has_field(request: Request, session: &Session) -> Result<Request> {
    let kind = single(request.headers(), header::CONTENT_TYPE.as_str()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(no_word());
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_MAX)
        .await
        .map_err(|e| Error::too_large("The form is too large.").because(e))?;
    // The word is hex digits: they are spelled in a form as they are.
    let prefix = format!("{FIELD}=");
    let mut words = body
        .split(|b| *b == b'&')
        .filter_map(|pair| std::str::from_utf8(pair).ok()?.strip_prefix(&prefix));
    match (words.next(), words.next()) {
        (Some(word), None) if same(word, &session.csrf) => {
            Ok(Request::from_parts(parts, Body::from(body)))
        }
        _ => Err(no_word()),
    }
}
