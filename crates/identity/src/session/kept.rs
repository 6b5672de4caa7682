//! Sessions in a file of their own, so that people stay signed in when a server is started anew or another takes over.
//!
//! It holds hashes of tokens, for whom, how and since when: nobody gets in by it. It is no part of any copy of the city:
//! a copy would bring back sessions that have ended.

use super::{Session, Sessions};
use base::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// What is written; a file of another version is as good as none.
const VERSION: u32 = 1;

/// Where they are kept.
pub(super) struct Kept {
    path: PathBuf,
    /// Whether something is not in the file yet.
    pub changed: AtomicBool,
    /// What the file is known by. One writes at a time, so that the last one has seen all.
    mark: Mutex<String>,
}

#[derive(Serialize, Deserialize)]
struct Whole {
    version: u32,
    mark: String,
    /// By the hash of each token, in base64.
    sessions: Vec<(String, Session)>,
}

impl Sessions {
    /// The sessions that the server of this mark left in this file, and will be kept there. What another one left, or what
    /// cannot be read, is not believed: people sign in again. Those that have ended meanwhile, by hours or for want of
    /// use, are not open.
    pub fn kept_at(path: &Path, shift_hours: u32, mark: String) -> Self {
        let mut sessions = Self::new(shift_hours);
        let inner = sessions.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        inner.open = read(path, &mark).into_iter().filter_map(by_hash).collect();
        let (path, changed, mark) = (path.to_owned(), AtomicBool::new(false), Mutex::new(mark));
        sessions.kept = Some(Kept { path, changed, mark });
        sessions
    }

    /// From now on they are this server's.
    pub fn keep_as(&self, mark: String) {
        if let Some(kept) = &self.kept {
            *kept.mark.lock().unwrap_or_else(PoisonError::into_inner) = mark;
            self.write_or_warn();
        }
    }

    /// Writes what is not in the file yet: when sessions were last used, and where. Whatever begins or ends one is there
    /// already. Blocks for a write to the disk.
    pub fn keep(&self) {
        if self.is_owed() {
            self.write_or_warn();
        }
    }

    pub(super) fn is_owed(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.changed.load(Ordering::Acquire))
    }

    pub(super) fn write_or_warn(&self) {
        if let Err(e) = self.write() {
            tracing::warn!(error = %e.inside(), "sessions");
        }
    }

    /// Writes them all. Where that fails none are kept rather than those that ended: a file can be removed from a full
    /// disk.
    ///
    /// # Errors
    /// It can neither be written nor removed.
    pub(super) fn write(&self) -> Result<()> {
        let Some(kept) = &self.kept else { return Ok(()) };
        let mark = kept.mark.lock().unwrap_or_else(PoisonError::into_inner);
        kept.changed.store(false, Ordering::Release);
        let sessions =
            self.all().into_iter().map(|(hash, session)| (base::b64(&hash), session)).collect();
        let whole = Whole { version: VERSION, mark: mark.clone(), sessions };
        let written = serde_json::to_vec(&whole)
            .map_err(|e| Error::internal("Sessions cannot be spelled.").because(e))
            .and_then(|bytes| base::write_secret(&kept.path, &bytes));
        let Err(e) = written else { return Ok(()) };
        kept.changed.store(true, Ordering::Release);
        tracing::warn!(error = %e.inside(), "sessions are not kept: after a restart people sign in again");
        remove(&kept.path).map_err(|e| {
            const SAY: &str = "The disk does not take who is signed in, so that what has ended could be open again \
                               after a restart; mend the disk and do this again.";
            Error::unavailable(SAY).because(e)
        })
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
}

fn by_hash((hash, session): (String, Session)) -> Option<([u8; 32], Session)> {
    Some((base::unb64(&hash)?.try_into().ok()?, session))
}

