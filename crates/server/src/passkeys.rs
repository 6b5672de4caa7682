//! Passkeys at the console: signing in, adding one, confirming something. JSON for the scripts of pages.
//!
//! Each is a start, which gives what `navigator.credentials` wants, and a finish, which gives where to go.

use crate::auth::{Shared, body_of, json, small_body};
use crate::confirm::Confirmed;
use crate::guard::{has_word, place_of};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base::{Error, Kind, PersonId, Result, Secret};
use identity::{Confirming, Person, Session, Started, challenge_of};
use serde::Deserialize;
use serde_json::{Value, json};

/// How long after somebody was seen to be there their passkeys may be changed, in milliseconds.
const FRESH_MS: i64 = 600_000;

/// What a browser answers when more comes with it.
#[derive(Deserialize)]
struct Finish {
    credential: Value,
}

/// A passkey that is to be made.
#[derive(Deserialize)]
struct Register {
    /// An invitation's code; where it is empty the session says who it is.
    #[serde(default)]
    invitation: String,
    label: String,
}

/// A passkey that is to go.
#[derive(Deserialize)]
struct Remove {
    id: String,
}

type Begun = Result<Json<Started>, Problem>;
type Done = Result<Response, Problem>;

fn go(location: &str) -> Response {
    Json(json!({ "location": location })).into_response()
}

fn no_session() -> Error {
    Error::unauthenticated("Your session has ended; sign in again.")
}

/// `POST /console/passkey/signin/start`.
pub(crate) async fn start_sign_in(State(state): Shared, request: Request) -> Begun {
    let (place, now) = (place_of(&request), state.city.now());
    // A body that nobody reads ends the connection, and with bad luck the next request on it.
    small_body(request).await?;
    state.tries.may(&place, now)?;
    Ok(Json(state.ceremonies.start_sign_in(now)))
}

/// `POST /console/passkey/signin/finish`.
pub(crate) async fn finish_sign_in(State(state): Shared, request: Request) -> Done {
    let (place, headers) = (place_of(&request), request.headers().clone());
    let answer: Value = json(&small_body(request).await?)?;
    let now = state.city.now();
    let names = [place.clone(), credential_of(&answer)];
    for name in &names {
        state.tries.may(name, now)?;
    }
    match state.answered(&answer).await {
        Ok((person, passkey)) => {
            names.iter().for_each(|name| state.tries.succeeded(name));
            Ok(state.begin(person, passkey, &headers, place).await?)
        }
        Err(e) => {
            if e.kind() == Kind::Unauthenticated {
                names.iter().for_each(|name| state.tries.failed(name, now));
            }
            Err(e.into())
        }
    }
}

/// The name under which a credential's failures count.
fn credential_of(credential: &Value) -> String {
    let id = credential.get("id").and_then(Value::as_str).unwrap_or_default();
    format!("credential {}", base::hex(&base::sha256(id.as_bytes())))
}

/// `POST /console/passkey/register/start`.
pub(crate) async fn start_registration(State(state): Shared, request: Request) -> Begun {
    let (place, headers) = (place_of(&request), request.headers().clone());
    let asked: Register = json(&small_body(request).await?)?;
    let now = state.city.now();
    let (person, invitation) = match asked.invitation {
        code if !code.trim().is_empty() => {
            state.tries.may(&place, now)?;
            let found = state.run(move |city| city.invited(&code)).await;
            let (person, hash) = found.inspect_err(|e| {
                if e.kind() == Kind::Unauthenticated {
                    state.tries.failed(&place, now);
                }
            })?;
            (person, Some(hash))
        }
        _ => {
            let session = state.acting(&headers)?;
            (state.just_there(&session).await?, None)
        }
    };
    Ok(Json(state.ceremonies.start_registration(&person, invitation, &asked.label, now)?))
}

/// `POST /console/passkey/register/finish`. Who was invited is signed in by it.
pub(crate) async fn finish_registration(State(state): Shared, request: Request) -> Done {
    let (place, headers) = (place_of(&request), request.headers().clone());
    let answer: Finish = json(&small_body(request).await?)?;
    let now = state.city.now();
    let ceremony = challenge_of(&answer.credential)?;
    let made = state.ceremonies.finish_registration(&ceremony, &answer.credential, now)?;
    let invited = made.invitation.is_some();
    if !invited && state.acting(&headers)?.person != made.person {
        return Err(no_session().into());
    }
    let passkey = made.passkey.id.clone();
    let person = state.run(move |city| city.add_passkey(made)).await?;
    if invited {
        return Ok(state.begin(person, passkey, &headers, place).await?);
    }
    Ok(go("/console/passkey"))
}

/// `POST /console/passkey/remove`: one of the person's own.
pub(crate) async fn remove(State(state): Shared, request: Request) -> Done {
    let session = state.acting(request.headers())?;
    let here = state.token(request.headers());
    let gone: Remove = json(&small_body(request).await?)?;
    state.just_there(&session).await?;
    state.run(move |city| city.remove_passkey(&session.person, &gone.id, here.as_deref())).await?;
    Ok(go("/console"))
}

/// `POST /console/passkey/confirm/start`: `what` says which sort of thing is confirmed, the rest is its own. What
/// nobody has to confirm is answered with `needless`.
pub(crate) async fn start_confirmation(State(state): Shared, request: Request) -> Done {
    let session = state.acting(request.headers())?;
    let what: Value = json(&body_of(request).await?)?;
    let sort = state.sort_of(&what)?;
    let (who, fields) = (session.person.clone(), what.clone());
    let (person, message) = state
        .run_first(move |city| Ok((city.person(&who)?, sort.message(city, &who, &fields)?)))
        .await?;
    let Some(message) = message else {
        return Ok(Json(json!({ "needless": true })).into_response());
    };
    let asked = Confirming { person: session.person, message, what };
    let now = state.city.now();
    let started = state.ceremonies.start_confirmation(asked, &person.passkeys, now)?;
    Ok(Json(started).into_response())
}

