//! `homeplate succeed`: begins the successor of a log that lost entries; with `--from`, on a new machine, after the
//! city was put together from its second place.

use crate::check::{as_server, place};
use crate::custody::{Beside, sheets};
use crate::web::Web;
use base::{Clock, Error, Result, SystemClock};
use city::{City, Config, CopySection, Lost, Opening, Restored, Seat};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A witness that takes longer has not answered.
const WITNESS_TIMEOUT: Duration = Duration::from_secs(10);

/// Arguments of `homeplate succeed`.
#[derive(clap::Args)]
pub struct SucceedArgs {
    /// The folder of the city's data, `city` here or else /var/lib/homeplate/city; with --from it must be empty or not
    /// there.
    #[arg(long, default_value_os_t = place(None), hide_default_value = true)]
    data: PathBuf,
    /// Put the city together from this second place first: file:/a/folder or s3:bucket/prefix.
    #[arg(long)]
    from: Option<String>,
    /// Address of the S3 service.
    #[arg(long, requires = "from")]
    endpoint: Option<String>,
    /// Region of the bucket.
    #[arg(long, requires = "from", default_value = "us-east-1")]
    region: String,
    /// A file with key_id and secret of the bucket.
    #[arg(long, requires = "from")]
    credentials: Option<PathBuf>,
    /// Files with the sheets of the recovery key; without this or --key they are typed.
    #[arg(long, requires = "from", num_args = 1..)]
    sheets: Vec<PathBuf>,
    /// The file that `homeplate custody join --out` wrote.
    #[arg(long, requires = "from", conflicts_with = "sheets")]
    key: Option<PathBuf>,
    /// The log's verifier key, as the sheets and the newspaper have it: the copy must be signed by it. Without this the
    /// sheets' own line is taken.
    #[arg(long, requires = "from", conflicts_with = "vkey_file")]
    vkey: Option<String>,
    /// A file with it, for instance a copy of the city's log.vkey.
    #[arg(long, requires = "from")]
    vkey_file: Option<PathBuf>,
    /// Keep the keys in a file here, where the old machine had a passphrase or a token that this one has not.
    #[arg(long, requires = "from")]
    keys_in_file: bool,
    /// You state that the old server was stopped in order, was not started again since, and never will be: so that
    /// nothing, and no order to switch off, came after this copy. The log then goes on as it was, with whatever was on.
    /// Without this the witnesses must say so, or a successor begins with everything off. It counts only where the copy
    /// ends with the server's own end.
    #[arg(long, requires = "from")]
    nothing_came_after: bool,
    /// The system's user that custody runs as, where the city has one for its server and one for its keys. Owners are
    /// not in the copy: root gives the files to both.
    #[arg(long, value_name = "USER", requires = "from", default_value = "homeplate-keys")]
    custody_user: String,
}

/// Runs the command.
pub fn run(args: SucceedArgs) -> anyhow::Result<ExitCode> {
    // A relative folder is meant from here, also where the server's user may not look.
    let data = std::path::absolute(&args.data).unwrap_or_else(|_| args.data.clone());
    match args.from {
        Some(_) => from_copy(&args, &data),
        None => here(&data),
    }
}

/// The user that the server runs as, where the city has one for it and one for its keys.
fn server_user(data: &Path) -> Result<Option<String>> {
    Ok(Config::load(&data.join("homeplate.toml"))?.custody.server_user)
}

