//! `homeplate witness`: watches other cities' logs, and signs that each only ever grew.
//!
//! For a neighbouring city, a newspaper, a university: a small machine and an address suffice.

use crate::listening::{address_of, bound};
use crate::serve::interrupted;
use crate::web::Web;
use ledger::Witness;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `homeplate witness`.
#[derive(clap::Args)]
pub struct WitnessArgs {
    /// The witness's folder; whoever loses it starts a new witness, never the old one again.
    #[arg(long, default_value = "witness", global = true)]
    data: PathBuf,
    #[command(subcommand)]
    command: WitnessCommand,
}

#[derive(clap::Subcommand)]
enum WitnessCommand {
    /// Make a witness's key, and print what cities are to put into their policy.
    New {
        /// Its name: best the address that it is reached at, without https://.
        #[arg(long)]
        name: String,
    },
    /// Follow a city's log from now on.
    Follow {
        /// The log's verifier key, or the city's address to fetch it from.
        log: String,
        /// The root of the city's certificate, where this machine does not know it.
        #[arg(long, env = "HOMEPLATE_CA", value_name = "FILE")]
        ca: Option<PathBuf>,
    },
    /// Answer the logs that are followed.
    Serve {
        /// Address and port.
        #[arg(long, default_value = "127.0.0.1:8090")]
        listen: String,
    },
    /// Print the key, the logs that are followed and how far.
    Show,
}

/// Runs the command.
pub fn run(args: WitnessArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        WitnessCommand::New { name } => {
            let witness = Witness::create(&args.data, &name)?;
            println!("witness  {}", witness.vkey());
            println!(
                "next     homeplate witness follow KEY-OR-ADDRESS --data {}",
                args.data.display()
            );
        }
        WitnessCommand::Follow { log, ca } => {
            let witness = Witness::open(&args.data)?;
            let vkey = if log.starts_with("http://") || log.starts_with("https://") {
                let web = Web::new(Duration::from_secs(30), ca.as_deref())?;
                let fetched = web.fetch(&log, "log.vkey")?;
                String::from_utf8_lossy(&fetched.unwrap_or_default()).trim().to_owned()
            } else {
                log
            };
            witness.follow(&vkey)?;
            println!("follows  {vkey}");
        }
        WitnessCommand::Serve { listen } => serve(Arc::new(Witness::open(&args.data)?), &listen)?,
        WitnessCommand::Show => {
            let witness = Witness::open(&args.data)?;
            println!("witness  {}", witness.vkey());
            for log in witness.following() {
                match log.last {
                    Some((size, at, _)) => {
                        println!("follows  {}: {size} entries at {at}", log.origin)
                    }
                    None => println!("follows  {}: nothing cosigned yet", log.origin),
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn serve(witness: Arc<Witness>, listen: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = bound(listen).await?;
        let address = address_of(&listener)?;
        println!("witness {} at http://{address}/", witness.vkey());
        server::serve_witness(witness, listener, interrupted()).await;
        Ok(())
    })
}
