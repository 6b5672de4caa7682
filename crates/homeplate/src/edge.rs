//! `homeplate edge`: reads one camera and delivers its sealed reads to the city.

use ::edge::{Config, Ended, run as run_edge};
use base::{CameraId, Shutdown, SystemClock};
use camera::{Folder, Source};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Arguments of `homeplate edge`.
#[derive(clap::Args)]
pub struct EdgeArgs {
    /// The city's address.
    #[arg(long, env = "HOMEPLATE_SERVER")]
    server: String,
    /// The camera, as `cam_main-st-1`.
    #[arg(long)]
    camera: CameraId,
    /// Folder for this camera's device key, enrolment and spool.
    #[arg(long)]
    data: PathBuf,
    /// Folder of frames, by name.
    #[arg(long)]
    source: PathBuf,
    /// The one-time code from `homeplate camera`, on first start.
    #[arg(long, env = "HOMEPLATE_CODE")]
    code: Option<String>,
    /// Frames a second, instead of what clip.json in the folder says.
    #[arg(long)]
    fps: Option<f32>,
    /// Begin again at the end of the folder.
    #[arg(long = "loop")]
    looped: bool,
    /// Take the time the clip takes, and drop frames rather than fall behind.
    #[arg(long)]
    realtime: bool,
    /// Shows the live picture at this loopback address: /live.mjpg and /live.json.
    #[arg(long)]
    preview: Option<SocketAddr>,
    /// End when the folder is read and everything is delivered; so it is without --loop.
    #[arg(long, conflicts_with = "looped")]
    once: bool,
    /// Print what was counted as JSON on standard output at the end.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: EdgeArgs) -> anyhow::Result<ExitCode> {
    let config = Config {
        server: args.server,
        camera: args.camera,
        data: args.data,
        source: Source::Folder(Folder {
            path: args.source,
            fps: args.fps,
            looped: args.looped,
            realtime: args.realtime,
        }),
        code: args.code,
        preview: args.preview,
        once: args.once || !args.looped,
    };
    let stop = Shutdown::new();
    let signals = listen(stop.clone())?;
    let ended =
        run_edge(&config, Arc::new(SystemClock), &stop, Arc::new(|line| eprintln!("{line}")));
    signals.shutdown_background();
    let Ended { summary, because } = ended?;
    if args.json {
        crate::client::print_json(&summary)?;
    }
    match because {
        Some(e) => Err(e.into()),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Raises `stop` at Ctrl-C or a polite kill, for as long as the runtime lives.
pub fn listen(stop: Shutdown) -> anyhow::Result<tokio::runtime::Runtime> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let inside = runtime.enter();
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    runtime.spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.stop();
    });
    drop(inside);
    Ok(runtime)
}
