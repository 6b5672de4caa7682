//! How somebody is told of hits when they are not at the console: their address, their devices, a try of both. And
//! the script that a browser runs when it is told something.

use crate::auth::{Shared, body_of, json};
use crate::chrome::{Visitor, around, signed_in};
use crate::console::form::{Fields, field, mends, status, wrong};
use crate::console::{failed, shown, sign_in};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Form, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::{Error, PersonId, Result};
use city::{Browser, BrowserLine, City, LastLine, TestLine, TestOutcome, Told};
use pages::{BrowserView, LastView, NotifyPage, Page, TriedView, Wrong, render};
use serde_json::json as object;

const HERE: &str = "/console/notify";

/// What the page says besides how it stands.
#[derive(Default)]
struct After {
    status: StatusCode,
    wrong: Vec<Wrong>,
    confirm: String,
    sent: String,
    tried: Option<Vec<TestLine>>,
}

async fn show(state: &AppState, headers: &HeaderMap, who: PersonId, after: After) -> Response {
    let flow = move |city: &City| Ok((Visitor::of(city, &who)?, city.told(&who)?));
    match state.run(flow).await {
        Ok((visitor, told)) => {
            let page = signed_in(around(state, headers, HERE), visitor, None);
            let status = after.status;
            (status, Html(render(&view(page, told, after)))).into_response()
        }
        Err(e) => failed(state, headers, &e),
    }
}

fn view(page: Page, told: Told, after: After) -> NotifyPage {
    let browser = |b: BrowserLine| BrowserView { id: b.id, name: b.name, at: shown(b.made) };
    let last = |l: LastLine| LastView {
        number: l.number,
        at: shown(l.made),
        state: l.state,
        said: l.said,
    };
    let tried = |t: TestLine| TriedView {
        to: t.to,
        failed: match t.outcome {
            TestOutcome::Sent => None,
            TestOutcome::Failed(why) => Some(why),
        },
    };
    NotifyPage {
        page,
        wrong: after.wrong,
        decides: told.decides,
        mail_there: told.mail_there,
        address: told.address,
        mail: told.mail,
        pending: told.pending,
        confirm: after.confirm,
        sent: after.sent,
        push_key: told.push_key.unwrap_or_default(),
        browsers: told.browsers.into_iter().map(browser).collect(),
        tried: after.tried.map(|tried_ones| tried_ones.into_iter().map(tried).collect()),
        last: told.last.into_iter().map(last).collect(),
    }
}

/// The page again after something was done; with the sentence beside the field where it was not.
async fn again(
    state: &AppState,
    headers: &HeaderMap,
    who: PersonId,
    named: &str,
    sent: String,
    done: Result<()>,
) -> Response {
    match done {
        Ok(()) => Redirect::to(HERE).into_response(),
        Err(e) if mends(&e) || e.kind() == base::Kind::Unavailable => {
            crate::problem::note(&e);
            let wrong = vec![wrong(named, e.message())];
            let after = After { status: status(&e), wrong, sent, ..After::default() };
            show(state, headers, who, after).await
        }
        Err(e) => failed(state, headers, &e),
    }
}

/// `GET /console/notify`.
pub(crate) async fn page(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    show(&state, &headers, who, After::default()).await
}

/// `GET /console/notify/confirm/{code}`: the link of a mail. Looking uses nothing up.
pub(crate) async fn confirming(
    State(state): Shared,
    headers: HeaderMap,
    Path(confirm): Path<String>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    show(&state, &headers, who, After { confirm, ..After::default() }).await
}

/// `POST /console/notify/address`: sends the link that makes an address one's own.
pub(crate) async fn address(
    State(state): Shared,
    headers: HeaderMap,
    Form(sent): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let address = field(&sent, "address").to_owned();
    let lang = around(&state, &headers, HERE).lang.code();
    let (by, to) = (who.clone(), address.clone());
    let done = state.run(move |city| city.set_address(&by, &to, lang)).await;
    again(&state, &headers, who, "address", address, done).await
}

/// `POST /console/notify/confirm`: uses the link's code up.
pub(crate) async fn confirm(
    State(state): Shared,
    headers: HeaderMap,
    Form(sent): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let (by, code) = (who.clone(), field(&sent, "code").to_owned());
    let done = state.run(move |city| city.confirm_address(&by, &code)).await;
    again(&state, &headers, who, "", String::new(), done).await
}

/// `POST /console/notify/mail`: on, off, or the address forgotten.
pub(crate) async fn mail(
    State(state): Shared,
    headers: HeaderMap,
    Form(sent): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let (on, forget) = match field(&sent, "mail") {
        "on" => (true, false),
        "off" => (false, false),
        "forget" => (false, true),
        _ => {
            let e = Error::invalid("Mail is on, off, or the address is forgotten.");
            return failed(&state, &headers, &e);
        }
    };
    let by = who.clone();
    let done = state.run(move |city| city.set_mail(&by, on, forget)).await;
    again(&state, &headers, who, "", String::new(), done).await
}

/// `POST /console/notify/remove`: one device is told no longer.
pub(crate) async fn remove(
    State(state): Shared,
    headers: HeaderMap,
    Form(sent): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let (by, id) = (who.clone(), field(&sent, "id").to_owned());
    let done = state.run(move |city| city.remove_browser(&by, &id)).await;
    again(&state, &headers, who, "", String::new(), done).await
}

/// `POST /console/notify/test`: tries every way to this person, and says how each went.
pub(crate) async fn test(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let by = who.clone();
    match state.run(move |city| city.test_ways(&by)).await {
        Ok(tried) => {
            show(&state, &headers, who, After { tried: Some(tried), ..After::default() }).await
        }
        Err(e) => again(&state, &headers, who, "", String::new(), Err(e)).await,
    }
}

/// `POST /console/notify/browser`: a browser registers itself; JSON for the script of the page.
pub(crate) async fn browser(
    State(state): Shared,
    request: Request,
) -> std::result::Result<Response, Problem> {
    let headers = request.headers().clone();
    let who = state
        .visitor(&headers)
        .ok_or_else(|| Error::unauthenticated("Your session has ended; sign in again."))?;
    let browser: Browser = json(&body_of(request).await?)?;
    let lang = around(&state, &headers, HERE).lang.code();
    state.run(move |city| city.add_browser(&who, browser, lang)).await?;
    Ok(Json(object!({})).into_response())
}

/// `GET /sw.js`: its place says which pages it is for, so it is at the top; its name never changes, so it is asked
/// for anew each time.
pub(crate) async fn worker() -> std::result::Result<Response, Problem> {
    let found = pages::worker().ok_or_else(|| Error::not_found("There is no such file."))?;
    let headers = [(header::CONTENT_TYPE, found.kind), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, found.bytes).into_response())
}
