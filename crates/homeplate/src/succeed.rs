//! `homeplate succeed`: begins the successor of a log that lost entries.

use crate::custody::Beside;
use crate::serve::memory;
use crate::web::Web;
use base::{Error, SystemClock};
use city::{City, Lost};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `homeplate succeed`.
#[derive(clap::Args)]
pub struct SucceedArgs {
    /// The folder of the city's data.
    #[arg(long, default_value = "city")]
    data: PathBuf,
}

/// Runs the command.
pub fn run(args: SucceedArgs) -> anyhow::Result<ExitCode> {
    let lost = match city::lost(&args.data, memory().as_ref())? {
        Some(lost) => Some(lost),
        // Whole in itself, and as it is remembered here: only a witness can know more.
        None => witnesses_know(&args)?,
    };
    let Some(lost) = lost else {
        return Err(Error::conflict(
            "The log here holds all that was ever seen of it; nothing is to be succeeded.",
        )
        .into());
    };
    let made = city::succeed(&args.data, &lost, &SystemClock)?;
    match made.known {
        Some(known) => println!(
            "The log held {} entries and is known to have had {known}; it lies in {} as it was found.",
            made.found,
            made.old.display()
        ),
        None => println!("What is left of the log lies in {}.", made.old.display()),
    }
    println!("log key  {}", made.vkey);
    println!("Hand this key to whoever verifies the log, and to its witnesses.");
    println!(
        "Everything is switched off, because an order to switch off may be among the lost entries: order \
         capture, job, asking and sharing on again with `homeplate on`."
    );
    Ok(ExitCode::SUCCESS)
}

fn witnesses_know(args: &SucceedArgs) -> anyhow::Result<Option<Lost>> {
    let beside = Beside::start(&args.data)?;
    let asked = City::open_with(&args.data, Arc::new(SystemClock), memory()).and_then(|city| {
        city.cosign(&Web::new(Duration::from_secs(10), None)?)?;
        Ok(city.set_back())
    });
    if let Some(custody) = beside {
        custody.end();
    }
    Ok(asked?)
}
