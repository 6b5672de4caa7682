//! Sessions in a file of their own, so that people stay signed in when a server is started anew or another takes over.
//!
//! It holds hashes of tokens, for whom, how and since when: nobody gets in by it. It is no part of any copy of the city:
//! a copy would bring back sessions that have ended.

use super::{How, Session, Sessions};
use crate::DeviceClass;
use base::{DeviceId, PersonId, Time};
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
    /// One writes at a time, so that the last one has seen all.
    writing: Mutex<()>,
}

#[derive(Serialize, Deserialize)]
struct Whole {
    version: u32,
    sessions: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    hash: String,
    person: PersonId,
    how: How,
    class: DeviceClass,
    device: Option<DeviceId>,
    begun: Time,
    used: Time,
    verified: Option<Time>,
    csrf: String,
    places: Vec<String>,
}

impl Row {
    fn of(hash: &[u8; 32], session: &Session) -> Self {
        let Session { person, how, class, device, begun, used, verified, csrf, places } =
            session.clone();
        let hash = base::b64(hash);
        Self { hash, person, how, class, device, begun, used, verified, csrf, places }
    }

    fn session(self) -> Option<([u8; 32], Session)> {
        let hash = base::unb64(&self.hash)?.try_into().ok()?;
        let Self { person, how, class, device, begun, used, verified, csrf, places, .. } = self;
        Some((hash, Session { person, how, class, device, begun, used, verified, csrf, places }))
    }
}

impl Sessions {
    /// The sessions that a server before left in this file, and will be kept there. What cannot be read is not believed:
    /// people sign in again. Those that have ended meanwhile, by hours or for want of use, are not open.
    pub fn kept_at(path: &Path, shift_hours: u32) -> Self {
        let mut sessions = Self::new(shift_hours);
        let inner = sessions.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        inner.open = read(path).into_iter().filter_map(Row::session).collect();
        let (path, changed, writing) = (path.to_owned(), AtomicBool::new(false), Mutex::new(()));
        sessions.kept = Some(Kept { path, changed, writing });
        sessions
    }

    /// Writes what is not in the file yet: when sessions were last used, and where. Whatever begins or ends one is there
    /// already. Blocks for a write to the disk.
    pub fn keep(&self) {
        if self.kept.as_ref().is_some_and(|kept| kept.changed.load(Ordering::Acquire)) {
            self.write();
        }
    }

    /// Writes them all. Where that fails none are kept rather than those that ended: a file can be removed from a full
    /// disk.
    pub(super) fn write(&self) {
        let Some(kept) = &self.kept else { return };
        let _one = kept.writing.lock().unwrap_or_else(PoisonError::into_inner);
        kept.changed.store(false, Ordering::Release);
        let rows = {
            let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.open.iter().map(|(hash, session)| Row::of(hash, session)).collect()
        };
        let whole = Whole { version: VERSION, sessions: rows };
        let written = serde_json::to_vec(&whole)
            .map_err(|e| base::Error::internal("Sessions cannot be spelled.").because(e))
            .and_then(|bytes| base::write_secret(&kept.path, &bytes));
        if let Err(e) = written {
            let removed = std::fs::remove_file(&kept.path);
            let removed = removed.is_ok() || !kept.path.exists();
            tracing::warn!(error = %e, removed, "sessions are not kept: after a restart people sign in again");
            kept.changed.store(true, Ordering::Release);
        }
    }
}

fn read(path: &Path) -> Vec<Row> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) => {
            if e.kind() != std::io::ErrorKind::NotFound {
                tracing::warn!(error = %e, "sessions cannot be read: people sign in again");
            }
            return Vec::new();
        }
    };
    match serde_json::from_slice::<Whole>(&bytes) {
        Ok(whole) if whole.version == VERSION => whole.sessions,
        Ok(_) => Vec::new(),
        Err(e) => {
            tracing::warn!(error = %e, "sessions cannot be read: people sign in again");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Opening;

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

    /// Whether a session is open for whoever reads the file, at this minute.
    fn open_anew(path: &Path, token: &str, minute: i64) -> bool {
        Sessions::kept_at(path, 12).look(token, at(minute)).is_some()
    }

    #[test]
    fn they_outlive_the_server() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sessions.json");
        let first = Sessions::kept_at(&path, 12);
        let token = first.open(opening("per_a", DeviceClass::Other), at(0)).token;
        let token = token.expose();
        let before = first.look(token, at(0)).unwrap();
        let after = Sessions::kept_at(&path, 12).look(token, at(0)).unwrap();
        assert_eq!(format!("{before:?}"), format!("{after:?}"));
        assert!(!std::fs::read_to_string(&path).unwrap().contains(token), "hashes alone");
        // When it was used is written when it is time.
        first.who(token, "b", at(20)).unwrap();
        assert!(!open_anew(&path, token, 40));
        first.keep();
        assert!(open_anew(&path, token, 40));
        assert!(!open_anew(&path, token, 51), "locked while nobody served");
        let anew = Sessions::kept_at(&path, 12);
        assert!(!anew.who(token, "b", at(21)).unwrap().elsewhere, "the second place is known");
        anew.verified(token, at(22));
        let verified = Sessions::kept_at(&path, 12).look(token, at(22)).unwrap().verified;
        assert_eq!(verified, Some(at(22)));
    }

    #[test]
    fn what_ended_does_not_come_back() {
        let check = |end: fn(&Sessions, &str)| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("sessions.json");
            let sessions = Sessions::kept_at(&path, 12);
            let desk = DeviceClass::Desk;
            let ended = sessions.open(opening("per_a", desk), at(0)).token;
            let mut other = opening("per_b", desk);
            other.device = None;
            let other = sessions.open(other, at(0)).token;
            end(&sessions, ended.expose());
            assert!(!open_anew(&path, ended.expose(), 1));
            assert!(open_anew(&path, other.expose(), 1));
        };
        check(|s, token| s.end(token));
        check(|s, _| s.end_person(&"per_a".parse().unwrap()));
        check(|s, _| s.end_device(&"dev_a".parse().unwrap()));
    }

    #[test]
    fn what_cannot_be_read_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sessions.json");
        for wrong in
            ["", "{", "[]", r#"{"version":2,"sessions":[]}"#, r#"{"version":1,"sessions":[{}]}"#]
        {
            std::fs::write(&path, wrong).unwrap();
            let sessions = Sessions::kept_at(&path, 12);
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
        let sessions = Sessions::kept_at(&path, 12);
        let token = sessions.open(opening("per_a", DeviceClass::Desk), at(0)).token;
        assert!(open_anew(&path, token.expose(), 1));
        // What is written first lies beside the file: a folder there is in the way, even of root.
        let beside = dir.path().join("sessions.json.new");
        std::fs::create_dir_all(beside.join("in the way")).unwrap();
        sessions.end(token.expose());
        assert!(!path.exists());
        std::fs::remove_dir_all(&beside).unwrap();
        sessions.keep();
        assert!(path.exists(), "tried again");
    }
}
