//! What all handlers share, and the bridge from async handlers to the city's blocking flows.

use crate::Options;
use crate::console::CLOCKS;
use crate::forgers::Forgers;
use crate::limits::Limits;
use crate::metrics::Metrics;
use base::{Error, Result, Time};
use city::{Ask, City};
use identity::{Ceremonies, Nonces, Tries};
use std::collections::HashSet;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Flows at a time.
pub(crate) const FLOWS: usize = 64;
/// Beside them, and beside batches of reads: see [`AppState::run_first`].
const FIRST: usize = 32;
/// Cameras at a time whose lists are made: each keeps a core busy.
pub(crate) const WATCHES: usize = 2;
/// Questions at a time that scan.
pub(crate) const SCANS: usize = 2;
/// Files of hot lists at a time.
const LISTS: usize = 2;
/// Questions to the city's directory at a time.
const DIRECTORY: usize = 8;
/// How long a flow waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// So long it is remembered whose keys there are.
const ENROLLED_MS: i64 = 1000;
/// When a caller who was turned away should come again.
const WAIT: Duration = Duration::from_secs(2);

/// The shared state.
pub(crate) type State = Arc<AppState>;

/// City, replay guard, ceremonies, limits, figures, and the flag that ends event streams.
pub(crate) struct AppState {
    pub city: Arc<City>,
    pub nonces: Arc<Nonces>,
    pub ceremonies: Ceremonies,
    /// Failed sign-ins.
    pub tries: Tries,
    /// Requests of people and cameras.
    pub limits: Limits,
    /// Requests without a signature.
    pub addresses: Limits,
    /// Requests whose signature does not hold.
    pub forgers: Forgers,
    /// Whose signature is looked at when much that is false comes in; as of when.
    pub enrolled: Mutex<Option<(Time, HashSet<String>)>>,
    /// Places for batches of reads.
    pub ingest: Arc<Semaphore>,
    /// Places for questions that scan: each keeps a core busy for seconds.
    pub scans: Arc<Semaphore>,
    /// Places for files of hot lists.
    pub lists: Arc<Semaphore>,
    /// Places for questions to the city's directory: anybody may begin a sign-in, and one that does not answer holds a
    /// flow for seconds.
    pub directory: Arc<Semaphore>,
    /// Places for flows of any sort. Beyond them waiting would only make every answer late.
    pub flows: Arc<Semaphore>,
    /// Places for what must go through whatever pages wait for.
    pub first: Arc<Semaphore>,
    /// Places for cameras that ask for the lists.
    pub watches: Arc<Semaphore>,
    pub metrics: Metrics,
    pub options: Options,
    pub listeners: AtomicUsize,
    /// The same of people who are signed in.
    pub desks: AtomicUsize,
    /// Questions of cameras that wait for a word.
    pub held: AtomicUsize,
    closing: watch::Sender<bool>,
}

/// One of these places, or `busy` and when to come again.
fn place(places: &Arc<Semaphore>, busy: &'static str) -> Result<OwnedSemaphorePermit> {
    let taken = places.clone().try_acquire_owned();
    taken.map_err(|e| Error::busy(busy).because(e).retry_after(WAIT))
}

/// One of these places when its turn comes, or `busy` and when to come again.
async fn turn(places: &Arc<Semaphore>, busy: &'static str) -> Result<OwnedSemaphorePermit> {
    let turn = tokio::time::timeout(PATIENCE, places.clone().acquire_owned()).await;
    let Ok(Ok(place)) = turn else { return Err(Error::busy(busy).retry_after(WAIT)) };
    Ok(place)
}

