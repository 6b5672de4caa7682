//! `homeplate custody`: keeps a city's keys in a process, and best under a user, of their own.

pub mod sheets;

use base::{Error, Shutdown, SystemClock};
use city::Custodian;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a process before may take to let go of the keys.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between the end of a custody that the server started and the next.
const AGAIN: Duration = Duration::from_millis(200);

/// Arguments of `homeplate custody`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct CustodyArgs {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(clap::Subcommand)]
enum What {
    /// Print the key that opens the copy at the second place, divided over sheets of paper.
    Shares(sheets::SharesArgs),
    /// Put sheets together again, to see whether they hold, or for a key file.
    Join(sheets::JoinArgs),
    /// Take the rules, the log's key, the epoch's length and the witnesses over from the city's folder, as `--adopt`
    /// does, and end. Custody goes by them when it is started again.
    Adopt(AdoptArgs),
}

#[derive(clap::Args)]
struct AdoptArgs {
    /// The folder of the city's data; `city` here or else /var/lib/homeplate/city.
    #[arg(long, default_value_os_t = crate::check::place(None), hide_default_value = true)]
    data: PathBuf,
}

/// Keeping the keys.
#[derive(clap::Args)]
struct RunArgs {
    /// The folder of the city's data.
    #[arg(long, default_value = "city")]
    data: PathBuf,
    /// Take the rules, the log's key, the epoch's length and the witnesses over from the city's folder, after
    /// the city has adopted new ones or begun a successor log; otherwise custody goes by its own copy.
    #[arg(long)]
    adopt: bool,
    /// Stop when standard input ends: the server that started this is gone.
    #[arg(long, hide = true)]
    with_server: bool,
}

/// Runs the command.
pub fn run(args: CustodyArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        Some(What::Shares(args)) => sheets::shares(&args),
        Some(What::Join(args)) => sheets::join(&args),
        Some(What::Adopt(args)) => adopt(&args),
        None => keep(args.run),
    }
}

fn adopt(args: &AdoptArgs) -> anyhow::Result<ExitCode> {
    city::adopt(&args.data)?;
    println!(
        "Custody takes over rules, log key, epoch and witnesses of {} when it is started again.",
        args.data.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn keep(args: RunArgs) -> anyhow::Result<ExitCode> {
    let patience = if args.with_server { PATIENCE } else { Duration::ZERO };
    let custodian = Custodian::open(&args.data, Arc::new(SystemClock), args.adopt, patience)?;
    let stop = Shutdown::new();
    let told = stop.clone();
    if args.with_server {
        // Signals from a terminal reach the whole group; the server still has to write its last entries.
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            told.stop();
        });
    }
    let (told, with_server) = (stop.clone(), args.with_server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        loop {
            runtime.block_on(crate::serve::interrupted());
            if !with_server {
                return told.stop();
            }
        }
    });
    let socket = custodian.socket.clone();
    custodian.serve(&stop, || {
        println!("custody at {}", socket.display());
        if !args.with_server {
            crate::manager::ready();
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The custody that a server starts beside itself, and starts again if it dies.
pub struct Beside {
    stop: Shutdown,
    watch: JoinHandle<()>,
}

impl Beside {
    /// Starts custody, if the city's configuration leaves that to the server. Returns when it listens.
    pub fn start(data: &Path) -> base::Result<Option<Self>> {
        if !city::starts_custody(data)? {
            return Ok(None);
        }
        let mut child = match spawn(data) {
            Ok(child) => child,
            // Somebody started it by hand.
            Err(_) if city::custody_answers(data)? => return Ok(None),
            Err(e) => return Err(e),
        };
        let stop = Shutdown::new();
        let (told, data) = (stop.clone(), data.to_owned());
        let watch = std::thread::spawn(move || {
            while !told.sleep(AGAIN) {
                if matches!(child.try_wait(), Ok(None)) {
                    continue;
                }
                tracing::error!("custody has ended; it is started again");
                match spawn(&data) {
                    Ok(fresh) => child = fresh,
                    Err(e) => tracing::error!(error = %e.inside(), "custody"),
                }
            }
            // Its standard input ends with this, and so does it.
            drop(child.stdin.take());
            let _ = child.wait();
        });
        Ok(Some(Self { stop, watch }))
    }

    /// Ends it; the last thing a server does.
    pub fn end(self) {
        self.stop.stop();
        let _ = self.watch.join();
    }
}

fn spawn(data: &Path) -> base::Result<Child> {
    let trouble = |e| Error::unavailable("Custody cannot be started.").because(e);
    // Not by its path, which may lead through folders that this user may not enter.
    let mut command = Command::new("/proc/self/exe");
    command.args(["custody", "--with-server", "--adopt", "--data"]).arg(data);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(trouble)?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut line).map_err(trouble)?;
    }
    if line.is_empty() {
        let _ = child.wait();
        return Err(Error::unavailable("Custody did not start; its reason stands above."));
    }
    Ok(child)
}
