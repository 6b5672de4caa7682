//! Fills a store with sealed reads that nobody can open, by the store's own way of taking batches: for tests of a large
//! city.
//!
//! `fill FOLDER READS DAYS`. The days are the last ones, today's among them; each gets as many. `fill --count FOLDER` says
//! how many reads lie in a store that nobody has open.

use base::{CameraId, Clock, Day, Epoch, ReadId, SegmentId, SystemClock, random};
use custody::{SealedBatch, SealedRead, SealedSegment, Token};
use read::Sealed;
use std::error::Error;
use std::path::Path;
use std::time::Instant;
use store::Store;

type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Reads of a batch: of a segment each.
const BATCH: usize = 500;
const CAMERAS: usize = 14;
const DAY_MS: usize = 86_400_000;

/// What a camera sends, as large as a sealed read without its picture is.
fn batch(day: Day, from: usize, count: usize, of: usize) -> Done<SealedBatch> {
    let camera: CameraId = format!("cam_f{}", from / BATCH % CAMERAS).parse()?;
    let at = |n: usize| day.start().plus_millis((n * (DAY_MS / of.max(1)).max(1)) as i64);
    let id = SegmentId::new(at(from), random());
    let segment = SealedSegment {
        id,
        camera: camera.clone(),
        epoch: Epoch::of(at(from), 3600),
        wrapped: Sealed(random::<80>().to_vec()),
        scan: Some(vec![7; 40 * count]),
    };
    let reads = (from..from + count).map(|n| SealedRead {
        id: ReadId::new(at(n), random()),
        camera: camera.clone(),
        segment: id,
        captured: at(n),
        counter: n as u64,
        body: random::<400>().to_vec(),
        picture: None,
        tokens: vec![Token(random()), Token(random()), Token(random())],
    });
    let reads = reads.collect();
    Ok(SealedBatch { day, segments: vec![segment], reads, hits: Vec::new() })
}

fn fill(store: &Store, day: Day, count: usize) -> Done<()> {
    let began = Instant::now();
    let mut from = 0;
    while from < count {
        let some = BATCH.min(count - from);
        let new = store.put_batch(batch(day, from, some, count)?, Vec::new())?.new.len();
        if new != some {
            return Err("a read was there already".into());
        }
        from += some;
    }
    println!("{day}  {count} reads  {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn count(store: &Path) -> Done<i64> {
    let mut all = 0;
    for day in std::fs::read_dir(store.join("reads"))? {
        let day = day?.path();
        if day.extension().is_some_and(|e| e == "db") {
            let conn = rusqlite::Connection::open(day)?;
            all += conn.query_row("SELECT count(*) FROM reads", [], |row| row.get::<_, i64>(0))?;
        }
    }
    Ok(all)
}

fn main() -> Done<()> {
    const HOW: &str = "fill FOLDER READS DAYS";
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, folder] = &args[..]
        && flag == "--count"
    {
        println!("{}", count(Path::new(folder))?);
        return Ok(());
    }
    let [folder, reads, days] = &args[..] else { return Err(HOW.into()) };
    let (reads, days): (usize, usize) = (reads.parse()?, days.parse()?);
    let store = Store::open(Path::new(folder))?;
    let today = SystemClock.now().day().number();
    let each = |n: usize| reads / days + usize::from(n < reads % days);
    let days: Vec<usize> = (0..days).collect();
    // A file has one writer; two files have two.
    let halves: Vec<Vec<usize>> =
        (0..2).map(|half| days.iter().copied().filter(|n| n % 2 == half).collect()).collect();
    std::thread::scope(|scope| {
        let workers: Vec<_> = halves
            .iter()
            .map(|half| {
                let store = &store;
                scope.spawn(move || {
                    half.iter().try_for_each(|n| {
                        fill(store, Day::from_number(today - *n as i32), each(*n))
                    })
                })
            })
            .collect();
        workers.into_iter().try_for_each(|w| w.join().unwrap_or(Err("a thread died".into())))
    })
}
