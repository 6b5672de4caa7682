//! The supervisor: starts `homeplate-frames` for one video or stream and hands out its frames.
//!
//! The child decodes what strangers send and is treated as theirs. It gets no environment and no
//! sentence of its own, and no input but where its stream is: its frames are bounded by the pipe protocol, its exit code chooses
//! among our sentences ([`Fault`]), and what it prints goes into an error's inside for the operator.
//! However it ends (crash, garbage, half a frame, silence), the iterator gives at most one error and
//! then ends. Dropping the iterator kills the child and waits until it is gone.
//!
//! Back-pressure, for a video: few frames wait here; then nobody reads, the pipe fills, and the child
//! waits. The silence limit counts only while somebody waits for a frame, so a slow reader harms no
//! child. A stream waits for nobody (`stream`).
//!
//! One thread starts the child, reads its frames and reaps it. It is the same thread on purpose: the
//! child asks the kernel to be killed when the *thread* that started it ends.

use crate::{FLAG_GAP, FLAG_LAST, Fault, Header, PixelFormat, read_frame};
use base::{Error, Result, Time};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Frames that wait between the child and the reader.
const WAITING: usize = 2;
/// How much of the child's stderr is kept: its end.
const STDERR_KEPT: usize = 8 << 10;
/// A child whose pipe has ended gets this long to end itself.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// What the child may inherit: where an unusual installation keeps its libraries.
const INHERITED: [&str; 2] = ["LD_LIBRARY_PATH", "GST_PLUGIN_SYSTEM_PATH_1_0"];

/// A video file and how it shall be read.
#[derive(Clone, Debug)]
pub struct VideoFile {
    /// Where `homeplate-frames` lies.
    pub program: PathBuf,
    /// The video.
    pub path: PathBuf,
    /// At most so many frames a second (0.1 to 120); the others are left out evenly. `None`: all.
    pub fps: Option<f32>,
    /// At most so many pixels a frame; larger frames are scaled down. `None`: the child's default.
    pub pixels: Option<u32>,
    /// Colours too, where the video has some.
    pub colour: bool,
    /// When the first frame was captured.
    pub start: Time,
    /// How long to wait for one frame before the child is killed.
    pub silence: Duration,
}

/// One decoded frame.
#[derive(Clone, PartialEq, Eq)]
pub struct PixelFrame {
    /// The child's count, from 1.
    pub number: u64,
    /// When it was captured, by the video's own clock from [`VideoFile::start`].
    pub at: Time,
    /// Frames before this one were lost to damage (not: left out by `fps`).
    pub gap: bool,
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// One byte a pixel, row after row without padding, 0 black to 255 white.
    pub grey: Vec<u8>,
    /// The colour planes U and V, one after the other, each of half the sides rounded up, where there are some.
    pub colour: Option<Vec<u8>>,
}

impl std::fmt::Debug for PixelFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { number, at, gap, width, height, .. } = self;
        write!(f, "PixelFrame({number} at {at}, {width}x{height}, gap {gap})")
    }
}

impl VideoFile {
    /// All frames as they are, from `start`, with the usual silence limit of 20 seconds.
    pub fn new(program: impl Into<PathBuf>, path: impl Into<PathBuf>, start: Time) -> Self {
        let (program, path) = (program.into(), path.into());
        Self {
            program,
            path,
            fps: None,
            pixels: None,
            colour: false,
            start,
            silence: Duration::from_secs(20),
        }
    }

