//! `homeplate questions` and `homeplate own-plate`: what one asked and what came of it; the sealed list of the
//! city's own plates.

use crate::client::{Client, ClientArgs};
use city::{NewOwnPlate, Outcome, OwnPlate, QuestionLine, Questions, Said};
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::json;
use std::process::ExitCode;

/// Arguments of `homeplate questions`.
#[derive(clap::Args)]
pub struct QuestionsArgs {
    #[command(subcommand)]
    what: QuestionsCommand,
}

#[derive(clap::Subcommand)]
enum QuestionsCommand {
    /// List your own questions, newest first.
    List {
        /// Only those behind this one.
        #[arg(long)]
        after: Option<String>,
        /// JSON instead of lines.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Say what came of one of them; it goes on the public log and stays.
    Outcome {
        /// `q_…`
        id: String,
        /// What came of it.
        outcome: Came,
        #[command(flatten)]
        client: ClientArgs,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Came {
    Found,
    Arrest,
    Evidence,
    Lead,
    Nothing,
    Mistake,
}

fn line(q: &QuestionLine) {
    let entry = q.log_entry.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let outcome = match (q.outcome, q.due) {
        (Some(outcome), _) => outcome.slug().to_owned(),
        (None, Some(due)) => format!("say by {due} what came of it"),
        (None, None) => String::new(),
    };
    println!(
        "{}  {}  entry {entry}  {}  {}  {} read(s)  {outcome}",
        q.id, q.asked, q.purpose, q.decision, q.opened
    );
}

/// Runs `homeplate questions`.
pub fn questions(args: QuestionsArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        QuestionsCommand::List { after, json, client } => {
            let behind = after.map(|id| format!("?after={id}")).unwrap_or_default();
            let found: Questions = Client::new(&client)?.get(&format!("/v1/questions{behind}"))?;
            if json {
                crate::client::print_json(&found)?;
            } else {
                found.questions.iter().for_each(line);
                if let Some(next) = found.next {
                    println!("there are more: --after {next}");
                }
            }
        }
        QuestionsCommand::Outcome { id, outcome, client } => {
            let outcome = match outcome {
                Came::Found => Outcome::Found,
                Came::Arrest => Outcome::Arrest,
                Came::Evidence => Outcome::Evidence,
                Came::Lead => Outcome::Lead,
                Came::Nothing => Outcome::Nothing,
                Came::Mistake => Outcome::Mistake,
            };
            let path = format!("/v1/questions/{id}/outcome");
            line(&Client::new(&client)?.post(&path, &Said { outcome })?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `homeplate own-plate`.
#[derive(clap::Args)]
pub struct OwnPlateArgs {
    #[command(subcommand)]
    what: OwnPlateCommand,
}

#[derive(clap::Subcommand)]
enum OwnPlateCommand {
    /// Put a plate on the sealed list; prints its id, which is all that anybody sees of it again.
    Add {
        /// The plate.
        plate: String,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// List ids, and who added them when.
    List {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Take a plate off the list.
    Remove {
        /// `own_…`
        id: String,
        #[command(flatten)]
        client: ClientArgs,
    },
}

#[derive(Deserialize)]
struct OwnPlates {
    plates: Vec<OwnPlate>,
}

/// Runs `homeplate own-plate`.
pub fn own_plate(args: OwnPlateArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        OwnPlateCommand::Add { plate, client } => {
            let added: OwnPlate =
                Client::new(&client)?.post("/v1/own-plates", &NewOwnPlate { plate })?;
            println!("{}", added.id);
        }
        OwnPlateCommand::List { client } => {
            let list: OwnPlates = Client::new(&client)?.get("/v1/own-plates")?;
            for one in list.plates {
                println!("{}  added {} by {}", one.id, one.added, one.added_by);
            }
        }
        OwnPlateCommand::Remove { id, client } => {
            let path = format!("/v1/own-plates/{id}/remove");
            Client::new(&client)?.post::<_, ()>(&path, &json!({}))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
