//! `homeplate read`: plates from pictures and folders of pictures.
//!
//! One bad file is one sentence on stderr and never stops the others; the exit code says at the end
//! whether something was wrong. This is the one command that spells plates out: the person who runs
//! it holds the pictures already, and nothing is kept.

use anyhow::Result;
use base::{Error, Kind};
use plate::Reason;
use serde::Serialize;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use vision::{Picture, Plate, Reader, ReaderOptions};

/// A file beyond this is no picture of a street.
const FILE_MAX: u64 = 256 << 20;

/// What `homeplate read` is told.
#[derive(clap::Args)]
pub struct ReadArgs {
    /// Pictures (JPEG, PNG, WebP) and folders of them; folders are searched to the bottom.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// One JSON object a picture instead of a table.
    #[arg(long)]
    json: bool,
    /// Leave out plates whose whole text is less probable than this (0 to 1).
    #[arg(long, default_value_t = 0.05)]
    min_confidence: f32,
}

/// Reads every picture; the exit code says whether all could be read.
pub fn run(args: ReadArgs) -> Result<ExitCode> {
    if !(0.0..=1.0).contains(&args.min_confidence) {
        return Err(Error::invalid("--min-confidence is a share from 0 to 1.").into());
    }
    let mut reader = Reader::new(ReaderOptions { min_confidence: args.min_confidence })?;
    let mut out = Output { json: args.json, stdout: io::stdout().lock(), started: false };
    match read_all(&args.paths, &mut reader, &mut out) {
        Ok(worst) => Ok(worst.map_or(ExitCode::SUCCESS, |kind| ExitCode::from(kind.exit_code()))),
        // `homeplate read … | head`: whoever listened has heard enough.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(e) => Err(Error::unavailable("The output cannot be written; is the disk full?")
            .because(e)
            .into()),
    }
}

/// Goes through all paths in order. What is returned is the worst that happened to one of them: a
/// path that does not exist counts for more than a picture that cannot be read.
fn read_all(paths: &[PathBuf], reader: &mut Reader, out: &mut Output) -> io::Result<Option<Kind>> {
    let mut worst = None;
    for path in paths {
        for (file, found) in pictures(path) {
            let start = Instant::now();
            let plates = found.and_then(|()| read_one(&file, reader));
            match plates {
                Ok((picture, plates)) => out.picture(&file, &picture, &plates, start)?,
                Err(e) => {
                    worst = match (e.kind(), worst) {
                        (Kind::NotFound, _) | (_, Some(Kind::NotFound)) => Some(Kind::NotFound),
                        _ => Some(Kind::Invalid),
                    };
                    out.failed(&file, &e)?;
                }
            }
        }
    }
    Ok(worst)
}

fn read_one(file: &Path, reader: &mut Reader) -> base::Result<(Picture, Vec<Plate>)> {
    let picture = Picture::decode(&bytes_of(file)?)?;
    let plates = reader.read(&picture)?;
    Ok((picture, plates))
}

/// The file's bytes, up to a limit: a device or a pipe may have no end.
fn bytes_of(file: &Path) -> base::Result<Vec<u8>> {
    let mut out = Vec::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened.take(FILE_MAX + 1).read_to_end(&mut out).map_err(unreadable)?;
    if out.len() as u64 > FILE_MAX {
        return Err(Error::too_large(format!("The file is larger than {} MB.", FILE_MAX >> 20)));
    }
    Ok(out)
}

fn unreadable(e: io::Error) -> Error {
    let error = match e.kind() {
        ErrorKind::NotFound => Error::not_found("There is no such file or folder."),
        ErrorKind::PermissionDenied => {
            Error::invalid("You may not read it; change its permissions.")
        }
        _ => Error::invalid("It cannot be read from the disk."),
    };
    error.because(e)
}

/// The pictures that a path stands for, sorted; each is to be read, or has failed already.
fn pictures(path: &Path) -> Vec<(PathBuf, base::Result<()>)> {
    if !path.is_dir() {
        return vec![(path.to_owned(), Ok(()))];
    }
    let mut out = Vec::new();
    walk(path, &mut out);
    if out.is_empty() {
        let none = Error::invalid("The folder holds no JPEG, PNG or WebP picture.");
        out.push((path.to_owned(), Err(none)));
    }
    out
}