    /// Starts the child. Fails at once only where it cannot be started or the options are out of
    /// bounds; what is wrong with the video comes as the iterator's error.
    pub fn open(&self) -> Result<Video> {
        if self.fps.is_some_and(|fps| !(0.1..=120.0).contains(&fps)) {
            return Err(Error::invalid("Choose between 0.1 and 120 frames a second."));
        }
        if self.pixels == Some(0) {
            return Err(Error::invalid("Choose at least one pixel a frame."));
        }
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        let name = name.to_string_lossy().into_owned();
        let (command, started) = (self.command(), mpsc::channel());
        let (frames_in, frames) = mpsc::sync_channel(WAITING);
        let (done_in, done) = mpsc::channel();
        let run = {
            let (name, started) = (name.clone(), started.0);
            move || {
                let take = |frame| frames_in.send(frame).is_ok();
                let started = |child| drop(started.send(child));
                let name = Some(name.as_str());
                if let Some(e) = supervise(command, None, name, Manners::Abrupt, started, take) {
                    let _ = frames_in.send(Err(e));
                }
                let _ = done_in.send(());
            }
        };
        let cannot = |e: io::Error| Error::internal("The video cannot be opened.").because(e);
        thread::Builder::new().name("video".into()).spawn(run).map_err(cannot)?;
        let child = match started.1.recv() {
            Ok(Ok(child)) => child,
            Ok(Err(e)) => return Err(no_program(e)),
            Err(e) => return Err(cannot(io::Error::other(e))),
        };
        Ok(Video { child, frames: Some(frames), done, silence: self.silence, name })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("file")
            .args(["--start", &self.start.millis().saturating_mul(1000).to_string()]);
        if let Some(fps) = self.fps {
            command.args(["--fps", &fps.to_string()]);
        }
        if let Some(pixels) = self.pixels {
            command.args(["--pixels", &pixels.to_string()]);
        }
        if self.colour {
            command.arg("--colour");
        }
        command.arg("--").arg(&self.path);
        alone(command)
    }
}

/// The command with nothing of ours but its arguments.
pub(crate) fn alone(mut command: Command) -> Command {
    command.env_clear();
    command.envs(INHERITED.iter().filter_map(|n| Some((n, std::env::var_os(n)?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that whatever the child starts can be ended with it.
    command.process_group(0);
    command
}

pub(crate) fn no_program(e: io::Error) -> Error {
    let say = match e.kind() {
        ErrorKind::NotFound => {
            "The program for videos, homeplate-frames, is not beside this one; install the whole package."
        }
        _ => "The program for videos, homeplate-frames, cannot be started; see the log.",
    };
    Error::unavailable(say).because(e)
}

/// The frames of a video, in order. Ends after the last frame or after one error.
pub struct Video {
    child: Arc<Leash>,
    /// `None` once it has ended.
    frames: Option<Receiver<Result<PixelFrame>>>,
    done: Receiver<()>,
    silence: Duration,
    name: String,
}

impl Iterator for Video {
    type Item = Result<PixelFrame>;

    fn next(&mut self) -> Option<Self::Item> {
        let answer = match self.frames.as_ref()?.recv_timeout(self.silence) {
            Ok(Ok(frame)) => return Some(Ok(frame)),
            Ok(Err(e)) => Some(Err(e)),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => Some(Err(self.too_silent())),
        };
        self.close();
        answer
    }
}

impl Video {
    fn too_silent(&self) -> Error {
        let seconds = self.silence.as_secs_f32();
        Error::unavailable(format!(
            "The video {} gave no picture for {seconds} seconds and was given up.",
            self.name
        ))
    }

    /// Kills the child and waits until it has been reaped, but never for long.
    fn close(&mut self) {
        if self.frames.take().is_some() {
            self.child.kill();
            let _ = self.done.recv_timeout(2 * LAST_WORDS);
        }
    }
}

impl Drop for Video {
    fn drop(&mut self) {
        self.close();
    }
}

/// A child that two threads hold: one may kill it, the other reaps it. Its number is never used after
/// it has been reaped, since by then it may be somebody else's.
pub(crate) struct Leash {
    pid: Option<Pid>,
    /// `None` once reaped.
    child: Mutex<Option<Child>>,
}

impl Leash {
    fn new(child: Child) -> Self {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Self { pid, child: Mutex::new(Some(child)) }
    }

    pub(crate) fn kill(&self) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(_), Some(pid)) = (&*child, self.pid) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }

    /// Has it ended by itself (and waits to be reaped)?
    fn ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.pid.is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), look), Ok(None)))
    }

    /// Gives it a moment to end, ends it and its group, and reaps it. Only one thread calls this.
    fn reap(&self) -> io::Result<ExitStatus> {
        let patience = Instant::now() + LAST_WORDS;
        while !self.ended() && Instant::now() < patience {
            thread::sleep(Duration::from_millis(2));
        }
        self.kill();
        let mut held = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        match held.take() {
            Some(mut child) => child.wait(),
            None => Err(ErrorKind::NotFound.into()),
        }
    }
}

