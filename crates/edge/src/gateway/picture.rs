//! The picture that goes with a foreign read: decoded within limits and written anew, so that what a
//! device sent (its metadata, its size, whatever stands behind the picture) goes no further. Of who sits in the car
//! it shows no more than our own do.

use exchange::inbound::{Direction, Jpeg, Seen};
use image::imageops::{FilterType, resize};
use vision::{Picture, Quad, VehiclePicture};

/// The city takes pictures up to this size, in bytes.
const PICTURE_MAX: usize = 256 * 1024;
/// Widths that are tried, in pixels.
const WIDTHS: [u32; 3] = [1280, 800, 480];

/// The vehicle where there is one, else the plate; none where neither is a picture.
pub(super) fn picture(seen: &Seen) -> Option<Vec<u8>> {
    [&seen.vehicle_picture, &seen.plate_picture].into_iter().flatten().find_map(anew)
}

/// Cuts the vehicle out around its plate and makes it coarse as ours are, for leases that leave no windscreen clear.
/// Where nobody says where in the picture the plate is, the plate's own picture is kept alone.
pub(super) fn without_glass(seen: &mut Seen) {
    let coarse = seen.vehicle_picture.take().and_then(|jpeg| coarse(&jpeg, seen));
    seen.vehicle_picture = coarse.and_then(Jpeg::new);
}

fn coarse(jpeg: &Jpeg, seen: &Seen) -> Option<Vec<u8>> {
    let [x, y, w, h] = seen.plate_box?;
    let picture = Picture::decode(jpeg.bytes()).ok()?;
    let size = [picture.width(), picture.height()];
    // Where a cut-out is sent, the box is of the frame that it was cut from.
    if seen.frame_size.is_some_and(|of| of.map(|side| side as usize) != size) {
        return None;
    }
    let within = |from: i32, long: i32, side: usize| {
        from >= 0 && long > 0 && i64::from(from) + i64::from(long) <= side as i64
    };
    if !within(x, w, size[0]) || !within(y, h, size[1]) {
        return None;
    }
    let how = VehiclePicture { clear: false, toward: seen.direction == Some(Direction::Toward) };
    picture.vehicle(&corners([x, y, w, h]), how).ok().map(|shown| shown.jpeg)
}

/// The corners of a box of left, top, width, height.
pub(super) fn corners(of: [i32; 4]) -> Quad {
    let [x, y, w, h] = of.map(|n| n as f32);
    [[x, y], [x + w, y], [x + w, y + h], [x, y + h]]
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
    use exchange::inbound::{Adapter, Document};
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

    /// What is kept of a vehicle's picture, by what is said of where the plate is: its width, or none.
    #[test]
    fn without_a_place_the_plate_is_kept_alone() {
        let stripes =
            RgbImage::from_fn(640, 360, |x, _| Rgb([if x % 4 < 2 { 40 } else { 220 }; 3]));
        let jpeg = || Jpeg::new(vision::jpeg(&stripes).unwrap());
        let check = |place: Option<[i32; 4]>, frame: Option<[u32; 2]>, want: Option<u32>| {
            let body = br#"{"plateASCII": "7ABC128", "plateConfidence": 0.9, "carState": "new"}"#;
            let document = Document { content_type: "", body };
            let mut seen = Adapter::Axis.read(&document).unwrap().seen.remove(0);
            (seen.plate_box, seen.frame_size) = (place, frame);
            (seen.vehicle_picture, seen.plate_picture) = (jpeg(), Jpeg::new(noisy(60, 20)));
            without_glass(&mut seen);
            let vehicle = seen.vehicle_picture.as_ref();
            let shown =
                vehicle.map(|jpeg| Picture::decode(jpeg.bytes()).unwrap().rgb().into_owned());
            assert_eq!(shown.as_ref().map(RgbImage::width), want, "{place:?} {frame:?}");
            // High above the plate nothing can be made out any more.
            let at = |picture: &RgbImage, x: u32| i32::from(picture.get_pixel(x, 2)[0]);
            let steps =
                |picture: &RgbImage| (1..60).map(|x| at(picture, x) - at(picture, x - 1)).max();
            assert!(shown.as_ref().and_then(steps).is_none_or(|step| step < 40));
            assert!(picture(&seen).is_some(), "the plate at least");
        };
        let place = Some([300, 250, 60, 15]);
        // 2.4 widths of the plate on both sides.
        check(place, None, Some(348));
        check(place, Some([640, 360]), Some(348));
        check(place, Some([1920, 1080]), None);
        check(None, Some([640, 360]), None);
        check(Some([600, 250, 60, 15]), None, None);
        check(Some([-1, 250, 60, 15]), None, None);
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
