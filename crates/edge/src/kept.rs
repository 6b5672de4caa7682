//! Reads that the city has answered for stay a while, so that a city that died and was put together from an older
//! copy can have them again. They are the same ciphertext as before; ids make a second delivery harmless.
//!
//! What is kept counts for no limit of the spool and gives way first: the oldest goes when there are too many
//! bytes of them, or when it is too old. An order that erases the spool erases them too.

use super::{END, Index, Spool, sealed_in};
use base::{Error, Result};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const KEPT: &str = ".kept";
/// Names the restoration that was answered last.
const ANSWERED: &str = "resent";

/// How much of what was delivered is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// At most so many bytes; none are kept where it is 0.
    pub bytes: u64,
    /// At most so long after they were read.
    pub age: Duration,
}

impl Default for Keep {
    /// A day and an hour: a city copies its reads once an hour, or once a day.
    fn default() -> Self {
        Self { bytes: 256 << 20, age: Duration::from_secs(25 * 3600) }
    }
}

/// What is kept, the oldest first: number, bytes, when it was read.
#[derive(Debug, Default)]
pub(super) struct Kept {
    items: VecDeque<(u64, u64, SystemTime)>,
    bytes: u64,
}

impl Kept {
    fn push(&mut self, number: u64, size: u64, at: SystemTime) {
        self.bytes += size;
        self.items.push_back((number, size, at));
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The number of a kept item's file.
pub(super) fn number_of(name: &str) -> Option<u64> {
    name.strip_suffix(KEPT)?.parse().ok()
}

fn read_at(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Takes stock of what a process before has kept.
pub(super) fn settle(folder: &Path, mut numbers: Vec<u64>, index: &mut Index) {
    numbers.sort_unstable();
    for number in numbers {
        index.next = index.next.max(number + 1);
        let path = folder.join(format!("{number:016}{KEPT}"));
        // It was delivered: one that is damaged is no loss.
        match sealed_in(&path) {
            Some(size) => index.kept.push(number, size, read_at(&path)),
            None => {
                let _ = fs::remove_file(&path);
            }
        }
    }
}

impl Spool {
    /// The same spool, which keeps what was delivered.
    pub fn keeping(mut self, keep: Keep) -> Self {
        self.keep = Some(keep).filter(|keep| keep.bytes > 0);
        self
    }

    fn kept_path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:016}{KEPT}"))
    }

    /// An item was answered for: kept, or removed.
    pub(super) fn put_aside(&self, index: &mut Index, number: u64) -> std::io::Result<()> {
        let size = index.items.get(&number).copied();
        let (Some(_), Some(size)) = (self.keep, size) else { return self.forget(index, number) };
        let (from, to) = (self.path(number), self.kept_path(number));
        match fs::rename(&from, &to) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
            Ok(()) => index.kept.push(number, size, read_at(&to)),
        }
        index.drop_item(number);
        Ok(())
    }