/// How a child of which nobody wants more frames is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    /// At once: it has nothing to say to anybody.
    Abrupt,
    /// Its pipe is closed, and it has a moment to close what it has open.
    Polite,
}

/// The life of a child, from its start until it has been reaped: tells `started`, gives it `input`, hands
/// its frames to `take` for as long as that wants more. `name` is the video's; a camera's stream has none. What
/// its end amounts to is the answer, `None` where all is well. Who wants a child that could not be started named
/// looks at `started`.
pub(crate) fn supervise(
    mut command: Command,
    input: Option<&[u8]>,
    name: Option<&str>,
    manners: Manners,
    started: impl FnOnce(io::Result<Arc<Leash>>),
    take: impl FnMut(Result<PixelFrame>) -> bool,
) -> Option<Error> {
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) => {
            started(Err(e));
            return None;
        }
    };
    // A few hundred bytes: they fit into the pipe, whoever reads it. Closed at once.
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        let _ = stdin.write_all(input);
    }
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let leash = Arc::new(Leash::new(child));
    started(Ok(leash.clone()));
    let words = listen(stderr);
    let end = match stdout {
        Some(mut pipe) => relay(&mut pipe, take),
        None => End::Broken(ErrorKind::BrokenPipe.into()),
    };
    // Where the pipe has ended the child is about to, and shall say why.
    let unwanted = matches!(end, End::Unwanted) && manners == Manners::Abrupt;
    if unwanted || matches!(end, End::Broken(_)) {
        leash.kill();
    }
    let status = leash.reap();
    // Whoever has left the group with the pipe in hand is not waited for.
    let words = words.recv_timeout(Duration::from_millis(500)).unwrap_or_default();
    verdict(end, status, name, &words)
}

/// How the pipe ended.
enum End {
    /// After a frame with [`FLAG_LAST`].
    Complete,
    /// Between two frames, without that flag.
    Early { frames: u64 },
    /// Inside a frame.
    Half,
    /// With something that is no frame.
    Broken(io::Error),
    /// Nobody takes frames any more.
    Unwanted,
}

fn relay(pipe: &mut impl Read, mut take: impl FnMut(Result<PixelFrame>) -> bool) -> End {
    let (mut before, mut payload) = (None::<Header>, Vec::new());
    loop {
        let header = match read_frame(pipe, &mut payload) {
            Ok(Some(header)) => header,
            Ok(None) => return before.map_or(End::Early { frames: 0 }, ended),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return End::Half,
            Err(e) => return End::Broken(e),
        };
        if let Err(e) = follows(before.as_ref(), &header) {
            return End::Broken(e);
        }
        before = Some(header);
        if !take(Ok(pixels(&header, &mut payload))) {
            return End::Unwanted;
        }
    }
}

fn ended(last: Header) -> End {
    if last.flags & FLAG_LAST != 0 { End::Complete } else { End::Early { frames: last.counter } }
}

/// Each header may be fine and the row of them wrong.
fn follows(before: Option<&Header>, header: &Header) -> io::Result<()> {
    let wrong = |what: &str| Err(io::Error::new(ErrorKind::InvalidData, what.to_owned()));
    if !matches!(header.format, PixelFormat::Grey8 | PixelFormat::I420) {
        return wrong("a frame without a grey plane");
    }
    let Some(before) = before else {
        return if header.counter == 1 { Ok(()) } else { wrong("the first frame is not number 1") };
    };
    if before.flags & FLAG_LAST != 0 {
        return wrong("a frame after the last");
    }
    if before.counter.checked_add(1) != Some(header.counter) {
        return wrong("a frame out of order");
    }
    if header.captured_us < before.captured_us { wrong("a frame back in time") } else { Ok(()) }
}

