//! One camera's whole run: enrol, keep the lease, read, send, say what happened.

use crate::counts::{Counts, Summary};
use crate::keeper::{self, Keeper};
use crate::pipeline::Pipeline;
use crate::preview::{self, Preview};
use crate::{Client, Spool, Uplink, enrol};
use base::{CameraId, Clock, Error, Result, Shutdown, Signed};
use camera::Source;
use read::Stop;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of sealed reads that may wait: about a week of a busy street without pictures of it lost.
const SPOOL_MAX: u64 = 4 << 30;
/// How long a single run waits for a city that does not answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long an interrupted run goes on sending.
const FAREWELL: Duration = Duration::from_secs(5);
const PROGRESS: Duration = Duration::from_secs(5);

/// Where progress is told, a line at a time. Never a plate.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// What to run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The city's address.
    pub server: String,
    /// The camera.
    pub camera: CameraId,
    /// Folder for device key, enrolment and spool.
    pub data: PathBuf,
    /// Where frames come from.
    pub source: Source,
    /// The one-time code, on first start.
    pub code: Option<String>,
    /// Where to show the live picture; loopback only.
    pub preview: Option<SocketAddr>,
    /// Where order files are looked for, besides the data folder: where sticks are mounted.
    pub orders: Option<PathBuf>,
    /// End when the source has ended and everything is delivered.
    pub once: bool,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// What was counted.
    pub summary: Summary,
    /// Why it ended before its work was done, if it did.
    pub because: Option<Error>,
}

/// What the threads of a run share.
struct Run {
    client: Arc<Client>,
    keeper: Keeper,
    uplink: Uplink,
    spool: Arc<Spool>,
    counts: Arc<Counts>,
    clock: Arc<dyn Clock>,
    say: Say,
}

/// Runs until the source ends (`once`) or `stop` is raised.
pub fn run(config: &Config, clock: Arc<dyn Clock>, stop: &Shutdown, say: Say) -> Result<Ended> {
    let _lock = enrol::claim(&config.data)?;
    let client = enrol::connect(&config.data, &config.server, &config.camera, clock.clone())?;
    let enrolment = enrol::enrolment(&config.data, &client, config.code.as_deref())?;
    say(&format!("camera {}: enrolled with {}", config.camera, enrolment.city));
    let (spool, damaged) = Spool::open(&config.data.join("spool"), SPOOL_MAX)?;
    if damaged > 0 {
        say(&format!("camera {}: {damaged} spooled reads are damaged, set aside", config.camera));
    }
    let (client, spool, counts) = (Arc::new(client), Arc::new(spool), Arc::new(Counts::default()));
    let held = keeper::Parts {
        client: client.clone(),
        enrolment,
        clock: clock.clone(),
        say: say.clone(),
        spool: spool.clone(),
    };
    let keeper = Keeper::open(held, &config.data, config.orders.clone())?;
    let uplink = Uplink::new(client.clone(), spool.clone(), counts.clone());
    let run = Run { client, keeper, uplink, spool, counts, clock, say };
    let done = Shutdown::new();
    std::thread::scope(|scope| {
        scope.spawn(|| run.keeper.run(&done));
        scope.spawn(|| run.uplink.run(&run.keeper, &done));
        let ended = run.live(config, stop, &done, scope);
        done.stop();
        ended
    })
}

impl Run {
    fn live<'scope, 'env>(
        &'env self,
        config: &Config,
        stop: &Shutdown,
        done: &Shutdown,
        scope: &'scope std::thread::Scope<'scope, 'env>,
    ) -> Result<Ended> {
        let shown = match config.preview {
            Some(address) => {
                let shown = Arc::new(Preview::default());
                let listener = preview::listen(address)?;
                let bound = listener.local_addr().unwrap_or(address);
                (self.say)(&format!("camera {}: live at http://{bound}/live.mjpg", config.camera));
                let (shown, done) = (shown.clone(), done.clone());
                let for_server = shown.clone();
                scope.spawn(move || preview::serve(&listener, &for_server, self, &done));
                Some(shown)
            }
            None => None,
        };
        let mut pipeline = Pipeline::new(self.spool.clone(), self.counts.clone(), shown)?;
        if config.once
            && let Err(e) = self.keeper.first_lease(stop, PATIENCE)
        {
            return Ok(self.ended(Some(e)));
        }
        let word = self.play(config, stop, &mut pipeline)?;
        let because = self.flush(stop);
        if let Some(word) = word {
            self.last_word(&word);
        }
        Ok(self.ended(because))
    }

    /// Takes frames until there are no more; returns the last word under the lease.
    fn play(
        &self,
        config: &Config,
        stop: &Shutdown,
        pipeline: &mut Pipeline,
    ) -> Result<Option<Signed<Stop>>> {
        let mut told = Instant::now();
        for frame in config.source.open(self.clock.clone(), stop.clone())? {
            let session = self.keeper.session();
            let leased = session.is_some();
            if let Some(word) = pipeline.lease(session, self.clock.now()) {
                self.last_word(&word);
            }
            if leased {
                self.keeper.frames().pulled();
            }
            match frame {
                Ok(frame) => pipeline.frame(frame),
                Err(e) => tracing::warn!(error = %e.inside(), "source"),
            }
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                self.progress();
            }
        }
        Ok(pipeline.end(self.clock.now()))
    }

    /// Waits for the spool to empty: for as long as it moves after a whole clip, for a moment when
    /// told to stop. What remains stays sealed on disk and goes up after the next start.
    fn flush(&self, stop: &Shutdown) -> Option<Error> {
        let mut interrupted = None;
        while !self.spool.is_empty() {
            if stop.stopped() {
                let since: &mut Instant = interrupted.get_or_insert_with(Instant::now);
                if since.elapsed() >= FAREWELL || self.hopeless().is_some() {
                    return None;
                }
            } else if let Some(e) = self.hopeless() {
                return Some(e);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // An empty spool of a camera that was switched off midway is still an early end.
        if stop.stopped() { None } else { self.keeper.off() }
    }

    /// Why waiting for the spool to empty is in vain, if it is.
    fn hopeless(&self) -> Option<Error> {
        self.keeper.off().or_else(|| self.uplink.given_up(PATIENCE))
    }

    fn last_word(&self, word: &Signed<Stop>) {
        match self.keeper.last_word(word) {
            Ok(()) => (self.say)(&format!(
                "camera {}: stopped after read {} of its lease, and said so",
                self.client.camera(),
                word.unverified().counter
            )),
            Err(e) => tracing::warn!(error = %e.inside(), "the last word waits for the line"),
        }
    }

    fn progress(&self) {
        let s = self.summary();
        (self.say)(&format!(
            "camera {}: {} frames, {} reads sealed, {} delivered",
            self.client.camera(),
            s.frames,
            s.sealed,
            s.delivered
        ));
    }

    fn summary(&self) -> Summary {
        self.counts.summary(self.spool.len())
    }

    fn ended(&self, because: Option<Error>) -> Ended {
        self.progress();
        let summary = self.summary();
        if summary.waiting > 0 {
            (self.say)(&format!(
                "camera {}: {} reads wait in the spool, sealed",
                self.client.camera(),
                summary.waiting
            ));
        }
        Ended { summary, because }
    }
}

/// What `live.json` says besides the tracks.
impl preview::Facts for Run {
    fn facts(&self) -> serde_json::Value {
        let session = self.keeper.session();
        serde_json::json!({
            "camera": self.client.camera(),
            "lease": {
                "state": self.keeper.state().as_str(),
                "until": session.as_ref().map(|s| s.lease().until),
            },
            "counts": self.summary(),
        })
    }
}