/// A log that was set back where it lies.
fn here(data: &Path) -> anyhow::Result<ExitCode> {
    let apart = server_user(data)?.is_some();
    as_server(data)?;
    // A service that tries to start again and again must not have the log in between.
    let _seat = Seat::take(data)?;
    let lost = match city::lost(data, Some(&city::memory(data)))? {
        Some(lost) => Some(lost),
        // Whole in itself, and as it is remembered here: only a witness can know more.
        None => witnesses_know(data)?,
    };
    let Some(lost) = lost else {
        return Err(Error::conflict(
            "The log here holds all that was ever seen of it; nothing is to be succeeded.",
        )
        .into());
    };
    begin(data, &lost)?;
    if apart {
        println!(
            "Custody goes by the old log until it is told of this one. As root: homeplate custody adopt --data {}; then \
             start custody again, and after it the server.",
            data.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn begin(data: &Path, lost: &Lost) -> anyhow::Result<()> {
    let made = city::succeed(data, lost, &SystemClock)?;
    match made.known {
        Some(known) => println!(
            "The log held {} entries and is known to have had {known}; it lies in {} as it was found.",
            made.found,
            made.old.display()
        ),
        None => println!("What is left of the log lies in {}.", made.old.display()),
    }
    println!("log key  {}", made.vkey);
    println!("Hand this key to whoever verifies the log, and to its witnesses.");
    println!(
        "Rules, charter and properties go on as the log before had adopted them, as far as it can be read, and else as \
         they lay in the folder. What the offices signed later may be lost: let them compare `homeplate rules show` with \
         their papers, and propose and sign the set anew."
    );
    if let Some(file) = &made.replaced {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        println!(
            "The folder had other rules; they are in {name}. If the offices signed them, propose and sign them again."
        );
    }
    for hold in &made.unfinished {
        println!("Hold {hold} is not wholly preserved and cannot go on; place it anew.");
    }
    println!(
        "Everything is switched off, because an order to switch off may be among the lost entries: order \
         capture, job, asking and sharing on again with `homeplate on`."
    );
    Ok(())
}

fn witnesses_know(data: &Path) -> anyhow::Result<Option<Lost>> {
    if city::log_witnesses(data)?.is_empty() {
        return Ok(None);
    }
    let beside = Beside::start(data)?;
    let memory = Some(city::memory(data));
    let asked = City::open_with(data, Arc::new(SystemClock), memory).and_then(|city| {
        city.ask_witnesses(&Web::new(WITNESS_TIMEOUT, None)?)?;
        Ok(city.set_back())
    });
    if let Some(custody) = beside {
        custody.end();
    }
    Ok(asked?)
}

/// A city whose server is gone.
fn from_copy(args: &SucceedArgs, data: &Path) -> anyhow::Result<ExitCode> {
    let begun = Instant::now();
    let place = CopySection {
        to: args.from.clone(),
        endpoint: args.endpoint.clone(),
        region: args.region.clone(),
        credentials: args.credentials.as_ref().map(|file| file.display().to_string()),
        ..CopySection::default()
    };
    let here = std::env::current_dir()
        .map_err(|e| Error::unavailable("This folder is unknown; change to another.").because(e))?;
    let depot = place.open(&here)?;
    let depot = depot.ok_or_else(|| Error::invalid("Name the second place with --from."))?;
    let key = match (&args.key, args.sheets.as_slice()) {
        (Some(file), _) => sheets::of_file(file)?,
        (None, []) => sheets::ask()?,
        (None, files) => sheets::of_files(files)?,
    };
    let vkey = vkey_of(args)?;
    let by = vkey.as_deref().map(ledger::key_in).transpose()?;
    let with = Opening { key: &key, by, in_file: args.keys_in_file };
    let done = city::restore(&depot, with, data, &SystemClock)?;
    println!(
        "The city of {}: {} files, {} kB, {} s.",
        done.at,
        done.files,
        done.bytes / 1000,
        begun.elapsed().as_secs()
    );
    match &vkey {
        Some(vkey) => println!("The copy is the city's own: signed by {}.", vkey.trim()),
        None => eprintln!(
            "Nobody checked that this copy is the city's own: whoever could write to the place may have changed it. Name \
             the log's verifier key with --vkey, in another folder, to have that checked."
        ),
    }
    match done.reads_at {
        Some(at) => println!(
            "Its reads are those of {at}; cameras are asked for what they had delivered since."
        ),
        None => println!("No reads were copied; cameras are asked for what they still have."),
    }
    if done.left > 0 {
        eprintln!(
            "{} records that lie at the place behind this moment were not taken, because one before them is missing, \
             damaged or another server's; keep a copy of the place before the server runs for a day.",
            done.left
        );
    }
    if !done.missing.is_empty() {
        println!(
            "No copy has these files whole, and they were left out: {}. Reads of such a day are missing, or their \
             pictures; the log and the control data are there.",
            done.missing.join(", ")
        );
    }
    give(data, &args.custody_user)?;
    match missing(data, &done, args.nothing_came_after)? {
        None => println!("No entry of the log is missing: it goes on as it was."),
        Some(lost) => begin(data, &lost)?,
    }
    println!(
        "Start the server. What is older than the city keeps reads is forgotten before anything is answered, and nothing \
         brings it back: by this machine's clock it is {} now. Is that wrong, set the clock first.",
        SystemClock.now()
    );
    Ok(ExitCode::SUCCESS)
}

/// Gives the files of a city of two users to them, and goes on as its server. Where that cannot be done here, a person
/// is told what is left to do.
fn give(data: &Path, keys: &str) -> Result<()> {
    let Some(server) = server_user(data)? else { return Ok(()) };
    match city::give_to_users(data, keys, &server) {
        Ok(()) => {
            println!("users          {keys} owns the keys, {server} the rest");
            city::act_as(&server)
        }
        Err(e) => {
            eprintln!(
                "{e} The city's folder has its owners yet to get: as root, give {} to {server}, and custody and run in it \
                 to the user of the keys.",
                data.display()
            );
            Ok(())
        }
    }
}

/// The log's verifier key, from wherever it was named.
fn vkey_of(args: &SucceedArgs) -> Result<Option<String>> {
    match (&args.vkey, &args.vkey_file, &args.key, args.sheets.as_slice()) {
        (Some(vkey), ..) => Ok(Some(vkey.clone())),
        (_, Some(file), ..) => crate::verify::read_vkey(file).map(Some),
        (_, _, Some(_), _) => Ok(None),
        (_, _, _, []) => sheets::ask_log_key(),
        (_, _, _, files) => sheets::log_key_in(files),
    }
}

/// What the log of a restored city lost. Nothing, where every witness that the log needs has seen just what is here;
/// or where no witness knows more, the copy ends with the server's end, and a person states that it was not started
/// again: a server that was, and could not reach the place, has left no trace there. Else nobody can say.
fn missing(data: &Path, done: &Restored, stated: bool) -> anyhow::Result<Option<Lost>> {
    if let Some(lost) = city::lost(data, Some(&city::memory(data)))? {
        return Ok(Some(lost));
    }
    let witnesses = city::log_witnesses(data)?;
    let origin = city::log_origin(data)?;
    let (mut size, mut same) = (city::log_size(data)?, 0);
    let web = Web::new(WITNESS_TIMEOUT, None)?;
    let mut beyond = None;
    for (name, url) in &witnesses {
        let Some(url) = url else { continue };
        let seen = match web.fetch(url, &format!("checkpoint/{origin}")) {
            Ok(Some(text)) => city::note_witnessed(data, &String::from_utf8_lossy(&text))?,
            Ok(None) => None,
            Err(e) => {
                eprintln!("The witness {name} does not answer: {e}");
                None
            }
        };
        match seen {
            Some((theirs, _)) if theirs > size => {
                size = theirs;
                beyond = Some(Lost::Witnessed(name.clone(), theirs));
            }
            Some((theirs, false)) => {
                beyond = beyond.or(Some(Lost::Witnessed(name.clone(), theirs)));
            }
            Some((theirs, true)) if theirs == size => same += 1,
            _ => {}
        }
    }
    if beyond.is_some() {
        return Ok(beyond);
    }
    let all = same > 0 && same == witnesses.len();
    if all || (stated && done.closed) {
        return Ok(None);
    }
    if stated {
        eprintln!(
            "--nothing-came-after does not count: this copy does not end with the server's own end, so something may \
             have come."
        );
    } else if done.closed {
        eprintln!(
            "The copy ends with the server's own end. Whether it was started again since, no witness says and the \
             place does not know; it counts as if it had been. (See --nothing-came-after.)"
        );
    }
    Ok(Some(Lost::Restored(done.at)))
}
