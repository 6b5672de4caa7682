//! Where results go: a table for people, or a JSON object a line; a progress bar beside it.

use super::inputs::What;
use base::Error;
use indicatif::{ProgressBar, ProgressStyle};
use plate::{Odds, Reason};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;
use vision::{Plate, Quad, Region, Track};

/// A picture as its line tells it.
pub struct Seen<'a> {
    pub file: &'a Path,
    pub width: usize,
    pub height: usize,
    pub ms: f32,
    pub plates: &'a [Plate],
}

/// A frame of a video; times are milliseconds from its beginning.
pub struct SeenFrame<'a> {
    pub file: &'a Path,
    pub width: usize,
    pub height: usize,
    pub number: u64,
    pub at_ms: i64,
    pub plates: &'a [Plate],
}

/// Writes results; knows whether people or programs read them.
pub struct Output {
    json: bool,
    heading: Option<What>,
    bar: ProgressBar,
}

impl Output {
    /// A bar is shown for more than one file, or a video, where a person sits at the terminal.
    pub fn new(json: bool, files: usize, videos: usize) -> Self {
        let long = files > 1 || videos > 0;
        let bar = if long && io::stderr().is_terminal() {
            let bar = ProgressBar::new(files as u64);
            let style = "{bar:24} {pos}/{len} files  {msg}  {per_sec}  {eta} left";
            bar.set_style(
                ProgressStyle::with_template(style)
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        } else {
            ProgressBar::hidden()
        };
        Self { json, heading: None, bar }
    }

    /// One file is done.
    pub fn advance(&self) {
        self.bar.inc(1);
    }

    /// How far a video has been read.
    pub fn within(&self, at_ms: i64) {
        self.bar.set_message(clock(at_ms));
    }

    /// The bar goes away; what was written stays.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    pub fn picture(&mut self, seen: &Seen<'_>) -> io::Result<()> {
        if self.json {
            return self.line(&PictureLine {
                image: seen.file.to_string_lossy().into_owned(),
                width: seen.width,
                height: seen.height,
                ms: round(seen.ms, 10.0),
                plates: seen.plates.iter().map(PlateLine::of).collect(),
            });
        }
        self.heading(What::Picture)?;
        if seen.plates.is_empty() {
            self.row(["-", "", ""], "no plate", seen.file)?;
        }
        for plate in seen.plates {
            let [x, y, w, h] = plate.bounding_box().map(|v| v.round() as i64);
            let read = Words::of(&plate.odds, plate.confidence, plate.region.as_ref());
            self.row(read.columns(), &format!("{x},{y} {w}x{h}"), seen.file)?;
        }
        Ok(())
    }

    pub fn frame(&mut self, seen: &SeenFrame<'_>) -> io::Result<()> {
        if self.json {
            return self.line(&FrameLine {
                video: seen.file.to_string_lossy().into_owned(),
                frame: seen.number,
                width: seen.width,
                height: seen.height,
                at_s: seconds(seen.at_ms),
                plates: seen.plates.iter().map(PlateLine::of).collect(),
            });
        }
        self.heading(What::Video)?;
        for plate in seen.plates {
            let read = Words::of(&plate.odds, plate.confidence, plate.region.as_ref());
            let when = format!("{} frame {}", clock(seen.at_ms), seen.number);
            self.row(read.columns(), &when, seen.file)?;
        }
        Ok(())
    }

    /// One line a vehicle's pass. The track's times are milliseconds from the video's beginning.
    pub fn pass(&mut self, file: &Path, track: &Track) -> io::Result<()> {
        if self.json {
            return self.line(&PassLine::of(file, track));
        }
        self.heading(What::Video)?;
        let when = format!("{}-{}", clock(track.first.millis()), clock(track.last.millis()));
        match &track.read {
            Some(r) => {
                let read = Words::of(&r.odds, r.confidence, r.region.as_ref());
                self.row(read.columns(), &when, file)
            }
            None => self.row(["-", "", ""], &format!("{when} unread"), file),
        }
    }

    /// A video in which nothing passed.
    pub fn nothing(&mut self, file: &Path) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        self.heading(What::Video)?;
        self.row(["-", "", ""], "no plate", file)
    }

    /// One sentence for the person; for a program, an object in the result's place too.
    pub fn failed(&mut self, file: &Path, e: &Error) -> io::Result<()> {
        self.say(&format!("{}: {e}", one_line(file)));
        tracing::debug!(error = %e.inside(), "a file could not be read");
        if self.json {
            let image = file.to_string_lossy().into_owned();
            return self.line(&FailedLine { image, error: e.to_string() });
        }
        Ok(())
    }

    /// A sentence on stderr. A closed stderr is no reason to stop.
    pub fn say(&self, sentence: &str) {
        self.bar.suspend(|| {
            let _ = writeln!(io::stderr(), "homeplate: {sentence}");
        });
    }

    fn line<T: Serialize>(&mut self, line: &T) -> io::Result<()> {
        let text = serde_json::to_string(line)?;
        self.print(&text)
    }

    fn print(&self, text: &str) -> io::Result<()> {
        self.bar.suspend(|| {
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "{text}")?;
            stdout.flush()
        })
    }

    fn heading(&mut self, what: What) -> io::Result<()> {
        if self.heading == Some(what) {
            return Ok(());
        }
        self.heading = Some(what);
        let place = if what == What::Picture { "BOX" } else { "WHEN" };
        self.print(&format!("{:<12}  {:<6}  {:>5}  {:<20}  FILE", "PLATE", "REGION", "SURE", place))
    }

    fn row(&self, [plate, region, sure]: [&str; 3], place: &str, file: &Path) -> io::Result<()> {
        self.print(&format!("{plate:<12}  {region:<6}  {sure:>5}  {place:<20}  {}", one_line(file)))
    }
}

