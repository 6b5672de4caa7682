//! Plays one camera's stream until it ends, breaks off or the reader goes away.
//!
//! A stream is never waited for and never held up: the sink keeps the newest two frames, a frame is
//! written as soon as it is decoded, and one decoder thread has nobody to wait for. A camera that hangs
//! is noticed by who reads the pipe, as is one that answers and sends nothing.

use crate::pace::Pace;
use crate::parts::{Parts, depayloader};
use crate::sink::{Output, Watch, settle, unwritten, watch};
use crate::tracks::{Decoding, Tracks};
use crate::writer::Writer;
use crate::{Failure, StreamArgs, StreamKind, Transport, limits};
use camera::Fault;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a waiting player looks whether something has failed.
const LOOK: gst::ClockTime = gst::ClockTime::from_mseconds(50);
/// How long a camera may take for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How much disorder of packets is evened out, in milliseconds: that much later is every frame.
const JITTER_MS: u32 = 100;
/// Another sender's pictures are taken when the one before has been silent for so long.
const QUIET: Duration = Duration::from_secs(1);
/// A session with more senders than this is none.
const SENDERS_MAX: u32 = 16;
/// An address with name and password has no more bytes.
const PLACE_MAX: u64 = 8 << 10;

/// Where a stream is, and who asks for it.
struct Place {
    address: String,
    user: String,
    password: String,
}

impl Place {
    fn read(from: impl Read) -> Result<Self, Failure> {
        let mut text = String::new();
        let read = from.take(PLACE_MAX).read_to_string(&mut text);
        read.map_err(|e| defect(&format!("standard input: {e}")))?;
        let mut lines = text.lines().map(str::to_owned);
        let mut next = || lines.next().unwrap_or_default();
        let place = Self { address: next(), user: next(), password: next() };
        if place.address.is_empty() {
            return Err(Failure::new(Fault::Missing, "no address on standard input"));
        }
        Ok(place)
    }
}

/// Decodes the stream and writes its frames to stdout.
pub fn play(args: &StreamArgs) -> Result<(), Failure> {
    limits::apply(args.hardware)?;
    let place = Place::read(io::stdin().lock())?;
    gst::init().map_err(|e| Failure::new(Fault::Incomplete, e.to_string()))?;
    let turn = Arc::default();
    let player = Player::new(args, &place, &turn)?;
    let stdout = io::stdout().lock();
    let _ = rustix::pipe::fcntl_setpipe_size(&stdout, 1 << 20);
    let writer = Writer::new(stdout, args.start.unsigned_abs());
    let mut output = Output { writer, turn, pixels: args.pixels, colour: true };
    let result = player.run(&mut output);
    // A session is closed politely: some cameras have few and keep a broken one for minutes.
    let _ = player.pipeline.set_state(gst::State::Null);
    result
}

struct Player {
    pipeline: gst::Pipeline,
    sink: AppSink,
    tracks: Tracks,
    /// Any sign that the camera is there.
    answered: Arc<Mutex<bool>>,
}

impl Player {
    fn new(
        args: &StreamArgs,
        place: &Place,
        turn: &Arc<Mutex<crate::shape::Turn>>,
    ) -> Result<Self, Failure> {
        let parts = Parts::find()?;
        let pipeline = gst::Pipeline::new();
        let sink =
            parts.make("appsink")?.downcast::<AppSink>().map_err(|_| defect("no appsink"))?;
        settle(&sink, true);
        pipeline.add(&sink).map_err(|e| defect(&e.to_string()))?;
        let entry = sink.static_pad("sink").ok_or_else(|| defect("no pad"))?;
        watch(&entry, Watch::new(Pace::new(args.fps), Arc::clone(turn)).live());
        let decoding = Decoding { threads: 1, hardware: args.hardware };
        let tracks = Tracks::new(parts.clone(), &pipeline, &entry, decoding);
        let answered = Arc::default();
        let build = Build { parts, pipeline: &pipeline, tracks: &tracks, answered: &answered };
        match args.kind {
            StreamKind::Rtsp => build.rtsp(place, args.transport)?,
            StreamKind::Mjpeg => build.mjpeg(place)?,
            StreamKind::V4l2 => build.v4l2(place)?,
        }
        let bus = pipeline.bus().ok_or_else(|| defect("no bus"))?;
        bus.set_sync_handler(|_, message| match message.type_() {
            gst::MessageType::Error => gst::BusSyncReply::Pass,
            _ => gst::BusSyncReply::Drop,
        });
        Ok(Self { pipeline, sink, tracks, answered })
    }

