//! From how far aside a plate is seen, by its shape alone.

use crate::reader::Plate;
use crate::warp::Quad;

/// A region that is less sure than this says nothing of a plate's size.
const SURE: f32 = 0.5;

/// Width over height of one-line plates: North America 12 by 6 inches, Brazil 400 by 130 mm, Europe 520 by
/// 110 mm. Two-line plates come in too many shapes, but for North America's, which have one.
fn shape(region: &str, lines: u8) -> Option<f32> {
    match region {
        r if r.starts_with("us-") => Some(2.0),
        _ if lines != 1 => None,
        "br" => Some(400.0 / 130.0),
        _ => Some(520.0 / 110.0),
    }
}

impl Plate {
    /// The angle between where the plate faces and where the camera is, in degrees: 0 from the front, 60
    /// where it is seen half as wide as it is. `None` where its region, and with it its shape, is not known.
    pub fn angle(&self) -> Option<f32> {
        let region = self.region.as_ref().filter(|r| r.confidence >= SURE)?;
        seen_from(&self.corners, shape(&region.code, self.lines)?)
    }
}

/// The same of a rectangle `shape` times as wide as high. Far away against its size a plate is seen by
/// a scaled orthographic projection, so the ratio of the singular values of the map from plate to picture is
/// the cosine of the angle.
fn seen_from(q: &Quad, shape: f32) -> Option<f32> {
    let mean = |a: [usize; 2], b: [usize; 2], by: f32| {
        [0, 1].map(|k| ((q[a[1]][k] - q[a[0]][k]) + (q[b[1]][k] - q[b[0]][k])) / (2.0 * by))
    };
    let (u, v) = (mean([0, 1], [3, 2], shape), mean([0, 3], [1, 2], 1.0));
    let squares = u.iter().chain(&v).map(|x| x * x).sum::<f32>();
    let area = (u[0] * v[1] - u[1] * v[0]).abs();
    let apart = (squares * squares - 4.0 * area * area).max(0.0).sqrt();
    let ratio = ((squares - apart) / (squares + apart)).sqrt();
    ratio.is_finite().then(|| ratio.clamp(0.0, 1.0).acos().to_degrees())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plate of 2 by 1 turned by these degrees, seen through a lens from so many plate widths away.
    fn seen(pan: f32, tilt: f32, roll: f32, away: f32) -> Quad {
        let [pan, tilt, roll] = [pan, tilt, roll].map(f32::to_radians);
        [[-1.0, -0.5], [1.0, -0.5], [1.0, 0.5], [-1.0, 0.5]].map(|[x, y]: [f32; 2]| {
            let (x, y) = (x * roll.cos() - y * roll.sin(), x * roll.sin() + y * roll.cos());
            let (x, z) = (x * pan.cos(), x * pan.sin());
            let (y, z) = (y * tilt.cos() - z * tilt.sin(), y * tilt.sin() + z * tilt.cos());
            let scale = 60.0 * 2.0 * away / (2.0 * away + z);
            [640.0 + x * scale, 360.0 + y * scale]
        })
    }

    #[test]
    fn the_angle_of_a_turned_plate() {
        let check = |pan: f32, tilt: f32, roll: f32, want: f32| {
            let got = seen_from(&seen(pan, tilt, roll, 30.0), 2.0).unwrap();
            assert!((got - want).abs() < 2.0, "{pan} {tilt} {roll}: {got}, not {want}");
        };
        check(0.0, 0.0, 0.0, 0.0);
        check(0.0, 0.0, 20.0, 0.0);
        check(30.0, 0.0, 0.0, 30.0);
        check(0.0, 25.0, 0.0, 25.0);
        check(-60.0, 0.0, 5.0, 60.0);
        // cos 30 * cos 30 = cos 41.4.
        check(30.0, 30.0, 0.0, 41.4);
        check(30.0, -30.0, 10.0, 41.4);
    }

    #[test]
    fn a_shape_is_known_or_nothing_is_said() {
        for (region, lines, want) in [
            ("us-ca", 1, Some(2.0)),
            ("us-ny", 2, Some(2.0)),
            ("br", 1, Some(3.077)),
            ("de", 1, Some(4.727)),
            ("br", 2, None),
            ("de", 2, None),
        ] {
            let got = shape(region, lines).map(|s| (s * 1000.0).round() / 1000.0);
            assert_eq!(got, want, "{region} {lines}");
        }
        assert_eq!(seen_from(&[[5.0, 5.0]; 4], 2.0), None);
    }
}
