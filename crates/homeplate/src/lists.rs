//! `homeplate list`: how hot lists are kept, what comes in, what was found again.

use crate::client::{Client, ClientArgs};
use base::{EntryId, Error, Kind, ListId};
use city::{
    ConfirmImport, FoundLine, ImportDone, ImportPreview, ListAction, ListSettings, ListView,
    NewFound,
};
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `homeplate list`.
#[derive(clap::Args)]
pub struct ListArgs {
    #[command(subcommand)]
    what: ListCommand,
}

#[derive(clap::Subcommand)]
enum ListCommand {
    /// Show every list, or one: settings, entries, age, what waits.
    Show {
        /// The list, for instance lst_state.
        list: Option<ListId>,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Make a list, or change what is given here of its settings.
    Set(Box<SetArgs>),
    /// Bring a file: shows what it was taken for and what it would change; nothing is taken yet.
    Import {
        /// The list.
        list: ListId,
        /// The file: delimited, or one of the known layouts.
        file: PathBuf,
        /// A file with the mapping as JSON, where the city's own is not right (`--json` shows it).
        #[arg(long)]
        mapping: Option<PathBuf>,
        /// Take it at once where there is no doubt.
        #[arg(long)]
        yes: bool,
        /// Print the whole answer as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Take an import that waits.
    Confirm {
        /// The list.
        list: ListId,
        /// The import's number.
        number: i64,
        /// The doubts were seen, and it is right all the same.
        #[arg(long)]
        sure: bool,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Take the last import back.
    Undo {
        /// The list.
        list: ListId,
        /// The import's number.
        number: i64,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Say that a vehicle was found: older copies of the list raise no hits of it.
    Found {
        /// The list.
        list: ListId,
        /// Its entry (`ent_…`), or its plate.
        #[arg(required_unless_present = "undo")]
        vehicle: Option<String>,
        /// State of the plate, for instance us-ca.
        #[arg(long)]
        state: Option<String>,
        /// Take it back: the number (`fnd_…`) that was told when it was said.
        #[arg(long, value_name = "FOUND", conflicts_with_all = ["vehicle", "state"])]
        undo: Option<String>,
        #[command(flatten)]
        client: ClientArgs,
    },
}

/// Arguments of `homeplate list set`.
#[derive(clap::Args)]
struct SetArgs {
    /// The list, for instance lst_state.
    list: ListId,
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// What may be done about its hits.
    #[arg(long)]
    action: Option<Act>,
    /// The longest an entry may run, in days.
    #[arg(long)]
    max_days: Option<u32>,
    /// How long an entry without an end runs, in days.
    #[arg(long)]
    default_days: Option<u32>,
    /// Bring ends beyond the longest back to it.
    #[arg(long)]
    shorten: bool,
    /// Hours after which the list is too old to be believed.
    #[arg(long)]
    longest_age_hours: Option<u32>,
    /// How probable a hit must be, 0.001 to 0.99999.
    #[arg(long)]
    threshold: Option<f64>,
    /// So many false hits a day are expected; the threshold follows from what the list proposed. 0: it does not.
    #[arg(long, conflicts_with = "threshold")]
    false_hits_a_day: Option<f64>,
    /// A category that the city has adopted; once for each. Those not named are dropped.
    #[arg(long)]
    adopt: Vec<String>,
    /// The category of files that name none; one that is adopted. Without it, such a file is not read.
    #[arg(long)]
    category: Option<String>,
    /// Reason of rows that have none.
    #[arg(long)]
    reason: Option<String>,
    /// Case number of rows that have none.
    #[arg(long)]
    case: Option<String>,
    /// Where the list comes from.
    #[arg(long)]
    source: Option<String>,
    /// Ask first where more than so many percent would go.
    #[arg(long)]
    shrinks_percent: Option<u32>,
    /// Ask first where the list would be more than so many percent longer.
    #[arg(long)]
    grows_percent: Option<u32>,
    /// Dates with slashes begin with the day.
    #[arg(long)]
    day_first: bool,
    /// Two people have to find a hit right: yes or no.
    #[arg(long, action = clap::ArgAction::Set, value_parser = yes_or_no)]
    two_persons: Option<bool>,
    /// People who decide hits may add entries of their own, two of them each: yes or no.
    #[arg(long, action = clap::ArgAction::Set, value_parser = yes_or_no)]
    own_entries: Option<bool>,
    #[command(flatten)]
    client: ClientArgs,
}

fn yes_or_no(text: &str) -> std::result::Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("yes or no".into()),
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Act {
    StopAfterConfirm,
    ObserveOnly,
    InformOnly,
}

#[derive(Deserialize)]
struct Lists {
    lists: Vec<ListView>,
}

/// Runs the command.
pub fn run(args: ListArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        ListCommand::Show { list, client } => {
            let client = Client::new(&client)?;
            let lists = match list {
                Some(list) => vec![client.get(&format!("/v1/lists/{list}"))?],
                None => client.get::<Lists>("/v1/lists")?.lists,
            };
            lists.iter().for_each(show);
        }
        ListCommand::Set(args) => set(*args)?,
        ListCommand::Import { list, file, mapping, yes, json, client } => {
            return import(&Client::new(&client)?, &list, &file, mapping.as_deref(), yes, json);
        }
        ListCommand::Confirm { list, number, sure, client } => {
            confirm(&Client::new(&client)?, &list, number, sure)?;
        }
        ListCommand::Undo { list, number, client } => {
            let path = format!("/v1/lists/{list}/imports/{number}/undo");
            let done: ImportDone = Client::new(&client)?.post(&path, &json!({}))?;
            println!(
                "{list} is what it was before {number}; entry {} of the public log",
                done.log_entry
            );
        }
        ListCommand::Found { list, vehicle, state, undo, client } => {
            let client = Client::new(&client)?;
            let path = format!("/v1/lists/{list}/found");
            if let Some(undo) = undo {
                let path = format!("{path}/{}/undo", city::spelled(&undo));
                let done: FoundLine = client.post(&path, &json!({}))?;
                println!("{}  taken back: what {list} says of it raises hits again", done.id);
                return Ok(ExitCode::SUCCESS);
            }
            let vehicle = vehicle.unwrap_or_default();
            let new = match vehicle.parse::<EntryId>() {
                Ok(entry) => NewFound { entry: Some(entry), plate: None, state },
                Err(_) => NewFound { entry: None, plate: Some(vehicle), state },
            };
            let done: FoundLine = client.post(&path, &new)?;
            println!("{}  silent until {}", done.id, done.until);
            println!("  to take it back: homeplate list found {list} --undo {}", done.id);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(list: &ListView) {
    let s = &list.settings;
    println!("{}  {}  {}  {} entries", list.id, s.name, s.action.as_str(), list.entries);
    println!("  entries run {} days at most; hits from {:.4} on", s.max_days, list.threshold);
    if let Some(most) = s.false_hits_a_day {
        println!("  so that no more than {most} false ones a day are to be expected");
    }
    if let (Some(number), Some(at)) = (list.import, list.imported) {
        println!("  import {number} of {at}");
    }
    if list.refused > 0 {
        println!(
            "  {} ROWS OF IT WERE REFUSED: nobody looks for what stands in them",
            list.refused
        );
    }
    if let Some(fetch) = &list.fetch {
        let came = fetch.fetched.map_or_else(|| "never".into(), |at| at.to_string());
        println!("  fetched every {} minutes; it came last: {came}", fetch.every_minutes);
        if let (Some(said), Some(at)) = (&fetch.said, fetch.tried) {
            println!("  NOT FETCHED at {at}: {said}");
        }
    }
    match list.stale_from {
        Some(at) if list.stale => println!("  TOO OLD since {at}: it raises no hits"),
        Some(at) => println!("  good until {at}"),
        None => {}
    }
    if let Some(number) = list.waiting {
        println!("  import {number} waits for a person");
    }
}

fn set(args: SetArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.client)?;
    let path = format!("/v1/lists/{}", args.list);
    let mut s = match client.get::<ListView>(&path) {
        Ok(view) => view.settings,
        Err(e) if e.kind() == Kind::NotFound => {
            ListSettings { name: args.list.to_string(), ..ListSettings::default() }
        }
        Err(e) => return Err(e.into()),
    };
    fn put<T>(there: &mut T, given: Option<T>) {
        if let Some(given) = given {
            *there = given;
        }
    }
    put(&mut s.name, args.name);
    put(
        &mut s.action,
        args.action.map(|act| match act {
            Act::StopAfterConfirm => ListAction::StopAfterConfirm,
            Act::ObserveOnly => ListAction::ObserveOnly,
            Act::InformOnly => ListAction::InformOnly,
        }),
    );
    put(&mut s.max_days, args.max_days);
    if args.threshold.is_some() {
        s.false_hits_a_day = None;
    }
    put(&mut s.threshold, args.threshold);
    if let Some(most) = args.false_hits_a_day {
        s.false_hits_a_day = Some(most).filter(|most| *most > 0.0);
    }
    put(&mut s.source, args.source);
    put(&mut s.shrinks_percent, args.shrinks_percent);
    put(&mut s.grows_percent, args.grows_percent);
    s.default_days = args.default_days.or(s.default_days);
    s.longest_age_hours = args.longest_age_hours.or(s.longest_age_hours);
    s.reason = args.reason.or(s.reason);
    s.case = args.case.or(s.case);
    s.category = args.category.or(s.category);
    s.shorten |= args.shorten;
    s.two_persons = args.two_persons.unwrap_or(s.two_persons);
    s.own_entries = args.own_entries.unwrap_or(s.own_entries);
    s.day_first |= args.day_first;
    if !args.adopt.is_empty() {
        s.adopted = Some(args.adopt.into_iter().collect());
    }
    let view: ListView = client.post(&path, &s)?;
    show(&view);
    Ok(())
}

fn import(
    client: &Client,
    list: &ListId,
    file: &Path,
    mapping: Option<&Path>,
    yes: bool,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let gone = |path: &Path| {
        let name = path.display().to_string();
        move |e: std::io::Error| Error::invalid(format!("{name} cannot be read.")).because(e)
    };
    let bytes = std::fs::read(file).map_err(gone(file))?;
    let mut path = format!("/v1/lists/{list}/imports");
    if let Some(mapping) = mapping {
        let text = std::fs::read_to_string(mapping).map_err(gone(mapping))?;
        path += "?mapping=";
        path += &city::spelled(&text);
    }
    let preview: ImportPreview = client.post_file(&path, &bytes)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&preview)?);
    } else {
        tell(&preview);
    }
    let Some(number) = preview.number else { return Ok(ExitCode::from(Kind::Invalid.exit_code())) };
    match (yes, preview.doubts.is_empty()) {
        (true, true) => confirm(client, list, number, false)?,
        (_, false) => eprintln!("look again, then: homeplate list confirm {list} {number} --sure"),
        (false, true) => eprintln!("to take it: homeplate list confirm {list} {number}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn confirm(client: &Client, list: &ListId, number: i64, sure: bool) -> anyhow::Result<()> {
    let path = format!("/v1/lists/{list}/imports/{number}/confirm");
    let done: ImportDone = client.post(&path, &ConfirmImport { sure })?;
    println!("import {number} of {list} is taken; entry {} of the public log", done.log_entry);
    Ok(())
}

/// What was understood, in lines.
fn tell(p: &ImportPreview) {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mapping = &p.understood["mapping"];
    println!("encoding {}, layout {}", word(&p.understood["encoding"]), word(&mapping["layout"]));
    for column in p.understood["columns"].as_array().into_iter().flatten() {
        let taken = column["field"].as_str().unwrap_or("(ignored)");
        println!("  {:<24} {taken}", word(&column["heading"]));
    }
    let missing = p.understood["missing"].as_array().into_iter().flatten();
    let missing: Vec<String> = missing.map(word).collect();
    if !missing.is_empty() {
        println!("missing: {}", missing.join(", "));
    }
    let r = &p.rows;
    println!("{} rows: {} taken, {} ended, {} refused", r.read, r.taken, r.ended, r.troubled);
    for (category, count) in &r.dropped {
        println!("  {count} dropped, not adopted: {category}");
    }
    if r.defused > 0 {
        println!(
            "  {} cells that a spreadsheet would have run begin with an apostrophe now",
            r.defused
        );
    }
    for problem in &r.problems {
        println!("  {problem}");
    }
    if let Some(problem) = &p.problem {
        println!("it cannot be taken: {problem}");
        return;
    }
    println!(
        "{} added, {} changed, {} removed, {} the same, {} twice in the file",
        p.added, p.changed, p.removed, p.same, p.again
    );
    if !p.doubts.is_empty() {
        println!("LOOK AGAIN: {}", p.doubts.join(", "));
    }
}
