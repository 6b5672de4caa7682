//! How long a picture takes, apart for decoding and reading: `cargo bench -p vision --bench read -- PICTURE...`
//! (or a folder), `--engine rten` for the other engine. Each picture is taken seven times and the quickest
//! counts, so that a busy machine disturbs little; printed are the median and the ninth tenth over all pictures.
//! `--lines` prints what is read instead, a line of JSON a picture, for `train/breakdown.py` and its kind.

use std::path::PathBuf;
use std::time::Instant;
use vision::{Engine, Picture, Plate, Reader, ReaderOptions};

const TIMES: usize = 7;

fn main() {
    let (mut engine, mut lines) = (Engine::Auto, false);
    let mut files: Vec<PathBuf> = Vec::new();
    let mut args = std::env::args().skip(1).filter(|a| a != "--bench");
    while let Some(arg) = args.next() {
        if arg == "--engine" {
            engine = args.next().unwrap_or_default().parse().unwrap();
        } else if arg == "--lines" {
            lines = true;
        } else if std::path::Path::new(&arg).is_dir() {
            files.extend(std::fs::read_dir(&arg).unwrap().map(|e| e.unwrap().path()));
        } else {
            files.push(arg.into());
        }
    }
    let picture = |p: &PathBuf| p.extension().is_some_and(|e| e == "jpg" || e == "png");
    files.retain(picture);
    files.sort();
    let mut reader = Reader::new(ReaderOptions { engine, ..ReaderOptions::default() }).unwrap();
    if lines {
        for file in &files {
            let found =
                reader.read(&Picture::decode(std::fs::read(file).unwrap()).unwrap()).unwrap();
            println!("{}", line(&file.display().to_string(), &found));
        }
        return;
    }
    let mut rows: [Vec<f64>; 3] = Default::default();
    let mut plates = 0;
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        let mut best = [f64::INFINITY; 3];
        for _ in 0..TIMES {
            let begun = Instant::now();
            let picture = Picture::decode(&bytes).unwrap();
            let decoded = begun.elapsed();
            let found = reader.read(&picture).unwrap();
            let all = begun.elapsed();
            plates += found.len();
            for (best, now) in best.iter_mut().zip([decoded, all - decoded, all]) {
                *best = best.min(now.as_secs_f64() * 1000.0);
            }
        }
        rows.iter_mut().zip(best).for_each(|(row, ms)| row.push(ms));
    }
    println!("{}: {} pictures, {} plates", reader.engine(), files.len(), plates / TIMES);
    for (name, mut row) in ["decode", "read", "both"].into_iter().zip(rows) {
        row.sort_by(f64::total_cmp);
        let at = |share: f64| row.get((row.len().max(1) - 1) * (share * 100.0) as usize / 100);
        println!(
            "{name} {:.2} ms, nine tenths within {:.2} ms",
            at(0.5).unwrap(),
            at(0.9).unwrap()
        );
    }
}

/// One picture's reads as `homeplate read --json` says them, those below .05 left out as there.
fn line(image: &str, plates: &[Plate]) -> String {
    let plate = |p: &Plate| {
        let [x, y, w, h] = p.bounding_box();
        format!(
            r#"{{"text":"{}","confidence":{},"box":[{x},{y},{w},{h}],"corners":{:?}}}"#,
            p.odds.text().reveal(plate::Reason::Reader),
            p.confidence,
            p.corners
        )
    };
    let plates: Vec<String> = plates.iter().filter(|p| p.confidence >= 0.05).map(plate).collect();
    format!(r#"{{"image":"{image}","plates":[{}]}}"#, plates.join(","))
}
