//! Where a machine remembers what a city's log was: beside the city's folder and never in it, so that an older copy of
//! the folder does not bring its own memory along.
//!
//! The place follows from the folder alone, so that the server, root and whoever else calls mean the same. Where it lay
//! before that was so, by the environment of the server's user, counts as well and is kept up.

use base::{Error, Result};
use ledger::Memory;
use nix::unistd::{User, chown};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The folder beside the city's, and those in it: as the package has had them from the beginning.
const FOLDERS: [&str; 3] = ["state", "homeplate", "served"];
/// What the package's service says, whichever folder it serves.
const PACKAGED: &str = "/var/lib/homeplate";

/// What this machine remembers of the log of the city in `dir`.
pub fn memory(dir: &Path) -> Memory {
    let named = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    // Whoever names the folder by a link means the same.
    let meant = std::fs::canonicalize(&named).unwrap_or_else(|_| named.clone());
    let known = Memory::new(beside(&meant));
    let known = known.and(Memory::new(beside(&named))).and(Memory::new(below(Path::new(PACKAGED))));
    [of_owner(&meant), Memory::of_user("served")].into_iter().flatten().fold(known, Memory::and)
}

/// Makes the place, for a server that may not make it itself. Only root can.
pub(crate) fn make_for(dir: &Path, server: &User) -> Result<()> {
    let trouble = |folder: &Path, e: std::io::Error| {
        Error::unavailable(format!("{} cannot be made; be root.", folder.display())).because(e)
    };
    let dir = std::fs::canonicalize(dir).map_err(|e| trouble(dir, e))?;
    let mut folder = above(&dir);
    for name in FOLDERS {
        folder.push(name);
        match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => continue,
            other => other.map_err(|e| trouble(&folder, e))?,
        }
        chown(&folder, Some(server.uid), Some(server.gid))
            .map_err(|e| trouble(&folder, e.into()))?;
    }
    Ok(())
}

fn above(dir: &Path) -> PathBuf {
    dir.parent().unwrap_or(dir).to_owned()
}

fn below(folder: &Path) -> PathBuf {
    FOLDERS.iter().fold(folder.to_owned(), |folder, name| folder.join(name))
}

fn beside(dir: &Path) -> PathBuf {
    below(&above(dir))
}

/// Where the folder's owner has it without a word in the environment.
fn of_owner(dir: &Path) -> Option<Memory> {
    let uid = std::fs::metadata(dir).ok()?.uid();
    let owner = User::from_uid(uid.into()).ok().flatten()?;
    Some(Memory::new(owner.dir.join(".local").join(below(Path::new("")))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::Seen;

    /// Whoever calls, from wherever: one memory. And the folder itself does not hold it.
    #[test]
    fn a_folder_has_one_memory_whatever_it_is_called() {
        let dir = tempfile::tempdir().unwrap();
        let city = dir.path().join("city");
        std::fs::create_dir(&city).unwrap();
        std::os::unix::fs::symlink(&city, dir.path().join("link")).unwrap();
        let (vkey, seen) = ("homeplate/x+1+A", Seen { size: 7, root: "AA==".into() });
        memory(&city).remember(vkey, &seen).unwrap();
        for name in ["city", "link", "city/../city"] {
            let known = memory(&dir.path().join(name)).recall(vkey).unwrap();
            assert_eq!(known.as_ref(), Some(&seen), "{name}");
        }
        assert!(dir.path().join("state/homeplate/served").is_dir());
        assert_eq!(std::fs::read_dir(&city).unwrap().count(), 0);
        // An older copy of it under the same name is another folder, and the memory is the same.
        std::fs::remove_dir(&city).unwrap();
        std::fs::create_dir(&city).unwrap();
        assert_eq!(memory(&city).recall(vkey).unwrap(), Some(seen));
    }
}
