//! The writing end of the frame pipe: numbers, times, and the flag on the last frame.
//!
//! One frame is held back, because only after it is it known whether it was the last. A video that
//! ends in damage has no last frame: its held frame goes without the flag.

use crate::colour::Chroma;
use crate::grey::Grey;
use camera::{FLAG_GAP, FLAG_LAST, Header, PixelFormat, write_frame};
use std::io::{self, Write};
use std::time::Instant;

/// The last microsecond that a header can say.
const MICROS_MAX: u64 = 253_402_300_799_999_999;
/// Between frames that tell no time.
const UNTIMED_NS: u64 = 40_000_000;

/// One frame: its luma, and its colours where they are wanted and there.
pub struct Frame {
    /// Luma.
    pub grey: Grey,
    /// Colours, of half the luma's sides.
    pub chroma: Option<Chroma>,
}

impl Frame {
    /// Format, and the bytes of all planes, one after the other.
    fn payload(self) -> (PixelFormat, Vec<u8>) {
        let half = (self.grey.width.div_ceil(2), self.grey.height.div_ceil(2));
        let mut bytes = self.grey.pixels;
        match self.chroma {
            Some(Chroma { u, v }) if (u.width, u.height) == half && (v.width, v.height) == half => {
                bytes.extend_from_slice(&u.pixels);
                bytes.extend_from_slice(&v.pixels);
                (PixelFormat::I420, bytes)
            }
            _ => (PixelFormat::Grey8, bytes),
        }
    }
}

/// Writes frames to `out`.
pub struct Writer<W> {
    out: W,
    start_us: u64,
    first_ns: Option<u64>,
    last_ns: u64,
    count: u64,
    held: Option<(Header, Vec<u8>)>,
    /// When a stream's first frame came.
    live: Option<Instant>,
}

impl<W: Write> Writer<W> {
    /// The first frame was captured `start_us` microseconds after 1970.
    pub fn new(out: W, start_us: u64) -> Self {
        Self { out, start_us, first_ns: None, last_ns: 0, count: 0, held: None, live: None }
    }

    /// Takes a frame at `ns` by the video's clock and writes the one before it. `gap`: frames before
    /// it were lost.
    pub fn push(&mut self, frame: Frame, ns: Option<u64>, gap: bool) -> io::Result<()> {
        // Time never goes back, whatever the container says.
        let untimed = if self.count == 0 { 0 } else { self.last_ns.saturating_add(UNTIMED_NS) };
        let ns = ns.unwrap_or(untimed).max(self.last_ns);
        self.last_ns = ns;
        let since_us = (ns - *self.first_ns.get_or_insert(ns)) / 1000;
        let captured_us = self.start_us.saturating_add(since_us);
        let next = self.laid_out(frame, captured_us, gap);
        let before = self.held.replace(next);
        self.write(before)
    }

    /// Takes a frame of a stream and writes it at once. Its time is that of its arrival: cameras' own clocks
    /// leap, stand still and start in 1970, and how long a frame was on its way is far less than that. It
    /// counts from the start that this process was given; who reads the pipe knows what clocks do later.
    pub fn push_now(&mut self, frame: Frame, gap: bool) -> io::Result<()> {
        let since = self.live.get_or_insert_with(Instant::now).elapsed().as_micros();
        let since = u64::try_from(since).unwrap_or(MICROS_MAX);
        let frame = self.laid_out(frame, self.start_us.saturating_add(since), gap);
        self.write(Some(frame))
    }

    fn laid_out(&mut self, frame: Frame, captured_us: u64, gap: bool) -> (Header, Vec<u8>) {
        self.count += 1;
        let (width, height) = (frame.grey.width, frame.grey.height);
        let (format, bytes) = frame.payload();
        let header = Header {
            format,
            width,
            height,
            stride: width,
            flags: if gap && self.count > 1 { FLAG_GAP } else { 0 },
            captured_us: captured_us.min(MICROS_MAX) as i64,
            counter: self.count,
            payload: bytes.len() as u32,
        };
        (header, bytes)
    }

    /// Writes the held frame; `complete` where the video has ended by itself.
    pub fn finish(&mut self, complete: bool) -> io::Result<()> {
        let mut held = self.held.take();
        if let (Some((header, _)), true) = (&mut held, complete) {
            header.flags |= FLAG_LAST;
        }
        self.write(held)
    }

    /// Frames taken so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    fn write(&mut self, frame: Option<(Header, Vec<u8>)>) -> io::Result<()> {
        match frame {
            Some((header, pixels)) => write_frame(&mut self.out, &header, &pixels),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camera::read_frame;

    fn written(times: &[Option<u64>], complete: bool) -> Vec<Header> {
        let mut pipe = Vec::new();
        let mut writer = Writer::new(&mut pipe, 1000);
        for ns in times {
            let grey = Grey { width: 2, height: 1, pixels: vec![1, 2] };
            writer.push(Frame { grey, chroma: None }, *ns, true).unwrap();
        }
        writer.finish(complete).unwrap();
        let (mut rest, mut payload) = (&pipe[..], Vec::new());
        std::iter::from_fn(|| read_frame(&mut rest, &mut payload).unwrap()).collect()
    }

    #[test]
    fn numbers_times_and_flags() {
        let ms = |ms: u64| Some(ms * 1_000_000);
        let frames = written(&[ms(500), ms(540), ms(530), None, Some(u64::MAX)], true);
        let times: Vec<i64> = frames.iter().map(|h| h.captured_us).collect();
        assert_eq!(times[..4], [1000, 41_000, 41_000, 81_000]);
        assert!(times[4] > times[3]);
        assert_eq!(frames.iter().map(|h| h.counter).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        let flags: Vec<u32> = frames.iter().map(|h| h.flags).collect();
        assert_eq!(flags, [0, 1, 1, 1, 3]);
        assert_eq!(written(&[ms(0), ms(40)], false)[1].flags, FLAG_GAP);
        assert!(written(&[], true).is_empty());
    }
}
