//! `street`: renders a scenario into a folder of frames.

use anyhow::{Context, Result, bail};
use clap::Parser;
use std::path::PathBuf;
use testkit::street::{Scenario, Street};

/// Renders a street seen by a fixed camera: 000001.jpg … and clip.json.
#[derive(Parser)]
struct Args {
    /// Folder for the frames; it is made when it is not there.
    #[arg(long)]
    out: PathBuf,
    /// Length in seconds.
    #[arg(long, default_value_t = 20.0)]
    seconds: f32,
    /// Frames a second.
    #[arg(long, default_value_t = 10.0)]
    fps: f32,
    /// `day`, `dusk` or `demo`, or a file with a scenario in JSON.
    #[arg(long, default_value = "demo")]
    scenario: String,
    /// Same seed, same frames.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Writes down what is to be seen, plates included.
    #[arg(long)]
    truth: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if !(0.1..=3600.0).contains(&args.seconds) || !(1.0..=60.0).contains(&args.fps) {
        bail!("Choose 0.1 to 3600 seconds and 1 to 60 frames a second.");
    }
    let scenario = match Scenario::named(&args.scenario, args.seconds, args.seed) {
        Some(scenario) => Scenario { fps: args.fps, ..scenario },
        None => {
            let text = std::fs::read(&args.scenario).with_context(|| {
                format!("There is no scenario {:?}; take day, dusk or demo.", args.scenario)
            })?;
            serde_json::from_slice(&text).context("The file is not a scenario.")?
        }
    };
    let street = Street::new(scenario);
    street
        .write(&args.out)
        .with_context(|| format!("{} cannot be written.", args.out.display()))?;
    if let Some(path) = args.truth {
        std::fs::write(&path, serde_json::to_vec_pretty(&street.truth())?)
            .with_context(|| format!("{} cannot be written.", path.display()))?;
    }
    eprintln!("{} frames in {}", street.frames(), args.out.display());
    Ok(())
}
