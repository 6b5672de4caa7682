//! `--score`: what is read against what is really there.
//!
//! Counted as the field counts: a label is *exact* when any read of its picture has its text, *found*
//! when a read's box overlaps half of the label's; a read that no label took is *false*. Calibration is
//! told over all reads that a label or nobody took: of those said to be 80 % sure, how many were right.

use super::inputs::Input;
use super::labels::{self, Label};
use super::{pool, worse};
use anyhow::Result;
use base::{Error, Kind};
use plate::Reason;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use vision::{Picture, Plate, Reader};

/// One label and how it fared.
struct Outcome {
    exact: bool,
    found: bool,
    /// 1 less the share of wrong characters, of the best read of the picture.
    characters: f64,
    width: f32,
    light: u8,
}

/// A row of the result.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Row {
    group: String,
    labels: usize,
    exact: f64,
    characters: f64,
    found: f64,
}

/// Of the reads that said about so much, the mean of what they said and the share that was right.
#[derive(Debug, PartialEq, Serialize)]
struct Bin {
    reads: usize,
    said: f64,
    right: f64,
}

/// What of the pictures and of the table the figures are about.
#[derive(Debug, Default, Serialize)]
struct Coverage {
    /// Labels of these pictures that nobody checked: they count neither way.
    unchecked: usize,
    /// Pictures given that are not in the table: they are left out.
    not_in_table: usize,
    /// Pictures of the table that were not given.
    not_given: usize,
    /// Every label is of a read, as `--correct` makes them: a plate that was not found is in no such table.
    reads_alone: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    pictures: usize,
    #[serde(flatten)]
    coverage: Coverage,
    rows: Vec<Row>,
    /// Reads that no label took, a picture.
    false_a_picture: f64,
    /// Expected calibration error: the mean gap between said and right over ten bins, weighted by reads.
    calibration_error: f64,
    /// What of it so few reads would show, were each exactly as sure as it should be.
    calibration_by_chance: f64,
    bins: Vec<Bin>,
    ms_median: f64,
    ms_p95: f64,
}

/// Everything that the pictures gave.
#[derive(Default)]
struct Tally {
    pictures: usize,
    outcomes: Vec<Outcome>,
    false_reads: usize,
    /// What a read said, and whether it was right.
    said: Vec<(f32, bool)>,
    ms: Vec<f64>,
}

/// Reads the pictures of the table and prints the result.
pub fn run(
    inputs: &[Input],
    readers: &mut [Reader],
    table: &Path,
    roots: &[PathBuf],
    json: bool,
) -> Result<ExitCode> {
    let labels = labels::load(table)?;
    let named: Vec<(&Input, &Vec<Label>)> = inputs
        .iter()
        .filter_map(|i| Some((i, labels.get(&labels::key(&i.path, roots))?)))
        .collect();
    if named.is_empty() {
        let say =
            "None of these pictures is in the table; its `image` is a path from the folder named.";
        return Err(Error::not_found(say).into());
    }
    let coverage = Coverage::of(inputs, &labels, roots);
    let (mut tally, mut worst) = (Tally::default(), None);
    let one = |reader: &mut Reader, (input, labels): (&Input, &Vec<Label>)| {
        (input.path.clone(), measure(input, labels, reader))
    };
    pool::ordered(named.into_iter(), readers, one, |(path, result)| {
        match result {
            Ok(one) => tally.add(one),
            Err(e) => {
                worse(&mut worst, e.kind());
                writeln!(io::stderr(), "homeplate: {}: {e}", super::output::one_line(&path))?;
            }
        }
        Ok(())
    })
    .map_err(|e| Error::unavailable("The output cannot be written.").because(e))?;
    let report = tally.report(coverage);
    let text = if json { serde_json::to_string(&report)? + "\n" } else { report.table() };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => Ok(worst.map_or(ExitCode::SUCCESS, |k: Kind| ExitCode::from(k.exit_code()))),
        Err(e) => super::ended(e),
    }
}

