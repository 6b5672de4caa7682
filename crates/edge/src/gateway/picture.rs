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
/// A box and the picture that was cut out there differ by so many pixels at most.
const ROUNDED: i32 = 2;
/// What a person can change where the plate's place is not of the vehicle's picture.
const ELSEWHERE: &str = "A vehicle's picture is not kept: the plate's place is not of that picture; have the device send \
                         the whole frame (Plate Recognizer: webhook_image_type = original).";

/// Leaves of the pictures of a document's results what may be kept: written anew, and of the vehicle and its plate one.
/// Where the lease leaves no windscreen clear, the vehicle is cut out around its plate and made coarse as ours are;
/// where nobody says where in the picture the plate is, the plate's own picture is kept alone. A picture that results
/// share is decoded once. Gives what a person should change, if something.
pub(super) fn keep(seen: &mut [Seen], clear: bool) -> Option<&'static str> {
    let (mut last, mut wrong) = (Decoded::default(), None);
    for seen in seen {
        let whole = seen.vehicle_picture.take();
        let vehicle = match &whole {
            Some(jpeg) if clear => last.anew(jpeg),
            Some(jpeg) => last.open(jpeg).and_then(|picture| {
                let shown = coarse(picture, seen);
                let unknown = seen.plate_box.is_some() && seen.frame_size.is_none();
                wrong = wrong.or((shown.is_none() && unknown).then_some(ELSEWHERE));
                shown.and_then(|shown| Decoded::default().anew(&shown))
            }),
            None => None,
        };
        let plate = seen.plate_picture.take();
        seen.plate_picture = match &vehicle {
            Some(_) => None,
            None => plate.and_then(|jpeg| Decoded::default().anew(&jpeg)),
        };
        seen.vehicle_picture = vehicle;
    }
    wrong
}

/// The picture that was decoded last.
#[derive(Default)]
struct Decoded {
    of: Option<Jpeg>,
    picture: Option<Picture>,
    anew: Option<Jpeg>,
}

impl Decoded {
    fn open(&mut self, jpeg: &Jpeg) -> Option<&Picture> {
        if self.of.as_ref() != Some(jpeg) {
            let picture = Picture::decode(jpeg.bytes()).ok();
            // The colours too: each cut would decode them again.
            let picture = picture.map(|picture| Picture::from_rgb(picture.rgb().into_owned()));
            *self = Self { of: Some(jpeg.clone()), picture, anew: None };
        }
        self.picture.as_ref()
    }

    fn anew(&mut self, jpeg: &Jpeg) -> Option<Jpeg> {
        self.open(jpeg)?;
        if self.anew.is_none() {
            self.anew = self.picture.as_ref().and_then(coded).and_then(Jpeg::new);
        }
        self.anew.clone()
    }
}

fn coarse(picture: &Picture, seen: &Seen) -> Option<Jpeg> {
    let size = [picture.width(), picture.height()].map(|side| i32::try_from(side).ok());
    let place = place_in(seen, [size[0]?, size[1]?])?;
    let how = VehiclePicture { clear: false, toward: seen.direction == Some(Direction::Toward) };
    picture.vehicle(&corners(place), how).ok().and_then(|shown| Jpeg::new(shown.jpeg))
}

/// Where the plate is in the vehicle's picture of this size, as far as that can be told.
fn place_in(seen: &Seen, size: [i32; 2]) -> Option<[i32; 4]> {
    let [x, y, w, h] = seen.plate_box?;
    let within = |[x, y, w, h]: [i32; 4], over: i32| {
        let fits = |from: i32, long: i32, side: i32| {
            from >= -over && long > 0 && from.saturating_add(long) <= side.saturating_add(over)
        };
        fits(x, w, size[0]) && fits(y, h, size[1])
    };
    let is_near = |a: i32, b: i32| a.abs_diff(b) <= ROUNDED.unsigned_abs();
    let corner = match (seen.vehicle_box, seen.frame_size) {
        // The vehicle cut out; the boxes are of the frame that it was cut from.
        (Some([vx, vy, vw, vh]), _) if is_near(vw, size[0]) && is_near(vh, size[1]) => [vx, vy],
        // A part of another frame, or the vehicle cut out in some other way.
        (_, Some(frame)) if frame.map(i64::from) != size.map(i64::from) => return None,
        (Some(vehicle), None) if !within(vehicle, ROUNDED) => return None,
        _ => [0, 0],
    };
    let place = [x.saturating_sub(corner[0]), y.saturating_sub(corner[1]), w, h];
    within(place, 0).then_some(place)
}

