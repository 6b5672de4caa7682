//! Ten million listed plates, a million reads with the mistakes of our own reader, one in a thousand of them
//! truly of a listed car: what is found at one false hit a day, how fast, in how much memory; and the same for what
//! the field does, plain texts at an edit distance of one. `cargo run --release -p hotlist --example scale`.
//!
//! - The world is a Californian city: nine cars in ten are of the home state, the others by population. Plates
//!   are drawn from the formats of `crates/plate`. The list is national, its states by population.
//! - A read's characters are places that the executable said of held-out plates (`places.txt`, by
//!   `train/confusion.py`), drawn for each true character from reads of one quality; how often each quality comes is
//!   taken from the reads of the judging scenes in `models/README.md`. Characters are missing or too many as often as
//!   there. The confidence is the product of the odds through the model's own two numbers. A state is named in 19 of
//!   20 reads and right in 9 of 10 of them.
//! - 200,000 reads a day, so that a million are five days and one false hit a day is five.

mod field;
mod world;

use base::Time;
use hotlist::{HotList, Prior, Tally, Terms};
use read::{Pass, Read, TextBasis};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use world::{Rng, Sighting, World};

/// Reads a day.
const DAY: f64 = 200_000.0;
/// The clock of the run.
const NOW: i64 = 1_800_000_000_000;

/// What a matcher said of a read: how sure it is, and whether it is the listed car.
pub struct Said {
    /// What hits are ordered by, best first.
    pub score: f64,
    /// Whether the read is of this entry's car.
    pub right: bool,
}

fn main() {
    let number = |at: usize, usual: usize| {
        std::env::args().nth(at).and_then(|a| a.parse().ok()).unwrap_or(usual)
    };
    let (entries, reads) = (number(1, 10_000_000), number(2, 1_000_000));
    let world = World::new(entries as u64);
    println!("{entries} entries, {reads} reads; resident before: {} MB", resident());
    let hot = HotList::with_threshold(0.01);
    hot.set_prior(Prior { home: Some("us-ca".into()), ..Prior::default() });
    let begun = Instant::now();
    let loaded = hot.load((0..entries as u64).map(|i| world.entry(i)));
    println!(
        "loaded {} in {:.1} s, resident {} MB (peak {} MB)",
        loaded.taken,
        begun.elapsed().as_secs_f64(),
        resident(),
        peak()
    );
    let begun = Instant::now();
    hot.replace_list(&world::list(), (0..entries as u64).map(|i| world.entry(i)));
    println!(
        "replaced whole in {:.1} s (peak {} MB, making up the entries in it)",
        begun.elapsed().as_secs_f64(),
        peak()
    );
    let field = field::Field::new(&world);
    let mut rng = Rng(7);
    let sightings: Vec<Sighting> = (0..reads).map(|_| world.sighting(&mut rng, &field)).collect();
    let listed = sightings.iter().filter(|s| s.entry.is_some()).count();
    let right = sightings.iter().filter(|s| s.exact).count();
    println!(
        "{listed} reads are of listed cars; {:.3} of all texts are read exactly",
        right as f64 / reads as f64
    );
    latency(&hot, &sightings);
    ours(&hot, &sightings, listed);
    for (name, within, state) in [
        ("equal texts", 0, false),
        ("equal texts and state", 0, true),
        ("edit distance 1", 1, false),
        ("edit distance 1, same state", 1, true),
    ] {
        let begun = Instant::now();
        let said: Vec<Vec<Said>> = sightings.iter().map(|s| field.find(s, within, state)).collect();
        let micros = begun.elapsed().as_secs_f64() * 1e6 / reads as f64;
        println!("field, {name}: {micros:.1} µs a read");
        let (hits, false_hits) = raised(&said, |_| true);
        println!(
            "  all its hits: recall {:.3}, {:.0} false a day",
            hits / listed as f64,
            false_hits / days(reads)
        );
        at_one_a_day(name, said, listed, reads);
    }
    updates(&hot, &world, &sightings);
    println!("resident at the end {} MB, peak {} MB", resident(), peak());
}

fn days(reads: usize) -> f64 {
    reads as f64 / DAY
}

/// True and false hits among what reaches a score.
fn raised(said: &[Vec<Said>], keep: impl Fn(f64) -> bool) -> (f64, f64) {
    let kept = || said.iter().flatten().filter(|s| keep(s.score));
    (kept().filter(|s| s.right).count() as f64, kept().filter(|s| !s.right).count() as f64)
}

/// The recall that is left when the score's bound is set to let one false hit a day through.
fn at_one_a_day(name: &str, said: Vec<Vec<Said>>, listed: usize, reads: usize) {
    let mut all: Vec<Said> = said.into_iter().flatten().collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    let (mut best, mut hits, mut wrong, mut bound) = (0usize, 0usize, 0usize, 1.0);
    for group in all.chunk_by(|a, b| a.score == b.score) {
        hits += group.iter().filter(|s| s.right).count();
        wrong += group.iter().filter(|s| !s.right).count();
        if wrong as f64 <= days(reads) {
            (best, bound) = (hits, group[0].score);
        }
    }
    println!(
        "  {name}: recall {:.3} at one false hit a day (bound {bound:.4})",
        best as f64 / listed as f64
    );
}

fn pass(s: &Sighting) -> Read {
    let captured = Time::from_millis(NOW);
    Read {
        id: base::ReadId::new(captured, [1; 10]),
        camera: "cam_one".parse().unwrap_or_else(|e| unreachable!("{e}")),
        lease: base::LeaseId::new(captured, [1; 10]),
        counter: 1,
        captured,
        first: captured,
        last: captured,
        frames: 1,
        odds: s.odds.clone(),
        confidence: s.confidence,
        region: s.region.clone(),
        corners: [[0; 2]; 4],
        frame_size: [640, 360],
        picture: None,
        sighting: Default::default(),
    }
}

