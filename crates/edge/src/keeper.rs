//! Keeps the lease: drives the machine, asks the city, holds the session in force.

use crate::lease::{Action, Event, Grant, Machine, State};
use crate::link::again;
use crate::orders::Sticks;
use crate::run::Say;
use crate::session::{Ending, Session};
use crate::words::LastWords;
use crate::{Client, Enrolment, FrameCounter, Spool, listen};
use base::{Clock, Error, Kind, OrderId, Result, Shutdown, Signed, SigningKey, Time};
use read::{CameraOff, Lease, LeaseRequest, Order, Stop, Touched, Word};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The design's bound: no lease is longer, whatever a server says.
const LEASE_MAX_MS: i64 = 24 * 3_600_000;
const TICK: Duration = Duration::from_millis(100);
/// How often sticks are looked for.
const LOOK: Duration = Duration::from_secs(1);
/// Words that the line kept back are tried again after so long.
const AGAIN: Duration = Duration::from_secs(5);
/// A pipeline that takes longer to stop does not hold up the camera's answer to an order.
const STOPPING: Duration = Duration::from_secs(30);

/// The lease and who asks for it.
pub struct Keeper {
    client: Arc<Client>,
    enrolment: Enrolment,
    clock: Arc<dyn Clock>,
    say: Say,
    ending: Arc<Ending>,
    sticks: Sticks,
    words: LastWords,
    /// When it began, by both clocks: the machine goes by the one that nobody can set.
    began: (Time, Instant),
    held: Mutex<Held>,
    changed: Condvar,
    foreign: bool,
    /// Whoever captures is ending: no further lease is wanted.
    resting: AtomicBool,
}

/// What a keeper works with.
pub struct Parts {
    /// The line to the city.
    pub client: Arc<Client>,
    /// What is known of the city.
    pub enrolment: Enrolment,
    /// The camera's clock.
    pub clock: Arc<dyn Clock>,
    /// Where it is told.
    pub say: Say,
    /// What an order may have erased.
    pub spool: Arc<Spool>,
    /// Whether what captures is a device that this program cannot stop: it only takes its reads.
    pub foreign: bool,
}

struct Held {
    machine: Machine,
    session: Option<Arc<Session>>,
    /// What the city or the line said last, and of what kind it was.
    trouble: Option<(Kind, String)>,
    /// When an order to stop was last heard: a lease that was asked for before is not used any more.
    off_heard: Option<Instant>,
    /// The session that ended last; its last word comes before the answer to an order.
    last: Option<Arc<Session>>,
    /// Orders that are to be answered, and since when.
    leaving: Option<(BTreeSet<OrderId>, Instant)>,
    /// Orders that were answered.
    answered: BTreeSet<OrderId>,
    /// Since when nothing is captured.
    off_since: Option<Time>,
    /// Whether the city said last that sharing is off.
    sharing_off: bool,
}

impl Keeper {
    /// A keeper that has asked nobody yet. Orders on sticks are looked for in `data` and in `orders`.
    pub fn open(parts: Parts, data: &Path, orders: Option<PathBuf>) -> Result<Self> {
        let frames = Arc::new(FrameCounter::open(data)?);
        let held = Held {
            machine: Machine::new(),
            session: None,
            trouble: None,
            off_heard: None,
            last: None,
            leaving: None,
            answered: BTreeSet::new(),
            off_since: Some(parts.clock.now()),
            sharing_off: false,
        };
        Ok(Self {
            sticks: Sticks::open(data, &parts.enrolment, orders)?,
            words: LastWords::open(data),
            began: (parts.clock.now(), Instant::now()),
            ending: Arc::new(Ending::new(frames, parts.spool)),
            client: parts.client,
            enrolment: parts.enrolment,
            clock: parts.clock,
            say: parts.say,
            foreign: parts.foreign,
            resting: AtomicBool::new(false),
            held: Mutex::new(held),
            changed: Condvar::new(),
        })
    }

    /// The count of frames: whoever pulls one from the source says so here.
    pub fn frames(&self) -> &FrameCounter {
        self.ending.frames()
    }

    /// Whoever captures ends now: the last word that comes is the last.
    pub fn rest(&self) {
        self.resting.store(true, Ordering::SeqCst);
    }

