//! Sealed reads on their way: a folder of files, oldest first.
//!
//! Each item is written beside, synced, renamed into place, and the folder synced: after kill -9 or a
//! power cut an item is there whole or not at all. An item goes only when [`Spool::remove`] is called,
//! and that is after the city has said what became of it; it may be kept a while even then (`kept`). What lies here is ciphertext to the city's
//! key: this machine cannot read it back.

#[path = "draft.rs"]
mod draft;
#[path = "erase.rs"]
mod erase;
#[path = "kept.rs"]
mod kept;

pub use kept::Keep;

use base::{Error, Result, sha256};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const MAGIC: &[u8; 4] = b"HPS1";
/// Magic, length, first eight bytes of the hash.
const HEAD: usize = 16;
const END: &str = ".sealed";
/// Delays that are remembered.
const DELAYS: usize = 1000;

/// A bounded queue of sealed reads that survives the process.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    limit: u64,
    full: Full,
    /// How much of what was delivered is kept, if anything is.
    keep: Option<Keep>,
    index: Mutex<Index>,
}

/// What a full spool does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Full {
    /// Keeps what it has and takes nothing new.
    #[default]
    DropNew,
    /// Gives up the oldest for the newest, also where the disk is full before the spool is.
    DropOldest,
}

/// What is in the folder: item numbers with their sizes.
#[derive(Debug, Default)]
struct Index {
    items: BTreeMap<u64, u64>,
    next: u64,
    /// Bytes of all items.
    held: u64,
    /// What was delivered and is kept.
    kept: kept::Kept,
    /// When the vehicles of items passed, as far as this process has put them here.
    passed: HashMap<u64, Instant>,
    /// From there to the city's answer, milliseconds, of the last thousand.
    delays: VecDeque<u64>,
    /// Items that are not sent before a moment.
    later: HashMap<u64, Instant>,
    /// Items that the disk had changed, of which nobody has been told yet.
    changed: usize,
}

