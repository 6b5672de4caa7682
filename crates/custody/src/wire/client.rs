//! The city's side of the socket.

use super::message::{
    Arriving, Compared, Given, GivenHold, Handle, Hello, Key, Plain, Request, Word,
};
use super::{VERSION, receive, send};
use crate::keeper::{Arrived, Keeper, Opened};
use crate::seal::BodyKeys;
use crate::{
    Found, HeldRead, HoldPermit, Marks, Permit, ReadKey, Rescue, Scanned, SealedBatch, SealedHit,
    SealedRead, SealedSegment, Sort, Terms,
};
use base::{
    CameraId, Day, Epoch, Error, HitId, HoldId, Kind, PersonId, PublicKey, Result, Secret, Signed,
    Time,
};
use identity::{Adoption, RuleSet};
use ledger::{Entry, Leaf};
use policy::{Facts, Intent, Rules};
use read::{Lease, Read, SealKey, Sealed, SignedRead, WatchHead};
use serde::de::DeserializeOwned;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Destroying keys rewrites the key file; nothing else takes nearly as long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Connections that are kept for the next request.
const KEPT: usize = 32;

/// Custody behind a socket.
pub struct Remote(Arc<Line>);

/// The way there, shared with the permits that came over it.
pub(crate) struct Line {
    path: PathBuf,
    /// The hash of the rules that both go by.
    rules: Mutex<String>,
    terms: Terms,
    kept: Mutex<Vec<UnixStream>>,
}

/// A permit's handle; custody is told when it goes.
pub(crate) struct Lent {
    line: Arc<Line>,
    handle: Handle,
}

impl Drop for Lent {
    fn drop(&mut self) {
        // If nobody hears it, the permit ends by itself.
        let _ = self.line.ask::<()>(&Request::Release(self.handle));
    }
}

impl Remote {
    /// The custody that listens at `path`. That it does, and that it goes by the same rules and terms, is found
    /// out now.
    ///
    /// # Errors
    /// `Unavailable` if nobody answers, `Forbidden` if another user is wanted, `Conflict` if rules, terms or version
    /// are others.
    pub fn connect(path: &Path, rules: &Rules, terms: Terms) -> Result<Self> {
        Self::connect_under(path, &rules.hash(), terms)
    }

    /// The same, with the rules named by their hash alone.
    pub fn connect_under(path: &Path, rules: &str, terms: Terms) -> Result<Self> {
        let line = Line {
            path: path.to_owned(),
            rules: Mutex::new(rules.to_owned()),
            terms,
            kept: Mutex::default(),
        };
        let first = line.open()?;
        line.put_back(first);
        Ok(Self(Arc::new(line)))
    }
}

impl Line {
    fn away(&self, e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::unavailable(format!(
            "Custody does not answer at {}; start it with `homeplate custody`.",
            self.path.display()
        ))
        .because(e)
    }

    fn open(&self) -> Result<UnixStream> {
        let mut stream = UnixStream::connect(&self.path).map_err(|e| self.away(e))?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(|e| self.away(e))?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(|e| self.away(e))?;
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Terms { log_vkey: log, epoch_s, witnesses } = self.terms.clone();
        let hello = Hello { version: VERSION, rules, log, epoch_s, witnesses };
        // Custody may have refused already and gone: then its reason is there to be read.
        let _ = send(&mut stream, &Request::Hello(hello));
        let said = receive::<Word<()>>(&mut stream).map_err(|e| self.away(e))?;
        said.ok_or_else(|| self.away("it hung up"))?.into_result()?;
        Ok(stream)
    }

    fn put_back(&self, stream: UnixStream) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(stream);
        }
    }

    /// One request and its answer. A kept connection may have died with the custody of before: then it is
    /// asked once more over a new one, and there is no request that does harm when it is repeated.
    fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(word) = kept.and_then(|stream| self.over(stream, request).ok()) {
            return word.into_result();
        }
        let fresh = self.open()?;
        let word = self.over(fresh, request).map_err(|e| match e.kind() {
            Kind::Unavailable => self.away(e),
            // It was not custody's fault.
            _ => e,
        });
        word?.into_result()
    }

    fn over<T: DeserializeOwned>(
        &self,
        mut stream: UnixStream,
        request: &Request,
    ) -> Result<Word<T>> {
        send(&mut stream, request)?;
        let word = receive::<Word<T>>(&mut stream)?;
        let word = word.ok_or_else(|| Error::unavailable("Custody hung up."))?;
        self.put_back(stream);
        Ok(word)
    }
}