fn walk(folder: &Path, out: &mut Vec<(PathBuf, base::Result<()>)>) {
    let entries = std::fs::read_dir(folder).and_then(|list| list.collect::<io::Result<Vec<_>>>());
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(e) => return out.push((folder.to_owned(), Err(unreadable(e)))),
    };
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let path = entry.path();
        // Hidden files are other programs' business. A linked folder is not followed: it may be a ring.
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let folder = entry.file_type().is_ok_and(|t| t.is_dir());
        if folder && !hidden {
            walk(&path, out);
        } else if !hidden && is_picture_name(&path) && !path.is_dir() {
            out.push((path, Ok(())));
        }
    }
}

fn is_picture_name(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|e| matches!(e.as_str(), "jpg" | "jpeg" | "jpe" | "png" | "webp"))
}

/// Where results go: a table, or a JSON object a line.
struct Output<'a> {
    json: bool,
    stdout: io::StdoutLock<'a>,
    started: bool,
}

impl Output<'_> {
    fn picture(
        &mut self,
        file: &Path,
        picture: &Picture,
        plates: &[Plate],
        start: Instant,
    ) -> io::Result<()> {
        if self.json {
            return self.line(&PictureLine {
                image: file.to_string_lossy().into_owned(),
                width: picture.width(),
                height: picture.height(),
                ms: round(start.elapsed().as_secs_f32() * 1000.0, 10.0),
                plates: plates.iter().map(PlateLine::of).collect(),
            });
        }
        self.heading()?;
        if plates.is_empty() {
            self.row("-", "", "no plate", file)?;
        }
        for plate in plates {
            let [x, y, w, h] = plate.bounding_box().map(|v| v.round() as i64);
            let text = plate.odds.text();
            let sure = format!("{:.0} %", plate.confidence * 100.0);
            self.row(text.reveal(Reason::Reader), &sure, &format!("{x},{y} {w}x{h}"), file)?;
        }
        self.stdout.flush()
    }

    /// One sentence for the person; for a program, an object in the picture's place too.
    fn failed(&mut self, file: &Path, e: &Error) -> io::Result<()> {
        // A closed stderr is no reason to stop.
        let _ = writeln!(io::stderr(), "homeplate: {}: {e}", one_line(file));
        tracing::debug!(error = %e.inside(), "a picture could not be read");
        if self.json {
            let line =
                FailedLine { image: file.to_string_lossy().into_owned(), error: e.to_string() };
            return self.line(&line);
        }
        Ok(())
    }

    fn line<T: Serialize>(&mut self, line: &T) -> io::Result<()> {
        serde_json::to_writer(&mut self.stdout, line)?;
        self.stdout.write_all(b"\n")?;
        self.stdout.flush()
    }

    fn heading(&mut self) -> io::Result<()> {
        if !self.started {
            self.started = true;
            writeln!(self.stdout, "{:<12}  {:>5}  {:<20}  FILE", "PLATE", "SURE", "BOX")?;
        }
        Ok(())
    }

    fn row(&mut self, plate: &str, sure: &str, place: &str, file: &Path) -> io::Result<()> {
        writeln!(self.stdout, "{plate:<12}  {sure:>5}  {place:<20}  {}", one_line(file))
    }
}

/// A path as one line of a terminal: names may hold line breaks and worse.
fn one_line(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[derive(Serialize)]
struct PictureLine {
    image: String,
    width: usize,
    height: usize,
    ms: f64,
    plates: Vec<PlateLine>,
}

#[derive(Serialize)]
struct FailedLine {
    image: String,
    error: String,
}

#[derive(Serialize)]
struct PlateLine {
    text: String,
    confidence: f64,
    #[serde(rename = "box")]
    bounds: [f64; 4],
    corners: [[f64; 2]; 4],
    region: Option<String>,
    characters: Vec<Vec<(char, f64)>>,
}

impl PlateLine {
    fn of(plate: &Plate) -> Self {
        let odds =
            |place: &plate::Choice| place.iter().map(|(c, p)| (*c, round(*p, 1e4))).collect();
        Self {
            text: plate.odds.text().reveal(Reason::Reader).to_owned(),
            confidence: round(plate.confidence, 1e4),
            bounds: plate.bounding_box().map(|v| round(v, 10.0)),
            corners: plate.corners.map(|p| p.map(|v| round(v, 10.0))),
            region: plate.region.clone(),
            characters: plate.odds.places().iter().map(odds).collect(),
        }
    }
}

/// Rounded to one part in `parts`: more digits would claim more than a network knows.
fn round(v: f32, parts: f64) -> f64 {
    (f64::from(v) * parts).round() / parts
}
