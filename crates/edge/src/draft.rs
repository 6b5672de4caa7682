//! Drafts: a read that may still get better, sealed on disk meanwhile, so that a kill costs no pass that is open.
//!
//! A draft has the number that its read will have. When the read is there the draft goes before the read may be
//! sent; a start that finds both keeps the read, and one that finds the draft alone makes it the read. So each
//! is delivered once.

use super::{END, Index, Spool, pack, unpack};
use base::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

const DRAFT: &str = ".draft";

impl Spool {
    fn draft_path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:016}{DRAFT}"))
    }

    /// Keeps a read as it is so far; a later one takes its place by its number. On disk when this returns. What was
    /// delivered gives way to it, and nothing else: its read comes later, and is counted then.
    pub fn draft(&self, number: Option<u64>, sealed: &[u8]) -> Result<u64> {
        let mut index = self.lock();
        let number = number.unwrap_or_else(|| {
            index.next += 1;
            index.next - 1
        });
        let packed = pack(sealed);
        while let Err(e) = base::write_atomic(&self.draft_path(number), &packed) {
            if !self.let_one_go(&mut index) {
                return Err(e);
            }
        }
        Ok(number)
    }

    /// A draft's read will not come.
    pub fn drop_draft(&self, number: u64) {
        // What cannot be removed is a read after the next start: one too many beats one too few.
        if let Err(e) = fs::remove_file(self.draft_path(number)) {
            tracing::debug!(error = %e, "a draft");
        }
    }

    /// Removes the draft of a read that is on disk and not yet in the index.
    pub(super) fn end_draft(&self, number: u64) -> Result<()> {
        match fs::remove_file(self.draft_path(number)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::unavailable("A read's draft cannot be removed from the spool.")
                    .because(e))
            }
            _ => Ok(()),
        }
    }
}

/// The number of a draft's file.
pub(super) fn number_of(name: &str) -> Option<u64> {
    name.strip_suffix(DRAFT)?.parse().ok()
}

/// Makes reads of the drafts that a killed process has left. Beside a draft a read may be damaged: it is set aside. How
/// many were.
pub(super) fn settle(folder: &Path, drafts: &[u64], index: &mut Index) -> std::io::Result<usize> {
    let mut damaged = 0;
    for number in drafts {
        let from = folder.join(format!("{number:016}{DRAFT}"));
        let to = folder.join(format!("{number:016}{END}"));
        let there = index.items.contains_key(number);
        if there && !fs::read(&to).is_ok_and(|bytes| unpack(&bytes).is_some()) {
            fs::rename(&to, to.with_extension("damaged"))?;
            index.drop_item(*number);
            damaged += 1;
        }
        let whole = fs::read(&from).ok().and_then(|bytes| unpack(&bytes).map(<[u8]>::len));
        match whole {
            Some(size) if !index.items.contains_key(number) => {
                fs::rename(&from, &to)?;
                index.items.insert(*number, size as u64);
                index.held += size as u64;
            }
            _ => fs::remove_file(&from)?,
        }
        index.next = index.next.max(number + 1);
    }
    Ok(damaged)
}

#[cfg(test)]
mod tests {
    use crate::{Full, Spool};
    use std::time::Duration;

    fn bodies(spool: &Spool) -> Vec<Vec<u8>> {
        spool.oldest(100, u64::MAX).unwrap().into_iter().map(|(_, body)| body).collect()
    }

    #[test]
    fn a_kill_at_any_moment_leaves_each_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Spool::open(dir.path(), 10_000, Full::DropNew).unwrap().0;
        let spool = open();
        let first = spool.draft(None, b"first look").unwrap();
        spool.push(b"another").unwrap();
        assert_eq!(spool.draft(Some(first), b"second look").unwrap(), first);
        let dropped = spool.draft(None, b"a shop sign").unwrap();
        assert_eq!(bodies(&spool), [b"another".to_vec()], "a draft is not sent");
        spool.drop_draft(dropped);
        // Killed while it is a draft: the newest look is the read, in its place.
        let spool = open();
        assert_eq!(bodies(&spool), [b"second look".to_vec(), b"another".to_vec()]);
        // Finished: the draft is gone before it is sent.
        let next = spool.draft(None, b"a look").unwrap();
        spool.push_drafted(next, b"the read", Duration::ZERO).unwrap();
        let names = || -> Vec<String> {
            let names = std::fs::read_dir(dir.path()).unwrap().flatten();
            names.map(|e| e.file_name().into_string().unwrap()).collect()
        };
        assert!(!names().iter().any(|n| n.ends_with("draft")), "{:?}", names());
        assert_eq!(bodies(&spool).last().unwrap(), b"the read");
        // Killed between the two: the read counts.
        std::fs::write(spool.draft_path(next), super::pack(b"a look")).unwrap();
        assert_eq!(bodies(&open()).last().unwrap(), b"the read");
        assert_eq!(bodies(&open()).len(), 3);
        // Half a draft is none; an order to erase takes drafts too.
        let spool = open();
        std::fs::write(spool.draft_path(77), b"HPS1").unwrap();
        assert_eq!(bodies(&open()).len(), 3);
        let spool = open();
        spool.draft(None, b"a look").unwrap();
        assert_eq!(spool.erase().unwrap(), 4);
        assert!(bodies(&open()).is_empty());
    }
}
