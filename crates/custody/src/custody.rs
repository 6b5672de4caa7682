//! Custody itself: the keys in memory, what is sealed to them, and their end.

use crate::Rescue;
use crate::adopt::{InForce, Keep};
use crate::file::Files;
use crate::kek::Kek;
use crate::keys::Keys;
use crate::scan;
use crate::seal::{self, Key};
use crate::sealed::{SealedBatch, SealedHit, SealedRead, SealedSegment};
use base::{
    CameraId, Clock, Day, Epoch, Error, HitId, PersonId, PublicKey, Result, Secret, SegmentId,
    Signed, SystemClock, Time, random,
};
use ledger::{Entry, Leaf};
use plate::Text;
use read::{Lease, OpenKey, Pass, Read, SealKey, Sealed, SignedRead, WatchHead};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

const INGEST: &[u8] = b"homeplate/ingest/v1";
const RECORD: &[u8] = b"homeplate/record/v1";
/// A segment spans at most this much of a camera's time.
const SEGMENT_MS: i64 = 60_000;
/// And at most so many reads.
const SEGMENT_READS: usize = 256;
/// Hits have epochs of a day: their retention is their own.
const HIT_EPOCH_S: u32 = 86_400;
/// Capture times may be so far ahead of our clock.
const AHEAD_MS: i64 = 5 * 60_000;
const DAY_MS: i64 = 24 * 3_600_000;
/// So long a month's key stays when the month is over. A larger leap of the clock the city notices, and waits: what
/// a wrong clock destroys nobody brings back, and a month in which people have two names cannot be counted.
const MONTH_STAYS_MS: i64 = 2 * DAY_MS;
/// The longest lease that is signed.
const LEASE_MS: i64 = 24 * 3_600_000;

/// Where custody lives and what it believes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Custody's own folder.
    pub dir: PathBuf,
    /// Length of an epoch in seconds.
    pub epoch_s: u32,
    /// The public key of the log whose entries are believed.
    pub log_vkey: String,
    /// Whose cosignatures an entry needs before it is believed; without, the log's own signature is enough.
    pub witnesses: Option<ledger::Policy>,
    /// What protects the key-encryption key.
    pub kek: Kek,
}

/// What server and custody must both go by, besides the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The public key of the log whose entries are believed.
    pub log_vkey: String,
    /// Length of an epoch in seconds.
    pub epoch_s: u32,
    /// The hash of the policy of those who must have signed before a read is opened, where somebody must.
    pub witnesses: Option<String>,
}

impl Options {
    /// What of it the server must hold too.
    pub fn terms(&self) -> Terms {
        Terms {
            log_vkey: self.log_vkey.clone(),
            epoch_s: self.epoch_s,
            witnesses: self.witnesses.as_ref().map(|policy| policy.hash().to_owned()),
        }
    }
}

/// The keeper of the city's keys. Everything here is `&self`; it is shared between threads.
pub struct Custody {
    pub(crate) options: Options,
    pub(crate) in_force: RwLock<InForce>,
    pub(crate) keep: Option<Keep>,
    clock: Arc<dyn Clock>,
    ring: Mutex<Ring>,
    /// Plates of the city's own people that were opened before, by the hash of what is sealed.
    pub(crate) own: Mutex<HashMap<[u8; 32], Text>>,
}

/// The keys and their files change together, under one lock.
struct Ring {
    files: Files,
    keys: Keys,
}

impl fmt::Debug for Custody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Custody({})", self.options.dir.display())
    }
}

/// Which of the two sorts of epoch keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Sort {
    /// Of reads.
    Reads,
    /// Of hits, whose epochs are days.
    Hits,
}

impl Sort {
    /// `reads` or `hits`, as key files spell it.
    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Hits => "hits",
        }
    }

    pub(crate) fn from_slug(slug: &str) -> Option<Self> {
        [Self::Reads, Self::Hits].into_iter().find(|sort| sort.slug() == slug)
    }
}

