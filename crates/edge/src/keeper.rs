//! Keeps the lease: drives the machine, asks the city, holds the session in force.

use crate::lease::{Action, Event, Grant, Machine, State};
use crate::run::Say;
use crate::session::Session;
use crate::{Client, Enrolment};
use base::{Clock, Error, Kind, Result, Shutdown, Signed, SigningKey, Time};
use read::{Lease, LeaseRequest};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The design's bound: no lease is longer, whatever a server says.
const LEASE_MAX_MS: i64 = 24 * 3_600_000;
const TICK: Duration = Duration::from_millis(100);

/// The lease and who asks for it.
pub struct Keeper {
    client: Arc<Client>,
    enrolment: Enrolment,
    clock: Arc<dyn Clock>,
    say: Say,
    held: Mutex<Held>,
    changed: Condvar,
}

struct Held {
    machine: Machine,
    session: Option<Arc<Session>>,
    /// What the city or the line said last, and of what kind it was.
    trouble: Option<(Kind, String)>,
}

impl Keeper {
    /// A keeper that has asked nobody yet.
    pub fn new(client: Arc<Client>, enrolment: Enrolment, clock: Arc<dyn Clock>, say: Say) -> Self {
        let held = Held { machine: Machine::new(), session: None, trouble: None };
        Self { client, enrolment, clock, say, held: Mutex::new(held), changed: Condvar::new() }
    }

    /// The session in force at this moment.
    pub fn session(&self) -> Option<Arc<Session>> {
        let now = self.clock.now();
        self.lock().session.clone().filter(|s| s.covers(now))
    }

    /// Where the camera stands.
    pub fn state(&self) -> State {
        self.lock().machine.state()
    }

    /// Keeps the lease until `done`.
    pub fn run(&self, done: &Shutdown) {
        while !done.sleep(TICK) {
            if self.step(Event::Tick, None) {
                self.ask();
            }
        }
        self.step(Event::Shutdown, None);
    }