impl Remote {
    fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T> {
        self.0.ask(&request)
    }

    fn lent(&self, handle: Handle) -> Lent {
        Lent { line: self.0.clone(), handle }
    }
}

/// What custody needs to see of a read to judge whether a permit covers it: bodies stay here.
fn outlines(found: &[Found]) -> Vec<Found> {
    let outline = |f: &Found| Found {
        read: SealedRead {
            id: f.read.id,
            camera: f.read.camera.clone(),
            segment: f.read.segment,
            captured: f.read.captured,
            counter: f.read.counter,
            body: Vec::new(),
            picture: None,
            tokens: f.read.tokens.clone(),
        },
        segment: SealedSegment {
            id: f.segment.id,
            camera: f.segment.camera.clone(),
            epoch: f.segment.epoch,
            wrapped: f.segment.wrapped.clone(),
            scan: None,
        },
    };
    found.iter().map(outline).collect()
}

fn handle(lent: Option<&Lent>) -> Result<Handle> {
    let lent = lent.ok_or_else(|| Error::forbidden("This permit is not this custody's."))?;
    Ok(lent.handle)
}

impl Keeper for Remote {
    fn takes(&self, at: Time) -> Result<()> {
        self.ask(Request::Takes(at))
    }

    fn open_items(&self, camera: &CameraId, items: &[Sealed]) -> Result<Vec<Result<SignedRead>>> {
        let request = Request::OpenItems { camera: camera.clone(), items: items.to_vec() };
        let opened: Vec<Word<Plain>> = self.ask(request)?;
        if opened.len() != items.len() {
            return Err(Error::internal(
                "Custody opened another number of reads than it was sent.",
            ));
        }
        let read = |word: Word<Plain>| SignedRead::decode(&word.into_result()?.0);
        Ok(opened.into_iter().map(read).collect())
    }

    fn seal(&self, day: Day, reads: &[Arrived]) -> Result<SealedBatch> {
        let arriving = |(read, picture): &Arrived| Arriving {
            read: Plain(read.canonical().expose().clone()),
            picture: picture.clone().map(Plain),
        };
        self.ask(Request::Seal { day, reads: reads.iter().map(arriving).collect() })
    }

    fn seal_hit(&self, hit: HitId, read: &Read, picture: Option<&[u8]>) -> Result<SealedHit> {
        let read = Plain(read.canonical().expose().clone());
        let picture = picture.map(|picture| Plain(picture.to_vec()));
        self.ask(Request::SealHit { hit, read, picture })
    }

    fn seal_record(&self, plain: &[u8]) -> Result<Sealed> {
        self.ask(Request::SealRecord(Plain(plain.to_vec())))
    }

    fn pseudonym(&self, person: &PersonId) -> Result<String> {
        self.ask(Request::Pseudonym(person.clone()))
    }

    fn marks(&self, intent: &Intent, own: &[Sealed]) -> Result<Marks> {
        let intent = Plain(intent.canonical().expose().clone());
        self.ask(Request::Marks { intent, own: own.to_vec() })
    }

    fn ingest_key(&self) -> Result<SealKey> {
        Ok(SealKey::from_bytes(self.ask(Request::IngestKey)?))
    }

    fn lease_public(&self) -> Result<PublicKey> {
        self.ask(Request::LeasePublic)
    }

    fn sign_lease(&self, lease: Lease) -> Result<Signed<Lease>> {
        self.ask(Request::SignLease(lease))
    }

    fn watch_key(&self, camera: &CameraId, day: Day) -> Result<Secret<[u8; 32]>> {
        let key: Plain = self.ask(Request::WatchKey { camera: camera.clone(), day })?;
        match <[u8; 32]>::try_from(key.0.as_slice()) {
            Ok(bytes) => Ok(Secret::new(bytes)),
            Err(_) => Err(Error::internal("Custody's key for a list does not have 32 bytes.")),
        }
    }

    fn sign_watch(&self, head: WatchHead) -> Result<Signed<WatchHead>> {
        self.ask(Request::SignWatch(head))
    }

