//! Custody's side of the socket.

use super::message::{
    Arriving, Compared, Given, GivenHold, Handle, Hello, Key, Plain, Request, Stated, Word,
};
use super::{VERSION, receive, send};
use crate::keeper::{Arrived, Keeper};
use crate::{Custody, Found, HoldPermit, Permit, SealedSegment, Terms};
use base::{Error, HoldId, Result, Shutdown, random};
use ledger::{Entry, Leaf};
use policy::{Facts, Intent};
use read::{Read, Sealed};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::io::ErrorKind;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A question is answered long before.
const LIFETIME: Duration = Duration::from_secs(600);
/// More permits at a time than a city has people.
const PERMITS: usize = 10_000;
/// More connections than the city's server keeps.
const CONNECTIONS: usize = 128;
/// How often a new connection is looked for.
const LOOK: Duration = Duration::from_millis(5);

/// Who may connect.
#[derive(Clone, Debug)]
pub struct Guests {
    /// These users of the system, by number; nobody else, root included.
    pub uids: Vec<u32>,
    /// How long a permit lives.
    pub lifetime: Duration,
}

impl Guests {
    /// These users, and permits that live for ten minutes.
    pub fn new(uids: Vec<u32>) -> Self {
        Self { uids, lifetime: LIFETIME }
    }
}

enum Held {
    Search(Permit),
    Hold(HoldPermit),
}

/// What was given, since when.
type Permits = HashMap<Handle, (Instant, Arc<Mutex<Held>>)>;

struct Desk {
    custody: Arc<Custody>,
    guests: Guests,
    permits: Mutex<Permits>,
    connections: AtomicUsize,
}

/// A connection that is open; a thread that panics lets go of it too.
struct Seat<'a>(&'a AtomicUsize);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Answers on `listener` until it is told to stop. Connections that are open then end with the process.
pub fn serve(
    listener: &UnixListener,
    custody: Arc<Custody>,
    guests: Guests,
    stop: &Shutdown,
) -> Result<()> {
    let broken = |e| Error::unavailable("Custody's socket cannot be listened on.").because(e);
    listener.set_nonblocking(true).map_err(broken)?;
    let desk = Arc::new(Desk {
        custody,
        guests,
        permits: Mutex::default(),
        connections: AtomicUsize::new(0),
    });
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                let desk = desk.clone();
                std::thread::spawn(move || desk.welcome(stream));
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                if stop.sleep(LOOK) {
                    return Ok(());
                }
            }
            Err(e) => return Err(broken(e)),
        }
    }
}

impl Desk {
    /// One connection, from its first word to its last.
    fn welcome(&self, mut stream: UnixStream) {
        let open = self.connections.fetch_add(1, Ordering::SeqCst);
        let _seat = Seat(&self.connections);
        let done = stream
            .set_nonblocking(false)
            .map_err(super::gone)
            .and_then(|()| self.admit(&stream, open))
            .and_then(|()| self.hello(&mut stream));
        match done {
            Ok(()) => {
                if let Err(e) = self.talk(&mut stream) {
                    tracing::debug!(error = %e.inside(), "a connection ended");
                }
            }
            Err(e) => {
                tracing::warn!(error = %e.inside(), "a connection was refused");
                let _ = send(&mut stream, &Word::<()>::of(Err(e)));
            }
        }
    }

    /// Only the city's own user: the kernel says who is at the other end.
    fn admit(&self, stream: &UnixStream, open: usize) -> Result<()> {
        let peer = rustix::net::sockopt::socket_peercred(stream)
            .map_err(|e| Error::internal("The kernel does not say who connects.").because(e))?;
        if !self.guests.uids.contains(&peer.uid.as_raw()) {
            return Err(Error::forbidden(
                "Custody answers the city's own user alone; custody.server_user names it.",
            )
            .because(format!("uid {}", peer.uid.as_raw())));
        }
        if open >= CONNECTIONS {
            return Err(Error::unavailable("Custody has too many connections; try again."));
        }
        Ok(())
    }

