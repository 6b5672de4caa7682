//! The line to the city: sealed reads go up in order, and leave the spool when the city has answered
//! for each of them. Ids make a resend harmless, so whatever is in doubt is sent again.
//!
//! Sealed bytes do not shrink, so they travel as they are, a part each. A city that does not take parts
//! gets JSON, packed, before a read is given up.

use crate::counts::{Counts, add};
use crate::keeper::Keeper;
use crate::lease::State;
use crate::{Client, Spool};
use base::{CameraId, Error, Kind, Result, Shutdown, b64, hex, random};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most reads in one batch; a city takes no more.
const BATCH: usize = 256;
/// Most bytes of them: a slow line carries so many within the time that it has for an answer.
const BATCH_BYTES: u64 = 2 << 20;
const IDLE: Duration = Duration::from_millis(50);
/// On an empty street the city is heard this often, so that an order to stop arrives.
const BEAT: Duration = Duration::from_secs(5);
const BACK_OFF_MIN: Duration = Duration::from_millis(500);
const BACK_OFF_MAX: Duration = Duration::from_secs(30);

/// Reads on their way.
#[derive(Debug, Serialize, Deserialize)]
pub struct Batch {
    /// Version of this form: 1.
    pub v: u32,
    /// The camera.
    pub camera: CameraId,
    /// Sealed reads, base64.
    pub items: Vec<String>,
}

/// What became of a batch.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ingested {
    /// Stored now.
    pub new: usize,
    /// Stored before.
    pub known: usize,
    /// Not taken, now or later.
    pub refused: Vec<RefusedItem>,
}

/// A read that the city did not take.
#[derive(Debug, Serialize, Deserialize)]
pub struct RefusedItem {
    /// Its place in the batch.
    pub index: usize,
    /// The slug of the error's kind.
    pub kind: String,
    /// One sentence.
    pub message: String,
}

/// Sends what the spool holds.
pub struct Uplink {
    client: Arc<Client>,
    spool: Arc<Spool>,
    counts: Arc<Counts>,
    /// Since when nothing gets through, and why.
    bad: Mutex<Option<(Instant, Kind, String)>>,
    /// What is older than this item waited when the city could be reached again, and is sent in turns with
    /// what came since: a week's backlog must not hold up this minute's reads.
    mark: AtomicU64,
    turn: AtomicBool,
}

impl Uplink {
    /// An uplink that has sent nothing yet.
    pub fn new(client: Arc<Client>, spool: Arc<Spool>, counts: Arc<Counts>) -> Self {
        let mark = AtomicU64::new(spool.next_number());
        Self { client, spool, counts, bad: Mutex::new(None), mark, turn: AtomicBool::new(false) }
    }

    /// Why nothing gets through, if that has lasted for `patience` or will not mend by itself.
    pub fn given_up(&self, patience: Duration) -> Option<Error> {
        let bad = self.bad.lock().unwrap_or_else(PoisonError::into_inner);
        bad.as_ref()
            .filter(|(since, kind, _)| since.elapsed() >= patience || Keeper::lasting(*kind))
            .map(|(_, kind, message)| Error::new(*kind, message.clone()))
    }

    fn note(&self, e: Option<&Error>) {
        let mut bad = self.bad.lock().unwrap_or_else(PoisonError::into_inner);
        let since = bad.as_ref().map_or_else(Instant::now, |(since, ..)| *since);
        if bad.is_some() && e.is_none() {
            self.mark.store(self.spool.next_number(), Ordering::SeqCst);
        }
        *bad = e.map(|e| (since, e.kind(), e.message().to_owned()));
    }

    /// What is wrong now, if anything is.
    pub fn trouble(&self) -> Option<String> {
        let bad = self.bad.lock().unwrap_or_else(PoisonError::into_inner);
        bad.as_ref().map(|(_, _, message)| message.clone())
    }

    /// The next batch: the oldest, or every other time what came since the line was good again.
    fn batch(&self, most: usize) -> Result<Vec<(u64, Vec<u8>)>> {
        if self.turn.fetch_xor(true, Ordering::SeqCst) {
            let mark = self.mark.load(Ordering::SeqCst);
            let live = self.spool.since(mark, most, BATCH_BYTES)?;
            if !live.is_empty() {
                return Ok(live);
            }
        }
        self.spool.oldest(most, BATCH_BYTES)
    }

