//! `homeplate hits`, `hit`, `verdict` and what else people say of a hit: it is a question to a person.

use crate::client::{Client, ClientArgs, print_json};
use base::{CameraId, Error, HitId, Result};
use city::{
    CheckPlate, Compared, EyesAnswer, Handover, HitFinding, HitLine, HitOutcome, HitView, Hits,
    NewEyes, NewOutcome, NewRecord, PlateChecked, Queue, RecordAnswer, Shift, Verdict,
};
use clap::ValueEnum;
use serde_json::json;
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
    match &view.broadcast {
        Some(words) => println!("say     {words}"),
        None => println!("say     nothing ({})", view.say.as_str()),
    }
    if !view.unchecked.is_empty() {
        println!("not checked: {}", view.unchecked.join(", "));
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
    /// What you found: it is right, or what is wrong with it.
    finding: Found,
    /// What you compared with the picture: picture,state,make,colour.
    #[arg(long, value_delimiter = ',')]
    compared: Vec<Thing>,
    /// The plate as you read it in the picture, where the camera read other characters than are listed.
    #[arg(long)]
    typed: Option<String>,
    /// A remark; it stays private.
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Found {
    /// It is the listed plate, on such a vehicle.
    Correct,
    /// The same characters, of another state.
    WrongState,
    /// The plate shows other characters than were read.
    Misread,
    /// The listed plate on another vehicle.
    WrongVehicle,
    /// The entry is out of date.
    Stale,
}

impl Found {
    fn finding(self) -> HitFinding {
        match self {
            Found::Correct => HitFinding::Correct,
            Found::WrongState => HitFinding::WrongState,
            Found::Misread => HitFinding::Misread,
            Found::WrongVehicle => HitFinding::WrongVehicle,
            Found::Stale => HitFinding::Stale,
        }
    }
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
        finding: args.finding.finding(),
        compared: Compared {
            picture: has(Thing::Picture),
            state: has(Thing::State),
            make: has(Thing::Make),
            colour: has(Thing::Colour),
        },
        typed: args.typed,
        note: args.note,
        version: hit.version,
    };
    let line: HitLine = client.post(&format!("/v1/hits/{}/verdict", args.id), &verdict)?;
    print_line(&line);
    if line.state == "second" {
        println!("Another person has to find it right too.");
    }
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `homeplate hit-record`, `hit-eyes` and `hit-outcome`.
#[derive(clap::Args)]
pub struct SayArgs<T: ValueEnum + Clone + Send + Sync + 'static> {
    /// The hit.
    id: HitId,
    /// What is said of it.
    said: T,
    #[command(flatten)]
    client: ClientArgs,
}

/// What whoever keeps the record answered.
#[derive(Clone, Copy, ValueEnum)]
pub enum RecordSaid {
    /// The record stands; good for ten minutes.
    Confirmed,
    /// The vehicle is not wanted any more.
    NoLongerWanted,
}

/// What an officer saw.
#[derive(Clone, Copy, ValueEnum)]
pub enum EyesSaid {
    /// The plate is the listed one.
    HaveIt,
    /// It is not.
    NotIt,
    /// The vehicle was not there.
    Gone,
}

/// What came of it.
#[derive(Clone, Copy, ValueEnum)]
pub enum OutcomeSaid {
    /// The vehicle was recovered.
    Recovered,
    /// Nobody found it.
    NotFound,
    /// It was not the wanted vehicle after all.
    False,
}

fn say<T: ValueEnum + Clone + Send + Sync>(
    args: &SayArgs<T>,
    what: &str,
    body: impl FnOnce(i64) -> serde_json::Value,
) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let hit = find(&client, &args.id)?;
    let line: HitLine = client.post(&format!("/v1/hits/{}/{what}", args.id), &body(hit.version))?;
    print_line(&line);
    Ok(ExitCode::SUCCESS)
}

/// Records what whoever keeps the record answered.
pub fn record(args: SayArgs<RecordSaid>) -> anyhow::Result<ExitCode> {
    let answer = match args.said {
        RecordSaid::Confirmed => RecordAnswer::Confirmed,
        RecordSaid::NoLongerWanted => RecordAnswer::NoLongerWanted,
    };
    say(&args, "record", |version| json!(NewRecord { answer, version }))
}

