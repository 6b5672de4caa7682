//! `homeplate edge gateway`: other makers' readers as cameras of the city. Also where `homeplate edge`
//! divides into reading one camera and this.

use ::edge::{GatewayConfig, run_gateway};
use base::{Shutdown, SystemClock};
use clap::{ArgMatches, Command, FromArgMatches, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Arguments of `homeplate edge`: a camera to read, or a command. By hand, because an address in the
/// environment would otherwise pass for a camera that was begun to be named.
pub enum EdgeCommand {
    /// A command.
    More(More),
    /// A camera to read.
    One(Box<crate::edge::EdgeArgs>),
}

impl clap::Args for EdgeCommand {
    fn augment_args(command: Command) -> Command {
        More::augment_subcommands(crate::edge::EdgeArgs::augment_args(command))
            .subcommand_required(false)
            .arg_required_else_help(false)
            .args_conflicts_with_subcommands(true)
            .subcommand_negates_reqs(true)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for EdgeCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        if matches.subcommand_name().is_some() {
            return More::from_arg_matches(matches).map(Self::More);
        }
        crate::edge::EdgeArgs::from_arg_matches(matches).map(|one| Self::One(Box::new(one)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What `homeplate edge` does beside reading one camera.
#[derive(clap::Subcommand)]
pub enum More {
    /// Take what other makers' readers send, sign it and deliver it sealed (guide/other-readers.md).
    Gateway(GatewayArgs),
}

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
pub fn run(command: EdgeCommand) -> anyhow::Result<ExitCode> {
    match command {
        EdgeCommand::More(More::Gateway(args)) => gateway(&args),
        EdgeCommand::One(one) => crate::edge::run(*one),
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
