//! The picture that goes with a foreign read: decoded within limits and written anew, so that what a
//! device sent (its metadata, its size, whatever stands behind the picture) goes no further.

use exchange::inbound::{Jpeg, Seen};
use image::imageops::{FilterType, resize};
use vision::Picture;

/// The city takes pictures up to this size, in bytes.
const PICTURE_MAX: usize = 256 * 1024;
/// Widths that are tried, in pixels.
const WIDTHS: [u32; 3] = [1280, 800, 480];

/// The vehicle where there is one, else the plate; none where neither is a picture.
pub(super) fn picture(seen: &Seen) -> Option<Vec<u8>> {
    [&seen.vehicle_picture, &seen.plate_picture].into_iter().flatten().find_map(anew)
}

fn anew(jpeg: &Jpeg) -> Option<Vec<u8>> {
    let picture = Picture::decode(jpeg.bytes()).ok()?;
    let picture = picture.rgb();
    WIDTHS.into_iter().find_map(|width| {
        let (w, h) = picture.dimensions();
        let small = (w > width).then(|| {
            let height = (u64::from(h) * u64::from(width) / u64::from(w)).max(1);
            resize(picture.as_ref(), width, height as u32, FilterType::Triangle)
        });
        let coded = vision::jpeg(small.as_ref().unwrap_or(picture.as_ref())).ok()?;
        (coded.len() <= PICTURE_MAX).then_some(coded)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};

    fn noisy(width: u32, height: u32) -> Vec<u8> {
        let mut state = 1u32;
        let picture = RgbImage::from_fn(width, height, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, _] = state.to_be_bytes();
            Rgb([a, b, c])
        });
        vision::jpeg(&picture).unwrap()
    }

    #[test]
    fn pictures_are_written_anew_and_small() {
        let mut coded = noisy(2000, 1500);
        coded.extend_from_slice(b"something behind it");
        assert!(coded.len() > PICTURE_MAX);
        let out = anew(&Jpeg::new(coded).unwrap()).unwrap();
        assert!(out.len() <= PICTURE_MAX);
        assert!(!out.windows(9).any(|w| w == b"something"));
        assert!(anew(&Jpeg::new(vec![0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]).unwrap()).is_none());
    }
}
