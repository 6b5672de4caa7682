//! `homeplate audit`: opening the private halves of log entries with the auditors' key.

use crate::client::{Client, ClientArgs};
use crate::keyfile::Owner;
use base::{Error, Result, Secret, unb64};
use city::AuditRecord;
use read::OpenKey;
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
        /// The auditors' key, as `homeplate init` made it.
        #[arg(long)]
        audit_key: PathBuf,
        #[command(flatten)]
        client: ClientArgs,
    },
}

/// Runs the command.
pub fn run(args: AuditArgs) -> anyhow::Result<ExitCode> {
    let AuditCommand::Open { entries, audit_key, client } = args.command;
    let key = AUDITORS.load(&audit_key)?;
    let client = Client::new(&client)?;
    for entry in entries {
        let record: AuditRecord = client.get(&format!("/v1/audit/entries/{entry}"))?;
        let body = opened(&key, &record)?;
        let mut out = std::io::stdout().lock();
        // A closed pipe is the reader's choice, not a failure.
        let _ = out.write_all(body.expose()).and_then(|()| out.write_all(b"\n"));
    }
    Ok(ExitCode::SUCCESS)
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
