//! The count of all frames that this device has ever pulled: it goes up, and never back.
//!
//! The count is said with every request for a lease and with every last word, and stands on the city's public
//! log. It must not repeat itself after the power was cut, so the file is ahead of the count: it promises that
//! no larger number was used. A start after a cut goes on from there; how often that was is in the file too, and
//! is said with the count.

use base::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The file is so far ahead: at ten frames a second it is written every hundred seconds.
const AHEAD: u64 = 1024;

/// A count of frames that outlives the process.
#[derive(Debug)]
pub struct FrameCounter {
    count: AtomicU64,
    /// How often the count has jumped ahead.
    jumps: u64,
    /// No larger number is used before the file says a larger one.
    reserved: AtomicU64,
    file: PathBuf,
    writing: Mutex<()>,
}

impl FrameCounter {
    /// Goes on from the file `frames` in the device's folder; from nothing where there is none.
    pub fn open(data: &Path) -> Result<Self> {
        let file = data.join("frames");
        let (count, jumps) = match std::fs::read_to_string(&file) {
            Ok(text) => kept(&text).ok_or_else(|| {
                // Beginning again from nothing would be a count that was said before.
                Error::invalid(format!(
                    "{} is damaged; write a number into it that is larger than the city's last.",
                    file.display()
                ))
            })?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => (0, 0),
            Err(e) => {
                return Err(
                    Error::unavailable(format!("{} cannot be read.", file.display())).because(e)
                );
            }
        };
        Ok(Self {
            count: AtomicU64::new(count),
            jumps,
            reserved: AtomicU64::new(count),
            file,
            writing: Mutex::new(()),
        })
    }

    /// One more frame was pulled from the source; returns its number.
    pub fn pulled(&self) -> u64 {
        let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        if number > self.reserved.load(Ordering::SeqCst) {
            let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            if number > self.reserved.load(Ordering::SeqCst) {
                self.write(number + AHEAD, true);
            }
        }
        number
    }

    /// The number of the last frame.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// How often the count has jumped ahead because it was not at rest when this program ended.
    pub fn jumps(&self) -> u64 {
        self.jumps
    }

    /// No frame is pulled any more: the file says the count as it is, so that the next start goes on
    /// without a jump. Returns the count.
    pub fn rest(&self) -> u64 {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let count = self.count();
        if self.reserved.load(Ordering::SeqCst) != count {
            self.write(count, false);
        }
        count
    }

    fn write(&self, number: u64, ahead: bool) {
        let ahead = if ahead { " ahead" } else { "" };
        let text = format!("{number} {}{ahead}\n", self.jumps);
        match base::write_atomic(&self.file, text.as_bytes()) {
            Ok(()) => self.reserved.store(number, Ordering::SeqCst),
            // Reading goes on; if the power is cut now, the count repeats itself, and that shows.
            Err(e) => tracing::error!(error = %e.inside(), "the count of frames cannot be kept"),
        }
    }
}

/// The count, how often it jumped, and `ahead` where the count was not at rest; the first alone is what a person
/// writes, and what was written before jumps were counted.
fn kept(text: &str) -> Option<(u64, u64)> {
    let mut words = text.split_ascii_whitespace();
    let count = words.next()?.parse().ok()?;
    let jumps = words.next().map_or(Some(0), |n| n.parse().ok())?;
    match (words.next(), words.next()) {
        (None, None) => Some((count, jumps)),
        (Some("ahead"), None) => Some((count, jumps + 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pull(counter: &FrameCounter, frames: u64) {
        for _ in 0..frames {
            counter.pulled();
        }
    }

    #[test]
    fn a_rest_is_exact_and_a_cut_jumps_ahead() {
        let dir = tempfile::tempdir().unwrap();
        let open = || FrameCounter::open(dir.path()).unwrap();
        let counter = open();
        assert_eq!(counter.count(), 0);
        pull(&counter, 10);
        assert_eq!(counter.rest(), 10);
        let counter = open();
        assert_eq!((counter.count(), counter.jumps()), (10, 0), "nothing was pulled since");
        pull(&counter, 1);
        drop(counter);
        let counter = open();
        assert!(counter.count() >= 11, "cut off, it goes on ahead of all that it said");
        let before = counter.count();
        assert_eq!((counter.pulled(), counter.jumps()), (before + 1, 1));
        counter.rest();
        assert_eq!(open().jumps(), 1, "a rest is no jump");
        std::fs::write(dir.path().join("frames"), "70\n").unwrap();
        assert_eq!((open().count(), open().jumps()), (70, 0));
        std::fs::write(dir.path().join("frames"), "many").unwrap();
        assert!(FrameCounter::open(dir.path()).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        /// Whatever happens between, no number is given twice.
        #[test]
        fn no_number_is_used_twice(steps in proptest::collection::vec((0u64..1500, any::<bool>()), 1..8)) {
            let dir = tempfile::tempdir().unwrap();
            let mut last = 0;
            for (frames, rests) in steps {
                let counter = FrameCounter::open(dir.path()).unwrap();
                for _ in 0..frames {
                    let number = counter.pulled();
                    prop_assert!(number > last);
                    last = number;
                }
                if rests {
                    prop_assert_eq!(counter.rest(), counter.count());
                }
            }
        }
    }
}