    /// Waits for the first lease. An error is what to tell the person who started a single run.
    pub fn first_lease(&self, stop: &Shutdown, within: Duration) -> Result<()> {
        let end = Instant::now() + within;
        let mut held = self.lock();
        loop {
            match held.machine.state() {
                State::Leased(_) => return Ok(()),
                State::Off { .. } => {
                    return Err(trouble(&held, "The city has switched this camera off."));
                }
                _ if stop.stopped() => return Ok(()),
                _ if hopeless(&held) => return Err(trouble(&held, "The city refuses.")),
                _ if Instant::now() >= end => {
                    return Err(trouble(&held, "The city does not answer."));
                }
                _ => {}
            }
            held = match self.changed.wait_timeout(held, TICK) {
                Ok((guard, _)) => guard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Why the camera is off, if it is.
    pub fn off(&self) -> Option<Error> {
        let held = self.lock();
        matches!(held.machine.state(), State::Off { .. })
            .then(|| trouble(&held, "The city has switched this camera off."))
    }

    /// What the city or the line said last, if that was bad.
    pub fn trouble(&self) -> Option<String> {
        self.lock().trouble.as_ref().map(|(_, message)| message.clone())
    }

    /// The city has said, in answer to whatever, that this camera is off.
    pub fn switched_off(&self, e: &Error) {
        self.tell(e);
        self.step(Event::SwitchedOff, None);
    }

    /// Whether an error means that the city no longer wants this camera.
    pub fn means_off(kind: Kind) -> bool {
        matches!(kind, Kind::Gone | Kind::Refused)
    }

    /// Whether an error will be there again at the next try.
    pub fn lasting(kind: Kind) -> bool {
        !matches!(kind, Kind::Busy | Kind::Unavailable | Kind::Internal | Kind::Conflict)
    }

    /// Takes an event, with the session that a grant brings; returns whether the city is to be asked.
    fn step(&self, event: Event, session: Option<Session>) -> bool {
        let mut held = self.lock();
        let actions = held.machine.step(event, self.clock.now());
        let mut ask = false;
        let mut session = session.map(Arc::new);
        for action in actions {
            match action {
                Action::Ask => ask = true,
                Action::Begin(_) => {
                    held.session = session.take();
                    held.trouble = None;
                }
                Action::End(_) => {
                    held.session = None;
                    let state = held.machine.state().as_str();
                    let camera = &self.enrolment.camera;
                    // Who ends the program knows that it ends.
                    if event != Event::Shutdown {
                        (self.say)(&format!(
                            "camera {camera}: no lease ({state}), nothing is captured"
                        ));
                    }
                }
            }
        }
        drop(held);
        self.changed.notify_all();
        ask
    }

    fn ask(&self) {
        match self.request() {
            Ok(session) => self.granted(session),
            Err(e) if Self::means_off(e.kind()) => self.switched_off(&e),
            Err(e) => {
                self.tell(&e);
                let wait = e.wait().unwrap_or_default().as_millis();
                let wait_ms = i64::try_from(wait).unwrap_or(i64::MAX);
                self.step(Event::NoAnswer { wait_ms }, None);
            }
        }
    }

    fn granted(&self, session: Session) {
        let lease = session.lease();
        let grant = Grant { id: lease.id, from: lease.from, until: lease.until };
        (self.say)(&format!("camera {}: lease until {}", lease.camera, lease.until));
        self.step(Event::Granted(grant), Some(session));
    }

    fn request(&self) -> Result<Session> {
        let key = SigningKey::generate();
        let at = self.clock.now();
        let asked = Instant::now();
        let camera = self.enrolment.camera.clone();
        let request = LeaseRequest { camera, capture_key: key.public(), at };
        let request = Signed::sign(request, self.client.key())?;
        let answer: Signed<Lease> = self.client.post("/v1/leases", &request)?;
        let lease = self.checked(&answer, &request, at)?.clone();
        let lasts = lease.until.since(at).clamp(0, LEASE_MAX_MS).unsigned_abs();
        // The city made the lease's id when it granted it, about half way between question and answer.
        let half_way = i64::try_from(asked.elapsed().as_millis() / 2).unwrap_or_default();
        let offset = at.plus_millis(half_way).since(lease.id.time());
        Ok(Session::new(lease, key, asked + Duration::from_millis(lasts))?.with_offset(offset))
    }

    /// The lease, if the city's lease key signed it for this camera and this capture key.
    fn checked<'a>(
        &self,
        answer: &'a Signed<Lease>,
        request: &Signed<LeaseRequest>,
        now: Time,
    ) -> Result<&'a Lease> {
        // A forged lease is a broken line, not the city's word: it must not read as "off".
        let wrong = |what| Error::unavailable(format!("The lease that came {what}; asking again."));
        let lease = answer
            .verify(&self.enrolment.lease_key)
            .map_err(|_| wrong("is not signed by the city"))?;
        let asked = request.unverified();
        if lease.camera != asked.camera || lease.capture_key != asked.capture_key {
            return Err(wrong("is for another camera or key"));
        }
        if lease.until.since(now) > LEASE_MAX_MS {
            return Err(wrong("is longer than a day"));
        }
        Ok(lease)
    }

    /// Says what is wrong, once.
    fn tell(&self, e: &Error) {
        let said = (e.kind(), e.message().to_owned());
        let mut held = self.lock();
        if held.trouble.as_ref() != Some(&said) {
            (self.say)(&format!("camera {}: {}", self.enrolment.camera, e.message()));
            tracing::debug!(error = %e.inside(), "lease");
            held.trouble = Some(said);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether asking again in a minute would end as it did now.
fn hopeless(held: &Held) -> bool {
    held.trouble.as_ref().is_some_and(|(kind, _)| Keeper::lasting(*kind))
}

fn trouble(held: &Held, otherwise: &str) -> Error {
    match &held.trouble {
        Some((kind, message)) => Error::new(*kind, message.clone()),
        None => Error::unavailable(otherwise),
    }
}
