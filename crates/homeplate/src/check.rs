//! `homeplate check` and `homeplate config`: is everything in order, and what does a key mean?

use base::{Error, Kind, SystemClock};
use city::check::{State, check};
use city::{Config, EXPLAINED, Explained};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the package's services keep the city of a machine.
pub const SYSTEM: &str = "/var/lib/homeplate/city";

/// The folder that was named; else `city` here, else the city of this machine.
pub fn place(named: Option<PathBuf>) -> PathBuf {
    let here = || PathBuf::from("city");
    let system = || Some(PathBuf::from(SYSTEM)).filter(|dir| dir.join("homeplate.toml").exists());
    named.unwrap_or_else(|| {
        if here().join("homeplate.toml").exists() { here() } else { system().unwrap_or_else(here) }
    })
}

/// Root goes on as the user that the server runs as: the one that the city names, else the one whose its configuration is.
/// Custody and a database answer nobody else, and no file gets an owner that the server may not read.
pub fn as_server(data: &Path) -> base::Result<()> {
    let file = data.join("homeplate.toml");
    match Config::load(&file).map(|config| config.custody.server_user) {
        Ok(Some(user)) => city::act_as(&user),
        Ok(None) => city::act_as_owner(&file),
        // Whoever examines the city says what is wrong with its configuration.
        Err(_) => Ok(()),
    }
}

/// Arguments of `homeplate check`.
#[derive(clap::Args)]
pub struct CheckArgs {
    /// The folder of the city's data; `city` here or else /var/lib/homeplate/city.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Examines a city; the exit code says whether something must be mended.
pub fn run(args: CheckArgs) -> anyhow::Result<ExitCode> {
    let data = place(args.data);
    // There may be more than one, and where none was named this is a guess.
    let whole = std::path::absolute(&data).unwrap_or_else(|_| data.clone());
    println!("The city in {}:", whole.display());
    as_server(&data)?;
    let found = check(&data, &SystemClock);
    for one in &found {
        let word = match one.state {
            State::Fine => "fine ",
            State::Look => "look ",
            State::Wrong => "WRONG",
        };
        println!("{word}  {:13}  {}", one.part, one.message);
    }
    let wrong = found.iter().filter(|f| f.state == State::Wrong).count();
    if wrong == 0 {
        println!("Everything that was examined is in order.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{wrong} to be mended.");
    Ok(ExitCode::from(Kind::Unavailable.exit_code()))
}

/// Arguments of `homeplate config`.
#[derive(clap::Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(clap::Subcommand)]
enum ConfigCommand {
    /// Say what a key means, what it may be and what it is.
    Explain {
        /// `section.key`; every key where it is left out.
        key: Option<String>,
        /// The folder of the city's data, to show what is set there; `city` here or else /var/lib/homeplate/city.
        #[arg(long)]
        data: Option<PathBuf>,
    },
}

/// Runs `homeplate config`.
pub fn config(args: ConfigArgs) -> anyhow::Result<ExitCode> {
    let ConfigCommand::Explain { key, data } = args.command;
    let data = place(data);
    // A folder without a city is no reason not to explain.
    let set =
        Config::load(&data.join("homeplate.toml")).ok().and_then(|c| toml::Table::try_from(c).ok());
    let wanted: Vec<&Explained> =
        EXPLAINED.iter().filter(|e| key.as_deref().is_none_or(|key| named(e, key))).collect();
    if wanted.is_empty() {
        let known: Vec<&str> = EXPLAINED.iter().map(|e| e.key).collect();
        return Err(Error::not_found(format!(
            "There is no such key in homeplate.toml; known are {}.",
            known.join(", ")
        ))
        .into());
    }
    for (n, one) in wanted.iter().enumerate() {
        if n > 0 {
            println!();
        }
        println!(
            "{}\n  {}\n  allowed  {}\n  default  {}",
            one.key, one.meaning, one.allowed, one.default
        );
        if let Some(value) = set.as_ref().and_then(|file| value_of(file, one.key)) {
            println!("  set to   {value}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A key by its full name, or a whole section by its own.
fn named(one: &Explained, key: &str) -> bool {
    one.key == key || one.key.split_once('.').is_some_and(|(section, _)| section == key)
}

fn value_of(file: &toml::Table, key: &str) -> Option<String> {
    let (section, name) = key.split_once('.')?;
    let value = file.get(section)?.get(name)?;
    // A password may stand in it.
    Some(if key == "store.url" { "(not shown)".into() } else { value.to_string() })
}
