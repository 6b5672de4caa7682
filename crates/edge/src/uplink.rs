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
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most reads in one batch; a city takes no more.
const BATCH: usize = 256;
/// Most bytes of them for each read that a batch may have: 2 MiB of the largest. A line that does not carry so much
/// within the time that it has for an answer, or a proxy that takes less at once, gets less ([`next_most`]).
const SHARE: u64 = 8 << 10;
const IDLE: Duration = Duration::from_millis(50);
/// On an empty street the city is heard this often, so that an order to stop arrives.
const BEAT: Duration = Duration::from_secs(5);
const BACK_OFF_MIN: Duration = Duration::from_millis(500);
const BACK_OFF_MAX: Duration = Duration::from_secs(30);
/// What waited for less than this holds up nothing that came since.
const OUTAGE: Duration = Duration::from_secs(120);
/// A read that the city could not look at just then is sent again after so long.
const AGAIN: Duration = Duration::from_secs(10);
/// No clock that gets a lease is farther ahead than this, and no read is put off for longer at once.
const AHEAD: Duration = Duration::from_secs(300);

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
    /// Taken later.
    #[serde(default)]
    pub later: Vec<LaterItem>,
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

/// A read that the city takes later.
#[derive(Debug, Serialize, Deserialize)]
pub struct LaterItem {
    /// Its place in the batch.
    pub index: usize,
    /// In how many seconds it is to be sent again.
    pub wait_s: u64,
    /// One sentence.
    pub message: String,
}

/// Reads that are sent again later.
#[derive(Debug, Default)]
struct Later {
    /// Since when there are some, and what the city said last of one.
    why: Option<(Instant, String)>,
    /// Those that the city has called `invalid` once.
    doubted: BTreeSet<u64>,
}

/// Sends what the spool holds.
pub struct Uplink {
    client: Arc<Client>,
    spool: Arc<Spool>,
    counts: Arc<Counts>,
    /// Since when nothing gets through, and why.
    bad: Mutex<Option<(Instant, Kind, String)>>,
    later: Mutex<Later>,
    /// What is older than this item waited when the city could be reached again, and is sent in turns with
    /// what came since: a week's backlog must not hold up this minute's reads.
    mark: AtomicU64,
    turn: AtomicBool,
}

impl Uplink {
    /// An uplink that has sent nothing yet.
    pub fn new(client: Arc<Client>, spool: Arc<Spool>, counts: Arc<Counts>) -> Self {
        let mark = AtomicU64::new(spool.next_number());
        let (bad, later, turn) = (Mutex::new(None), Mutex::default(), AtomicBool::new(false));
        Self { client, spool, counts, bad, later, mark, turn }
    }

    fn later(&self) -> MutexGuard<'_, Later> {
        self.later.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing gets through, if that has lasted for `patience` or will not mend by itself.
    pub fn given_up(&self, patience: Duration) -> Option<Error> {
        let bad = self.bad.lock().unwrap_or_else(PoisonError::into_inner);
        bad.as_ref()
            .filter(|(since, kind, _)| since.elapsed() >= patience || Keeper::lasting(*kind))
            .map(|(_, kind, message)| Error::new(*kind, message.clone()))
            .or_else(|| self.put_off_for(patience))
    }

    /// Why nothing but reads that are sent again later waits, if that has lasted for `patience`.
    fn put_off_for(&self, patience: Duration) -> Option<Error> {
        let later = self.later();
        let (since, message) = later.why.as_ref()?;
        let alone = self.spool.len() == self.spool.later();
        (alone && since.elapsed() >= patience).then(|| Error::busy(message.clone()))
    }

    fn note(&self, e: Option<&Error>) {
        let mut bad = self.bad.lock().unwrap_or_else(PoisonError::into_inner);
        let since = bad.as_ref().map_or_else(Instant::now, |(since, ..)| *since);
        if e.is_none() && bad.as_ref().is_some_and(|(since, ..)| since.elapsed() >= OUTAGE) {
            self.mark.store(self.spool.next_number(), Ordering::SeqCst);
        }
        *bad = e.map(|e| (since, e.kind(), e.message().to_owned()));
    }

    /// What is wrong now, if anything is.
    pub fn trouble(&self) -> Option<String> {
        let bad = self.bad.lock().unwrap_or_else(PoisonError::into_inner);
        let later = || self.later().why.as_ref().map(|(_, message)| message.clone());
        bad.as_ref().map(|(_, _, message)| message.clone()).or_else(later)
    }