    fn hello(&self, stream: &mut UnixStream) -> Result<()> {
        let first = receive::<Request>(stream)?;
        let Some(Request::Hello(first)) = first else {
            return Err(Error::invalid("The first word to custody is its version."));
        };
        let ours = &self.custody;
        if first.version != VERSION {
            return Err(Error::conflict(
                "Server and custody are of different versions; start both from one installation.",
            ));
        }
        let Hello { rules, log: log_vkey, epoch_s, witnesses, .. } = first;
        let terms = Terms { log_vkey, epoch_s, witnesses };
        if rules != ours.rules().hash() || terms != ours.options.terms() {
            return Err(Error::conflict(
                "Server and custody hold different rules, witnesses or epochs, or the keys of different logs; if the city \
                 adopted its own, run `homeplate custody adopt` and start custody again.",
            ));
        }
        send(stream, &Word::of(Ok(())))
    }

    fn talk(&self, stream: &mut UnixStream) -> Result<()> {
        while let Some(request) = receive::<Request>(stream)? {
            self.answer(stream, request)?;
        }
        Ok(())
    }

    fn answer(&self, to: &mut UnixStream, request: Request) -> Result<()> {
        let custody = self.custody.as_ref();
        match request {
            Request::Hello(_) => said(to, Err::<(), _>(Error::invalid("That was said before."))),
            Request::Takes(at) => said(to, custody.takes(at)),
            Request::OpenItems { camera, items } => {
                let opened = Keeper::open_items(custody, &camera, &items).map(|all| {
                    let plain = |read: read::SignedRead| Plain(read.encode().expose().clone());
                    all.into_iter().map(|one| Word::of(one.map(plain))).collect::<Vec<_>>()
                });
                said(to, opened)
            }
            Request::Seal { day, reads } => {
                let reads: Result<Vec<Arrived>> = reads.into_iter().map(arrived).collect();
                said(to, reads.and_then(|reads| custody.seal(day, &reads)))
            }
            Request::SealHit { hit, read, picture } => {
                let sealed = Read::from_canonical(&read.0)
                    .and_then(|read| custody.seal_hit(hit, &read, picture.as_ref().map(|p| &*p.0)));
                said(to, sealed)
            }
            Request::SealRecord(plain) => said(to, custody.seal_record(&plain.0)),
            Request::Pseudonym(person) => said(to, custody.pseudonym(&person)),
            Request::Marks { intent, own } => {
                let intent = Intent::from_canonical(&intent.0);
                said(to, intent.and_then(|intent| custody.marks(&intent, &own)))
            }
            Request::IngestKey => said(to, Ok(*custody.ingest_key().bytes())),
            Request::LeasePublic => said(to, Ok(custody.lease_public())),
            Request::SignLease(lease) => said(to, custody.sign_lease(lease)),
            Request::WatchKey { camera, day } => {
                let key = custody.watch_key(&camera, day);
                said(to, key.map(|key| Plain(key.expose().to_vec())))
            }
            Request::SignWatch(head) => said(to, custody.sign_watch(head)),
            Request::Permit { intent, facts, salt, entry, then } => {
                said(to, self.permit(&intent, facts, &salt, &entry, then))
            }
            Request::Adopt { adoption, entry } => {
                let entry = Entry::from_receipt(&entry);
                said(to, entry.and_then(|entry| custody.adopt(&adoption, &entry)))
            }
            Request::Scan { permit, segments } => said(to, self.scan(permit, &segments)),
            Request::Keys { permit, found } => said(to, self.keys(permit, &found)),
            Request::OpenHit { hit, entry } => {
                let opened = Entry::from_receipt(&entry).and_then(|e| custody.open_hit(&hit, &e));
                said(
                    to,
                    opened.map(|(read, picture)| Arriving {
                        read: Plain(read.canonical().expose().clone()),
                        picture: picture.map(Plain),
                    }),
                )
            }
            Request::HoldPermit { hold, sealed, salt, entry } => {
                said(to, self.hold_permit(hold, &sealed, &salt, &entry))
            }
            Request::Reseal { permit, found } => said(to, self.reseal(permit, found)),
            Request::Release(handle) => {
                self.permits().remove(&handle);
                said(to, Ok(()))
            }
            Request::DestroyBefore(t) => said(to, custody.destroy_before(t)),
            Request::DestroyHitsBefore(t) => said(to, custody.destroy_hits_before(t)),
            Request::DestructionLogged(sort, epochs) => {
                said(to, custody.destruction_logged(sort, &epochs))
            }
            Request::Rescue => said(to, custody.rescue()),
        }
    }

