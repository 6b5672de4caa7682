//! Console sessions: a one-time link, then a cookie; only hashes of both are kept, in memory.

use base::{PersonId, Secret, Time, random, sha256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// A link is good for five minutes.
const LINK_MS: i64 = 5 * 60_000;
/// A session ends after half an hour without a request (CJIS Security Policy, session lock) …
const IDLE_MS: i64 = 30 * 60_000;
/// … and after twelve hours in any case: a shift.
const LONGEST_MS: i64 = 12 * 3_600_000;

/// Open links and sessions; a restart ends them all.
#[derive(Default)]
pub struct Sessions(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    links: HashMap<[u8; 32], (PersonId, Time)>,
    open: HashMap<[u8; 32], Session>,
}

struct Session {
    person: PersonId,
    begun: Time,
    used: Time,
}

fn token() -> Secret<String> {
    Secret::new(base::hex(&random::<24>()))
}

impl Sessions {
    /// No link, no session.
    pub fn new() -> Self {
        Self::default()
    }

    fn inner(&self, now: Time) -> std::sync::MutexGuard<'_, Inner> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.links.retain(|_, (_, made)| now.since(*made) <= LINK_MS);
        inner.open.retain(|_, s| now.since(s.used) <= IDLE_MS && now.since(s.begun) <= LONGEST_MS);
        inner
    }

    /// Makes a one-time link for a person.
    pub fn link(&self, person: PersonId, now: Time) -> Secret<String> {
        let link = token();
        self.inner(now).links.insert(sha256(link.expose().as_bytes()), (person, now));
        link
    }

    /// Turns a link into a session's token; a link works once.
    pub fn redeem(&self, link: &str, now: Time) -> Option<Secret<String>> {
        let mut inner = self.inner(now);
        let (person, _) = inner.links.remove(&sha256(link.as_bytes()))?;
        let token = token();
        let session = Session { person, begun: now, used: now };
        inner.open.insert(sha256(token.expose().as_bytes()), session);
        Some(token)
    }

    /// Whose session this is, if it is still open; the idle time starts anew.
    pub fn who(&self, token: &str, now: Time) -> Option<PersonId> {
        let mut inner = self.inner(now);
        let session = inner.open.get_mut(&sha256(token.as_bytes()))?;
        session.used = now;
        Some(session.person.clone())
    }

    /// Ends a session.
    pub fn end(&self, token: &str) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.open.remove(&sha256(token.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_works_once_and_a_session_ends() {
        let at = |min: i64| Time::from_millis(min * 60_000);
        let sessions = Sessions::new();
        let me: PersonId = "per_a".parse().unwrap();
        let link = sessions.link(me.clone(), at(0));
        let token = sessions.redeem(link.expose(), at(1)).unwrap();
        assert!(sessions.redeem(link.expose(), at(1)).is_none(), "used");
        assert!(sessions.redeem(sessions.link(me.clone(), at(0)).expose(), at(6)).is_none(), "old");
        assert_eq!(sessions.who(token.expose(), at(30)), Some(me.clone()));
        assert_eq!(sessions.who(token.expose(), at(59)), Some(me));
        assert_eq!(sessions.who(token.expose(), at(90)), None, "idle");
        let mut minute = 100;
        let link = sessions.link("per_b".parse().unwrap(), at(minute));
        let token = sessions.redeem(link.expose(), at(minute)).unwrap();
        while minute < 100 + 12 * 60 {
            minute += 20;
            assert!(sessions.who(token.expose(), at(minute)).is_some());
        }
        assert_eq!(sessions.who(token.expose(), at(minute + 20)), None, "a shift is over");
    }
}
