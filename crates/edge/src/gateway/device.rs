//! One device behind the gateway: a camera of the city with a key, a lease and a spool of its own.
//!
//! A document is looked at only while a lease is in force, and what comes of it is signed and sealed
//! before it touches the disk, as with a camera of our own. Notes and counts hold no plate.

use super::config::{DeviceClock, DeviceConfig};
use super::passes::{Options, Pass, Passes};
use super::picture::{self, corners};
use crate::beat;
use crate::counts::{Summary, add};
use crate::lease::State;
use crate::link::{Link, LinkConfig};
use crate::outlet::{Draft, Known};
use crate::pipeline::SURE;
use crate::run::{Raise, Say};
use crate::session::Session;
use crate::spool::{Full, Keep};
use base::{Clock, Error, Result, Shutdown, Time, sha256};
use exchange::inbound::{Direction, Document, Seen};
use read::Sighting;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use vision::{Region, Track, Voted};

/// Bytes of sealed reads that may wait for the city, a device.
const SPOOL_MAX: u64 = 1 << 30;
const TICK: Duration = Duration::from_millis(100);
/// How long until a device that could not be enrolled is tried again.
const AGAIN: Duration = Duration::from_secs(30);
/// How long a gateway that is told to end goes on sending.
const FAREWELL: Duration = Duration::from_secs(5);
/// A device's clock may be so far ahead; the city takes no more.
const AHEAD_MS: i64 = 60_000;
/// One farther ahead than this says of nobody that they are at a gate now.
const GATE_AHEAD_MS: i64 = 5_000;
/// What a person can change where a gate is told nothing.
const NO_GATE: &str = "No gate is told of this device: it does not say when it saw the vehicle; have it state the time \
                       with its zone, by a clock that is right.";
/// Notes that the page shows.
const NOTES: usize = 8;
/// Documents of one device that are looked at at once.
const AT_ONCE: usize = 4;

/// A device.
pub(super) struct Device {
    pub conf: DeviceConfig,
    /// Hash of its secret.
    digest: Option<[u8; 32]>,
    folder: PathBuf,
    server: String,
    ca: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    say: Say,
    line: OnceLock<Link>,
    inside: Mutex<Inside>,
    /// When a document was last allowed, and how many more are.
    bucket: Mutex<(Instant, f64)>,
    pub tally: Tally,
    at_once: AtomicUsize,
}

struct Inside {
    passes: Passes,
    /// Of passes that go on: what is on disk of them, and the moment that it shows.
    drafts: BTreeMap<u64, (Time, Draft)>,
    session: Option<Arc<Session>>,
    notes: VecDeque<(Time, String)>,
    last: Option<Time>,
}

/// What came in. Numbers only.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Documents that were looked at.
    pub documents: AtomicU64,
    /// Plates stated in them.
    pub seen: AtomicU64,
    /// Documents refused because no lease was in force.
    pub without_lease: AtomicU64,
    /// Documents that were not understood.
    pub wrong: AtomicU64,
    /// Documents beyond what a minute allows.
    pub too_many: AtomicU64,
    /// Plates of other cameras of the same maker, and whole messages of them by MQTT.
    pub others: AtomicU64,
    /// Plates whose time lies outside the lease or ahead of the clock.
    pub wrong_time: AtomicU64,
}

/// A device at one moment, for the page. No plate is in it.
pub(super) struct Status {
    pub camera: String,
    pub adapter: &'static str,
    pub lease: &'static str,
    pub until: Option<Time>,
    pub last: Option<Time>,
    pub tally: [(&'static str, u64); 7],
    pub repeats: u64,
    pub reads: Summary,
    pub notes: Vec<(Time, String)>,
}

/// A place among the documents that are looked at; it is free again when this goes.
pub(super) struct Turn<'a>(&'a AtomicUsize);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Why a document has no turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTurn {
    /// Others of it are being looked at; soon.
    Busy,
    /// More came than a minute allows.
    TooMany,
}

/// What became of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Plates that were taken.
    pub taken: usize,
    /// Results that were left out; the page says why.
    pub left_out: usize,
}

