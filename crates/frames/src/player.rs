//! Plays one file from its first to its last frame, as fast as the reader takes them.
//!
//! The library's threads decode; this thread takes decoded frames from the sink and writes them. The
//! sink holds two, so a slow reader stops the decoder rather than filling the memory.

use crate::pace::Pace;
use crate::parts::Parts;
use crate::shape::Turn;
use crate::sink::{Output, Watch, settle, unwritten, watch};
use crate::tracks::{Decoding, Tracks};
use crate::writer::Writer;
use crate::{Failure, FileArgs, limits};
use camera::Fault;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// How often a waiting player looks whether something has failed.
const LOOK: gst::ClockTime = gst::ClockTime::from_mseconds(50);

/// Decodes the file and writes its frames to stdout.
pub fn play(args: &FileArgs) -> Result<(), Failure> {
    limits::apply(false)?;
    let file = open(&args.path)?;
    gst::init().map_err(|e| Failure::new(Fault::Incomplete, e.to_string()))?;
    let player = Player::new(args, &file)?;
    let stdout = io::stdout().lock();
    // Fewer turns between writer and reader; where it cannot be had, smaller portions do.
    let _ = rustix::pipe::fcntl_setpipe_size(&stdout, 1 << 20);
    let mut output = Output {
        writer: Writer::new(stdout, args.start.unsigned_abs()),
        turn: player.turn.clone(),
        pixels: args.pixels,
        colour: args.colour,
    };
    let result = player.run(&mut output);
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
    turn: Arc<Mutex<Turn>>,
}

impl Player {
    fn new(args: &FileArgs, file: &File) -> Result<Self, Failure> {
        let parts = Parts::find()?;
        let pipeline = gst::Pipeline::new();
        let make = |name| parts.make(name);
        let (source, typefind) = (make("filesrc")?, make("typefind")?);
        // By its number: it is the file that has been looked at, and its name need not be UTF-8.
        source.set_property("location", format!("/proc/self/fd/{}", file.as_raw_fd()));
        let sink = make("appsink")?.downcast::<AppSink>().map_err(|_| defect("no appsink"))?;
        settle(&sink, false);
        let wrong = |e: gst::glib::BoolError| defect(&e.to_string());
        pipeline.add_many([&source, &typefind, sink.upcast_ref()]).map_err(wrong)?;
        source.link(&typefind).map_err(wrong)?;
        let entry = sink.static_pad("sink").ok_or_else(|| defect("no pad"))?;
        let turn = Arc::default();
        watch(&entry, Watch::new(Pace::new(args.fps), Arc::clone(&turn)));
        let tracks = Tracks::new(parts, &pipeline, &entry, Decoding::FILE);
        tracks.listen(&typefind);
        // Of all that the library tells only errors matter; a hostile video could fill the memory
        // with the rest.
        let bus = pipeline.bus().ok_or_else(|| defect("no bus"))?;
        bus.set_sync_handler(|_, message| match message.type_() {
            gst::MessageType::Error => gst::BusSyncReply::Pass,
            _ => gst::BusSyncReply::Drop,
        });
        Ok(Self { pipeline, sink, tracks, turn })
    }

    fn run(&self, output: &mut Output<impl Write>) -> Result<(), Failure> {
        if self.pipeline.set_state(gst::State::Playing).is_err() {
            return Err(self.error().unwrap_or_else(|| defect("the pipeline does not start")));
        }
        loop {
            if let Some(sample) = self.sink.try_pull_sample(LOOK) {
                output.take(&sample, false)?;
                continue;
            }
            let error = self.error();
            if error.is_none() && !self.sink.is_eos() {
                continue;
            }
            // Frames that were decoded before the error are as good as any.
            while let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::ZERO) {
                output.take(&sample, false)?;
            }
            let error = error.or_else(|| self.without_frame(output.writer.count()));
            output.writer.finish(error.is_none()).map_err(unwritten)?;
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
        // Pictures that have no luma of their own (RGB), or that the decoder does not know.
        let refused = kind.matches(gst::CoreError::Negotiation)
            || kind.matches(gst::StreamError::CodecNotFound)
            || debug.contains("not-negotiated");
        let fault = match (unknown, refused) {
            (true, _) => Fault::NotAVideo,
            (_, true) => Fault::Coding,
            _ => Fault::Damaged,
        };
        let failure = Failure::new(fault, inside);
        if found.chosen {
            return Some(found.failure.clone().unwrap_or(failure));
        }
        Some(found.without_decoder(failure))
    }
}

fn defect(what: &str) -> Failure {
    Failure::new(Fault::Defect, what)
}
