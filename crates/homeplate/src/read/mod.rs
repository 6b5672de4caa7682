//! `homeplate read`: plates from pictures, folders and videos.
//!
//! One bad file is one sentence on stderr and never stops the others; the exit code says at the end
//! whether something was wrong. This is the one command that spells plates out: the person who runs
//! it holds the pictures already, and nothing is kept but what an option asks to be written.

mod correct;
mod inputs;
mod labels;
mod output;
mod pool;
mod save;
mod score;
mod video;

use anyhow::Result;
use base::{Error, Kind};
use inputs::{Input, What};
use output::{Output, Seen};
use save::Saver;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use vision::{Engine, Picture, Plate, Reader, ReaderOptions};

/// What `homeplate read` is told.
#[derive(clap::Args)]
pub struct ReadArgs {
    /// Pictures (JPEG, PNG, WebP), videos, and folders of them; folders are searched to the bottom.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// One JSON object a picture or a vehicle's pass instead of a table.
    #[arg(long)]
    json: bool,
    /// Leave out plates whose whole text is less probable than this (0 to 1).
    #[arg(long, default_value_t = 0.1, value_name = "SHARE")]
    min_confidence: f32,
    /// For videos, give the plates of every frame too.
    #[arg(long)]
    frames: bool,
    /// For videos, look at so many frames a second.
    #[arg(long, default_value_t = 10.0, value_name = "N")]
    fps: f32,
    /// Write every picture, and the best one of every pass, with its plates drawn in.
    #[arg(long, value_name = "DIR")]
    annotate: Option<PathBuf>,
    /// Write every plate as a flat picture of its own.
    #[arg(long, value_name = "DIR")]
    crops: Option<PathBuf>,
    /// Read so many pictures at once; each takes about 40 MB of memory. All cores unless told, 8 at most.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Where plates are from: `us`, `eu`, `br`, or single ones like `us-ca,de`.
    #[arg(long, value_delimiter = ',', value_name = "REGION,…")]
    regions: Vec<String>,
    /// What runs the networks: `ort` (fast, needs libonnxruntime.so beside this program), `rten` (always
    /// there), or the first of them that is there.
    #[arg(long, default_value = "auto")]
    engine: Engine,
    /// Show every read below --below, ask what it really is, and keep the answers in this folder.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["json", "frames", "score"])]
    correct: Option<PathBuf>,
    /// With --correct: ask about reads less sure than this; 1 asks about all, as a table for --score wants it.
    #[arg(long, default_value_t = 0.9, value_name = "SHARE", requires = "correct")]
    below: f32,
    /// Compare what is read with this table (image,x,y,w,h,text) and print how good it is.
    #[arg(long, value_name = "LABELS.CSV", conflicts_with = "frames")]
    score: Option<PathBuf>,
}

impl ReadArgs {
    fn check(&self) -> base::Result<()> {
        let share = |v: f32, name: &str| match (0.0..=1.0).contains(&v) {
            true => Ok(()),
            false => Err(Error::invalid(format!("{name} is a share from 0 to 1."))),
        };
        share(self.min_confidence, "--min-confidence")?;
        share(self.below, "--below")?;
        if !(0.1..=120.0).contains(&self.fps) {
            return Err(Error::invalid("--fps is a number from 0.1 to 120."));
        }
        if self.threads.is_some_and(|n| !(1..=64).contains(&n)) {
            return Err(Error::invalid("--threads is a number from 1 to 64."));
        }
        Ok(())
    }

    fn options(&self) -> ReaderOptions {
        ReaderOptions {
            min_confidence: self.min_confidence,
            engine: self.engine,
            regions: self.regions.clone(),
        }
    }

    /// One reader a thread, and no more threads than there is work.
    fn readers(&self, inputs: &[Input]) -> base::Result<Vec<Reader>> {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get()).min(8);
        let video = inputs.iter().any(|i| matches!(i.what, Ok(What::Video)));
        let work = if video { usize::MAX } else { inputs.len().max(1) };
        let threads = self.threads.unwrap_or(cores).min(work);
        (0..threads).map(|_| Reader::new(self.options())).collect()
    }
}

