//! The lease in force and its capture key: what turns a track into a sealed read.

use base::{Error, ReadId, Result, Signed, SigningKey, Time};
use read::{Lease, Read, SealKey, Sealed, Sighting, SignedRead, Stop};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use vision::{Track, Voted};

/// Purpose that the envelope of a read on its way in is bound to.
const INGEST: &[u8] = b"homeplate/ingest/v1";
/// The city takes pictures up to this size; a larger one is left out, the read goes on.
const PICTURE_MAX: usize = 256 * 1024;
/// Odds may differ from 1 in rounding, never in meaning: regions of another form are left out.
const REGION: std::ops::RangeInclusive<usize> = 2..=6;

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
}

impl Session {
    /// Takes a lease into use, whose capture key is `key`'s public half.
    pub fn new(lease: Lease, key: SigningKey, ends: Instant) -> Result<Self> {
        let seal_key = lease.seal_key.parse()?;
        Ok(Self { lease, seal_key, key, made: AtomicU64::new(0), ends, offset_ms: None })
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

    /// The lease.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Whether a frame taken at `at` may be looked at.
    pub fn covers(&self, at: Time) -> bool {
        self.lease.covers(at) && Instant::now() < self.ends
    }

    /// Signs one vehicle's read and seals it to the city. Nobody here can open it again.
    pub fn seal(&self, track: Track, voted: Voted, sighting: Sighting) -> Result<Sealed> {
        if !self.lease.covers(track.best) {
            return Err(Error::gone("No lease covered this capture; the read is dropped."));
        }
        let counter = self.made.fetch_add(1, Ordering::SeqCst) + 1;
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
        self.seal_key.seal(INGEST, self.lease.camera.as_str().as_bytes(), plain.expose())
    }

    /// The camera's last word under this lease.
    pub fn stop(&self, at: Time) -> Result<Signed<Stop>> {
        let counter = self.made.load(Ordering::SeqCst);
        let (camera, lease) = (self.lease.camera.clone(), self.lease.id);
        Signed::sign(Stop { camera, lease, counter, at }, &self.key)
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
            let sealed = session.seal(track(T0 + 1000), voted(), Sighting::default()).unwrap();
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
            assert_eq!(sealed.unwrap_err().kind(), base::Kind::Gone);
            assert!(!session.covers(Time::from_millis(at)));
        }
        assert_eq!(session.stop(Time::from_millis(T0)).unwrap().unverified().counter, 0);
    }
}
