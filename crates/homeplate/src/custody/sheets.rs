//! `homeplate custody shares` and `join`: the recovery key on paper.

use crate::check::SYSTEM;
use base::{Error, Result, SystemClock, b64, unb64};
use city::{Config, Share};
use read::OpenKey;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use zeroize::Zeroizing;

/// Lines of a sheet that are typed.
const LINES: usize = 4;
/// How the line with the log's verifier key begins.
const LOG_KEY: &str = "Log key:";
const KEY_FILE: &str = "homeplate-recovery-v1";

/// Arguments of `homeplate custody shares`.
#[derive(clap::Args)]
pub struct SharesArgs {
    /// The folder of the city's data; `city` here or else /var/lib/homeplate/city.
    #[arg(long, default_value_os_t = crate::check::place(None), hide_default_value = true)]
    data: PathBuf,
    /// So many sheets open the key.
    #[arg(long)]
    needed: u8,
    /// So many sheets are printed.
    #[arg(long)]
    of: u8,
    /// Write each sheet to a file of its own in this folder instead of printing it; for a printer, and to be
    /// destroyed then.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Arguments of `homeplate custody join`.
#[derive(clap::Args)]
pub struct JoinArgs {
    /// Files with sheets; without any they are typed.
    sheets: Vec<PathBuf>,
    /// Write the key to this file, for `homeplate succeed --key`. It opens the whole copy: destroy it after use.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Prints the sheets of a new key.
pub fn shares(args: &SharesArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.data.join("homeplate.toml"))?;
    let sheets = city::make_sheets(&args.data, args.needed, args.of)?;
    let vkey = crate::verify::read_vkey(&args.data.join("log.vkey")).ok();
    let now = base::Clock::now(&SystemClock).to_string();
    // Where the package's services look for the city, on the new machine too.
    let data = if args.data == Path::new(SYSTEM) { SYSTEM } else { "city" };
    for sheet in &sheets {
        let text = page((config.city.name.as_str(), data), &now[..10], vkey.as_deref(), sheet);
        let text = Zeroizing::new(text);
        match &args.out {
            None => print!("{}\x0c", text.as_str()),
            Some(folder) => {
                let name = format!("sheet-{}-{}-of-{}.txt", sheet.name(), sheet.number, sheet.of);
                base::write_secret(&folder.join(name), text.as_bytes())?;
            }
        }
    }
    eprintln!(
        "{} sheets, of which {} open the key. Sheets that were printed before open copies of before alone. \
         Try them now: homeplate custody join",
        args.of, args.needed
    );
    Ok(ExitCode::SUCCESS)
}

/// One sheet of a city, by its name, whose data will lie in this folder.
fn page((city, data): (&str, &str), day: &str, vkey: Option<&str>, sheet: &Share) -> String {
    let lines = sheet.lines();
    let body: String =
        (1..).zip(&lines).map(|(n, line)| format!("        {n}.  {line}\n")).collect();
    let log = vkey.map_or(String::new(), |vkey| {
        format!("\nThe copy is signed by the city's log:\n{LOG_KEY} {}\n", vkey.trim())
    });
    format!(
        "\n{city}\nHomeplate: sheet {number} of {of} of the recovery key {name}\nPrinted {day}\n\n\
         If the city's server is lost, {needed} of these {of} sheets open the copy at the second place, and \
         with it the city's keys. Fewer open nothing and tell nothing.\n\
         Keep it where nobody finds it with another sheet. Give it to nobody who only asks for it.\n\n\
         On the new machine:  homeplate succeed --from PLACE --data {data}\n\
         and type these lines when asked:\n\n{body}\n\
         There is no letter O, I, L or U in it. Each line checks itself.\n{log}",
        number = sheet.number,
        of = sheet.of,
        name = sheet.name(),
        needed = sheet.needed,
    )
}

/// Puts sheets together.
pub fn join(args: &JoinArgs) -> anyhow::Result<ExitCode> {
    let key = match args.sheets.as_slice() {
        [] => ask()?,
        files => of_files(files)?,
    };
    println!("The sheets hold: they give the recovery key {}.", name_of(&key)?);
    if let Some(out) = &args.out {
        let text = Zeroizing::new(format!("{KEY_FILE} {}\n", b64(key.bytes())));
        base::write_secret(out, text.as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn name_of(key: &OpenKey) -> Result<String> {
    Ok(base::hex(&base::sha256(key.public()?.bytes())[..4]).to_uppercase())
}

/// The key in a file that [`join`] wrote.
pub fn of_file(path: &Path) -> Result<OpenKey> {
    let bytes = base::read_secret(path)?;
    let text = std::str::from_utf8(bytes.expose()).unwrap_or_default();
    let key = text.trim().strip_prefix(KEY_FILE).and_then(|rest| unb64(rest.trim()));
    let key = key.and_then(|key| <[u8; 32]>::try_from(key).ok());
    key.map(OpenKey::from_bytes).ok_or_else(|| {
        Error::invalid(format!(
            "{} is no key that `homeplate custody join --out` wrote.",
            path.display()
        ))
    })
}

/// The key of sheets in files: the numbered lines of each count, whatever else stands there.
pub fn of_files(files: &[PathBuf]) -> Result<OpenKey> {
    let one = |path: &PathBuf| {
        let bytes = base::read_secret(path)?;
        let text = Zeroizing::new(String::from_utf8_lossy(bytes.expose()).into_owned());
        let lines = Zeroizing::new(numbered(&text));
        Share::parse(&lines)
            .map_err(|e| Error::invalid(format!("{}: {}", path.display(), e.message())))
    };
    city::join(&files.iter().map(one).collect::<Result<Vec<Share>>>()?)
}

/// The log's verifier key that stands on sheets in files; on all of them the same, if on any.
pub fn log_key_in(files: &[PathBuf]) -> Result<Option<String>> {
    let mut found: Option<String> = None;
    for path in files {
        let bytes = base::read_secret(path)?;
        let text = Zeroizing::new(String::from_utf8_lossy(bytes.expose()).into_owned());
        let line = text.lines().find_map(|line| line.trim().strip_prefix(LOG_KEY));
        let Some(vkey) = line.map(|line| line.trim().to_owned()) else { continue };
        if found.as_ref().is_some_and(|other| *other != vkey) {
            return Err(Error::invalid(
                "The sheets name different log keys; name the right one with --vkey.",
            ));
        }
        found = Some(vkey);
    }
    Ok(found)
}

/// Asks a person for the log's verifier key; nobody else is asked.
pub fn ask_log_key() -> Result<Option<String>> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Ok(None);
    }
    eprint!("The log key below those lines, if there is one (else Enter): ");
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    input
        .read_line(&mut line)
        .map_err(|e| Error::invalid("The log key cannot be read.").because(e))?;
    Ok(Some(line.trim().to_owned()).filter(|line| !line.is_empty()))
}

/// Lines that begin with `1.` to `4.`, without that.
fn numbered(text: &str) -> String {
    let own = |line: &str| {
        let (n, rest) = line.trim().split_once('.')?;
        n.parse::<usize>().ok().filter(|n| (1..=LINES).contains(n))?;
        Some(format!("{rest}\n"))
    };
    text.lines().filter_map(own).collect()
}

/// The key of sheets that are typed, or come on standard input. A person who mistypes is asked again.
pub fn ask() -> Result<OpenKey> {
    let input = std::io::stdin();
    let person = input.is_terminal();
    let mut lines = input.lock().lines();
    let mut shares: Vec<Share> = Vec::new();
    loop {
        let needed = shares.first().map_or(1, |share| usize::from(share.needed));
        if shares.len() >= needed {
            return city::join(&shares);
        }
        let mut typed = Zeroizing::new(String::new());
        let mut count = 0;
        if person {
            eprintln!("Sheet {}: its {LINES} lines, without their numbers.", shares.len() + 1);
        }
        while count < LINES {
            if person {
                eprint!("  {}.  ", count + 1);
                let _ = std::io::stderr().flush();
            }
            let Some(line) = lines.next() else {
                // What came is too few; that is said in the same words.
                return city::join(&shares);
            };
            let line = line.map_err(|e| Error::invalid("The sheet cannot be read.").because(e))?;
            if line.trim().is_empty() {
                continue;
            }
            typed.push_str(&line);
            typed.push('\n');
            count += 1;
        }
        let read = Share::parse(&typed);
        match read {
            Ok(share)
                if shares.iter().any(|had| had.number == share.number && had.key == share.key) =>
            {
                eprintln!("This is sheet {} once more; another is needed.", share.number);
            }
            Ok(share) => shares.push(share),
            Err(e) if person => eprintln!("{e}"),
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_sheet_is_read_from_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let key = OpenKey::generate();
        let shares = city::split(&key, 2, 3).unwrap();
        let file = |n: usize| {
            let path = dir.path().join(format!("{n}"));
            let vkey = ["a+1+A", "a+1+A", "b+2+B"][n];
            let text = page(("Springfield", "city"), "2026-11-26", Some(vkey), &shares[n]);
            base::write_secret(&path, text.as_bytes()).unwrap();
            path
        };
        let joined = of_files(&[file(2), file(0)]).unwrap();
        assert_eq!(joined.bytes(), key.bytes());
        assert_eq!(log_key_in(&[file(0), file(1)]).unwrap().as_deref(), Some("a+1+A"));
        assert!(log_key_in(&[file(1), file(2)]).unwrap_err().message().contains("--vkey"));
        let e = of_files(&[file(1)]).map(|_| ()).unwrap_err();
        assert!(e.message().contains("2 sheets are needed and 1 came"), "{e}");
        let e = of_files(&[dir.path().join("none")]).map(|_| ()).unwrap_err();
        assert_eq!(e.kind(), base::Kind::NotFound);
    }
}