impl Device {
    pub fn new(
        conf: DeviceConfig,
        of: &super::config::GatewayConfig,
        clock: Arc<dyn Clock>,
        say: Say,
    ) -> Self {
        let digest = conf.secret.as_ref().map(|s| sha256(s.expose().as_bytes()));
        let inside = Inside {
            passes: Passes::new(Options::default()),
            drafts: BTreeMap::new(),
            session: None,
            notes: VecDeque::new(),
            last: None,
        };
        Self {
            folder: of.data.join(conf.camera.as_str()),
            server: of.server.clone(),
            ca: of.ca.clone(),
            digest,
            clock,
            say,
            line: OnceLock::new(),
            inside: Mutex::new(inside),
            bucket: Mutex::new((Instant::now(), f64::from(conf.per_minute))),
            tally: Tally::default(),
            at_once: AtomicUsize::new(0),
            conf,
        }
    }

    /// Whether a secret with this hash is the device's. Takes the same time whatever it is.
    pub fn answers_to(&self, presented: &[u8; 32]) -> bool {
        let Some(digest) = &self.digest else { return false };
        digest.iter().zip(presented).fold(0u8, |sum, (a, b)| sum | (a ^ b)) == 0
    }

    /// Lives until `done`: enrols, keeps the lease, sends, ends passes that are over.
    pub fn live(&self, done: &Shutdown) {
        let line = loop {
            match self.connect() {
                Ok(line) => break line,
                Err(e) => self.trouble(&e),
            }
            if done.sleep(AGAIN) {
                return;
            }
        };
        let line = self.line.get_or_init(|| line);
        let ended = Shutdown::new();
        std::thread::scope(|scope| {
            // However this ends, nobody keeps a lease for it.
            let _ends = Raise(&ended);
            line.tend(scope, || beat::of(line, None), &ended);
            while !done.sleep(TICK) {
                // A defect ends no device: it would have a lease on, and nothing that ends its passes.
                if catch_unwind(AssertUnwindSafe(|| self.tick(line))).is_err() {
                    self.trouble(&Error::internal(
                        "A pass of this device has failed; see the log.",
                    ));
                    done.sleep(AGAIN);
                }
            }
            self.farewell(line);
        });
    }

    fn connect(&self) -> Result<Link> {
        let line = LinkConfig {
            server: &self.server,
            camera: &self.conf.camera,
            data: &self.folder,
            code: self.conf.code.as_ref().map(|code| code.expose().as_str()),
            ca: self.ca.as_deref(),
            spool: (SPOOL_MAX, Full::DropNew),
            keep: Keep::default(),
            orders: None,
            foreign: true,
        };
        let link = Link::open(line, self.clock.clone(), self.say.clone())?;
        if link.damaged > 0 {
            self.note(format!("{} spooled reads are damaged and set aside.", link.damaged));
        }
        Ok(link)
    }

    /// Takes the session in force now; where there is none any more, what was seen under the last one is
    /// sealed, everything else is forgotten, and the session is returned whose last word is due.
    fn lease(&self, line: &Link, inside: &mut Inside) -> Option<Arc<Session>> {
        let now = line.keeper.session();
        let same =
            inside.session.as_ref().map(|s| s.lease().id) == now.as_ref().map(|s| s.lease().id);
        if same {
            return None;
        }
        if let Some(new) = &now {
            // A renewal: passes go on, and are signed under the new lease; but no picture outlives the rule that it
            // came under.
            let clear = inside.session.as_ref().map(|s| s.lease().clear_pictures);
            if clear.is_some_and(|clear| clear != new.lease().clear_pictures) {
                let ended = inside.passes.finish();
                self.keep(line, inside, ended);
            }
            inside.session = now;
            return None;
        }
        let ended = inside.passes.finish();
        self.keep(line, inside, ended);
        inside.session.take()
    }

    fn last_word(&self, line: &Link, session: Option<Arc<Session>>) {
        let Some(session) = session else { return };
        let sent = session.stop(self.clock.now()).and_then(|word| line.keeper.last_word(&word));
        match sent {
            Ok(()) => (self.say)(&format!("camera {}: stopped, and said so", self.conf.camera)),
            Err(e) => tracing::warn!(error = %e.inside(), "the last word waits for the line"),
        }
    }

