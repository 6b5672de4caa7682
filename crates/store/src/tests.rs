//! Batches as a small text, the whole content of a store as another.
//!
//! A batch is reads divided by commas: `camera second plate`, with `!` behind it where a job made a
//! hit of it. The same words give the same read, whichever batch it comes in; its sealed bytes
//! differ from batch to batch, as custody's do.

mod admission;
mod batches;
mod bench;
mod bucket;
mod copying;
mod custody;
mod files;
mod lists;
mod outbox;
mod oversight;
mod pictures;
mod postgres;
mod relay;
mod search;

use crate::open::Store;
use crate::{Pictures, Place, Url};
use ::custody::{SealedBatch, SealedHit, SealedRead, SealedSegment, Token};
use base::{CameraId, Day, Epoch, Result, SegmentId, random, sha256};
use read::{Effect, Sealed, hit_id};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use testkit::postgres::Database;

pub(crate) fn day(n: i32) -> Day {
    Day::from_number(20_000 + n)
}

pub(crate) fn camera(name: &str) -> CameraId {
    format!("cam_{name}").parse().unwrap()
}

/// Stands for custody's keyed hash: differs by day, is no plate.
pub(crate) fn token(day: Day, plate: &str) -> Token {
    Token(sha256(format!("secret {day} {plate}").as_bytes()))
}

fn ten(seed: &str) -> [u8; 10] {
    let mut out = [0; 10];
    out.copy_from_slice(&sha256(seed.as_bytes())[..10]);
    out
}

/// The batch and the effects that a spec stands for.
pub(crate) fn pack(day: Day, spec: &str) -> (SealedBatch, Vec<Effect>) {
    let mut batch = SealedBatch { day, segments: vec![], reads: vec![], hits: vec![] };
    let mut effects = Vec::new();
    for (counter, words) in (1u64..).zip(spec.split(',')) {
        let [name, second, plate] = words.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{words}")
        };
        let camera = camera(name);
        let captured = day.start().plus_millis(second.parse::<i64>().unwrap() * 1000);
        let plate = plate.strip_suffix('!').unwrap_or(plate);
        let id = base::ReadId::new(captured, ten(&format!("{name} {second} {plate}")));
        let epoch = Epoch::of(captured, 3600);
        let segment = SegmentId::new(captured, random());
        batch.segments.push(SealedSegment {
            id: segment,
            camera: camera.clone(),
            epoch,
            wrapped: Sealed(random::<80>().to_vec()),
            scan: Some(random::<92>().to_vec()),
        });
        batch.reads.push(SealedRead {
            id,
            camera,
            segment,
            captured,
            counter,
            body: random::<200>().to_vec(),
            picture: (counter % 2 == 1).then(|| random::<3000>().to_vec()),
            tokens: vec![token(day, plate), token(day, &format!("{plate} misread"))],
        });
        if words.trim_end().ends_with('!') {
            let entry = format!("ent_{}", plate.to_lowercase()).parse().unwrap();
            let hit = hit_id(&entry, &id);
            batch.hits.push(SealedHit {
                id: hit,
                epoch,
                wrapped: Sealed(random::<80>().to_vec()),
                body: random::<200>().to_vec(),
                picture: (counter % 2 == 1).then(|| random::<3000>().to_vec()),
            });
            let list = "lst_stolen".parse().unwrap();
            effects.push(Effect::Hit {
                hit,
                list,
                entry,
                read: id,
                probability_ppm: 970_000,
                basis: None,
            });
        }
    }
    (batch, effects)
}

pub(crate) fn put(store: &Store, day: Day, spec: &str) -> Result<(usize, usize)> {
    let (batch, effects) = pack(day, spec);
    store.put_batch(batch, effects).map(|s| (s.new.len(), s.known.len()))
}

/// Everything that a store says, but for sealed bytes, which differ from run to run.
pub(crate) fn state(store: &Store) -> String {
    let mut out = String::new();
    for day in store.days().unwrap() {
        let counts = store.counts(day).unwrap();
        let reads = store.in_day(day, |db| {
            let rows = db.query("SELECT id, tokens FROM reads ORDER BY id", &[])?;
            let tokens = db.query("SELECT count(*) FROM tokens", &[])?;
            let effects = db.query("SELECT count(*), max(seq) FROM effects", &[])?;
            let copies = db.query("SELECT count(*) FROM hit_copies", &[])?;
            Ok(format!("{rows:?} {tokens:?} {effects:?} {copies:?}"))
        });
        out += &format!("{day} {counts:?} {}\n", reads.unwrap());
    }
    for hit in store.hits(1000, None).unwrap() {
        assert_eq!(store.sealed_hit(&hit.id).unwrap().id, hit.id);
        out += &format!("{hit:?}\n");
    }
    out
}