    fn run(&self, output: &mut Output<impl Write>) -> Result<(), Failure> {
        if self.pipeline.set_state(gst::State::Playing).is_err() {
            return Err(self.error().unwrap_or_else(|| defect("the pipeline does not start")));
        }
        loop {
            if let Some(sample) = self.sink.try_pull_sample(LOOK) {
                // What nobody reads any more nobody is told about.
                output.take(&sample, true)?;
            } else if let Some(failure) = self.error() {
                return Err(failure);
            } else if self.sink.is_eos() {
                output.writer.finish(false).map_err(unwritten)?;
                return Err(Failure::new(Fault::StreamEnded, "the camera ended the stream"));
            }
        }
    }

    /// The first error that the library has posted, as one of the faults that a person can mend.
    fn error(&self) -> Option<Failure> {
        let message = self.pipeline.bus()?.pop()?;
        let gst::MessageView::Error(error) = message.view() else { return None };
        let who = message.src().map(|s| s.name().to_string()).unwrap_or_default();
        let debug = error.debug().unwrap_or_default();
        let kind = error.error();
        if let Some(failure) = self.tracks.found().failure.clone() {
            return Some(failure);
        }
        let answered = self.answered.lock().is_ok_and(|a| *a);
        let fault = if kind.matches(gst::ResourceError::NotAuthorized)
            || answered_with(&debug, &["401", "403"])
        {
            Fault::Denied
        } else if kind.matches(gst::ResourceError::NotFound) && answered_with(&debug, &["404"]) {
            Fault::NoSuchStream
        } else if kind.matches(gst::StreamError::CodecNotFound)
            || kind.matches(gst::CoreError::Negotiation)
            || debug.contains("not-negotiated")
        {
            Fault::Coding
        } else if self.tracks.found().chosen || answered {
            Fault::StreamEnded
        } else {
            Fault::Unreachable
        };
        Some(Failure::new(fault, format!("{who}: {kind}: {debug}")))
    }
}

/// What building a source needs.
struct Build<'a> {
    parts: Parts,
    pipeline: &'a gst::Pipeline,
    tracks: &'a Tracks,
    answered: &'a Arc<Mutex<bool>>,
}