    fn tick(&self, line: &Link) {
        let mut inside = self.lock();
        let over = self.lease(line, &mut inside);
        let ended = inside.passes.tick(self.clock.now());
        self.keep(line, &mut inside, ended);
        drop(inside);
        self.last_word(line, over);
    }

    fn farewell(&self, line: &Link) {
        line.keeper.rest();
        let mut inside = self.lock();
        let ended = inside.passes.finish();
        self.keep(line, &mut inside, ended);
        let session = inside.session.take();
        drop(inside);
        let end = Instant::now() + FAREWELL;
        while !line.spool.is_empty() && Instant::now() < end && line.keeper.off().is_none() {
            std::thread::sleep(TICK / 5);
        }
        self.last_word(line, session);
    }

    /// A turn to be looked at.
    pub fn turn(&self) -> Result<Turn<'_>, NoTurn> {
        let most = f64::from(self.conf.per_minute);
        let now = Instant::now();
        let turn = Turn(&self.at_once);
        if self.at_once.fetch_add(1, Ordering::SeqCst) >= AT_ONCE {
            return Err(NoTurn::Busy);
        }
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, left) = *bucket;
        let left = (left + now.duration_since(since).as_secs_f64() * most / 60.0).min(most);
        let refused = left < 1.0;
        *bucket = (now, if refused { left } else { left - 1.0 });
        if refused { Err(NoTurn::TooMany) } else { Ok(turn) }
    }

    /// Counts a document that had no turn; what its device is told.
    pub fn turned_away(&self) -> Error {
        add(&self.tally.too_many, 1);
        Error::busy("This device sends too much; send again later.")
            .retry_after(Duration::from_secs(5))
    }

    /// Whether a lease is in force; the error says what a person can do.
    pub fn leased(&self) -> Result<()> {
        let refused = match self.line.get() {
            None => {
                Error::unavailable("This device is not enrolled with the city; nothing is kept.")
            }
            Some(line) if line.keeper.session().is_some() => return Ok(()),
            Some(line) if matches!(line.keeper.state(), State::Off { .. }) => {
                Error::gone("The city has switched this camera off; nothing is kept.")
            }
            Some(_) => Error::unavailable("There is no lease from the city; nothing is kept."),
        };
        Err(refused.retry_after(Duration::from_secs(30)))
    }

    /// Counts a document that came without a lease.
    pub fn unleased(&self) {
        add(&self.tally.without_lease, 1);
    }

    /// Takes a document.
    pub fn hear(&self, document: &Document<'_>) -> Result<Taken> {
        // Before anything is read: what comes without a lease is not looked at.
        self.leased().inspect_err(|_| self.unleased())?;
        add(&self.tally.documents, 1);
        let mut heard = self.conf.adapter.read(document).inspect_err(|e| {
            add(&self.tally.wrong, 1);
            self.note(e.message().to_owned());
        })?;
        let now = self.clock.now();
        let Some(line) = self.line.get() else { return Err(not_leased()) };
        let mut out = Taken { taken: 0, left_out: heard.left_out.len() };
        let stated = std::mem::take(&mut heard.seen);
        add(&self.tally.seen, stated.len());
        // Of others not even a picture is looked at.
        let (mut mine, others): (Vec<Seen>, Vec<Seen>) =
            stated.into_iter().partition(|seen| !self.of_another(seen.camera.as_ref()));
        add(&self.tally.others, others.len());
        out.left_out += others.len();
        let clear = line.keeper.session().is_some_and(|session| session.lease().clear_pictures);
        // Before the lock: decoding takes its time, and the lease must be able to end meanwhile.
        let lacks = picture::keep(&mut mine, clear);
        let mut inside = self.lock();
        let over = self.lease(line, &mut inside);
        let Some(session) = inside.session.clone() else {
            drop(inside);
            self.last_word(line, over);
            return Err(not_leased());
        };
        inside.last = Some(now);
        let mut ended = Vec::new();
        for mut seen in mine {
            match self.captured(&seen, now, &session) {
                Ok(at) => {
                    seen.captured = seen.captured.filter(|said| self.says_when(*said, now));
                    ended.extend(inside.passes.push(seen, at, now));
                    out.taken += 1;
                }
                Err(e) => {
                    add(&self.tally.wrong_time, 1);
                    out.left_out += 1;
                    heard.left_out.push(e.message().to_owned());
                }
            }
        }
        for gone in &heard.gone {
            // Of another camera's car with the same number nothing is said.
            if !self.of_another(gone.camera.as_ref()) {
                ended.extend(inside.passes.gone(&gone.id, now));
            }
        }
        self.keep(line, &mut inside, ended);
        self.draft(line, &mut inside);
        drop(inside);
        let reasons = heard.left_out.into_iter().chain(lacks.map(str::to_owned));
        reasons.for_each(|reason| self.note(reason));
        Ok(out)
    }

    /// A message that is of another camera, and is not looked at.
    pub fn pass_by(&self) {
        add(&self.tally.others, 1);
    }

    fn of_another(&self, camera: Option<&String>) -> bool {
        self.conf.only.as_ref().is_some_and(|only| camera != Some(only))
    }

    /// Whether a stated moment tells what was seen now from what is sent late.
    fn says_when(&self, said: Time, now: Time) -> bool {
        self.conf.clock == DeviceClock::Device && said.since(now) <= GATE_AHEAD_MS
    }

    /// When it was captured, if the lease covers that. A clock a little ahead is believed up to now.
    fn captured(&self, seen: &Seen, now: Time, session: &Session) -> Result<Time> {
        let said = match self.conf.clock {
            DeviceClock::Device => seen.captured.unwrap_or(now),
            DeviceClock::Arrival => now,
        };
        let off = said.since(now);
        if off > AHEAD_MS {
            let ahead = span(off);
            return Err(Error::invalid(format!(
                "The device's clock is {ahead} ahead; set its time and its zone."
            )));
        }
        let at = said.min(now);
        if !session.lease().covers(at) {
            let ago = span(-off);
            return Err(Error::gone(format!(
                "It was seen {ago} ago, before this lease; if it was now, set the device's time and zone."
            )));
        }
        Ok(at)
    }

    /// Signs, seals and spools passes.
    fn keep(&self, line: &Link, inside: &mut Inside, ended: Vec<Pass>) {
        for pass in ended {
            let draft = inside.drafts.remove(&pass.number).map(|(_, draft)| draft);
            if pass.seen.confidence < SURE {
                add(&line.counts.unsure, 1);
                continue;
            }
            // A reader whose line was broken tells late of who has long gone: no gate opens for that, nor for what may
            // be so.
            let now = self.clock.now();
            let age = now.since(pass.last).max(0).unsigned_abs();
            let tells = pass.seen.captured.is_some();
            let known = ours(pass, self.conf.adapter.as_str());
            let session = inside.session.as_ref();
            let gated = session.is_some_and(|session| !session.lease().gates.is_empty());
            let age = Duration::from_millis(age);
            let kept = line.outlet.finish(draft, session, known, age, tells);
            if gated && !tells {
                inside.write(now, NO_GATE.to_owned());
            }
            if let Err(e) = kept {
                tracing::error!(error = %e.inside(), "a read is lost");
                inside.write(now, format!("A read is lost: {}", e.message()));
            }
        }
    }

    /// Keeps the passes that go on as they are so far: a gateway that is killed has not forgotten them. A better
    /// look takes the place of the one before; the same again is not written again.
    fn draft(&self, line: &Link, inside: &mut Inside) {
        let Some(session) = inside.session.clone() else { return };
        let Inside { passes, drafts, .. } = inside;
        for pass in passes.open().filter(|pass| pass.seen.confidence >= SURE) {
            let before = drafts.remove(&pass.number);
            if let Some((best, _)) = &before
                && *best == pass.best
            {
                drafts.extend(before.map(|kept| (pass.number, kept)));
                continue;
            }
            let known = ours(pass.clone(), self.conf.adapter.as_str());
            let (before, mut draft) = before.unzip();
            let best = match line.outlet.draft(&mut draft, &session, known) {
                Ok(()) => pass.best,
                // The next look is tried again, and the read itself when the pass ends: in this one's place.
                Err(e) => {
                    tracing::warn!(error = %e.inside(), "a pass is not kept while it goes on");
                    before.unwrap_or(pass.best)
                }
            };
            drafts.extend(draft.map(|draft| (pass.number, (best, draft))));
        }
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        let t = &self.tally;
        let count = |c: &AtomicU64| c.load(Ordering::Relaxed);
        let inside = self.lock();
        let line = self.line.get();
        Status {
            camera: self.conf.camera.to_string(),
            adapter: self.conf.adapter.as_str(),
            lease: line.map_or("not enrolled", |l| l.keeper.state().as_str()),
            until: line.and_then(|l| l.keeper.session()).map(|s| s.lease().until),
            last: inside.last,
            tally: [
                ("documents", count(&t.documents)),
                ("plates", count(&t.seen)),
                ("refused without a lease", count(&t.without_lease)),
                ("not understood", count(&t.wrong)),
                ("too many", count(&t.too_many)),
                ("of other cameras", count(&t.others)),
                ("of the wrong time", count(&t.wrong_time)),
            ],
            repeats: inside.passes.repeats(),
            reads: line.map(|l| l.counts.summary(l.spool.len())).unwrap_or_default(),
            notes: inside.notes.iter().rev().cloned().collect(),
        }
    }

    /// Says something on the page. Never a plate.
    pub fn note(&self, words: String) {
        let now = self.clock.now();
        self.lock().write(now, words);
    }

    /// The same, and to whoever started the gateway.
    pub fn trouble(&self, e: &Error) {
        (self.say)(&format!("camera {}: {}", self.conf.camera, e.message()));
        self.note(e.message().to_owned());
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn write(&mut self, now: Time, words: String) {
        // The same again is one note, with its last time.
        self.notes.retain(|(_, w)| *w != words);
        if self.notes.len() == NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back((now, words));
    }
}

