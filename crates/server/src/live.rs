//! Live events (server-sent events): ids and counts, never a plate; for everybody.

use crate::auth::Shared;
use crate::problem::Problem;
use crate::state::State as Held;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use base::Error;
use futures_util::stream::{Stream, unfold};
use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::watch;

/// So many listeners at a time.
const LISTENERS: usize = 200;

/// Counts a listener for as long as its stream lives.
struct Seat(Held);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Listening {
    events: Receiver<city::Event>,
    closing: watch::Receiver<bool>,
    _seat: Seat,
}

/// Live events (server-sent events): each `data` is one `Event`. Ids and counts, never a plate.
#[utoipa::path(get, path = "/v1/events", tag = "public",
    responses((status = 200, description = "Events as they happen", body = String,
        content_type = "text/event-stream")))]
pub(crate) async fn events(
    State(state): Shared,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    if state.listeners.fetch_add(1, Ordering::Relaxed) >= LISTENERS {
        state.listeners.fetch_sub(1, Ordering::Relaxed);
        return Err(Error::busy("Too many listeners; try again in a minute.").into());
    }
    let listening = Listening {
        events: state.city.subscribe(),
        closing: state.closing(),
        _seat: Seat(state.clone()),
    };
    let stream = unfold(listening, |mut l| async move {
        loop {
            let event = tokio::select! {
                _ = l.closing.wait_for(|closed| *closed) => return None,
                event = l.events.recv() => event,
            };
            match event {
                Ok(event) => {
                    let data = serde_json::to_string(&event).unwrap_or_default();
                    return Some((Ok(Event::default().data(data)), l));
                }
                // A slow listener has missed some; the figures on the page are whole anyway.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    let beat = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(stream).keep_alive(beat))
}
