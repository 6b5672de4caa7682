//! `homeplate policy prove`: what the city's rules can never allow.

use base::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Arguments of `homeplate policy prove`.
#[derive(clap::Args)]
pub struct ProveArgs {
    /// The folder of the city's data; its rules are proven, with the properties in `properties/*.cedar` too.
    #[arg(long, default_value = "city")]
    data: PathBuf,
    /// Other rules than those in force, before they are adopted.
    #[arg(long)]
    rules: Option<PathBuf>,
    /// A law preset whose ceilings are proven too; the city's own where it is left out.
    #[arg(long)]
    preset: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: ProveArgs) -> anyhow::Result<ExitCode> {
    let preset = match args.preset {
        Some(slug) => Some(slug),
        None => of_city(&args.data)?,
    };
    let program = program()?;
    let mut prove = Command::new(&program);
    prove.arg("--rules").arg(args.rules.unwrap_or_else(|| args.data.join("rules.cedar")));
    for file in properties(&args.data.join("properties"))? {
        prove.arg("--property").arg(file);
    }
    if let Some(slug) = preset {
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
pub fn of_city(data: &Path) -> base::Result<Option<String>> {
    let file = data.join("homeplate.toml");
    if !file.exists() {
        return Ok(None);
    }
    Ok(city::Config::load(&file)?.city.preset)
}