impl Spool {
    /// Opens (or makes) a spool that holds at most `limit` bytes. Items that a crash has cut off are set aside as
    /// `.damaged`; how many is the second value. What a disk has changed in others is found when they are sent: to read
    /// gigabytes from a card first would leave the street unread for minutes.
    pub fn open(folder: &Path, limit: u64, full: Full) -> Result<(Self, usize)> {
        let cannot = |e: std::io::Error| {
            Error::unavailable(format!("The spool {} cannot be opened.", folder.display()))
                .because(e)
        };
        fs::create_dir_all(folder).map_err(cannot)?;
        let mut index = Index { items: BTreeMap::new(), next: 1, held: 0, ..Index::default() };
        let (mut damaged, mut drafts, mut before) = (0, Vec::new(), Vec::new());
        for entry in fs::read_dir(folder).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            if name.ends_with(".new") {
                // Never renamed: nobody was told that it is here.
                fs::remove_file(&path).map_err(cannot)?;
                continue;
            }
            drafts.extend(draft::number_of(name));
            before.extend(kept::number_of(name));
            let Some(number) = name.strip_suffix(END).and_then(|n| n.parse::<u64>().ok()) else {
                continue;
            };
            index.next = index.next.max(number + 1);
            match sealed_in(&path) {
                Some(size) => {
                    index.items.insert(number, size);
                    index.held += size;
                }
                None => {
                    damaged += 1;
                    fs::rename(&path, path.with_extension("damaged")).map_err(cannot)?;
                }
            }
        }
        kept::settle(folder, before, &mut index);
        damaged += draft::settle(folder, &drafts, &mut index).map_err(cannot)?;
        let folder = folder.to_owned();
        Ok((Self { folder, limit, full, keep: None, index: Mutex::new(index) }, damaged))
    }

    /// Puts a sealed item at the end; on disk when this returns. How many older ones were given up for it.
    pub fn push(&self, sealed: &[u8]) -> Result<usize> {
        self.push_aged(sealed, Duration::ZERO)
    }

    /// The middle and the 99th percentile of the milliseconds from a vehicle's last frame to the city's answer, of
    /// the last thousand reads of this process.
    pub fn delays(&self) -> Option<[u64; 2]> {
        let mut all: Vec<u64> = self.lock().delays.iter().copied().collect();
        all.sort_unstable();
        let at = |part: usize| all.get(all.len().saturating_sub(1) * part / 100).copied();
        Some([at(50)?, at(99)?])
    }

    /// [`Spool::push`] of the read of a vehicle that passed so long ago.
    pub fn push_aged(&self, sealed: &[u8], age: Duration) -> Result<usize> {
        self.put(None, sealed, age)
    }

    /// The same in the place of a draft, which goes.
    pub fn push_drafted(&self, number: u64, sealed: &[u8], age: Duration) -> Result<usize> {
        self.put(Some(number), sealed, age)
    }

    fn put(&self, drafted: Option<u64>, sealed: &[u8], age: Duration) -> Result<usize> {
        let mut index = self.lock();
        let size = sealed.len() as u64;
        let full = || Error::busy("The spool is full; reads are lost until the city answers.");
        if size > self.limit || (self.full == Full::DropNew && index.held + size > self.limit) {
            return Err(full());
        }
        let mut dropped = 0;
        while index.held + size > self.limit {
            let Some(oldest) = index.items.keys().next().copied() else { break };
            self.forget(&mut index, oldest).map_err(|e| full().because(e))?;
            dropped += 1;
        }
        let number = drafted.unwrap_or(index.next);
        let packed = pack(sealed);
        while let Err(e) = base::write_atomic(&self.path(number), &packed) {
            match self.make_room(&mut index, &e) {
                Some(undelivered) => dropped += undelivered,
                None => return Err(e),
            }
        }
        index.next = index.next.max(number + 1);
        if drafted.is_some() {
            self.end_draft(number)?;
        }
        index.held += size;
        index.items.insert(number, size);
        if let Some(passed) = Instant::now().checked_sub(age) {
            index.passed.insert(number, passed);
        }
        Ok(dropped)
    }

    /// Makes room where an item could not be written: what was delivered gives way to what was not; then, on a disk
    /// that is full, the oldest for the newest where that is chosen. How many undelivered ones went; `None` where
    /// trying again is in vain.
    fn make_room(&self, index: &mut Index, e: &Error) -> Option<usize> {
        if self.let_one_go(index) {
            return Some(0);
        }
        if self.full != Full::DropOldest || !is_full(e) {
            return None;
        }
        let oldest = index.items.keys().next().copied()?;
        self.forget(index, oldest).ok().map(|()| 1)
    }

    /// The oldest items, at most `count` and (the first aside) at most `bytes`, with their numbers. Those that were put
    /// off are not among them.
    pub fn oldest(&self, count: usize, bytes: u64) -> Result<Vec<(u64, Vec<u8>)>> {
        self.since(0, count, bytes)
    }

    /// The same from an item's number on.
    pub fn since(&self, number: u64, count: usize, bytes: u64) -> Result<Vec<(u64, Vec<u8>)>> {
        let numbers = self.lock().due(number, count);
        self.items(numbers, bytes)
    }

    /// Items that the city takes later are not sent again before so long; a start of the program forgets that.
    pub fn put_off(&self, waits: &BTreeMap<u64, Duration>) {
        let now = Instant::now();
        let mut index = self.lock();
        let there = waits.iter().filter(|(number, _)| index.items.contains_key(*number));
        let later: Vec<(u64, Instant)> = there.map(|(n, wait)| (*n, now + *wait)).collect();
        index.later.extend(later);
    }

    /// How many items turned out to be changed by the disk, and were set aside, since this was last asked.
    pub fn newly_changed(&self) -> usize {
        std::mem::take(&mut self.lock().changed)
    }

    /// How many of those that wait were put off.
    pub fn later(&self) -> usize {
        self.lock().later.len()
    }

    /// The number that the next item gets: what is older was there before.
    pub fn next_number(&self) -> u64 {
        self.lock().next
    }

    fn items(&self, numbers: Vec<u64>, bytes: u64) -> Result<Vec<(u64, Vec<u8>)>> {
        let mut out = Vec::new();
        let mut total = 0;
        let mut index = self.lock();
        for number in numbers {
            let Some(size) = index.items.get(&number).copied() else { continue };
            total += size;
            if !out.is_empty() && total > bytes {
                break;
            }
            let path = self.path(number);
            match fs::read(&path).ok().and_then(|file| unpack(&file).map(<[u8]>::to_vec)) {
                Some(sealed) => out.push((number, sealed)),
                None => {
                    tracing::error!(item = number, "a spooled item is damaged; set aside");
                    index.drop_item(number);
                    index.changed += 1;
                    let _ = fs::rename(&path, path.with_extension("damaged"));
                }
            }
        }
        Ok(out)
    }

    /// Removes items that the city has answered for, or keeps them a while ([`Spool::keeping`]).
    pub fn remove(&self, numbers: &[u64]) -> Result<()> {
        let cannot = |e: std::io::Error| {
            Error::unavailable("A delivered read cannot be removed from the spool.").because(e)
        };
        let mut index = self.lock();
        for number in numbers {
            if let Some(passed) = index.passed.get(number).copied() {
                index.delays.push_back(passed.elapsed().as_millis() as u64);
                let excess = index.delays.len().saturating_sub(DELAYS);
                index.delays.drain(..excess);
            }
            self.put_aside(&mut index, *number).map_err(cannot)?;
        }
        self.let_go(&mut index);
        // If this is lost in a power cut the items come back and are sent again: harmless.
        File::open(&self.folder).and_then(|f| f.sync_all()).map_err(cannot)
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn forget(&self, index: &mut Index, number: u64) -> std::io::Result<()> {
        match fs::remove_file(self.path(number)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => index.drop_item(number),
        }
        Ok(())
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:016}{END}"))
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    /// The first items from a number on that may be sent.
    fn due(&self, number: u64, count: usize) -> Vec<u64> {
        let now = Instant::now();
        let may = |n: &u64| self.later.get(n).is_none_or(|at| *at <= now);
        self.items.range(number..).map(|(n, _)| *n).filter(may).take(count).collect()
    }

    fn drop_item(&mut self, number: u64) {
        self.passed.remove(&number);
        self.later.remove(&number);
        if let Some(size) = self.items.remove(&number) {
            self.held = self.held.saturating_sub(size);
        }
    }
}

