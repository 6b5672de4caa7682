//! One camera's whole run: enrol, keep the lease, read, send, say what happened.

use crate::beat;
use crate::counts::Summary;
use crate::doctor::Line;
use crate::enrol;
use crate::link::{Link, LinkConfig};
use crate::panel;
use crate::pipeline::Pipeline;
use crate::session::Session;
use crate::spool::{Full, Keep};
use crate::station::{Facts, Station};
use base::{CameraId, Clock, Error, Result, Secret, Shutdown, Signed};
use camera::{Next, Play, Source, SourceState};
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

/// Where a one-time code is.
#[derive(Clone, Debug)]
pub enum Code {
    /// Here.
    Said(Secret<String>),
    /// In a file, which is read anew each time that the camera is tried.
    In(PathBuf),
}

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
    /// The one-time code, on first start. It is printed nowhere.
    pub code: Option<Code>,
    /// A file with the root of the city's certificate, where the machine does not know it.
    pub ca: Option<PathBuf>,
    /// Bytes of sealed reads that may wait.
    pub spool_max: u64,
    /// What a full spool does.
    pub spool_full: Full,
    /// How much of what was delivered is kept.
    pub spool_keep: Keep,
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
    link: Link,
    clock: Arc<dyn Clock>,
    station: Arc<Station>,
    say: Say,
}

/// Raises a flag when it goes, be it by a panic.
pub(crate) struct Raise<'a>(pub &'a Shutdown);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// A run's place at its station, left when it goes, be it by a panic: what has failed holds the data folder no longer,
/// and shows no picture.
struct Seat<'a>(&'a Station);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.tell(None);
        self.0.preview.clear();
    }
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
        let _ends = Raise(&done);
        run_at(config, &station, clock, stop, say)
    })
}

