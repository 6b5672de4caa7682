//! What logs were when they were last looked at, kept outside of them: the only way for one machine to
//! notice that a log was set back to an older copy of itself.

use crate::verify::Seen;
use base::{Error, Result, hex, sha256, write_atomic};
use std::path::{Path, PathBuf};

/// A folder of such memories, one file a log.
#[derive(Clone, Debug)]
pub struct Memory(PathBuf);

impl Memory {
    /// In this folder; it is made with the first memory.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Where programs of this user keep what they remember (XDG base directories).
    pub fn of_user(name: &str) -> Option<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
        Some(Self(state.join("homeplate").join(name)))
    }

    /// A log is known by its verifier key; its hash is a name that every disk takes.
    pub fn file(&self, vkey: &str) -> PathBuf {
        self.0.join(hex(&sha256(vkey.as_bytes())[..12]) + ".json")
    }

    /// What the log with this key was, if it was ever looked at.
    pub fn recall(&self, vkey: &str) -> Result<Option<Seen>> {
        let file = self.file(vkey);
        let text = match std::fs::read(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(unreadable(&file, "cannot be read").because(e)),
        };
        let seen = serde_json::from_slice(&text);
        seen.map(Some).map_err(|e| unreadable(&file, "is damaged").because(e))
    }

    /// Remembers what the log is now.
    pub fn remember(&self, vkey: &str, seen: &Seen) -> Result<()> {
        let json = serde_json::to_vec(seen)
            .map_err(|e| Error::internal("What was seen cannot be written.").because(e))?;
        write_atomic(&self.file(vkey), &json)
    }
}

fn unreadable(file: &Path, what: &str) -> Error {
    let file = file.display();
    Error::unavailable(format!(
        "{file}, which remembers how long the log was, {what}; mend it, or remove it to forget that."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::new(dir.path().join("sub"));
        assert_eq!(memory.recall("homeplate/x+1+A").unwrap(), None);
        let seen = Seen { size: 7, root: "AA==".into() };
        memory.remember("homeplate/x+1+A", &seen).unwrap();
        assert_eq!(memory.recall("homeplate/x+1+A").unwrap(), Some(seen));
        assert_eq!(memory.recall("homeplate/y+1+A").unwrap(), None);
        std::fs::write(memory.file("homeplate/x+1+A"), "7").unwrap();
        assert!(memory.recall("homeplate/x+1+A").is_err());
    }
}
