//! The lease in force and its capture key: what turns a track into a sealed read.

use crate::{FrameCounter, Spool};
use base::{Error, ReadId, Result, Signed, SigningKey, Time};
use read::{Lease, Read, SealKey, Sealed, Sighting, SignedRead, SpoolState, Stop};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;
use vision::{Track, Voted};

/// Purpose that the envelope of a read on its way in is bound to.
const INGEST: &[u8] = b"homeplate/ingest/v1";
/// The city takes pictures up to this size; a larger one is left out, the read goes on.
const PICTURE_MAX: usize = 256 * 1024;
/// Odds may differ from 1 in rounding, never in meaning: regions of another form are left out.
const REGION: std::ops::RangeInclusive<usize> = 2..=6;

/// What belongs to the end of any session: the count of frames, and the spool that an order may have erased.
pub(crate) struct Ending {
    frames: Arc<FrameCounter>,
    spool: Arc<Spool>,
    erase: AtomicBool,
    erased: AtomicU64,
}

impl Ending {
    pub fn new(frames: Arc<FrameCounter>, spool: Arc<Spool>) -> Self {
        Self { frames, spool, erase: AtomicBool::new(false), erased: AtomicU64::new(0) }
    }

    pub fn frames(&self) -> &Arc<FrameCounter> {
        &self.frames
    }

    /// The spool.
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Whether an order in force has the spool erased.
    pub fn order_erase(&self, erase: bool) {
        self.erase.store(erase, Ordering::SeqCst);
        if !erase {
            self.erased.store(0, Ordering::SeqCst);
        }
    }

    /// Nothing is captured any more: the last frame's number, what became of the spool, and how many reads
    /// were erased. An error is that they should have been and were not.
    pub fn close(&self) -> Result<(u64, SpoolState, u64)> {
        let frames = self.frames.rest();
        if !self.erase.load(Ordering::SeqCst) {
            return Ok((frames, SpoolState::Kept, 0));
        }
        let more = self.spool.erase()?;
        let erased = self.erased.fetch_add(more, Ordering::SeqCst) + more;
        Ok((frames, SpoolState::Erased, erased))
    }
}

/// A lease with the key that dies with it. The key is in memory only.
pub struct Session {
    lease: Lease,
    seal_key: SealKey,
    key: SigningKey,
    made: AtomicU64,
    /// The end by the monotonic clock: a clock set back does not lengthen a lease.
    ends: Instant,
    /// This machine's clock less the city's when the lease was granted, in milliseconds.
    offset_ms: Option<i64>,
    ending: Option<Arc<Ending>>,
    stopped: AtomicBool,
}

impl Session {
    /// Takes a lease into use, whose capture key is `key`'s public half.
    pub fn new(lease: Lease, key: SigningKey, ends: Instant) -> Result<Self> {
        let seal_key = lease.seal_key.parse()?;
        let (made, stopped) = (AtomicU64::new(0), AtomicBool::new(false));
        Ok(Self { lease, seal_key, key, made, ends, ending: None, stopped, offset_ms: None })
    }

    /// The same with what the grant told of the city's clock.
    pub fn with_offset(mut self, ms: i64) -> Self {
        self.offset_ms = Some(ms);
        self
    }

    /// This machine's clock less the city's when the lease was granted, in milliseconds.
    pub fn offset_ms(&self) -> Option<i64> {
        self.offset_ms
    }

    /// The same, whose last word tells the count of frames and what became of the spool.
    pub(crate) fn ending(self, ending: Arc<Ending>) -> Self {
        Self { ending: Some(ending), ..self }
    }

    /// Whether its last word was said.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// The lease.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// How long it lasts by the monotonic clock.
    pub(crate) fn left(&self) -> std::time::Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    /// Whether it covers nothing from now on, by either clock. Before its first moment it is not over: a camera's
    /// clock may be a little behind.
    pub(crate) fn over(&self, now: Time) -> bool {
        now >= self.lease.until || self.left().is_zero()
    }

    /// Whether a frame taken at `at` may be looked at.
    pub fn covers(&self, at: Time) -> bool {
        self.lease.covers(at) && Instant::now() < self.ends
    }

    /// Signs one vehicle's read and seals it to the city: nobody here can open that again. The read itself is
    /// for a gate that the lease names, or to be dropped.
    pub fn seal(
        &self,
        track: Track,
        voted: Voted,
        sighting: Sighting,
    ) -> Result<(Sealed, SignedRead)> {
        if !self.lease.covers(track.best) {
            return Err(Error::gone("No lease covered this capture; the read is dropped."));
        }
        self.seal_as(self.reserve(), track, voted, sighting)
    }

