//! Sealed reads: taken by the batch, found by the permit.
//!
//! A read is stored once. What comes again under its id changes nothing, and what the jobs made of
//! the second copy is dropped with it.

use crate::engine::{Arg, Db, Row, Tx};
use crate::open::{Store, hold};
use crate::pictures::{Of, Pack, Placed};
use crate::put::{Places, put_hit_copy, put_reads};
use crate::rows::{Search, Stored};
use base::{CameraId, Day, Epoch, Error, HitId, ReadId, Result, SegmentId, Time};
use custody::{Found, Permit, SealedBatch, SealedHit, SealedRead, SealedSegment, Token};
use read::{Effect, Sealed};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is looked for: a permit's scope without its power.
pub(crate) struct Wanted<'a> {
    pub cameras: &'a [CameraId],
    pub from: Time,
    pub until: Time,
    pub days: Vec<(Day, &'a [Token])>,
    /// Reads that a scan found.
    pub ids: Vec<ReadId>,
}

/// What was found, and where its picture is if it is in a pack.
pub(crate) type Match = (Found, Option<Placed>);

/// What a search has come to so far; pictures come last.
#[derive(Default)]
struct Matches {
    found: Vec<Match>,
    more: bool,
    considered: u64,
}

/// One question loads at most so many sealed reads, with their pictures, into memory.
const FOUND: usize = 1000;
/// So many days are looked at at a time.
const WORKERS: usize = 4;
/// Of so many reads one statement asks whether they are there.
const ASKED: usize = 64;

impl Store {
    /// Which of these reads are stored already.
    pub fn known(&self, day: Day, ids: &[ReadId]) -> Result<Vec<ReadId>> {
        let places: Vec<String> = (1..=ASKED).map(|n| format!("?{n}")).collect();
        let sql = format!("SELECT id FROM reads WHERE id IN ({})", places.join(", "));
        let known = self.in_old_day(day, |db| {
            let mut there = HashSet::new();
            for some in ids.chunks(ASKED) {
                // The statement is always the same; the last chunk is filled up with its first id.
                let args: Vec<Arg<'_>> = some
                    .iter()
                    .chain(std::iter::repeat(&some[0]))
                    .take(ASKED)
                    .map(|id| Arg::from(id.bytes()))
                    .collect();
                for mut row in db.query(&sql, &args)? {
                    there.insert(row.id(0, ReadId::from_bytes)?);
                }
            }
            Ok(ids.iter().copied().filter(|id| there.contains(id)).collect())
        })?;
        Ok(known.unwrap_or_default())
    }

    /// Stores a batch: its pictures first, then everything else in one transaction in the file of its
    /// day. When this returns, it is on disk. Reads that are there already are `known`; they and their
    /// effects change nothing.
    pub fn put_batch(&self, mut batch: SealedBatch, effects: Vec<Effect>) -> Result<Stored> {
        check_batch(&batch, &effects)?;
        if batch.reads.is_empty() {
            return Ok(Stored::default());
        }
        self.takes_day(batch.day)?;
        let places = self.put_pictures(&mut batch)?;
        let done = self.in_day(batch.day, |db| {
            let mut tx = db.begin()?;
            let stored = put_reads(&mut tx, &batch, &places)?;
            let new: HashSet<ReadId> = stored.new.iter().copied().collect();
            put_effects(&mut tx, &batch, &effects, &new, &places)?;
            tx.commit()?;
            Ok(stored)
        });
        if done.as_ref().is_ok_and(|stored| stored.new.is_empty()) {
            self.take_back(batch.day, &places);
        }
        // After the transaction, and even if it failed: marked before it, the day could be looked at
        // by another thread's relay while there is nothing to see yet, and then not again.
        if !effects.is_empty() {
            hold(&self.days.pending).insert(batch.day);
        }
        done
    }

    /// Moves the pictures of a batch to packs, which are lasting when this returns.
    fn put_pictures(&self, batch: &mut SealedBatch) -> Result<Places> {
        let (mut places, mut reads, mut hits) = (Places::default(), Pack::new(), Pack::new());
        for read in &mut batch.reads {
            if let Some(picture) = read.picture.take() {
                places.reads.insert(read.id, reads.add(&picture));
            }
        }
        for hit in &mut batch.hits {
            if let Some(picture) = hit.picture.take() {
                places.hits.insert(hit.id, hits.add(&picture));
            }
        }
        if !reads.is_empty() {
            places.pack = Some((reads.id, reads.bytes()));
            self.album()?.put(Of::Reads, batch.day, reads)?;
        }
        if !hits.is_empty() {
            self.album()?.put(Of::Hits, batch.day, hits)?;
        }
        Ok(places)
    }

