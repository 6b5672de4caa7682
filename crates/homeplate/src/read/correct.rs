//! `--correct`: a person says what unsure reads really are.
//!
//! Each is shown in the terminal as a picture of half blocks, with the odds of its characters; the
//! answers become a table (see `labels`) and flat pictures of the plates, for training and for measuring
//! a site. A picture's answers are on the disk before the next picture is shown, and a picture that is in
//! the table is not shown again: a person stops and goes on whenever they like.

use super::inputs::{self, Input, What};
use super::labels::{self, Label};
use super::save;
use anyhow::Result;
use base::Error;
use plate::{Reason, Text};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vision::{Flat, Picture, Plate, Reader};

/// Columns of the terminal that a plate is shown in.
const COLUMNS: usize = 72;
const HELP: &str = "Enter: as read · type the plate · - no plate or unreadable · s skip · q stop";

/// What a person answered.
#[derive(Debug, PartialEq)]
enum Answer {
    AsRead,
    Is(Text),
    Nothing,
    Skip,
    Stop,
}

/// The folder that answers are kept in.
struct Book {
    folder: PathBuf,
    /// The folders that pictures are named from.
    roots: Vec<PathBuf>,
    /// Pictures that were answered before.
    known: HashSet<String>,
    table: csv::Writer<File>,
}

/// Asks about every read less sure than `below`.
pub fn run(
    inputs: &[Input],
    roots: &[PathBuf],
    reader: &mut Reader,
    folder: &Path,
    below: f32,
) -> Result<ExitCode> {
    let mut book = Book::open(folder, roots)?;
    let mut lines = io::stdin().lock().lines();
    let (mut asked, mut failed) = (0, None);
    for input in inputs {
        if book.known.contains(&labels::key(&input.path, roots)) {
            continue;
        }
        let (picture, plates) = match read(input, reader) {
            Ok(both) => both,
            Err(e) => {
                super::worse(&mut failed, e.kind());
                eprintln!("homeplate: {}: {e}", super::output::one_line(&input.path));
                continue;
            }
        };
        let unsure: Vec<bool> =
            plates.iter().map(|p| p.confidence < below || below >= 1.0).collect();
        if !unsure.contains(&true) {
            continue;
        }
        let (mut rows, mut stop) = (Vec::new(), false);
        for (i, plate) in plates.iter().enumerate() {
            let answer = match unsure[i] && !stop {
                true => ask(&input.path, &picture, plate, &mut lines)?,
                false => Answer::Skip,
            };
            stop |= answer == Answer::Stop;
            asked += u32::from(!matches!(answer, Answer::Skip | Answer::Stop));
            rows.push(book.row(&input.path, i, &picture, plate, answer)?);
        }
        // Nothing is kept of a picture that nobody said anything about.
        if rows.iter().any(Label::is_truth) {
            book.write(&rows)?;
        }
        if stop {
            break;
        }
    }
    finish(asked, folder, failed)
}

fn finish(asked: u32, folder: &Path, failed: Option<base::Kind>) -> Result<ExitCode> {
    println!("{asked} answers are in {}.", folder.join("labels.csv").display());
    Ok(failed.map_or(ExitCode::SUCCESS, |k| ExitCode::from(k.exit_code())))
}

fn read(input: &Input, reader: &mut Reader) -> base::Result<(Picture, Vec<Plate>)> {
    if input.kind()? == What::Video {
        return Err(Error::invalid("--correct takes pictures; cut frames out of the video first."));
    }
    let picture = Picture::decode(inputs::bytes_of(&input.path)?)?;
    let plates = reader.read(&picture)?;
    Ok((picture, plates))
}

/// Shows one plate and takes lines until one is an answer.
fn ask(
    file: &Path,
    picture: &Picture,
    plate: &Plate,
    lines: &mut impl Iterator<Item = io::Result<String>>,
) -> Result<Answer> {
    let mut out = io::stdout().lock();
    let text = plate.odds.text();
    let sure = plate.confidence * 100.0;
    writeln!(out, "\n{}", super::output::one_line(file))?;
    if let Some(flat) = picture.flat(&plate.corners) {
        write!(out, "{}", blocks(&flat))?;
    }
    writeln!(out, "read as {} ({sure:.0} % sure)", text.reveal(Reason::Reader))?;
    writeln!(out, "{}", odds(plate))?;
    loop {
        write!(out, "{HELP}\n> ")?;
        out.flush()?;
        let Some(line) = lines.next() else { return Ok(Answer::Stop) };
        match understand(&line?) {
            Ok(answer) => return Ok(answer),
            Err(why) => writeln!(out, "{why}")?,
        }
    }
}