/// The header's bounds hold, so the payload has the bytes of its planes and a row fits its stride.
fn pixels(header: &Header, payload: &mut Vec<u8>) -> PixelFrame {
    let (width, stride) = (header.width as usize, header.stride as usize);
    let mut grey = std::mem::take(payload);
    let planes = grey.split_off((stride * header.height as usize).min(grey.len()));
    let tight = |bytes: Vec<u8>, stride: usize, width: usize| {
        if width == stride {
            return bytes;
        }
        bytes.chunks_exact(stride).flat_map(|row| &row[..width]).copied().collect()
    };
    let colour = (header.format == PixelFormat::I420)
        .then(|| tight(planes, stride.div_ceil(2), width.div_ceil(2)));
    let grey = tight(grey, stride, width);
    PixelFrame {
        number: header.counter,
        at: Time::from_millis(header.captured_us / 1000),
        gap: header.flags & FLAG_GAP != 0,
        width: header.width,
        height: header.height,
        grey,
        colour,
    }
}

/// The one error that a child's end amounts to; `None` where all is well.
fn verdict(
    end: End,
    status: io::Result<ExitStatus>,
    name: Option<&str>,
    words: &str,
) -> Option<Error> {
    let inside = |how: String| format!("homeplate-frames {how}; it said: {}", words.trim());
    let status = match status {
        Ok(status) => status,
        Err(e) => return Some(Fault::Defect.error(name).because(inside(e.to_string()))),
    };
    // The child was killed for these; its status tells nothing.
    match &end {
        End::Unwanted => return None,
        End::Broken(e) => {
            return Some(Fault::Defect.error(name).because(inside(format!("wrote no frame: {e}"))));
        }
        _ => {}
    }
    if let Some(fault) = status.code().and_then(Fault::from_exit_code) {
        return Some(fault.error(name).because(inside(status.to_string())));
    }
    if let Some(signal) = status.signal() {
        let say = match name {
            Some(name) => {
                format!("The video {name} could not be read: the program for videos crashed on it.")
            }
            None => {
                "The program for the camera's pictures crashed on them; it is begun again.".into()
            }
        };
        return Some(Error::invalid(say).because(inside(format!("got signal {signal}"))));
    }
    let fault = match end {
        End::Complete if status.success() => return None,
        End::Early { frames: 0 } if status.success() => Fault::NoFrame,
        End::Early { .. } if status.success() => Fault::Damaged,
        _ => Fault::Defect,
    };
    let how = if matches!(end, End::Half) { "ended inside a frame" } else { "ended" };
    Some(fault.error(name).because(inside(format!("{how}, {status}"))))
}

/// Reads the child's stderr to its end and keeps the last [`STDERR_KEPT`] bytes as one line.
fn listen(stderr: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (out, words) = mpsc::channel();
    let run = move || {
        let (mut kept, mut chunk) = (Vec::new(), [0; 1024]);
        if let Some(mut stderr) = stderr {
            while let Ok(n @ 1..) = stderr.read(&mut chunk) {
                kept.extend_from_slice(&chunk[..n]);
                let excess = kept.len().saturating_sub(STDERR_KEPT);
                kept.drain(..excess);
            }
        }
        let text = String::from_utf8_lossy(&kept);
        // For a log of lines: no line breaks, no control characters of a terminal.
        let _ = out.send(text.replace(char::is_control, " "));
    };
    // Without this thread a child that prints much stands still, and the silence limit ends it.
    let _ = thread::Builder::new().name("video-stderr".into()).spawn(run);
    words
}