impl Build<'_> {
    fn add(&self, element: &gst::Element) -> Result<(), Failure> {
        self.pipeline.add(element).map_err(|e| defect(&e.to_string()))
    }

    fn rtsp(&self, place: &Place, transport: Transport) -> Result<(), Failure> {
        if !place.address.starts_with("rtsp://") && !place.address.starts_with("rtsps://") {
            return Err(Failure::new(Fault::NotAVideo, "the address is not rtsp"));
        }
        self.parts.ready_for_rtsp()?;
        let source = self.parts.make("rtspsrc")?;
        let answer_us = ANSWER.as_micros() as u64;
        source.set_property("location", &place.address);
        source.set_property("latency", JITTER_MS);
        source.set_property("drop-on-latency", true);
        source.set_property("tcp-timeout", answer_us);
        source.set_property("timeout", answer_us);
        source.set_property("user-agent", concat!("Homeplate/", env!("CARGO_PKG_VERSION")));
        source.set_property_from_str(
            "protocols",
            if transport == Transport::Udp { "udp" } else { "tcp" },
        );
        if !place.user.is_empty() {
            source.set_property("user-id", &place.user);
            source.set_property("user-pw", &place.password);
        }
        // Sound, subtitles and the camera's own analytics are not asked for at all.
        let answered = Arc::clone(self.answered);
        source.connect("select-stream", false, move |values| {
            if let Ok(mut answered) = answered.lock() {
                *answered = true;
            }
            let caps = values.get(2).and_then(|v| v.get::<gst::Caps>().ok());
            let media = caps.as_ref().and_then(|c| c.structure(0)?.get::<String>("media").ok());
            Some((media.as_deref() == Some("video")).to_value())
        });
        let (parts, tracks) = (self.parts.clone(), self.tracks.clone());
        let senders = Arc::<Mutex<Senders>>::default();
        source.connect_pad_added(move |_, pad| {
            tracks.try_or_stop(|| session(&parts, &tracks, &senders, pad));
        });
        self.add(&source)
    }

    fn mjpeg(&self, place: &Place) -> Result<(), Failure> {
        if !place.address.starts_with("http://") && !place.address.starts_with("https://") {
            return Err(Failure::new(Fault::NotAVideo, "the address is not http"));
        }
        let source = self.parts.make("souphttpsrc")?;
        source.set_property("location", &place.address);
        source.set_property("is-live", true);
        source.set_property("timeout", ANSWER.as_secs() as u32);
        source.set_property("retries", 0i32);
        // A camera that sends somebody else's address decides nothing here.
        source.set_property("automatic-redirect", false);
        if !place.user.is_empty() {
            source.set_property("user-id", &place.user);
            source.set_property("user-pw", &place.password);
        }
        let demuxer = self.parts.make("multipartdemux")?;
        demuxer.set_property("single-stream", true);
        self.add(&source)?;
        self.add(&demuxer)?;
        source.link(&demuxer).map_err(|e| defect(&e.to_string()))?;
        let tracks = self.tracks.clone();
        let answered = Arc::clone(self.answered);
        demuxer.connect_pad_added(move |_, pad| {
            if let Ok(mut answered) = answered.lock() {
                *answered = true;
            }
            let jpeg = gst::Structure::new_empty("image/jpeg");
            tracks.try_or_stop(|| tracks.decode(pad, &jpeg));
        });
        Ok(())
    }

    /// A camera of this machine: JPEG where it has that, else raw pictures.
    fn v4l2(&self, place: &Place) -> Result<(), Failure> {
        if !place.address.starts_with("/dev/") {
            return Err(Failure::new(Fault::NotAFile, "the address is no device"));
        }
        if !std::path::Path::new(&place.address).exists() {
            return Err(Failure::new(Fault::Unreachable, "no such device"));
        }
        let source = self.parts.make("v4l2src")?;
        source.set_property("device", &place.address);
        self.add(&source)?;
        let refused = |what: &str| Failure::new(Fault::Unreachable, what.to_owned());
        source.set_state(gst::State::Ready).map_err(|_| refused("the device does not open"))?;
        let pad = source.static_pad("src").ok_or_else(|| defect("no pad"))?;
        let offers = pad.query_caps(None);
        // Many cameras give large pictures at a useful rate only as JPEG.
        let jpeg = offers.iter().any(|s| s.name() == "image/jpeg");
        let kind = if jpeg { "image/jpeg" } else { "video/x-raw" };
        let filter = self.parts.make("capsfilter")?;
        filter.set_property("caps", gst::Caps::new_empty_simple(kind));
        let last = self.tracks.plug(&pad, &[filter])?;
        self.tracks.decode(&last, &gst::Structure::new_empty(kind))
    }
}

/// Who sends pictures in one session. There is one; but a camera that has begun anew is another sender to
/// RTP, and some servers go on sending the packets of a session that is dead.
#[derive(Default)]
struct Senders {
    /// Where all of them end, and what they send.
    joined: Option<(gst::Element, String)>,
    count: u32,
    /// Whose pictures are taken, and when the last packet came.
    current: Option<(u32, Instant)>,
}

impl Senders {
    /// Whether a packet of this sender is taken.
    fn takes(&mut self, sender: u32, now: Instant) -> bool {
        let other = |(who, last): (u32, Instant)| who != sender && now < last + QUIET;
        if self.current.is_some_and(other) {
            return false;
        }
        self.current = Some((sender, now));
        true
    }
}