impl Ring {
    fn gone_before(&self, sort: Sort) -> Time {
        match sort {
            Sort::Reads => self.keys.gone_before,
            Sort::Hits => self.keys.hits_gone_before,
        }
    }

    fn epochs(&self, sort: Sort) -> &BTreeMap<Epoch, OpenKey> {
        match sort {
            Sort::Reads => &self.keys.epochs,
            Sort::Hits => &self.keys.hits,
        }
    }

    fn ended(&self, sort: Sort) -> Vec<Epoch> {
        let of = self.keys.ended.iter().filter(|(of, _)| *of == sort);
        of.map(|(_, epoch)| *epoch).collect()
    }

    fn must_live(&self, sort: Sort, epoch: Epoch) -> Result<()> {
        if epoch.end() <= self.gone_before(sort) {
            return Err(Error::gone(format!(
                "What was captured before {} has been forgotten; its key is destroyed.",
                self.gone_before(sort)
            )));
        }
        Ok(())
    }

    /// The public key of an epoch, made and written down if this is its first use.
    fn seal_key(&mut self, sort: Sort, epoch: Epoch) -> Result<SealKey> {
        self.must_live(sort, epoch)?;
        if let Some(key) = self.epochs(sort).get(&epoch) {
            return key.public();
        }
        let mut keys = self.keys.copy();
        let fresh = OpenKey::generate();
        let public = fresh.public()?;
        match sort {
            Sort::Reads => keys.epochs.insert(epoch, fresh),
            Sort::Hits => keys.hits.insert(epoch, fresh),
        };
        // On disk first: a read sealed under a key that a crash loses would be lost with it.
        self.files.save(&keys)?;
        self.keys = keys;
        Ok(public)
    }

    /// The index key of a day, made and written down if this is its first use.
    fn day_key(&mut self, day: Day) -> Result<Key> {
        if day.next().start() <= self.keys.gone_before {
            return Err(Error::gone("This day has been forgotten; its key is destroyed."));
        }
        if let Some(key) = self.keys.days.get(&day) {
            return Ok(key.clone());
        }
        let mut keys = self.keys.copy();
        let fresh = Keys::new_key();
        keys.days.insert(day, fresh.clone());
        self.files.save(&keys)?;
        self.keys = keys;
        Ok(fresh)
    }

    /// The key of a month's pseudonyms, made and written down if this is its first use. That of an older month goes
    /// with the next destruction: nobody leads its pseudonyms back to people then, not even we.
    fn month_key(&mut self, month: &str) -> Result<Key> {
        if let Some(key) = self.keys.months.get(month) {
            return Ok(key.clone());
        }
        let mut keys = self.keys.copy();
        let fresh = Keys::new_key();
        keys.months.insert(month.to_owned(), fresh.clone());
        self.files.save(&keys)?;
        self.keys = keys;
        Ok(fresh)
    }

    /// Opens a key that was wrapped to an epoch.
    fn unwrap_key(
        &self,
        sort: Sort,
        epoch: Epoch,
        (info, aad): (&[u8], &[u8]),
        wrapped: &Sealed,
    ) -> Result<Key> {
        self.must_live(sort, epoch)?;
        let key = self.epochs(sort).get(&epoch).ok_or_else(|| {
            Error::not_found("A read is sealed to a key that this city never had.")
        })?;
        let plain = key.open(info, aad, wrapped)?;
        match <[u8; 32]>::try_from(plain.expose().as_slice()) {
            Ok(bytes) => Ok(Secret::new(bytes)),
            Err(_) => Err(Error::invalid("A wrapped key does not have 32 bytes.")),
        }
    }
}

