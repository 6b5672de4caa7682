//! What all handlers share, and the bridge from async handlers to the city's blocking flows.

use crate::Options;
use crate::forgers::Forgers;
use crate::limits::Limits;
use crate::metrics::Metrics;
use base::{Error, Result};
use city::City;
use identity::{Nonces, Sessions};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use tokio::sync::{Semaphore, watch};

/// The shared state.
pub(crate) type State = Arc<AppState>;

/// City, replay guard, sessions, limits, figures, and the flag that ends event streams.
pub(crate) struct AppState {
    pub city: Arc<City>,
    pub nonces: Nonces,
    pub sessions: Sessions,
    /// Requests of people and cameras.
    pub limits: Limits,
    /// Requests without a signature.
    pub addresses: Limits,
    /// Requests whose signature does not hold.
    pub forgers: Forgers,
    /// Places for batches of reads.
    pub ingest: Arc<Semaphore>,
    pub metrics: Metrics,
    pub options: Options,
    pub listeners: AtomicUsize,
    closing: watch::Sender<bool>,
}

impl AppState {
    pub fn new(city: Arc<City>, options: Options) -> Self {
        let places = city.config().server.ingest_in_flight as usize;
        Self {
            city,
            nonces: Nonces::new(),
            sessions: Sessions::new(),
            limits: Limits::default(),
            addresses: Limits::default(),
            forgers: Forgers::default(),
            ingest: Arc::new(Semaphore::new(places)),
            metrics: Metrics::default(),
            options,
            listeners: AtomicUsize::new(0),
            closing: watch::channel(false).0,
        }
    }

    /// Ends every event stream, so that a graceful shutdown does not wait for a browser.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Becomes true when the server closes.
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Runs a flow on a blocking thread.
    pub async fn run<T: Send + 'static>(
        &self,
        flow: impl FnOnce(&City) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let city = self.city.clone();
        match tokio::task::spawn_blocking(move || flow(&city)).await {
            Ok(done) => done,
            Err(e) => {
                Err(Error::internal("The request ran into a defect; see the log.").because(e))
            }
        }
    }
}
