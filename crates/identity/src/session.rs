//! Console sessions: how they begin, when they lock, where they are used. Only hashes of their tokens are
//! kept, in memory and, where a server is started anew or another takes over, in a file ([`Sessions::kept_at`]).
//!
//! A session is bound to nothing but its cookie: addresses of cars and phones change. A second place is told
//! to the caller instead, so that somebody looks.

mod kept;

use crate::DeviceClass;
use base::{DeviceId, PersonId, Result, Secret, Time, random, sha256};
use kept::Kept;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

/// A link is good for five minutes.
const LINK_MS: i64 = 5 * 60_000;
/// A device that nobody registered locks after half an hour without a request (CJIS Security Policy).
const IDLE_MS: i64 = 30 * 60_000;
/// So far ahead of the clock a session may have begun: clocks are put right a little now and then.
const SKEW_MS: i64 = 10 * 60_000;
/// Twelve hours are a shift, at most.
const SHIFT_HOURS: u32 = 12;
/// The most places that are remembered of a session.
const PLACES: usize = 8;

/// How somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// By a one-time link that a signed request made.
    Link,
    /// By a passkey, which verified who it is.
    Passkey,
}

/// A session that is to begin.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Whose.
    pub person: PersonId,
    /// How they came in.
    pub how: How,
    /// What the device is.
    pub class: DeviceClass,
    /// The registered device, if it is one.
    pub device: Option<DeviceId>,
    /// The network address, as coarse as it shall count.
    pub place: String,
}

/// What has begun.
#[derive(Debug)]
pub struct Opened {
    /// For the cookie.
    pub token: Secret<String>,
    /// Another place at which the same person has an open session.
    pub elsewhere: Option<String>,
}

/// An open session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Whose.
    pub person: PersonId,
    /// How they came in.
    pub how: How,
    /// What the device is.
    pub class: DeviceClass,
    /// The registered device, if it is one.
    pub device: Option<DeviceId>,
    /// When it began.
    pub begun: Time,
    /// When it was last used.
    pub used: Time,
    /// When the person was last verified by a passkey.
    pub verified: Option<Time>,
    /// What every form of its pages carries.
    pub csrf: String,
    places: Vec<String>,
}

impl Session {
    /// Whether the person may do more than look.
    pub fn may_act(&self) -> bool {
        self.class != DeviceClass::ReceiveOnly
    }

    fn is_open(&self, shift_ms: i64, now: Time) -> bool {
        match self.class {
            DeviceClass::ReceiveOnly => true,
            DeviceClass::Desk | DeviceClass::Vehicle => self.in_shift(shift_ms, now),
            DeviceClass::Other => self.in_shift(shift_ms, now) && now.since(self.used) <= IDLE_MS,
        }
    }

    /// One that begins later than now was begun by a clock that was wrong.
    fn in_shift(&self, shift_ms: i64, now: Time) -> bool {
        (-SKEW_MS..=shift_ms).contains(&now.since(self.begun))
    }
}

/// A session that was found.
#[derive(Debug)]
pub struct Seen {
    /// The session.
    pub session: Session,
    /// It is used at this place for the first time, and began at another.
    pub elsewhere: bool,
}

/// Open links and sessions.
pub struct Sessions {
    shift_ms: i64,
    inner: Mutex<Inner>,
    kept: Option<Kept>,
}

#[derive(Default)]
struct Inner {
    links: HashMap<[u8; 32], (PersonId, Time)>,
    open: HashMap<[u8; 32], Session>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self::new(SHIFT_HOURS)
    }
}

fn token() -> Secret<String> {
    Secret::new(base::hex(&random::<24>()))
}

impl Sessions {
    /// No link, no session, and none are kept. A session of a person who can act ends after so many hours.
    pub fn new(shift_hours: u32) -> Self {
        let shift_ms = i64::from(shift_hours.min(SHIFT_HOURS)) * 3_600_000;
        Self { shift_ms, inner: Mutex::default(), kept: None }
    }

