//! `homeplate rules`: propose other rules, read what is proposed, sign it for an office.
//!
//! What is signed is worked out here, from the text that was shown and the log's own key: a server that
//! shows one set and has another signed gets a signature that is good for nothing.

use crate::client::{Client, ClientArgs, print_json};
use crate::policy;
use base::{Error, Kind, Result};
use city::{NewProposal, NewSignature, ProofLine, Proofs, Property, Proposal};
use identity::{RuleSet, Signature, SignerKey, adoption_message};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Arguments of `homeplate rules`.
#[derive(clap::Args)]
pub struct RulesArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Print the rules in force, or write the whole set that they belong to.
    Show {
        /// Write rules, properties and charter into this folder, where `policy prove --data` finds them.
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Propose a set of rules; it is proven before it is on the log.
    Propose(ProposeArgs),
    /// List what was proposed, the newest first.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Print one proposal: its rules, its charter, who has signed.
    Read {
        /// `pro_…`
        id: String,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Sign a proposal with your key, for your office.
    Sign {
        /// `pro_…`
        id: String,
        /// The log's verifier key, from a source you trust; as the city tells it where it is left out.
        #[arg(long)]
        vkey: Option<String>,
        #[command(flatten)]
        client: ClientArgs,
    },
}

#[derive(clap::Args)]
struct ProposeArgs {
    /// The rule file; the rules in force where it is left out.
    #[arg(long)]
    rules: Option<PathBuf>,
    /// A property of the city's own, by its file, beside those in force or in the place of the one of its name; may be
    /// given again.
    #[arg(long = "property", value_name = "FILE")]
    properties: Vec<PathBuf>,
    /// A property in force that is to go, by its name; may be given again.
    #[arg(long = "drop-property", value_name = "NAME")]
    dropped: Vec<String>,
    /// The charter: which offices sign, with which keys. The one in force where it is left out.
    #[arg(long)]
    charter: Option<PathBuf>,
    /// What `homeplate policy prove --sign` wrote of exactly this set, for a city without a solver.
    #[arg(long, value_name = "FILE")]
    proofs: Option<PathBuf>,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Deserialize)]
struct InForce {
    rules: String,
    set: Option<String>,
    preset: Option<String>,
}

#[derive(Deserialize)]
struct Proposals {
    proposals: Vec<Proposal>,
}

/// Runs the command.
pub fn run(args: RulesArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Show { out, client } => {
            let now: InForce = Client::new(&client)?.get("/v1/rules")?;
            match out {
                Some(folder) => write(&now, &folder)?,
                None => print!("{}", now.rules),
            }
        }
        What::Propose(args) => propose(args)?,
        What::List { json, client } => {
            let all: Proposals = Client::new(&client)?.get("/v1/proposals")?;
            if json {
                print_json(&all.proposals)?;
            } else {
                all.proposals.iter().for_each(line);
            }
        }
        What::Read { id, client } => {
            let proposal = one(&Client::new(&client)?, &id)?;
            let set = RuleSet::parse(&proposal.text)?;
            line(&proposal);
            println!("replaces {}\nproven: {}", proposal.base, proposal.proven.join(", "));
            if let Some(key) = &proposal.proved_by {
                println!("proved by {key}");
            }
            println!();
            println!("{}", set.rules.trim_end());
            for (name, text) in &set.properties {
                println!("\n---- property {name} ----\n{}", text.trim_end());
            }
            println!("\n---- charter ----\n{}", set.charter);
        }
        What::Sign { id, vkey, client } => sign(&Client::new(&client)?, &id, vkey)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn line(p: &Proposal) {
    let signed = p.signed.join(", ");
    println!(
        "{}  {}  {} of {} offices{}  entry {}",
        p.id,
        p.state,
        p.signed.len(),
        p.needed,
        if signed.is_empty() { String::new() } else { format!(" ({signed})") },
        p.log_entry
    );
}

fn one(client: &Client, id: &str) -> Result<Proposal> {
    let all: Proposals = client.get("/v1/proposals")?;
    let found = all.proposals.into_iter().find(|p| p.id == id);
    found.ok_or_else(|| Error::not_found("There is no such proposal; `homeplate rules list`."))
}

/// The whole set in force, in the files of a city's folder. Names come from the server, so they are looked at
/// before they become files.
fn write(now: &InForce, folder: &Path) -> Result<()> {
    let set = now.set.as_deref().ok_or_else(|| {
        Error::conflict("This city has no charter; `homeplate rules show` prints its rules.")
    })?;
    let set = RuleSet::parse(set)?;
    let properties = folder.join("properties");
    std::fs::create_dir_all(&properties).map_err(|e| {
        Error::unavailable(format!("{} cannot be made.", properties.display())).because(e)
    })?;
    let put = |path: PathBuf, text: &str| base::write_atomic(&path, text.as_bytes());
    for (name, text) in &set.properties {
        if !city::is_property_name(name) {
            return Err(Error::invalid("A property of the city has a name that is none."));
        }
        put(properties.join(format!("{name}.cedar")), text)?;
    }
    put(folder.join("charter.toml"), &set.charter)?;
    put(folder.join("rules.cedar"), &set.rules)?;
    eprintln!("set {}", set.hash()?);
    if let Some(preset) = &now.preset {
        eprintln!("proven with --preset {preset}");
    }
    Ok(())
}

/// The properties in force, with those that are named and without those that are to go; nothing where neither was asked
/// for.
fn properties(now: &InForce, args: &ProposeArgs) -> Result<Option<BTreeMap<String, String>>> {
    if args.properties.is_empty() && args.dropped.is_empty() {
        return Ok(None);
    }
    let mut all = match &now.set {
        Some(set) => RuleSet::parse(set)?.properties,
        None => BTreeMap::new(),
    };
    for name in &args.dropped {
        all.remove(name).ok_or_else(|| {
            Error::not_found(format!(
                "No property {name} is in force; `homeplate rules show --out FOLDER` writes those that are."
            ))
        })?;
    }
    for file in &args.properties {
        all.insert(policy::name(file), policy::read(file)?);
    }
    Ok(Some(all))
}

fn propose(args: ProposeArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.client)?;
    let now: InForce = client.get("/v1/rules")?;
    let properties = properties(&now, &args)?;
    let rules = match &args.rules {
        Some(file) => policy::read(file)?,
        None => now.rules,
    };
    let proofs = args.proofs.as_deref().map(|file| {
        serde_json::from_str(&policy::read(file)?).map_err(|e| {
            Error::invalid(format!("{} holds no signed proofs.", file.display())).because(e)
        })
    });
    let new = NewProposal {
        rules,
        properties,
        charter: args.charter.as_deref().map(policy::read).transpose()?,
        proofs: proofs.transpose()?,
    };
    let made: Proposal = client.post("/v1/proposals", &new)?;
    println!("{}", made.id);
    eprintln!("entry {} of the public log; {} offices sign it", made.log_entry, made.needed);
    Ok(())
}

