//! A camera's stream: a child that decodes it, started again whenever it ends.
//!
//! A stream is never held up. Two frames wait here; when a third comes the oldest is dropped and
//! counted, so a reader that cannot keep up sees the newest frame and the operator a number.
//!
//! The watchdog goes by the age of the last *decoded* frame and by nothing else: there are cameras that
//! answer every request of a session and deliver no packet for hours, and servers that go on sending the
//! packets of a session that is long dead. A child that has given no frame for `silence` is killed, and
//! with it its sockets and whatever state of the session it had; the next one begins from nothing.
//!
//! Told to end, the child has a moment to close its session: over UDP a server would go on sending.

use crate::PixelFrame;
use crate::child::{Leash, Manners, alone, no_program, supervise};
use crate::source::{Frame, Image, Next, Play, SourceState};
use base::{Clock, Error, Kind, Result, Secret, Shutdown, Time};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Frames that wait for the reader.
const WAITING: usize = 2;
/// A child of which no frame comes has this long to close its session before it is killed.
const FAREWELL: Duration = Duration::from_millis(700);

/// What kind of stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// RTSP.
    Rtsp,
    /// JPEG pictures over HTTP.
    Mjpeg,
    /// A device of this machine.
    V4l2,
}

/// A stream and how it shall be read.
pub struct Stream {
    /// Where `homeplate-frames` lies.
    pub program: PathBuf,
    /// Its kind.
    pub kind: StreamKind,
    /// Its address, without name and password.
    pub address: String,
    /// The camera's user, perhaps empty.
    pub user: String,
    /// The user's password.
    pub password: Secret<String>,
    /// RTP in packets of its own rather than within the connection.
    pub udp: bool,
    /// At most so many frames a second (0.1 to 120).
    pub fps: f32,
    /// The machine's own decoder, where it has one.
    pub hardware: bool,
    /// A child that gave no frame for so long is killed.
    pub silence: Duration,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream({:?} {})", self.kind, self.address)
    }
}

impl Stream {
    /// Starts to play. What is wrong with the stream comes from [`Play::next`]; it is tried for ever.
    pub fn open(self, clock: Arc<dyn Clock>) -> Result<Live> {
        if !(0.1..=120.0).contains(&self.fps) {
            return Err(Error::invalid("Choose between 0.1 and 120 frames a second."));
        }
        let (shared, silence) = (Arc::new(Shared::new(clock)), self.silence);
        let for_thread = shared.clone();
        thread::Builder::new()
            .name("stream".into())
            .spawn(move || self.keep_playing(&for_thread))
            .map_err(|e| Error::internal("A stream cannot be opened.").because(e))?;
        Ok(Live { shared, silence, number: 0 })
    }

    /// One child after the other, until told to stop.
    fn keep_playing(self, shared: &Shared) {
        let mut back_off = BackOff::default();
        while !shared.stop.stopped() {
            let began = Instant::now();
            let before = shared.begin();
            let end = supervise(
                self.command(shared.clock.now()),
                Some(self.input().expose().as_bytes()),
                None,
                Manners::Polite,
                |child| shared.started(child),
                |frame| shared.take(frame),
            );
            let frames = shared.ended(end) - before;
            let pause = back_off.after(frames, began.elapsed(), shared.fault_kind());
            if shared.stop.sleep(pause) {
                break;
            }
        }
        shared.lock().gone = true;
        shared.ready.notify_all();
    }

    fn command(&self, now: Time) -> Command {
        let mut command = Command::new(&self.program);
        let kind = match self.kind {
            StreamKind::Rtsp => "rtsp",
            StreamKind::Mjpeg => "mjpeg",
            StreamKind::V4l2 => "v4l2",
        };
        command.args(["stream", "--kind", kind, "--fps", &self.fps.to_string()]);
        command.args(["--transport", if self.udp { "udp" } else { "tcp" }]);
        command.args(["--start", &now.millis().saturating_mul(1000).to_string()]);
        if self.hardware {
            command.arg("--hardware");
        }
        alone(command)
    }

    fn input(&self) -> Secret<String> {
        Secret::new(format!("{}\n{}\n{}\n", self.address, self.user, self.password.expose()))
    }
}

/// How long to wait before the next try.
#[derive(Debug, Default)]
struct BackOff {
    failures: u32,
}

impl BackOff {
    const MIN: Duration = Duration::from_secs(1);
    const MAX: Duration = Duration::from_secs(30);
    /// A camera that refused a password is not asked again soon: many lock an account after a few tries.
    const DENIED: Duration = Duration::from_secs(300);
    /// A stream that was good for so long is tried again at once when it breaks off.
    const GOOD: Duration = Duration::from_secs(30);
    /// Some cameras close every session after a few seconds; while it gave pictures that is no failure.
    const SOME: Duration = Duration::from_secs(5);

    /// After a child that gave `frames` frames in `lasted` and ended so.
    fn after(&mut self, frames: u64, lasted: Duration, fault: Option<Kind>) -> Duration {
        if fault == Some(Kind::Unauthenticated) {
            return Self::DENIED;
        }
        if frames > 0 && lasted >= Self::GOOD {
            self.failures = 0;
            return Duration::from_millis(200);
        }
        if frames > 0 && lasted >= Self::SOME {
            self.failures = 0;
            return Self::MIN;
        }
        let wait = Self::MIN * (1 << self.failures.min(5));
        self.failures += 1;
        wait.min(Self::MAX)
    }
}

/// What the playing thread and the reader share.
struct Shared {
    held: Mutex<Held>,
    ready: Condvar,
    stop: Shutdown,
    clock: Arc<dyn Clock>,
}

