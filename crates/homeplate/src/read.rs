//! `homeplate read`: plates from pictures and folders of pictures.
//!
//! A bad file gives one line and never stops the others; the exit code says that there was one.

use base::{Error, Kind};
use plate::Reason;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use vision::{Picture, Plate, Reader, ReaderOptions};

/// Arguments of `homeplate read`.
#[derive(clap::Args)]
pub struct ReadArgs {
    /// Pictures (JPEG, PNG, WebP) and folders of them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// One JSON object a picture instead of a table.
    #[arg(long)]
    json: bool,
    /// Leave out plates that are less sure than this (0 to 1).
    #[arg(long, default_value_t = 0.0)]
    min_confidence: f32,
}

/// The largest file that is opened, bytes.
const FILE_MAX: u64 = 256 << 20;
const EXTENSIONS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

#[derive(Serialize)]
struct Line<'a> {
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plates: Option<Vec<JsonPlate>>,
}

#[derive(Serialize)]
struct JsonPlate {
    text: String,
    confidence: f32,
    #[serde(rename = "box")]
    bounding_box: [f32; 4],
    corners: vision::Quad,
    region: Option<String>,
    characters: Vec<Vec<(char, f32)>>,
}

/// Runs the command.
pub fn run(args: ReadArgs) -> anyhow::Result<ExitCode> {
    if !(0.0..=1.0).contains(&args.min_confidence) {
        return Err(Error::invalid("--min-confidence is a share from 0 to 1.").into());
    }
    let (pictures, mut worst) = gather(&args.paths);
    let mut reader = Reader::new(ReaderOptions { min_confidence: args.min_confidence })?;
    let mut out = io::stdout().lock();
    let mut totals = (0usize, 0usize);
    for path in &pictures {
        let shown = path.display().to_string();
        let started = Instant::now();
        let done = open(path).and_then(|picture| {
            let plates = reader.read(&picture)?;
            Ok((picture.width(), picture.height(), plates))
        });
        let ms = (started.elapsed().as_secs_f64() * 1e4).round() / 10.0;
        let written = match done {
            Ok((width, height, plates)) => {
                totals = (totals.0 + 1, totals.1 + plates.len());
                if args.json {
                    write_json(&mut out, &shown, (width, height), ms, &plates)
                } else {
                    write_table(&mut out, &shown, &plates)
                }
            }
            Err(e) => {
                worst = Some(worst.unwrap_or(e.kind()));
                tracing::debug!(path = %shown, error = %e.inside(), "not read");
                eprintln!("homeplate: {shown}: {e}");
                if args.json { write_error(&mut out, &shown, &e) } else { Ok(()) }
            }
        };
        if let Err(e) = written {
            return closed(e);
        }
    }
    if !args.json && io::stderr().is_terminal() {
        eprintln!("{} plates in {} pictures", totals.1, totals.0);
    }
    Ok(worst.map_or(ExitCode::SUCCESS, |kind| ExitCode::from(kind.exit_code())))
}

/// The reader of our output has gone (`| head`): that is no failure.
fn closed(e: io::Error) -> anyhow::Result<ExitCode> {
    if e.kind() == io::ErrorKind::BrokenPipe {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Error::unavailable("The answer cannot be written.").because(e).into())
}

/// Every picture behind the given paths, folders searched in order; the first complaint's kind.
fn gather(paths: &[PathBuf]) -> (Vec<PathBuf>, Option<Kind>) {
    let (mut out, mut worst) = (Vec::new(), None);
    let mut complain = |path: &Path, kind: Kind, what: &str| {
        eprintln!("homeplate: {}: {what}", path.display());
        worst = Some(worst.unwrap_or(kind));
    };
    for path in paths {
        if path.is_dir() {
            let before = out.len();
            if let Err(e) = walk(path, 0, &mut out) {
                tracing::debug!(error = %e, "folder");
                complain(path, Kind::Unavailable, "The folder cannot be read; check its owner and mode.");
            } else if out.len() == before {
                complain(path, Kind::NotFound, "There is no JPEG, PNG or WebP picture in this folder.");
            }
        } else if path.exists() {
            out.push(path.clone());
        } else {
            complain(path, Kind::NotFound, "There is no such file or folder.");
        }
    }
    (out, worst)
}

fn walk(folder: &Path, depth: usize, out: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<io::Result<_>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            // A loop of links ends here; nobody nests pictures deeper.
            if depth < 16 {
                walk(&path, depth + 1, out)?;
            }
        } else if path
            .extension()
            .and_then(|e| e.to_str())
            .is_some_and(|e| EXTENSIONS.contains(&e.to_ascii_lowercase().as_str()))
        {
            out.push(path);
        }
    }
    Ok(())
}

fn open(path: &Path) -> base::Result<Picture> {
    let unreadable = |e: io::Error| {
        Error::unavailable("The file cannot be read; check its owner and mode.").because(e)
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > FILE_MAX {
        return Err(Error::too_large("The file has more than 256 MiB."));
    }
    Picture::decode(&std::fs::read(path).map_err(unreadable)?)
}

fn write_json(
    out: &mut impl Write,
    image: &str,
    (width, height): (usize, usize),
    ms: f64,
    plates: &[Plate],
) -> io::Result<()> {
    let plates = plates
        .iter()
        .map(|p| JsonPlate {
            text: p.odds.text().reveal(Reason::Reader).to_owned(),
            confidence: p.confidence,
            bounding_box: p.bounding_box(),
            corners: p.corners,
            region: p.region.clone(),
            characters: p.odds.places().to_vec(),
        })
        .collect();
    let line = Line {
        image,
        error: None,
        width: Some(width),
        height: Some(height),
        ms: Some(ms),
        plates: Some(plates),
    };
    writeln!(out, "{}", serde_json::to_string(&line)?)
}

fn write_error(out: &mut impl Write, image: &str, e: &Error) -> io::Result<()> {
    let error = Some(e.to_string());
    let line = Line { image, error, width: None, height: None, ms: None, plates: None };
    writeln!(out, "{}", serde_json::to_string(&line)?)
}

fn write_table(out: &mut impl Write, image: &str, plates: &[Plate]) -> io::Result<()> {
    if plates.is_empty() {
        return writeln!(out, "{:12}  {:>5}  {:>21}  {image}", "-", "", "");
    }
    for p in plates {
        let [x, y, w, h] = p.bounding_box();
        writeln!(
            out,
            "{:12}  {:>3.0} %  {:>21}  {image}",
            p.odds.text().reveal(Reason::Reader),
            p.confidence * 100.0,
            format!("{w:.0}x{h:.0} at {x:.0},{y:.0}")
        )?;
    }
    Ok(())
}