/// A read as the words of a row.
struct Words {
    plate: String,
    region: String,
    sure: String,
}

impl Words {
    fn of(odds: &Odds, confidence: f32, region: Option<&Region>) -> Self {
        Self {
            plate: odds.text().reveal(Reason::Reader).to_owned(),
            region: region.map(|r| r.code.clone()).unwrap_or_default(),
            sure: format!("{:.0} %", confidence * 100.0),
        }
    }

    fn columns(&self) -> [&str; 3] {
        [&self.plate, &self.region, &self.sure]
    }
}

/// A path as one line of a terminal: names may hold line breaks and worse.
pub fn one_line(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// `1:02.5`, or `1:00:02.5` beyond an hour.
fn clock(ms: i64) -> String {
    let tenths = ms.max(0) / 100;
    let (h, m, s) = (tenths / 36_000, tenths / 600 % 60, tenths % 600);
    let rest = format!("{:02}.{}", s / 10, s % 10);
    if h > 0 { format!("{h}:{m:02}:{rest}") } else { format!("{m}:{rest}") }
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
struct FrameLine {
    video: String,
    frame: u64,
    width: usize,
    height: usize,
    at_s: f64,
    plates: Vec<PlateLine>,
}

#[derive(Serialize)]
struct FailedLine {
    image: String,
    error: String,
}

#[derive(Serialize)]
struct RegionLine {
    code: String,
    confidence: f64,
}

#[derive(Serialize)]
struct PlateLine {
    text: String,
    confidence: f64,
    #[serde(rename = "box")]
    bounds: [f64; 4],
    corners: [[f64; 2]; 4],
    region: Option<RegionLine>,
    lines: u8,
    characters: Vec<Vec<(char, f64)>>,
}

#[derive(Serialize)]
struct PassLine {
    video: String,
    track: u64,
    first_s: f64,
    last_s: f64,
    best_s: f64,
    frames: u32,
    width: u32,
    height: u32,
    text: Option<String>,
    confidence: Option<f64>,
    region: Option<RegionLine>,
    corners: [[f64; 2]; 4],
    characters: Option<Vec<Vec<(char, f64)>>>,
}

impl RegionLine {
    fn of(region: Option<&Region>) -> Option<Self> {
        region.map(|r| Self { code: r.code.clone(), confidence: round(r.confidence, 1e4) })
    }
}

impl PlateLine {
    fn of(plate: &Plate) -> Self {
        Self {
            text: plate.odds.text().reveal(Reason::Reader).to_owned(),
            confidence: round(plate.confidence, 1e4),
            bounds: plate.bounding_box().map(|v| round(v, 10.0)),
            corners: corners(&plate.corners),
            region: RegionLine::of(plate.region.as_ref()),
            lines: plate.lines,
            characters: characters(&plate.odds),
        }
    }
}

impl PassLine {
    fn of(file: &Path, track: &Track) -> Self {
        let read = track.read.as_ref();
        let [width, height] = track.frame_size;
        Self {
            video: file.to_string_lossy().into_owned(),
            track: track.number,
            first_s: seconds(track.first.millis()),
            last_s: seconds(track.last.millis()),
            best_s: seconds(track.best.millis()),
            frames: track.frames,
            width,
            height,
            text: read.map(|r| r.odds.text().reveal(Reason::Reader).to_owned()),
            confidence: read.map(|r| round(r.confidence, 1e4)),
            region: RegionLine::of(read.and_then(|r| r.region.as_ref())),
            corners: corners(&track.corners),
            characters: read.map(|r| characters(&r.odds)),
        }
    }
}

fn corners(quad: &Quad) -> [[f64; 2]; 4] {
    quad.map(|p| p.map(|v| round(v, 10.0)))
}

fn characters(odds: &Odds) -> Vec<Vec<(char, f64)>> {
    odds.places().iter().map(|p| p.iter().map(|(c, p)| (*c, round(*p, 1e4))).collect()).collect()
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// Rounded to one part in `parts`: more digits would claim more than a network knows.
fn round(v: f32, parts: f64) -> f64 {
    (f64::from(v) * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        for (ms, want) in
            [(0, "0:00.0"), (62_540, "1:02.5"), (3_602_000, "1:00:02.0"), (-5, "0:00.0")]
        {
            assert_eq!(clock(ms), want);
        }
    }
}
