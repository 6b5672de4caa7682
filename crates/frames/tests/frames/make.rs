//! Makes videos: each frame carries its number as eight bars, black or white.

use camera::PixelFrame;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;
use std::path::{Path, PathBuf};

/// A video to make.
#[derive(Clone, Copy)]
pub struct Clip {
    pub size: (u32, u32),
    pub frames: u32,
    pub fps: u32,
    /// From raw pictures to a coding.
    pub coding: &'static str,
    /// The container's muxer.
    pub mux: &'static str,
    /// More that goes into the muxer `mux.`, with its sources.
    pub more: &'static str,
}

pub const H264: Clip = Clip {
    size: (320, 240),
    frames: 50,
    fps: 25,
    coding: "x264enc speed-preset=ultrafast key-int-max=10",
    mux: "mp4mux",
    more: "",
};

/// Makes `clip` in `dir`.
pub fn make(dir: &Path, name: &str, clip: Clip) -> PathBuf {
    gst::init().unwrap();
    let path = dir.join(name);
    let Clip { size: (width, height), frames, fps, coding, mux, more } = clip;
    let text = format!(
        "appsrc name=in format=time caps=video/x-raw,format=I420,width={width},height={height},\
         framerate={fps}/1 ! {coding} ! {mux} name=mux ! filesink location={} {more}",
        path.display()
    );
    let pipeline = gst::parse::launch(&text).unwrap().downcast::<gst::Pipeline>().unwrap();
    let source = pipeline.by_name("in").unwrap().downcast::<AppSrc>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let length = gst::ClockTime::SECOND / u64::from(fps);
    for i in 0..frames {
        let mut buffer = gst::Buffer::from_slice(draw(width, height, i));
        let fields = buffer.get_mut().unwrap();
        fields.set_pts(gst::ClockTime::SECOND * u64::from(i) / u64::from(fps));
        fields.set_duration(length);
        source.push_buffer(buffer).unwrap();
    }
    source.end_of_stream().unwrap();
    finish(&pipeline, &text);
    path
}

/// Runs a pipeline without pictures of ours, until its end.
pub fn run(text: &str) {
    gst::init().unwrap();
    let pipeline = gst::parse::launch(text).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    finish(&pipeline, text);
}

fn finish(pipeline: &gst::Pipeline, text: &str) {
    let bus = pipeline.bus().unwrap();
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = bus.timed_pop_filtered(gst::ClockTime::from_seconds(120), &ends);
    let end = end.unwrap_or_else(|| panic!("no end: {text}"));
    assert!(end.type_() == gst::MessageType::Eos, "{text}: {end:?}");
    pipeline.set_state(gst::State::Null).unwrap();
}

/// An I420 picture (even sides, width a multiple of 8) with eight bars, the lowest bit on the left.
fn draw(width: u32, height: u32, number: u32) -> Vec<u8> {
    let bar = width.div_ceil(8);
    let row: Vec<u8> =
        (0..width).map(|x| if number >> (x / bar) & 1 == 1 { 235 } else { 16 }).collect();
    let mut bytes = row.repeat(height as usize);
    bytes.resize(bytes.len() * 3 / 2, 128);
    bytes
}

/// The number in a frame, from the middle of each bar.
pub fn number(frame: &PixelFrame) -> u32 {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let row = &frame.grey[height / 2 * width..][..width];
    let white = |bit: usize| u32::from(row[(2 * bit + 1) * width / 16] > 127);
    (0..8).map(|bit| white(bit) << bit).sum()
}
