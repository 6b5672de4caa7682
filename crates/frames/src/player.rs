//! Plays one file from its first to its last frame, as fast as the reader takes them.
//!
//! The library's threads decode; this thread takes decoded frames from the sink and writes them. The
//! sink holds two, so a slow reader stops the decoder rather than filling the memory.

use crate::pace::Pace;
use crate::parts::Parts;
use crate::tracks::Tracks;
use crate::writer::Writer;
use crate::{Failure, FileArgs, grey, limits};
use camera::Fault;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;
use gstreamer_video::VideoInfo;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::path::Path;

/// The longest side that the frame pipe can carry.
const SIDE_MAX: f64 = 16_384.0;
/// How often a waiting player looks whether something has failed.
const LOOK: gst::ClockTime = gst::ClockTime::from_mseconds(50);

/// Decodes the file and writes its frames to stdout.
pub fn play(args: &FileArgs) -> Result<(), Failure> {
    limits::apply()?;
    let file = open(&args.path)?;
    gst::init().map_err(|e| Failure::new(Fault::Incomplete, e.to_string()))?;
    let player = Player::new(args, &file)?;
    let stdout = io::stdout().lock();
    // Fewer turns between writer and reader; where it cannot be had, smaller portions do.
    let _ = rustix::pipe::fcntl_setpipe_size(&stdout, 1 << 20);
    let mut writer = Writer::new(stdout, args.start.unsigned_abs());
    let result = player.run(&mut writer);
    let _ = player.pipeline.set_state(gst::State::Null);
    result
}

/// A regular file with at least one byte. Looked at before it is opened: opening a named pipe waits.
fn open(path: &Path) -> Result<File, Failure> {
    let failed = |e: io::Error| {
        let fault = match e.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Fault::Missing,
            _ => Fault::Unreadable,
        };
        Failure::new(fault, e.to_string())
    };
    let look = std::fs::metadata(path).map_err(failed)?;
    if !look.is_file() {
        return Err(Failure::new(Fault::NotAFile, format!("{:?}", look.file_type())));
    }
    let file = File::open(path).map_err(failed)?;
    match file.metadata().map_err(failed)?.len() {
        0 => Err(Failure::new(Fault::Empty, "no bytes")),
        _ => Ok(file),
    }
}

struct Player {
    pipeline: gst::Pipeline,
    sink: AppSink,
    tracks: Tracks,
}

impl Player {
    fn new(args: &FileArgs, file: &File) -> Result<Self, Failure> {
        let parts = Parts::find()?;
        let pipeline = gst::Pipeline::new();
        let make = |name| parts.make(name);
        let (source, typefind) = (make("filesrc")?, make("typefind")?);
        // By its number: it is the file that has been looked at, and its name need not be UTF-8.
        source.set_property("location", format!("/proc/self/fd/{}", file.as_raw_fd()));
        let (convert, scale, filter) =
            (make("videoconvert")?, make("videoscale")?, make("capsfilter")?);
        scale.set_property("add-borders", false);
        // Every pixel counts when a plate becomes smaller; plain bilinear leaves some out.
        scale.set_property_from_str("method", "bilinear2");
        let turn = make("videoflip")?;
        turn.set_property_from_str("video-direction", "auto");
        let sink = make("appsink")?.downcast::<AppSink>().map_err(|_| defect("no appsink"))?;
        settle(&sink);
        let tail = [&convert, &scale, &filter, &turn, sink.upcast_ref()];
        let wrong = |e: gst::glib::BoolError| defect(&e.to_string());
        pipeline.add_many([&source, &typefind]).map_err(wrong)?;
        pipeline.add_many(tail).map_err(wrong)?;
        gst::Element::link(&source, &typefind).map_err(wrong)?;
        gst::Element::link_many(tail).map_err(wrong)?;
        let entry = convert.static_pad("sink").ok_or_else(|| defect("no pad"))?;
        watch(&entry, filter, Pace::new(args.fps), args.pixels);
        let tracks = Tracks::new(parts, &pipeline, &entry);
        tracks.listen(&typefind);
        // Of all that the library tells only errors matter; a hostile video could fill the memory
        // with the rest.
        let bus = pipeline.bus().ok_or_else(|| defect("no bus"))?;
        bus.set_sync_handler(|_, message| match message.type_() {
            gst::MessageType::Error => gst::BusSyncReply::Pass,
            _ => gst::BusSyncReply::Drop,
        });
        Ok(Self { pipeline, sink, tracks })
    }