fn read(path: &Path, mark: &str) -> Vec<(String, Session)> {
    let whole = match std::fs::read(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        read => read.and_then(|bytes| Ok(serde_json::from_slice::<Whole>(&bytes)?)),
    };
    match whole {
        Ok(whole) if whole.version == VERSION && whole.mark == mark => whole.sessions,
        Ok(_) => {
            tracing::info!(
                "another server has served since sessions were kept: people sign in again"
            );
            Vec::new()
        }
        Err(e) => {
            tracing::warn!(error = %e, "sessions cannot be read: people sign in again");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceClass;
    use crate::session::{How, Opening};
    use base::Time;

    fn at(min: i64) -> Time {
        Time::from_millis(min * 60_000)
    }

    fn opening(person: &str, class: DeviceClass) -> Opening {
        Opening {
            person: person.parse().unwrap(),
            how: How::Passkey,
            class,
            device: Some("dev_a".parse().unwrap()),
            place: "a".into(),
        }
    }

    fn kept(path: &Path) -> Sessions {
        Sessions::kept_at(path, 12, "7".into())
    }

    /// Whether a session is open for whoever reads the file, at this minute.
    fn open_anew(path: &Path, token: &str, minute: i64) -> bool {
        kept(path).look(token, at(minute)).is_some()
    }

    #[test]
    fn they_outlive_the_server() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sessions.json");
        let first = kept(&path);
        let token = first.open(opening("per_a", DeviceClass::Other), at(0)).token;
        let token = token.expose();
        let before = first.look(token, at(0)).unwrap();
        let after = kept(&path).look(token, at(0)).unwrap();
        assert_eq!(format!("{before:?}"), format!("{after:?}"));
        assert!(!std::fs::read_to_string(&path).unwrap().contains(token), "hashes alone");
        // When it was used is written when it is time.
        first.who(token, "b", at(20)).unwrap();
        assert!(!open_anew(&path, token, 40));
        first.keep();
        assert!(open_anew(&path, token, 40));
        assert!(!open_anew(&path, token, 51), "locked while nobody served");
        let anew = kept(&path);
        assert!(!anew.who(token, "b", at(21)).unwrap().elsewhere, "the second place is known");
        anew.verified(token, at(22));
        let verified = kept(&path).look(token, at(22)).unwrap().verified;
        assert_eq!(verified, Some(at(22)));
    }

    #[test]
    fn what_ended_does_not_come_back() {
        let check = |end: fn(&Sessions, &str)| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("sessions.json");
            let sessions = kept(&path);
            let desk = DeviceClass::Desk;
            let ended = sessions.open(opening("per_a", desk), at(0)).token;
            let mut other = opening("per_b", desk);
            other.device = None;
            let other = sessions.open(other, at(0)).token;
            end(&sessions, ended.expose());
            assert!(!open_anew(&path, ended.expose(), 1));
            assert!(open_anew(&path, other.expose(), 1));
        };
        check(|s, token| s.end(token).unwrap());
        check(|s, _| s.end_person(&"per_a".parse().unwrap()).unwrap());
        check(|s, _| s.end_device(&"dev_a".parse().unwrap()).unwrap());
    }

    #[test]
    fn what_cannot_be_read_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sessions.json");
        for wrong in [
            "",
            "{",
            "[]",
            r#"{"version":2,"mark":"7","sessions":[]}"#,
            r#"{"version":1,"mark":"7","sessions":[{}]}"#,
        ] {
            std::fs::write(&path, wrong).unwrap();
            let sessions = kept(&path);
            assert!(sessions.acting(at(0)).is_empty(), "{wrong}");
            let token = sessions.open(opening("per_a", DeviceClass::Desk), at(0)).token;
            assert!(open_anew(&path, token.expose(), 1), "{wrong}");
        }
    }

    /// Where it cannot be written, what has ended is not left in it.
    #[test]
    fn none_are_kept_rather_than_ended_ones() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sessions.json");
        let sessions = kept(&path);
        let token = sessions.open(opening("per_a", DeviceClass::Desk), at(0)).token;
        assert!(open_anew(&path, token.expose(), 1));
        // What is written first lies beside the file: a folder there is in the way, even of root.
        let beside = dir.path().join("sessions.json.new");
        std::fs::create_dir_all(beside.join("in the way")).unwrap();
        sessions.end(token.expose()).unwrap();
        assert!(!path.exists());
        // If it cannot be removed either, whoever ends something hears of it, and may say it again.
        std::fs::create_dir_all(path.join("in the way")).unwrap();
        let again = sessions.open(opening("per_a", DeviceClass::Desk), at(0)).token;
        assert!(sessions.end(again.expose()).is_err());
        assert!(sessions.look(again.expose(), at(0)).is_none());
        assert!(sessions.end(again.expose()).is_err(), "still");
        std::fs::remove_dir_all(&path).unwrap();
        std::fs::remove_dir_all(&beside).unwrap();
        sessions.end(again.expose()).unwrap();
        assert!(path.exists(), "tried again");
    }

    /// What a server before another one left is not the last word.
    #[test]
    fn only_what_the_last_server_left_is_believed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sessions.json");
        let first = kept(&path);
        let token = first.open(opening("per_a", DeviceClass::Desk), at(0)).token;
        let open = |mark: &str| {
            Sessions::kept_at(&path, 12, mark.into()).look(token.expose(), at(1)).is_some()
        };
        assert_eq!([open("7"), open("8"), open("")], [true, false, false]);
        kept(&path).keep_as("8".into());
        assert_eq!([open("7"), open("8")], [false, true]);
    }
}
