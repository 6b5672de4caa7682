//! `homeplate edge`: reads the cameras of one machine and delivers their sealed reads to the city.

mod gateway;
pub mod local;
mod onvif;

use ::edge::{Code, Config, Ended, FleetConfig, Full, Settings, run as run_edge, run_fleet};
use base::{CameraId, Error, Shutdown, SystemClock};
use camera::Source;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Arguments of `homeplate edge`.
#[derive(clap::Args)]
pub struct EdgeArgs {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(clap::Subcommand)]
enum What {
    /// Take what other makers' readers send, sign it and deliver it sealed (guide/other-readers.md).
    Gateway(gateway::GatewayArgs),
    /// Say where reading stops: no picture, no vehicle, plates too small, too blurred, low odds.
    Doctor(local::DoctorArgs),
    /// Say where a camera is aimed: in the browser of this machine, while it runs.
    Setup(local::SetupArgs),
    /// Find cameras on the local networks, and with a login try their streams (guide/cameras.md).
    Discover(onvif::DiscoverArgs),
    /// Show a camera's shutter, gain and infrared filter, and with --set set what plates want.
    Imaging(onvif::ImagingArgs),
    /// List what cameras do that no standard foresees, and what is done about it.
    Quirks(onvif::QuirksArgs),
    /// Switch this camera off with a signed order file, where no line reaches it.
    Order(EnterArgs),
}

/// Arguments of `homeplate edge order`.
#[derive(clap::Args)]
struct EnterArgs {
    /// The file, written by `homeplate order`.
    file: PathBuf,
    /// The folder of this camera's data.
    #[arg(long)]
    data: PathBuf,
}

/// A run: all cameras of a file, or one.
#[derive(clap::Args)]
struct RunArgs {
    /// A file with all cameras of this machine, instead of the options for one.
    #[arg(long, conflicts_with_all = ["camera", "data", "source"])]
    config: Option<PathBuf>,
    /// The city's address.
    #[arg(long, env = "HOMEPLATE_SERVER")]
    server: Option<String>,
    /// The camera, as `cam_main-st-1`.
    #[arg(long)]
    camera: Option<CameraId>,
    /// Folder for this camera's device key, enrolment, settings and spool.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where frames come from: rtsp://HOST/PATH, http://HOST/PATH (MJPEG), /dev/video0, a video file, or a
    /// folder of pictures.
    #[arg(long)]
    source: Option<String>,
    /// The camera's user, for a stream.
    #[arg(long)]
    user: Option<String>,
    /// A file with the camera's password on its first line, which nobody else may read.
    #[arg(long)]
    password_file: Option<PathBuf>,
    /// Streams in packets of their own (UDP) instead of within the connection.
    #[arg(long)]
    udp: bool,
    /// The one-time code from `homeplate camera`, on first start.
    #[arg(long, env = "HOMEPLATE_CODE")]
    code: Option<String>,
    /// The root of the city's certificate, where this machine does not know it.
    #[arg(long, env = "HOMEPLATE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// At most so many frames a second.
    #[arg(long)]
    fps: Option<f32>,
    /// Begin again at the end of the folder or file.
    #[arg(long = "loop")]
    looped: bool,
    /// Take the time the clip takes, and drop frames rather than fall behind.
    #[arg(long)]
    realtime: bool,
    /// Shows live pictures, health, aiming and metrics at this loopback address.
    #[arg(long)]
    preview: Option<SocketAddr>,
    /// A folder, or a file, where order files (*.order) are looked for each second: where sticks are mounted.
    #[arg(long)]
    orders: Option<PathBuf>,
    /// What a full spool does: keep what waits, or give up the oldest.
    #[arg(long, value_enum, default_value = "drop-new")]
    spool_full: SpoolFull,
    /// End when the folder or file is read and everything is delivered; so it is without --loop.
    #[arg(long, conflicts_with = "looped")]
    once: bool,
    /// Print what was counted as JSON on standard output at the end.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum SpoolFull {
    DropNew,
    DropOldest,
}

