//! The spool is erased where an order to switch off says so.
//!
//! What lies there is ciphertext to a key that this machine does not have; the files are removed, and the folder
//! synced. Overwriting them would promise more than a flash disk keeps.

use super::Spool;
use base::{Error, Result};
use std::fs::{self, File};

impl Spool {
    /// Removes every item, damaged ones too; returns how many that were. Nothing is left when this returns.
    pub fn erase(&self) -> Result<u64> {
        let cannot =
            |e: std::io::Error| Error::unavailable("The spool cannot be erased.").because(e);
        // Under the lock: what is pushed meanwhile waits, and is not erased by half.
        let mut index = self.lock();
        let mut erased = 0;
        for entry in fs::read_dir(&self.folder).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            let ending = path.extension().and_then(|e| e.to_str());
            if !matches!(ending, Some("sealed" | "kept" | "damaged" | "draft" | "new")) {
                continue;
            }
            match fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(cannot(e)),
                _ => erased += 1,
            }
        }
        File::open(&self.folder).and_then(|f| f.sync_all()).map_err(cannot)?;
        index.items.clear();
        index.passed.clear();
        index.later.clear();
        index.kept.clear();
        index.held = 0;
        Ok(erased)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("spool");
        let (spool, _) = Spool::open(&folder, 10_000, crate::Full::DropNew).unwrap();
        for item in [b"one".as_slice(), b"two"] {
            spool.push(item).unwrap();
        }
        fs::write(folder.join("0000000000000009.damaged"), b"half").unwrap();
        fs::write(folder.join("notes.txt"), b"not ours").unwrap();
        assert_eq!(spool.erase().unwrap(), 3);
        assert!(spool.is_empty() && spool.oldest(9, u64::MAX).unwrap().is_empty());
        let left: Vec<_> = fs::read_dir(&folder).unwrap().collect();
        assert_eq!(left.len(), 1);
        // It goes on, with numbers that were not used before.
        spool.push(b"three").unwrap();
        assert_eq!(spool.oldest(9, u64::MAX).unwrap()[0].0, 3);
        assert_eq!(spool.push(&[0; 9_990]).unwrap(), 0, "all its room is free again");
    }
}