/// What a camera shows of itself; its settings are read here.
pub(crate) fn station(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<Station>> {
    let place = config.source.place();
    let station = Station::open(config.camera.clone(), place, &config.data, clock)?;
    Ok(Arc::new(station.with_source(config.source.clone())))
}

/// The run of a camera that shows itself at a station.
pub(crate) fn run_at(
    config: &Config,
    station: &Arc<Station>,
    clock: Arc<dyn Clock>,
    stop: &Shutdown,
    say: Say,
) -> Result<Ended> {
    let spool = (config.spool_max, config.spool_full);
    let code = match &config.code {
        Some(Code::In(file)) => enrol::code_in(file, &config.data)?,
        Some(Code::Said(code)) => Some(code.clone()),
        None => None,
    };
    let line = LinkConfig {
        server: &config.server,
        camera: &config.camera,
        data: &config.data,
        code: code.as_ref().map(|code| code.expose().as_str()),
        ca: config.ca.as_deref(),
        spool,
        keep: config.spool_keep,
        orders: config.orders.clone(),
        foreign: false,
    };
    let link = Link::open(line, clock.clone(), say.clone())?;
    if link.damaged > 0 {
        let damaged = link.damaged;
        say(&format!("camera {}: {damaged} spooled reads are damaged, set aside", config.camera));
    }
    let run = Arc::new(Run { link, clock, station: station.clone(), say });
    run.station.tell(Some(run.clone()));
    let _leaves = Seat(station);
    let done = Shutdown::new();
    let ended = std::thread::scope(|scope| {
        // However the reading ends, nobody keeps a lease for it.
        let _ends = Raise(&done);
        let health = || {
            let place = run.station.settings().place;
            beat::of(&run.link, Some((&run.station.health.report(), place)))
        };
        run.link.tend(scope, health, &done);
        run.live(config, stop)
    });
    run.station.health.save(true);
    ended
}

impl Run {
    fn live(&self, config: &Config, stop: &Shutdown) -> Result<Ended> {
        let mut pipeline =
            Pipeline::new(self.link.outlet.clone(), self.station.clone(), self.clock.clone())?;
        if config.once
            && let Err(e) = self.link.keeper.first_lease(stop, PATIENCE)
        {
            return Ok(self.ended(Some(e)));
        }
        let cut = self.play(config, stop, &mut pipeline)?;
        self.link.keeper.rest();
        let word = pipeline.end(self.clock.now());
        let because = self.flush(stop).or(cut);
        if let Some(word) = word {
            self.last_word(&word);
        }
        Ok(self.ended(because))
    }

    /// Plays the source whenever a lease allows it, until it ends or somebody says stop; why it was not played to its
    /// end, if it was not.
    fn play(
        &self,
        config: &Config,
        stop: &Shutdown,
        pipeline: &mut Pipeline,
    ) -> Result<Option<Error>> {
        let mut told = Instant::now();
        while !stop.stopped() {
            if self.link.keeper.session().is_none() {
                // Whoever waits for a clip to be read is told that the camera is off.
                if config.once && self.link.keeper.off().is_some() {
                    return Ok(None);
                }
                self.tell_progress(&mut told);
                if stop.sleep(LOOK) {
                    return Ok(None);
                }
                continue;
            }
            // What a camera that keeps hits alone would see before its first list, it could not compare.
            let mode = self.link.keeper.session().and_then(|s| s.lease().hits_only);
            if !self.link.outlet.watch.ready(mode) {
                stop.sleep(LOOK);
                continue;
            }
            let (clock, program) = (self.clock.clone(), &config.program);
            match config.source.open(program, clock, stop.clone()) {
                Ok(mut source) => {
                    let (ends, before) = (config.source.ends(), self.summary().frames);
                    if self.take_frames(&mut *source, ends, stop, pipeline, &mut told) {
                        return Ok(None);
                    }
                    // From its beginning once more, each of its passes would be a second read.
                    let frames = self.summary().frames - before;
                    let cut = ends && config.once && frames > 0 && !stop.stopped();
                    if cut && self.link.keeper.off().is_none() {
                        return Ok(Some(Error::gone(format!(
                            "The lease ended after {frames} frames of the clip; played again from its beginning, they would be read twice.",
                        ))));
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
        Ok(None)
    }

    /// Takes frames while a lease is in force; whether the source is at its end. Without a lease the source is
    /// dropped, and with it the child that decodes: nothing is pulled from the camera any more. One that `ends` says so
    /// itself, and is only slow where nothing comes.
    fn take_frames(
        &self,
        source: &mut dyn Play,
        ends: bool,
        stop: &Shutdown,
        pipeline: &mut Pipeline,
        told: &mut Instant,
    ) -> bool {
        let (mut pulled, mut heard) = (0, Instant::now());
        let mut count = |state: SourceState| {
            // Every frame that came is counted, the dropped ones too, before it is looked at.
            while pulled < state.frames {
                self.link.keeper.frames().pulled();
                pulled += 1;
            }
            self.station.health.source(state);
            self.link.keeper.frames().count()
        };
        loop {
            let session = self.link.keeper.session();
            if session.is_none() || stop.stopped() {
                // The last word tells how many frames were pulled: none may come behind it.
                count(source.close());
                if !stop.stopped() {
                    self.enter(None, pipeline);
                }
                return false;
            }
            self.enter(session, pipeline);
            let next = source.next(LOOK);
            let counter = count(source.state());
            match next {
                Next::Frame(frame) => {
                    pipeline.frame(frame, counter);
                    heard = Instant::now();
                }
                Next::Fault(e) => self.fault(&e),
                Next::Nothing if !ends => pipeline.idle(heard.elapsed()),
                Next::Nothing => {}
                Next::End => {
                    count(source.close());
                    return true;
                }
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
        (self.say)(&format!("camera {}: {}", self.link.client.camera(), e.message()));
    }

    /// Waits for the spool to empty: for as long as it moves after a whole clip, for a moment when
    /// told to stop. What remains stays sealed on disk and goes up after the next start.
    fn flush(&self, stop: &Shutdown) -> Option<Error> {
        let mut interrupted = None;
        while !self.link.spool.is_empty() {
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
        if stop.stopped() { None } else { self.link.keeper.off() }
    }

    /// Why waiting for the spool to empty is in vain, if it is.
    fn hopeless(&self) -> Option<Error> {
        self.link.keeper.off().or_else(|| self.link.uplink.given_up(PATIENCE))
    }

    fn last_word(&self, word: &Signed<Stop>) {
        match self.link.keeper.last_word(word) {
            Ok(()) => (self.say)(&format!(
                "camera {}: stopped after read {} of its lease, and said so",
                self.link.client.camera(),
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
            self.link.client.camera(),
            s.frames,
            s.sealed,
            s.delivered
        ));
    }

    fn summary(&self) -> Summary {
        self.link.counts.summary(self.link.spool.len())
    }

    fn ended(&self, because: Option<Error>) -> Ended {
        self.progress();
        let summary = self.summary();
        if summary.waiting > 0 {
            (self.say)(&format!(
                "camera {}: {} reads wait in the spool, sealed",
                self.link.client.camera(),
                summary.waiting
            ));
        }
        Ended { summary, because }
    }
}

impl Facts for Run {
    fn facts(&self) -> serde_json::Value {
        let session = self.link.keeper.session();
        serde_json::json!({
            "camera": self.link.client.camera(),
            "lease": {
                "state": self.link.keeper.state().as_str(),
                "until": session.as_ref().map(|s| s.lease().until),
            },
            "counts": self.summary(),
            "delay_ms": self.link.spool.delays(),
        })
    }

    fn line(&self) -> Line {
        let s = self.summary();
        Line {
            lease: self.link.keeper.state().as_str().into(),
            trouble: self.link.uplink.trouble().or_else(|| self.link.keeper.trouble()),
            waiting: s.waiting,
            lost: s.lost,
            refused: s.refused,
            watch: self.link.outlet.watch.held(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preview::Shot;
    use base::{SystemClock, Time};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    struct Told;

    impl Facts for Told {
        fn facts(&self) -> serde_json::Value {
            serde_json::Value::Null
        }
        fn line(&self) -> Line {
            Line::default()
        }
    }

    #[test]
    fn a_run_that_panics_leaves_its_station() {
        let dir = tempfile::tempdir().unwrap();
        let (camera, place) = ("cam_a".parse().unwrap(), "a clip".to_owned());
        let station = Station::open(camera, place, dir.path(), Arc::new(SystemClock)).unwrap();
        let ran = catch_unwind(AssertUnwindSafe(|| {
            station.tell(Some(Arc::new(Told)));
            let _leaves = Seat(&station);
            let picture = vision::Picture::from_grey(16, 16, vec![0; 256]).unwrap();
            let at = Time::from_millis(1);
            station.preview.show(Shot { number: 1, at, picture, tracks: Vec::new() });
            assert!(station.facts().is_none(), "a defect");
        }));
        assert!(ran.is_err() && station.facts().is_none() && station.preview.now().is_none());
    }
}