impl Coverage {
    fn of(inputs: &[Input], table: &BTreeMap<String, Vec<Label>>, roots: &[PathBuf]) -> Self {
        let given: Vec<String> = inputs.iter().map(|i| labels::key(&i.path, roots)).collect();
        let asked: BTreeSet<&String> =
            given.iter().filter(|key| table.contains_key(*key)).collect();
        let here = asked.iter().filter_map(|key| table.get(*key)).flatten();
        Self {
            unchecked: here.filter(|label| !label.is_truth()).count(),
            not_in_table: given.iter().filter(|key| !table.contains_key(*key)).count(),
            not_given: table.len() - asked.len(),
            reads_alone: table.values().flatten().all(|l| !l.crop.is_empty() || !l.is_truth()),
        }
    }

    /// Lines that a person should know before the figures.
    fn notes(&self) -> String {
        let notes = [
            (
                self.unchecked,
                "labels were checked by nobody and count neither way; --correct --below 1 asks about all.",
            ),
            (self.not_in_table, "pictures given are not in the table and are left out."),
            (self.not_given, "pictures of the table were not given."),
        ];
        let mut out: String =
            notes.iter().filter(|(n, _)| *n > 0).map(|(n, say)| format!("{n} {say}\n")).collect();
        if self.reads_alone {
            out += "The table holds reads alone: what was not found is not in it.\n";
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out
    }
}

fn measure(input: &Input, labels: &[Label], reader: &mut Reader) -> base::Result<Tally> {
    input.kind()?;
    let start = Instant::now();
    let picture = Picture::decode(super::inputs::bytes_of(&input.path)?)?;
    let plates = reader.read(&picture)?;
    let ms = start.elapsed().as_secs_f64() * 1000.0;
    let total: u64 = picture.grey().iter().map(|v| u64::from(*v)).sum();
    let light = (total / picture.grey().len().max(1) as u64) as u8;
    Ok(compare(labels, &plates, light, ms))
}

/// One picture's labels and reads, each label taking at most one read: equal text first, then place.
fn compare(labels: &[Label], plates: &[Plate], light: u8, ms: f64) -> Tally {
    let reads: Vec<(String, [f32; 4], f32)> = plates
        .iter()
        .map(|p| {
            let text = p.odds.text().reveal(Reason::Reader).to_owned();
            (text, p.bounding_box(), p.confidence)
        })
        .collect();
    let mut free: Vec<bool> = vec![true; reads.len()];
    let mut tally = Tally { pictures: 1, ms: vec![ms], ..Tally::default() };
    let texts: Vec<Option<String>> =
        labels.iter().map(|l| l.plate().map(|t| t.reveal(Reason::Reader).to_owned())).collect();
    let mut taken: Vec<Option<usize>> = vec![None; labels.len()];
    for by_text in [true, false] {
        for (i, label) in labels.iter().enumerate() {
            if taken[i].is_some() {
                continue;
            }
            let fits = |j: &usize| match by_text {
                true => texts[i].as_deref() == Some(&reads[*j].0),
                false => overlap(label.bounds(), reads[*j].1) >= 0.5,
            };
            if let Some(j) = (0..reads.len()).filter(|j| free[*j]).find(fits) {
                free[j] = false;
                taken[i] = Some(j);
            }
        }
    }
    for (i, label) in labels.iter().enumerate().filter(|(_, l)| l.is_truth()) {
        let right = taken[i].is_some_and(|j| texts[i].as_deref() == Some(&reads[j].0));
        if let Some(j) = taken[i] {
            tally.said.push((reads[j].2, right));
        }
        let Some(text) = &texts[i] else {
            // Something that is no plate, and was read.
            tally.false_reads += usize::from(taken[i].is_some());
            continue;
        };
        let near = reads.iter().map(|(r, ..)| similarity(text, r)).fold(0.0, f64::max);
        let found = reads.iter().any(|(_, b, _)| overlap(label.bounds(), *b) >= 0.5);
        tally.outcomes.push(Outcome {
            exact: right,
            found,
            characters: near,
            width: label.w,
            light,
        });
    }
    for (read, _) in reads.iter().zip(&free).filter(|(_, free)| **free) {
        tally.false_reads += 1;
        tally.said.push((read.2, false));
    }
    tally
}

/// The shared part of two boxes over the smaller one.
fn overlap(a: [f32; 4], b: [f32; 4]) -> f32 {
    let w = (a[0] + a[2]).min(b[0] + b[2]) - a[0].max(b[0]);
    let h = (a[1] + a[3]).min(b[1] + b[3]) - a[1].max(b[1]);
    w.max(0.0) * h.max(0.0) / (a[2] * a[3]).min(b[2] * b[3]).max(1e-6)
}

/// 1 less the edit distance (Levenshtein) over the label's length, at least 0.
fn similarity(label: &str, read: &str) -> f64 {
    let mut row: Vec<usize> = (0..=read.len()).collect();
    for (i, a) in label.bytes().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, b) in read.bytes().enumerate() {
            let step = (row[j + 1] + 1).min(row[j] + 1).min(corner + usize::from(a != b));
            corner = std::mem::replace(&mut row[j + 1], step);
        }
    }
    (1.0 - row[read.len()] as f64 / label.len().max(1) as f64).max(0.0)
}

