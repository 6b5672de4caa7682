//! Live events (server-sent events): ids and counts, never a plate; for everybody.

use crate::auth::Shared;
use crate::problem::Problem;
use crate::state::State as Held;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use base::Error;
use city::{Listener, Next};
use futures_util::stream::{Stream, unfold};
use serde_json::json;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// So many listeners at a time; strangers take no seats from the console.
const LISTENERS: usize = 600;

/// Whose seats a listener takes.
#[derive(Clone, Copy)]
pub(crate) enum Seats {
    /// Everybody's.
    Public,
    /// Those of people who are signed in.
    Desk,
}

impl Seats {
    fn taken(self, state: &Held) -> &AtomicUsize {
        match self {
            Seats::Public => &state.listeners,
            Seats::Desk => &state.desks,
        }
    }
}

/// Counts a listener for as long as its stream lives.
struct Seat(Held, Seats);

impl Drop for Seat {
    fn drop(&mut self) {
        self.1.taken(&self.0).fetch_sub(1, Ordering::Relaxed);
    }
}

struct Listening {
    events: Listener,
    closing: watch::Receiver<bool>,
    _seat: Seat,
}

/// Live events (server-sent events): each `data` is one `Event`. Ids and counts, never a plate.
///
/// Each has an `id`; with it in `Last-Event-ID` a listener that was cut off goes on behind that
/// event. One that missed some, being slow or late, gets an event named `lagged` with
/// `{"missed": N}`, or `null` for N where the city does not know how many.
#[utoipa::path(get, path = "/v1/events", tag = "public",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was heard")),
    responses((status = 200, description = "Events as they happen", body = String,
        content_type = "text/event-stream")))]
pub(crate) async fn events(
    State(state): Shared,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    if state.city.shows_later() {
        return Err(Error::forbidden(
            "This city shows its log later, and so no events as they happen; see /v1/log.",
        )
        .into());
    }
    Ok(stream_of(&state, &headers, Seats::Public, |_| true)?)
}

/// Every event of a wanted type, until the server closes.
pub(crate) fn stream_of(
    state: &Held,
    headers: &HeaderMap,
    seats: Seats,
    wanted: fn(&str) -> bool,
) -> base::Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>> {
    let taken = seats.taken(state);
    if taken.fetch_add(1, Ordering::Relaxed) >= LISTENERS {
        taken.fetch_sub(1, Ordering::Relaxed);
        return Err(Error::busy("Too many listeners; try again in a minute."));
    }
    let seat = Seat(state.clone(), seats);
    let after = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let listening =
        Listening { events: state.city.listen(after), closing: state.closing(), _seat: seat };
    let stream = unfold(listening, move |mut l| async move {
        loop {
            let next = tokio::select! {
                _ = l.closing.wait_for(|closed| *closed) => return None,
                next = l.events.next() => next?,
            };
            if let Next::Event(_, event) = &next
                && !wanted(&event.kind)
            {
                continue;
            }
            return Some((Ok(told(next)), l));
        }
    });
    let beat = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(stream).keep_alive(beat))
}

fn told(next: Next) -> Event {
    match next {
        Next::Event(id, event) => {
            Event::default().id(id).data(serde_json::to_string(&event).unwrap_or_default())
        }
        Next::Missed(missed) => {
            Event::default().event("lagged").data(json!({ "missed": missed }).to_string())
        }
    }
}
