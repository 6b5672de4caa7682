//! From the file to its first picture track: recognise the container, take it apart, choose a decoder.
//!
//! Each step asks the lists in `parts` and plugs exactly one element; there is no auto-plugging. Pads
//! that carry no pictures stay unlinked, so a sound decoder is not even loaded. A top-level picture
//! (a JPEG with a video's name) is no video, and where a container names another place, nobody listens.

use crate::Failure;
use crate::parts::{Parts, chains, chains_of_hardware, demuxer};
use camera::Fault;
use gstreamer as gst;
use gstreamer::prelude::*;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Threads of a decoder, at most: more than a few cost memory and add little.
const DECODER_THREADS: usize = 4;

/// What the steps have found so far.
#[derive(Default)]
pub struct Found {
    /// Why it cannot go on, as soon as that is known.
    pub failure: Option<Failure>,
    /// A decoder is in place.
    pub chosen: bool,
    /// Tracks of any kind that the container has shown.
    tracks: u32,
    /// A picture track whose coding is not on the list.
    refused: Option<String>,
}

impl Found {
    /// Why there is no decoder, where the library itself gives no better reason than `otherwise`.
    pub fn without_decoder(&self, otherwise: Failure) -> Failure {
        match (&self.failure, &self.refused, self.tracks) {
            (Some(failure), _, _) => failure.clone(),
            (None, Some(coding), _) => Failure::new(Fault::Coding, coding.clone()),
            (None, None, 1..) => Failure::new(Fault::NoPictures, otherwise.inside),
            (None, None, 0) => otherwise,
        }
    }
}

/// How pictures are decoded.
#[derive(Clone, Copy, Debug)]
pub struct Decoding {
    /// Threads, at most. More than one wait for one another's frames, which a stream has no time for.
    pub threads: usize,
    /// The machine's own decoder, where it has one.
    pub hardware: bool,
}

impl Decoding {
    /// For a file: as fast as it goes.
    pub const FILE: Self = Self { threads: DECODER_THREADS, hardware: false };
}

/// Builds the way from a typefind element to `tail`, as the file is read.
#[derive(Clone)]
pub struct Tracks {
    parts: Parts,
    pipeline: gst::glib::WeakRef<gst::Pipeline>,
    /// The sink pad that decoded pictures go to.
    tail: gst::glib::WeakRef<gst::Pad>,
    /// How this one decodes.
    decoding: Decoding,
    found: Arc<Mutex<Found>>,
}

impl Tracks {
    /// Decoded pictures of `pipeline` shall go to `tail`.
    pub fn new(
        parts: Parts,
        pipeline: &gst::Pipeline,
        tail: &gst::Pad,
        decoding: Decoding,
    ) -> Self {
        let (pipeline, tail) = (pipeline.downgrade(), tail.downgrade());
        Self { parts, pipeline, tail, decoding, found: Arc::default() }
    }

    /// What has been found so far.
    pub fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on as soon as `typefind` knows the container.
    pub fn listen(&self, typefind: &gst::Element) {
        let this = self.clone();
        typefind.connect("have-type", false, move |values| {
            let typefind = values.first().and_then(|v| v.get::<gst::Element>().ok());
            let caps = values.get(2).and_then(|v| v.get::<gst::Caps>().ok());
            if let (Some(typefind), Some(caps)) = (typefind, caps) {
                this.try_or_stop(|| this.container(&typefind, &caps));
            }
            None
        });
    }

    /// A failure ends the pipeline with a message, so that nobody waits for frames.
    pub fn try_or_stop(&self, step: impl FnOnce() -> Result<(), Failure>) {
        let Err(failure) = step() else { return };
        let inside = failure.inside.clone();
        self.found().failure.get_or_insert(failure);
        if let Some(pipeline) = self.pipeline.upgrade() {
            gst::element_error!(pipeline, gst::StreamError::Failed, ["{inside}"]);
        }
    }

    fn container(&self, typefind: &gst::Element, caps: &gst::Caps) -> Result<(), Failure> {
        let kind = caps.structure(0).ok_or_else(|| defect("caps without a type"))?;
        let from = typefind.static_pad("src").ok_or_else(|| defect("typefind without a pad"))?;
        let in_system = kind.get::<bool>("systemstream").unwrap_or(true);
        if let Some(name) = demuxer(kind.name()).filter(|_| in_system) {
            return self.take_apart(name, &from);
        }
        // An elementary stream, as some recorders write it. Single pictures are none.
        let stream = kind.name().starts_with("video/") && kind.name() != "video/x-raw";
        if !stream {
            let sound = kind.name().starts_with("audio/");
            let fault = if sound { Fault::NoPictures } else { Fault::NotAVideo };
            return Err(Failure::new(fault, kind.name().to_string()));
        }
        self.decode(&from, kind)
    }

