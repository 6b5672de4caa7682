//! `homeplate ask`: where was this plate seen?

use crate::client::{Client, ClientArgs, print_json};
use base::{CameraId, Clock, SystemClock, Time};
use city::{Answer, Area, Ask, Preview, Progress};
use std::io::IsTerminal;
use std::process::ExitCode;

/// Arguments of `homeplate ask`.
#[derive(clap::Args)]
pub struct AskArgs {
    /// One or more plates; ? is an unknown character, * any number of them (quote them for the shell).
    #[arg(required = true)]
    plates: Vec<String>,
    /// What for: one of the city's purposes, for instance stolen-vehicle.
    #[arg(long)]
    purpose: String,
    /// The case number that the question belongs to.
    #[arg(long)]
    case: Option<String>,
    /// `judicial-warrant`, `court-order` or `declaration` where there is one.
    #[arg(long)]
    authority: Option<String>,
    /// The registered paper that it is: `pap_…`.
    #[arg(long, requires = "authority")]
    paper: Option<String>,
    /// A life is in danger: you are answered at once, and named people review it afterwards.
    #[arg(long)]
    emergency: bool,
    /// For whom you ask, if not for your own department: local, county, state, out-of-state, federal,
    /// court, foreign or other, and behind a colon the name. The public log shows the kind.
    #[arg(long)]
    on_behalf_of: Option<String>,
    /// Why, in your words.
    #[arg(long)]
    reason: Option<String>,
    /// Cameras; all where none is named.
    #[arg(long, value_delimiter = ',')]
    cameras: Vec<CameraId>,
    /// What the plates are easily misread as too (0 and O, 8 and B …), the likeliest first.
    #[arg(long)]
    look_alikes: bool,
    /// Cameras within some metres of a place: LATITUDE,LONGITUDE,METRES.
    #[arg(long, value_parser = area, allow_hyphen_values = true)]
    near: Option<Area>,
    /// Say what the rules would answer, without asking.
    #[arg(long)]
    preview: bool,
    /// From when (RFC 3339); 24 hours ago where it is left out.
    #[arg(long)]
    from: Option<Time>,
    /// Until when; now where it is left out.
    #[arg(long)]
    until: Option<Time>,
    /// Under a judicial warrant: until when (RFC 3339) the public log says no more than that there was
    /// a question.
    #[arg(long)]
    reveal_after: Option<Time>,
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
        paper: args.paper,
        emergency: args.emergency,
        on_behalf_of: args.on_behalf_of,
        reason: args.reason,
        plates: args.plates,
        look_alikes: args.look_alikes,
        cameras: args.cameras,
        area: args.near,
        from: args.from.unwrap_or_else(|| now.plus_millis(-86_400_000)),
        until: args.until.unwrap_or_else(|| now.plus_millis(1000)),
        reveal_after: args.reveal_after,
    };
    if args.preview {
        let preview: Preview = client.post("/v1/ask/preview", &ask)?;
        return told(&preview, args.json);
    }
    let answer = client.ask(&ask, &mut told_progress())?;
    if args.json {
        print_json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    show(&answer);
    Ok(ExitCode::SUCCESS)
}

fn area(text: &str) -> Result<Area, String> {
    let numbers: Vec<f64> = text.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    match numbers[..] {
        [lat, lon, radius_m] => Ok(Area { lat, lon, radius_m }),
        _ => Err("write LATITUDE,LONGITUDE,METRES, for instance 39.78,-89.65,500".into()),
    }
}

fn told(preview: &Preview, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        print_json(preview)?;
    } else {
        println!("This would be {} by rule {}.", preview.decision, preview.rule);
        if let Some(message) = &preview.message {
            println!("{message}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows on a terminal how far a scan is.
fn told_progress() -> impl FnMut(Progress) {
    let terminal = std::io::stderr().is_terminal();
    move |p| {
        if terminal {
            eprint!("\r{} of {} days, {} reads compared", p.days_done, p.days, p.scanned);
            if p.days_done + 1 >= p.days {
                eprint!("\r\x1b[K");
            }
        }
    }
}

fn show(answer: &Answer) {
    for read in &answer.reads {
        let likeness = read.likeness.unwrap_or(1.0);
        println!(
            "{}  {:12}  read {:3.0} %  match {:3.0} %  {}",
            read.captured,
            read.plate,
            read.confidence * 100.0,
            likeness * 100.0,
            read.camera_name
        );
    }
    if answer.more {
        println!("More reads fit than one answer holds; ask about a shorter time.");
    }
    if answer.unscannable > 0 {
        println!("{} groups of old reads could not be compared.", answer.unscannable);
    }
    if let Some(narrowed) = &answer.narrowed {
        println!("{narrowed}");
    }
    if !answer.cameras.is_empty() {
        let asked: Vec<String> = answer.cameras.iter().map(CameraId::to_string).collect();
        println!("asked of these cameras alone: {}", asked.join(", "));
    }
    println!(
        "opened {} of {} reads considered; question is entry {}, outcome entry {} of the public log",
        answer.opened, answer.considered, answer.log_entry, answer.outcome_entry
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_three_numbers() {
        assert_eq!(
            area("39.78,-89.65, 500"),
            Ok(Area { lat: 39.78, lon: -89.65, radius_m: 500.0 })
        );
        assert!(area("39.78,-89.65").is_err() && area("here").is_err());
    }
}