    /// Removes packs of a batch of which nothing was new. If it fails, the sweep does it.
    fn take_back(&self, day: Day, places: &Places) {
        let reads = places.pack.iter().map(|(id, _)| (Of::Reads, *id));
        let hits = places.hits.values().next().map(|placed| (Of::Hits, placed.pack));
        for (of, id) in reads.chain(hits) {
            if let Err(e) = self.album().and_then(|album| album.remove(of, day, &id)) {
                tracing::warn!(error = %e.inside(), "a pack of known pictures stays for the sweep");
            }
        }
    }

    /// The sealed reads that a permit covers, by time, and how many reads lie in its cameras and
    /// time. Only the permit's days are opened.
    pub fn search(&self, permit: &Permit) -> Result<Search> {
        let days = permit.days();
        self.search_in(&Wanted {
            cameras: permit.cameras(),
            from: permit.from(),
            until: permit.until(),
            days: days.into_iter().map(|day| (day, permit.tokens(day))).collect(),
            ids: permit.matched().copied().collect(),
        })
    }

    pub(crate) fn search_in(&self, wanted: &Wanted<'_>) -> Result<Search> {
        let cameras: BTreeSet<&str> = wanted.cameras.iter().map(CameraId::as_str).collect();
        let mut out = Matches::default();
        // The newest first, as they are what a question that finds too much needs most.
        let days: Vec<(Day, &[Token])> = wanted.days.iter().rev().copied().collect();
        let of_day = |(day, tokens): &(Day, &[Token])| {
            self.in_old_day(*day, |db| {
                let (found, more) = find(db, *day, wanted, &cameras, tokens)?;
                Ok((found, more, considered(db, *day, wanted, &cameras)?))
            })
        };
        for part in side_by_side(&days, of_day) {
            let Some((found, more, considered)) = part? else { continue };
            let room = FOUND - out.found.len();
            out.more |= more || found.len() > room;
            out.found.extend(found.into_iter().take(room));
            out.considered += considered;
        }
        self.add_pictures(&mut out.found)?;
        let mut found: Vec<Found> = out.found.into_iter().map(|(found, _)| found).collect();
        found.sort_by_key(|f| (f.read.captured, f.read.id));
        Ok(Search { found, more: out.more, considered: out.considered })
    }

    /// Fetches the pictures of what was found, with no day held.
    pub(crate) fn add_pictures(&self, found: &mut [Match]) -> Result<()> {
        let wanted: Vec<(Of, Day, Placed)> = found
            .iter()
            .filter_map(|(f, placed)| Some((Of::Reads, f.read.id.day(), (*placed)?)))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let mut pictures = self.album()?.fetch(&wanted)?.into_iter();
        for (found, _) in found.iter_mut().filter(|(_, placed)| placed.is_some()) {
            found.read.picture = pictures.next().flatten();
        }
        Ok(())
    }

    /// How many reads each camera has on a day.
    pub fn counts(&self, day: Day) -> Result<Vec<(CameraId, u64)>> {
        let counts = self.in_old_day(day, |db| {
            let rows = db.query("SELECT camera, reads FROM counts ORDER BY camera", &[])?;
            rows.into_iter()
                .map(|mut row| Ok((row.parsed(0)?, row.get::<i64>(1)?.unsigned_abs())))
                .collect::<Result<Vec<_>>>()
        })?;
        Ok(counts.unwrap_or_default())
    }
}

/// Days are apart from each other, and most of the time of a look-up is waiting for the disk: several are
/// looked at at a time. The results are in the order of the items.
fn side_by_side<T: Sync, U: Send>(items: &[T], look: impl Fn(&T) -> U + Sync) -> Vec<U> {
    if items.len() < 3 {
        return items.iter().map(look).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return done };
            done.push((at, look(item)));
        }
    };
    let mut done: Vec<(usize, U)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS.min(items.len())).map(|_| scope.spawn(work)).collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, Vec<(usize, U)>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(join).collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// A batch that contradicts itself is refused before anything is written.
