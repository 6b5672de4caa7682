//! `homeplate rules`: propose other rules, read what is proposed, sign it for an office.
//!
//! What is signed is worked out here, from the text that was shown and the log's own key: a server that
//! shows one set and has another signed gets a signature that is good for nothing.

use crate::client::{Client, ClientArgs, print_json};
use crate::policy;
use base::{Error, Result};
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
    /// A property of the city's own, by its file; may be given again. Those in force where none is given.
    #[arg(long = "property", value_name = "FILE")]
    properties: Vec<PathBuf>,
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

fn propose(args: ProposeArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.client)?;
    let rules = match &args.rules {
        Some(file) => policy::read(file)?,
        None => client.get::<InForce>("/v1/rules")?.rules,
    };
    let mut properties = BTreeMap::new();
    for file in &args.properties {
        properties.insert(policy::name(file), policy::read(file)?);
    }
    let proofs = args.proofs.as_deref().map(|file| {
        serde_json::from_str(&policy::read(file)?).map_err(|e| {
            Error::invalid(format!("{} holds no signed proofs.", file.display())).because(e)
        })
    });
    let new = NewProposal {
        rules,
        properties: (!properties.is_empty()).then_some(properties),
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
        let put = |name: &str, text: &str| -> Result<PathBuf> {
            let path = dir.path().join(name);
            std::fs::write(&path, text).map_err(|e| away(&e))?;
            Ok(path)
        };
        let mut prove = Command::new(policy::program().map_err(|e| away(&e))?);
        prove.arg("--json").arg("--rules").arg(put("rules.cedar", rules)?);
        let shipped = Property::shipped();
        for property in properties.iter().filter(|p| !shipped.contains(p)) {
            let file = put(&format!("{}.cedar", property.id), &property.text)?;
            prove.arg("--property").arg(file);
        }
        let done = prove.output().map_err(|e| away(&e))?;
        // 6: something does not hold, and the report says what.
        if !matches!(done.status.code(), Some(0 | 6)) {
            let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
            return Err(away(&said));
        }
        serde_json::from_slice(&done.stdout).map_err(|e| away(&e))
    }
}
