//! `homeplate hits`, `hit` and `verdict`: a hit is a question to a person.

use crate::client::{Client, ClientArgs, print_json};
use base::{Error, HitId, Result};
use city::{Compared, Decision, HitLine, HitView, Hits, Verdict};
use clap::ValueEnum;
use std::process::ExitCode;

/// Arguments of `homeplate hits`.
#[derive(clap::Args)]
pub struct HitsArgs {
    /// One JSON array instead of a table.
    #[arg(long)]
    json: bool,
    /// At most so many.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Only those that are older than this one.
    #[arg(long)]
    after: Option<HitId>,
    #[command(flatten)]
    client: ClientArgs,
}

fn page(client: &Client, limit: u32, after: Option<HitId>) -> Result<Hits> {
    let behind = after.map(|id| format!("&after={id}")).unwrap_or_default();
    client.get(&format!("/v1/hits?limit={limit}{behind}"))
}

/// Lists the newest hits; no plate is in the list.
pub fn list(args: HitsArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let Hits { hits, next } = page(&client, args.limit, args.after)?;
    if args.json {
        print_json(&hits)?;
    } else if hits.is_empty() {
        println!("no hits");
    } else {
        for hit in &hits {
            print_line(hit);
        }
    }
    if let Some(next) = next.filter(|_| !args.json) {
        eprintln!("there are older ones: --after {next}");
    }
    Ok(ExitCode::SUCCESS)
}

fn print_line(hit: &HitLine) {
    println!(
        "{}  {:9}  {:3.0} %  {}  {}  {}",
        hit.id,
        hit.state,
        hit.probability * 100.0,
        hit.captured,
        hit.list,
        hit.camera_name
    );
}

/// Arguments of `homeplate hit`.
#[derive(clap::Args)]
pub struct HitArgs {
    /// The hit.
    id: HitId,
    /// JSON, with the picture in base64.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// Opens a hit; the opening is on the public log first.
pub fn show(args: HitArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let view: HitView = client.get(&format!("/v1/hits/{}", args.id))?;
    if args.json {
        print_json(&view)?;
        return Ok(ExitCode::SUCCESS);
    }
    print_line(&view.line);
    println!("read    {} ({:.0} % sure)", view.read.plate, view.read.confidence * 100.0);
    match &view.listed {
        Some(l) => {
            let state = l.state.as_deref().unwrap_or("state unknown");
            let fresh = if l.fresh { "in force" } else { "ENDED" };
            println!("listed  {} ({state}), {}, case {}, {fresh}", l.plate, l.reason, l.case);
        }
        None => println!("listed  the entry has been taken back"),
    }
    println!("log     entry {} shows that you opened it", view.log_entry);
    println!("This is a question, not an order to stop: compare picture, state, make and colour.");
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `homeplate verdict`.
#[derive(clap::Args)]
pub struct VerdictArgs {
    /// The hit.
    id: HitId,
    /// Confirm it, or reject it.
    decision: Word,
    /// What you compared with the picture: picture,state,make,colour.
    #[arg(long, value_delimiter = ',')]
    compared: Vec<Thing>,
    /// A remark; it stays private.
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Word {
    Confirm,
    Reject,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Thing {
    Picture,
    State,
    Make,
    Colour,
}

/// The line of a hit, for its version; opening the hit would put an entry on the log.
fn find(client: &Client, id: &HitId) -> Result<HitLine> {
    let mut after = None;
    loop {
        let Hits { hits, next } = page(client, 500, after)?;
        if let Some(hit) = hits.into_iter().find(|hit| hit.id == *id) {
            return Ok(hit);
        }
        // Newest first: behind an older one it cannot be.
        after = next.filter(|last| last > id);
        if after.is_none() {
            return Err(Error::not_found("There is no such hit; `homeplate hits` lists them."));
        }
    }
}

/// Records a verdict.
pub fn verdict(args: VerdictArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let hit = find(&client, &args.id)?;
    let has = |thing| args.compared.contains(&thing);
    let verdict = Verdict {
        decision: if args.decision == Word::Confirm {
            Decision::Confirmed
        } else {
            Decision::Rejected
        },
        compared: Compared {
            picture: has(Thing::Picture),
            state: has(Thing::State),
            make: has(Thing::Make),
            colour: has(Thing::Colour),
        },
        note: args.note,
        version: hit.version,
    };
    let line: HitLine = client.post(&format!("/v1/hits/{}/verdict", args.id), &verdict)?;
    print_line(&line);
    Ok(ExitCode::SUCCESS)
}