fn check_batch(batch: &SealedBatch, effects: &[Effect]) -> Result<()> {
    let bad = |what: &str| Err(Error::invalid(format!("The batch cannot be stored: {what}.")));
    let segments: HashMap<SegmentId, &CameraId> =
        batch.segments.iter().map(|s| (s.id, &s.camera)).collect();
    if segments.len() != batch.segments.len() {
        return bad("a segment stands in it twice");
    }
    let mut reads = HashSet::with_capacity(batch.reads.len());
    for read in &batch.reads {
        if read.id.day() != batch.day || read.id.time() != read.captured {
            return bad("a read is of another day than its id or the batch says");
        }
        if segments.get(&read.segment) != Some(&&read.camera) {
            return bad("a read names a segment that is not in it, or another camera's");
        }
        if !reads.insert(read.id) {
            return bad("a read stands in it twice");
        }
    }
    let copies: HashSet<HitId> = batch.hits.iter().map(|h| h.id).collect();
    if copies.iter().any(|hit| hit.time().day() != batch.day) {
        return bad("a hit is of another day");
    }
    for effect in effects {
        let Effect::Hit { hit, .. } = effect;
        if !reads.contains(&effect.read()) {
            return bad("an effect is of a read that is not in it");
        }
        // A hit that nobody can ever open would be a question without a picture.
        if !copies.contains(hit) {
            return bad("a hit has no sealed copy of its read");
        }
    }
    Ok(())
}

/// Writes what the jobs made of the new reads, with the copies for their hits.
fn put_effects(
    tx: &mut Tx<'_>,
    batch: &SealedBatch,
    effects: &[Effect],
    new: &HashSet<ReadId>,
    places: &Places,
) -> Result<()> {
    let effects: Vec<&Effect> = effects.iter().filter(|e| new.contains(&e.read())).collect();
    if effects.is_empty() {
        return Ok(());
    }
    let last = tx.first("SELECT coalesce(max(seq), 0) FROM effects", &[])?;
    let mut seq: i64 = last.map_or(Ok(0), |mut row| row.get(0))?;
    let mut hits = HashSet::new();
    for effect in effects {
        let Effect::Hit { hit, read, .. } = effect;
        hits.insert(*hit);
        seq += 1;
        let json = serde_json::to_string(effect)
            .map_err(|e| Error::internal("An effect cannot be written; see the log.").because(e))?;
        tx.exec(
            "INSERT INTO effects (seq, read, json) VALUES (?1, ?2, ?3)",
            &[Arg::from(seq), Arg::from(read.bytes()), Arg::from(json.as_str())],
        )?;
    }
    for copy in batch.hits.iter().filter(|copy| hits.contains(&copy.id)) {
        put_hit_copy(tx, "hit_copies", copy, places.hits.get(&copy.id))?;
    }
    Ok(())
}

/// A hit's copy from the columns that `put_hit_copy` wrote, in that order, and where its picture is.
pub(crate) fn hit_copy(mut row: Row) -> Result<(SealedHit, Option<Placed>)> {
    let placed = Placed::of_row(&mut row, 6)?;
    let copy = SealedHit {
        id: row.id(0, HitId::from_bytes)?,
        epoch: Epoch { start_s: row.get(1)?, len_s: row.get(2)? },
        wrapped: Sealed(row.get(3)?),
        body: row.get(4)?,
        picture: row.maybe(5)?,
    };
    Ok((copy, placed))
}

/// The reads of one day that carry a token or were found by a scan, and lie in scope; at most `room`,
/// and whether there are more. Scope is looked at twice, here and by custody: what lies outside it
/// does not even leave this function.
fn find(
    db: &Db,
    day: Day,
    wanted: &Wanted<'_>,
    cameras: &BTreeSet<&str>,
    tokens: &[Token],
) -> Result<(Vec<Match>, bool)> {
    let by_token = format!(
        "{FOUND_COLUMNS} FROM tokens AS t JOIN reads AS r ON r.id = t.read \
         JOIN segments AS s ON s.id = r.segment LEFT JOIN pictures AS p ON p.read = r.id \
         WHERE t.token = ?1 AND r.captured >= ?2 AND r.captured < ?3 LIMIT {}",
        FOUND + 1
    );
    let by_id = format!(
        "{FOUND_COLUMNS} FROM reads AS r JOIN segments AS s ON s.id = r.segment \
         LEFT JOIN pictures AS p ON p.read = r.id \
         WHERE r.id = ?1 AND r.captured >= ?2 AND r.captured < ?3"
    );
    let mut seen = HashSet::new();
    let (mut out, mut more) = (Vec::new(), false);
    let (from, until) = (Arg::from(wanted.from), Arg::from(wanted.until));
    let ids = wanted.ids.iter().filter(|id| id.day() == day);
    let keys = tokens.iter().map(|t| (&by_token, Arg::from(&t.0)));
    for (sql, key) in keys.chain(ids.map(|id| (&by_id, Arg::from(id.bytes())))) {
        let rows = db.query(sql, &[key, from, until])?;
        // Reads of other cameras may have used the limit up.
        more |= rows.len() > FOUND;
        for row in rows {
            let found = found(row)?;
            if cameras.contains(found.0.read.camera.as_str()) && seen.insert(found.0.read.id) {
                if out.len() == FOUND {
                    return Ok((out, true));
                }
                out.push(found);
            }
        }
    }
    Ok((out, more))
}

