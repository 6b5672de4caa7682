//! `homeplate policy prove`: what the city's rules can never allow, and signed proofs of that for a city that
//! cannot prove for itself.

use crate::client::PersonKey;
use crate::rules::Program;
use base::{Error, Result};
use city::SignedProofs;
use identity::{Charter, RuleSet, Signature, SignerKey};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Arguments of `homeplate policy prove`.
#[derive(clap::Args)]
pub struct ProveArgs {
    /// The folder of the city's data, `city` here or else /var/lib/homeplate/city; its rules are proven, with the
    /// properties in `properties/*.cedar` too.
    #[arg(long, default_value_os_t = crate::check::place(None), hide_default_value = true)]
    data: PathBuf,
    /// Other rules than those in force, before they are adopted.
    #[arg(long)]
    rules: Option<PathBuf>,
    /// A law preset whose ceilings are proven too; the city's own where it is left out.
    #[arg(long)]
    preset: Option<String>,
    /// A property of the city's own, by its file, beside those of the folder or in the place of the one of its name; may
    /// be given again.
    #[arg(long = "property", value_name = "FILE")]
    properties: Vec<PathBuf>,
    /// A property of the folder that is to go, by its name; may be given again.
    #[arg(long = "drop-property", value_name = "NAME")]
    dropped: Vec<String>,
    /// The charter of the set that is signed; `charter.toml` of the folder where it is left out.
    #[arg(long, requires = "sign")]
    charter: Option<PathBuf>,
    /// Sign the proofs with this key file, for a city whose charter names it among its provers.
    #[arg(long, value_name = "KEY", requires = "out")]
    sign: Option<PathBuf>,
    /// Where to write what is signed.
    #[arg(long, value_name = "FILE", requires = "sign")]
    out: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, conflicts_with = "sign")]
    json: bool,
}

/// Runs the command.
pub fn run(mut args: ProveArgs) -> anyhow::Result<ExitCode> {
    if args.preset.is_none() {
        args.preset = of_city(&args.data)?;
    }
    let folder = args.data.join("properties");
    let mut all = properties(&folder)?;
    if let Some(unknown) = args.dropped.iter().find(|drop| !all.iter().any(|f| name(f) == **drop)) {
        let said = format!("There is no property {unknown} in {}.", folder.display());
        return Err(Error::not_found(said).into());
    }
    let named: Vec<String> = args.properties.iter().map(|file| name(file)).collect();
    all.retain(|file| !named.contains(&name(file)) && !args.dropped.contains(&name(file)));
    all.append(&mut args.properties);
    args.properties = all;
    let rules = args.rules.clone().unwrap_or_else(|| args.data.join("rules.cedar"));
    if let (Some(key), Some(out)) = (&args.sign, &args.out) {
        sign(&args, &rules, key, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let program = program()?;
    let mut prove = Command::new(&program);
    prove.arg("--rules").arg(rules);
    for file in &args.properties {
        prove.arg("--property").arg(file);
    }
    if let Some(slug) = &args.preset {
        prove.arg("--preset").arg(slug);
    }
    if args.json {
        prove.arg("--json");
    }
    let done = prove.status().map_err(|e| {
        Error::unavailable(format!("{} cannot be started; install it.", program.display()))
            .because(e)
    })?;
    Ok(done
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Proves a set as a city would, and writes a signed word that all of it holds.
fn sign(args: &ProveArgs, rules: &Path, key: &Path, out: &Path) -> anyhow::Result<()> {
    // Before minutes of proving: is there a key at all?
    let key = PersonKey::load(key)?.key;
    if let Some(slug) = &args.preset {
        policy::Preset::named(slug)?;
    }
    let charter = args.charter.clone().unwrap_or_else(|| args.data.join("charter.toml"));
    let charter = Charter::parse(&read(&charter)?)?;
    let mut own = BTreeMap::new();
    for file in &args.properties {
        own.insert(name(file), read(file)?);
    }
    let set = RuleSet::new(read(rules)?, own, &charter)?;
    let properties = city::properties_of(&set, args.preset.as_deref());
    city::prove(&Program, &set, &properties)?;
    let (hash, proven) = (set.hash()?, city::proven_texts(&properties));
    let signed = key.sign(&SignedProofs::message(&hash, &proven));
    let proofs = SignedProofs {
        set: hash,
        properties: proven,
        key: SignerKey::from(key.public()).to_string(),
        signature: Signature::Ed25519(signed).to_string(),
    };
    base::write_atomic(out, serde_json::to_string_pretty(&proofs)?.as_bytes())?;
    for property in &properties {
        println!("proven   {} ({})", property.says, property.id);
    }
    println!("signed   set {} by {}", proofs.set, proofs.key);
    Ok(())
}

/// A property's name is that of its file.
pub fn name(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A text that somebody named.
pub fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file)
        .map_err(|e| Error::not_found(format!("{} cannot be read.", file.display())).because(e))
}

/// A program of its own beside this one: it alone links the solver's library.
pub fn program() -> std::io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("homeplate-prove"))
}

/// The city's own properties, in the order of their names.
fn properties(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut files = entries.map(|e| Ok(e?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|e| e == "cedar"));
    files.sort();
    Ok(files)
}

/// The preset that a city is configured with; none where the folder has no configuration.
pub fn of_city(data: &Path) -> Result<Option<String>> {
    let file = data.join("homeplate.toml");
    if !file.exists() {
        return Ok(None);
    }
    Ok(city::Config::load(&file)?.city.preset)
}