    fn take_apart(&self, name: &'static str, from: &gst::Pad) -> Result<(), Failure> {
        let demuxer = self.parts.make(name)?;
        let this = self.clone();
        demuxer.connect_pad_added(move |_, pad| this.try_or_stop(|| this.track(pad)));
        let this = self.clone();
        demuxer.connect_no_more_pads(move |_| this.try_or_stop(|| this.all_shown()));
        self.plug(from, &[demuxer]).map(drop)
    }

    fn track(&self, pad: &gst::Pad) -> Result<(), Failure> {
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let Some(coding) = caps.structure(0) else { return Ok(()) };
        {
            let mut found = self.found();
            found.tracks = found.tracks.saturating_add(1);
            if found.chosen {
                return Ok(());
            }
            let name = coding.name();
            let pictures = name.starts_with("video/") || name.starts_with("image/");
            if chains(coding).is_empty() {
                let secret = name.starts_with("application/x-cenc");
                if pictures || secret {
                    found.refused.get_or_insert_with(|| name.to_string());
                }
                return Ok(());
            }
        }
        self.decode(pad, coding)
    }

    fn all_shown(&self) -> Result<(), Failure> {
        let found = self.found();
        if found.chosen {
            return Ok(());
        }
        let otherwise = Failure::new(Fault::Damaged, "the container shows no tracks");
        Err(found.without_decoder(otherwise))
    }

    /// Plugs a decoder behind a pad that gives this coding, and the sink behind that.
    pub fn decode(&self, from: &gst::Pad, coding: &gst::StructureRef) -> Result<(), Failure> {
        let ways = if self.decoding.hardware { chains_of_hardware } else { chains };
        let mut chain = self
            .parts
            .make_one_of(ways(coding))
            .map_err(|e| Failure::new(e.fault, format!("{}: {}", coding.name(), e.inside)))?;
        chain.iter_mut().for_each(|element| settle(element, self.decoding.threads));
        self.found().chosen = true;
        // Hardware is a wish: which decoder it came to is for the operator's log.
        if self.decoding.hardware
            && let Some(decoder) = chain.last()
        {
            let _ = writeln!(std::io::stderr(), "decoder: {}", decoder.name());
        }
        let last = self.plug(from, &chain)?;
        let tail = self.tail.upgrade().ok_or_else(|| defect("the pipeline is gone"))?;
        last.link(&tail).map(drop).map_err(|e| defect(&format!("decoder to sink: {e:?}")))
    }

    /// Adds an element to the pipeline, asleep.
    pub fn add(&self, element: &gst::Element) -> Result<(), Failure> {
        let pipeline = self.pipeline.upgrade().ok_or_else(|| defect("the pipeline is gone"))?;
        pipeline.add(element).map_err(|e| defect(&e.to_string()))
    }

    /// Adds elements to the pipeline, one after the other behind `from`; their last source pad.
    pub fn plug(&self, from: &gst::Pad, chain: &[gst::Element]) -> Result<gst::Pad, Failure> {
        let pipeline = self.pipeline.upgrade().ok_or_else(|| defect("the pipeline is gone"))?;
        let mut from = from.clone();
        for element in chain {
            pipeline.add(element).map_err(|e| defect(&e.to_string()))?;
            let sink = element.static_pad("sink").ok_or_else(|| defect("no sink pad"))?;
            from.link(&sink).map_err(|e| {
                Failure::new(Fault::Coding, format!("{} takes it not: {e:?}", element.name()))
            })?;
            // A demuxer's pads come later; it is always the last of its chain.
            from = element.static_pad("src").unwrap_or(from);
        }
        // From the sink towards the source, so that nobody sends to who is not awake.
        for element in chain.iter().rev() {
            element.sync_state_with_parent().map_err(|e| defect(&e.to_string()))?;
        }
        Ok(from)
    }
}

/// Settings of a decoder, where it has them.
fn settle(decoder: &mut gst::Element, threads: usize) {
    if decoder.has_property("max-threads") {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        decoder.set_property("max-threads", cores.min(threads) as i32);
    }
    // A few broken pictures do not end a video; they leave a gap.
    if decoder.has_property("max-errors") {
        decoder.set_property("max-errors", -1i32);
    }
}

fn defect(what: &str) -> Failure {
    Failure::new(Fault::Defect, what)
}
