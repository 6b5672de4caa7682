//! Last words on their way: what the camera has to say about its end is on disk until the city has taken it.

use crate::Client;
use crate::orders::Sticks;
use base::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// More are not kept: a city that has been away for so many leases has the log's gap anyway.
const MOST: usize = 256;

/// One word: where it goes, and what it says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Waiting {
    path: String,
    body: Value,
}

/// Words that wait for the line, oldest first.
#[derive(Debug)]
pub(crate) struct LastWords {
    file: PathBuf,
    waiting: Mutex<Vec<Waiting>>,
    /// One sends at a time, so that no word is said twice.
    sending: Mutex<()>,
}

impl LastWords {
    /// What waits in the file `words.json`. One that is damaged says nothing; reads do not wait for that.
    pub fn open(data: &Path) -> Self {
        let file = data.join("words.json");
        let waiting = std::fs::read(&file)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self { file, waiting: Mutex::new(waiting), sending: Mutex::default() }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, waiting: &[Waiting]) {
        let kept = serde_json::to_vec(waiting)
            .map_err(|e| Error::internal("A last word cannot be written.").because(e))
            .and_then(|bytes| base::write_atomic(&self.file, &bytes));
        if let Err(e) = kept {
            tracing::error!(error = %e.inside(), "a last word cannot be kept");
        }
    }

    /// Puts a word at the end.
    pub fn put(&self, path: &str, body: &impl Serialize) -> Result<()> {
        let body = serde_json::to_value(body)
            .map_err(|e| Error::internal("A last word cannot be written.").because(e))?;
        let mut waiting = self.waiting();
        waiting.push(Waiting { path: path.to_owned(), body });
        if waiting.len() > MOST {
            waiting.remove(0);
        }
        self.keep(&waiting);
        Ok(())
    }

    /// Sends what waits, in order. An error is that the city cannot be reached: the rest waits. Where
    /// somebody else is sending, they send all of it.
    pub fn send(&self, client: &Client) -> Result<()> {
        match self.sending.try_lock() {
            Ok(_turn) => self.send_all(client),
            Err(TryLockError::Poisoned(_)) => self.send_all(client),
            Err(TryLockError::WouldBlock) => Ok(()),
        }
    }

    /// The same, and waits for whoever is sending.
    pub fn finish(&self, client: &Client) -> Result<()> {
        let _turn = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        self.send_all(client)
    }

    fn send_all(&self, client: &Client) -> Result<()> {
        loop {
            let Some(next) = self.waiting().first().cloned() else { return Ok(()) };
            match client.post::<_, Value>(&next.path, &next.body) {
                Ok(_) => {}
                // What the city may still take waits: a reader that starts with a wrong clock is refused at first.
                Err(e) if !Sticks::settles(e.kind()) && e.kind() != Kind::TooLarge => {
                    return Err(e);
                }
                Err(e) => tracing::warn!(error = %e.inside(), "the city takes no such word"),
            }
            let mut waiting = self.waiting();
            if waiting.first() == Some(&next) {
                waiting.remove(0);
                self.keep(&waiting);
            }
        }
    }
}
