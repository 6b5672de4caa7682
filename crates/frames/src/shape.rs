//! The shape of a frame: smaller where it has too many pixels, square pixels, and upright.
//!
//! Scaling averages over the area that a new pixel covers, so that no stroke of a plate falls between
//! two pixels.

use crate::grey::Grey;
use gstreamer_video::VideoInfo;

/// The longest side that the frame pipe can carry.
const SIDE_MAX: f64 = 16_384.0;
/// Weights of a new pixel add up to this many bits.
const ONE: u32 = 14;

/// The size with square pixels, at most `pixels` of them, and no side too long.
pub fn fit(info: &VideoInfo, pixels: u32) -> (u32, u32) {
    sized((info.width(), info.height()), (info.par().numer(), info.par().denom()), pixels)
}

fn sized((width, height): (u32, u32), par: (i32, i32), pixels: u32) -> (u32, u32) {
    let ratio = f64::from(par.0) / f64::from(par.1);
    // Recorders have pixels between 1:2 and 2:1; what is beyond is a mistake or a trick.
    let ratio = if (0.5..=2.0).contains(&ratio) { ratio } else { 1.0 };
    let (w, h) = (f64::from(width) * ratio, f64::from(height));
    let shrink = (f64::from(pixels) / (w * h)).sqrt().min(SIDE_MAX / w).min(SIDE_MAX / h);
    let side = |s: f64| if shrink < 1.0 { (s * shrink).floor().max(1.0) } else { s.round() } as u32;
    let (w, h) = (side(w), side(h));
    // A line of one pixel is shortened, or it would have more pixels than asked for.
    (w.min((pixels / h).max(1)), h.min((pixels / w).max(1)))
}

/// The picture in another size.
pub fn scale(grey: Grey, to: (u32, u32)) -> Grey {
    if (grey.width, grey.height) == to || grey.pixels.is_empty() {
        return grey;
    }
    let across = Spans::new(grey.width, to.0);
    let down = Spans::new(grey.height, to.1);
    let width = to.0 as usize;
    let mut out = Vec::with_capacity(width * to.1 as usize);
    let mut sums = vec![0u32; width];
    // The last few narrowed rows: neighbouring new rows share at most one.
    let mut narrowed = (usize::MAX, vec![0u16; width]);
    for (first, weights) in down.iter() {
        sums.fill(1 << (ONE + 7));
        for (y, weight) in (first..).zip(weights) {
            if narrowed.0 != y {
                let row = &grey.pixels[y * grey.width as usize..][..grey.width as usize];
                narrow(row, &across, &mut narrowed.1);
                narrowed.0 = y;
            }
            for (sum, value) in sums.iter_mut().zip(&narrowed.1) {
                *sum += u32::from(*value) * u32::from(*weight);
            }
        }
        out.extend(sums.iter().map(|sum| (sum >> (ONE + 8)).min(255) as u8));
    }
    Grey { width: to.0, height: to.1, pixels: out }
}

/// One row in its new width, with eight bits behind the point.
fn narrow(row: &[u8], spans: &Spans, to: &mut [u16]) {
    for (value, (first, weights)) in to.iter_mut().zip(spans.iter()) {
        let sum: u32 =
            row[first..].iter().zip(weights).map(|(p, w)| u32::from(*p) * u32::from(*w)).sum();
        *value = (sum >> (ONE - 8)) as u16;
    }
}

/// For each new pixel of a line: the old pixels that it covers, and how much of each.
struct Spans {
    /// First old pixel, and where its weights begin and end.
    spans: Vec<(u32, u32, u32)>,
    weights: Vec<u16>,
}

impl Spans {
    fn new(from: u32, to: u32) -> Self {
        let mut all = Self { spans: Vec::with_capacity(to as usize), weights: Vec::new() };
        let ratio = f64::from(from) / f64::from(to);
        for i in 0..to {
            let (start, end) = (f64::from(i) * ratio, f64::from(i + 1) * ratio);
            let first = (start as u32).min(from - 1);
            let last = ((end - 1e-9) as u32).clamp(first, from - 1);
            let begin = all.weights.len() as u32;
            let mut left = 1u32 << ONE;
            for old in first..=last {
                let covered = end.min(f64::from(old + 1)) - start.max(f64::from(old));
                let weight = (covered / ratio * f64::from(1u32 << ONE)).round() as u32;
                // The last takes what rounding has left, so that white stays white.
                let weight = if old == last { left } else { weight.min(left) };
                left -= weight;
                all.weights.push(weight as u16);
            }
            all.spans.push((first, begin, all.weights.len() as u32));
        }
        all
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &[u16])> {
        self.spans.iter().map(|(first, begin, end)| {
            (*first as usize, &self.weights[*begin as usize..*end as usize])
        })
    }
}

