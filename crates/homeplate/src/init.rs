//! `homeplate init`: makes a city in a folder, from options or by asking.

use crate::address::AddressArgs;
use crate::audit::load_or_create;
use crate::client::PersonKey;
use base::{Error, PersonId, SystemClock};
use city::preset::{self, PRESETS};
use city::{Config, InitOptions};
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Days that reads are kept where neither the city nor its preset says otherwise.
const RETENTION: u32 = 21;

/// Arguments of `homeplate init`.
#[derive(clap::Args)]
pub struct InitArgs {
    /// The folder of the city's data; `city` here where it is left out, on a machine that has no city in
    /// /var/lib/homeplate/city.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The city of this machine, as the package's services run it: in /var/lib/homeplate/city, with a user for the
    /// server and one for the keys.
    #[arg(long, conflicts_with_all = ["data", "custody_user", "server_user"])]
    system: bool,
    /// The city's name; asked for where it is left out.
    #[arg(long)]
    name: Option<String>,
    /// The city's name in the log's origin: a-z, 0-9 and -; made from the name where it is left out.
    #[arg(long)]
    slug: Option<String>,
    /// Law preset to start from, for instance us-wa; `list` prints them.
    #[arg(long)]
    preset: Option<String>,
    /// IANA time zone, for instance America/Chicago.
    #[arg(long)]
    time_zone: Option<String>,
    #[command(flatten)]
    address: AddressArgs,
    /// The first administrator's id.
    #[arg(long, default_value = "per_admin")]
    admin: PersonId,
    /// Roles of the first administrator.
    #[arg(long, value_delimiter = ',', default_value = "administrator")]
    roles: Vec<String>,
    /// Where the first administrator's key goes; keep it out of the data folder and its backups.
    #[arg(long, default_value = "admin.key")]
    admin_key: PathBuf,
    /// The first administrator comes with a browser: no key is made, a one-time link is printed.
    #[arg(long, conflicts_with = "admin_key")]
    admin_passkey: bool,
    /// With --admin-passkey: where the key goes that signs for the first change of rules.
    #[arg(long, default_value = "charter.key")]
    charter_key: PathBuf,
    /// A key whose signed proofs count, for a city that cannot prove rules itself: `ed25519:…` or
    /// `passkey:…`; may be given again.
    #[arg(long = "prover", value_name = "KEY")]
    provers: Vec<identity::SignerKey>,
    /// Where the auditors' key goes, which alone opens who asked what; give it to them, and keep no copy.
    #[arg(long, default_value = "audit.key")]
    audit_key: PathBuf,
    /// Days after which reads are forgotten; 21, or less where the preset says so.
    #[arg(long)]
    retention_days: Option<u32>,
    /// Seconds between two counts on the log while reads come in; an hour where nothing else is said.
    #[arg(long)]
    tally_s: Option<u32>,
    /// How many different people must order something on again; 2.
    #[arg(long)]
    on_signatures: Option<u32>,
    /// Keep reads and control data in PostgreSQL, for instance `host=/run/postgresql dbname=city`.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Which process the city's keys are in: `own`, which the server cannot read them from, or `inside`.
    #[arg(long, value_name = "PROCESS", default_value = "own", value_parser = custody_process)]
    custody: city::CustodyProcess,
    /// The system's user that custody runs as, and owns the keys; asks for root and --server-user.
    #[arg(long, value_name = "USER", requires = "server_user")]
    custody_user: Option<String>,
    /// The system's user that the server runs as.
    #[arg(long, value_name = "USER", requires = "custody_user")]
    server_user: Option<String>,
    /// What protects the key that the others are encrypted under: `file`, `passphrase` or `pkcs11` (a token).
    #[arg(long, value_name = "WAY", default_value = "file", value_parser = kek_kind)]
    kek: city::KekKind,
    /// Where the passphrase or the token's PIN comes from: `ask`, `credential:NAME` or a file.
    #[arg(long, value_name = "WHERE")]
    secret: Option<String>,
    /// The token's PKCS#11 library.
    #[arg(long, value_name = "FILE")]
    pkcs11_module: Option<String>,
    /// The token's label.
    #[arg(long, value_name = "LABEL")]
    pkcs11_token: Option<String>,
}