    /// The next batch: the oldest, or every other time what came since the line was good again.
    fn batch(&self, most: usize) -> Result<Vec<(u64, Vec<u8>)>> {
        let bytes = SHARE.saturating_mul(most as u64);
        if self.turn.fetch_xor(true, Ordering::SeqCst) {
            let mark = self.mark.load(Ordering::SeqCst);
            let live = self.spool.since(mark, most, bytes)?;
            if !live.is_empty() {
                return Ok(live);
            }
        }
        self.spool.oldest(most, bytes)
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
            most = next_most(most, sent.as_ref().err());
            let pause = match sent {
                Ok(sent) => {
                    self.note(None);
                    wait = BACK_OFF_MIN;
                    if sent > 0 { Duration::ZERO } else { IDLE }
                }
                Err(e) => {
                    if Keeper::means_off(e.kind()) {
                        keeper.switched_off(&e);
                    } else {
                        tracing::warn!(error = %e.inside(), waiting = self.spool.len(), "uplink");
                    }
                    // Perhaps one item is at fault: it is found by sending fewer.
                    if !matches!(e.kind(), Kind::Invalid | Kind::TooLarge) {
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
        add(&self.counts.lost, self.spool.newly_changed());
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
                    later: Vec::new(),
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

    /// Takes what was answered for out of the spool. What the city takes later stays there until then.
    fn settle(&self, numbers: &[u64], answer: &Ingested) -> Result<usize> {
        let Ingested { new, known, refused, later } = answer;
        let put_off = later.iter().map(|item| {
            let wait = Duration::from_secs(item.wait_s).clamp(Duration::from_secs(1), AHEAD);
            Some((*numbers.get(item.index)?, wait))
        });
        let put_off: Option<BTreeMap<u64, Duration>> = put_off.collect();
        let answered = new + known + refused.len() + later.len() == numbers.len();
        let Some(mut stay) = put_off.filter(|stay| answered && stay.len() == later.len()) else {
            return Err(Error::unavailable(
                "The city did not answer for every read; sending again.",
            ));
        };
        let mut why = later.last().map(|item| item.message.clone());
        for item in refused {
            tracing::warn!(kind = %item.kind, message = %item.message, "the city refused a read");
            let number = numbers.get(item.index).copied();
            if let Some((number, wait)) = number.and_then(|n| Some((n, self.asks_again(n, item)?)))
            {
                stay.insert(number, wait);
                why = Some(item.message.clone());
            }
        }
        let gone: Vec<u64> = numbers.iter().copied().filter(|n| !stay.contains_key(n)).collect();
        self.spool.put_off(&stay);
        self.spool.remove(&gone)?;
        self.note_later(&gone, why);
        add(&self.counts.delivered, new + known);
        add(&self.counts.known, *known);
        add(&self.counts.refused, refused.len() + later.len() - stay.len());
        Ok(numbers.len())
    }

    /// After how long a read that was refused is sent again all the same; `None` where the city never takes it.
    fn asks_again(&self, number: u64, item: &RefusedItem) -> Option<Duration> {
        match Kind::from_slug(&item.kind)? {
            // A city of before refuses by item what it could not look up just then.
            kind if !Keeper::lasting(kind) => Some(AGAIN),
            // It calls a read `invalid`, too, whose time has not come by its clock: that has passed by then.
            Kind::Invalid if self.later().doubted.insert(number) => Some(AHEAD),
            _ => None,
        }
    }

    /// Some reads are gone, and others may wait for a moment that the city, or this end, has named.
    fn note_later(&self, gone: &[u64], why: Option<String>) {
        let mut later = self.later();
        gone.iter().for_each(|number| {
            later.doubted.remove(number);
        });
        match why {
            Some(message) => {
                let since = later.why.as_ref().map_or_else(Instant::now, |(since, _)| *since);
                later.why = Some((since, message));
            }
            None if self.spool.later() == 0 => later.why = None,
            None => {}
        }
    }
}

/// How many reads a batch may have after one of at most `most`. Half as many after a failure, whatever it was: a slow
/// line and a proxy with a limit of its own say no more than that it failed. Only a city that names a time has taken
/// in all of it. And an eighth more after a success, so that the limit is not hit every other time.
fn next_most(most: usize, failed: Option<&Error>) -> usize {
    match failed {
        None => (most + most / 8 + 1).min(BATCH),
        Some(e) if e.wait().is_some() => most,
        Some(_) => (most / 2).max(1),
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

#[cfg(test)]
mod tests {
    use super::*;
    use base::{SigningKey, SystemClock};

    #[test]
    fn a_batch_that_fails_becomes_smaller_until_it_goes_through() {
        let slow = Error::unavailable("The city does not answer.");
        let mut most = BATCH;
        for want in [128, 64, 32, 16, 8, 4, 2, 1, 1] {
            most = next_most(most, Some(&slow));
            assert_eq!(most, want);
        }
        let busy = Error::busy("Later.").retry_after(Duration::from_secs(1));
        assert_eq!(next_most(64, Some(&busy)), 64, "it was not too much at once");
        assert_eq!([next_most(1, None), next_most(64, None)], [2, 73]);
        let grown = (0..40).fold(1, |most, _| next_most(most, None));
        assert_eq!((grown, SHARE * grown as u64), (BATCH, 2 << 20));
    }

    #[test]
    fn what_is_refused_is_asked_for_again_where_that_may_help() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path(), 10_000, crate::Full::DropNew).unwrap().0;
        let camera: CameraId = "cam_a".parse().unwrap();
        let (key, clock) = (SigningKey::generate(), Arc::new(SystemClock));
        let client = Client::new("http://127.0.0.1:1", camera, key, clock).unwrap();
        let uplink = Uplink::new(Arc::new(client), Arc::new(spool), Arc::default());
        let check = |number: u64, kind: &str, want: Option<Duration>| {
            let item = RefusedItem { index: 0, kind: kind.into(), message: "No.".into() };
            assert_eq!(uplink.asks_again(number, &item), want, "{kind}");
        };
        for kind in ["busy", "unavailable", "internal"] {
            check(1, kind, Some(AGAIN));
            check(1, kind, Some(AGAIN));
        }
        check(1, "invalid", Some(AHEAD));
        check(2, "invalid", Some(AHEAD));
        check(1, "invalid", None);
        for kind in ["gone", "unauthenticated", "forbidden", "too-large", "unheard-of"] {
            check(3, kind, None);
        }
    }
}