fn understand(line: &str) -> std::result::Result<Answer, String> {
    match line.trim() {
        "" => Ok(Answer::AsRead),
        "-" => Ok(Answer::Nothing),
        "s" => Ok(Answer::Skip),
        "q" => Ok(Answer::Stop),
        typed => Text::parse(typed).map(Answer::Is).map_err(|e| format!("That is no answer: {e}.")),
    }
}

/// `7 100%  A 97%  8 62% B 35%`: the choices of each place that is not sure.
fn odds(plate: &Plate) -> String {
    let place = |p: &plate::Choice| {
        let shown = p.iter().take(3).filter(|(_, q)| *q >= 0.02);
        shown.map(|(c, q)| format!("{c} {:.0}%", q * 100.0)).collect::<Vec<_>>().join(" ")
    };
    plate.odds.places().iter().map(place).collect::<Vec<_>>().join(" | ")
}

/// A grey picture as lines of half blocks, two rows of pixels a line.
fn blocks(flat: &Flat) -> String {
    let small = flat.scaled(COLUMNS, (COLUMNS * flat.height / flat.width.max(1)).max(2) / 2 * 2);
    let mut out = String::new();
    for rows in small.grey.chunks_exact(2 * small.width) {
        let (top, low) = rows.split_at(small.width);
        for (t, l) in top.iter().zip(low) {
            out += &format!("\x1b[38;2;{t};{t};{t}m\x1b[48;2;{l};{l};{l}m▀");
        }
        out += "\x1b[0m\n";
    }
    out
}

impl Book {
    /// Opens the folder; earlier answers stay.
    fn open(folder: &Path, roots: &[PathBuf]) -> base::Result<Self> {
        save::make(&folder.join("crops"))?;
        let path = folder.join("labels.csv");
        let fresh = !std::fs::metadata(&path).is_ok_and(|m| m.len() > 0);
        let known = match fresh {
            true => HashSet::new(),
            false => labels::load(&path)?.into_keys().collect(),
        };
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(|e| {
            Error::unavailable(format!("{} cannot be written.", path.display())).because(e)
        })?;
        let table = csv::WriterBuilder::new().has_headers(fresh).from_writer(file);
        Ok(Self { folder: folder.to_owned(), roots: roots.to_vec(), known, table })
    }

    /// The row of an answer, its plate cut out beside the table.
    fn row(
        &self,
        file: &Path,
        number: usize,
        picture: &Picture,
        plate: &Plate,
        answer: Answer,
    ) -> base::Result<Label> {
        let text = match &answer {
            Answer::Is(text) => text.reveal(Reason::Reader).to_owned(),
            Answer::Nothing => String::new(),
            _ => plate.odds.text().reveal(Reason::Reader).to_owned(),
        };
        let unasked = matches!(answer, Answer::Skip | Answer::Stop);
        let by = if unasked { "reader" } else { "person" };
        let mut crop = String::new();
        if by == "person"
            && let Some(flat) = picture.flat(&plate.corners)
        {
            crop = format!("crops/{}-{}.png", save::flat_name(file), number + 1);
            save::crop(&self.folder.join(&crop), &flat)?;
        }
        let [x, y, w, h] = plate.bounding_box().map(|v| (v * 10.0).round() / 10.0);
        let region = plate.region.as_ref().map(|r| r.code.clone()).unwrap_or_default();
        let image = labels::key(file, &self.roots);
        Ok(Label { image, x, y, w, h, text, region, by: by.to_owned(), crop })
    }

    fn write(&mut self, rows: &[Label]) -> base::Result<()> {
        let full = |e: String| {
            Error::unavailable("The answers cannot be written; is the disk full?").because(e)
        };
        for row in rows {
            self.table.serialize(row).map_err(|e| full(e.to_string()))?;
        }
        self.table.flush().map_err(|e| full(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let is = |t: &str| Answer::Is(Text::parse(t).unwrap());
        for (line, want) in [
            ("", Some(Answer::AsRead)),
            (" 7abc 128 ", Some(is("7ABC128"))),
            ("-", Some(Answer::Nothing)),
            ("s", Some(Answer::Skip)),
            ("q", Some(Answer::Stop)),
            ("what?", None),
            ("S1", Some(is("S1"))),
        ] {
            assert_eq!(understand(line).ok(), want, "{line}");
        }
    }
}
