//! Orders to switch off and on: given, entered at cameras, heard by cameras, answered, and shown to everybody.

use crate::auth::{Shared, json};
use crate::chrome::around;
use crate::console::shown;
use crate::paging::query_of;
use crate::people::Answered;
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use base::{Error, OrderId, Result, Signed};
use city::{Certificate, OffLine, OffReceipt, OffState, Ordered};
use pages::{OffPage, OffRow, render};
use read::{CameraOff, Order, OrderFile, Word};
use serde::Deserialize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use utoipa::IntoParams;

/// The longest time that a camera's question is held back.
const HELD_S: u32 = 30;
/// So many questions are held at a time; more are answered at once.
const HELD: usize = 5000;

fn order_id(text: &str) -> Result<OrderId> {
    text.parse().map_err(|_| {
        Error::not_found("There is no such order to switch off on the log, or not yet.")
    })
}

/// Switches something off, or on again, now or at a time. The order itself is signed with the person's key, too.
#[utoipa::path(post, path = "/v1/orders", tag = "people",
    request_body = Signed<Order>,
    responses((status = 200, description = "What became of it", body = Ordered)))]
pub(crate) async fn order(State(state): Shared, request: Request) -> Answered<Ordered> {
    let (who, body) = state.person(request).await?;
    let order: Signed<Order> = json(&body)?;
    Ok(Json(state.run_first(move |city| city.order(&who, order)).await?))
}

/// An order from a file that was entered at this camera while it could not reach the city. It counts for all
/// that it names.
#[utoipa::path(post, path = "/v1/orders/at-camera", tag = "cameras",
    request_body = OrderFile,
    responses((status = 200, description = "What became of it", body = Ordered)))]
pub(crate) async fn at_camera(
    State(state): Shared,
    request: Request,
) -> Result<Json<Ordered>, Problem> {
    let (camera, body) = state.camera(request).await?;
    let file = OrderFile::parse(&body)?;
    Ok(Json(state.run_first(move |city| city.order_at_camera(&camera, &file)).await?))
}

/// What became of an order to switch capture off, camera by camera. It changes as they answer.
#[utoipa::path(get, path = "/v1/orders/{id}", tag = "public",
    params(("id" = OrderId, Path)),
    responses((status = 200, description = "The receipt", body = OffReceipt)))]
pub(crate) async fn receipt(
    State(state): Shared,
    Path(id): Path<String>,
) -> Result<Json<OffReceipt>, Problem> {
    let id = order_id(&id)?;
    Ok(Json(state.run(move |city| city.order_receipt(&id)).await?))
}

/// The off certificate: the order's entry and the cameras' answers, each with its proof. `homeplate verify
/// --certificate` checks it without asking anybody.
#[utoipa::path(get, path = "/v1/orders/{id}/certificate", tag = "public",
    params(("id" = OrderId, Path)),
    responses((status = 200, description = "The certificate", body = Certificate)))]
pub(crate) async fn certificate(
    State(state): Shared,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = order_id(&id)?;
    let made = state.run(move |city| city.order_certificate(&id)).await?;
    let name = format!("attachment; filename=\"{id}.off.json\"");
    Ok(([(header::CONTENT_DISPOSITION, name)], Json(made)).into_response())
}

/// How long a camera waits for a word.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct WordQuery {
    /// The `tag` of the word that was heard last; the answer is held back while it is the same.
    #[serde(default)]
    pub heard: String,
    /// For so many seconds at the most, up to 30; 0 where it is left out.
    #[serde(default)]
    #[param(maximum = 30)]
    pub wait: u32,
}

/// Counts a held question for as long as it is held.
struct Seat<'a>(&'a AppState);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The city's word to this camera: may it go on, and whose orders say no. Held back until it changes, so that an
/// order is heard at once.
#[utoipa::path(get, path = "/v1/word", tag = "cameras", params(WordQuery),
    responses((status = 200, description = "The word", body = Word)))]
pub(crate) async fn word(State(state): Shared, request: Request) -> Result<Json<Word>, Problem> {
    let asked: WordQuery = query_of(request.uri(), "Give `heard` and `wait`, and nothing else.")?;
    let (camera, _) = state.camera(request).await?;
    let end = Instant::now() + Duration::from_secs(asked.wait.min(HELD_S).into());
    let mut turned = state.city.turned();
    let mut closing = state.closing();
    let free = state.held.fetch_add(1, Ordering::Relaxed) < HELD;
    let seat = Seat(&state);
    loop {
        turned.borrow_and_update();
        // From memory: a held question costs no thread and no query.
        let now = state.city.standing(&camera);
        if now.tag != asked.heard || !free || Instant::now() >= end || *closing.borrow() {
            break;
        }
        let next = now.next_ms.map(|ms| Duration::from_millis(ms.max(1).unsigned_abs()));
        let wake = next.map_or(end, |next| end.min(Instant::now() + next));
        tokio::select! {
            _ = closing.changed() => {}
            _ = turned.changed() => {}
            () = sleep_until(wake) => {}
        }
    }
    drop(seat);
    Ok(Json(state.run_first(move |city| city.word(&camera)).await?))
}

/// A camera says that it is off, by which order, and which frame was its last. The statement is signed with the
/// device key, like the request.
#[utoipa::path(post, path = "/v1/offs", tag = "cameras",
    request_body = Signed<CameraOff>,
    responses((status = 200, description = "Noted")))]
pub(crate) async fn off(State(state): Shared, request: Request) -> Result<Json<()>, Problem> {
    let (camera, body) = state.camera(request).await?;
    let off: Signed<CameraOff> = json(&body)?;
    Ok(Json(state.run_first(move |city| city.camera_off(&camera, &off)).await?))
}

fn row(line: OffLine) -> OffRow {
    OffRow {
        id: line.camera.to_string(),
        name: line.name,
        foreign: line.state == OffState::Foreign,
        state: line.state.as_str().into(),
        at: line.at.map(shown),
        frames: line.frames,
        reads: line.counter,
        erased: line.spool.as_deref() == Some("erased"),
        lease_until: line.lease_until.map(shown),
        log_entry: line.log_entry,
    }
}

/// `GET /off/{id}`: the receipt as a page, which is also the off certificate on paper.
pub(crate) async fn page(
    State(state): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Html<String>, Problem> {
    let id = order_id(&id)?;
    let flow = move |city: &city::City| Ok((city.order_receipt(&id)?, city.log_name()?));
    let (receipt, log) = state.run(flow).await?;
    let origin = state.city.config().server.public_url.clone();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = origin.unwrap_or_else(|| format!("http://{host}"));
    Ok(Html(render(&OffPage {
        page: around(&state, &headers, &format!("/off/{id}")),
        id: id.to_string(),
        now: shown(receipt.now),
        now_exact: receipt.now.to_string(),
        reason: receipt.reason,
        by: receipt.by,
        all: receipt.all,
        group: receipt.group.unwrap_or_default(),
        from: shown(receipt.from),
        from_exact: receipt.from.to_string(),
        begun: receipt.from <= receipt.now,
        void: receipt.over.is_some_and(|over| over <= receipt.from),
        until: receipt.until.map(shown),
        over: receipt.over.map(shown),
        erase: receipt.spool == "erase",
        entered_at: receipt.entered_at,
        log_entry: receipt.log_entry,
        done: receipt.done,
        lines: receipt.cameras.into_iter().map(row).collect(),
        address: format!("{}/v1/orders/{id}/certificate", origin.trim_end_matches('/')),
        vkey: log.vkey,
        witness: log.witness,
    })))
}