    fn inner(&self, now: Time) -> std::sync::MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.links.retain(|_, (_, made)| now.since(*made) <= LINK_MS);
        inner.open.retain(|_, session| session.is_open(self.shift_ms, now));
        inner
    }

    /// Makes a one-time link for a person.
    pub fn link(&self, person: PersonId, now: Time) -> Secret<String> {
        let link = token();
        self.inner(now).links.insert(sha256(link.expose().as_bytes()), (person, now));
        link
    }

    /// Whose link this is; it works once.
    pub fn redeem(&self, link: &str, now: Time) -> Option<PersonId> {
        self.inner(now).links.remove(&sha256(link.as_bytes())).map(|(person, _)| person)
    }

    /// Begins a session. Blocks for a write to the disk where sessions are kept, as all that ends one does.
    pub fn open(&self, opening: Opening, now: Time) -> Opened {
        let opened = self.opened(opening, now);
        self.write_or_warn();
        opened
    }

    fn opened(&self, opening: Opening, now: Time) -> Opened {
        let mut inner = self.inner(now);
        let others = inner.open.values().filter(|s| s.person == opening.person);
        let elsewhere = others
            .flat_map(|session| session.places.iter())
            .find(|place| **place != opening.place)
            .cloned();
        let token = token();
        let session = Session {
            person: opening.person,
            how: opening.how,
            class: opening.class,
            device: opening.device,
            begun: now,
            used: now,
            verified: (opening.how == How::Passkey).then_some(now),
            csrf: base::hex(&random::<16>()),
            places: vec![opening.place],
        };
        if session.class == DeviceClass::ReceiveOnly {
            // A wall that was switched on again; what it had before would never lock.
            let same = |one: &Session| {
                one.class == session.class
                    && one.person == session.person
                    && one.device == session.device
            };
            inner.open.retain(|_, one| !same(one));
        }
        inner.open.insert(sha256(token.expose().as_bytes()), session);
        Opened { token, elsewhere }
    }

    /// The session behind a token, if it is still open; the idle time starts anew.
    pub fn who(&self, token: &str, place: &str, now: Time) -> Option<Seen> {
        self.seen(token, place, now, true)
    }

    /// The same for what a page does by itself: nobody is there because of it, and the idle time goes on.
    pub fn glance(&self, token: &str, place: &str, now: Time) -> Option<Seen> {
        self.seen(token, place, now, false)
    }

    fn seen(&self, token: &str, place: &str, now: Time, by_hand: bool) -> Option<Seen> {
        let mut inner = self.inner(now);
        let session = inner.open.get_mut(&sha256(token.as_bytes()))?;
        if by_hand {
            session.used = now;
        }
        let elsewhere = !session.places.iter().any(|known| known == place);
        if elsewhere {
            if session.places.len() >= PLACES {
                session.places.remove(1);
            }
            session.places.push(place.to_owned());
        }
        if let Some(kept) = self.kept.as_ref().filter(|_| by_hand || elsewhere) {
            kept.changed.store(true, Ordering::Release);
        }
        Some(Seen { session: session.clone(), elsewhere })
    }

    /// Takes back that a session was used at a place: nobody could be told of it. Its next use there is the first again.
    pub fn forget_place(&self, token: &str, place: &str, now: Time) {
        if let Some(session) = self.inner(now).open.get_mut(&sha256(token.as_bytes())) {
            session.places.retain(|known| known != place);
        }
        if let Some(kept) = &self.kept {
            kept.changed.store(true, Ordering::Release);
        }
    }

    /// The same, without using it.
    pub fn look(&self, token: &str, now: Time) -> Option<Session> {
        self.inner(now).open.get(&sha256(token.as_bytes())).cloned()
    }

    /// Whose sessions are open at which something can be done, each once.
    pub fn acting(&self, now: Time) -> Vec<PersonId> {
        let inner = self.inner(now);
        let open = inner.open.values().filter(|session| session.may_act());
        let people: std::collections::BTreeSet<&PersonId> = open.map(|s| &s.person).collect();
        people.into_iter().cloned().collect()
    }

    /// The person was verified again.
    pub fn verified(&self, token: &str, now: Time) {
        if let Some(session) = self.inner(now).open.get_mut(&sha256(token.as_bytes())) {
            session.verified = Some(now);
        }
        self.write_or_warn();
    }

    /// Every open session, with the hash of its token.
    pub fn all(&self) -> Vec<([u8; 32], Session)> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.open.iter().map(|(hash, session)| (*hash, session.clone())).collect()
    }

    fn end_where(&self, ends: impl FnOnce(&mut Inner)) -> Result<()> {
        {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            let before = inner.open.len();
            ends(&mut inner);
            // What the disk did not take the last time is tried again, too.
            if inner.open.len() == before && !self.is_owed() {
                return Ok(());
            }
        }
        self.write()
    }

    /// Ends a session.
    ///
    /// # Errors
    /// It has ended, but the disk does not take it: after a restart it could be open again. Say it again.
    pub fn end(&self, token: &str) -> Result<()> {
        self.end_all(&[sha256(token.as_bytes())])
    }

    /// Ends the sessions whose tokens have these hashes.
    ///
    /// # Errors
    /// As [`Sessions::end`].
    pub fn end_all(&self, tokens: &[[u8; 32]]) -> Result<()> {
        self.end_where(|inner| inner.open.retain(|hash, _| !tokens.contains(hash)))
    }

    /// Ends every session of a person, and their links.
    ///
    /// # Errors
    /// As [`Sessions::end`].
    pub fn end_person(&self, person: &PersonId) -> Result<()> {
        self.end_elsewhere(person, None)
    }

    /// Ends every session of a person but the one with the token `here`, and their links.
    ///
    /// # Errors
    /// As [`Sessions::end`].
    pub fn end_elsewhere(&self, person: &PersonId, here: Option<&str>) -> Result<()> {
        let here = here.map(|token| sha256(token.as_bytes()));
        self.end_where(|inner| {
            inner.open.retain(|hash, s| s.person != *person || Some(*hash) == here);
            inner.links.retain(|_, (whose, _)| whose != person);
        })
    }

    /// Ends every session at a device.
    ///
    /// # Errors
    /// As [`Sessions::end`].
    pub fn end_device(&self, device: &DeviceId) -> Result<()> {
        self.end_where(|inner| inner.open.retain(|_, s| s.device.as_ref() != Some(device)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(min: i64) -> Time {
        Time::from_millis(min * 60_000)
    }

    fn opening(person: &str, class: DeviceClass, place: &str) -> Opening {
        Opening {
            person: person.parse().unwrap(),
            how: How::Passkey,
            class,
            device: Some("dev_a".parse().unwrap()),
            place: place.into(),
        }
    }

    #[test]
    fn a_link_works_once() {
        let sessions = Sessions::default();
        let me: PersonId = "per_a".parse().unwrap();
        let link = sessions.link(me.clone(), at(0));
        assert_eq!(sessions.redeem(link.expose(), at(1)), Some(me.clone()));
        assert_eq!(sessions.redeem(link.expose(), at(1)), None, "used");
        let link = sessions.link(me.clone(), at(0));
        assert_eq!(sessions.redeem(link.expose(), at(6)), None, "old");
        let link = sessions.link(me.clone(), at(0));
        sessions.end_person(&me).unwrap();
        assert_eq!(sessions.redeem(link.expose(), at(1)), None, "the person has left");
    }

    #[test]
    fn one_session_may_outlive_the_others() {
        let sessions = Sessions::default();
        let me: PersonId = "per_a".parse().unwrap();
        let open = |person: &str| {
            let opening = opening(person, DeviceClass::Desk, "192.0.2.1");
            sessions.open(opening, at(0)).token.expose().to_owned()
        };
        let [here, there, other] = [open("per_a"), open("per_a"), open("per_b")];
        let link = sessions.link(me.clone(), at(0));
        sessions.end_elsewhere(&me, Some(&here)).unwrap();
        assert!(sessions.look(&here, at(1)).is_some() && sessions.look(&other, at(1)).is_some());
        assert!(sessions.look(&there, at(1)).is_none());
        assert_eq!(sessions.redeem(link.expose(), at(1)), None);
    }

    #[test]
    fn sessions_lock() {
        // Used every so many minutes: until which minute is it open?
        let check = |class, every: usize, last: i64| {
            let sessions = Sessions::default();
            let token = sessions.open(opening("per_a", class, "a"), at(0)).token;
            let found = (0..=1440)
                .step_by(every)
                .map(|m| m as i64)
                .take_while(|minute| sessions.who(token.expose(), "a", at(*minute)).is_some());
            assert_eq!(found.last(), Some(last), "{class:?} every {every}");
        };
        check(DeviceClass::Other, 30, 720);
        check(DeviceClass::Other, 31, 0);
        check(DeviceClass::Desk, 240, 720);
        check(DeviceClass::Vehicle, 720, 720);
        check(DeviceClass::ReceiveOnly, 1440, 1440);
        let short = Sessions::new(8);
        let token = short.open(opening("per_a", DeviceClass::Desk, "a"), at(0)).token;
        assert!(short.who(token.expose(), "a", at(480)).is_some());
        assert!(short.who(token.expose(), "a", at(481)).is_none());
        assert_eq!(Sessions::new(99).shift_ms, Sessions::default().shift_ms);
    }

    #[test]
    fn two_places_are_told() {
        let sessions = Sessions::default();
        let desk = DeviceClass::Desk;
        let first = sessions.open(opening("per_a", desk, "a"), at(0));
        assert_eq!(first.elsewhere, None);
        assert_eq!(sessions.open(opening("per_a", desk, "a"), at(1)).elsewhere, None);
        assert_eq!(sessions.open(opening("per_b", desk, "b"), at(1)).elsewhere, None);
        let second = sessions.open(opening("per_a", desk, "b"), at(1));
        assert_eq!(second.elsewhere.as_deref(), Some("a"));
        // A cookie at another place is told once.
        let seen =
            |place: &str| sessions.who(first.token.expose(), place, at(2)).unwrap().elsewhere;
        assert_eq!(["a", "c", "c", "a", "d"].map(seen), [false, true, false, false, true]);
        // Unless it could not be.
        sessions.forget_place(first.token.expose(), "d", at(2));
        assert_eq!(["c", "d", "d"].map(seen), [false, true, false]);
    }

    #[test]
    fn everything_of_a_person_ends() {
        let sessions = Sessions::default();
        let open =
            |person: &str| sessions.open(opening(person, DeviceClass::Other, "a"), at(0)).token;
        let (one, two, other) = (open("per_a"), open("per_a"), open("per_b"));
        let is_open = |t: &Secret<String>| sessions.who(t.expose(), "a", at(0)).is_some();
        sessions.end_person(&"per_a".parse().unwrap()).unwrap();
        assert_eq!([&one, &two, &other].map(is_open), [false, false, true]);
        sessions.end_device(&"dev_b".parse().unwrap()).unwrap();
        assert!(is_open(&other));
        sessions.end_device(&"dev_a".parse().unwrap()).unwrap();
        assert!(!is_open(&other));
    }

    #[test]
    fn a_wall_has_one_session() {
        let sessions = Sessions::default();
        let wall = || opening("per_a", DeviceClass::ReceiveOnly, "a");
        let first = sessions.open(wall(), at(0)).token;
        let desk = sessions.open(opening("per_a", DeviceClass::Desk, "a"), at(0)).token;
        let second = sessions.open(wall(), at(700)).token;
        let is_open = |t: &Secret<String>, now| sessions.look(t.expose(), at(now)).is_some();
        assert!(!is_open(&first, 700) && is_open(&desk, 700), "its own alone");
        assert!(is_open(&second, 900_000));
    }

    #[test]
    fn a_clock_that_was_wrong() {
        let sessions = Sessions::default();
        let open = |minute| sessions.open(opening("per_a", DeviceClass::Desk, "a"), at(minute));
        let (far, near) = (open(1_011).token, open(1_009).token);
        let found = |token: &Secret<String>| sessions.look(token.expose(), at(1_000)).is_some();
        assert_eq!((found(&near), found(&far)), (true, false));
    }

    #[test]
    fn verification_is_remembered() {
        let sessions = Sessions::default();
        let mut by_link = opening("per_a", DeviceClass::Other, "a");
        by_link.how = How::Link;
        let token = sessions.open(by_link, at(0)).token;
        let verified = || sessions.who(token.expose(), "a", at(1)).unwrap().session.verified;
        assert_eq!(verified(), None);
        sessions.verified(token.expose(), at(1));
        assert_eq!(verified(), Some(at(1)));
    }
}