    fn run(&self, writer: &mut Writer<impl Write>) -> Result<(), Failure> {
        if self.pipeline.set_state(gst::State::Playing).is_err() {
            return Err(self.error().unwrap_or_else(|| defect("the pipeline does not start")));
        }
        loop {
            if let Some(sample) = self.sink.try_pull_sample(LOOK) {
                take(&sample, writer)?;
                continue;
            }
            let error = self.error();
            if error.is_none() && !self.sink.is_eos() {
                continue;
            }
            // Frames that were decoded before the error are as good as any.
            while let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::ZERO) {
                take(&sample, writer)?;
            }
            let error = error.or_else(|| self.without_frame(writer.count()));
            writer.finish(error.is_none()).map_err(unwritten)?;
            return error.map_or(Ok(()), Err);
        }
    }

    /// An end without an error still needs a reason where it came before the first frame.
    fn without_frame(&self, count: u64) -> Option<Failure> {
        let found = self.tracks.found();
        let silent = Failure::new(Fault::NoFrame, "the end came before the first frame");
        match (found.chosen, count) {
            (true, 1..) => None,
            (true, 0) => Some(silent),
            (false, _) => Some(found.without_decoder(silent)),
        }
    }

    /// The first error that the library has posted.
    fn error(&self) -> Option<Failure> {
        let message = self.pipeline.bus()?.pop()?;
        let gst::MessageView::Error(error) = message.view() else { return None };
        let who = message.src().map(|s| s.name().to_string()).unwrap_or_default();
        let debug = error.debug().unwrap_or_default();
        let inside = format!("{who}: {}: {debug}", error.error());
        let found = self.tracks.found();
        let kind = error.error();
        let unknown = kind.matches(gst::StreamError::TypeNotFound)
            || kind.matches(gst::StreamError::WrongType);
        let fault = if unknown { Fault::NotAVideo } else { Fault::Damaged };
        let failure = Failure::new(fault, inside);
        if found.chosen {
            return Some(found.failure.clone().unwrap_or(failure));
        }
        Some(found.without_decoder(failure))
    }
}

fn settle(sink: &AppSink) {
    let caps = gst::Caps::builder("video/x-raw").field("format", gst::List::new(grey::FORMATS));
    sink.set_caps(Some(&caps.build()));
    sink.set_max_buffers(2);
    sink.set_drop(false);
    sink.set_sync(false);
}

/// Watches decoded frames before anything is done to them: sets the size that they shall have, and
/// leaves out those that are too many.
fn watch(entry: &gst::Pad, filter: gst::Element, mut pace: Pace, pixels: u32) {
    let mut gap = false;
    let pace = std::sync::Mutex::new(move |pad: &gst::Pad, buffer: &mut gst::Buffer| {
        gap |= buffer.flags().contains(gst::BufferFlags::DISCONT);
        if !pace.takes(running_time(pad, buffer)) {
            return gst::PadProbeReturn::Drop;
        }
        // A gap before a frame that is left out is a gap before the next one.
        if std::mem::take(&mut gap) && !buffer.flags().contains(gst::BufferFlags::DISCONT) {
            buffer.make_mut().set_flags(gst::BufferFlags::DISCONT);
        }
        gst::PadProbeReturn::Ok
    });
    let what = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    entry.add_probe(what, move |pad, info| match &mut info.data {
        Some(gst::PadProbeData::Buffer(buffer)) => match pace.lock() {
            Ok(mut take) => take(pad, buffer),
            Err(_) => std::process::abort(),
        },
        Some(gst::PadProbeData::Event(event)) => {
            if let gst::EventView::Caps(caps) = event.view()
                && let Ok(info) = VideoInfo::from_caps(caps.caps())
            {
                filter.set_property("caps", wanted(&info, pixels));
            }
            gst::PadProbeReturn::Ok
        }
        _ => gst::PadProbeReturn::Ok,
    });
}

