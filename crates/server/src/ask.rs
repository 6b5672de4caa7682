//! Questions: answered at once, or as a stream that tells how far it is and ends when the asker goes.

use crate::auth::{Shared, json};
use crate::problem::{Problem, document, note};
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
use tokio::sync::mpsc;

/// One JSON value a line.
const LINES: &str = "application/x-ndjson";
/// Progress that the asker has not taken yet; more is left out.
const WAITING: usize = 16;

/// `POST /v1/ask`: the answer; with `Accept: application/x-ndjson` lines `{"progress"}`, and at the end
/// `{"answer"}` or `{"problem"}`.
pub(crate) async fn ask(State(state): Shared, request: Request) -> Result<Response, Problem> {
    let stream = wants_lines(request.headers());
    let (who, body) = state.person(request).await?;
    let ask: Ask = json(&body)?;
    if stream {
        return Ok(streamed(state, who, ask));
    }
    let answer = state.run(move |city| city.ask(&who, ask)).await?;
    Ok(Json(answer).into_response())
}

/// `POST /v1/ask/preview`: what the rules would say; no read is touched.
pub(crate) async fn preview(
    State(state): Shared,
    request: Request,
) -> Result<Json<Preview>, Problem> {
    let (who, body) = state.person(request).await?;
    let ask: Ask = json(&body)?;
    Ok(Json(state.run(move |city| city.preview(&who, ask)).await?))
}

fn wants_lines(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    accepted.is_some_and(|all| all.split(',').any(|one| one.trim().starts_with(LINES)))
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn streamed(state: Held, who: PersonId, ask: Ask) -> Response {
    let (send, receive) = mpsc::channel::<String>(WAITING);
    tokio::spawn(async move {
        let progress = send.clone();
        let done = state
            .run(move |city| {
                city.ask_watched(&who, ask, &mut |p| {
                    // A full channel is a slow reader, who gets the next one; a closed one has gone.
                    let sent = progress.try_send(line(&json!({ "progress": p })));
                    !matches!(sent, Err(mpsc::error::TrySendError::Closed(_)))
                })
            })
            .await;
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