/// Runs the command.
pub fn run(args: EdgeArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        Some(What::Gateway(args)) => gateway::run(&args),
        Some(What::Doctor(args)) => local::doctor(&args),
        Some(What::Setup(args)) => local::setup(&args),
        Some(What::Discover(args)) => onvif::discover(&args),
        Some(What::Imaging(args)) => onvif::imaging(&args),
        Some(What::Quirks(args)) => onvif::quirks(&args),
        Some(What::Order(args)) => enter(&args),
        None => match args.run.config.clone() {
            Some(file) => fleet(&file, args.run.preview),
            None => one(args.run),
        },
    }
}

/// Enters an order by hand.
fn enter(args: &EnterArgs) -> anyhow::Result<ExitCode> {
    let order = ::edge::enter_order(&args.file, &args.data)?;
    println!(
        "{}: taken; a reader that runs stops within a second, and tells the city when it reaches it",
        order.id
    );
    Ok(ExitCode::SUCCESS)
}

fn fleet(file: &Path, preview: Option<SocketAddr>) -> anyhow::Result<ExitCode> {
    let config = FleetConfig::load(file)?;
    let runs = config.runs(&program()?);
    let stop = Shutdown::new();
    let signals = listen(stop.clone())?;
    let say = Arc::new(|line: &str| eprintln!("{line}"));
    let done = run_fleet(&runs, preview.or(config.panel), Arc::new(SystemClock), &stop, say);
    signals.shutdown_background();
    done?;
    Ok(ExitCode::SUCCESS)
}

fn one(args: RunArgs) -> anyhow::Result<ExitCode> {
    let json = args.json;
    let config = args.config()?;
    let stop = Shutdown::new();
    let signals = listen(stop.clone())?;
    let ended =
        run_edge(&config, Arc::new(SystemClock), &stop, Arc::new(|line| eprintln!("{line}")));
    signals.shutdown_background();
    let Ended { summary, because } = ended?;
    if json {
        crate::client::print_json(&summary)?;
    }
    match because {
        Some(e) => Err(e.into()),
        None => Ok(ExitCode::SUCCESS),
    }
}

impl RunArgs {
    fn config(self) -> base::Result<Config> {
        let missing = || {
            Error::invalid(
                "Name --server, --camera, --data and --source, or --config FILE; see `homeplate edge --help`.",
            )
        };
        if self.source.is_none() {
            return Err(missing());
        }
        let source = self.source()?;
        let data = self.data.ok_or_else(missing)?;
        // A mask that cannot be read must stop it here, where a person is.
        Settings::load(&data)?;
        Ok(Config {
            server: self.server.ok_or_else(missing)?,
            camera: self.camera.ok_or_else(missing)?,
            data,
            once: source.ends(),
            source,
            program: program()?,
            code: self.code.map(|code| Code::Said(base::Secret::new(code))),
            ca: self.ca,
            spool_max: Config::SPOOL_MAX,
            spool_full: match self.spool_full {
                SpoolFull::DropNew => Full::DropNew,
                SpoolFull::DropOldest => Full::DropOldest,
            },
            spool_keep: ::edge::Keep::default(),
            preview: self.preview,
            orders: self.orders,
        })
    }

    fn source(&self) -> base::Result<Source> {
        let name = self.source.as_deref().unwrap_or_default();
        let mut source = Source::named(name)?;
        if let Some(fps) = self.fps {
            source.set_fps(fps);
        }
        match &mut source {
            Source::Folder(folder) => {
                (folder.looped, folder.realtime) = (self.looped, self.realtime);
            }
            Source::Video(video) => video.looped = self.looped,
            Source::Rtsp(network) | Source::Mjpeg(network) => {
                network.user.clone_from(&self.user);
                network.password_file.clone_from(&self.password_file);
                if self.udp {
                    network.transport = camera::Transport::Udp;
                }
            }
            Source::V4l2(_) => {}
        }
        Ok(source)
    }
}

/// The program that decodes videos and streams, beside this one.
pub fn program() -> base::Result<PathBuf> {
    let own = std::env::current_exe()
        .map_err(|e| Error::internal("This program cannot find itself.").because(e))?;
    Ok(own.with_file_name("homeplate-frames"))
}

/// Raises `stop` at Ctrl-C or a polite kill, for as long as the runtime lives.
fn listen(stop: Shutdown) -> anyhow::Result<tokio::runtime::Runtime> {
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