    /// The next number of a read, for one that is sealed more than once.
    pub(crate) fn reserve(&self) -> u64 {
        self.made.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The same under a number that was reserved.
    pub(crate) fn seal_as(
        &self,
        counter: u64,
        track: Track,
        voted: Voted,
        sighting: Sighting,
    ) -> Result<(Sealed, SignedRead)> {
        if !self.lease.covers(track.best) {
            return Err(Error::gone("No lease covered this capture; the read is dropped."));
        }
        let picture = track.jpeg.filter(|jpeg| jpeg.len() <= PICTURE_MAX);
        let region = voted.region.map(|r| r.code).filter(|r| REGION.contains(&r.len()));
        let read = Read {
            id: ReadId::new(track.best, base::random()),
            camera: self.lease.camera.clone(),
            lease: self.lease.id,
            counter,
            captured: track.best,
            first: track.first.min(track.best),
            last: track.last.max(track.best),
            frames: track.frames.max(1),
            odds: voted.odds,
            confidence: voted.confidence,
            region,
            corners: track.corners.map(|p| p.map(|v| v.round() as i32)),
            frame_size: track.frame_size,
            picture: None,
            sighting: match picture {
                Some(_) => sighting,
                None => Sighting { picture_corners: None, ..sighting },
            },
        };
        let signed = SignedRead::sign(read, picture, &self.key);
        let plain = signed.encode();
        let camera = self.lease.camera.as_str().as_bytes();
        Ok((self.seal_key.seal(INGEST, camera, plain.expose())?, signed))
    }

    /// The camera's last word under this lease. No frame may be pulled when it is said: the number of the last
    /// one is part of it.
    pub fn stop(&self, at: Time) -> Result<Signed<Stop>> {
        let counter = self.made.load(Ordering::SeqCst);
        let (camera, lease) = (self.lease.camera.clone(), self.lease.id);
        let (frames, spool) = match self.ending.as_ref().map(|ending| ending.close()) {
            None => (None, None),
            Some(Ok((frames, spool, _))) => (Some(frames), Some(spool)),
            Some(Err(e)) => {
                // The keeper tries again, and says so when it is done.
                tracing::error!(error = %e.inside(), "erasing the spool");
                let frames = self.ending.as_ref().map(|ending| ending.frames().rest());
                (frames, Some(SpoolState::Kept))
            }
        };
        let said = Signed::sign(Stop { camera, lease, counter, at, frames, spool }, &self.key);
        self.stopped.store(true, Ordering::SeqCst);
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::LeaseId;
    use plate::Odds;
    use read::OpenKey;
    use std::time::Duration;

    const T0: i64 = 1_795_420_800_000;

    fn session(city: &OpenKey) -> Session {
        let from = Time::from_millis(T0);
        let key = SigningKey::generate();
        let lease = Lease {
            id: LeaseId::new(from, [1; 10]),
            camera: "cam_main-st-1".parse().unwrap(),
            capture_key: key.public(),
            from,
            until: from.plus_millis(60_000),
            seal_key: city.public().unwrap().to_string(),
            authority: None,
            hits_only: None,
            clear_pictures: false,
            gates: Vec::new(),
        };
        Session::new(lease, key, Instant::now() + Duration::from_secs(60)).unwrap()
    }

    fn voted() -> Voted {
        let odds = Odds::new("7ABC128".chars().map(|c| vec![(c, 0.9)]).collect()).unwrap();
        Voted { odds, confidence: 0.9, region: None }
    }

    fn track(at: i64) -> Track {
        let at = Time::from_millis(at);
        Track {
            number: 1,
            first: at.plus_millis(-300),
            last: at.plus_millis(200),
            best: at,
            corners: [[410.4, 300.0], [520.0, 304.0], [519.0, 350.6], [409.0, 346.0]],
            frame_size: [1280, 720],
            jpeg: Some(vec![0xff; 100]),
            jpeg_corners: [[0.0; 2]; 4],
            flat: None,
            read: None,
            frames: 6,
            path: [[[0.0; 2]; 4]; 2],
        }
    }

    #[test]
    fn the_city_alone_opens_what_was_sealed() {
        let city = OpenKey::generate();
        let session = session(&city);
        for counter in 1..=2 {
            let (sealed, _) = session.seal(track(T0 + 1000), voted(), Sighting::default()).unwrap();
            assert!(!sealed.0.windows(7).any(|w| w == b"7ABC128"));
            let aad = session.lease.camera.as_str().as_bytes();
            let plain = city.open(INGEST, aad, &sealed).unwrap();
            let signed = SignedRead::decode(plain.expose()).unwrap();
            let (read, picture) = signed.verify(&session.lease.capture_key).unwrap();
            assert_eq!((read.counter, read.corners[0]), (counter, [410, 300]));
            assert_eq!(picture.map(<[u8]>::len), Some(100));
        }
        let stop = session.stop(Time::from_millis(T0 + 2000)).unwrap();
        assert_eq!(stop.verify(&session.lease.capture_key).unwrap().counter, 2);
    }

    #[test]
    fn a_capture_outside_the_lease_is_dropped() {
        let session = session(&OpenKey::generate());
        for at in [T0 - 1, T0 + 60_000] {
            let sealed = session.seal(track(at), voted(), Sighting::default());
            assert_eq!(sealed.err().map(|e| e.kind()), Some(base::Kind::Gone));
            assert!(!session.covers(Time::from_millis(at)));
        }
        assert_eq!(session.stop(Time::from_millis(T0)).unwrap().unverified().counter, 0);
    }
}
