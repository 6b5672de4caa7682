//! Questions: answered at once, or as a stream that tells how far it is and ends when the asker goes.

use crate::auth::{Shared, json};
use crate::problem::{Problem, ProblemDocument, document, note};
use crate::state::State as Held;
use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base::PersonId;
use city::{Ask, Preview};
use futures_util::stream::unfold;
use serde_json::{Value, json};
use std::convert::Infallible;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use utoipa::ToSchema;

/// One line of an answer that comes in lines; the last one is no progress.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "the form alone; `streamed` writes it")]
pub(crate) enum Line {
    /// How far the question is.
    Progress(city::Progress),
    /// The answer.
    Answer(city::Answer),
    /// Why there is none.
    Problem(ProblemDocument),
}

/// One JSON value a line.
const LINES: &str = "application/x-ndjson";
/// Progress that the asker has not taken yet; more is left out.
const WAITING: usize = 16;

/// A question: on the log first, then answered.
///
/// With `Accept: application/x-ndjson` the answer comes in lines: `{"progress"}` as often as it
/// moves, and at the end `{"answer"}` or `{"problem"}`.
#[utoipa::path(post, path = "/v1/ask", tag = "people",
    request_body = Ask,
    responses((status = 200, description = "The answer, with plates in the clear", content(
        (city::Answer = "application/json"),
        (Line = "application/x-ndjson"),
    ))))]
pub(crate) async fn ask(State(state): Shared, request: Request) -> Result<Response, Problem> {
    let stream = wants_lines(request.headers());
    let (who, body) = state.person(request).await?;
    let ask: Ask = json(&body)?;
    let place = state.scan_place(&ask)?;
    if stream {
        return Ok(streamed(state, who, ask, place));
    }
    let done = state
        .run_first(move |city| {
            let _place = place;
            city.ask(&who, ask)
        })
        .await;
    state.metrics.asked(&done);
    Ok(Json(done?).into_response())
}

/// What the rules would say to a question; no read is touched.
#[utoipa::path(post, path = "/v1/ask/preview", tag = "people",
    request_body = Ask,
    responses((status = 200, description = "What the rules would say", body = Preview)))]
pub(crate) async fn preview(
    State(state): Shared,
    request: Request,
) -> Result<Json<Preview>, Problem> {
    let (who, body) = state.person(request).await?;
    let ask: Ask = json(&body)?;
    Ok(Json(state.run_first(move |city| city.preview(&who, ask)).await?))
}

fn wants_lines(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    accepted.is_some_and(|all| all.split(',').any(|one| one.trim().starts_with(LINES)))
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn streamed(state: Held, who: PersonId, ask: Ask, place: Option<OwnedSemaphorePermit>) -> Response {
    let (send, receive) = mpsc::channel::<String>(WAITING);
    tokio::spawn(async move {
        let progress = send.clone();
        let done = state
            .run_first(move |city| {
                let _place = place;
                city.ask_watched(&who, ask, &mut |p| {
                    // A full channel is a slow reader, who gets the next one; a closed one has gone.
                    let sent = progress.try_send(line(&json!({ "progress": p })));
                    !matches!(sent, Err(mpsc::error::TrySendError::Closed(_)))
                })
            })
            .await;
        state.metrics.asked(&done);
        let last = match done {
            Ok(answer) => json!({ "answer": answer }),
            Err(e) => {
                note(&e);
                json!({ "problem": document(&e) })
            }
        };
        // Nobody is there to hear it: the outcome is on the log all the same.
        let _ = send.send(line(&last)).await;
    });
    let lines = unfold(receive, |mut receive| async move {
        receive.recv().await.map(|line| (Ok::<_, Infallible>(line), receive))
    });
    ([(header::CONTENT_TYPE, LINES)], Body::from_stream(lines)).into_response()
}