/// Reads everything; the exit code says whether all could be read.
pub fn run(args: ReadArgs) -> Result<ExitCode> {
    args.check()?;
    let inputs = inputs::list(&args.paths);
    if let Some(folder) = &args.correct {
        let mut readers = args.readers(&inputs[..1])?;
        return correct::run(&inputs, &args.paths, &mut readers[0], folder, args.below);
    }
    if let Some(table) = &args.score {
        return score::run(&inputs, &mut args.readers(&inputs)?, table, &args.paths, args.json);
    }
    let videos = inputs.iter().filter(|i| matches!(i.what, Ok(What::Video))).count();
    let mut work = Work {
        readers: args.readers(&inputs)?,
        saver: Saver::new(args.annotate.as_deref(), args.crops.as_deref())?,
        out: Output::new(args.json, inputs.len(), videos),
        worst: None,
        fps: args.fps,
        frames: args.frames,
        min_confidence: args.min_confidence,
    };
    work.warn_of_slow_engine(args.engine, inputs.len());
    let done = work.all(&inputs);
    work.out.finish();
    match done {
        Ok(()) => Ok(work.worst.map_or(ExitCode::SUCCESS, |k| ExitCode::from(k.exit_code()))),
        Err(e) => ended(e),
    }
}

/// The end of the output: a reader that went away is no failure, a full disk is one.
fn ended(e: io::Error) -> Result<ExitCode> {
    // `homeplate read … | head`: whoever listened has heard enough.
    if e.kind() == ErrorKind::BrokenPipe {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Error::unavailable("The output cannot be written; is the disk full?").because(e).into())
}

/// Everything that reading a list of files needs.
struct Work {
    readers: Vec<Reader>,
    saver: Saver,
    out: Output,
    /// The worst that happened: a path that does not exist counts for more than a damaged picture.
    worst: Option<Kind>,
    fps: f32,
    frames: bool,
    min_confidence: f32,
}

/// One picture, read.
struct Done {
    width: usize,
    height: usize,
    ms: f32,
    plates: Vec<Plate>,
}

impl Work {
    /// A person who waits should know why.
    fn warn_of_slow_engine(&self, wanted: Engine, files: usize) {
        use std::io::IsTerminal;
        let slow = wanted == Engine::Auto && self.readers[0].engine() == Engine::Rten;
        if slow && files > 1 && io::stderr().is_terminal() {
            let why = Engine::Auto.settle().1.map(|e| e.to_string()).unwrap_or_default();
            self.out.say(&format!("{why} Reading goes on at a third of the speed."));
        }
    }

    /// Pictures in a row are read together, a video for itself.
    fn all(&mut self, inputs: &[Input]) -> io::Result<()> {
        let mut rest = inputs;
        while let Some(first) = rest.first() {
            if matches!(first.what, Ok(What::Video)) {
                self.video(&first.path)?;
                self.out.advance();
                rest = &rest[1..];
            } else {
                let film = |i: &Input| matches!(i.what, Ok(What::Video));
                let (pictures, after) =
                    rest.split_at(rest.iter().position(film).unwrap_or(rest.len()));
                self.pictures(pictures)?;
                rest = after;
            }
        }
        Ok(())
    }

    fn pictures(&mut self, inputs: &[Input]) -> io::Result<()> {
        let (saver, out, worst) = (&self.saver, &mut self.out, &mut self.worst);
        let one = |reader: &mut Reader, input: &Input| {
            (input.path.clone(), read_one(input, reader, saver))
        };
        pool::ordered(inputs.iter(), &mut self.readers, one, |(file, result)| {
            match result {
                Ok(done) => out.picture(&Seen {
                    file: &file,
                    width: done.width,
                    height: done.height,
                    ms: done.ms,
                    plates: &done.plates,
                })?,
                Err(e) => {
                    worse(worst, e.kind());
                    out.failed(&file, &e)?;
                }
            }
            out.advance();
            Ok(())
        })
    }

    fn video(&mut self, path: &Path) -> io::Result<()> {
        match video::read(path, self)? {
            Ok(()) => Ok(()),
            Err(e) => {
                worse(&mut self.worst, e.kind());
                self.out.failed(path, &e)
            }
        }
    }
}

fn worse(worst: &mut Option<Kind>, kind: Kind) {
    *worst = match (kind, *worst) {
        (Kind::NotFound, _) | (_, Some(Kind::NotFound)) => Some(Kind::NotFound),
        (Kind::Unavailable, None) => Some(Kind::Unavailable),
        _ => Some(Kind::Invalid),
    };
}

fn read_one(input: &Input, reader: &mut Reader, saver: &Saver) -> base::Result<Done> {
    input.kind()?;
    let start = Instant::now();
    let picture = Picture::decode(inputs::bytes_of(&input.path)?)?;
    let plates = reader.read(&picture)?;
    let ms = start.elapsed().as_secs_f32() * 1000.0;
    saver.picture(&input.path, &picture, &plates)?;
    Ok(Done { width: picture.width(), height: picture.height(), ms, plates })
}
