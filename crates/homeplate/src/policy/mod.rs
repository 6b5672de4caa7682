//! `homeplate policy`: writes a city's rules, proves them, and tries them on what was asked.

mod dry_run;
mod new;
mod prove;

pub use prove::{name, program, read};

use std::process::ExitCode;

/// Arguments of `homeplate policy`.
#[derive(clap::Args)]
pub struct PolicyArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Prove what no rule can allow, or show a question that gets through.
    Prove(prove::ProveArgs),
    /// Write a first rule file from about fifteen answers.
    New(new::NewArgs),
    /// Try other rules on the questions of the last days, and say what would change.
    DryRun(dry_run::DryRunArgs),
}

/// Runs the command.
pub fn run(args: PolicyArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Prove(args) => prove::run(args),
        What::New(args) => new::run(args),
        What::DryRun(args) => dry_run::run(args),
    }
}