/// Runs tests that take an engine once on each.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite { $(#[test] fn $name() { super::$name(crate::tests::Engine::Sqlite) })+ }
        mod postgres { $(#[test] fn $name() { super::$name(crate::tests::Engine::Postgres) })+ }
    };
}
use on_both;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub fn new_store(self) -> (Home, Store) {
        let home = match self {
            Self::Sqlite => Home::Folder(tempfile::tempdir().unwrap()),
            Self::Postgres => {
                Home::Database(Database::new().unwrap(), tempfile::tempdir().unwrap())
            }
        };
        let store = home.open().unwrap();
        (home, store)
    }
}

/// Where a test's store lives.
pub(crate) enum Home {
    Folder(TempDir),
    Database(Database, TempDir),
}

impl Home {
    pub fn place(&self) -> Place {
        match self {
            Self::Folder(dir) => Place::Folder(dir.path().to_owned()),
            Self::Database(db, _) => {
                Place::Postgres { url: Url(db.url()), schema: "homeplate".into() }
            }
        }
    }

    /// Where its pictures are.
    pub fn pictures(&self) -> std::path::PathBuf {
        match self {
            Self::Folder(dir) | Self::Database(_, dir) => dir.path().join("pictures"),
        }
    }

    pub fn open(&self) -> Result<Store> {
        Store::open_at(&self.place(), &Pictures::Folder(self.pictures()))
    }

    pub fn folder(&self) -> Option<&Path> {
        if let Self::Folder(dir) = self { Some(dir.path()) } else { None }
    }

    /// SQLite's folder.
    pub fn path(&self) -> &Path {
        self.folder().unwrap()
    }

    /// The store as a power cut would leave it: copied while it is open.
    pub fn cut(&self) -> (Home, Store) {
        let cut = match self {
            Self::Folder(dir) => {
                let cut = tempfile::tempdir().unwrap();
                copy(dir.path(), cut.path());
                Home::Folder(cut)
            }
            Self::Database(db, dir) => {
                let cut = tempfile::tempdir().unwrap();
                copy(dir.path(), cut.path());
                Home::Database(db.copy().unwrap(), cut)
            }
        };
        let store = cut.open().unwrap();
        (cut, store)
    }

    /// Removes a day behind the store's back.
    pub fn lose(&self, store: Store, day: Day) {
        match self {
            Self::Folder(dir) => {
                drop(store);
                fs::remove_file(dir.path().join(format!("reads/{day}.db"))).unwrap();
            }
            Self::Database(..) => {
                let sql = format!("DROP SCHEMA {} CASCADE", schema(day));
                store.control().exec(&sql, &[]).unwrap();
            }
        }
    }

    /// Makes a dropped day anew behind the store's back, which closes; on SQLite from another's file.
    pub fn bring_back(&self, store: Store, day: Day, like: Day) {
        match self {
            Self::Folder(dir) => {
                drop(store);
                let file = |day| dir.path().join(format!("reads/{day}.db"));
                fs::copy(file(like), file(day)).unwrap();
            }
            Self::Database(..) => {
                store.control().exec(&format!("CREATE SCHEMA {}", schema(day)), &[]).unwrap();
            }
        }
    }

    /// Whether a day has a place, whatever the store says.
    pub fn has(&self, store: &Store, day: Day) -> bool {
        match self {
            Self::Folder(dir) => dir.path().join(format!("reads/{day}.db")).exists(),
            Self::Database(..) => {
                let sql = "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = ?1";
                store.control().first(sql, &[schema(day).as_str().into()]).unwrap().is_some()
            }
        }
    }
}

/// The schema of a day.
pub(crate) fn schema(day: Day) -> String {
    format!("homeplate_d{}", day.to_string().replace('-', "_"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|e| e.unwrap()) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Cuts the power after so many steps in a day's file, or never.
pub(crate) fn cut_in_day(store: &Store, day: Day, steps: Option<u32>) {
    store
        .in_day(day, |db| {
            db.faults.after(steps);
            Ok(())
        })
        .unwrap();
}

/// Every file below a folder.
pub(crate) fn all_files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() { out.extend(all_files(&entry)) } else { out.push(entry) }
    }
    out
}

/// Names of the files that hold some bytes.
pub(crate) fn files_with(dir: &Path, bytes: &[u8]) -> Vec<String> {
    let holds = |path: &Path| fs::read(path).unwrap().windows(bytes.len()).any(|w| w == bytes);
    let mut out: Vec<String> = all_files(dir)
        .iter()
        .filter(|path| holds(path))
        .map(|path| path.strip_prefix(dir).unwrap().display().to_string())
        .collect();
    out.sort();
    out
}
