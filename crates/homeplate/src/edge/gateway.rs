//! `homeplate edge gateway`: other makers' readers as cameras of the city.

use ::edge::{GatewayConfig, run_gateway};
use base::{Shutdown, SystemClock};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Arguments of `homeplate edge gateway`.
#[derive(clap::Args)]
pub struct GatewayArgs {
    /// The configuration, a TOML file; secrets stand in files or in the environment that it names.
    #[arg(long)]
    config: PathBuf,
    /// Read the configuration, say what is wrong with it, and end.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub fn run(args: &GatewayArgs) -> anyhow::Result<ExitCode> {
    let config = GatewayConfig::load(&args.config, &|name| std::env::var(name).ok())?;
    if args.check {
        println!("{} devices, nothing wrong", config.devices.len());
        return Ok(ExitCode::SUCCESS);
    }
    let stop = Shutdown::new();
    let signals = super::listen(stop.clone())?;
    let ended =
        run_gateway(config, Arc::new(SystemClock), &stop, Arc::new(|line| eprintln!("{line}")));
    signals.shutdown_background();
    ended?;
    Ok(ExitCode::SUCCESS)
}
