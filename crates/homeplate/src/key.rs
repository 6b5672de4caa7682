//! `homeplate key`: a person makes their own key; only its public half leaves their hand.

use crate::client::PersonKey;
use base::PersonId;
use clap::Subcommand;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `homeplate key`.
#[derive(clap::Args)]
pub struct KeyArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Make a key and print its public half, which an administrator needs to add you.
    New {
        /// Your id, for instance per_smith.
        #[arg(long)]
        person: PersonId,
        /// Where to write it (mode 0600).
        #[arg(long)]
        out: PathBuf,
    },
    /// Print the public half of a key file.
    Show {
        /// The key file.
        file: PathBuf,
    },
}

/// Runs the command.
pub fn run(args: KeyArgs) -> anyhow::Result<ExitCode> {
    let made = match args.what {
        What::New { person, out } => PersonKey::create(&out, person)?,
        What::Show { file } => PersonKey::load(&file)?,
    };
    println!("{} {}", made.person, made.key.public());
    Ok(ExitCode::SUCCESS)
}