    fn permits(&self) -> MutexGuard<'_, Permits> {
        self.permits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, held: Held) -> Result<Handle> {
        let mut permits = self.permits();
        permits.retain(|_, (since, _)| since.elapsed() < self.guests.lifetime);
        if permits.len() >= PERMITS {
            return Err(Error::unavailable("Too many questions are open at a time; try again."));
        }
        let handle = Handle(random());
        permits.insert(handle, (Instant::now(), Arc::new(Mutex::new(held))));
        Ok(handle)
    }

    fn kept(&self, handle: Handle) -> Result<Arc<Mutex<Held>>> {
        let permits = self.permits();
        let found = permits.get(&handle).filter(|(at, _)| at.elapsed() < self.guests.lifetime);
        let missing = || Error::forbidden("This permit has ended; ask anew.");
        found.map(|(_, held)| held.clone()).ok_or_else(missing)
    }

    fn permit(
        &self,
        intent: &Plain,
        facts: Stated,
        salt: &[u8; 32],
        entry: &str,
        then: Option<Plain>,
    ) -> Result<Given> {
        let intent = Intent::from_canonical(&intent.0)?;
        let then = then.map(|leaf| Leaf::parse(&leaf.0)).transpose()?;
        let entry = Entry::from_receipt(entry)?;
        let facts = Facts::try_from(facts)?;
        let permit = self.custody.permit(&intent, &facts, salt, &entry, then.as_ref())?;
        let mut given = permit.told();
        given.handle = self.keep(Held::Search(permit))?;
        Ok(given)
    }

    fn scan(&self, handle: Handle, segments: &[SealedSegment]) -> Result<Compared> {
        let kept = self.kept(handle)?;
        let mut held = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Held::Search(permit) = &mut *held else { return Err(another()) };
        let before: BTreeSet<_> = permit.matched().copied().collect();
        let done = self.custody.scan(permit, segments)?;
        let new = permit.matched().filter(|id| !before.contains(id)).copied().collect();
        Ok(Compared {
            reads: done.reads,
            matched: done.matched,
            unscannable: done.unscannable,
            new,
        })
    }

    fn keys(&self, handle: Handle, found: &[Found]) -> Result<Vec<Key>> {
        let kept = self.kept(handle)?;
        let held = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Held::Search(permit) = &*held else { return Err(another()) };
        Ok(self.custody.keys(permit, found)?.iter().map(|key| key.told()).collect())
    }

    fn hold_permit(
        &self,
        hold: HoldId,
        sealed: &Sealed,
        salt: &[u8; 32],
        entry: &str,
    ) -> Result<GivenHold> {
        let entry = Entry::from_receipt(entry)?;
        let permit = self.custody.hold_permit(hold, sealed, salt, &entry)?;
        let mut given = permit.told();
        given.handle = self.keep(Held::Hold(permit))?;
        Ok(given)
    }

    /// The sealed keys alone: the bodies are with the city.
    fn reseal(&self, handle: Handle, found: Vec<Found>) -> Result<Vec<Sealed>> {
        let kept = self.kept(handle)?;
        let held = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Held::Hold(permit) = &*held else { return Err(another()) };
        Ok(self.custody.reseal(permit, found)?.into_iter().map(|held| held.keys).collect())
    }
}

fn another() -> Error {
    Error::forbidden("This permit is of another kind; ask anew.")
}

fn arrived(one: Arriving) -> Result<Arrived> {
    let read = Read::from_canonical(&one.read.0)?;
    Ok((Arc::new(read), one.picture.map(|mut picture| std::mem::take(&mut picture.0))))
}

fn said<T: Serialize>(to: &mut UnixStream, done: Result<T>) -> Result<()> {
    if let Err(e) = &done {
        // The cause stays here: the other side is told what it can do.
        tracing::info!(error = %e.inside(), "refused");
    }
    send(to, &Word::of(done))
}