/// How a picture has to be turned before it stands upright: mirrored left to right first, or not, then
/// clockwise by so many quarters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    quarters: u8,
    mirror: bool,
}

impl Turn {
    /// From the media library's spelling, as phones write it into a video; unknown ones mean upright.
    pub fn from_tag(tag: &str) -> Self {
        let (mirror, rest) = match tag.strip_prefix("flip-") {
            Some(rest) => (true, rest),
            None => (false, tag),
        };
        let quarters = match rest {
            "rotate-90" => 1,
            "rotate-180" => 2,
            "rotate-270" => 3,
            _ => 0,
        };
        Self { quarters, mirror }
    }

    /// The picture upright.
    pub fn apply(self, grey: Grey) -> Grey {
        let (w, h) = (grey.width as usize, grey.height as usize);
        if self == Self::default() || w == 0 || h == 0 {
            return grey;
        }
        let (width, height) = if self.quarters % 2 == 1 { (h, w) } else { (w, h) };
        let mut pixels = Vec::with_capacity(w * h);
        for y in 0..height {
            pixels.extend((0..width).map(|x| {
                let (old_x, old_y) = match self.quarters {
                    1 => (y, h - 1 - x),
                    2 => (w - 1 - x, h - 1 - y),
                    3 => (w - 1 - y, x),
                    _ => (x, y),
                };
                grey.pixels[old_y * w + if self.mirror { w - 1 - old_x } else { old_x }]
            }));
        }
        Grey { width: width as u32, height: height as u32, pixels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, pixels: &[u8]) -> Grey {
        Grey { width, height: pixels.len() as u32 / width, pixels: pixels.into() }
    }

    #[test]
    fn sizes_fit() {
        let square = (1, 1);
        assert_eq!(sized((1920, 1080), square, 4_000_000), (1920, 1080));
        assert_eq!(sized((3840, 2160), square, 4_000_000), (2666, 1500));
        // As the guide has them.
        assert_eq!(sized((2688, 1520), square, crate::PIXELS), (2688, 1520));
        assert_eq!(sized((3840, 2160), square, crate::PIXELS), (2732, 1537));
        assert_eq!(sized((640, 480), square, 76_800), (320, 240));
        assert_eq!(sized((352, 576), (2, 1), 4_000_000), (704, 576));
        assert_eq!(sized((720, 576), (16, 15), 4_000_000), (768, 576));
        assert_eq!(sized((720, 576), (i32::MAX, 1), 4_000_000), (720, 576));
        assert_eq!(sized((720, 576), (1, 0), 4_000_000), (720, 576));
        assert_eq!(sized((32_000, 10), square, 4_000_000), (16_384, 5));
        assert_eq!(sized((i32::MAX as u32, 1), square, 1), (1, 1));
    }

    #[test]
    fn scaling_averages() {
        let small = scale(grey(4, &[0, 100, 200, 200, 100, 200, 0, 0]), (2, 1));
        assert_eq!((small.width, small.height, small.pixels), (2, 1, vec![100, 100]));
        let third = scale(grey(3, &[0, 30, 90]), (2, 1));
        assert_eq!(third.pixels, [10, 70]);
        let wide = scale(grey(2, &[10, 20]), (4, 1));
        assert_eq!(wide.pixels, [10, 10, 20, 20]);
        assert_eq!(scale(grey(5, &[1; 5]), (5, 1)).pixels, [1; 5]);
    }

    #[test]
    fn white_stays_white_in_every_size() {
        for (w, h) in [(1, 1), (7, 3), (97, 41), (2, 200)] {
            for to in [(1, 1), (3, 2), (5, 40), (96, 41), (300, 7)] {
                for value in [0, 128, 255] {
                    let out = scale(grey(w, &vec![value; (w * h) as usize]), to);
                    assert_eq!(out.pixels.len(), (to.0 * to.1) as usize);
                    assert!(out.pixels.iter().all(|p| *p == value), "{w}x{h} to {to:?}");
                }
            }
        }
    }

    #[test]
    fn turning() {
        // 1 2 3
        // 4 5 6
        let picture = || grey(3, &[1, 2, 3, 4, 5, 6]);
        let check = |tag: &str, width: u32, pixels: [u8; 6]| {
            assert_eq!(Turn::from_tag(tag).apply(picture()), grey(width, &pixels), "{tag}");
        };
        check("rotate-0", 3, [1, 2, 3, 4, 5, 6]);
        check("rotate-90", 2, [4, 1, 5, 2, 6, 3]);
        check("rotate-180", 3, [6, 5, 4, 3, 2, 1]);
        check("rotate-270", 2, [3, 6, 2, 5, 1, 4]);
        check("flip-rotate-0", 3, [3, 2, 1, 6, 5, 4]);
        check("flip-rotate-180", 3, [4, 5, 6, 1, 2, 3]);
        check("sideways", 3, [1, 2, 3, 4, 5, 6]);
    }
}