/// A sender of an RTSP session has begun: out of RTP, into a decoder.
fn session(
    parts: &Parts,
    tracks: &Tracks,
    senders: &Arc<Mutex<Senders>>,
    pad: &gst::Pad,
) -> Result<(), Failure> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let Some(said) = caps.structure(0) else { return Ok(()) };
    let video = said.get::<String>("media").is_ok_and(|media| media == "video");
    let encoding = said.get::<String>("encoding-name").unwrap_or_default();
    let mut held = senders.lock().unwrap_or_else(PoisonError::into_inner);
    if !video || held.count >= SENDERS_MAX {
        return Ok(());
    }
    let joined = match &held.joined {
        Some((_, first)) if *first != encoding => return Ok(()),
        Some((joined, _)) => joined.clone(),
        None => {
            let (depay, coding) = depayloader(&encoding)
                .ok_or_else(|| Failure::new(Fault::Coding, format!("RTP with {encoding:?}")))?;
            let joined = parts.make("funnel")?;
            let out = joined.static_pad("src").ok_or_else(|| defect("no source pad"))?;
            tracks.add(&joined)?;
            let out = tracks.plug(&out, &[parts.make(depay)?])?;
            tracks.decode(&out, &gst::Structure::new_empty(coding))?;
            joined.sync_state_with_parent().map_err(|e| defect(&e.to_string()))?;
            held.joined = Some((joined.clone(), encoding));
            joined
        }
    };
    held.count += 1;
    let number = held.count;
    drop(held);
    let entry = joined.request_pad_simple("sink_%u").ok_or_else(|| defect("no more senders"))?;
    let senders = Arc::clone(senders);
    let packets = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    entry.add_probe(packets, move |_, _| {
        let mut held = senders.lock().unwrap_or_else(PoisonError::into_inner);
        match held.takes(number, Instant::now()) {
            true => gst::PadProbeReturn::Ok,
            false => gst::PadProbeReturn::Drop,
        }
    });
    pad.link(&entry).map(drop).map_err(|e| defect(&format!("a sender: {e:?}")))
}

/// Whether the library tells of an answer with one of these numbers. What stands on the first line is the
/// place in the library's own source, and its line may have any number.
fn answered_with(debug: &str, codes: &[&str]) -> bool {
    let said = |line: &str| codes.iter().any(|code| line.contains(&format!("({code})")));
    debug.lines().skip(1).any(said)
}

fn defect(what: &str) -> Failure {
    Failure::new(Fault::Defect, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_the_librarys_source_is_no_answer() {
        let check =
            |debug: &str, want: bool| assert_eq!(answered_with(debug, &["401", "403"]), want);
        check("gstrtspsrc.c(6401): loop (): /x:\nstreaming stopped, reason not-linked (-1)", false);
        check("gstx.c(401): loop (): /x:\nstreaming stopped", false);
        check("gstrtspsrc.c(7000): send (): /x:\nUnauthorized (401)", true);
        check("gstrtspsrc.c(7000): send (): /x:\nForbidden (403)", true);
    }

    #[test]
    fn one_sender_at_a_time() {
        let (mut senders, begin) = (Senders::default(), Instant::now());
        let mut check = |sender, ms, want| {
            assert_eq!(
                senders.takes(sender, begin + Duration::from_millis(ms)),
                want,
                "{sender} {ms}"
            );
        };
        check(1, 0, true);
        check(2, 100, false);
        check(1, 900, true);
        check(2, 1800, false);
        check(2, 1900, true);
        check(1, 2000, false);
    }

    #[test]
    fn a_place_has_three_lines() {
        let check = |text: &str, want: Option<[&str; 3]>| {
            let got = Place::read(text.as_bytes()).ok();
            let got = got.as_ref().map(|p| [&*p.address, &*p.user, &*p.password]);
            assert_eq!(got, want, "{text:?}");
        };
        check(
            "rtsp://10.0.0.7/s1\nadmin\np:@ss w\n",
            Some(["rtsp://10.0.0.7/s1", "admin", "p:@ss w"]),
        );
        check("rtsp://10.0.0.7/s1", Some(["rtsp://10.0.0.7/s1", "", ""]));
        check("", None);
        check("\nadmin\nx\n", None);
    }
}