    /// The session in force at this moment.
    pub fn session(&self) -> Option<Arc<Session>> {
        let now = self.clock.now();
        self.lock().session.clone().filter(|s| s.covers(now) && !s.stopped())
    }

    /// Where the camera stands.
    pub fn state(&self) -> State {
        self.lock().machine.state()
    }

    /// Keeps the lease until `done`.
    pub fn run(&self, done: &Shutdown) {
        let (send, words) = channel();
        listen::spawn(self.client.clone(), send, done.clone());
        std::thread::scope(|scope| {
            scope.spawn(move || again(done, || self.hear(&words, done)));
            scope.spawn(|| again(done, || self.watch_sticks(done)));
            again(done, || self.tend(done));
        });
        self.step(Event::Shutdown, None);
        self.answer(true);
        let _ = self.words.finish(&self.client);
    }

    fn tend(&self, done: &Shutdown) {
        let mut tried: Option<Instant> = None;
        while !done.sleep(TICK) {
            if self.ran_out() {
                self.step(Event::RanOut, None);
            }
            if self.step(Event::Tick, None) {
                self.ask();
            }
            if tried.is_none_or(|at| at.elapsed() >= AGAIN) {
                tried = Some(Instant::now());
                let _ = self.tell();
            }
        }
    }

    /// The machine's time. A clock that is set, back or ahead, neither lengthens a lease nor keeps the camera from
    /// asking for the next.
    fn time(&self) -> Time {
        let passed = i64::try_from(self.began.1.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.began.0.plus_millis(passed)
    }

    /// Whether the lease in use covers nothing at this moment: the camera's clock counts too, since a machine
    /// that sleeps may stop the other one. One under which the last word was said (a clock was set back, and
    /// right again) is over for good: the city takes nothing beyond that word.
    fn ran_out(&self) -> bool {
        let now = self.clock.now();
        let ends = self.resting.load(Ordering::SeqCst);
        let over = |session: &Arc<Session>| session.over(now) || (session.stopped() && !ends);
        self.lock().session.as_ref().is_some_and(over)
    }

    /// Hears the city's words, and answers orders when the pipeline has stopped.
    fn hear(&self, words: &Receiver<Word>, done: &Shutdown) {
        while !done.stopped() {
            match words.recv_timeout(TICK) {
                Ok(word) => self.heard(&word),
                Err(RecvTimeoutError::Timeout) => {}
                // The listener ends with a city that is not listened to; orders on sticks go on.
                Err(RecvTimeoutError::Disconnected) => {
                    done.sleep(TICK);
                }
            }
            self.answer(false);
        }
    }

    fn heard(&self, word: &Word) {
        self.lock().sharing_off = word.sharing_off;
        self.send_again(word);
        if word.on {
            self.step(Event::SwitchedOn, None);
            let until = self.lock().session.as_ref().map(|session| session.lease().until);
            if let (Some(ends), Some(until)) = (word.ends, until)
                && ends < until
            {
                self.step(Event::CutShort, None);
            }
            return;
        }
        // Erasing cannot be taken back: it is done for the order itself, signed by those who may.
        let touched = word.touched.iter().map(|one| &one.order);
        let mut erase = word.orders.iter().map(Signed::unverified).chain(touched);
        let believed = |order: &Order| {
            let same: Vec<Signed<Order>> =
                word.orders.iter().filter(|o| o.unverified().same(order)).cloned().collect();
            let touched: Vec<Touched> =
                word.touched.iter().filter(|one| one.order.same(order)).cloned().collect();
            self.sticks.believes(&same, &touched)
        };
        if erase.any(|order| order.erases() && believed(order)) {
            self.ending.order_erase(true);
        }
        self.switched_off(&Error::gone(word.message.clone()));
        self.leave(word.by.iter().copied());
    }

    /// A city that was put together from a copy has what was delivered since once more. An order that erases the
    /// spool comes with the same word, and first.
    fn send_again(&self, word: &Word) {
        let Some(restoration) = &word.resend else { return };
        match self.ending.spool().resend(restoration) {
            Ok(0) => {}
            Ok(reads) => (self.say)(&format!(
                "camera {}: the city was restored from a copy; {reads} delivered reads are sent again",
                self.client.camera()
            )),
            Err(e) => tracing::warn!(error = %e.inside(), "sending again"),
        }
    }

    /// Orders that are to be answered.
    fn leave(&self, orders: impl Iterator<Item = OrderId>) {
        let mut held = self.lock();
        let new: BTreeSet<OrderId> = orders.filter(|id| !held.answered.contains(id)).collect();
        if new.is_empty() {
            return;
        }
        match &mut held.leaving {
            Some((all, _)) => all.extend(new),
            none => *none = Some((new, Instant::now())),
        }
    }

    /// Answers orders once the pipeline has said its last word: that no frame is pulled any more.
    fn answer(&self, now: bool) {
        let (orders, since) = {
            let mut held = self.lock();
            let running = held.last.as_ref().is_some_and(|session| !session.stopped());
            let wait = |since: &Instant| !now && running && since.elapsed() < STOPPING;
            match held.leaving.take() {
                Some((orders, since)) if wait(&since) => {
                    held.leaving = Some((orders, since));
                    return;
                }
                None => return,
                Some(leaving) => leaving,
            }
        };
        match self.said_off(&orders) {
            Ok(()) => self.lock().answered.extend(orders),
            Err(e) => {
                tracing::error!(error = %e.inside(), "an order is not answered yet");
                self.lock().leaving.get_or_insert((orders, since));
            }
        }
    }

    fn said_off(&self, orders: &BTreeSet<OrderId>) -> Result<()> {
        let (frames, spool, erased) = self.ending.close()?;
        for order in orders {
            let camera = self.enrolment.camera.clone();
            let at = self.clock.now();
            let off = CameraOff { camera, order: Some(*order), frames, at, spool, erased };
            self.words.put("/v1/offs", &Signed::sign(off, self.client.key())?)?;
        }
        (self.say)(&format!(
            "camera {}: off by order, last frame {frames}, undelivered reads {}",
            self.enrolment.camera,
            spool.as_str()
        ));
        // The order first, where the city does not know it.
        if let Err(e) = self.tell() {
            tracing::debug!(error = %e.inside(), "the answer waits for the line");
        }
        Ok(())
    }

    /// Looks for orders on sticks, and stops by those.
    fn watch_sticks(&self, done: &Shutdown) {
        loop {
            for (path, found) in self.sticks.look(self.clock.now()) {
                let camera = &self.enrolment.camera;
                match found {
                    Ok(order) => (self.say)(&format!(
                        "camera {camera}: order {} taken from {}",
                        order.id,
                        path.display()
                    )),
                    Err(e) => (self.say)(&format!(
                        "camera {camera}: {} is not followed: {}",
                        path.display(),
                        e.message()
                    )),
                }
            }
            if let Some(order) = self.sticks.in_force(self.clock.now()) {
                self.by_stick(&order);
            }
            if done.sleep(LOOK) {
                return;
            }
        }
    }

    /// An order on a stick is in force, and the city may not know of it.
    fn by_stick(&self, order: &Order) {
        if self.lock().answered.contains(&order.id) {
            return;
        }
        if order.erases() {
            self.ending.order_erase(true);
        }
        let since = order.from.unwrap_or(order.at);
        self.switched_off(&Error::gone(format!(
            "This camera has been switched off by an order entered here, signed {since}."
        )));
        self.leave(std::iter::once(order.id));
    }

    /// Sends what the city has not heard: orders from sticks first, last words behind them.
    fn tell(&self) -> Result<()> {
        while let Some(taken) = self.sticks.untold() {
            let told: Result<serde_json::Value> =
                self.client.post("/v1/orders/at-camera", &taken.file);
            match told {
                Err(e) if !Sticks::settles(e.kind()) => return Err(e),
                Err(e) => self.tell_trouble(&e),
                Ok(_) => {}
            }
            self.sticks.told(&taken)?;
        }
        self.words.send(&self.client)
    }

    /// Says the last word under a lease. An error is that it waits for the line.
    pub fn last_word(&self, word: &Signed<Stop>) -> Result<()> {
        self.words.put("/v1/stops", word)?;
        self.words.send(&self.client)
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

    /// Since when nothing is captured; nothing while something is.
    pub fn off_since(&self) -> Option<Time> {
        self.lock().off_since
    }

    /// Whether the city said last that sharing is off: then reads leave to no gate.
    pub fn sharing_off(&self) -> bool {
        self.lock().sharing_off
    }

    /// What the city or the line said last, if that was bad.
    pub fn trouble(&self) -> Option<String> {
        self.lock().trouble.as_ref().map(|(_, message)| message.clone())
    }

    /// The city has said, in answer to whatever, that this camera is off.
    pub fn switched_off(&self, e: &Error) {
        self.tell_trouble(e);
        self.lock().off_heard = Some(Instant::now());
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
        let actions = held.machine.step(event, self.time());
        let mut ask = false;
        let mut session = session.map(Arc::new);
        for action in actions {
            match action {
                Action::Ask => ask = true,
                Action::Begin(_) => {
                    held.session = session.take();
                    held.off_since = None;
                    held.trouble = None;
                    held.answered.clear();
                    self.ending.order_erase(false);
                }
                Action::End(_) => {
                    held.last = held.session.take();
                    held.off_since = Some(self.clock.now());
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
        // What happened before comes first: the city hears the last count before the next one.
        if let Err(e) = self.tell()
            && !Self::lasting(e.kind())
        {
            return self.unanswered(&e);
        }
        // An order that the city does not know of counts more than its lease.
        if let Some(order) = self.sticks.in_force(self.clock.now()) {
            self.by_stick(&order);
            self.step(Event::SwitchedOff, None);
            return;
        }
        let asked = Instant::now();
        match self.request(asked) {
            Ok(session) => self.granted(session, asked),
            Err(e) if Self::means_off(e.kind()) => self.switched_off(&e),
            Err(e) => self.unanswered(&e),
        }
    }

    fn unanswered(&self, e: &Error) {
        self.tell_trouble(e);
        let wait = e.wait().unwrap_or_default().as_millis();
        let wait_ms = i64::try_from(wait).unwrap_or(i64::MAX);
        self.step(Event::NoAnswer { wait_ms }, None);
    }

    fn granted(&self, session: Session, asked: Instant) {
        if self.lock().off_heard.is_some_and(|heard| heard >= asked) {
            // An order overtook the lease on its way here: the city is asked anew.
            self.step(Event::NoAnswer { wait_ms: 0 }, None);
            return;
        }
        let lease = session.lease();
        let from = self.time();
        let left = i64::try_from(session.left().as_millis()).unwrap_or(i64::MAX);
        let grant = Grant { id: lease.id, from, until: from.plus_millis(left) };
        let said = format!("camera {}: lease until {}", lease.camera, lease.until);
        self.step(Event::Granted(grant), Some(session));
        // Who hears it may count on it.
        (self.say)(&said);
    }

    fn request(&self, asked: Instant) -> Result<Session> {
        let key = SigningKey::generate();
        let at = self.clock.now();
        let camera = self.enrolment.camera.clone();
        let request = LeaseRequest {
            camera,
            capture_key: key.public(),
            at,
            frames: Some(self.frames().count()),
            jumps: self.frames().jumps(),
            foreign: self.foreign,
            knows: vec![LeaseRequest::PASSKEYS.into()],
        };
        let request = Signed::sign(request, self.client.key())?;
        let answer: Signed<Lease> = self.client.post("/v1/leases", &request)?;
        let lease = self.checked(&answer, &request, at)?.clone();
        self.sticks.learn(&answer)?;
        let lasts = lease.until.since(at).clamp(0, LEASE_MAX_MS).unsigned_abs();
        // The city made the lease's id when it granted it, about half way between question and answer.
        let half_way = i64::try_from(asked.elapsed().as_millis() / 2).unwrap_or_default();
        let offset = at.plus_millis(half_way).since(lease.id.time());
        let session = Session::new(lease, key, asked + Duration::from_millis(lasts))?;
        Ok(session.ending(self.ending.clone()).with_offset(offset))
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
    fn tell_trouble(&self, e: &Error) {
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
