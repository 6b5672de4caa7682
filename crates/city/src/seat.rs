//! Which of several servers serves a city: the one that has its seat. The others stand by.
//!
//! The seat is a lock on a file (`flock`), so that it is free the moment its holder is gone, however it went, and nobody
//! waits for a lease to run out. Whoever waits for it looks ten times a second: what a file system that several machines
//! share does with those that sleep on a lock differs. It decides who opens the city; the log's own lock and the store's decide once more, each
//! for itself, so that nothing rests on this file alone. Where the city's folder is shared by several machines, the file
//! system must know locks across them (NFS does, and frees those of a dead machine after its own lease).
//!
//! Beside it lies a note of where the holder takes connections from the others, and the key by which they know each other.
//! It is written anew by every holder. Not here: connections (`server::passing`).

use base::{Error, Result, Shutdown, b64, random, read_secret, unb64, write_secret};
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder of seat and note, in the city's.
pub(crate) const FOLDER: &str = "serving";
const SEAT: &str = "seat";
const BESIDE: &str = "standing-by";
const NOTE: &str = "holder.json";
/// How often one who waits looks whether the seat is free.
const LOOK: Duration = Duration::from_millis(100);

/// The right to serve a city, as long as this lives.
#[derive(Debug)]
pub struct Seat {
    note: PathBuf,
    _lock: File,
}

/// Says that a server stands by, as long as this lives.
#[derive(Debug)]
pub struct StandingBy(#[expect(dead_code, reason = "held for its lock")] File);

/// Where the server that has the seat takes connections from those that stand by.
#[derive(Clone)]
pub struct Holder {
    /// Its address for them.
    pub address: SocketAddr,
    /// What both sides prove that they know.
    pub key: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct Note {
    v: u32,
    address: SocketAddr,
    key: String,
}

fn open(dir: &Path, name: &str) -> Result<File> {
    let folder = dir.join(FOLDER);
    let trouble = |e| {
        Error::unavailable(format!(
            "{} cannot be written; check the disk and the folder's owner.",
            folder.display()
        ))
        .because(e)
    };
    match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(trouble(e)),
        _ => {}
    }
    let mut options = File::options();
    options.create(true).truncate(false).read(true).write(true);
    // Read as well: some file systems give no shared lock otherwise.
    options.open(folder.join(name)).map_err(trouble)
}

fn unlockable(e: std::io::Error) -> Error {
    Error::unavailable(
        "The city's folder cannot be locked; is it on a file system that knows locks?",
    )
    .because(e)
}

fn tried(file: &File) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(e)) => Err(unlockable(e)),
    }
}

impl Seat {
    fn with(dir: &Path, lock: File) -> Self {
        Self { note: dir.join(FOLDER).join(NOTE), _lock: lock }
    }

    /// The seat, if nobody has it.
    pub fn try_take(dir: &Path) -> Result<Option<Self>> {
        let lock = open(dir, SEAT)?;
        Ok(tried(&lock)?.then(|| Self::with(dir, lock)))
    }

    /// The seat.
    ///
    /// # Errors
    /// `Conflict` if another process has it.
    pub fn take(dir: &Path) -> Result<Self> {
        Self::try_take(dir)?.ok_or_else(|| {
            Error::conflict(
                "Another server serves this city; stop it first, or start this one with --stand-by.",
            )
        })
    }

    /// The seat, while no server stands by that would take it next.
    ///
    /// # Errors
    /// `Conflict` if one serves or stands by.
    pub fn take_alone(dir: &Path) -> Result<Self> {
        let seat = Self::take(dir)?;
        if tried(&open(dir, BESIDE)?)? {
            return Ok(seat);
        }
        Err(Error::conflict(
            "A server stands by for this city and would take it over; stop it first.",
        ))
    }

