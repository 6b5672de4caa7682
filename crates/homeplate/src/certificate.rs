//! `homeplate verify --certificate`: checks an off certificate, from a file or from its address, and says what it
//! proves. Needs neither the log nor the city.

use crate::verify::{VerifyArgs, is_address, judge, read_vkey};
use crate::web::Web;
use base::{Error, Result};
use city::Certificate;
use ledger::Policy;
use std::process::ExitCode;
use std::time::Duration;

fn fetched(place: &str, ca: Option<&std::path::Path>) -> Result<Vec<u8>> {
    let missing = |place: &str| Error::not_found(format!("There is no certificate at {place}."));
    if !is_address(place) {
        return std::fs::read(place).map_err(|e| missing(place).because(e));
    }
    let (folder, name) = place.rsplit_once('/').unwrap_or((place, ""));
    Web::new(Duration::from_secs(30), ca)?.fetch(folder, name)?.ok_or_else(|| missing(place))
}

/// Runs the command.
pub fn run(args: &VerifyArgs, place: &str) -> anyhow::Result<ExitCode> {
    let certificate = Certificate::parse(&fetched(place, args.ca.as_deref())?)?;
    let vkey = match (&args.vkey, &args.vkey_file) {
        (Some(vkey), _) => vkey.trim().to_owned(),
        (None, Some(file)) => read_vkey(file)?,
        (None, None) => {
            judge("the key", place);
            certificate.vkey.clone()
        }
    };
    let policy = match &args.witnesses {
        Some(file) => Some(std::fs::read_to_string(file).map_err(|e| {
            Error::not_found(format!("There is no witness policy in {}.", file.display()))
                .because(e)
        })?),
        None => certificate.witnesses.clone().inspect(|_| judge("the list of witnesses", place)),
    };
    let policy = policy.as_deref().map(Policy::parse).transpose()?;
    let proven = certificate.check(&vkey, policy.as_ref())?;
    if args.json {
        println!("{}", serde_json::to_string(&proven)?);
    } else {
        println!("The certificate of {} holds.", certificate.origin);
        for line in proven.words() {
            // Reasons and names come from the log: a terminal must not take orders from them.
            println!("{}", line.replace(|c: char| c.is_control(), "?"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
