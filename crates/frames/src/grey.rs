//! The grey picture of a decoded frame: its luma, one byte a pixel, over the full range.
//!
//! Every coding that matters carries luma apart from colour, so it is copied and not converted. The
//! library's own converters are not used: they write machine code while they run, which this process
//! forbids itself, and this is the whole of what is needed of them.
//!
//! Video codes black as 16 and white as 235; JPEG and photographs use 0 to 255. The networks were
//! trained on photographs, so the narrow range is stretched.

use camera::PAYLOAD_MAX;
use gstreamer as gst;
use gstreamer_video::{VideoColorRange, VideoFrameExt, VideoFrameRef, VideoInfo};

/// The formats that decoders may give: luma with 8 to 16 bits, planar or packed.
pub const FORMATS: [&str; 22] = [
    "I420",
    "YV12",
    "NV12",
    "NV21",
    "Y42B",
    "Y444",
    "Y41B",
    "NV16",
    "NV61",
    "NV24",
    "GRAY8",
    "YUY2",
    "UYVY",
    "YVYU",
    "I420_10LE",
    "I422_10LE",
    "Y444_10LE",
    "P010_10LE",
    "I420_12LE",
    "I422_12LE",
    "Y444_12LE",
    "GRAY16_LE",
];

/// A grey picture without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grey {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height` bytes.
    pub pixels: Vec<u8>,
}

/// How luma lies in a row.
#[derive(Clone, Copy)]
struct Layout {
    /// Bytes before the first pixel.
    skip: usize,
    /// Bytes from one pixel to the next.
    step: usize,
    /// For more than eight bits: bits to drop at the lower end.
    drop: Option<u32>,
}

/// Copies the luma out of a buffer; the error's sentence is for the operator.
pub fn of(buffer: &gst::BufferRef, info: &VideoInfo) -> Result<Grey, String> {
    let layout = layout(info)?;
    let frame = VideoFrameRef::from_buffer_ref_readable(buffer, info)
        .map_err(|_| "the buffer is smaller than its frame".to_owned())?;
    let (width, height) = (frame.width(), frame.height());
    let wrong = || format!("a plane that does not hold {width}x{height}");
    // A frame that is to be scaled down may be larger than what the pipe carries, but not by much.
    if u64::from(width) * u64::from(height) > 2 * u64::from(PAYLOAD_MAX) {
        return Err(format!("{width}x{height} is too large"));
    }
    let plane = frame.plane_data(0).map_err(|_| wrong())?;
    let stride = usize::try_from(frame.plane_stride()[0]).map_err(|_| wrong())?;
    let (w, h) = (width as usize, height as usize);
    let used = layout.skip + layout.step * w.saturating_sub(1) + 1 + layout.drop.iter().count();
    if w == 0 || h == 0 || stride < used || plane.len() < stride * (h - 1) + used {
        return Err(wrong());
    }
    let narrow = info.colorimetry().range() == VideoColorRange::Range16_235;
    let mut pixels = Vec::with_capacity(w * h);
    for row in plane.chunks(stride).take(h) {
        copy_row(&row[..used], layout, narrow, &mut pixels);
    }
    Ok(Grey { width, height, pixels })
}

fn layout(info: &VideoInfo) -> Result<Layout, String> {
    let format = info.format_info();
    if !FORMATS.contains(&info.format().to_str().as_str()) {
        return Err(format!("no luma that can be copied in {}", info.format()));
    }
    let (depth, shift) = (format.depth()[0], format.shift()[0]);
    let drop = (depth > 8).then(|| shift + depth - 8);
    Ok(Layout { skip: format.poffset()[0] as usize, step: format.pixel_stride()[0] as usize, drop })
}

fn copy_row(row: &[u8], layout: Layout, narrow: bool, to: &mut Vec<u8>) {
    let pixels = row[layout.skip..].chunks(layout.step);
    match (layout, narrow) {
        (Layout { drop: Some(drop), .. }, _) => {
            let eight = |p: &[u8]| (u16::from_le_bytes([p[0], p[1]]) >> drop).min(255) as u8;
            to.extend(pixels.map(|p| if narrow { stretch(eight(p)) } else { eight(p) }));
        }
        // The common cases, written so that they become vector instructions.
        (Layout { step: 1, .. }, false) => to.extend_from_slice(row),
        (Layout { step: 1, .. }, true) => to.extend(row.iter().map(|y| stretch(*y))),
        _ => to.extend(pixels.map(|p| if narrow { stretch(p[0]) } else { p[0] })),
    }
}

/// 16 to 235 onto 0 to 255, rounded; what lies outside is clipped.
fn stretch(y: u8) -> u8 {
    let above = u32::from(y.saturating_sub(16));
    ((above * 298 + 128) >> 8).min(255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use gstreamer_video::VideoFormat;

    #[test]
    fn the_narrow_range_is_stretched() {
        for y in 0..=255u8 {
            let exact = ((f64::from(y) - 16.0) * 255.0 / 219.0).round().clamp(0.0, 255.0);
            assert!((f64::from(stretch(y)) - exact).abs() <= 1.0, "{y}");
        }
        assert_eq!([stretch(0), stretch(16), stretch(235), stretch(255)], [0, 0, 255, 255]);
    }

    #[test]
    fn only_what_is_there_is_read() {
        gst::init().unwrap();
        let info = VideoInfo::builder(VideoFormat::I420, 18, 6).build().unwrap();
        let mut bytes = vec![200u8; info.size()];
        bytes[..18].fill(16);
        let whole = gst::Buffer::from_slice(bytes);
        let grey = of(&whole, &info).unwrap();
        assert_eq!((grey.width, grey.height, grey.pixels.len()), (18, 6, 108));
        assert!(grey.pixels[..18].iter().all(|p| *p == 0) && grey.pixels[18] == 214);
        assert!(of(&gst::Buffer::from_slice(vec![0u8; 100]), &info).is_err());
        let rgb = VideoInfo::builder(VideoFormat::Rgb, 18, 6).build().unwrap();
        assert!(of(&whole, &rgb).is_err());
    }

    /// Every format on the list: a picture whose luma is half white, drawn by the format's own rules.
    #[test]
    fn every_format_gives_its_luma() {
        gst::init().unwrap();
        for name in FORMATS {
            let info = VideoInfo::builder(VideoFormat::from_string(name), 14, 4).build().unwrap();
            let f = info.format_info();
            let mut bytes = vec![0x80u8; info.size()];
            let narrow = info.colorimetry().range() == VideoColorRange::Range16_235;
            let (black, white) = if narrow { (16u16, 235u16) } else { (0, 255) };
            for y in 0..4usize {
                for x in 0..14usize {
                    let at = y * info.stride()[0] as usize
                        + f.poffset()[0] as usize
                        + x * f.pixel_stride()[0] as usize;
                    let luma = if x < 7 { black } else { white };
                    let depth = f.depth()[0];
                    if depth > 8 {
                        let v = (luma << (depth - 8)) << f.shift()[0];
                        bytes[at..at + 2].copy_from_slice(&v.to_le_bytes());
                    } else {
                        bytes[at] = luma as u8;
                    }
                }
            }
            let grey = of(&gst::Buffer::from_slice(bytes), &info).unwrap();
            let row = [[0u8; 7], [255; 7]].concat();
            assert_eq!(grey.pixels, row.repeat(4), "{name}");
        }
    }
}
