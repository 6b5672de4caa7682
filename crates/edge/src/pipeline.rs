//! Frames to sealed reads: decode, read, track, seal, spool; and only under a lease.

use crate::Spool;
use crate::counts::{Counts, add};
use crate::preview::{Preview, Shot};
use crate::session::Session;
use base::{Result, Signed, Time};
use camera::Frame;
use read::Stop;
use std::sync::Arc;
use vision::{Picture, Reader, ReaderOptions, Track, TrackOptions, Tracker};

/// A pass whose voted text is less sure than this is no read: it is mostly a fence or a shop sign.
/// What is dropped is counted, so that a badly aimed camera shows.
pub const SURE: f32 = 0.2;

/// The reading of one camera.
pub struct Pipeline {
    reader: Reader,
    tracker: Tracker,
    session: Option<Arc<Session>>,
    spool: Arc<Spool>,
    counts: Arc<Counts>,
    preview: Option<Arc<Preview>>,
}

impl Pipeline {
    /// Loads the networks.
    pub fn new(
        spool: Arc<Spool>,
        counts: Arc<Counts>,
        preview: Option<Arc<Preview>>,
    ) -> Result<Self> {
        Ok(Self {
            reader: Reader::new(ReaderOptions::default())?,
            tracker: Tracker::new(TrackOptions::default()),
            session: None,
            spool,
            counts,
            preview,
        })
    }

    /// Takes what the keeper holds now. Where a lease has ended, the passes that were seen under it
    /// are finished, and the last word to be sent to the city is returned.
    pub fn lease(&mut self, now: Option<Arc<Session>>, at: Time) -> Option<Signed<Stop>> {
        let same = match (&self.session, &now) {
            (Some(a), Some(b)) => a.lease().id == b.lease().id,
            (None, None) => true,
            _ => false,
        };
        if same {
            return None;
        }
        if now.is_some() {
            // A renewal: tracks go on, and are signed under the new lease.
            self.session = now;
            return None;
        }
        self.end(at)
    }

    /// Ends every pass and drops the session; returns the last word under it.
    pub fn end(&mut self, at: Time) -> Option<Signed<Stop>> {
        let tracks = self.tracker.finish();
        self.keep(tracks);
        if let Some(preview) = &self.preview {
            preview.clear();
        }
        let session = self.session.take()?;
        session.stop(at).inspect_err(|e| tracing::error!(error = %e.inside(), "last word")).ok()
    }

    /// Looks at a frame, if a lease covers it.
    pub fn frame(&mut self, frame: Frame) {
        add(&self.counts.frames, 1);
        if !self.session.as_ref().is_some_and(|s| s.covers(frame.at)) {
            add(&self.counts.frames_without_lease, 1);
            return;
        }
        if let Err(e) = self.look(frame) {
            add(&self.counts.frames_damaged, 1);
            tracing::warn!(error = %e.inside(), "frame");
        }
    }

    fn look(&mut self, frame: Frame) -> Result<()> {
        let picture = Picture::decode(&frame.bytes)?;
        let plates = self.reader.read(&picture)?;
        let ended = self.tracker.push(frame.at, &picture, plates);
        self.keep(ended);
        if let Some(preview) = &self.preview {
            let (number, at) = (frame.number, frame.at);
            preview.show(Shot { number, at, coded: frame.bytes, tracks: self.tracker.live() });
        }
        Ok(())
    }

    fn keep(&mut self, tracks: Vec<Track>) {
        for mut track in tracks {
            let Some(voted) = track.read.take() else {
                add(&self.counts.unread, 1);
                continue;
            };
            if voted.confidence < SURE {
                add(&self.counts.unsure, 1);
                continue;
            }
            let kept = match &self.session {
                Some(session) => session.seal(track, voted).and_then(|s| self.spool.push(&s.0)),
                None => Err(base::Error::gone("No lease covered this pass.")),
            };
            match kept {
                Ok(()) => add(&self.counts.sealed, 1),
                Err(e) => {
                    add(&self.counts.lost, 1);
                    tracing::error!(error = %e.inside(), "a read is lost");
                }
            }
        }
    }
}
