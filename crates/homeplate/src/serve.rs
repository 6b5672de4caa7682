//! `homeplate serve`: opens the city and serves it until it is told to stop.

use crate::custody::Beside;
use crate::listening::{address_of, bound};
use crate::secrecy::Ready;
use crate::stand_by::{self, Seated, Told};
use crate::web::Web;
use base::{Kind, Shutdown, SystemClock};
use city::City;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// How often old reads are looked for.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// How often pictures that no read names are looked for, the first time soon after the start.
const SWEEP_EVERY: Duration = Duration::from_secs(24 * 3600);
const SWEEP_FIRST: Duration = Duration::from_secs(60);

/// How often it is kept when sessions were used.
const KEEP_EVERY: Duration = Duration::from_secs(20);

/// How often it is looked whether a hot list is to be fetched.
const FETCH_EVERY: Duration = Duration::from_secs(20);

/// How often it is looked whether the log's witnesses have something to sign, and how often at the most
/// when one does not answer.
const COSIGN_EVERY: Duration = Duration::from_millis(100);
const COSIGN_RARELY: Duration = Duration::from_secs(5);
/// A witness that takes longer has not answered.
const WITNESS_TIMEOUT: Duration = Duration::from_secs(5);

/// What is under way when the server has ended otherwise has so long to end.
const LINGER: Duration = Duration::from_secs(1);

/// A person waits for this one.
const RECORDS_TIMEOUT: Duration = Duration::from_secs(3);

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
    /// Stand by while another server serves this city, pass on what comes here, and serve when that one is gone. The
    /// address is where this server takes connections that others pass on, when it serves; servers on other machines
    /// must reach it.
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "127.0.0.1:0",
        conflicts_with = "try_out"
    )]
    stand_by: Option<String>,
    /// Open everything and listen, but serve nobody; say whether this version can do its work here, and end.
    #[arg(long, hide = true)]
    try_out: bool,
}

/// Runs the command.
pub fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if args.try_out {
        // Whoever upgrades has the seat.
        let beside = Beside::start(&args.data)?;
        let tried = try_out(args, &runtime);
        beside.into_iter().for_each(Beside::end);
        return tried;
    }
    let told = Told::listen(&runtime);
    let mut seated = match &args.stand_by {
        None => stand_by::alone(&args.data)?,
        Some(inner) => {
            let listen = args.listen.as_deref();
            let seated = stand_by::wait(&args.data, listen, inner, &runtime, &told)?;
            let Some(seated) = seated else { return Ok(ExitCode::SUCCESS) };
            seated
        }
    };
    told.opening(true);
    let beside = seated.again(|| Beside::start(&args.data))?;
    let served = serve(args, &mut seated, &runtime, &told);
    beside.into_iter().for_each(Beside::end);
    // The seat is let go last: who serves next finds everything closed.
    runtime.shutdown_timeout(LINGER);
    drop(seated);
    served
}

