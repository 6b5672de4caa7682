//! `homeplate-frames`: decodes one video or one camera's stream and writes its frames to stdout by the frame pipe
//! (`ref/frame-pipe-v1.md`).
//!
//! A media library is a large body of C that reads what strangers send. It is linked here and nowhere
//! else, so whatever a video does to it, it does to a process that holds no key, no read and no
//! connection, and that can be killed at any moment.
//!
//! What holds:
//! - The process bounds itself before it opens the video (`limits`): memory, files, no new rights.
//! - No registry and no auto-plugging: elements come from one table (`parts`), and a plugin is loaded
//!   only when its element is needed. What the table does not name (playlists, sound, subtitles, picture
//!   sequences) is not refused by a rule, it is not there; a file cannot reach the network.
//! - Nothing but frames is ever on stdout. How it ended is the exit code ([`camera::Fault`]); one line
//!   on stderr tells an operator more, and one which decoder was taken where hardware is wished for.
//! - A defect in a callback ends the process at once.
//!
//! Not here: what a frame shows, and how long a video or a silent stream may take (the supervisor in
//! `camera` watches).

mod colour;
mod grey;
mod limits;
mod pace;
mod parts;
mod player;
mod shape;
mod sink;
mod stream;
mod tracks;
mod writer;

use camera::Fault;
use clap::{Args, Parser, Subcommand};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// The most pixels of a frame where nothing else is said: what is sold as four megapixels has up to 2688 × 1520, and
/// is not resampled for a hundredth. More would cost memory and time on both sides of the pipe for every frame.
const PIXELS: u32 = 4_200_000;

/// Decodes a video and writes its grey frames to a pipe.
#[derive(Parser)]
#[command(name = "homeplate-frames", version)]
struct Cli {
    #[command(subcommand)]
    source: Source,
}

#[derive(Subcommand)]
enum Source {
    /// A video file.
    File(FileArgs),
    /// A camera's stream, for as long as it lasts. Where it is comes on standard input, since others on this
    /// machine can read arguments: a line with the address, one with the user, one with the password.
    Stream(StreamArgs),
}

/// What to read and how much of it.
#[derive(Args, Clone)]
struct FileArgs {
    /// The video file.
    path: PathBuf,
    /// At most so many frames a second; the others are left out evenly.
    #[arg(long, value_parser = fps)]
    fps: Option<f64>,
    /// At most so many pixels a frame; larger frames are scaled down.
    #[arg(long, default_value_t = PIXELS, value_parser = clap::value_parser!(u32).range(1..=64_000_000))]
    pixels: u32,
    /// When the first frame was captured: microseconds since 1970, UTC.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    start: i64,
    /// Colours too, where there are some.
    #[arg(long)]
    colour: bool,
}

/// What to stream and how much of it.
#[derive(Args, Clone)]
struct StreamArgs {
    /// What kind of source the address is of.
    #[arg(long, value_enum)]
    kind: StreamKind,
    /// How RTP travels.
    #[arg(long, value_enum, default_value_t = Transport::Tcp)]
    transport: Transport,
    /// At most so many frames a second; the others are left out evenly.
    #[arg(long, value_parser = fps)]
    fps: Option<f64>,
    /// At most so many pixels a frame; larger frames are scaled down.
    #[arg(long, default_value_t = PIXELS, value_parser = clap::value_parser!(u32).range(1..=64_000_000))]
    pixels: u32,
    /// The machine's own decoder, where it has one.
    #[arg(long)]
    hardware: bool,
    /// What time it is when the stream begins: microseconds since 1970, UTC.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    start: i64,
}

/// Kinds of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum StreamKind {
    /// RTSP (RFC 2326), as nearly all cameras speak it.
    Rtsp,
    /// JPEG pictures one after the other over HTTP.
    Mjpeg,
    /// A camera of this machine, by its device file.
    V4l2,
}

/// How RTP travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Transport {
    /// Within the RTSP connection: nothing is lost, and one port is enough.
    Tcp,
    /// In packets of its own.
    Udp,
}

fn fps(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(fps) if (0.1..=120.0).contains(&fps) => Ok(fps),
        _ => Err("choose between 0.1 and 120".into()),
    }
}

/// Why there are no frames, or no more: the fault for the exit code, the rest for the operator.
#[derive(Clone, Debug)]
struct Failure {
    fault: Fault,
    inside: String,
}

impl Failure {
    fn new(fault: Fault, inside: impl Into<String>) -> Self {
        Self { fault, inside: inside.into() }
    }
}

/// The whole environment. The registry is switched off, so that starting reads and writes no cache and
/// opens no plugin that is not asked for; few malloc arenas, because each reserves address space and
/// that is limited; no folder for temporary files. Connections of a stream ask no desktop's settings for
/// a proxy (they would be written to), and no code is generated, which wants a file too.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("GST_REGISTRY_DISABLE", "yes"),
    ("MALLOC_ARENA_MAX", "2"),
    ("GSETTINGS_BACKEND", "memory"),
    ("GIO_USE_PROXY_RESOLVER", "dummy"),
    ("GIO_USE_VFS", "local"),
    ("ORC_CODE", "backup"),
];
/// What stays of the caller's environment: where an unusual installation keeps its libraries.
const INHERITED: [&str; 2] = ["LD_LIBRARY_PATH", parts::FOLDER_VARIABLE];

fn main() -> ExitCode {
    // A panic in a callback of the library, on one of its threads, must not leave the others running.
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        print(info);
        std::process::abort();
    }));
    let source = Cli::parse().source;
    let played = enter_environment().and_then(|()| match &source {
        Source::File(args) => player::play(args),
        Source::Stream(args) => stream::play(args),
    });
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { fault, inside }) => {
            let sentence = match &source {
                Source::File(args) => {
                    let name = args.path.file_name().unwrap_or(args.path.as_os_str());
                    fault.sentence(&name.to_string_lossy())
                }
                Source::Stream(_) => fault.of_camera(),
            };
            eprintln!("{}: {sentence} ({inside})", fault.kind().slug());
            ExitCode::from(fault.exit_code())
        }
    }
}

/// Starts itself anew with [`ENVIRONMENT`], unless that has happened. The library reads variables while
/// it is being loaded, too early to set them here.
fn enter_environment() -> Result<(), Failure> {
    if ENVIRONMENT.iter().all(|(name, value)| std::env::var_os(name).is_some_and(|v| v == *value)) {
        return Ok(());
    }
    let cannot = |e: std::io::Error| Failure::new(Fault::Defect, format!("starting anew: {e}"));
    let mut again = Command::new(std::env::current_exe().map_err(cannot)?);
    again.args(std::env::args_os().skip(1)).env_clear().envs(ENVIRONMENT);
    again.envs(INHERITED.iter().filter_map(|n| Some((n, std::env::var_os(n)?))));
    Err(cannot(again.exec()))
}
