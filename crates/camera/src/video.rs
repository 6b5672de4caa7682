//! A video file as a camera: its frames come when a camera would have sent them, stamped as if it were
//! filmed now, since a lease covers only what is captured now. Who falls behind drops frames.

use crate::child::{Video, VideoFile};
use crate::source::{Frame, Image, Next, Play, SourceState, VideoFileSource};
use base::{Clock, Result, Shutdown, Time};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A frame so late is dropped.
const LATE_MS: i64 = 500;
const FPS: f32 = 10.0;

/// The frames of a video file, with times.
pub struct VideoSource {
    config: VideoFileSource,
    program: PathBuf,
    clock: Arc<dyn Clock>,
    stop: Shutdown,
    video: Option<Video>,
    state: SourceState,
    number: u64,
    /// Dropped frames since the last one handed out.
    gap: bool,
    waiting: Option<crate::PixelFrame>,
}

impl VideoSource {
    /// Starts to decode the file.
    pub fn open(
        config: &VideoFileSource,
        program: &Path,
        clock: Arc<dyn Clock>,
        stop: Shutdown,
    ) -> Result<Self> {
        let mut source = Self {
            config: config.clone(),
            program: program.to_owned(),
            clock,
            stop,
            video: None,
            state: SourceState::default(),
            number: 0,
            gap: false,
            waiting: None,
        };
        source.video = Some(source.begin()?);
        Ok(source)
    }

    fn begin(&self) -> Result<Video> {
        let file = VideoFile::new(&self.program, &self.config.path, self.clock.now());
        VideoFile { fps: Some(self.config.fps.unwrap_or(FPS)), colour: true, ..file }.open()
    }

    fn again(&mut self) -> Next {
        self.video = None;
        self.state.live = false;
        if !self.config.looped || self.stop.stopped() {
            return Next::End;
        }
        self.state.restarts += 1;
        match self.begin() {
            Ok(video) => {
                self.video = Some(video);
                Next::Nothing
            }
            Err(e) => Next::Fault(e),
        }
    }

    /// Hands the waiting frame out if its time has come, or drops it if that is over.
    fn due(&mut self, wait: Duration) -> Option<Next> {
        let frame = self.waiting.take()?;
        let ahead = frame.at.since(self.clock.now());
        if ahead > 0 {
            let pause = Duration::from_millis(ahead.unsigned_abs());
            if self.stop.sleep(pause.min(wait)) {
                return Some(Next::End);
            }
            if pause > wait {
                self.waiting = Some(frame);
                return Some(Next::Nothing);
            }
        }
        if ahead < -LATE_MS {
            self.state.dropped += 1;
            self.gap = true;
            return Some(Next::Nothing);
        }
        self.number += 1;
        let gap = std::mem::take(&mut self.gap) | frame.gap;
        Some(Next::Frame(Frame {
            number: self.number,
            at: frame.at,
            gap,
            image: Image::Pixels(frame),
        }))
    }

    fn took(&mut self, at: Time) {
        self.state.frames += 1;
        self.state.live = true;
        self.state.fault = None;
        self.state.last = Some(at);
    }
}

impl Play for VideoSource {
    fn next(&mut self, wait: Duration) -> Next {
        if self.stop.stopped() {
            return Next::End;
        }
        if self.waiting.is_none() {
            match self.video.as_mut().and_then(Iterator::next) {
                Some(Ok(frame)) => {
                    self.took(frame.at);
                    self.waiting = Some(frame);
                }
                Some(Err(e)) => {
                    self.state.fault = Some(e.message().to_owned());
                    return Next::Fault(e);
                }
                None => return self.again(),
            }
        }
        self.due(wait).unwrap_or(Next::Nothing)
    }

    fn state(&self) -> SourceState {
        self.state.clone()
    }

    fn close(&mut self) -> SourceState {
        self.video = None;
        self.state.live = false;
        self.state.clone()
    }
}
