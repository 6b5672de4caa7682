//! One camera's whole run: enrol, keep the lease, read, send, say what happened.

use crate::counts::{Counts, Summary};
use crate::doctor::Line;
use crate::keeper::{self, Keeper};
use crate::pipeline::Pipeline;
use crate::session::Session;
use crate::spool::Full;
use crate::station::{Facts, Station};
use crate::{Client, Spool, Uplink, enrol, panel};
use base::{CameraId, Clock, Error, Result, Shutdown, Signed};
use camera::{Next, Play, Source};
use read::Stop;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a single run waits for a city that does not answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long an interrupted run goes on sending.
const FAREWELL: Duration = Duration::from_secs(5);
const PROGRESS: Duration = Duration::from_secs(5);
/// How long a frame is waited for before the lease is looked at again.
const LOOK: Duration = Duration::from_millis(50);
/// A source that cannot be opened is tried again after so long.
const REOPEN: Duration = Duration::from_secs(5);

/// Where progress is told, a line at a time. Never a plate.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// What to run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The city's address.
    pub server: String,
    /// The camera.
    pub camera: CameraId,
    /// Folder for device key, enrolment, settings and spool.
    pub data: PathBuf,
    /// Where frames come from.
    pub source: Source,
    /// Where `homeplate-frames` lies, which decodes all but folders of pictures.
    pub program: PathBuf,
    /// The one-time code, on first start.
    pub code: Option<String>,
    /// Bytes of sealed reads that may wait.
    pub spool_max: u64,
    /// What a full spool does.
    pub spool_full: Full,
    /// Where to show the live picture; loopback only.
    pub preview: Option<SocketAddr>,
    /// Where order files are looked for, besides the data folder: where sticks are mounted.
    pub orders: Option<PathBuf>,
    /// End when the source has ended and everything is delivered.
    pub once: bool,
}

impl Config {
    /// About a week of a busy street.
    pub const SPOOL_MAX: u64 = 4 << 30;
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
    station: Arc<Station>,
    say: Say,
}

/// Runs until the source ends (`once`) or `stop` is raised.
pub fn run(config: &Config, clock: Arc<dyn Clock>, stop: &Shutdown, say: Say) -> Result<Ended> {
    let station = station(config, clock.clone())?;
    let Some(address) = config.preview else {
        return run_at(config, &station, clock, stop, say);
    };
    let listener = panel::listen(address)?;
    let bound = listener.local_addr().unwrap_or(address);
    say(&format!("camera {}: live at http://{bound}/live.mjpg", config.camera));
    let done = Shutdown::new();
    std::thread::scope(|scope| {
        let stations = [station.clone()];
        let for_panel = done.clone();
        scope.spawn(move || panel::serve(&listener, &stations, &for_panel));
        let ended = run_at(config, &station, clock, stop, say);
        done.stop();
        ended
    })
}

/// What a camera shows of itself; its settings are read here.
pub(crate) fn station(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<Station>> {
    let place = config.source.place();
    Ok(Arc::new(Station::open(config.camera.clone(), place, &config.data, clock)?))
}

/// The run of a camera that shows itself at a station.
pub(crate) fn run_at(
    config: &Config,
    station: &Arc<Station>,
    clock: Arc<dyn Clock>,
    stop: &Shutdown,
    say: Say,
) -> Result<Ended> {
    let _lock = enrol::claim(&config.data)?;
    let client = enrol::connect(&config.data, &config.server, &config.camera, clock.clone())?;
    let enrolment = enrol::enrolment(&config.data, &client, config.code.as_deref())?;
    say(&format!("camera {}: enrolled with {}", config.camera, enrolment.city));
    let folder = config.data.join("spool");
    let (spool, damaged) = Spool::open(&folder, config.spool_max, config.spool_full)?;
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
        foreign: false,
    };
    let keeper = Keeper::open(held, &config.data, config.orders.clone())?;
    let uplink = Uplink::new(client.clone(), spool.clone(), counts.clone());
    let station = station.clone();
    let run = Arc::new(Run { client, keeper, uplink, spool, counts, clock, station, say });
    run.station.tell(Some(run.clone()));
    let done = Shutdown::new();
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| run.keeper.run(&done));
        scope.spawn(|| run.uplink.run(&run.keeper, &done));
        let ended = run.live(config, stop);
        done.stop();
        ended
    });
    run.station.tell(None);
    run.station.health.save(true);
    ended
}