/// Whether a file could not be written because there is no room for it; a broken disk is no reason to give up what
/// lies on it.
fn is_full(e: &Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    std::error::Error::source(e)
        .and_then(|cause| cause.downcast_ref::<std::io::Error>())
        .is_some_and(|cause| matches!(cause.kind(), StorageFull | QuotaExceeded))
}

fn pack(sealed: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD + sealed.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&(sealed.len() as u32).to_le_bytes());
    out.extend_from_slice(&sha256(sealed)[..8]);
    out.extend_from_slice(sealed);
    out
}

fn unpack(file: &[u8]) -> Option<&[u8]> {
    let (head, sealed) = file.split_at_checked(HEAD)?;
    let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    let whole =
        &head[..4] == MAGIC && length as usize == sealed.len() && head[8..] == sha256(sealed)[..8];
    whole.then_some(sealed)
}

/// How many bytes are sealed in an item's file, by its head alone; `None` where it is not as long as that says.
fn sealed_in(path: &Path) -> Option<u64> {
    let mut file = File::open(path).ok()?;
    let mut head = [0; HEAD];
    file.read_exact(&mut head).ok()?;
    let length = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
    let there = file.metadata().ok()?.len();
    (&head[..4] == MAGIC && there == HEAD as u64 + length).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn open(dir: &tempfile::TempDir) -> (Spool, usize) {
        Spool::open(&dir.path().join("spool"), 10_000, Full::DropNew).unwrap()
    }

    fn bodies(spool: &Spool) -> Vec<Vec<u8>> {
        spool.oldest(100, u64::MAX).unwrap().into_iter().map(|(_, b)| b).collect()
    }

    #[test]
    fn first_in_first_out_over_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = open(&dir);
        for item in [b"one".as_slice(), b"two", b"three"] {
            spool.push(item).unwrap();
        }
        let (spool, damaged) = open(&dir);
        assert_eq!((spool.len(), damaged), (3, 0));
        let first = spool.oldest(1, u64::MAX).unwrap();
        assert_eq!(first[0].1, b"one");
        spool.remove(&[first[0].0]).unwrap();
        spool.remove(&[first[0].0]).unwrap();
        let (spool, _) = open(&dir);
        assert_eq!(bodies(&spool), [b"two".to_vec(), b"three".to_vec()]);
        spool.push(b"four").unwrap();
        assert_eq!(bodies(&spool).len(), 3);
    }

    #[test]
    fn a_batch_is_bounded_but_never_empty() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = open(&dir);
        for _ in 0..4 {
            spool.push(&[1; 100]).unwrap();
        }
        assert_eq!(spool.oldest(10, 250).unwrap().len(), 2);
        assert_eq!(spool.oldest(10, 1).unwrap().len(), 1);
        assert_eq!(spool.oldest(3, u64::MAX).unwrap().len(), 3);
    }

    #[test]
    fn a_full_spool_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = open(&dir);
        spool.push(&[0; 9_000]).unwrap();
        assert_eq!(spool.push(&[0; 2_000]).unwrap_err().kind(), base::Kind::Busy);
        assert_eq!(spool.len(), 1);
    }

    #[test]
    fn a_full_spool_may_give_up_its_oldest() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(&dir.path().join("spool"), 10_000, Full::DropOldest).unwrap();
        for i in 0..4u8 {
            assert_eq!(spool.push(&[i; 3_000]).unwrap(), usize::from(i == 3));
        }
        assert_eq!(bodies(&spool).iter().map(|b| b[0]).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(spool.push(&[9; 8_000]).unwrap(), 3);
        assert_eq!(bodies(&spool).len(), 1);
        assert_eq!(spool.push(&[9; 11_000]).unwrap_err().kind(), base::Kind::Busy);
        assert_eq!(bodies(&spool).len(), 1, "what can never fit costs nothing");
    }

    /// The disk may be full before the spool is.
    #[test]
    fn on_a_full_disk_it_is_the_same() {
        let full = || io_error(std::io::ErrorKind::StorageFull);
        let check = |choice: Full, keep: bool, e: Error, want: Option<usize>, left: usize| {
            let dir = tempfile::tempdir().unwrap();
            let (spool, _) = Spool::open(dir.path(), 10_000, choice).unwrap();
            let spool = if keep { spool.keeping(Keep::default()) } else { spool };
            (0..3u8).for_each(|i| assert_eq!(spool.push(&[i; 100]).unwrap(), 0));
            spool.remove(&[1]).unwrap();
            let got = spool.make_room(&mut spool.lock(), &e);
            assert_eq!((got, spool.len() + spool.kept()), (want, left), "{choice:?} {keep}");
        };
        // What was delivered goes first, whatever is wrong.
        check(Full::DropNew, true, full(), Some(0), 2);
        check(Full::DropOldest, true, full(), Some(0), 2);
        check(Full::DropOldest, false, full(), Some(1), 1);
        check(Full::DropNew, false, full(), None, 2);
        let broken = io_error(std::io::ErrorKind::ReadOnlyFilesystem);
        check(Full::DropOldest, false, broken, None, 2);
    }

    fn io_error(kind: std::io::ErrorKind) -> Error {
        Error::unavailable("It cannot be written.").because(std::io::Error::from(kind))
    }

    #[test]
    fn what_is_put_off_is_not_sent_before_its_time() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = open(&dir);
        (1..=3u8).for_each(|i| assert_eq!(spool.push(&[i; 10]).unwrap(), 0));
        let minute = Duration::from_secs(60);
        spool.put_off(&BTreeMap::from([(1, minute), (2, Duration::ZERO), (9, minute)]));
        let firsts = |bodies: Vec<Vec<u8>>| bodies.iter().map(|b| b[0]).collect::<Vec<_>>();
        assert_eq!((firsts(bodies(&spool)), spool.len(), spool.later()), (vec![2, 3], 3, 2));
        assert_eq!(spool.since(2, 1, u64::MAX).unwrap()[0].0, 2);
        spool.remove(&[1, 2, 3]).unwrap();
        assert_eq!((spool.len(), spool.later()), (0, 0));
        // A program that is started again asks again.
        spool.push(&[4; 10]).unwrap();
        spool.put_off(&BTreeMap::from([(4, minute)]));
        assert!(bodies(&spool).is_empty() && !bodies(&open(&dir).0).is_empty());
    }

    #[test]
    fn what_came_since_comes_in_its_order() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = open(&dir);
        (0..3u8).for_each(|i| assert_eq!(spool.push(&[i; 100]).unwrap(), 0));
        let mark = spool.next_number();
        (3..6u8).for_each(|i| assert_eq!(spool.push(&[i; 100]).unwrap(), 0));
        let firsts = |items: Vec<(u64, Vec<u8>)>| items.iter().map(|i| i.1[0]).collect::<Vec<_>>();
        assert_eq!(firsts(spool.since(mark, 9, u64::MAX).unwrap()), [3, 4, 5]);
        assert_eq!(firsts(spool.since(mark, 9, 250).unwrap()), [3, 4]);
        assert!(spool.since(mark + 9, 9, 250).unwrap().is_empty());
    }

    /// What a kill leaves behind at each point of a write, and what a disk may do to a file.
    #[test]
    fn crashes_lose_nothing_that_was_there() {
        let check = |leave: &dyn Fn(&Path), want_items: usize, want_damaged: usize| {
            let dir = tempfile::tempdir().unwrap();
            let (spool, _) = open(&dir);
            spool.push(b"kept").unwrap();
            spool.push(b"last").unwrap();
            drop(spool);
            leave(&dir.path().join("spool"));
            let (spool, damaged) = open(&dir);
            assert_eq!((spool.len(), damaged), (want_items, want_damaged));
            assert_eq!(bodies(&spool)[0], b"kept");
            // It goes on where it was, and a second start finds nothing new to complain about.
            spool.push(b"after").unwrap();
            let (spool, damaged) = open(&dir);
            assert_eq!(
                (bodies(&spool).last().unwrap().as_slice(), damaged),
                (b"after".as_slice(), 0)
            );
        };
        let last = |folder: &Path| folder.join("0000000000000002.sealed");
        check(&|_| {}, 2, 0);
        // Killed before the rename: half a file beside.
        check(&|f| fs::write(f.join("0000000000000003.sealed.new"), b"HPS1\x09").unwrap(), 2, 0);
        check(&|f| fs::write(f.join("0000000000000003.sealed.new"), pack(b"whole")).unwrap(), 2, 0);
        // The last item cut off, emptied, or changed by the disk.
        check(&|f| fs::write(last(f), &pack(b"last")[..18]).unwrap(), 1, 1);
        check(&|f| fs::write(last(f), b"").unwrap(), 1, 1);
        check(&|f| fs::write(last(f), [pack(b"last"), vec![0]].concat()).unwrap(), 1, 1);
        // Other files are nobody's business.
        check(&|f| fs::write(f.join("notes.txt"), b"hello").unwrap(), 2, 0);
    }

    /// What a disk has changed is not sent, and holds up nothing behind it; where its draft is there, that is the read.
    #[test]
    fn what_a_disk_has_changed_is_found_when_it_is_sent() {
        let check = |draft: bool, want: &[&[u8]], want_damaged: usize| {
            let dir = tempfile::tempdir().unwrap();
            let (spool, _) = open(&dir);
            spool.push(b"first").unwrap();
            spool.push(b"other").unwrap();
            drop(spool);
            let file = |end: &str| dir.path().join(format!("spool/0000000000000001.{end}"));
            if draft {
                fs::write(file("draft"), pack(b"draft")).unwrap();
            }
            let mut changed = pack(b"first");
            changed[HEAD] ^= 1;
            fs::write(file("sealed"), changed).unwrap();
            let (spool, damaged) = open(&dir);
            assert_eq!((spool.len(), damaged), (2, want_damaged));
            assert_eq!(bodies(&spool), want);
            assert!(file("damaged").exists());
            assert_eq!(spool.len(), want.len());
            // Somebody is told once of each.
            let told = [spool.newly_changed(), spool.newly_changed()];
            assert_eq!((told[0] + damaged, told[1]), (1, 0));
        };
        check(false, &[b"other".as_slice()], 0);
        check(true, &[b"draft".as_slice(), b"other"], 1);
    }

    proptest! {
        #[test]
        fn packing_is_checked(body in proptest::collection::vec(any::<u8>(), 0..64), at in 0usize..80, flip in 1u8..=255) {
            let mut file = pack(&body);
            prop_assert_eq!(unpack(&file), Some(&body[..]));
            let at = at % file.len();
            file[at] ^= flip;
            prop_assert_eq!(unpack(&file), None);
        }
    }
}
