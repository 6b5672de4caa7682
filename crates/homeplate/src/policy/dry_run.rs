//! `homeplate policy dry-run`: what other rules would have said to the questions on the public log.
//!
//! The log is checked against its key first, like a stranger would: what it says is what was signed.

use base::{Clock, Error, Result, SystemClock};
use city::tried;
use ledger::Leaf;
use policy::Rules;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const DAY_MS: i64 = 86_400_000;

/// Arguments of `homeplate policy dry-run`.
#[derive(clap::Args)]
pub struct DryRunArgs {
    /// The proposed rule file.
    rules: PathBuf,
    /// The folder of the city's data, with its log and the rules in force; `city` here or else /var/lib/homeplate/city.
    #[arg(long, default_value_os_t = crate::check::place(None), hide_default_value = true)]
    data: PathBuf,
    /// How many days back questions are tried.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: DryRunArgs) -> anyhow::Result<ExitCode> {
    let current = Rules::adopted(&read(&args.data.join("rules.cedar"))?)?;
    let proposed = Rules::parse(&read(&args.rules)?)?;
    let now = SystemClock.now();
    let since = now.plus_millis(-i64::from(args.days).saturating_mul(DAY_MS));
    let tried = tried(&leaves(&args.data)?, &current, &proposed, (since, now));
    if args.json {
        println!("{}", serde_json::to_string_pretty(&tried)?);
    } else {
        tried.sentences().iter().for_each(|line| println!("{line}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file)
        .map_err(|e| Error::not_found(format!("{} cannot be read.", file.display())).because(e))
}

/// Every entry of a city's log, the first first.
fn leaves(data: &Path) -> Result<Vec<Leaf>> {
    let vkey = read(&data.join("log.vkey"))?;
    let mut leaves = Vec::new();
    let mut keep = |index: u64, leaf: &Leaf| {
        if index == 0 {
            leaves.clear();
        }
        leaves.push(leaf.clone());
    };
    ledger::verify_each(&data.join("log"), vkey.trim(), &[], &mut keep)?;
    Ok(leaves)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{SigningKey, Time};
    use ledger::{Folder, Log};

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn asked(id: &str, day: &str) -> Leaf {
        Leaf::new("search.intent", at(&format!("2026-11-{day}T08:15:00Z")))
            .id(id)
            .fact("roles", "officer")
            .fact("purpose", "stolen-vehicle")
            .fact("authority", "none")
            .fact("case", "stated")
            .fact("rule", "officer-search")
            .fact("decision", "allowed")
            .fact("plates", 1)
            .fact("cameras", 2)
            .fact("from", "2026-11-01T08:00:00.000Z")
            .fact("until", "2026-11-01T11:00:00.000Z")
    }

    /// A log in a folder: what is too old, sealed, or was revealed.
    #[test]
    fn a_proposal_is_tried_on_a_real_log() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path().join("log"));
        let log =
            Log::create(Box::new(folder), "homeplate.test/log", SigningKey::generate()).unwrap();
        std::fs::write(dir.path().join("log.vkey"), log.vkey()).unwrap();
        let warrant = |id: &str| {
            asked(id, "22")
                .fact("authority", "judicial-warrant")
                .fact("paper", "attested")
                .on_behalf_of("federal")
        };
        let kept = ["authority", "decision", "policy", "rule"];
        let hide =
            |id: &str| warrant(id).hide(&kept, at("2026-11-23T00:00:00Z"), &[7; 32]).unwrap();
        let (sealed, _) = hide("q_sealed");
        let (hidden, said) = hide("q_revealed");
        let all =
            [asked("q_old", "01"), asked("q_one", "21"), sealed, hidden, said.fact("intent", 3)];
        log.append_all(&all).unwrap();

        let current = Rules::parse(Rules::standard()).unwrap();
        let proposal = format!(
            "{}\n@id(\"warrants\")\n@because(\"A warrant first.\")\n@effective(\"2027-01-01\")\nforbid \
             (principal, action == Action::\"Search\", resource)\nwhen {{ !context.sealed }};\n\
             @id(\"own\")\n@because(\"Nobody else.\")\nforbid (principal, action == \
             Action::\"Search\", resource)\nwhen {{ context.recipient == Agency::\"federal\" }};\n",
            Rules::standard()
        );
        let proposed = Rules::parse(&proposal).unwrap();
        let times = (at("2026-11-20T00:00:00Z"), at("2026-11-24T00:00:00Z"));
        let told = tried(&leaves(dir.path()).unwrap(), &current, &proposed, times).sentences();
        assert_eq!(
            told,
            [
                "The proposal was tried on 2 questions.",
                "1 question could not be tried: sealed, refused before any rule was asked, or logged \
                 with too few facts.",
                "1 question answered until now would be refused by rule own (log entries 3).",
                "1 question answered until now would be refused by rule warrants (log entries 1).",
            ]
        );
    }
}
