//! `homeplate serve`: opens the city and serves it until it is told to stop.

use base::{Error, Shutdown, SystemClock};
use city::City;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often old reads are looked for.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// How often pictures that no read names are looked for, the first time soon after the start.
const SWEEP_EVERY: Duration = Duration::from_secs(24 * 3600);

/// Arguments of `homeplate serve`.
#[derive(clap::Args)]
pub struct ServeArgs {
    /// The folder of the city's data.
    #[arg(long, default_value = "city")]
    data: PathBuf,
    /// Address and port, instead of the configured one; port 0 takes a free one.
    #[arg(long)]
    listen: Option<String>,
    /// Address of a camera's live picture: adds the page /street, for demonstrations.
    #[arg(long)]
    preview: Option<String>,
}

/// Runs the command.
pub fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let city = City::open(&args.data, Arc::new(SystemClock))?;
    city.announce()?;
    let stop = Shutdown::new();
    let chores = spawn_chores(city.clone(), stop.clone());
    let listen = args.listen.unwrap_or_else(|| city.config().server.listen.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(&listen).await.map_err(|e| {
            Error::unavailable(format!("{listen} cannot be listened on; is it in use?")).because(e)
        })?;
        let address = listener
            .local_addr()
            .map_err(|e| Error::unavailable("The listening address is unknown.").because(e))?;
        println!("{} at http://{address}/", city.config().city.name);
        let options = server::Options { preview: args.preview };
        server::serve(city.clone(), listener, options, interrupted()).await
    });
    stop.stop();
    // The last counts go on the log before the process ends.
    let _ = chores.join();
    served?;
    Ok(ExitCode::SUCCESS)
}

/// What the city does by the clock: counts on the log, once an hour forgetting, once a day sweeping.
fn spawn_chores(city: Arc<City>, stop: Shutdown) -> std::thread::JoinHandle<()> {
    let wait = Duration::from_secs(u64::from(city.config().log.tally_s));
    let mut forgot = Instant::now();
    let mut swept: Option<Instant> = None;
    std::thread::spawn(move || {
        loop {
            let ended = stop.sleep(wait);
            if let Err(e) = city.tally() {
                tracing::error!(error = %e.inside(), "counting");
            }
            if forgot.elapsed() >= FORGET_EVERY {
                forgot = Instant::now();
                if let Err(e) = city.retain() {
                    tracing::error!(error = %e.inside(), "forgetting");
                }
            }
            if !ended && swept.is_none_or(|at| at.elapsed() >= SWEEP_EVERY) {
                swept = Some(Instant::now());
                if let Err(e) = city.sweep_pictures() {
                    tracing::error!(error = %e.inside(), "sweeping pictures");
                }
            }
            if ended {
                return;
            }
        }
    })
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}
