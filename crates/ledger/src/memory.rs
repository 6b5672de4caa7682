//! What logs were when they were last looked at, kept outside of them: the only way for one machine to
//! notice that a log was set back to an older copy of itself.

use crate::verify::Seen;
use base::{Error, Result, hex, sha256, write_atomic};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Folders of such memories, one file a log: the first is where they belong, others are where they lay before, or lie
/// where the first cannot be written to.
#[derive(Clone, Debug)]
pub struct Memory(Vec<PathBuf>);

impl Memory {
    /// In this folder; it is made with the first memory.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(vec![folder.into()])
    }

    /// The same, and what lies in the folders of `others` counts as well.
    pub fn and(mut self, others: Self) -> Self {
        for folder in others.0 {
            if !self.0.contains(&folder) {
                self.0.push(folder);
            }
        }
        self
    }

    /// Where programs of this user keep what they remember (XDG base directories).
    pub fn of_user(name: &str) -> Option<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
        Some(Self::new(state.join("homeplate").join(name)))
    }

    /// What the log with this key was, if it was ever looked at: where several places know it, the longest.
    ///
    /// # Errors
    /// A memory is damaged; or that in the first folder cannot be read.
    pub fn recall(&self, vkey: &str) -> Result<Option<Seen>> {
        let (mut known, mut closed): (Option<Seen>, Option<Error>) = (None, None);
        for (at, folder) in self.0.iter().enumerate() {
            let file = named(folder, vkey);
            let text = match std::fs::read(&file) {
                Ok(text) => text,
                Err(e) if not_there(&e) => continue,
                // Another user's folder, which an environment names that was theirs. Of the first one it is an error, but where
                // another knows the log: a folder of that name may have been there before, for something else.
                Err(e) if e.kind() == ErrorKind::PermissionDenied => {
                    closed = closed.or((at == 0).then(|| unreadable(&file, &e).because(e)));
                    continue;
                }
                Err(e) => return Err(unreadable(&file, &e).because(e)),
            };
            let seen: Seen = serde_json::from_slice(&text).map_err(|e| {
                no_memory(&file, "is damaged; mend it, or remove it to forget that").because(e)
            })?;
            known = known.filter(|known| known.size >= seen.size).or(Some(seen));
        }
        match (known, closed) {
            (None, Some(closed)) => Err(closed),
            (known, _) => Ok(known),
        }
    }

    /// Remembers what the log is now: in the first folder that can be written to, and in those behind it that know an
    /// older state.
    ///
    /// # Errors
    /// No folder can be written to.
    pub fn remember(&self, vkey: &str, seen: &Seen) -> Result<()> {
        let json = serde_json::to_vec(seen)
            .map_err(|e| Error::internal("What was seen cannot be written.").because(e))?;
        let (mut done, mut trouble) = (false, None);
        for file in self.0.iter().map(|folder| named(folder, vkey)) {
            if done && !file.exists() {
                continue;
            }
            match write_atomic(&file, &json) {
                Ok(()) => done = true,
                Err(e) => trouble = trouble.or(Some(e)),
            }
        }
        trouble.filter(|_| !done).map_or(Ok(()), Err)
    }
}

/// A log is known by its verifier key; its hash is a name that every disk takes.
fn named(folder: &Path, vkey: &str) -> PathBuf {
    folder.join(hex(&sha256(vkey.as_bytes())[..12]) + ".json")
}

fn not_there(e: &std::io::Error) -> bool {
    matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn unreadable(file: &Path, e: &std::io::Error) -> Error {
    let what = if e.kind() == ErrorKind::PermissionDenied {
        "is another user's; run this as that user, or as root"
    } else {
        "cannot be read; mend it, or remove it to forget that"
    };
    no_memory(file, what)
}

fn no_memory(file: &Path, what: &str) -> Error {
    let file = file.display();
    Error::unavailable(format!("{file}, which remembers how long the log was, {what}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "homeplate/x+1+A";

    fn seen(size: u64) -> Seen {
        Seen { size, root: "AA==".into() }
    }

    #[test]
    fn what_was_seen_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("sub");
        let memory = Memory::new(&folder);
        assert_eq!(memory.recall(KEY).unwrap(), None);
        memory.remember(KEY, &seen(7)).unwrap();
        assert_eq!(memory.recall(KEY).unwrap(), Some(seen(7)));
        assert_eq!(memory.recall("homeplate/y+1+A").unwrap(), None);
        std::fs::write(named(&folder, KEY), "7").unwrap();
        assert!(memory.recall(KEY).is_err());
    }

    #[test]
    fn what_lay_elsewhere_before_is_not_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let (now, before) = (dir.path().join("now"), dir.path().join("before"));
        Memory::new(&before).remember(KEY, &seen(7)).unwrap();
        let memory = Memory::new(&now).and(Memory::new(&before)).and(Memory::new(&now));
        assert_eq!(memory.recall(KEY).unwrap(), Some(seen(7)));
        memory.remember(KEY, &seen(9)).unwrap();
        for folder in [&now, &before] {
            assert_eq!(Memory::new(folder).recall(KEY).unwrap(), Some(seen(9)), "{folder:?}");
        }
        // A memory of before may know less, or nothing.
        Memory::new(&before).remember(KEY, &seen(8)).unwrap();
        assert_eq!(memory.recall(KEY).unwrap(), Some(seen(9)));
        memory.remember("homeplate/y+1+A", &seen(1)).unwrap();
        assert_eq!(Memory::new(&before).recall("homeplate/y+1+A").unwrap(), None);
    }

    #[test]
    fn where_the_first_cannot_be_written_to_the_next_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let next = dir.path().join("next");
        let memory = Memory::new(file.join("sub")).and(Memory::new(&next));
        memory.remember(KEY, &seen(7)).unwrap();
        assert_eq!(memory.recall(KEY).unwrap(), Some(seen(7)));
        assert!(Memory::new(file.join("sub")).remember(KEY, &seen(7)).is_err());
    }
}
