//! The picture of a vehicle that goes with its read: the car around the plate, and who sits in it not.
//!
//! People compare a hit's colour, make and shape with it, so it shows the car from the bumper to the
//! bonnet or boot lid. What lies above that is glass and the people behind it, and whoever stands beside
//! the car: it is coarsened until no face can be made out. Where that begins follows from the plate
//! alone: a plate's width is known (52 cm in Europe, 31 cm in North America), and a windscreen begins 60 cm
//! or more above a front plate. A rear window can begin 20 cm above a rear one: of a car that is not known to
//! come nearer all above that is coarse. A rule of geometry misses nobody for being dark or small; what it
//! costs is that the roof cannot be seen either.

use crate::picture::{Picture, jpeg_of};
use crate::warp::{Quad, bounds, centre, height, width};
use base::{Error, Result};
use image::RgbImage;

/// What is around the plate, in its widths: left and right, above, below.
const AROUND: [f32; 3] = [2.4, 3.2, 1.0];
/// The picture is at most so wide.
const WIDE: u32 = 640;
const QUALITY: u8 = 78;
/// Nothing lower than this above the middle of a front plate is glass, in metres; and of a rear one.
const GLASS_M: [f32; 2] = [0.62, 0.18];
/// A face in the picture is 16 cm wide; of so many metres is one block.
const BLOCK_M: f32 = 0.12;

/// How a vehicle's picture is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VehiclePicture {
    /// Leave windscreens and faces as they are; only where the city's rule says so.
    pub clear: bool,
    /// The car is known to come nearer: its plate is the one in front.
    pub toward: bool,
}

/// A picture for people, and where the plate is in it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// JPEG.
    pub jpeg: Vec<u8>,
    /// The plate's corners in it.
    pub corners: Quad,
}

impl Picture {
    /// The vehicle around a plate, at most 640 pixels wide.
    pub fn vehicle(&self, corners: &Quad, how: VehiclePicture) -> Result<Shown> {
        let [x0, y0, x1, y1] = bounds(corners);
        let wide = width(corners).max(x1 - x0).max(8.0);
        // Of a plate seen from the side its height tells more than its width.
        let wide = wide.max(1.5 * height(corners));
        let [side, above, below] = AROUND.map(|a| a * wide);
        let (w, h) = (self.width() as f32, self.height() as f32);
        let left = (x0 - side).clamp(0.0, w) as u32;
        let top = (y0 - above).clamp(0.0, h) as u32;
        let right = (x1 + side).clamp(0.0, w).ceil() as u32;
        let bottom = (y1 + below).clamp(0.0, h).ceil() as u32;
        if right <= left + 1 || bottom <= top + 1 {
            return Err(Error::invalid("The plate lies outside the picture."));
        }
        let mut cut = self.rgb_part([left, top, right - left, bottom - top]);
        if !how.clear {
            let edge = (glass_above(corners, how.toward) - top as f32).max(0.0) as u32;
            coarsen(&mut cut, edge, (BLOCK_M * metre(corners)).clamp(8.0, 160.0) as u32);
        }
        let by = (WIDE as f32 / cut.width() as f32).min(1.0);
        if by < 1.0 {
            let high = ((cut.height() as f32 * by).round() as u32).max(1);
            cut = image::imageops::resize(&cut, WIDE, high, image::imageops::FilterType::Triangle);
        }
        let moved = corners.map(|p| [(p[0] - left as f32) * by, (p[1] - top as f32) * by]);
        Ok(Shown { jpeg: jpeg_of(&cut, QUALITY)?, corners: moved })
    }
}

/// The row of the picture above which everything is coarse.
fn glass_above(corners: &Quad, toward: bool) -> f32 {
    let [front, rear] = GLASS_M;
    centre(corners)[1] - if toward { front } else { rear } * metre(corners)
}

/// Pixels a metre at the plate: by the shape it has, since both kinds differ in that.
fn metre(corners: &Quad) -> f32 {
    let (w, h) = (width(corners).max(1.0), height(corners).max(1.0));
    // Europe's are 52 x 11 cm, America's 31 x 15; what is between is taken for the larger scale, which
    // begins the coarse part lower.
    if w / h > 3.2 { w / 0.52 } else { w / 0.31 }
}