/// How `--kek` is spelled.
fn kek_kind(text: &str) -> Result<city::KekKind, String> {
    match text {
        "file" => Ok(city::KekKind::File),
        "passphrase" => Ok(city::KekKind::Passphrase),
        "pkcs11" => Ok(city::KekKind::Pkcs11),
        _ => Err("file, passphrase or pkcs11".into()),
    }
}

fn custody_process(text: &str) -> Result<city::CustodyProcess, String> {
    match text {
        "own" => Ok(city::CustodyProcess::Own),
        "inside" => Ok(city::CustodyProcess::Inside),
        _ => Err("own or inside".into()),
    }
}

/// Runs the command.
pub fn run(mut args: InitArgs) -> anyhow::Result<ExitCode> {
    if args.preset.as_deref() == Some("list") {
        PRESETS.iter().for_each(|p| println!("{:6}  {}", p.slug, p.sentence()));
        return Ok(ExitCode::SUCCESS);
    }
    if args.system {
        args.data = Some(PathBuf::from(crate::check::SYSTEM));
        args.custody_user = Some("homeplate-keys".into());
        args.server_user = Some("homeplate".into());
    }
    let data = folder(args.data.take(), Path::new(crate::check::SYSTEM))?;
    if args.admin_passkey && is_city(&data) {
        // The first link ran out.
        crate::check::as_server(&data)?;
        let way = city::invite_first(&data, &SystemClock)?;
        let origin = origin(&Config::load(&data.join("homeplate.toml"))?)?;
        println!("your way in    {origin}{} (once, until {})", way.path, way.until);
        return Ok(ExitCode::SUCCESS);
    }
    if args.name.is_none() {
        if !std::io::stdin().is_terminal() {
            return Err(Error::invalid(
                "Give the city a name with --name, or run this in a terminal to be asked.",
            )
            .into());
        }
        let (mut input, mut output) = (std::io::stdin().lock(), std::io::stderr());
        ask_all(&mut args, &mut Asker { input: &mut input, output: &mut output })?;
    }
    let config = config(&args)?;
    for user in [&args.custody_user, &args.server_user].into_iter().flatten() {
        city::system_user(user)?;
    }
    // Passkeys are made later; until the rules name one, a key of its own signs for them.
    let signer = if args.admin_passkey {
        kept_key(&args.charter_key, &args.admin)?
    } else {
        kept_key(&args.admin_key, &args.admin)?
    };
    let key = if args.admin_passkey { None } else { Some(&signer) };
    let options = InitOptions {
        config,
        admin: signer.person.clone(),
        admin_name: "Administrator".into(),
        roles: args.roles,
        key: key.map(|key| key.key.public()),
        charter_key: Some(signer.key.public()),
        provers: args.provers.clone(),
        auditors: load_or_create(&args.audit_key)?.public()?,
    };
    let made = city::init(&data, &options, &SystemClock)?;
    if let Some((keys, server)) = args.custody_user.as_deref().zip(args.server_user.as_deref()) {
        city::give_to_users(&data, keys, server)?;
        println!(
            "users          {keys} owns the keys and runs `homeplate custody`; {server} runs `homeplate serve`"
        );
    }
    println!("configuration  {}", made.config.display());
    println!("log key        {}", made.vkey);
    match &made.invitation {
        None => {
            let file = args.admin_key.display();
            println!("your key       {file} (keep it safe: it is the administrator)");
        }
        Some(way) => {
            let (origin, until) = (origin(&options.config)?, way.until);
            println!(
                "your way in    {origin}{} (while the server runs; once, until {until})",
                way.path
            );
            let file = args.charter_key.display();
            println!("rules' key     {file} (signs the first change of rules; lock it away)");
        }
    }
    println!(
        "auditors' key  {} (give it to the auditors: it alone opens who asked what)",
        args.audit_key.display()
    );
    if let Some(preset) = args.preset.as_deref().and_then(preset::find) {
        println!("law preset     {}", preset.sentence());
        if let Err(why) = preset.law.fits_fixed_camera() {
            println!("does not fit   {why}");
        }
    }
    crate::address::told(&options.config, &data)?;
    if args.system {
        println!("next           systemctl enable --now homeplate-custody homeplate");
    } else {
        println!("next           homeplate serve --data {}", data.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn is_city(folder: &Path) -> bool {
    folder.join("homeplate.toml").exists()
}

/// The folder that was named, else `city` here: but no second city without a word, where the machine has one that is
/// served.
fn folder(named: Option<PathBuf>, system: &Path) -> base::Result<PathBuf> {
    let here = PathBuf::from("city");
    match named {
        Some(named) => Ok(named),
        None if is_city(system) && !is_city(&here) => Err(Error::conflict(format!(
            "This machine has a city in {} already; for another one name its folder with --data.",
            system.display()
        ))),
        None => Ok(here),
    }
}

/// A key that is there already belongs to an `init` that was cut off.
fn kept_key(file: &Path, person: &PersonId) -> base::Result<PersonKey> {
    if file.exists() { PersonKey::load(file) } else { PersonKey::create(file, person.clone()) }
}

/// The address at which browsers will find the city.
pub(crate) fn origin(config: &Config) -> base::Result<String> {
    let port = config.server.listen.rsplit(':').next().and_then(|port| port.parse().ok());
    Ok(config.server.site(port.unwrap_or(8080))?.origin().to_owned())
}

/// The configuration that the options stand for; checked before any file is made.
fn config(args: &InitArgs) -> base::Result<Config> {
    let name = args.name.clone().unwrap_or_default();
    let most = args.preset.as_deref().and_then(preset::find).and_then(|p| p.longest_days);
    let config = Config {
        city: city::Section {
            slug: args.slug.clone().unwrap_or_else(|| slug_of(&name)),
            name,
            time_zone: args.time_zone.clone().unwrap_or_else(|| "UTC".into()),
            preset: args.preset.clone(),
            state: None,
        },
        server: args.address.server(args.admin_passkey)?,
        tls: args.address.tls()?,
        keys: Default::default(),
        custody: city::CustodySection {
            process: args.custody,
            server_user: args.server_user.clone(),
            kek: args.kek,
            secret: args.secret.clone(),
            pkcs11_module: args.pkcs11_module.clone(),
            pkcs11_token: args.pkcs11_token.clone(),
            ..Default::default()
        },
        retention: city::Retention {
            reads_days: args
                .retention_days
                .unwrap_or_else(|| most.map_or(RETENTION, |m| m.min(RETENTION))),
        },
        log: args.tally_s.map_or_else(Default::default, |counts_s| city::LogSection {
            tally_s: counts_s.min(60),
            counts_s,
            ..Default::default()
        }),
        cases: Default::default(),
        drills: Default::default(),
        cameras: Default::default(),
        switch: city::Switching {
            on_signatures: args.on_signatures.unwrap_or(2),
            ..Default::default()
        },
        upgrade: Default::default(),
        limits: Default::default(),
        alarms: Default::default(),
        hits: Default::default(),
        reasons: Default::default(),
        pictures: Default::default(),
        copy: Default::default(),
        console: Default::default(),
        map: Default::default(),
        deliver: Default::default(),
        upkeep: Default::default(),
        webhook: Vec::new(),
        hotlist_drop: Vec::new(),
        hotlist_fetch: Vec::new(),
        directory: None,
        directory_group: Vec::new(),
        store: match &args.postgres {
            Some(url) => city::Stored {
                engine: city::Engine::Postgres,
                url: Some(city::Url(url.clone())),
                ..Default::default()
            },
            None => Default::default(),
        },
    };
    config.checked()
}

/// `Saint-Étienne (north)` → `saint-tienne-north`: what an origin may hold of a name.
fn slug_of(name: &str) -> String {
    let mut out = String::new();
    for c in name.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => out.push(c),
            ' ' | '-' | '_' if !out.ends_with('-') && !out.is_empty() => out.push('-'),
            _ => {}
        }
    }
    out.trim_matches('-').chars().take(40).collect()
}

/// Puts questions to a person and reads the answers, line by line.
pub(crate) struct Asker<'a> {
    pub(crate) input: &'a mut dyn BufRead,
    pub(crate) output: &'a mut dyn Write,
}