    /// Lets go of what is kept beyond the bounds.
    pub(super) fn let_go(&self, index: &mut Index) {
        let keep = self.keep.unwrap_or(Keep { bytes: 0, age: Duration::ZERO });
        // The time that files carry is the machine's.
        let now = base::Clock::now(&base::SystemClock).millis().unsigned_abs();
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now);
        while let Some((_, _, at)) = index.kept.items.front().copied() {
            let old = now.duration_since(at).is_ok_and(|age| age > keep.age);
            if (index.kept.bytes <= keep.bytes && !old) || !self.let_one_go(index) {
                break;
            }
        }
    }

    /// Lets go of the oldest that is kept; whether there was one, and it is gone.
    pub(super) fn let_one_go(&self, index: &mut Index) -> bool {
        let Some((number, size, _)) = index.kept.items.front().copied() else { return false };
        if let Err(e) = fs::remove_file(self.kept_path(number))
            && e.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(error = %e, "a delivered read cannot be removed");
            return false;
        }
        index.kept.items.pop_front();
        index.kept.bytes = index.kept.bytes.saturating_sub(size);
        true
    }

    /// How many delivered reads are kept.
    pub fn kept(&self) -> usize {
        self.lock().kept.items.len()
    }

    /// What is kept waits to be sent again; how many that are. A restoration is answered once, by its name:
    /// the same one later changes nothing.
    pub fn resend(&self, restoration: &str) -> Result<usize> {
        let cannot = |e: std::io::Error| {
            Error::unavailable("Delivered reads cannot be made ready to be sent again.").because(e)
        };
        let answered = self.folder.join(ANSWERED);
        if fs::read_to_string(&answered).is_ok_and(|name| name == restoration) {
            return Ok(0);
        }
        let mut index = self.lock();
        self.let_go(&mut index);
        let mut count = 0;
        while let Some((number, size, _)) = index.kept.items.pop_front() {
            index.kept.bytes = index.kept.bytes.saturating_sub(size);
            let to = self.folder.join(format!("{number:016}{END}"));
            match fs::rename(self.kept_path(number), &to) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                other => other.map_err(cannot)?,
            }
            index.items.insert(number, size);
            index.held += size;
            count += 1;
        }
        File::open(&self.folder).and_then(|f| f.sync_all()).map_err(cannot)?;
        // Last: cut off before this, they are sent once more, which is harmless.
        base::write_atomic(&answered, restoration.as_bytes())?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Full;

    fn open(folder: &Path, bytes: u64, age: Duration) -> Spool {
        let spool = Spool::open(folder, 10_000, Full::DropNew).unwrap().0;
        spool.keeping(Keep { bytes, age })
    }

    fn bodies(spool: &Spool) -> Vec<Vec<u8>> {
        spool.oldest(100, u64::MAX).unwrap().into_iter().map(|(_, body)| body).collect()
    }

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn what_was_delivered_can_be_sent_again_once() {
        let dir = tempfile::tempdir().unwrap();
        let spool = open(dir.path(), 1000, DAY);
        for item in [b"one".as_slice(), b"two", b"three"] {
            spool.push(item).unwrap();
        }
        spool.remove(&[1, 2]).unwrap();
        assert_eq!((bodies(&spool), spool.kept()), (vec![b"three".to_vec()], 2));
        // Over a restart.
        drop(spool);
        let spool = open(dir.path(), 1000, DAY);
        assert_eq!((spool.len(), spool.kept()), (1, 2));
        assert_eq!(spool.resend("first").unwrap(), 2);
        assert_eq!(bodies(&spool), [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
        spool.remove(&[1, 2, 3]).unwrap();
        assert_eq!(spool.resend("first").unwrap(), 0, "it was answered");
        drop(spool);
        let spool = open(dir.path(), 1000, DAY);
        assert_eq!(spool.resend("first").unwrap(), 0, "over a restart too");
        assert_eq!(spool.resend("second").unwrap(), 3);
        // A number is never given twice.
        spool.push(b"four").unwrap();
        assert_eq!(bodies(&spool).len(), 4);
        spool.remove(&[1]).unwrap();
        assert!(spool.erase().unwrap() >= 4);
        assert_eq!((spool.kept(), spool.resend("third").unwrap()), (0, 0), "an order erases them");
    }

    /// Where a new read cannot be written, what was delivered goes first; only then is the new one lost.
    #[test]
    fn it_gives_way_to_what_was_not_delivered() {
        let dir = tempfile::tempdir().unwrap();
        let spool = open(dir.path(), 1000, DAY);
        for item in [b"one".as_slice(), b"two"] {
            spool.push(item).unwrap();
        }
        spool.remove(&[1, 2]).unwrap();
        // In the way of the file beside: nothing can be written there.
        let beside = dir.path().join("0000000000000003.sealed.new");
        fs::create_dir_all(beside.join("x")).unwrap();
        assert!(spool.push(b"three").is_err());
        assert_eq!((spool.kept(), spool.len()), (0, 0));
        fs::remove_dir_all(&beside).unwrap();
        spool.push(b"three").unwrap();
        assert_eq!(bodies(&spool), [b"three".to_vec()]);
    }

    #[test]
    fn it_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let spool = open(dir.path(), 250, DAY);
        for n in 1..=5u64 {
            spool.push(&[n as u8; 100]).unwrap();
            spool.remove(&[n]).unwrap();
        }
        assert_eq!(spool.kept(), 2, "bytes");
        drop(spool);
        let spool = open(dir.path(), 250, Duration::ZERO);
        std::thread::sleep(Duration::from_millis(20));
        spool.push(b"x").unwrap();
        spool.remove(&[6]).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(spool.resend("first").unwrap(), 0, "age");
        let none = open(&dir.path().join("none"), 0, DAY);
        none.push(b"x").unwrap();
        none.remove(&[1]).unwrap();
        assert_eq!((none.kept(), none.resend("first").unwrap()), (0, 0), "kept nowhere");
    }
}