fn serve(
    args: ServeArgs,
    seated: &mut Seated,
    runtime: &Runtime,
    told: &Told,
) -> anyhow::Result<ExitCode> {
    let known = seated.known.take();
    let city = seated.again(|| {
        let memory = Some(city::memory(&args.data));
        City::open_ahead(&args.data, Arc::new(SystemClock), memory, known.clone())
    })?;
    drop(known);
    let listen = args.listen.unwrap_or_else(|| city.config().server.listen.clone());
    // What a start fails at comes before its entry: a server that is started again and again until somebody mends it
    // would fill a log from which nothing is ever taken.
    let ready = seated.again(|| runtime.block_on(crate::secrecy::ready(&city)))?;
    let listener = match seated.listener.take() {
        Some(listener) => listener,
        None => runtime.block_on(bound(&listen))?,
    };
    let web = Web::new(WITNESS_TIMEOUT, None)?;
    goes_on(&city, &web)?;
    city.announce()?;
    remember(&city);
    city.reach_records(Arc::new(Web::new(RECORDS_TIMEOUT, None)?));
    city.reach_prover(Arc::new(crate::rules::Program));
    let stop = Shutdown::new();
    let cosigning = spawn_cosigning(city.clone(), web, stop.clone());
    let chores = spawn_chores(city.clone(), stop.clone());
    let keeping = spawn_keeping(city.clone(), stop.clone());
    let telling = crate::telling::start(&city, &stop);
    spawn_fetching(city.clone(), stop.clone());
    spawn_sweeping(city.clone(), stop.clone());
    let holds = spawn_holds(city.clone(), stop.clone());
    let reads = spawn_copy(&city, &stop, City::copy_reads);
    // The last to end: what the others write as they end is in the copy.
    let copied = Shutdown::new();
    let copying = spawn_copy(&city, &copied, City::stream_copy);
    if args.stand_by.is_some() {
        stand_by::watch(&city, &stop);
    }
    let served = runtime.block_on(async {
        // What is wrong from here on ends the server in order.
        let live = ready.map(Ready::begin);
        let address = address_of(&listener)?;
        // Before the first answer: from here on there is no way back to what was before an upgrade.
        if let Err(e) = tokio::task::block_in_place(|| city.no_way_back()) {
            tracing::error!(error = %e.inside(), "copies of before an upgrade");
        }
        let inner = seated.announce().await?;
        told.opening(false);
        println!("{} at {}", city.config().city.name, crate::secrecy::shown(&city, address));
        crate::manager::ready();
        let options = server::Options { preview: args.preview, live };
        let (city, told) = (city.clone(), told.clone());
        server::serve(city, listener, inner, options, async move { told.to_stop().await }).await
    });
    stop.stop();
    // The last counts go on the log before the process ends.
    let _ = chores.join();
    let _ = cosigning.join();
    let _ = keeping.join();
    let _ = holds.join();
    for thread in telling {
        let _ = thread.join();
    }
    remember(&city);
    copied.stop();
    for thread in [reads, copying] {
        let _ = thread.join();
    }
    served?;
    Ok(ExitCode::SUCCESS)
}

/// Everything that a start does, and nothing that is answered: what `homeplate upgrade` goes by.
fn try_out(args: ServeArgs, runtime: &Runtime) -> anyhow::Result<ExitCode> {
    let memory = Some(city::memory(&args.data));
    let city = City::open_with(&args.data, Arc::new(SystemClock), memory)?;
    let listen = args.listen.unwrap_or_else(|| city.config().server.listen.clone());
    runtime.block_on(async {
        let _listener = left_to_service(bound(&listen).await)?;
        left_to_service(crate::secrecy::ready(&city).await).map(drop)
    })?;
    goes_on(&city, &Web::new(WITNESS_TIMEOUT, None)?)?;
    city.announce()?;
    remember(&city);
    city.fit()?;
    Ok(ExitCode::SUCCESS)
}