    /// Waits until the seat is free, or `stop`; then `None`. Blocks its thread.
    pub fn wait(dir: &Path, stop: &Shutdown) -> Result<Option<Self>> {
        let lock = open(dir, SEAT)?;
        while !tried(&lock)? {
            if stop.sleep(LOOK) {
                return Ok(None);
            }
        }
        Ok(Some(Self::with(dir, lock)))
    }

    /// Tells those that stand by where this process takes connections from them; returns the key that they will know.
    pub fn announce(&self, address: SocketAddr) -> Result<[u8; 32]> {
        let key = random();
        let note = Note { v: 1, address, key: b64(&key) };
        let text = serde_json::to_vec(&note)
            .map_err(|e| Error::internal("The holder's note cannot be written.").because(e))?;
        write_secret(&self.note, &text)?;
        Ok(key)
    }
}

impl StandingBy {
    /// Says so.
    pub fn say(dir: &Path) -> Result<Self> {
        let file = open(dir, BESIDE)?;
        file.try_lock_shared().map_err(|e| match e {
            TryLockError::WouldBlock => {
                Error::conflict("The city is being upgraded; start this server when that is done.")
            }
            TryLockError::Error(e) => unlockable(e),
        })?;
        Ok(Self(file))
    }
}

impl Holder {
    /// Whoever announced itself last; `None` where nobody did, or not in words that this version knows. It may be gone
    /// by now.
    pub fn of(dir: &Path) -> Option<Self> {
        let bytes = read_secret(&dir.join(FOLDER).join(NOTE)).ok()?;
        let note: Note = serde_json::from_slice(bytes.expose()).ok()?;
        let key = unb64(&note.key)?.try_into().ok()?;
        (note.v == 1).then_some(Self { address: note.address, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Kind;

    #[test]
    fn one_has_the_seat_and_the_next_gets_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = Seat::take(dir.path()).unwrap();
        assert!(Seat::try_take(dir.path()).unwrap().is_none());
        assert_eq!(Seat::take(dir.path()).unwrap_err().kind(), Kind::Conflict);
        let path = dir.path().to_owned();
        let waiting = std::thread::spawn(move || Seat::wait(&path, &Shutdown::new()));
        drop(first);
        let next = waiting.join().unwrap().unwrap().unwrap();
        let stop = Shutdown::new();
        stop.stop();
        assert!(Seat::wait(dir.path(), &stop).unwrap().is_none());
        drop(next);
        assert!(Seat::try_take(dir.path()).unwrap().is_some());
    }

    #[test]
    fn an_upgrade_is_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) =
            (StandingBy::say(dir.path()).unwrap(), StandingBy::say(dir.path()).unwrap());
        assert_eq!(Seat::take_alone(dir.path()).unwrap_err().kind(), Kind::Conflict);
        drop(one);
        assert_eq!(Seat::take_alone(dir.path()).unwrap_err().kind(), Kind::Conflict);
        drop(other);
        let alone = Seat::take_alone(dir.path()).unwrap();
        assert!(Seat::try_take(dir.path()).unwrap().is_none());
        drop(alone);
        assert!(Seat::take(dir.path()).is_ok());
    }

    #[test]
    fn a_note_is_what_was_announced_last() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Holder::of(dir.path()).is_none());
        let seat = Seat::take(dir.path()).unwrap();
        let address = "127.0.0.1:7100".parse().unwrap();
        let old = seat.announce(address).unwrap();
        let key = seat.announce(address).unwrap();
        assert_ne!(old, key);
        let holder = Holder::of(dir.path()).unwrap();
        assert_eq!((holder.address, holder.key), (address, key));
        for bad in ["", "{}", "{\"v\":2,\"address\":\"127.0.0.1:1\",\"key\":\"AA==\"}", "\u{0}"] {
            std::fs::write(dir.path().join(FOLDER).join(NOTE), bad).unwrap();
            assert!(Holder::of(dir.path()).is_none(), "{bad}");
        }
    }
}
