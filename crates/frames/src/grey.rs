//! The grey picture of a decoded frame: its luma plane, over the full range.
//!
//! Every coding that matters carries luma as a plane of its own, so nothing is converted. Video codes
//! black as 16 and white as 235; JPEG and photographs use 0 to 255. The networks were trained on
//! photographs, so the narrow range is stretched.

use camera::PAYLOAD_MAX;
use gstreamer as gst;
use gstreamer_video::{VideoColorRange, VideoFrameExt, VideoFrameRef, VideoInfo};

/// The formats whose first plane is luma with one byte a pixel.
pub const FORMATS: [&str; 10] =
    ["I420", "YV12", "NV12", "NV21", "Y42B", "Y444", "Y41B", "NV16", "NV24", "GRAY8"];

/// A grey picture without padding.
pub struct Grey {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height` bytes.
    pub pixels: Vec<u8>,
}

/// Copies the luma plane out of a buffer; the sentence is for the operator.
pub fn of(buffer: &gst::BufferRef, info: &VideoInfo) -> Result<Grey, String> {
    if !FORMATS.contains(&info.format().to_str().as_str()) {
        return Err(format!("no luma plane in {}", info.format()));
    }
    let frame = VideoFrameRef::from_buffer_ref_readable(buffer, info)
        .map_err(|_| "the buffer is smaller than its frame".to_owned())?;
    let (width, height) = (frame.width(), frame.height());
    let wrong = || format!("a plane that does not hold {width}x{height}");
    if u64::from(width) * u64::from(height) > u64::from(PAYLOAD_MAX) {
        return Err(format!("{width}x{height} is too large"));
    }
    let plane = frame.plane_data(0).map_err(|_| wrong())?;
    let stride = frame.plane_stride()[0];
    let rows = usize::try_from(stride).map_err(|_| wrong())?;
    let (w, h) = (width as usize, height as usize);
    if w == 0 || h == 0 || rows < w || plane.len() < rows * (h - 1) + w {
        return Err(wrong());
    }
    let narrow = info.colorimetry().range() == VideoColorRange::Range16_235;
    let mut pixels = Vec::with_capacity(w * h);
    for row in plane.chunks(rows).take(h) {
        if narrow {
            pixels.extend(row[..w].iter().map(|y| stretch(*y)));
        } else {
            pixels.extend_from_slice(&row[..w]);
        }
    }
    Ok(Grey { width, height, pixels })
}

/// 16 to 235 onto 0 to 255, rounded; what lies outside is clipped.
fn stretch(y: u8) -> u8 {
    let above = u32::from(y.saturating_sub(16));
    ((above * 298 + 128) >> 8).min(255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let info = VideoInfo::builder(gstreamer_video::VideoFormat::I420, 18, 6).build().unwrap();
        let mut bytes = vec![200u8; info.size()];
        bytes[..18].fill(16);
        let whole = gst::Buffer::from_slice(bytes);
        let grey = of(&whole, &info).unwrap();
        assert_eq!((grey.width, grey.height, grey.pixels.len()), (18, 6, 108));
        assert!(grey.pixels[..18].iter().all(|p| *p == 0) && grey.pixels[18] == 214);
        assert!(of(&gst::Buffer::from_slice(vec![0u8; 100]), &info).is_err());
        let rgb = VideoInfo::builder(gstreamer_video::VideoFormat::Rgb, 18, 6).build().unwrap();
        assert!(of(&whole, &rgb).is_err());
    }
}
