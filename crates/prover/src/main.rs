//! `homeplate-prove`: proves what a city's rules cannot allow, or shows a request that gets through.
//!
//! A program of its own, so that the city's server links no solver, and with limits, so that a rule that is
//! hard to reason about ends this process and nothing else.

use anyhow::Context;
use base::Error;
use clap::Parser;
use policy::{Preset, Property};
use prover::{Report, prove, solver};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Seconds of processor time and bytes of memory, of this process and of the solver each.
const SECONDS: u64 = 120;
const BYTES: u64 = 4 << 30;

/// Proves what no rule of a city can allow.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The rule file.
    #[arg(long)]
    rules: PathBuf,
    /// A property of the city's own: rules that allow all that may ever be allowed. May be given again.
    #[arg(long = "property", value_name = "FILE")]
    properties: Vec<PathBuf>,
    /// A law preset, for instance us-il: its ceilings are proven too.
    #[arg(long)]
    preset: Option<String>,
    /// The solver.
    #[arg(long, default_value = "cvc5")]
    solver: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        // As for a question that a rule refuses.
        Ok(false) => ExitCode::from(6),
        Err(e) => {
            let told = e.downcast_ref::<Error>();
            eprintln!(
                "homeplate-prove: {}",
                told.map_or_else(|| e.to_string(), |e| e.message().into())
            );
            ExitCode::from(told.map_or(1, |e| e.kind().exit_code()))
        }
    }
}

fn run(args: &Args) -> anyhow::Result<bool> {
    for (resource, most) in [(Resource::Cpu, SECONDS), (Resource::As, BYTES)] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
            .context("limits")?;
    }
    let rules = read(&args.rules)?;
    let mut properties = Property::shipped();
    if let Some(slug) = &args.preset {
        properties.extend(Preset::named(slug)?.ceilings());
    }
    for file in &args.properties {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        properties.push(Property::new(&name, &read(file)?));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report =
        runtime.block_on(async { prove(solver(&args.solver)?, &rules, &properties).await })?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        tell(&report);
    }
    Ok(report.fine())
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).map_err(|e| {
        Error::not_found(format!("{} cannot be read.", file.display())).because(e).into()
    })
}

fn tell(report: &Report) {
    println!("rules {}", report.rules);
    for verdict in &report.verdicts {
        match &verdict.against {
            None => println!("proven   {} ({}, {} ms)", verdict.says, verdict.property, verdict.ms),
            Some(example) => {
                println!("REFUTED  {} ({}, {} ms)", verdict.says, verdict.property, verdict.ms);
                println!("         gets through by {}: {example}", example.allowed_by.join(", "));
            }
        }
    }
    for rule in &report.dead {
        println!("DEAD     rule {rule} can never make a difference; mend it or take it out");
    }
}
