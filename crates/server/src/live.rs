//! Live events (server-sent events): ids and counts, never a plate; for everybody.

use crate::auth::Shared;
use crate::problem::Problem;
use crate::state::State as Held;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use base::Error;
use city::{Listener, Next};
use futures_util::future::BoxFuture;
use futures_util::stream::{Stream, unfold};
use serde_json::json;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::sleep;

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

/// Whether who listens may go on listening.
pub(crate) type Still = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// That is asked anew so often where nothing happens, and at most so often where much does.
const ASK_AGAIN: Duration = Duration::from_secs(10);
const ASKED_JUST_NOW: Duration = Duration::from_secs(1);

/// A line on which nothing happens says so often that it is there.
const BEAT: Duration = Duration::from_secs(15);

struct Listening {
    events: Listener,
    closing: watch::Receiver<bool>,
    still: Option<Still>,
    asked: Instant,
    _seat: Seat,
}

impl Listening {
    /// Asks whether it may go on, unless that was asked just now.
    async fn may_go_on(&mut self, unless: Duration) -> bool {
        let Some(still) = &self.still else { return true };
        if self.asked.elapsed() < unless {
            return true;
        }
        let may = still().await;
        self.asked = Instant::now();
        may
    }
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
    Ok(stream_of(&state, &headers, Seats::Public, |_| true, None)?)
}

/// Every event of a wanted type, until the server closes or `still` says no.
pub(crate) fn stream_of(
    state: &Held,
    headers: &HeaderMap,
    seats: Seats,
    wanted: fn(&str) -> bool,
    still: Option<Still>,
) -> base::Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>> {
    let taken = seats.taken(state);
    if taken.fetch_add(1, Ordering::Relaxed) >= LISTENERS {
        taken.fetch_sub(1, Ordering::Relaxed);
        return Err(Error::busy("Too many listeners; try again in a minute."));
    }
    let seat = Seat(state.clone(), seats);
    let after = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let listening = Listening {
        events: state.city.listen(after),
        closing: state.closing(),
        still,
        asked: Instant::now(),
        _seat: seat,
    };
    let stream = unfold(listening, move |mut l| async move {
        loop {
            let next = tokio::select! {
                _ = l.closing.wait_for(|closed| *closed) => return None,
                () = sleep(ASK_AGAIN), if l.still.is_some() => None,
                next = l.events.next() => Some(next?),
            };
            let Some(next) = next else {
                if l.may_go_on(Duration::ZERO).await {
                    continue;
                }
                return None;
            };
            if let Next::Event(_, event) = &next
                && !wanted(&event.kind)
            {
                continue;
            }
            if !l.may_go_on(ASKED_JUST_NOW).await {
                return None;
            }
            return Some((Ok(told(next)), l));
        }
    });
    let beat = KeepAlive::new().interval(BEAT);
    Ok(Sse::new(stream).keep_alive(match seats {
        Seats::Public => beat,
        // As an event, and not as a comment: a page's script sees no comment, and so none that stays away.
        Seats::Desk => beat.event(Event::default().event("beat").data("{}")),
    }))
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
