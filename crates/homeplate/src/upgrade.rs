//! `homeplate upgrade`: what this version would change in a city's data, how long it takes, and how to go back; and doing
//! it, with the way back until it is known that this version runs.

use crate::check::{as_server, place};
use crate::client::PersonKey;
use base::{Clock, Error, SystemClock};
use city::Seat;
use city::approval::{approve, approved};
use city::upgrade::{Upgrade, forget_before, keep_before, kept, look, put_back_before};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Arguments of `homeplate upgrade`.
#[derive(clap::Args)]
pub struct UpgradeArgs {
    /// Say what would change; nothing is, and the server may run.
    #[arg(long)]
    check: bool,
    /// Only keep copies of what would change, in this folder or else `before-upgrade` among the city's data; the package
    /// does this before it starts a new version. A server that serves removes those of the latter. On PostgreSQL copies
    /// lie in the database, and no folder is named.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, conflicts_with = "check")]
    keep: Option<Option<PathBuf>>,
    /// Put such copies back.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, conflicts_with_all = ["check", "keep"])]
    put_back: Option<Option<PathBuf>>,
    /// Say whether as many people have signed this package as the city asks for. The version that runs asks so before it
    /// makes way, of the package that HOMEPLATE_PACKAGE names; a city that asks for no signatures takes any.
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with_all = ["check", "keep", "put_back"])]
    package: Option<Option<PathBuf>>,
    /// Sign a package, beside the signatures of others in FILE.signed. Any machine will do.
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with_all = ["check", "keep", "put_back", "package"])]
    sign: Option<PathBuf>,
    /// Your key file, made by `homeplate key new`.
    #[arg(long, env = "HOMEPLATE_KEY")]
    key: Option<PathBuf>,
    /// The folder of the city's data; `city` here or else /var/lib/homeplate/city.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: UpgradeArgs) -> anyhow::Result<ExitCode> {
    if let (Some(package), Some(key)) = (&args.sign, &args.key) {
        return sign(package, key);
    }
    let data = place(args.data);
    if let Some(named) = args.package {
        return signed(&data, named);
    }
    // A relative folder is meant from here, also where the server's user may not look.
    let data = std::path::absolute(&data).unwrap_or(data);
    as_server(&data)?;
    let before = |named: Option<PathBuf>| named.unwrap_or_else(|| kept(&data));
    match (args.keep, args.put_back) {
        (Some(to), _) => {
            let _alone = Seat::take_alone(&data)?;
            tell_kept(&keep_before(&data, &before(to))?);
        }
        (_, Some(from)) => {
            let _alone = Seat::take_alone(&data)?;
            tell_back(&put_back_before(&before(from), &data)?);
        }
        _ if args.check => {
            // A copy of the hot list spells plates: it lies nowhere but in the city's own folder.
            let scratch = tempfile::tempdir_in(&data);
            let scratch = scratch.map_err(|e| {
                Error::unavailable("There is no room to try it on a copy.").because(e)
            })?;
            tell(&look(&data, scratch.path())?, &data);
        }
        _ => upgrade(&data)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn sign(package: &Path, key: &Path) -> anyhow::Result<ExitCode> {
    let person = PersonKey::load(key)?;
    let file = approve(package, &person.person, &person.key, SystemClock.now())?;
    println!("signed    {} by {}, in {}", package.display(), person.person, file.display());
    Ok(ExitCode::SUCCESS)
}

/// As root, who alone may be able to read the package.
fn signed(data: &Path, named: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let named = named.or_else(|| std::env::var_os("HOMEPLATE_PACKAGE").map(PathBuf::from));
    let found = approved(data, named.as_deref().unwrap_or(Path::new("HOMEPLATE_PACKAGE")))?;
    match found.of {
        0 => println!("signed    this city asks for no signatures"),
        of => println!("signed    by {} of at least {of}", found.by.len()),
    }
    found.by.iter().for_each(|person| println!("          {person}"));
    Ok(ExitCode::SUCCESS)
}

/// Copies, migrations, a start that answers nobody; and back if any of it fails. Nothing is acknowledged meanwhile, so
/// nothing is lost either way.
fn upgrade(data: &Path) -> base::Result<()> {
    // No server of before may serve, or take over in the middle of it.
    let _alone = Seat::take_alone(data)?;
    let before = kept(data);
    let names = keep_before(data, &before)?;
    tell_kept(&names);
    // A process of its own: whatever ends it, this one is there to go back. Not by its path, which may lead through
    // folders of root's that the server's user may not enter.
    let tried =
        Command::new("/proc/self/exe").args(["serve", "--try-out", "--data"]).arg(data).status();
    if tried.as_ref().is_ok_and(std::process::ExitStatus::success) {
        forget_before(data)?;
        println!("migrated  {} databases", names.len());
        println!("runs      log, keys and store are open to this version; start it");
        return Ok(());
    }
    if before.exists() {
        tell_back(&put_back_before(&before, data)?);
    }
    let reason = match &tried {
        Ok(status) if status.code().is_some() => "the reason stands above".to_owned(),
        // One that said nothing: it was not started, or the system ended it.
        Ok(status) => format!("it was ended by {status}"),
        Err(e) => format!("it cannot be started ({e})"),
    };
    Err(Error::unavailable(format!(
        "This version does not run over the city's data; {reason}. They are as they were: start the version of before.",
    )))
}

fn tell_kept(names: &[String]) {
    names.iter().for_each(|name| println!("kept      {name}"));
}

fn tell_back(names: &[String]) {
    names.iter().for_each(|name| println!("put back  {name}"));
}

fn tell(found: &Upgrade, data: &Path) {
    println!("program    {} (this one), over {}", env!("CARGO_PKG_VERSION"), data.display());
    if kept(data).exists() {
        println!(
            "cut off    an upgrade was; `homeplate upgrade` goes on with it, `homeplate upgrade --put-back` goes back"
        );
    }
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