impl Tally {
    fn add(&mut self, one: Tally) {
        self.pictures += one.pictures;
        self.outcomes.extend(one.outcomes);
        self.false_reads += one.false_reads;
        self.said.extend(one.said);
        self.ms.extend(one.ms);
    }

    fn report(mut self, coverage: Coverage) -> Report {
        let row = |group: &str, fits: &dyn Fn(&Outcome) -> bool| {
            let of: Vec<&Outcome> = self.outcomes.iter().filter(|o| fits(o)).collect();
            let mean = |v: &dyn Fn(&Outcome) -> f64| {
                of.iter().map(|o| v(o)).sum::<f64>() / of.len().max(1) as f64
            };
            Row {
                group: group.to_owned(),
                labels: of.len(),
                exact: mean(&|o| f64::from(u8::from(o.exact))),
                characters: mean(&|o| o.characters),
                found: mean(&|o| f64::from(u8::from(o.found))),
            }
        };
        let rows = vec![
            row("all", &|_| true),
            row("under 35 px wide", &|o| o.width < 35.0),
            row("35 to 65 px", &|o| (35.0..65.0).contains(&o.width)),
            row("65 to 100 px", &|o| (65.0..100.0).contains(&o.width)),
            row("100 px and more", &|o| o.width >= 100.0),
            row("dark (mean grey under 60)", &|o| o.light < 60),
            row("dim (60 to 99)", &|o| (60..100).contains(&o.light)),
            row("light (100 and more)", &|o| o.light >= 100),
        ];
        let bins = bins(&self.said);
        let all = self.said.len().max(1) as f64;
        let gap = |b: &Bin| b.reads as f64 * (b.said - b.right).abs();
        self.ms.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let last = self.ms.len().saturating_sub(1) as f64;
            self.ms.get((share * last).round() as usize).copied().unwrap_or(0.0)
        };
        Report {
            pictures: self.pictures,
            coverage,
            rows,
            false_a_picture: self.false_reads as f64 / self.pictures.max(1) as f64,
            calibration_error: bins.iter().map(gap).sum::<f64>() / all,
            calibration_by_chance: by_chance(&self.said),
            bins,
            ms_median: at(0.5),
            ms_p95: at(0.95),
        }
    }
}

/// Which of the ten bins a confidence falls into.
fn bin(p: f32) -> usize {
    ((p * 10.0) as usize).min(9)
}

/// The calibration error that a reader without any fault would be expected to show on these reads: few
/// never hit their odds. In each bin the sum of what was said less what was right is about normal, and
/// its size sqrt(2/pi) of its deviation on average.
fn by_chance(said: &[(f32, bool)]) -> f64 {
    let mut spread = [0f64; 10];
    for (p, _) in said {
        spread[bin(*p)] += f64::from(*p) * (1.0 - f64::from(*p));
    }
    let sum: f64 = spread.iter().map(|v| (v * std::f64::consts::FRAC_2_PI).sqrt()).sum();
    sum / said.len().max(1) as f64
}