impl Run {
    fn live(&self, config: &Config, stop: &Shutdown) -> Result<Ended> {
        let mut pipeline = Pipeline::new(
            self.spool.clone(),
            self.counts.clone(),
            self.station.clone(),
            self.clock.clone(),
        )?;
        if config.once
            && let Err(e) = self.keeper.first_lease(stop, PATIENCE)
        {
            return Ok(self.ended(Some(e)));
        }
        self.play(config, stop, &mut pipeline)?;
        let word = pipeline.end(self.clock.now());
        let because = self.flush(stop);
        if let Some(word) = word {
            self.last_word(&word);
        }
        Ok(self.ended(because))
    }

    /// Plays the source whenever a lease allows it, until it ends or somebody says stop.
    fn play(&self, config: &Config, stop: &Shutdown, pipeline: &mut Pipeline) -> Result<()> {
        let mut told = Instant::now();
        while !stop.stopped() {
            let Some(session) = self.keeper.session() else {
                // A clip that ends is played once; the lease it was begun under may be its only one.
                if config.once && self.keeper.off().is_some() {
                    return Ok(());
                }
                self.tell_progress(&mut told);
                if stop.sleep(LOOK) {
                    return Ok(());
                }
                continue;
            };
            drop(session);
            let (clock, program) = (self.clock.clone(), &config.program);
            match config.source.open(program, clock, stop.clone()) {
                Ok(mut source) => {
                    if self.take_frames(&mut *source, stop, pipeline, &mut told) {
                        return Ok(());
                    }
                }
                // A clip that cannot be played never will; a camera may come back.
                Err(e) if config.source.ends() => return Err(e),
                Err(e) => {
                    self.fault(&e);
                    stop.sleep(REOPEN);
                }
            }
        }
        Ok(())
    }

    /// Takes frames while a lease is in force; whether the source is at its end. Without a lease the source is
    /// dropped, and with it the child that decodes: nothing is pulled from the camera any more.
    fn take_frames(
        &self,
        source: &mut dyn Play,
        stop: &Shutdown,
        pipeline: &mut Pipeline,
        told: &mut Instant,
    ) -> bool {
        let mut pulled = 0;
        loop {
            let session = self.keeper.session();
            let leased = session.is_some();
            self.enter(session, pipeline);
            if !leased || stop.stopped() {
                return false;
            }
            let next = source.next(LOOK);
            let state = source.state();
            // Every frame that came is counted, the dropped ones too, before it is looked at.
            let counter = (pulled..state.frames).map(|_| self.keeper.frames().pulled()).last();
            pulled = state.frames;
            self.station.health.source(state);
            match next {
                Next::Frame(frame) => {
                    let counter = counter.unwrap_or_else(|| self.keeper.frames().count());
                    pipeline.frame(frame, counter);
                }
                Next::Fault(e) => self.fault(&e),
                Next::Nothing => {}
                Next::End => return true,
            }
            self.tell_progress(told);
        }
    }

    fn enter(&self, session: Option<Arc<Session>>, pipeline: &mut Pipeline) {
        if let Some(session) = &session {
            self.station.health.clock_offset(session.offset_ms());
        }
        if let Some(word) = pipeline.lease(session, self.clock.now()) {
            self.last_word(&word);
        }
    }

    fn fault(&self, e: &Error) {
        tracing::warn!(error = %e.inside(), "source");
        (self.say)(&format!("camera {}: {}", self.client.camera(), e.message()));
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

    fn tell_progress(&self, told: &mut Instant) {
        if told.elapsed() >= PROGRESS {
            *told = Instant::now();
            self.progress();
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

impl Facts for Run {
    fn facts(&self) -> serde_json::Value {
        let session = self.keeper.session();
        serde_json::json!({
            "camera": self.client.camera(),
            "lease": {
                "state": self.keeper.state().as_str(),
                "until": session.as_ref().map(|s| s.lease().until),
            },
            "counts": self.summary(),
            "delay_ms": self.spool.delays(),
        })
    }

    fn line(&self) -> Line {
        let s = self.summary();
        Line {
            lease: self.keeper.state().as_str().into(),
            trouble: self.uplink.trouble().or_else(|| self.keeper.trouble()),
            waiting: s.waiting,
            lost: s.lost,
        }
    }
}
