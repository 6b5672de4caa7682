//! The end of every pipeline: decoded frames wait here, and become frames on the pipe.
//!
//! A file waits for its reader, so that no frame is lost; a stream does not wait for anybody, so the
//! sink keeps the newest and the rest is a gap.

use crate::Failure;
use crate::colour::{self, Chroma};
use crate::grey::{self, Grey};
use crate::pace::Pace;
use crate::shape::{self, Turn};
use crate::writer::{Frame, Writer};
use camera::Fault;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;
use gstreamer_video::VideoInfo;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// How the sink takes frames: only formats whose luma can be copied; a stream drops the oldest of those that wait.
pub fn settle(sink: &AppSink, live: bool) {
    let caps = gst::Caps::builder("video/x-raw").field("format", gst::List::new(grey::FORMATS));
    sink.set_caps(Some(&caps.build()));
    sink.set_max_buffers(2);
    sink.set_drop(live);
    sink.set_sync(false);
}

/// Sees decoded frames before they wait in the sink.
pub struct Watch {
    pace: Pace,
    /// Frames were lost since the last one that was taken.
    gap: bool,
    turn: Arc<Mutex<Turn>>,
    /// Since when, for a stream.
    live: Option<Instant>,
}

impl Watch {
    /// Takes frames by `pace`; what the container says of turning goes to `turn`.
    pub fn new(pace: Pace, turn: Arc<Mutex<Turn>>) -> Self {
        Self { pace, gap: false, turn, live: None }
    }

    /// The same for a stream, whose own times are not believed alone.
    pub fn live(self) -> Self {
        Self { live: Some(Instant::now()), ..self }
    }

    /// Leaves out frames that are too many.
    fn frame(&mut self, pad: &gst::Pad, buffer: &mut gst::Buffer) -> gst::PadProbeReturn {
        self.gap |= buffer.flags().contains(gst::BufferFlags::DISCONT);
        let time = running_time(pad, buffer);
        let taken = match self.live {
            None => self.pace.takes(time),
            Some(begun) => self.pace.takes_live(time, begun.elapsed()),
        };
        if !taken {
            // Taken out of the stream here; the buffer ends with this call.
            return gst::PadProbeReturn::Handled;
        }
        // A gap before a frame that is left out is a gap before the next one.
        if std::mem::take(&mut self.gap) && !buffer.flags().contains(gst::BufferFlags::DISCONT) {
            buffer.make_mut().set_flags(gst::BufferFlags::DISCONT);
        }
        gst::PadProbeReturn::Ok
    }

    fn event(&mut self, event: &gst::EventRef) {
        if let gst::EventView::Tag(tags) = event.view()
            && let Some(tag) = tags.tag().get::<gst::tags::ImageOrientation>()
        {
            *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = Turn::from_tag(tag.get());
        }
    }
}

/// Lets `watch` see what goes through a pad.
pub fn watch(entry: &gst::Pad, watch: Watch) {
    let watch = Mutex::new(watch);
    let what = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    entry.add_probe(what, move |pad, info| {
        let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => return watch.frame(pad, buffer),
            Some(gst::PadProbeData::Event(event)) => watch.event(event),
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}

fn running_time(pad: &gst::Pad, buffer: &gst::BufferRef) -> Option<u64> {
    let event = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = event.segment().downcast_ref::<gst::ClockTime>()?;
    Some(segment.to_running_time(buffer.pts()?)?.nseconds())
}

/// Turns samples into frames on the pipe.
pub struct Output<W> {
    /// Where frames go.
    pub writer: Writer<W>,
    /// How frames have to be turned.
    pub turn: Arc<Mutex<Turn>>,
    /// At most so many pixels.
    pub pixels: u32,
    /// Colours too, where the video has them.
    pub colour: bool,
}

impl<W: Write> Output<W> {
    /// One decoded frame, written. `live`: its time is that of its arrival, and it is not held back.
    pub fn take(&mut self, sample: &gst::Sample, live: bool) -> Result<(), Failure> {
        let damaged = |why: String| Failure::new(Fault::Damaged, why);
        let buffer = sample.buffer().ok_or_else(|| damaged("a sample without a frame".into()))?;
        let caps = sample.caps().ok_or_else(|| damaged("a frame without a size".into()))?;
        let info = VideoInfo::from_caps(caps).map_err(|e| damaged(e.to_string()))?;
        let grey = grey::of(buffer, &info).map_err(damaged)?;
        let turn = *self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let size = shape::fit(&info, self.pixels);
        let chroma = self.colour.then(|| colour::of(buffer, &info)).flatten();
        let half = (size.0.div_ceil(2), size.1.div_ceil(2));
        let smaller = |plane: Grey| turn.apply(shape::scale(plane, half));
        let frame = Frame {
            grey: turn.apply(shape::scale(grey, size)),
            chroma: chroma.map(|c| Chroma { u: smaller(c.u), v: smaller(c.v) }),
        };
        let time = sample
            .segment()
            .and_then(|s| s.downcast_ref::<gst::ClockTime>()?.to_running_time(buffer.pts()?));
        let gap = buffer.flags().contains(gst::BufferFlags::DISCONT);
        if live {
            return self.writer.push_now(frame, gap).map_err(unwritten);
        }
        self.writer.push(frame, time.map(gst::ClockTime::nseconds), gap).map_err(unwritten)
    }
}

/// Nobody reads any more, and nobody will read this either.
pub fn unwritten(e: io::Error) -> Failure {
    Failure::new(Fault::Defect, format!("writing a frame: {e}"))
}
