//! `homeplate ask`: where was this plate seen?

use crate::client::{Client, ClientArgs, print_json};
use base::{CameraId, Clock, SystemClock, Time};
use city::{Answer, Ask};
use std::process::ExitCode;

/// Arguments of `homeplate ask`.
#[derive(clap::Args)]
pub struct AskArgs {
    /// One or more plates.
    #[arg(required = true)]
    plates: Vec<String>,
    /// What for: one of the city's purposes, for instance stolen-vehicle.
    #[arg(long)]
    purpose: String,
    /// The case number that the question belongs to.
    #[arg(long)]
    case: Option<String>,
    /// `judicial-warrant` where there is one.
    #[arg(long)]
    authority: Option<String>,
    /// The agency you ask for, if not your own.
    #[arg(long)]
    on_behalf_of: Option<String>,
    /// Why, in your words.
    #[arg(long)]
    reason: Option<String>,
    /// Cameras; all where none is named.
    #[arg(long, value_delimiter = ',')]
    cameras: Vec<CameraId>,
    /// From when (RFC 3339); 24 hours ago where it is left out.
    #[arg(long)]
    from: Option<Time>,
    /// Until when; now where it is left out.
    #[arg(long)]
    until: Option<Time>,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// Runs the command.
pub fn run(args: AskArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let now = SystemClock.now();
    let ask = Ask {
        purpose: args.purpose,
        case: args.case,
        authority: args.authority,
        on_behalf_of: args.on_behalf_of,
        reason: args.reason,
        plates: args.plates,
        cameras: args.cameras,
        from: args.from.unwrap_or_else(|| now.plus_millis(-86_400_000)),
        until: args.until.unwrap_or_else(|| now.plus_millis(1000)),
    };
    let answer: Answer = client.post("/v1/ask", &ask)?;
    if args.json {
        print_json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    for read in &answer.reads {
        println!(
            "{}  {}  {:3.0} %  {}",
            read.captured,
            read.plate,
            read.confidence * 100.0,
            read.camera_name
        );
    }
    if let Some(narrowed) = &answer.narrowed {
        println!("{narrowed}");
    }
    println!(
        "opened {} of {} reads considered; question is entry {}, outcome entry {} of the public log",
        answer.opened, answer.considered, answer.log_entry, answer.outcome_entry
    );
    Ok(ExitCode::SUCCESS)
}
