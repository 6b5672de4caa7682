//! Live events: the last ones are kept, so that a listener that was cut off can go on where it was.
//!
//! Every event has a number; its id is that number and a name for this run of the process, since
//! numbers begin anew with it. A listener that is too slow, or comes back too late, is told how many
//! it has missed. Kept are the last [`KEPT`] events, in memory alone. Not here: HTTP.

use crate::Event;
use base::random;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use tokio::sync::broadcast::{self, error::RecvError};

/// So many events are kept, some hundred kilobytes.
const KEPT: usize = 1024;

type Numbered = (u64, Event);

/// The events of one run.
#[derive(Debug)]
pub struct Feed {
    run: String,
    inner: Mutex<Inner>,
    sender: broadcast::Sender<Numbered>,
}

#[derive(Debug)]
struct Inner {
    /// The number of the next event.
    next: u64,
    ring: VecDeque<Numbered>,
}

/// What a listener hears next.
#[derive(Debug)]
pub enum Next {
    /// An event and its id.
    Event(String, Box<Event>),
    /// Some events are lost to this listener: how many, or `None` where nobody can say.
    Missed(Option<u64>),
}

/// One who listens.
pub struct Listener {
    run: String,
    missed: Option<Option<u64>>,
    /// Events from before this listener came, which it has not heard.
    kept: VecDeque<Numbered>,
    live: broadcast::Receiver<Numbered>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("kept", &self.kept.len()).finish_non_exhaustive()
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}

impl Feed {
    /// Nothing has happened yet.
    pub fn new() -> Self {
        let run = base::hex(&random::<4>());
        let inner = Inner { next: 0, ring: VecDeque::with_capacity(KEPT) };
        Self { run, inner: Mutex::new(inner), sender: broadcast::channel(KEPT).0 }
    }

    /// Something happened.
    pub fn emit(&self, event: Event) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let numbered = (inner.next, event);
        inner.next += 1;
        if inner.ring.len() == KEPT {
            inner.ring.pop_front();
        }
        inner.ring.push_back(numbered.clone());
        // Under the lock, so that a new listener hears each event once. No listener is no error.
        let _ = self.sender.send(numbered);
    }

    /// Listens from now on, or from behind the event whose id is given.
    pub fn listen(&self, after: Option<&str>) -> Listener {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let live = self.sender.subscribe();
        let mut listener =
            Listener { run: self.run.clone(), missed: None, kept: VecDeque::new(), live };
        let Some(after) = after else { return listener };
        let oldest = inner.ring.front().map_or(inner.next, |(number, _)| *number);
        let from = match self.number(after).filter(|number| *number < inner.next) {
            Some(number) => number + 1,
            // Of another run: what happened between is not known, what this run did is.
            None => {
                listener.missed = Some(None);
                oldest
            }
        };
        if from < oldest {
            listener.missed = Some(Some(oldest - from));
        }
        listener.kept = inner.ring.iter().filter(|(number, _)| *number >= from).cloned().collect();
        listener
    }

    /// The number in an id of this run.
    fn number(&self, id: &str) -> Option<u64> {
        let (run, number) = id.split_once('-')?;
        if run == self.run { number.parse().ok() } else { None }
    }
}

impl Listener {
    /// Waits for the next thing; `None` when the feed has ended. Nothing is lost if the wait is given up.
    pub async fn next(&mut self) -> Option<Next> {
        if let Some(missed) = self.missed.take() {
            return Some(Next::Missed(missed));
        }
        let heard = match self.kept.pop_front() {
            Some(kept) => Ok(kept),
            None => self.live.recv().await,
        };
        match heard {
            Ok((number, event)) => {
                Some(Next::Event(format!("{}-{number}", self.run), Box::new(event)))
            }
            Err(RecvError::Lagged(missed)) => Some(Next::Missed(Some(missed))),
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Time;

    fn emit(feed: &Feed, count: usize) {
        for n in 0..count {
            feed.emit(Event {
                at: Time::from_millis(n as i64),
                kind: "read.sealed".into(),
                camera: None,
                id: None,
                log_entry: None,
                sealed: None,
            });
        }
    }

    /// All that waits for a listener: numbers of events, `-n` for n missed, `-?` for unknown.
    fn heard(listener: &mut Listener) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut all = Vec::new();
        loop {
            let waits = listener.missed.is_some() || !listener.kept.is_empty();
            if !waits && listener.live.is_empty() {
                return all;
            }
            match runtime.block_on(listener.next()) {
                Some(Next::Event(id, _)) => all.push(id.split_once('-').unwrap().1.to_owned()),
                Some(Next::Missed(Some(n))) => all.push(format!("-{n}")),
                Some(Next::Missed(None)) => all.push("-?".into()),
                None => return all,
            }
        }
    }

    #[test]
    fn a_listener_goes_on_where_it_was() {
        let feed = Feed::new();
        emit(&feed, 5);
        let mut new = feed.listen(None);
        assert_eq!(heard(&mut new), [""; 0]);
        let id = |number: usize| format!("{}-{number}", feed.run);
        let mut back = feed.listen(Some(&id(2)));
        emit(&feed, 1);
        assert_eq!(heard(&mut back), ["3", "4", "5"], "kept ones, then live ones, each once");
        assert_eq!(heard(&mut new), ["5"]);
        assert_eq!(heard(&mut feed.listen(Some(&id(5)))), [""; 0]);
    }

    #[test]
    fn what_was_missed_is_told() {
        let feed = Feed::new();
        let mut slow = feed.listen(None);
        emit(&feed, KEPT + 7);
        assert_eq!(heard(&mut slow)[..2], ["-7", "7"]);
        let mut late = feed.listen(Some(&format!("{}-2", feed.run)));
        assert_eq!(heard(&mut late)[..2], ["-4", "7"]);
        for strange in ["", "x", "00000000-3", &format!("{}-99999999", feed.run)] {
            assert_eq!(heard(&mut feed.listen(Some(strange)))[..2], ["-?", "7"], "{strange}");
        }
    }
}