/// A port that whoever tries may not open is no reason against this version: the service may have the right to, which a
/// command has not.
fn left_to_service<T>(taken: base::Result<T>) -> base::Result<Option<T>> {
    match taken {
        Err(e) if e.kind() == Kind::Forbidden => {
            eprintln!("homeplate: not tried, the service may be allowed to: {}", e.message());
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// Asks the witnesses before a start's entry is signed and anything is answered: one may know more of the log than is
/// here, and what was set back is not gone on with.
fn goes_on(city: &City, web: &Web) -> base::Result<()> {
    city.ask_witnesses(web)?;
    city.set_back().map_or(Ok(()), |lost| Err(lost.told()))
}

/// What the city does by the clock: counts on the log, lists that were dropped, once an hour forgetting.
fn spawn_chores(city: Arc<City>, stop: Shutdown) -> std::thread::JoinHandle<()> {
    let wait = Duration::from_secs(u64::from(city.config().log.tally_s));
    let mut forgot: Option<Instant> = None;
    std::thread::spawn(move || {
        loop {
            let ended = stop.sleep(wait);
            let forgets = !ended && forgot.is_none_or(|at| at.elapsed() >= FORGET_EVERY);
            // The last count of what is forgotten must be on the log.
            let tended = if ended || forgets { city.tally() } else { city.tend() };
            if let Err(e) = tended {
                tracing::error!(error = %e.inside(), "what goes by the clock");
            }
            if !ended && let Err(e) = city.take_drops() {
                tracing::error!(error = %e.inside(), "dropped hot lists");
            }
            remember(&city);
            // At the start too: what was due while the server was down is on the log soon.
            if forgets {
                forgot = Some(Instant::now());
                if let Err(e) = city.retain() {
                    tracing::error!(error = %e.inside(), "forgetting");
                }
            }
            if ended {
                return;
            }
        }
    })
}

/// Looks for pictures that no read names. A place of many small packs takes long to list, and nothing else waits for it;
/// nor does the end.
fn spawn_sweeping(city: Arc<City>, stop: Shutdown) {
    std::thread::spawn(move || {
        let mut wait = SWEEP_FIRST;
        while !stop.sleep(wait) {
            wait = SWEEP_EVERY;
            if let Err(e) = city.sweep_pictures() {
                tracing::error!(error = %e.inside(), "sweeping pictures");
            }
        }
    });
}

/// Goes on with what holds preserve, and deletes what those kept that were let go. What is cut off by the end goes on
/// when the city is served again.
fn spawn_holds(city: Arc<City>, stop: Shutdown) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || city.tend_holds(&stop))
}

/// Keeps when sessions were used for whoever serves next.
fn spawn_keeping(city: Arc<City>, stop: Shutdown) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        loop {
            let ended = stop.sleep(KEEP_EVERY);
            city.sessions().keep();
            if ended {
                return;
            }
        }
    })
}

/// Fetches the hot lists that are due. Nobody waits for this at the end: a machine that hangs holds up no stop, and
/// an import that is cut off has never been.
fn spawn_fetching(city: Arc<City>, stop: Shutdown) {
    if city.config().hotlist_fetch.is_empty() {
        return;
    }
    std::thread::spawn(move || {
        loop {
            if let Err(e) = city.take_fetches() {
                tracing::error!(error = %e.inside(), "fetching hot lists");
            }
            if stop.sleep(FETCH_EVERY) {
                return;
            }
        }
    });
}

/// Does something of the copy at the second place in a thread of its own.
fn spawn_copy(
    city: &Arc<City>,
    stop: &Shutdown,
    what: fn(&Arc<City>, &Shutdown),
) -> std::thread::JoinHandle<()> {
    let (city, stop) = (city.clone(), stop.clone());
    std::thread::spawn(move || what(&city, &stop))
}

/// Has the log's witnesses sign what is new, as long as the server runs.
fn spawn_cosigning(city: Arc<City>, web: Web, stop: Shutdown) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut wait = COSIGN_EVERY;
        while !stop.sleep(wait) {
            wait = match city.cosign(&web) {
                Ok(true) => COSIGN_EVERY,
                // Something is new, or a witness is away: it is not asked without end.
                Ok(false) => (wait * 2).min(COSIGN_RARELY),
                Err(e) => {
                    tracing::error!(error = %e.inside(), "witnesses");
                    COSIGN_RARELY
                }
            };
        }
        let _ = city.cosign(&web);
    })
}

/// A memory that cannot be written is no reason to stop.
fn remember(city: &City) {
    if let Err(e) = city.remember() {
        tracing::warn!(error = %e.inside(), "how long the log is cannot be remembered");
    }
}

pub async fn interrupted() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use base::Error;

    #[test]
    fn a_port_that_the_service_may_open_is_not_tried() {
        let check = |taken: base::Result<u8>, want: Option<Option<u8>>| {
            assert_eq!(left_to_service(taken).ok(), want);
        };
        check(Ok(1), Some(Some(1)));
        check(Err(Error::forbidden("This user may not open that port.")), Some(None));
        check(Err(Error::unavailable("Is it in use?")), None);
    }
}