impl Custody {
    /// Makes the keys of a new city; refuses a folder that holds keys already. The private halves of
    /// log entries will be sealed to `auditors`.
    pub fn create(
        options: &Options,
        in_force: impl Into<InForce>,
        auditors: SealKey,
    ) -> Result<Custody> {
        // A key that nothing can be sealed to is found out now, not with the first question.
        auditors.seal(RECORD, b"", b"")?;
        let keys = Keys::generate(auditors);
        let files = Files::create(&options.dir, &options.kek, &keys)?;
        Ok(Self::with(options, in_force.into(), Ring { files, keys }))
    }

    /// Opens the keys of a city, and finishes a destruction that a crash cut off.
    pub fn open(options: &Options, in_force: impl Into<InForce>) -> Result<Custody> {
        let (files, keys) = Files::open(&options.dir, &options.kek)?;
        Ok(Self::with(options, in_force.into(), Ring { files, keys }))
    }

    /// Whether there are keys in the folder.
    pub fn exists(options: &Options) -> bool {
        Files::exist(&options.dir)
    }

    fn with(options: &Options, in_force: InForce, ring: Ring) -> Self {
        let clock = Arc::new(SystemClock);
        Self {
            options: options.clone(),
            in_force: RwLock::new(in_force),
            keep: None,
            clock,
            ring: Mutex::new(ring),
            own: Mutex::default(),
        }
    }

    /// The same custody with another clock than the machine's, for tests.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The leaf of an entry, if the log has signed for it and, where they are asked for, enough witnesses.
    pub(crate) fn believes(&self, entry: &Entry) -> Result<Leaf> {
        let Options { log_vkey, witnesses, .. } = &self.options;
        match witnesses {
            Some(policy) => Ok(entry.check_witnessed(log_vkey, policy)?.0),
            None => entry.check(log_vkey),
        }
    }

