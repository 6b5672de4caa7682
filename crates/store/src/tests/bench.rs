//! How many reads a second a store takes; run by hand, with nothing else on the machine:
//! `cargo test -p store --release bench -- --ignored --nocapture`.

use super::*;
use std::time::Instant;

/// Batches of so many reads, with three tokens each.
const BATCH: usize = 100;
const BATCHES: usize = 200;

fn batch(n: usize) -> SealedBatch {
    let mut batch = SealedBatch { day: day(0), segments: vec![], reads: vec![], hits: vec![] };
    let camera = camera(&format!("c{}", n % 10));
    let at = |ms: usize| day(0).start().plus_millis(ms as i64);
    let segment = SegmentId::new(at(n * BATCH), random());
    batch.segments.push(SealedSegment {
        id: segment,
        camera: camera.clone(),
        epoch: Epoch::of(at(n * BATCH), 3600),
        wrapped: Sealed(random::<80>().to_vec()),
        scan: Some(random::<4000>().to_vec()),
    });
    for i in 0..BATCH {
        let captured = at(n * BATCH + i);
        batch.reads.push(SealedRead {
            id: base::ReadId::new(captured, random()),
            camera: camera.clone(),
            segment,
            captured,
            counter: i as u64,
            body: random::<400>().to_vec(),
            picture: None,
            tokens: (0..3).map(|_| Token(random())).collect(),
        });
    }
    batch
}

/// The median of the batches in reads a second.
fn rate(engine: Engine) -> f64 {
    let (_home, store) = engine.new_store();
    let mut took: Vec<f64> = (0..BATCHES)
        .map(|n| {
            let batch = batch(n);
            let from = Instant::now();
            assert_eq!(store.put_batch(batch, vec![]).unwrap().new.len(), BATCH);
            from.elapsed().as_secs_f64()
        })
        .collect();
    took.sort_by(f64::total_cmp);
    BATCH as f64 / took[BATCHES / 2]
}

#[test]
#[ignore = "measures, and needs a quiet machine"]
fn put_batch_by_the_second() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut rates: Vec<f64> = (0..5).map(|_| rate(engine)).collect();
        rates.sort_by(f64::total_cmp);
        println!("{engine:?}: {:.0} reads/s ({:.0} to {:.0})", rates[2], rates[0], rates[4]);
    }
}