fn not_leased() -> Error {
    Error::unavailable("There is no lease from the city; nothing is kept.")
}

/// A span for people: the largest unit that says something.
fn span(ms: i64) -> String {
    let (n, unit) = match ms.max(0) / 1000 {
        s if s < 120 => (s, "seconds"),
        s if s < 7200 => (s / 60, "minutes"),
        s => (s / 3600, "hours"),
    };
    format!("{n} {unit}")
}

/// A foreign pass as a read of ours: the same signature, the same seal.
fn ours(pass: Pass, reader: &str) -> Known {
    let Pass { number: _, first, last, best, events, seen } = pass;
    let picture = seen.vehicle_picture.as_ref().or(seen.plate_picture.as_ref());
    let jpeg = picture.map(|jpeg| jpeg.bytes().to_vec());
    let corners = corners(seen.plate_box.unwrap_or_default());
    let track = Track {
        number: 0,
        first,
        last,
        best,
        corners,
        frame_size: seen.frame_size.unwrap_or_default(),
        jpeg,
        jpeg_corners: [[0.0; 2]; 4],
        flat: None,
        read: None,
        frames: events,
        path: [corners; 2],
    };
    let confidence = seen.confidence;
    let region = seen.region.map(|code| Region { code, confidence });
    let direction = seen.direction.and_then(|direction| match direction {
        Direction::Toward => Some(read::Direction::Approaching),
        Direction::Away => Some(read::Direction::Leaving),
        // From where a maker counts its degrees it does not say.
        Direction::Degrees(_) => None,
    });
    let sighting = Sighting { direction, reader: Some(reader.to_owned()), ..Sighting::default() };
    (track, Voted { odds: seen.odds, confidence, region }, sighting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_for_people() {
        for (ms, want) in [
            (-5, "0 seconds"),
            (90_000, "90 seconds"),
            (600_000, "10 minutes"),
            (28_800_000, "8 hours"),
        ] {
            assert_eq!(span(ms), want);
        }
    }
}