/// What [`found`] reads.
pub(crate) const FOUND_COLUMNS: &str = "SELECT r.id, r.camera, r.captured, r.segment, r.counter, \
    r.body, r.tokens, p.sealed, s.epoch_start, s.epoch_len, s.wrapped, s.scan, \
    r.pack, r.pack_at, r.pack_len, r.pack_hash";

pub(crate) fn found(mut row: Row) -> Result<Match> {
    let camera: CameraId = row.parsed(1)?;
    let segment = row.id(3, SegmentId::from_bytes)?;
    let tokens: Vec<u8> = row.get(6)?;
    let placed = Placed::of_row(&mut row, 12)?;
    let found = Found {
        read: SealedRead {
            id: row.id(0, ReadId::from_bytes)?,
            camera: camera.clone(),
            segment,
            captured: row.get(2)?,
            counter: row.get::<i64>(4)?.cast_unsigned(),
            body: row.get(5)?,
            picture: row.maybe(7)?,
            tokens: tokens.as_chunks().0.iter().map(|token| Token(*token)).collect(),
        },
        segment: SealedSegment {
            id: segment,
            camera,
            epoch: Epoch { start_s: row.get(8)?, len_s: row.get(9)? },
            wrapped: Sealed(row.get(10)?),
            scan: row.maybe(11)?,
        },
    };
    Ok((found, placed))
}

/// How many reads of these cameras lie in the time; a whole day is read off its counts, and of another
/// day the smaller part is counted: what lies in the time, or what lies outside it.
fn considered(db: &Db, day: Day, wanted: &Wanted<'_>, cameras: &BTreeSet<&str>) -> Result<u64> {
    let mut whole = 0;
    for mut row in db.query("SELECT camera, reads FROM counts", &[])? {
        if cameras.contains(row.get::<String>(0)?.as_str()) {
            whole += row.get::<i64>(1)?.unsigned_abs();
        }
    }
    let (from, until) = (wanted.from.max(day.start()), wanted.until.min(day.next().start()));
    let inside = until.since(from);
    if inside * 2 > day.next().start().since(day.start()) {
        let before = counted(db, cameras, day.start(), from)?;
        let after = counted(db, cameras, until, day.next().start())?;
        return Ok(whole.saturating_sub(before + after));
    }
    counted(db, cameras, from, until)
}

/// How many reads of these cameras were captured from one moment until before another.
fn counted(db: &Db, cameras: &BTreeSet<&str>, from: Time, until: Time) -> Result<u64> {
    if from >= until {
        return Ok(0);
    }
    let mut sum = 0;
    for camera in cameras {
        let row = db.first(
            "SELECT count(*) FROM reads WHERE camera = ?1 AND captured >= ?2 AND captured < ?3",
            &[Arg::from(*camera), Arg::from(from), Arg::from(until)],
        )?;
        sum += row.map_or(Ok(0), |mut row| row.get::<i64>(0))?.unsigned_abs();
    }
    Ok(sum)
}

/// What refers to nothing, in sentences.
pub(crate) fn orphans(db: &Db) -> Result<Vec<String>> {
    const CHECKS: [(&str, &str); 5] = [
        (
            "reads without their segment",
            "SELECT count(*) FROM reads AS r LEFT JOIN segments AS s ON s.id = r.segment \
             WHERE s.id IS NULL",
        ),
        (
            "tokens without their read",
            "SELECT count(*) FROM tokens AS t LEFT JOIN reads AS r ON r.id = t.read \
             WHERE r.id IS NULL",
        ),
        (
            "pictures without their read",
            "SELECT count(*) FROM pictures AS p LEFT JOIN reads AS r ON r.id = p.read \
             WHERE r.id IS NULL",
        ),
        (
            "reads whose pack is not in its list",
            "SELECT count(*) FROM reads AS r LEFT JOIN packs AS p ON p.id = r.pack \
             WHERE r.pack IS NOT NULL AND p.id IS NULL",
        ),
        (
            "cameras whose count is wrong",
            "SELECT count(*) FROM counts AS c \
             WHERE c.reads <> (SELECT count(*) FROM reads AS r WHERE r.camera = c.camera)",
        ),
    ];
    let mut wrong = Vec::new();
    for (what, sql) in CHECKS {
        let many = db.first(sql, &[])?.map_or(Ok(0), |mut row| row.get::<i64>(0))?;
        if many > 0 {
            wrong.push(format!("{} has {many} {what}; restore it from a backup.", db.name()));
        }
    }
    Ok(wrong)
}