fn bins(said: &[(f32, bool)]) -> Vec<Bin> {
    (0..10)
        .map(|k| {
            let of: Vec<_> = said.iter().filter(|(p, _)| bin(*p) == k).collect();
            let n = of.len().max(1) as f64;
            Bin {
                reads: of.len(),
                said: of.iter().map(|(p, _)| f64::from(*p)).sum::<f64>() / n,
                right: of.iter().filter(|(_, right)| *right).count() as f64 / n,
            }
        })
        .collect()
}

impl Report {
    fn table(&self) -> String {
        let mut out = self.coverage.notes();
        out += &format!(
            "{:<26} {:>7} {:>7} {:>11} {:>7}\n",
            "", "LABELS", "EXACT", "CHARACTERS", "FOUND"
        );
        for r in self.rows.iter().filter(|r| r.labels > 0) {
            // Of reads alone all are found, whatever the reader misses.
            let found = match self.coverage.reads_alone {
                true => "-".to_owned(),
                false => format!("{:.3}", r.found),
            };
            out += &format!(
                "{:<26} {:>7} {:>7.3} {:>11.3} {found:>7}\n",
                r.group, r.labels, r.exact, r.characters
            );
        }
        out += &format!(
            "\nfalse reads a picture: {:.3} ({} pictures)\nmilliseconds a picture: {:.1} median, {:.1} at 95 %\n",
            self.false_a_picture, self.pictures, self.ms_median, self.ms_p95
        );
        out += &format!(
            "calibration error: {:.3} (about {:.3} would be chance with so few reads)\n\n SAID  RIGHT  READS\n",
            self.calibration_error, self.calibration_by_chance
        );
        for b in self.bins.iter().filter(|b| b.reads > 0) {
            let bar = "#".repeat((b.right * 40.0).round() as usize);
            out += &format!("{:>5.2}  {:>5.2}  {:>5}  {bar}\n", b.said, b.right, b.reads);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plate::Odds;

    /// `text x confidence` for reads, `text x` for labels, all boxes 60 x 20; gives
    /// `labels exact found false`.
    fn check(labels: &[&str], reads: &[&str], want: &str) {
        let words = |s: &&str| s.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let label = |s: &&str| {
            let w = words(s);
            let text = w[0].replace('-', "");
            let by = w.get(2).cloned().unwrap_or_else(|| "person".into());
            Label {
                image: "a.jpg".into(),
                x: w[1].parse().unwrap(),
                y: 0.0,
                w: 60.0,
                h: 20.0,
                text,
                region: String::new(),
                by,
                crop: String::new(),
            }
        };
        let read = |s: &&str| {
            let w = words(s);
            let x: f32 = w[1].parse().unwrap();
            Plate {
                odds: Odds::new(w[0].chars().map(|c| vec![(c, 0.9)]).collect()).unwrap(),
                confidence: w[2].parse().unwrap(),
                corners: [[x, 0.0], [x + 60.0, 0.0], [x + 60.0, 20.0], [x, 20.0]],
                region: None,
                lines: 1,
                sharpness: 0.3,
            }
        };
        let labels: Vec<Label> = labels.iter().map(label).collect();
        let reads: Vec<Plate> = reads.iter().map(read).collect();
        let t = compare(&labels, &reads, 120, 5.0);
        let count = |f: &dyn Fn(&Outcome) -> bool| t.outcomes.iter().filter(|o| f(o)).count();
        let got = format!(
            "{} {} {} {}",
            t.outcomes.len(),
            count(&|o| o.exact),
            count(&|o| o.found),
            t.false_reads
        );
        assert_eq!(got, want, "{labels:?}");
    }

    #[test]
    fn labels_and_reads() {
        check(&["AB1 0"], &["AB1 0 .9"], "1 1 1 0");
        check(&["AB1 0"], &["AB2 4 .9"], "1 0 1 0");
        check(&["AB1 0"], &["AB1 300 .9"], "1 1 0 0"); // the text counts, wherever it was found
        check(&["AB1 0"], &["XX9 300 .2", "AB1 0 .8"], "1 1 1 1");
        check(&["AB1 0"], &[], "1 0 0 0");
        check(&["- 0"], &["QI1 0 .2"], "0 0 0 1");
        check(&["AB1 0 reader"], &["AB1 0 .9"], "0 0 0 0"); // nobody checked it: neither right nor false
        check(&["AB1 0", "AB2 100"], &["AB2 100 .9", "AB1 0 .8"], "2 2 2 0");
    }

    #[test]
    fn what_the_figures_leave_out_is_said() {
        let label = |image: &str, by: &str, crop: &str| Label {
            image: image.into(),
            x: 0.0,
            y: 0.0,
            w: 60.0,
            h: 20.0,
            text: "AB1".into(),
            region: String::new(),
            by: by.into(),
            crop: crop.into(),
        };
        let check = |labels: &[Label], want: &[&str]| {
            let mut table: BTreeMap<String, Vec<Label>> = BTreeMap::new();
            for label in labels {
                table.entry(label.image.clone()).or_default().push(label.clone());
            }
            let given = ["a.jpg", "b.jpg"].map(|name| Input {
                path: name.into(),
                what: Err(Error::invalid("Not looked at.")),
            });
            let notes = Coverage::of(&given, &table, &[]).notes();
            let words: Vec<&str> = notes.lines().filter_map(|l| l.split(' ').nth(1)).collect();
            assert_eq!(words, want, "{notes}");
        };
        let asked = [label("a.jpg", "person", "crops/a.png"), label("a.jpg", "reader", "")];
        check(&asked, &["labels", "pictures", "table"]);
        // Somebody has written down what was not found.
        check(
            &[label("a.jpg", "person", ""), label("z.jpg", "person", "")],
            &["pictures", "pictures"],
        );
        check(&[label("a.jpg", "person", ""), label("b.jpg", "person", "")], &[]);
    }

    #[test]
    fn edit_distance() {
        for (a, b, want) in
            [("ABC", "ABC", 1.0), ("ABCD", "ABD", 0.75), ("AB", "XYZ", 0.0), ("AB", "", 0.0)]
        {
            assert!((similarity(a, b) - want).abs() < 1e-9, "{a} {b}");
        }
    }

    #[test]
    fn calibration() {
        let said = [(0.95, true), (0.91, true), (0.99, false), (0.05, false), (1.0, true)];
        let b = bins(&said);
        assert_eq!((b[9].reads, b[0].reads), (4, 1));
        assert!((b[9].right - 0.75).abs() < 1e-9 && b[0].right == 0.0);
    }

    /// Against the mean gap of many draws: reads that are right exactly as often as they say.
    #[test]
    fn what_chance_does() {
        let check = |of: &[f32], copies: usize| {
            let said: Vec<(f32, bool)> =
                of.iter().cycle().take(of.len() * copies).map(|p| (*p, true)).collect();
            let (mut state, mut sum, rounds) = (1u64, 0.0, 400);
            for _ in 0..rounds {
                let mut draw = |p: f32| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (p, ((state >> 40) as f32 / (1u64 << 24) as f32) < p)
                };
                let drawn: Vec<(f32, bool)> = said.iter().map(|(p, _)| draw(*p)).collect();
                let gap = |b: &Bin| b.reads as f64 * (b.said - b.right).abs();
                sum += bins(&drawn).iter().map(gap).sum::<f64>() / said.len() as f64;
            }
            let (drawn, told) = (sum / f64::from(rounds), by_chance(&said));
            assert!((drawn / told - 1.0).abs() < 0.15, "{drawn} {told}");
        };
        check(&[0.5], 100);
        check(&[0.3, 0.65, 0.85, 0.95, 0.97], 40);
        assert_eq!(by_chance(&[(1.0, true), (0.0, false)]), 0.0);
        assert_eq!(by_chance(&[]), 0.0);
    }
}
