//! The colours of a decoded frame, at half its width and height: for people, who compare a car's colour
//! with a list's. The networks do without.
//!
//! Samples are taken, not averaged: a colour that is a pixel off harms nobody.

use crate::grey::Grey;
use gstreamer as gst;
use gstreamer_video::{VideoColorRange, VideoFormatInfo, VideoFrameExt, VideoFrameRef, VideoInfo};

/// The two colour planes, each of half the luma's width and height, rounded up; full range, 128 no colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chroma {
    /// Blue less luma.
    pub u: Grey,
    /// Red less luma.
    pub v: Grey,
}

/// Copies both planes out of a buffer; `None` where the format has none that can be copied.
pub fn of(buffer: &gst::BufferRef, info: &VideoInfo) -> Option<Chroma> {
    let frame = VideoFrameRef::from_buffer_ref_readable(buffer, info).ok()?;
    Some(Chroma { u: plane(&frame, info, 1)?, v: plane(&frame, info, 2)? })
}

/// One component: 1 is U, 2 is V, wherever the format has put it.
fn plane(
    frame: &VideoFrameRef<&gst::BufferRef>,
    info: &VideoInfo,
    component: usize,
) -> Option<Grey> {
    let format = info.format_info();
    if !format.is_yuv() || format.n_components() < 3 {
        return None;
    }
    let at = *format.plane().get(component)?;
    let step = usize::try_from(format.pixel_stride()[component]).ok()?;
    let skip = first_byte(format, component)?;
    let (across, down) = (format.w_sub()[component], format.h_sub()[component]);
    let (depth, shift) = (format.depth()[component], format.shift()[component]);
    let data = frame.plane_data(at).ok()?;
    let stride = usize::try_from(*frame.plane_stride().get(at as usize)?).ok()?;
    let narrow = info.colorimetry().range() == VideoColorRange::Range16_235;
    let (width, height) = (frame.width().div_ceil(2), frame.height().div_ceil(2));
    let mut pixels = Vec::with_capacity(width as usize * height as usize);
    for y in 0..height as usize {
        let row = data.get(((2 * y) >> down) * stride..)?;
        for x in 0..width as usize {
            let first = ((2 * x) >> across) * step + skip;
            let value = match depth {
                0..=8 => *row.get(first)?,
                _ => {
                    let two = [*row.get(first)?, *row.get(first + 1)?];
                    (u16::from_le_bytes(two) >> (shift + depth - 8)).min(255) as u8
                }
            };
            pixels.push(if narrow { stretch(value) } else { value });
        }
    }
    Some(Grey { width, height, pixels })
}

/// Where a component begins in its plane. For interleaved samples of two bytes (P010) the library counts samples and
/// not bytes.
fn first_byte(format: VideoFormatInfo, component: usize) -> Option<usize> {
    let offset = usize::try_from(format.poffset()[component]).ok()?;
    Some(if format.depth()[component] > 8 { offset.next_multiple_of(2) } else { offset })
}

/// 16 to 240 onto 0 to 255 around 128, rounded.
fn stretch(c: u8) -> u8 {
    let far = (i32::from(c) - 128) * 291;
    (128 + ((far + 128) >> 8)).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use gstreamer_video::VideoFormat;

    #[test]
    fn the_narrow_range_is_stretched() {
        assert_eq!([stretch(16), stretch(128), stretch(240)], [1, 128, 255]);
    }

    /// Every format on the list that has colours: U is 90 and V is 200, drawn by the format's own rules.
    #[test]
    fn every_format_gives_its_colours() {
        gst::init().unwrap();
        for name in crate::grey::FORMATS {
            let info = VideoInfo::builder(VideoFormat::from_string(name), 14, 4).build().unwrap();
            let f = info.format_info();
            let mut bytes = vec![0x10u8; info.size()];
            for (component, value) in [(1usize, 90u16), (2, 200)] {
                if f.n_components() < 3 {
                    continue;
                }
                let plane = f.plane()[component] as usize;
                for y in 0..4usize >> f.h_sub()[component] {
                    for x in 0..14usize.div_ceil(1 << f.w_sub()[component]) {
                        let at = info.offset()[plane]
                            + y * info.stride()[plane] as usize
                            + x * f.pixel_stride()[component] as usize
                            + first_byte(f, component).unwrap();
                        let depth = f.depth()[component];
                        if depth > 8 {
                            let v = (value << (depth - 8)) << f.shift()[component];
                            bytes[at..at + 2].copy_from_slice(&v.to_le_bytes());
                        } else {
                            bytes[at] = value as u8;
                        }
                    }
                }
            }
            let chroma = of(&gst::Buffer::from_slice(bytes), &info);
            if name.starts_with("GRAY") {
                assert_eq!(chroma, None, "{name}");
                continue;
            }
            let chroma = chroma.unwrap();
            let narrow = info.colorimetry().range() == VideoColorRange::Range16_235;
            let want = |v: u8| if narrow { stretch(v) } else { v };
            assert_eq!((chroma.u.width, chroma.u.height), (7, 2), "{name}");
            assert_eq!(chroma.u.pixels, [want(90); 14], "{name}");
            assert_eq!(chroma.v.pixels, [want(200); 14], "{name}");
        }
    }
}