/// Records what an officer saw.
pub fn eyes(args: SayArgs<EyesSaid>) -> anyhow::Result<ExitCode> {
    let answer = match args.said {
        EyesSaid::HaveIt => EyesAnswer::HaveIt,
        EyesSaid::NotIt => EyesAnswer::NotIt,
        EyesSaid::Gone => EyesAnswer::Gone,
    };
    say(&args, "eyes", |version| json!(NewEyes { answer, version }))
}

/// Records what came of a hit.
pub fn outcome(args: SayArgs<OutcomeSaid>) -> anyhow::Result<ExitCode> {
    let outcome = match args.said {
        OutcomeSaid::Recovered => HitOutcome::Recovered,
        OutcomeSaid::NotFound => HitOutcome::NotFound,
        OutcomeSaid::False => HitOutcome::False,
    };
    say(&args, "outcome", |version| json!(NewOutcome { outcome, note: String::new(), version }))
}

/// Arguments of `homeplate queue`.
#[derive(clap::Args)]
pub struct QueueArgs {
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// Prints what waits for a person, the most urgent first.
pub fn queue(args: QueueArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let queue: Queue = client.get("/v1/queue")?;
    if args.json {
        print_json(&queue)?;
        return Ok(ExitCode::SUCCESS);
    }
    let strips =
        [("urgent", &queue.urgent), ("unlikely", &queue.unlikely), ("under way", &queue.under_way)];
    for (name, strip) in strips {
        println!("{name}: {}", strip.len());
        for incident in strip {
            print_line(&incident.hit);
        }
    }
    for list in &queue.stale_lists {
        println!("{list} is too old and raises nothing; import it again.");
    }
    for camera in &queue.suspended {
        println!(
            "{} misread {} of {} hits: they wait until `homeplate hits-resume {}`.",
            camera.camera_name, camera.misread, camera.decided, camera.camera
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `homeplate hits-resume`.
#[derive(clap::Args)]
pub struct ResumeArgs {
    /// The camera that somebody has looked at.
    camera: CameraId,
    #[command(flatten)]
    client: ClientArgs,
}

/// A camera's hits ring again.
pub fn resume(args: ResumeArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let path = format!("/v1/cameras/{}/hits-resume", args.camera);
    let (): () = client.post(&path, &json!({}))?;
    println!("The hits of {} ring again.", args.camera);
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `homeplate check-plate`.
#[derive(clap::Args)]
pub struct CheckPlateArgs {
    /// The plate as you see it.
    plate: String,
    /// Its state as `us-ca`.
    #[arg(long)]
    state: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

/// Compares a plate that somebody has before them with the lists; the question is on the log first.
pub fn check_plate(args: CheckPlateArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let check = CheckPlate { plate: args.plate, state: args.state };
    let checked: PlateChecked = client.post("/v1/plate-checks", &check)?;
    for l in &checked.listed {
        let state = l.state.as_deref().unwrap_or("state unknown");
        let (plate, action) = (&l.plate, l.action.as_str());
        println!("listed  {plate} ({state}) {}, case {}, {action}", l.reason, l.case);
    }
    for list in &checked.stale {
        println!("unknown list {list} is too old and was not asked");
    }
    match (checked.listed.is_empty(), checked.stale.is_empty()) {
        (true, true) => println!("not listed"),
        (true, false) => println!("not listed on any other list"),
        (false, _) => {}
    }
    println!("log     entry {} shows that you asked", checked.log_entry);
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `homeplate handover`.
#[derive(clap::Args)]
pub struct HandoverArgs {
    /// Take the shift over.
    #[arg(long)]
    accept: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// Shows what the next shift has to know, or takes it over.
pub fn handover(args: HandoverArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    if args.accept {
        let done: Handover = client.post("/v1/handover", &json!({}))?;
        println!("{} took over at {}", done.by_name, done.at);
        return Ok(ExitCode::SUCCESS);
    }
    let shift: Shift = client.get("/v1/handover")?;
    let queue = &shift.queue;
    println!("open: {}, unlikely: {}", queue.urgent.len(), queue.unlikely.len());
    println!("under way: {}", queue.under_way.len());
    println!("records to be confirmed: {}", shift.calls_waiting.len());
    println!("outcomes to be told: {}", shift.outcomes_due.len());
    println!("stale lists: {}, cameras held: {}", queue.stale_lists.len(), queue.suspended.len());
    if let Some(last) = shift.last {
        println!("last taken over by {} at {}", last.by_name, last.at);
    }
    Ok(ExitCode::SUCCESS)
}
