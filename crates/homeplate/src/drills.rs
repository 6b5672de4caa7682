//! `homeplate drill`, `drills`: drawn hits for people to practise, and how the desks do in them.

use crate::client::{Client, ClientArgs, print_json};
use city::{DrillLine, Drills};
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

/// Arguments of `homeplate drill` and `homeplate drills`.
#[derive(Args)]
pub struct DrillArgs {
    /// JSON instead of lines.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// Begins a drill; the public log says so first.
pub fn start(args: DrillArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let line: DrillLine = client.post("/v1/drills", &json!({}))?;
    if args.json {
        print_json(&line)?;
    } else {
        println!("{} runs until {}", line.id, line.until);
        println!("Whoever decides hits finds it at the console, marked as a drill.");
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists the newest drills, and how the desks do.
pub fn list(args: DrillArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let found: Drills = client.get("/v1/drills")?;
    if args.json {
        print_json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    for line in &found.drills {
        let sort = line.sort.map_or("runs", |sort| sort.as_str());
        let right = line.right.map_or_else(String::new, |n| format!(", {n} right"));
        println!("{}  {}  {sort:10}  {} answers{right}", line.id, line.started, line.answered);
    }
    for (desk, tally) in &found.desks {
        let caught =
            tally.catch_rate().map_or_else(|| "–".into(), |r| format!("{:.0} %", r * 100.0));
        println!(
            "{desk}: {} of {} right, look-alikes caught {caught}, half within {} s",
            tally.right, tally.answered, tally.median_s
        );
    }
    if found.drills.is_empty() {
        println!("no drills");
    }
    Ok(ExitCode::SUCCESS)
}
