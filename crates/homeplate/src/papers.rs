//! `homeplate paper` and `homeplate breakglass`: what somebody else than the asker vouches for, and what is
//! looked at afterwards.

use crate::client::{Client, ClientArgs};
use base::Time;
use city::{EmergencyReview, Finding, NewPaper, Paper, PaperKind, Unreviewed};
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::json;
use std::process::ExitCode;

/// Arguments of `homeplate paper`.
#[derive(clap::Args)]
pub struct PaperArgs {
    #[command(subcommand)]
    what: PaperCommand,
}

#[derive(clap::Subcommand)]
enum PaperCommand {
    /// Register a warrant, an order, a declaration or a case that you have seen.
    Attest {
        /// What it is.
        kind: Kind,
        /// Its number; it stays private.
        #[arg(long)]
        reference: String,
        /// The agency that it is for, as in "county: Sheriff"; a declaration names it. A warrant or an order without one
        /// is for the own department and the court.
        #[arg(long)]
        agency: Option<String>,
        /// The public key that the court gave, where a warrant or an order has reads preserved for it.
        #[arg(long)]
        matter_key: Option<String>,
        /// Until when it counts (RFC 3339), within 366 days.
        #[arg(long)]
        expires: Time,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// List what counts now.
    List {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Take one back.
    Withdraw {
        /// `pap_…`
        id: String,
        #[command(flatten)]
        client: ClientArgs,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Case,
    JudicialWarrant,
    CourtOrder,
    Declaration,
}

#[derive(Deserialize)]
struct Papers {
    papers: Vec<Paper>,
}

/// Runs `homeplate paper`.
pub fn paper(args: PaperArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        PaperCommand::Attest { kind, reference, agency, matter_key, expires, client } => {
            let kind = match kind {
                Kind::Case => PaperKind::Case,
                Kind::JudicialWarrant => PaperKind::JudicialWarrant,
                Kind::CourtOrder => PaperKind::CourtOrder,
                Kind::Declaration => PaperKind::Declaration,
            };
            let new = NewPaper { kind, reference, agency, key: matter_key, expires };
            let paper: Paper = Client::new(&client)?.post("/v1/papers", &new)?;
            println!("{}", paper.id);
        }
        PaperCommand::List { client } => {
            let papers: Papers = Client::new(&client)?.get("/v1/papers")?;
            for p in papers.papers {
                let of = match (p.names_nobody(), &p.agency) {
                    (true, _) => "  names no agency; register it anew".into(),
                    (false, Some(agency)) => format!("  for {agency}"),
                    (false, None) => String::new(),
                };
                let holds = if p.key.is_some() { "  for holds" } else { "" };
                let (kind, until) = (p.kind.slug(), p.expires);
                println!("{}  {kind}  {}{of}{holds}  until {until}", p.id, p.reference);
            }
        }
        PaperCommand::Withdraw { id, client } => {
            let path = format!("/v1/papers/{id}/withdraw");
            let _: serde_json::Value = Client::new(&client)?.post(&path, &json!({}))?;
            println!("{id} counts no longer");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `homeplate breakglass`.
#[derive(clap::Args)]
pub struct BreakGlassArgs {
    #[command(subcommand)]
    what: BreakGlassCommand,
}

#[derive(clap::Subcommand)]
enum BreakGlassCommand {
    /// List what waits for its review.
    List {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Review a question that somebody else has asked.
    Review {
        /// The question's number on the public log.
        entry: u64,
        /// No life was in danger, and the asker could know.
        #[arg(long)]
        unjustified: bool,
        /// Why, in a sentence; it stays private.
        #[arg(long)]
        note: String,
        #[command(flatten)]
        client: ClientArgs,
    },
}

#[derive(Deserialize)]
struct Waiting {
    questions: Vec<Unreviewed>,
}

#[derive(Deserialize)]
struct Reviewed {
    log_entry: u64,
}

/// Runs `homeplate breakglass`.
pub fn break_glass(args: BreakGlassArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        BreakGlassCommand::List { client } => {
            let waiting: Waiting = Client::new(&client)?.get("/v1/breakglass")?;
            for q in waiting.questions {
                let late = if q.overdue { "  OVERDUE" } else { "" };
                println!("entry {}  asked {}  due {}{late}", q.entry, q.asked, q.due);
            }
        }
        BreakGlassCommand::Review { entry, unjustified, note, client } => {
            let finding = if unjustified { Finding::Unjustified } else { Finding::Justified };
            let path = format!("/v1/breakglass/{entry}/review");
            let review = EmergencyReview { finding, note };
            let done: Reviewed = Client::new(&client)?.post(&path, &review)?;
            println!("reviewed; entry {} of the public log", done.log_entry);
        }
    }
    Ok(ExitCode::SUCCESS)
}