fn running_time(pad: &gst::Pad, buffer: &gst::BufferRef) -> Option<u64> {
    let event = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = event.segment().downcast_ref::<gst::ClockTime>()?;
    Some(segment.to_running_time(buffer.pts()?)?.nseconds())
}

/// What the decoder's frames shall become: themselves where they have a luma plane and are small
/// enough, else grey of the wanted size.
fn wanted(info: &VideoInfo, pixels: u32) -> gst::Caps {
    let par = (info.par().numer(), info.par().denom());
    let size = (info.width(), info.height());
    let to = fit(size, par, pixels);
    let builder = gst::Caps::builder("video/x-raw");
    if to == size && grey::FORMATS.contains(&info.format().to_str().as_str()) {
        return builder.build();
    }
    let (width, height) = (to.0 as i32, to.1 as i32);
    let builder = builder.field("format", "GRAY8").field("width", width).field("height", height);
    if to == size { builder } else { builder.field("pixel-aspect-ratio", gst::Fraction::new(1, 1)) }
        .build()
}

/// The size with square pixels, at most `pixels` of them, and no side too long.
fn fit((width, height): (u32, u32), par: (i32, i32), pixels: u32) -> (u32, u32) {
    let ratio = f64::from(par.0) / f64::from(par.1);
    // Recorders have pixels between 1:2 and 2:1; what is beyond is a mistake or a trick.
    let ratio = if (0.5..=2.0).contains(&ratio) { ratio } else { 1.0 };
    let (w, h) = (f64::from(width) * ratio, f64::from(height));
    let shrink = (f64::from(pixels) / (w * h)).sqrt().min(SIDE_MAX / w).min(SIDE_MAX / h).min(1.0);
    let side = |s: f64| if shrink < 1.0 { (s * shrink).floor().max(1.0) } else { s.round() } as u32;
    (side(w), side(h))
}

fn take(sample: &gst::Sample, writer: &mut Writer<impl Write>) -> Result<(), Failure> {
    let damaged = |why: String| Failure::new(Fault::Damaged, why);
    let buffer = sample.buffer().ok_or_else(|| damaged("a sample without a frame".into()))?;
    let caps = sample.caps().ok_or_else(|| damaged("a frame without a size".into()))?;
    let info = VideoInfo::from_caps(caps).map_err(|e| damaged(e.to_string()))?;
    let grey = grey::of(buffer, &info).map_err(damaged)?;
    let time = sample
        .segment()
        .and_then(|s| s.downcast_ref::<gst::ClockTime>()?.to_running_time(buffer.pts()?));
    let gap = buffer.flags().contains(gst::BufferFlags::DISCONT);
    writer.push(grey, time.map(gst::ClockTime::nseconds), gap).map_err(unwritten)
}

/// Nobody reads any more, and nobody will read this either.
fn unwritten(e: io::Error) -> Failure {
    Failure::new(Fault::Defect, format!("writing a frame: {e}"))
}

fn defect(what: &str) -> Failure {
    Failure::new(Fault::Defect, what)
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn sizes_fit() {
        let square = (1, 1);
        assert_eq!(fit((1920, 1080), square, 4_000_000), (1920, 1080));
        assert_eq!(fit((3840, 2160), square, 4_000_000), (2666, 1499));
        assert_eq!(fit((640, 480), square, 76_800), (320, 240));
        assert_eq!(fit((352, 576), (2, 1), 4_000_000), (704, 576));
        assert_eq!(fit((720, 576), (16, 15), 4_000_000), (768, 576));
        assert_eq!(fit((720, 576), (i32::MAX, 1), 4_000_000), (720, 576));
        assert_eq!(fit((720, 576), (1, 0), 4_000_000), (720, 576));
        assert_eq!(fit((32_000, 10), square, 4_000_000), (16_384, 5));
        assert_eq!(fit((i32::MAX as u32, 1), square, 1), (1, 1));
    }
}