impl Asker<'_> {
    /// Says something that needs no answer.
    pub(crate) fn say(&mut self, what: &str) -> base::Result<()> {
        writeln!(self.output, "  {what}")
            .map_err(|e| Error::unavailable("Nobody listens.").because(e))
    }

    /// Asks until `check` takes the answer; an empty one is the default, where there is one.
    pub(crate) fn ask<T>(
        &mut self,
        question: &str,
        default: Option<&str>,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> base::Result<T> {
        let silent = |e: std::io::Error| Error::unavailable("Nobody answers.").because(e);
        loop {
            let shown = default.map_or(String::new(), |d| format!(" [{d}]"));
            write!(self.output, "{question}{shown}: ").map_err(silent)?;
            self.output.flush().map_err(silent)?;
            let mut line = String::new();
            if self.input.read_line(&mut line).map_err(silent)? == 0 {
                return Err(Error::invalid("The questions were not answered; nothing was made."));
            }
            let given = match (line.trim(), default) {
                ("", Some(default)) => default,
                (given, _) => given,
            };
            match check(given) {
                Ok(value) => return Ok(value),
                Err(why) => writeln!(self.output, "  {why}").map_err(silent)?,
            }
        }
    }
}

/// The questions that a city cannot be made without answers to; options answer theirs beforehand.
fn ask_all(args: &mut InitArgs, asker: &mut Asker<'_>) -> base::Result<()> {
    let name = asker.ask("Name of the city", None, |text| {
        if slug_of(text).is_empty() {
            Err("Give a name with letters.".into())
        } else {
            Ok(text.to_owned())
        }
    })?;
    if args.slug.is_none() {
        let made = slug_of(&name);
        let slug = asker.ask("Short name, in the log for ever", Some(&made), |text| {
            let same = slug_of(text) == text && !text.is_empty();
            if same { Ok(text.to_owned()) } else { Err("Only a-z, 0-9 and -, at most 40.".into()) }
        })?;
        args.slug = Some(slug);
    }
    if args.preset.is_none() {
        let known: Vec<&str> = PRESETS.iter().map(|p| p.slug).collect();
        let question = format!("Law preset to start from ({}, none)", known.join(", "));
        args.preset = asker.ask(&question, Some("none"), |text| match preset::find(text) {
            Some(preset) => Ok(Some(preset.slug.to_owned())),
            None if text == "none" => Ok(None),
            None => Err("Choose one of the list, or none.".into()),
        })?;
        let chosen = args.preset.as_deref().and_then(preset::find);
        if let Some(Err(why)) = chosen.map(|preset| preset.law.fits_fixed_camera()) {
            asker.say(&why)?;
        }
    }
    if args.time_zone.is_none() {
        args.time_zone = Some(asker.ask("Time zone", Some("America/Chicago"), |text| {
            let known = jiff::tz::TimeZone::get(text).is_ok();
            if known {
                Ok(text.to_owned())
            } else {
                Err("Use an IANA name like America/Chicago.".into())
            }
        })?);
    }
    if args.retention_days.is_none() {
        let most = args.preset.as_deref().and_then(preset::find).and_then(|p| p.longest_days);
        let most = most.unwrap_or(3650);
        let default = RETENTION.min(most).to_string();
        let days = asker.ask("Days that reads are kept", Some(&default), |text| {
            match text.parse::<u32>() {
                Ok(days) if (1..=most).contains(&days) => Ok(days),
                _ => Err(format!("A whole number from 1 to {most}.")),
            }
        })?;
        args.retention_days = Some(days);
    }
    if args.on_signatures.is_none() {
        let question = "Off takes one signature; how many offices must sign to switch on again";
        args.on_signatures = Some(asker.ask(question, Some("2"), |text| match text.parse() {
            Ok(n @ 1..=9) => Ok(n),
            _ => Err("A whole number from 1 to 9.".into()),
        })?);
    }
    args.name = Some(name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: InitArgs,
    }

    /// The questions answered with these lines.
    fn answered(options: &[&str], lines: &str) -> (base::Result<Config>, String) {
        let mut args = Line::parse_from(["init"].iter().chain(options)).args;
        let (mut input, mut output) = (lines.as_bytes(), Vec::new());
        let asked = ask_all(&mut args, &mut Asker { input: &mut input, output: &mut output });
        (asked.and_then(|()| config(&args)), String::from_utf8(output).unwrap())
    }

    #[test]
    fn defaults_make_a_city() {
        let (config, _) = answered(&[], "Saint Paul\n\nus-mn\n\n\n\n");
        let config = config.unwrap();
        assert_eq!(config.city.slug, "saint-paul");
        assert_eq!((config.retention.reads_days, config.switch.on_signatures), (21, 2));
        assert_eq!(config.city.time_zone, "America/Chicago");
    }

    #[test]
    fn wrong_answers_are_asked_again() {
        let (config, said) =
            answered(&["--slug", "x"], "\nOlympia\nus-xx\nus-wa\nMoon\nUTC\n30\n14\nmany\n3\n");
        let config = config.unwrap();
        assert_eq!(config.retention.reads_days, 14);
        assert_eq!(
            (config.city.preset.as_deref(), config.switch.on_signatures),
            (Some("us-wa"), 3)
        );
        for why in ["letters", "of the list", "IANA", "from 1 to 21", "from 1 to 9"] {
            assert!(said.contains(why), "{why}: {said}");
        }
    }

    #[test]
    fn a_law_without_fixed_cameras_is_told_at_once() {
        let (config, said) = answered(&[], "Concord\n\nus-nh\n\n\n\n");
        assert!(config.is_ok() && said.contains("A fixed camera does not fit"), "{said}");
        let (_, said) = answered(&[], "Olympia\n\nus-wa\n\n\n\n");
        assert!(!said.contains("does not fit"), "{said}");
    }

    #[test]
    fn a_second_city_is_made_where_it_was_named_alone() {
        let system = tempfile::tempdir().unwrap();
        let here = || folder(None, system.path());
        assert_eq!(here().unwrap(), Path::new("city"));
        std::fs::write(system.path().join("homeplate.toml"), "").unwrap();
        let e = here().unwrap_err();
        assert!(e.kind() == base::Kind::Conflict && e.message().contains("--data"), "{e}");
        let named = folder(Some("city".into()), system.path());
        assert_eq!(named.unwrap(), Path::new("city"));
    }

    #[test]
    fn an_end_of_input_makes_nothing() {
        let (config, _) = answered(&[], "Olympia\n");
        assert_eq!(config.unwrap_err().kind(), base::Kind::Invalid);
    }

    #[test]
    fn slugs() {
        for (name, slug) in
            [("Saint-Étienne (north)", "saint-tienne-north"), ("  A  B ", "a-b"), ("東京", "")]
        {
            assert_eq!(slug_of(name), slug, "{name}");
        }
    }
}