/// `POST /console/passkey/confirm/finish`, for sorts that need no form of their own.
pub(crate) async fn finish_confirmation(State(state): Shared, request: Request) -> Done {
    let headers = request.headers().clone();
    state.acting(&headers)?;
    let answer: Finish = json(&small_body(request).await?)?;
    let confirmed = state.confirmed(&headers, &answer.credential).await?;
    let sort = state.sort_of(&confirmed.fields)?;
    let location = state.run_first(move |city| sort.confirmed(city, confirmed)).await?;
    Ok(go(&location))
}

impl AppState {
    /// The session of a request that does something: open, at a device that may, with its secret word.
    fn acting(&self, headers: &HeaderMap) -> Result<Session> {
        let session = self.session(headers).ok_or_else(no_session)?;
        has_word(headers, &session)?;
        if session.may_act() {
            Ok(session)
        } else {
            Err(Error::forbidden("This device shows hits and nothing else."))
        }
    }

    /// The person of a session, if they were there within ten minutes: a passkey of theirs has answered, or the session has
    /// begun. A desk that somebody left open must not make a key that signs in their name, nor make room for one.
    ///
    /// # Errors
    /// They were not. That the directory has opened the session counts for the first passkey alone: whoever breaks into the
    /// directory signs for nobody.
    pub(crate) async fn just_there(&self, session: &Session) -> Result<Person> {
        let (who, now) = (session.person.clone(), self.city.now());
        let person = self.run_first(move |city| city.person(&who)).await?;
        let counts = person.passkeys.is_empty() || person.directory.is_none();
        let seen = session.verified.or(counts.then_some(session.begun));
        if seen.is_some_and(|at| now.since(at).abs() <= FRESH_MS) {
            return Ok(person);
        }
        Err(Error::forbidden(
            "Sign in again, with a passkey if you have one, and do this within ten minutes; if your only one is lost or stolen, ask two administrators.",
        ))
    }

    /// What the person of this session has confirmed, with the signature over it. A form that is confirmed
    /// sends the answer as its field `assertion`; what holds is [`Confirmed::fields`], not the form.
    pub(crate) async fn confirmed(
        &self,
        headers: &HeaderMap,
        credential: &Value,
    ) -> Result<Confirmed> {
        let session = self.session(headers).ok_or_else(no_session)?;
        let now = self.city.now();
        let ceremony = challenge_of(credential)?;
        let asked = self.ceremonies.take_confirmation(&ceremony, &session.person, now)?;
        let answer = self.ceremonies.read(credential)?;
        let token = self.token(headers);
        let done = self.run_first(move |city| {
            let claimed = city.passkey_of(&asked.person, &answer)?;
            let (signature, counter) =
                claimed.passkey.confirms(&asked.message, &answer.assertion)?;
            city.passkey_answered(&claimed, counter)?;
            if let Some(token) = token {
                city.sessions().verified(&token, now);
            }
            Ok(Confirmed {
                person: asked.person,
                key: claimed.passkey.key,
                signature,
                message: asked.message,
                fields: asked.what,
            })
        });
        done.await
    }

    /// The person whose passkey answered, and which one it was; the ceremony is used up whatever it said.
    async fn answered(&self, credential: &Value) -> Result<(PersonId, String)> {
        let ceremony = challenge_of(credential)?;
        let challenge = self.ceremonies.take_sign_in(&ceremony, self.city.now())?;
        let answer = self.ceremonies.read(credential)?;
        let done = self.run_first(move |city| {
            let claimed = city.claimed(&answer)?;
            let counter = claimed.passkey.answers(&challenge, &answer.assertion)?;
            Ok((city.passkey_answered(&claimed, counter)?.id, claimed.passkey.id))
        });
        done.await
    }

    /// Ends the session behind a token.
    pub(crate) async fn end_session(&self, token: String) -> Result<()> {
        self.run_first(move |city| city.sessions().end(&token)).await
    }

    /// Begins a session, by the passkey that has answered or by a link, in place of one that this browser had; the answer
    /// sets its cookie.
    pub(crate) async fn open_session(
        &self,
        person: PersonId,
        passkey: Option<String>,
        headers: &HeaderMap,
        place: String,
    ) -> Result<Secret<String>> {
        if let Some(old) = self.token(headers) {
            self.end_session(old).await?;
        }
        let (device, who) = (self.device_cookie(headers), person.clone());
        let begun = move |city: &city::City| {
            city.begin_session(&who, passkey.as_deref(), device.as_deref(), place)
        };
        let opened = self.run_first(begun).await?;
        if opened.elsewhere.is_some()
            && let Err(e) = self.two_places(person).await
        {
            // Nobody gets its cookie: it would count as somebody at the desk.
            self.end_session(opened.token.expose().clone()).await?;
            return Err(e);
        }
        Ok(opened.token)
    }

    async fn begin(
        &self,
        person: PersonId,
        passkey: String,
        headers: &HeaderMap,
        place: String,
    ) -> Result<Response> {
        let token = self.open_session(person, Some(passkey), headers, place).await?;
        let cookie = self.session_cookie(token.expose());
        Ok(([(header::SET_COOKIE, cookie)], go("/console")).into_response())
    }
}