    /// What a new machine needs to have these keys again, for the second place; `None` where the city has no
    /// key on paper. It opens with enough of the sheets and not without: whoever carries it learns nothing.
    pub fn rescue(&self) -> Result<Option<Rescue>> {
        let Some(recovery) = crate::recovery_of(&self.options.dir)? else { return Ok(None) };
        let ring = self.ring();
        ring.files.repair(&ring.keys)?;
        let (keys, kek) = ring.files.as_kept()?;
        Rescue::of(recovery, keys, kek).map(Some)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // The keys change in one assignment, after they are on disk: a panic leaves them whole.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The public key that cameras seal their reads to.
    pub fn ingest_key(&self) -> SealKey {
        let public = self.ring().keys.ingest.public();
        // The key was made or read as 32 bytes, and any 32 bytes are a private X25519 key.
        public.unwrap_or_else(|e| unreachable!("{e}"))
    }

    /// Opens what a camera sent. Nothing in it is verified: that is the lease's business.
    pub fn open_item(&self, camera: &CameraId, item: &Sealed) -> Result<SignedRead> {
        let plain = self.open_ingested(INGEST, camera.as_str().as_bytes(), item)?;
        SignedRead::decode(plain.expose())
    }

    /// The public key that leases are signed with.
    pub fn lease_public(&self) -> PublicKey {
        self.ring().keys.lease.public()
    }

    /// Signs a lease of at most a day under our own ingest key.
    pub fn sign_lease(&self, lease: Lease) -> Result<Signed<Lease>> {
        let span = lease.until.since(lease.from);
        if span <= 0 || span > LEASE_MS {
            return Err(Error::invalid("A lease lasts longer than nothing and at most a day."));
        }
        if lease.seal_key != self.ingest_key().to_string() {
            return Err(Error::invalid("The lease names another sealing key than the city's."));
        }
        Signed::sign(lease, &self.ring().keys.lease)
    }

    /// The key of a camera's list of a day, for one that keeps hits alone. It follows from the day's index
    /// key and tells nothing of it; it ends with it. Of days to come there is none but tomorrow's.
    pub fn watch_key(&self, camera: &CameraId, day: Day) -> Result<Key> {
        let today = self.clock.now().day();
        if day != today && day != today.next() {
            return Err(Error::invalid("A camera's list is for today or tomorrow."));
        }
        let day_key = self.ring().day_key(day)?;
        // No plate has a small letter: this is no index token.
        let text = format!("homeplate/watch/v1\n{camera}\n{day}");
        Ok(Secret::new(base::mac(day_key.expose())(text.as_bytes())))
    }

    /// Signs what a camera's list is.
    pub fn sign_watch(&self, head: WatchHead) -> Result<Signed<WatchHead>> {
        Signed::sign(head, &self.ring().keys.lease)
    }

    /// Whether a read captured at `at` would be sealed: not in the future, and not forgotten.
    /// A caller asks this of each read first, because [`Custody::seal`] refuses a batch whole. The future is
    /// `Busy`: it passes by itself.
    pub fn takes(&self, at: Time) -> Result<()> {
        if at.since(self.clock.now()) > AHEAD_MS {
            return Err(Error::busy("The capture time lies in the future; set the clock."));
        }
        self.ring().must_live(Sort::Reads, self.epoch(at))
    }

    fn epoch(&self, at: Time) -> Epoch {
        Epoch::of(at, self.options.epoch_s)
    }

    /// Seals the reads of one day, with their pictures, and makes their index tokens. All of them
    /// or none: a read that is not of this day, forgotten, or in the future refuses the batch.
    pub fn seal(&self, day: Day, reads: &[(Pass, Option<Vec<u8>>)]) -> Result<SealedBatch> {
        let mut seen = BTreeSet::new();
        for (read, _) in reads {
            if read.id.time() != read.captured || read.id.day() != day {
                return Err(Error::invalid("A read does not belong to the day it is stored in."));
            }
            if !seen.insert(read.id) {
                return Err(Error::invalid("A read stands twice in its batch."));
            }
            self.takes(read.captured)?;
        }
        let mut batch = SealedBatch {
            day,
            segments: Vec::new(),
            reads: Vec::with_capacity(reads.len()),
            hits: Vec::new(),
        };
        if reads.is_empty() {
            return Ok(batch);
        }
        let day_key = self.ring().day_key(day)?;
        for ((camera, epoch), group) in self.groups(reads) {
            for run in group.chunks(SEGMENT_READS) {
                let (segment, sealed) = self.segment(&camera, epoch, run, &day_key)?;
                batch.segments.push(segment);
                batch.reads.extend(sealed);
            }
        }
        Ok(batch)
    }

    /// The reads by camera and epoch, cut into minutes, each group in the order of capture.
    fn groups<'a>(&self, reads: &'a [(Pass, Option<Vec<u8>>)]) -> Vec<Group<'a>> {
        let mut groups: BTreeMap<(CameraId, Epoch, Time), Vec<Arrived<'a>>> = BTreeMap::new();
        for (read, picture) in reads {
            let at = (read.camera.clone(), self.epoch(read.captured), minute(read.captured));
            groups.entry(at).or_default().push((read.as_ref(), picture.as_deref()));
        }
        let sorted = groups.into_iter().map(|((camera, epoch, _), mut group)| {
            group.sort_by_key(|(read, _)| (read.captured, read.id));
            ((camera, epoch), group)
        });
        sorted.collect()
    }

    /// Seals one segment. Its key is wiped when this returns: not even we can add to it.
    fn segment(
        &self,
        camera: &CameraId,
        epoch: Epoch,
        run: &[Arrived<'_>],
        day_key: &Key,
    ) -> Result<(SealedSegment, Vec<SealedRead>)> {
        let to = self.ring().seal_key(Sort::Reads, epoch)?;
        let key: Key = Secret::new(random());
        let started = run.first().map_or(epoch.start(), |(read, _)| read.captured);
        let id = SegmentId::new(started, random());
        let aad = seal::segment_aad(&id, camera, epoch);
        let wrapped = to.seal(seal::SEGMENT_KEY, &aad, key.expose())?;
        let mut segment = SealedSegment { id, camera: camera.clone(), epoch, wrapped, scan: None };
        let readings: Vec<Vec<Text>> = run.iter().map(|(read, _)| seal::readings(read)).collect();
        let reads = run
            .iter()
            .zip(&readings)
            .map(|((read, picture), texts)| {
                seal::seal_read(&key, &segment, read, *picture, seal::tokens(day_key, texts))
            })
            .collect::<Result<Vec<_>>>()?;
        let block: Vec<(&Read, &[Text])> =
            run.iter().zip(&readings).map(|((read, _), texts)| (*read, texts.as_slice())).collect();
        segment.scan = Some(scan::seal_block(&self.scan_key(epoch)?, &segment, &block)?);
        Ok((segment, reads))
    }

    /// Seals a hit's own copy of its read, under a key with the retention of hits.
    pub fn seal_hit(&self, hit: HitId, read: &Read, picture: Option<&[u8]>) -> Result<SealedHit> {
        let epoch = Epoch::of(hit.time(), HIT_EPOCH_S);
        if hit.time() != read.captured {
            return Err(Error::invalid("A hit carries the time of its read."));
        }
        self.takes(read.captured)?;
        let to = self.ring().seal_key(Sort::Hits, epoch)?;
        let key: Key = Secret::new(random());
        let wrapped = to.seal(seal::HIT_KEY, &seal::hit_aad(&hit, epoch), key.expose())?;
        let (body, picture) = seal::seal_hit(&key, &hit, epoch, read, picture)?;
        Ok(SealedHit { id: hit, epoch, wrapped, body, picture })
    }

    /// Seals the private half of a log entry. Only the auditors open it: [`open_record`].
    pub fn seal_record(&self, plain: &[u8]) -> Result<Sealed> {
        let to = self.ring().keys.auditors.clone();
        to.seal(RECORD, b"", plain)
    }

    /// Opens what was sealed to the ingest key.
    pub(crate) fn open_ingested(
        &self,
        info: &[u8],
        aad: &[u8],
        sealed: &Sealed,
    ) -> Result<Secret<Vec<u8>>> {
        let key = OpenKey::from_bytes(*self.ring().keys.ingest.bytes());
        key.open(info, aad, sealed)
    }

    /// The key of the month that goes on.
    pub(crate) fn this_month(&self) -> Result<Key> {
        self.ring().month_key(&self.clock.now().month())
    }

    /// The name under which a person's acts of this month stand on the public log.
    pub fn pseudonym(&self, person: &PersonId) -> Result<String> {
        let month = self.clock.now().month();
        let key = self.ring().month_key(&month)?;
        Ok(seal::pseudonym(&key, &month, person))
    }

    /// The key of a read's segment.
    pub(crate) fn segment_key(&self, segment: &SealedSegment) -> Result<Key> {
        let aad = seal::segment_aad(&segment.id, &segment.camera, segment.epoch);
        let bound = (seal::SEGMENT_KEY, aad.as_slice());
        self.ring().unwrap_key(Sort::Reads, segment.epoch, bound, &segment.wrapped)
    }

    /// The key of an epoch's scan blocks.
    pub(crate) fn scan_key(&self, epoch: Epoch) -> Result<Key> {
        let ring = self.ring();
        ring.must_live(Sort::Reads, epoch)?;
        let key = ring.epochs(Sort::Reads).get(&epoch).ok_or_else(|| {
            Error::not_found("A segment is sealed to a key that this city never had.")
        })?;
        scan::scan_key(epoch, &Secret::new(*key.bytes()))
    }

    /// The key of a hit.
    pub(crate) fn hit_key(&self, hit: &SealedHit) -> Result<Key> {
        let aad = seal::hit_aad(&hit.id, hit.epoch);
        let bound = (seal::HIT_KEY, aad.as_slice());
        self.ring().unwrap_key(Sort::Hits, hit.epoch, bound, &hit.wrapped)
    }

    /// The index keys of the days that lie in a span and hold anything.
    pub(crate) fn day_keys(&self, from: Time, until: Time) -> Vec<(Day, Key)> {
        let last = until.plus_millis(-1).day();
        let ring = self.ring();
        ring.keys
            .days
            .range(from.day()..=last.max(from.day()))
            .map(|(d, k)| (*d, k.clone()))
            .collect()
    }

    /// The first moment that is not forgotten.
    pub(crate) fn remembers_from(&self) -> Time {
        self.ring().keys.gone_before
    }

    /// Destroys the keys of every epoch of reads that ended by `t`, and the index keys of every
    /// day that did. What was sealed under them opens never again, from backups neither. Returns
    /// the epochs whose keys there were, now or earlier, until it is said of them that they are on the
    /// log ([`Custody::destruction_logged`]): a crash between the two loses none.
    pub fn destroy_before(&self, t: Time) -> Result<Vec<Epoch>> {
        self.destroy(Sort::Reads, self.epoch(t).start())
    }

    /// The same for hits, whose epochs are days.
    pub fn destroy_hits_before(&self, t: Time) -> Result<Vec<Epoch>> {
        self.destroy(Sort::Hits, Epoch::of(t, HIT_EPOCH_S).start())
    }

    fn destroy(&self, sort: Sort, before: Time) -> Result<Vec<Epoch>> {
        if before > self.clock.now() {
            return Err(Error::invalid(
                "Keys are destroyed for time that has passed; set the clock.",
            ));
        }
        let mut ring = self.ring();
        // A destruction that was written but not wiped is finished first.
        ring.files.repair(&ring.keys)?;
        ring.files.settle()?;
        if before <= ring.gone_before(sort) {
            return Ok(ring.ended(sort));
        }
        let mut keys = ring.keys.copy();
        let (epochs, gone) = match sort {
            Sort::Reads => (&mut keys.epochs, &mut keys.gone_before),
            Sort::Hits => (&mut keys.hits, &mut keys.hits_gone_before),
        };
        let dead = epochs.keys().filter(|e| e.end() <= before).map(|e| (sort, *e));
        keys.ended.extend(dead);
        epochs.retain(|e, _| e.end() > before);
        *gone = before;
        if matches!(sort, Sort::Reads) {
            keys.days.retain(|day, _| day.next().start() > before);
        }
        let now = self.clock.now();
        keys.months.retain(|month, _| !month_is_over(month, now));
        ring.files.rotate(&keys)?;
        ring.keys = keys;
        ring.files.settle()?;
        Ok(ring.ended(sort))
    }

    /// Takes note that the log says of these epochs that their keys are destroyed.
    pub fn destruction_logged(&self, sort: Sort, epochs: &[Epoch]) -> Result<()> {
        let mut ring = self.ring();
        let mut keys = ring.keys.copy();
        keys.ended.retain(|(of, epoch)| *of != sort || !epochs.contains(epoch));
        if keys.ended.len() < ring.keys.ended.len() {
            ring.files.save(&keys)?;
            ring.keys = keys;
        }
        Ok(())
    }
}

type Arrived<'a> = (&'a Read, Option<&'a [u8]>);
type Group<'a> = ((CameraId, Epoch), Vec<Arrived<'a>>);

/// Whether a month (`2026-11`) ended so long ago that no small leap of the clock leads back into it.
fn month_is_over(month: &str, now: Time) -> bool {
    let first = |month: &str| format!("{month}-01").parse::<Day>().ok().map(Day::start);
    // A month's first day and 31 more lie in the next one.
    let next = first(month).and_then(|start| first(&start.plus_millis(31 * DAY_MS).month()));
    next.is_none_or(|next| now.since(next) >= MONTH_STAYS_MS)
}

fn minute(at: Time) -> Time {
    at.floor_to(SEGMENT_MS)
}

/// Opens the private half of a log entry with the auditors' key.
pub fn open_record(key: &OpenKey, sealed: &Sealed) -> Result<Secret<Vec<u8>>> {
    key.open(RECORD, b"", sealed)
}