    /// Sends until `done`. Word that the camera is off goes to the keeper.
    pub fn run(&self, keeper: &Keeper, done: &Shutdown) {
        let mut wait = BACK_OFF_MIN;
        let mut most = BATCH;
        let mut heard = Instant::now();
        loop {
            let leased = matches!(keeper.state(), State::Leased(_));
            let sent = match self.send(most) {
                Ok(0) if leased && heard.elapsed() >= BEAT => self.beat(),
                other => other,
            };
            if !matches!(sent, Ok(0)) {
                heard = Instant::now();
            }
            let pause = match sent {
                Ok(sent) => {
                    self.note(None);
                    wait = BACK_OFF_MIN;
                    most = (most * 2).min(BATCH);
                    if sent > 0 { Duration::ZERO } else { IDLE }
                }
                Err(e) => {
                    if Keeper::means_off(e.kind()) {
                        keeper.switched_off(&e);
                    } else {
                        tracing::warn!(error = %e.inside(), waiting = self.spool.len(), "uplink");
                    }
                    // Perhaps one item is at fault: it is found by sending fewer.
                    if matches!(e.kind(), Kind::Invalid | Kind::TooLarge) {
                        most = (most / 2).max(1);
                    } else {
                        self.note(Some(&e));
                    }
                    // A city that says how long is not asked before.
                    let pause = wait.max(e.wait().unwrap_or_default());
                    wait = (wait * 2).min(BACK_OFF_MAX);
                    pause
                }
            };
            if done.sleep(pause) {
                return;
            }
        }
    }

    /// Sends nothing, to hear whether this camera may go on; counts as one thing done.
    fn beat(&self) -> Result<usize> {
        let batch = Batch { v: 1, camera: self.client.camera().clone(), items: Vec::new() };
        self.client.post::<_, Ingested>("/v1/reads", &batch).map(|_| 1)
    }

    /// Sends one batch of at most `most` reads; returns how many were answered for.
    pub fn send(&self, most: usize) -> Result<usize> {
        let items = self.batch(most)?;
        if items.is_empty() {
            return Ok(0);
        }
        let (numbers, sealed): (Vec<u64>, Vec<Vec<u8>>) = items.into_iter().unzip();
        let answer = match self.deliver(&sealed) {
            // Alone in its batch and wrong for ever: it would stop the line.
            Err(e) if numbers.len() == 1 && matches!(e.kind(), Kind::Invalid | Kind::TooLarge) => {
                let (kind, message) = (e.kind().slug().into(), e.message().into());
                Ingested {
                    new: 0,
                    known: 0,
                    refused: vec![RefusedItem { index: 0, kind, message }],
                }
            }
            other => other?,
        };
        self.settle(&numbers, &answer)
    }

    /// Sends sealed reads in parts. One alone that is refused so is sent as JSON: the city may be older.
    fn deliver(&self, sealed: &[Vec<u8>]) -> Result<Ingested> {
        let (kind, body) = parts(self.client.camera(), sealed);
        match self.client.send("/v1/reads", &kind, None, &body) {
            Err(e) if sealed.len() == 1 && e.kind() == Kind::Invalid => {
                let batch = Batch {
                    v: 1,
                    camera: self.client.camera().clone(),
                    items: sealed.iter().map(|s| b64(s)).collect(),
                };
                self.client.post_packed("/v1/reads", &batch)
            }
            other => other,
        }
    }

    /// Takes what was answered for out of the spool.
    fn settle(&self, numbers: &[u64], answer: &Ingested) -> Result<usize> {
        if answer.new + answer.known + answer.refused.len() != numbers.len() {
            return Err(Error::unavailable(
                "The city did not answer for every read; sending again.",
            ));
        }
        for item in &answer.refused {
            tracing::warn!(kind = %item.kind, message = %item.message, "the city refused a read");
        }
        self.spool.remove(numbers)?;
        add(&self.counts.delivered, answer.new + answer.known);
        add(&self.counts.known, answer.known);
        add(&self.counts.refused, answer.refused.len());
        Ok(numbers.len())
    }
}

/// A batch as `multipart/form-data`: its content type and body.
fn parts(camera: &CameraId, sealed: &[Vec<u8>]) -> (String, Vec<u8>) {
    let boundary = hex(&random::<16>());
    let mut body = Vec::with_capacity(sealed.iter().map(|s| s.len() + 160).sum::<usize>() + 300);
    let mut part = |name: &str, kind: &str, bytes: &[u8]| {
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\
             Content-Type: {kind}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    };
    let head = serde_json::json!({ "v": 1, "camera": camera });
    part("batch", "application/json", head.to_string().as_bytes());
    for item in sealed {
        part("item", "application/octet-stream", item);
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}
