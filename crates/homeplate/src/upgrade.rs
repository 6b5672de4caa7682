//! `homeplate upgrade`: what this version would change in a city's data, how long it takes, and how to go back.

use crate::check::{as_server, place};
use base::{Error, Kind};
use city::upgrade::{Upgrade, keep_before, look, put_back_before};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `homeplate upgrade`.
#[derive(clap::Args)]
pub struct UpgradeArgs {
    /// Say what would change; nothing is, and the server may run.
    #[arg(long)]
    check: bool,
    /// Keep copies in this folder of what would change; the package does this before it starts a new version.
    #[arg(long, value_name = "FOLDER", conflicts_with = "check")]
    keep: Option<PathBuf>,
    /// Put such copies back.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["check", "keep"])]
    put_back: Option<PathBuf>,
    /// The folder of the city's data; `city` here or else /var/lib/homeplate/city.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: UpgradeArgs) -> anyhow::Result<ExitCode> {
    let data = place(args.data);
    // A relative folder is meant from here, also where the server's user may not look.
    let data = std::path::absolute(&data).unwrap_or(data);
    as_server(&data)?;
    match (args.keep, args.put_back) {
        (Some(to), _) => match keep_before(&data, &to)? {
            Some(names) => names.iter().for_each(|name| println!("kept      {name}")),
            None => println!("PostgreSQL is not copied; a dump made before is the way back"),
        },
        (_, Some(from)) => {
            for name in put_back_before(&from, &data)? {
                println!("put back  {name}");
            }
        }
        _ if args.check => {
            // A copy of the hot list spells plates: it lies nowhere but in the city's own folder.
            let scratch = tempfile::tempdir_in(&data);
            let scratch = scratch.map_err(|e| {
                Error::unavailable("There is no room to try it on a copy.").because(e)
            })?;
            tell(&look(&data, scratch.path())?, &data);
        }
        _ => {
            eprintln!("homeplate: say --check; installing the package does the rest.");
            return Ok(ExitCode::from(Kind::Invalid.exit_code()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(found: &Upgrade, data: &std::path::Path) {
    println!("program    {} (this one), over {}", env!("CARGO_PKG_VERSION"), data.display());
    if found.changing.is_empty() {
        println!(
            "databases  {}, as they are; the service is away for its own start, a few seconds",
            found.databases
        );
        println!("back       install the package of before; it opens the same data");
        return;
    }
    println!("databases  {} of {} change:", found.changing.len(), found.databases);
    for one in &found.changing {
        let mb = one.bytes.div_ceil(1_000_000);
        println!("           {} from {} to {} ({mb} MB)", one.name, one.has, one.wants);
    }
    println!(
        "takes      about {:.1} s, tried on copies; cameras keep their reads meanwhile",
        found.takes.as_secs_f64()
    );
    println!("room       {} MB for copies while it happens", found.room().div_ceil(1_000_000));
    println!(
        "back       by itself, if the new version does not start; copies are kept until it does"
    );
    println!("           later only from a backup: the version of before does not open newer data");
}