    fn permit(
        &self,
        intent: &Intent,
        facts: &Facts,
        salt: &[u8; 32],
        entry: &Entry,
        then: Option<&Leaf>,
    ) -> Result<Permit> {
        let given: Given = self.ask(Request::Permit {
            intent: Plain(intent.canonical().expose().clone()),
            facts: facts.into(),
            salt: *salt,
            entry: entry.receipt(),
            then: then.map(Leaf::bytes).transpose()?.map(Plain),
        })?;
        let lent = self.lent(given.handle);
        Ok(Permit::lent(given, lent))
    }

    fn adopt(&self, adoption: &Adoption, entry: &Entry) -> Result<()> {
        let rules = Rules::adopted(&RuleSet::parse(&adoption.set)?.rules)?.hash();
        self.ask::<()>(Request::Adopt { adoption: adoption.clone(), entry: entry.receipt() })?;
        *self.0.rules.lock().unwrap_or_else(PoisonError::into_inner) = rules;
        Ok(())
    }

    fn scan(&self, permit: &mut Permit, segments: &[SealedSegment]) -> Result<Scanned> {
        // A block is opened with a key of its epoch: the segment's own key is not needed.
        let without_key = |segment: &SealedSegment| SealedSegment {
            id: segment.id,
            camera: segment.camera.clone(),
            epoch: segment.epoch,
            wrapped: Sealed(Vec::new()),
            scan: segment.scan.clone(),
        };
        let segments = segments.iter().map(without_key).collect();
        let request = Request::Scan { permit: handle(permit.remote())?, segments };
        let done: Compared = self.ask(request)?;
        done.new.into_iter().for_each(|id| {
            permit.take(id);
        });
        Ok(Scanned { reads: done.reads, matched: done.matched, unscannable: done.unscannable })
    }

    fn keys(&self, permit: &Permit, found: &[Found]) -> Result<Vec<ReadKey>> {
        let request = Request::Keys { permit: handle(permit.remote())?, found: outlines(found) };
        let keys: Vec<Key> = self.ask(request)?;
        keys.into_iter()
            .map(|mut key| {
                let bytes = Secret::new(std::mem::take(&mut key.keys.0));
                Ok(ReadKey::new(key.read, BodyKeys::from_bytes(&bytes)?, key.epoch))
            })
            .collect()
    }

    fn open_hit(&self, hit: &SealedHit, entry: &Entry) -> Result<Opened> {
        let request = Request::OpenHit { hit: hit.clone(), entry: entry.receipt() };
        let opened: Arriving = self.ask(request)?;
        let picture = opened.picture.map(|mut picture| std::mem::take(&mut picture.0));
        Ok((Read::from_canonical(&opened.read.0)?, picture))
    }

    fn hold_permit(
        &self,
        hold: HoldId,
        sealed: &Sealed,
        salt: &[u8; 32],
        entry: &Entry,
    ) -> Result<HoldPermit> {
        let (sealed, salt, entry) = (sealed.clone(), *salt, entry.receipt());
        let given: GivenHold = self.ask(Request::HoldPermit { hold, sealed, salt, entry })?;
        let lent = self.lent(given.handle);
        Ok(HoldPermit::lent(hold, given, lent))
    }

    fn reseal(&self, permit: &HoldPermit, found: Vec<Found>) -> Result<Vec<HeldRead>> {
        let request = Request::Reseal { permit: handle(permit.remote())?, found: outlines(&found) };
        let keys: Vec<Sealed> = self.ask(request)?;
        if keys.len() != found.len() {
            return Err(Error::internal(
                "Custody preserved another number of reads than were found.",
            ));
        }
        let one = |(f, keys): (Found, Sealed)| HeldRead {
            hold: permit.hold(),
            id: f.read.id,
            camera: f.read.camera,
            epoch: f.segment.epoch,
            keys,
            body: f.read.body,
            picture: f.read.picture,
        };
        Ok(found.into_iter().zip(keys).map(one).collect())
    }

    fn destroy_before(&self, t: Time) -> Result<Vec<Epoch>> {
        self.ask(Request::DestroyBefore(t))
    }

    fn destroy_hits_before(&self, t: Time) -> Result<Vec<Epoch>> {
        self.ask(Request::DestroyHitsBefore(t))
    }

    fn destruction_logged(&self, sort: Sort, epochs: &[Epoch]) -> Result<()> {
        self.ask(Request::DestructionLogged(sort, epochs.to_vec()))
    }

    fn rescue(&self) -> Result<Option<Rescue>> {
        self.ask(Request::Rescue)
    }
}
