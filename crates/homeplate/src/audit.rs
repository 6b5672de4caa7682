//! `homeplate audit`: opening the private halves of log entries with the auditors' key, grading what the log has
//! drawn, and closing alarms.

use crate::client::{Client, ClientArgs, print_json};
use crate::keyfile::Owner;
use base::{Error, Result, Secret, unb64};
use city::{Alarm, AuditRecord, CloseAlarm, Drawing, Finding, Grade, Graded, NewGrade};
use clap::ValueEnum;
use read::OpenKey;
use serde::Deserialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const AUDITORS: Owner = Owner { head: "homeplate auditors' key v1", whose: "an auditors'" };

/// Arguments of `homeplate audit`.
#[derive(clap::Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(clap::Subcommand)]
enum AuditCommand {
    /// Show who asked what, from the numbers of log entries. That you looked goes on the log.
    Open {
        /// Numbers of entries on the public log.
        #[arg(required = true)]
        entries: Vec<u64>,
        /// An earlier log of the city, 1 for the first that it had; the present one without it.
        #[arg(long)]
        log: Option<u32>,
        /// The auditors' key, as `homeplate init` made it.
        #[arg(long)]
        audit_key: PathBuf,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// List what the log has drawn for the auditors, the most urgent first.
    Drawn {
        /// JSON instead of lines.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Grade an entry that was drawn, once you have opened it.
    Grade {
        /// Its number on the public log.
        entry: u64,
        /// The grade; it is public.
        grade: GradeWord,
        /// Why, in a sentence; it stays private.
        #[arg(long)]
        note: String,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// List alarms, the open ones first.
    Alarms {
        /// JSON instead of lines.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Close an alarm.
    Close {
        /// `alm_…`
        id: String,
        /// What you found; it is public.
        finding: FindingWord,
        /// Why, in a sentence; it stays private.
        #[arg(long)]
        note: String,
        #[command(flatten)]
        client: ClientArgs,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum GradeWord {
    Sound,
    Doubtful,
    Misuse,
}

#[derive(Clone, Copy, ValueEnum)]
enum FindingWord {
    Justified,
    Unjustified,
}

#[derive(Deserialize)]
struct Alarms {
    alarms: Vec<Alarm>,
}

/// Runs the command.
pub fn run(args: AuditArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        AuditCommand::Open { entries, log, audit_key, client } => {
            open(&entries, log, &audit_key, &client)?;
        }
        AuditCommand::Drawn { json, client } => {
            let drawing: Drawing = Client::new(&client)?.get("/v1/audit/drawn")?;
            if json { print_json(&drawing)? } else { drawn(&drawing) }
        }
        AuditCommand::Grade { entry, grade, note, client } => {
            let grade = match grade {
                GradeWord::Sound => Grade::Sound,
                GradeWord::Doubtful => Grade::Doubtful,
                GradeWord::Misuse => Grade::Misuse,
            };
            let path = format!("/v1/audit/entries/{entry}/grade");
            let done: Graded = Client::new(&client)?.post(&path, &NewGrade { grade, note })?;
            println!("graded; entry {} of the public log", done.log_entry);
        }
        AuditCommand::Alarms { json, client } => {
            let found: Alarms = Client::new(&client)?.get("/v1/alarms")?;
            if json { print_json(&found.alarms)? } else { found.alarms.iter().for_each(alarm) }
        }
        AuditCommand::Close { id, finding, note, client } => {
            let finding = match finding {
                FindingWord::Justified => Finding::Justified,
                FindingWord::Unjustified => Finding::Unjustified,
            };
            let path = format!("/v1/alarms/{id}/close");
            alarm(&Client::new(&client)?.post(&path, &CloseAlarm { finding, note })?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn drawn(drawing: &Drawing) {
    if drawing.month.is_empty() {
        println!("nothing was drawn yet: a month is drawn when it is over");
        return;
    }
    println!("{} drawn by root {}; {} overdue", drawing.month, drawing.root, drawing.overdue);
    for line in &drawing.entries {
        let stands = match (&line.grade, line.due) {
            (Some(grade), _) => grade.clone(),
            (None, Some(due)) => format!("grade by {due}"),
            (None, None) => String::new(),
        };
        println!("entry {}  {}  {}  {}  {stands}", line.entry, line.kind, line.at, line.purpose);
    }
}

fn alarm(alarm: &Alarm) {
    let entries: Vec<String> = alarm.entries.iter().map(u64::to_string).collect();
    let stands = alarm.finding.map_or("open", Finding::slug);
    println!(
        "{}  {}  {} {}  {} x  entries {}  {}  {stands}",
        alarm.id,
        alarm.kind.slug(),
        alarm.person,
        alarm.name,
        alarm.count,
        entries.join(" "),
        alarm.raised
    );
}

fn open(
    entries: &[u64],
    log: Option<u32>,
    audit_key: &Path,
    client: &ClientArgs,
) -> anyhow::Result<()> {
    let key = AUDITORS.load(audit_key)?;
    let client = Client::new(client)?;
    let of = log.map(|log| format!("?log={log}")).unwrap_or_default();
    for entry in entries {
        let record: AuditRecord = client.get(&format!("/v1/audit/entries/{entry}{of}"))?;
        let body = opened(&key, &record)?;
        let mut out = std::io::stdout().lock();
        // A closed pipe is the reader's choice, not a failure.
        let _ = out.write_all(body.expose()).and_then(|()| out.write_all(b"\n"));
    }
    Ok(())
}

/// The private half of an entry, if it is the one that the public half commits to.
fn opened(key: &OpenKey, record: &AuditRecord) -> Result<Secret<Vec<u8>>> {
    let body = city::open_record(key, &record.sealed).map_err(|e| {
        Error::invalid("The record does not open: it was sealed to another auditors' key.")
            .because(e)
    })?;
    let salt = unb64(&record.salt).and_then(|salt| <[u8; 32]>::try_from(salt).ok());
    let agrees = salt.is_some_and(|salt| {
        record.leaf.body.as_deref() == Some(ledger::commitment(&salt, body.expose()).as_str())
    });
    if agrees {
        return Ok(body);
    }
    Err(Error::invalid(format!(
        "What the city gives for entry {} is not what its log committed to; tell the council.",
        record.index
    )))
}

/// Makes the auditors' key and writes it; one that is there, of an `init` that was cut off, is kept.
pub fn load_or_create(path: &Path) -> Result<OpenKey> {
    if path.exists() {
        return AUDITORS.load(path);
    }
    AUDITORS.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::b64;
    use ledger::{Leaf, commitment};

    #[test]
    fn a_record_opens_if_it_is_the_committed_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.key");
        let key = load_or_create(&path).unwrap();
        assert_eq!(AUDITORS.load(&path).unwrap().bytes(), key.bytes());
        let seal =
            |body: &[u8]| key.public().unwrap().seal(b"homeplate/record/v1", b"", body).unwrap();
        let salt = [3; 32];
        let leaf = Leaf::new("search.intent", base::Time::from_millis(60_000))
            .body(commitment(&salt, b"{}"));
        let record = |sealed, salt: [u8; 32]| AuditRecord {
            index: 4,
            leaf: leaf.clone(),
            salt: b64(&salt),
            sealed,
        };
        assert_eq!(opened(&key, &record(seal(b"{}"), salt)).unwrap().expose(), b"{}");
        assert!(opened(&key, &record(seal(b"[]"), salt)).is_err());
        assert!(opened(&key, &record(seal(b"{}"), [4; 32])).is_err());
        assert!(opened(&OpenKey::generate(), &record(seal(b"{}"), salt)).is_err());
        std::fs::write(&path, "nonsense").unwrap();
        assert!(load_or_create(&path).is_err());
    }
}