/// Averages blocks of `block` pixels in the rows above `edge`.
fn coarsen(picture: &mut RgbImage, edge: u32, block: u32) {
    let (width, edge) = (picture.width(), edge.min(picture.height()));
    for top in (0..edge).step_by(block as usize) {
        for left in (0..width).step_by(block as usize) {
            let (right, bottom) = ((left + block).min(width), (top + block).min(edge));
            let mut sum = [0u64; 3];
            for y in top..bottom {
                for x in left..right {
                    let pixel = picture.get_pixel(x, y);
                    (0..3).for_each(|k| sum[k] += u64::from(pixel[k]));
                }
            }
            let count = u64::from((right - left) * (bottom - top)).max(1);
            let mean = image::Rgb(sum.map(|s| (s / count) as u8));
            for y in top..bottom {
                for x in left..right {
                    picture.put_pixel(x, y, mean);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A European plate of `w` pixels in the middle of a picture of stripes, two pixels each.
    fn stripes(w: f32) -> (Picture, Quad) {
        let grey = (0..1280 * 720).map(|i| if i % 4 < 2 { 40 } else { 220 }).collect();
        let (x, y, h) = (640.0 - w / 2.0, 500.0, w * 0.21);
        let quad = [[x, y], [x + w, y], [x + w, y + h], [x, y + h]];
        (Picture::from_grey(1280, 720, grey).unwrap(), quad)
    }

    /// The largest step between neighbours of a row.
    fn contrast(picture: &RgbImage, row: u32) -> u8 {
        let at = |x: u32| picture.get_pixel(x, row)[0];
        (1..picture.width()).map(|x| at(x).abs_diff(at(x - 1))).max().unwrap()
    }

    #[test]
    fn glass_is_coarse_and_the_bonnet_is_not() {
        for w in [60.0, 100.0] {
            let (picture, quad) = stripes(w);
            let shown =
                picture.vehicle(&quad, VehiclePicture { clear: false, toward: true }).unwrap();
            let seen = Picture::decode(&shown.jpeg).unwrap().rgb().into_owned();
            let plate = shown.corners[0][1];
            let scale = (shown.corners[1][0] - shown.corners[0][0]) / 0.52;
            let row = |metres: f32| (plate - metres * scale) as u32;
            assert!(contrast(&seen, row(0.8)) < 30, "{w}: a windscreen");
            assert!(contrast(&seen, row(1.2)) < 30, "{w}: a face");
            assert!(contrast(&seen, row(0.3)) > 90, "{w}: a bonnet");
            assert!(contrast(&seen, plate as u32) > 90, "{w}: a plate");
            let away = picture.vehicle(&quad, VehiclePicture { clear: false, toward: false });
            let seen_away = Picture::decode(&away.unwrap().jpeg).unwrap().rgb().into_owned();
            assert!(contrast(&seen_away, row(0.3)) < 30, "{w}: a rear window");
            assert!(contrast(&seen_away, plate as u32) > 90, "{w}: a plate");
            let clear =
                picture.vehicle(&quad, VehiclePicture { clear: true, toward: true }).unwrap();
            let seen = Picture::decode(&clear.jpeg).unwrap().rgb().into_owned();
            assert!(contrast(&seen, row(1.2)) > 90, "{w}: as the rule says");
        }
    }

    /// The area of a polygon that lies above a row, by rows of a quarter of a pixel.
    fn area_above(quad: &Quad, row: f32) -> f32 {
        let [_, top, _, bottom] = bounds(quad);
        let wide = |y: f32| {
            let cross = (0..4).filter_map(|i| {
                let ([ax, ay], [bx, by]) = (quad[i], quad[(i + 1) % 4]);
                ((ay <= y) != (by <= y)).then(|| ax + (bx - ax) * (y - ay) / (by - ay))
            });
            let (low, high) = cross.fold((f32::MAX, f32::MIN), |(l, h), x| (l.min(x), h.max(x)));
            (high - low).max(0.0)
        };
        let rows = ((bottom.min(row) - top).max(0.0) * 4.0) as u32;
        (0..rows).map(|i| wide(top + (i as f32 + 0.5) / 4.0) / 4.0).sum()
    }

    /// Cars of every body, driving towards the camera and away: how much of the glass at that end is coarse,
    /// where a read is likely to be made.
    #[test]
    fn the_glass_of_rendered_cars_is_coarse() {
        use testkit::street::{Body, Car, Light, Scenario, Street};
        for body in [Body::Sedan, Body::Suv, Body::Van] {
            for toward in [true, false] {
                let car = Car {
                    plate: "7ABC128".into(),
                    state: "us-ca".into(),
                    lane: 0,
                    start_s: 0.0,
                    speed: 8.0,
                    toward,
                    body,
                };
                let scenario = Scenario { fps: 5.0, ..Scenario::empty(8.0, Light::Day, 3) };
                let street = Street::new(scenario.with(car));
                let (mut all, mut coarse, mut looks) = (0.0, 0.0, 0);
                for frame in 0..street.frames() {
                    let plates = street.plates(frame);
                    let Some(plate) = plates.iter().find(|p| p.width >= 60.0) else { continue };
                    let Some(glass) = street.glass(frame, plate.car) else { continue };
                    looks += 1;
                    all += area_above(&glass, f32::MAX);
                    coarse += area_above(&glass, glass_above(&plate.corners, toward));
                }
                let share = coarse / all;
                println!("{body:?} toward {toward}: {share:.3} of the glass, {looks} looks");
                assert!(looks > 3 && share > 0.95, "{body:?} toward {toward}: {share}");
            }
        }
    }

    #[test]
    fn it_fits_at_every_edge() {
        let picture = Picture::from_grey(320, 240, vec![90; 320 * 240]).unwrap();
        for (x, y) in [(0.0, 0.0), (300.0, 0.0), (0.0, 235.0), (310.0, 236.0)] {
            let quad = [[x, y], [x + 20.0, y], [x + 20.0, y + 6.0], [x, y + 6.0]];
            let how = VehiclePicture { clear: false, toward: false };
            let shown = picture.vehicle(&quad, how).unwrap();
            assert!(Picture::decode(&shown.jpeg).unwrap().width() <= 640);
        }
        let outside = [[900.0, 900.0], [950.0, 900.0], [950.0, 920.0], [900.0, 920.0]];
        let how = VehiclePicture { clear: false, toward: false };
        assert!(picture.vehicle(&outside, how).is_err());
    }
}