/// The middle and the last hundredth of microseconds a read.
fn latency(hot: &HotList, sightings: &[Sighting]) {
    for (name, threshold) in [
        ("sure hits only, threshold 0.9", 0.9),
        ("usual, threshold 0.5", 0.5),
        ("all that is proposed, threshold 0.01", 0.01),
        ("threshold 0.001", 0.001),
    ] {
        hot.set_terms([(world::list(), Terms::at(threshold))].into());
        let reads: Vec<Pass> = sightings.iter().take(200_000).map(|s| Arc::new(pass(s))).collect();
        let (p50, p99, worst) = timed(&reads, |r| hot.find(r, Time::from_millis(NOW)).len());
        println!(
            "matcher, {name}: median {p50:.1} µs, p99 {p99:.1} µs, worst {worst:.0} µs a read"
        );
    }
    hot.set_terms([(world::list(), Terms::at(0.01))].into());
}

fn timed(reads: &[Pass], mut work: impl FnMut(&Read) -> usize) -> (f64, f64, f64) {
    let mut micros: Vec<f64> = Vec::with_capacity(reads.len());
    let mut sum = 0;
    for read in reads {
        let begun = Instant::now();
        sum += work(read);
        micros.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    std::hint::black_box(sum);
    micros.sort_by(f64::total_cmp);
    let at = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize];
    (at(0.5), at(0.99), at(1.0))
}

fn ours(hot: &HotList, sightings: &[Sighting], listed: usize) {
    let reads: Vec<Read> = sightings.iter().map(pass).collect();
    let mut tally = Tally::default();
    let mut kinds = [[0usize; 2]; 6];
    let begun = Instant::now();
    let found: Vec<_> = reads.iter().map(|r| hot.find(r, Time::from_millis(NOW))).collect();
    let seconds = begun.elapsed().as_secs_f64();
    let mut said = Vec::with_capacity(reads.len());
    for (s, found) in sightings.iter().zip(found) {
        let of_read = found.into_iter().map(|f| {
            tally.add(f.probability);
            let right = s.entry.is_some_and(|i| world::id(i) == f.entry);
            let kind = f.basis.text as usize;
            kinds[kind][usize::from(right)] += 1;
            Said { score: f.probability, right }
        });
        said.push(of_read.collect::<Vec<_>>());
    }
    let hits = said.iter().flatten().count();
    println!(
        "matcher: {:.0} reads/s, {:.0} proposals/s on one core",
        reads.len() as f64 / seconds,
        hits as f64 / seconds
    );
    let names = [
        TextBasis::Exact,
        TextBasis::LookAlike,
        TextBasis::Other,
        TextBasis::Missing,
        TextBasis::Extra,
        TextBasis::Partial,
    ];
    for (name, [wrong, right]) in names.iter().zip(kinds) {
        println!("  {name:?}: {right} right, {wrong} wrong of those proposed");
    }
    println!("  calibration, said: right of proposed");
    let bounds = [0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 1.01];
    for w in bounds.windows(2) {
        let within: Vec<&Said> =
            said.iter().flatten().filter(|s| (w[0]..w[1]).contains(&s.score)).collect();
        let mean = within.iter().map(|s| s.score).sum::<f64>() / within.len().max(1) as f64;
        let right = within.iter().filter(|s| s.right).count();
        println!(
            "    {:.2} to {:.2}: {} proposals, said {mean:.3}, were {:.3}",
            w[0],
            w[1].min(1.0),
            within.len(),
            right as f64 / within.len().max(1) as f64
        );
    }
    let first = hotlist::first_threshold(1.0, DAY, &Prior::default());
    for (name, t) in [
        ("usual 0.5", 0.5),
        ("threshold before anything was seen", first),
        ("threshold from five days' tally", tally.threshold(1.0, days(reads.len()))),
    ] {
        let (right, wrong) = raised(&said, |score| score >= t);
        println!(
            "  {name} ({t:.4}): recall {:.3}, {:.2} false a day",
            right / listed as f64,
            wrong / days(reads.len())
        );
    }
    at_one_a_day("matcher", said, listed, reads.len());
}

/// Entries come and go while one thread matches.
fn updates(hot: &HotList, world: &World, sightings: &[Sighting]) {
    let reads: Vec<Pass> = sightings.iter().take(100_000).map(|s| Arc::new(pass(s))).collect();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut millis = Vec::new();
            let mut i = world.entries;
            while !over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                hot.update(
                    (i..i + 5).map(|i| world.entry(i)).collect(),
                    &[world::id(i % world.entries)],
                );
                millis.push(begun.elapsed().as_secs_f64() * 1e3);
                i += 5;
            }
            millis.sort_by(f64::total_cmp);
            (millis.len(), millis[millis.len() / 2], millis[millis.len() - 1])
        });
        let (p50, p99, worst) = timed(&reads, |r| hot.find(r, Time::from_millis(NOW)).len());
        over.store(true, Ordering::Relaxed);
        if let Ok((n, middle, longest)) = writer.join() {
            println!(
                "while {n} updates of six entries ran ({middle:.1} ms each, longest {longest:.0} ms): median {p50:.1} µs, p99 {p99:.1} µs, worst {worst:.0} µs a read"
            );
        }
    });
}

fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix(name).map(str::to_owned));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn resident() -> u64 {
    status("VmRSS:")
}

fn peak() -> u64 {
    status("VmHWM:")
}