impl AppState {
    /// For a server that listens at `port`.
    pub fn new(city: Arc<City>, options: Options, port: u16) -> Result<Self> {
        let config = &city.config().server;
        let places = config.ingest_in_flight as usize;
        let ceremonies = Ceremonies::new(config.site(port)?, &city.config().city.name)?;
        let nonces = Arc::new(Nonces::kept_at(&city.requests_seen()));
        Ok(Self {
            city,
            nonces,
            ceremonies,
            tries: Tries::default(),
            limits: Limits::default(),
            addresses: Limits::default(),
            forgers: Forgers::default(),
            enrolled: Mutex::default(),
            ingest: Arc::new(Semaphore::new(places)),
            scans: Arc::new(Semaphore::new(SCANS)),
            lists: Arc::new(Semaphore::new(LISTS)),
            directory: Arc::new(Semaphore::new(DIRECTORY)),
            flows: Arc::new(Semaphore::new(FLOWS)),
            first: Arc::new(Semaphore::new(places + FIRST)),
            watches: Arc::new(Semaphore::new(WATCHES)),
            metrics: Metrics::default(),
            options,
            listeners: AtomicUsize::new(0),
            desks: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            closing: watch::channel(false).0,
        })
    }

    /// A place for a question that scans; none is needed for one whose characters are all known.
    pub fn scan_place(&self, ask: &Ask) -> Result<Option<OwnedSemaphorePermit>> {
        if !ask.plates.iter().any(|plate| plate.contains(['?', '*'])) {
            return Ok(None);
        }
        const BUSY: &str = "Other questions are being scanned for; ask again in a moment.";
        place(&self.scans, BUSY).map(Some)
    }

    /// A place for a file of a hot list.
    pub fn list_place(&self) -> Result<OwnedSemaphorePermit> {
        place(&self.lists, "Other lists are coming in; bring this one again in a moment.")
    }

    /// A place for a question to the city's directory.
    pub fn directory_place(&self) -> Result<OwnedSemaphorePermit> {
        place(&self.directory, "Others are signing in by the directory; try again in a moment.")
    }

    /// A place for a camera that asks for the lists, when its turn comes.
    pub async fn watch_place(&self) -> Result<OwnedSemaphorePermit> {
        turn(&self.watches, "Other cameras are being given the lists; ask again in a moment.").await
    }

    /// Whether this key may sign at all, from memory: it is looked up once a second, whoever asks how often.
    pub async fn is_enrolled(&self, key_id: &str, now: Time) -> Result<bool> {
        let held = || self.enrolled.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |at: Time| now.since(at).abs() < ENROLLED_MS;
        let from_memory =
            held().as_ref().filter(|(at, _)| fresh(*at)).map(|(_, ids)| ids.contains(key_id));
        if let Some(found) = from_memory {
            return Ok(found);
        }
        let ids = self.run_first(City::key_ids).await?;
        let found = ids.contains(key_id);
        *held() = Some((now, ids));
        Ok(found)
    }

    /// Ends every event stream, so that a graceful shutdown does not wait for a browser.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Becomes true when the server closes.
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Runs a flow on a blocking thread, when its turn comes; if that takes too long the caller is
    /// asked to come again, and nothing has been done.
    pub async fn run<T: Send + 'static>(
        &self,
        flow: impl FnOnce(&City) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run_at(&self.flows, flow).await
    }

    /// The same for what pages must not hold up, however many of them wait for something: cameras and their reads,
    /// questions, orders to switch off, and who it is that asks. None of it waits until a list is taken.
    pub async fn run_first<T: Send + 'static>(
        &self,
        flow: impl FnOnce(&City) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run_at(&self.first, flow).await
    }

    async fn run_at<T: Send + 'static>(
        &self,
        places: &Arc<Semaphore>,
        flow: impl FnOnce(&City) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        const BUSY: &str = "The server has more to do than it can; ask again in a moment.";
        let city = self.city.clone();
        let place = turn(places, BUSY).await?;
        let clocks = CLOCKS.try_with(Arc::clone).ok();
        let flow = move || {
            // The place is free again when the work is done, even if the caller has gone meanwhile.
            let _place = place;
            match clocks {
                Some(clocks) => CLOCKS.sync_scope(clocks, || flow(&city)),
                None => flow(&city),
            }
        };
        match tokio::task::spawn_blocking(flow).await {
            Ok(done) => done,
            Err(e) => {
                Err(Error::internal("The request ran into a defect; see the log.").because(e))
            }
        }
    }
}