struct Held {
    waiting: VecDeque<(Time, PixelFrame)>,
    child: Option<Arc<Leash>>,
    /// The last frame, or the child's start.
    heard: Instant,
    /// What the reader has not been told.
    fault: Option<Error>,
    /// Of what kind the last fault was.
    kind: Option<Kind>,
    /// The watchdog has killed the child: that, and not its signal, is what was wrong.
    silent: bool,
    state: SourceState,
    /// Frames were dropped since the last one that was handed out.
    gap: bool,
    gone: bool,
}

impl Shared {
    fn new(clock: Arc<dyn Clock>) -> Self {
        let held = Held {
            waiting: VecDeque::new(),
            child: None,
            heard: Instant::now(),
            fault: None,
            kind: None,
            silent: false,
            state: SourceState::default(),
            gap: false,
            gone: false,
        };
        Self { held: Mutex::new(held), ready: Condvar::new(), stop: Shutdown::new(), clock }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A child is about to be started; how many frames there have been before it.
    fn begin(&self) -> u64 {
        let mut held = self.lock();
        held.heard = Instant::now();
        held.silent = false;
        held.kind = None;
        held.state.frames
    }

    fn started(&self, child: std::io::Result<Arc<Leash>>) {
        let mut held = self.lock();
        match child {
            Ok(leash) => {
                // Who ended it did not know this child, and nobody watches it any more.
                if self.stop.stopped() {
                    leash.kill();
                }
                held.child = Some(leash);
            }
            Err(e) => held.fail(no_program(e)),
        }
    }

    /// Takes a frame; whether more are wanted.
    fn take(&self, frame: Result<PixelFrame>) -> bool {
        let Ok(frame) = frame else { return true };
        let at = self.clock.now();
        let mut held = self.lock();
        held.heard = Instant::now();
        held.state.frames += 1;
        held.state.live = true;
        held.state.fault = None;
        held.state.last = Some(at);
        held.waiting.push_back((at, frame));
        if held.waiting.len() > WAITING {
            held.waiting.pop_front();
            held.state.dropped += 1;
            held.gap = true;
        }
        drop(held);
        self.ready.notify_all();
        !self.stop.stopped()
    }

    /// A child has ended; how many frames there have been in all.
    fn ended(&self, end: Option<Error>) -> u64 {
        let mut held = self.lock();
        held.child = None;
        held.state.live = false;
        held.state.restarts += 1;
        if !held.silent
            && let Some(e) = end
        {
            held.fail(e);
        }
        let frames = held.state.frames;
        drop(held);
        self.ready.notify_all();
        frames
    }

    /// Raises the stop and waits until the child is gone: for a moment politely, then it is killed.
    fn end(&self) {
        self.stop.stop();
        let mut patience = FAREWELL;
        for _ in 0..2 {
            let held = self.lock();
            let waited = self.ready.wait_timeout_while(held, patience, |held| !held.gone);
            let held = match waited {
                Ok((held, _)) => held,
                Err(poisoned) => poisoned.into_inner().0,
            };
            match (&held.child, held.gone) {
                (_, true) | (None, _) => return,
                (Some(child), false) => child.kill(),
            }
            patience = 2 * FAREWELL;
        }
    }

    fn fault_kind(&self) -> Option<Kind> {
        self.lock().kind
    }
}

impl Held {
    fn fail(&mut self, e: Error) {
        self.kind = Some(e.kind());
        self.state.live = false;
        self.state.fault = Some(e.message().to_owned());
        self.fault = Some(e);
    }
}

/// A stream that plays. Dropping it closes the session and waits for that, but never for long.
pub struct Live {
    shared: Arc<Shared>,
    silence: Duration,
    number: u64,
}

impl Play for Live {
    fn next(&mut self, wait: Duration) -> Next {
        let end = Instant::now() + wait;
        let mut held = self.shared.lock();
        loop {
            if let Some((at, frame)) = held.waiting.pop_front() {
                self.number += 1;
                let gap = std::mem::take(&mut held.gap) | frame.gap;
                return Next::Frame(Frame {
                    number: self.number,
                    at,
                    gap,
                    image: Image::Pixels(frame),
                });
            }
            if let Some(fault) = held.fault.take() {
                return Next::Fault(fault);
            }
            if held.gone {
                return Next::End;
            }
            let quiet = held.heard.elapsed();
            if quiet > self.silence
                && !held.silent
                && let Some(child) = held.child.clone()
            {
                child.kill();
                held.silent = true;
                held.fail(silence(self.silence));
                continue;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Nothing;
            }
            held = match self.shared.ready.wait_timeout(held, left) {
                Ok((held, _)) => held,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    fn state(&self) -> SourceState {
        self.shared.lock().state.clone()
    }

    fn close(&mut self) -> SourceState {
        self.shared.end();
        SourceState { live: false, ..self.state() }
    }
}

fn silence(limit: Duration) -> Error {
    let seconds = limit.as_secs_f32();
    Error::unavailable(format!(
        "The camera has given no picture for {seconds} seconds; its stream is begun anew."
    ))
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_become_rarer_and_a_good_stream_forgives() {
        let mut back_off = BackOff::default();
        let mut check = |frames, lasted, fault, want_ms: u64| {
            let got = back_off.after(frames, Duration::from_secs(lasted), fault);
            assert_eq!(got, Duration::from_millis(want_ms), "{frames} in {lasted}: {fault:?}");
        };
        let away = Some(Kind::Unavailable);
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            check(0, 5, away, seconds * 1000);
        }
        // A camera that gives a frame and falls over is no better.
        check(1, 2, away, 30_000);
        for _ in 0..5 {
            check(40, 6, away, 1000);
        }
        check(900, 90, away, 200);
        check(0, 5, away, 1000);
        check(0, 1, Some(Kind::Unauthenticated), 300_000);
        check(0, 5, away, 2000);
    }
}