fn sign(client: &Client, id: &str, vkey: Option<String>) -> anyhow::Result<()> {
    let proposal = one(client, id)?;
    let set = RuleSet::parse(&proposal.text)?.hash()?;
    if set != proposal.set {
        return Err(Error::invalid("The proposal's text is not the set that it names.").into());
    }
    let vkey = match vkey {
        Some(vkey) => vkey,
        None => client.text("/log.vkey")?,
    };
    let origin = vkey.trim().split('+').next().unwrap_or_default().to_owned();
    let message = adoption_message(&origin, proposal.since, &proposal.base, &set);
    let new = NewSignature {
        key: SignerKey::from(client.key().public()).to_string(),
        signature: Signature::Ed25519(client.key().sign(&message)).to_string(),
    };
    let done: Proposal = client.post(&format!("/v1/proposals/{id}/sign"), &new)?;
    line(&done);
    Ok(())
}

/// `homeplate-prove`, as the server calls it.
pub struct Program;

impl ProofLine for Program {
    fn installed(&self) -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let solver = std::env::split_paths(&path).any(|folder| folder.join("cvc5").is_file());
        solver && policy::program().is_ok_and(|program| program.is_file())
    }

    fn prove(&self, rules: &str, properties: &[Property]) -> Result<Proofs> {
        let away = |e: &dyn std::fmt::Display| {
            Error::unavailable(
                "Rules cannot be proven here; install homeplate-prove beside homeplate, and cvc5.",
            )
            .because(e.to_string())
        };
        let dir = tempfile::tempdir().map_err(|e| away(&e))?;
        // A folder for each: a property may be called like another, or like the rules.
        let put = |place: usize, name: &str, text: &str| -> Result<PathBuf> {
            let folder = dir.path().join(place.to_string());
            std::fs::create_dir(&folder).map_err(|e| away(&e))?;
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|e| away(&e))?;
            Ok(path)
        };
        let mut prove = Command::new(policy::program().map_err(|e| away(&e))?);
        prove.arg("--json").arg("--rules").arg(put(0, "rules.cedar", rules)?);
        let shipped = Property::shipped();
        for (place, property) in (1..).zip(properties.iter().filter(|p| !shipped.contains(p))) {
            let file = put(place, &format!("{}.cedar", property.id), &property.text)?;
            prove.arg("--property").arg(file);
        }
        let done = prove.output().map_err(|e| away(&e))?;
        ended(done.status.code(), String::from_utf8_lossy(&done.stderr).trim())?;
        serde_json::from_slice(&done.stdout).map_err(|e| away(&e))
    }
}

/// That the program came to an end with a report: its code, none where a signal ended it, and what it said.
fn ended(code: Option<i32>, said: &str) -> Result<()> {
    let told = said.strip_prefix("homeplate-prove: ").unwrap_or(said);
    let is = |kind: Kind| code == Some(kind.exit_code().into()) && !told.is_empty();
    match code {
        // Refused: something does not hold, and the report says what.
        Some(0 | 6) => Ok(()),
        // A mistake in the rules or in a property, in a sentence; or a solver that is not there.
        _ if is(Kind::Invalid) => Err(Error::invalid(told)),
        _ if is(Kind::Unavailable) => Err(Error::unavailable(told)),
        _ => Err(Error::unavailable(
            "The proof broke off, as it does where rules take too long to prove; simplify them, or try again.",
        )
        .because(told.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_prover_said_is_told() {
        let check = |code: Option<i32>, said: &str, kind: Kind, word: &str| {
            let e = ended(code, said).unwrap_err();
            assert!(e.kind() == kind && e.message().contains(word), "{code:?} {said}: {e}");
        };
        ended(Some(0), "").unwrap();
        ended(Some(6), "").unwrap();
        let mistake = "homeplate-prove: Property ours is not Cedar: unexpected end.";
        check(Some(3), mistake, Kind::Invalid, "Property ours is not Cedar");
        let missing = "homeplate-prove: The solver cvc5 cannot be started; install cvc5.";
        check(Some(12), missing, Kind::Unavailable, "install cvc5");
        check(None, "", Kind::Unavailable, "broke off");
        check(Some(3), "", Kind::Unavailable, "broke off");
        check(Some(1), "homeplate-prove: limits", Kind::Unavailable, "broke off");
    }
}
