//! `homeplate edge gateway`: other makers' readers as cameras of the city. Also where `homeplate edge`
//! divides into reading one camera and this.

use ::edge::{GatewayConfig, run_gateway};
use base::{Shutdown, SystemClock};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Arguments of `homeplate edge`: a camera to read, or a command.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct EdgeCommand {
    #[command(subcommand)]
    more: Option<More>,
    #[command(flatten)]
    one: Option<crate::edge::EdgeArgs>,
}

#[derive(clap::Subcommand)]
enum More {
    /// Take what other makers' readers send, sign it and deliver it sealed (guide/other-readers.md).
    Gateway(GatewayArgs),
}

/// Arguments of `homeplate edge gateway`.
#[derive(clap::Args)]
struct GatewayArgs {
    /// The configuration, a TOML file; secrets stand in files or in the environment that it names.
    #[arg(long)]
    config: PathBuf,
    /// Read the configuration, say what is wrong with it, and end.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub fn run(command: EdgeCommand) -> anyhow::Result<ExitCode> {
    match (command.more, command.one) {
        (Some(More::Gateway(args)), _) => gateway(&args),
        (None, Some(one)) => crate::edge::run(one),
        // The parser wants the one or the other.
        (None, None) => {
            Err(base::Error::invalid("Name a camera, or a command; see --help.").into())
        }
    }
}

fn gateway(args: &GatewayArgs) -> anyhow::Result<ExitCode> {
    let config = GatewayConfig::load(&args.config, &|name| std::env::var(name).ok())?;
    if args.check {
        println!("{} devices, nothing wrong", config.devices.len());
        return Ok(ExitCode::SUCCESS);
    }
    let stop = Shutdown::new();
    let signals = crate::edge::listen(stop.clone())?;
    let ended =
        run_gateway(config, Arc::new(SystemClock), &stop, Arc::new(|line| eprintln!("{line}")));
    signals.shutdown_background();
    ended?;
    Ok(ExitCode::SUCCESS)
}