/// The corners of a box of left, top, width, height.
pub(super) fn corners(of: [i32; 4]) -> Quad {
    let [x, y, w, h] = of.map(|n| n as f32);
    [[x, y], [x + w, y], [x + w, y + h], [x, y + h]]
}

/// Coded within what the city takes.
fn coded(picture: &Picture) -> Option<Vec<u8>> {
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
        let check = |place: Option<[i32; 4]>,
                     frame: Option<[u32; 2]>,
                     vehicle: Option<[i32; 4]>,
                     want: Option<u32>| {
            let body = br#"{"plateASCII": "7ABC128", "plateConfidence": 0.9, "carState": "new"}"#;
            let document = Document { content_type: "", body };
            let mut seen = Adapter::Axis.read(&document).unwrap().seen.remove(0);
            (seen.plate_box, seen.frame_size, seen.vehicle_box) = (place, frame, vehicle);
            (seen.vehicle_picture, seen.plate_picture) = (jpeg(), Jpeg::new(noisy(60, 20)));
            let said = keep(std::slice::from_mut(&mut seen), false).is_some();
            let lost = want.is_none() && place.is_some() && frame.is_none();
            assert_eq!(said, lost, "{place:?} {vehicle:?}");
            let kept = seen.vehicle_picture.as_ref();
            let shown = kept.map(|jpeg| Picture::decode(jpeg.bytes()).unwrap().rgb().into_owned());
            let width = shown.as_ref().map(RgbImage::width);
            assert_eq!(width, want, "{place:?} {frame:?} {vehicle:?}");
            // High above the plate nothing can be made out any more.
            let at = |picture: &RgbImage, x: u32| i32::from(picture.get_pixel(x, 2)[0]);
            let steps =
                |picture: &RgbImage| (1..60).map(|x| at(picture, x) - at(picture, x - 1)).max();
            assert!(shown.as_ref().and_then(steps).is_none_or(|step| step < 40));
            let kept = (seen.vehicle_picture.is_some(), seen.plate_picture.is_some());
            assert_eq!(kept, (want.is_some(), want.is_none()), "the plate at least");
        };
        let place = Some([300, 250, 60, 15]);
        // 2.4 widths of the plate on both sides.
        check(place, None, None, Some(348));
        check(place, Some([640, 360]), None, Some(348));
        check(place, Some([1920, 1080]), None, None);
        check(None, Some([640, 360]), None, None);
        check(Some([600, 250, 60, 15]), None, None, None);
        check(Some([-1, 250, 60, 15]), None, None, None);
        // The vehicle cut out of the frame that the boxes are of; the frame with the vehicle in it; and neither.
        check(Some([700, 330, 60, 15]), None, Some([400, 80, 641, 359]), Some(348));
        check(Some([403, 330, 60, 15]), None, Some([400, 80, 640, 360]), Some(207));
        check(place, None, Some([200, 100, 300, 200]), Some(348));
        check(place, None, Some([200, 100, 500, 300]), None);
    }

    /// What 64 results share is decoded and written once.
    #[test]
    fn a_shared_picture_is_made_once() {
        let body = br#"{"plateASCII": "7ABC128", "plateConfidence": 0.9, "carState": "new"}"#;
        let document = Document { content_type: "", body };
        let mut one = Adapter::Axis.read(&document).unwrap().seen.remove(0);
        one.vehicle_picture = Jpeg::new(noisy(400, 300));
        let mut all = vec![one; 64];
        assert_eq!(keep(&mut all, true), None);
        let at = |seen: &Seen| seen.vehicle_picture.as_ref().unwrap().bytes().as_ptr();
        assert!(all.iter().all(|seen| at(seen) == at(&all[0])));
    }

    #[test]
    fn pictures_are_written_anew_and_small() {
        let anew = |jpeg: Vec<u8>| Decoded::default().anew(&Jpeg::new(jpeg).unwrap());
        let mut coded = noisy(2000, 1500);
        coded.extend_from_slice(b"something behind it");
        assert!(coded.len() > PICTURE_MAX);
        let out = anew(coded).unwrap();
        assert!(out.bytes().len() <= PICTURE_MAX);
        assert!(!out.bytes().windows(9).any(|w| w == b"something"));
        assert!(anew(vec![0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]).is_none());
    }
}
