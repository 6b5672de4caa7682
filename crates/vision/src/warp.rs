//! Four corners, and the flat cut between them.

use crate::scale::scale;

/// Corners of a plate in pixels: top left, top right, bottom right, bottom left.
pub type Quad = [[f32; 2]; 4];

/// A grey plane, row by row.
pub(crate) struct Plane<'a> {
    pub width: usize,
    pub height: usize,
    pub pixels: &'a [u8],
}

/// The upright box around a quad: left, top, right, bottom.
pub(crate) fn bounds(q: &Quad) -> [f32; 4] {
    let x = q.map(|p| p[0]);
    let y = q.map(|p| p[1]);
    let low = |v: [f32; 4]| v.into_iter().fold(f32::INFINITY, f32::min);
    let high = |v: [f32; 4]| v.into_iter().fold(f32::NEG_INFINITY, f32::max);
    [low(x), low(y), high(x), high(y)]
}

/// Overlap of the upright boxes of two quads: intersection over union.
pub(crate) fn overlap(a: &Quad, b: &Quad) -> f32 {
    let (a, b) = (bounds(a), bounds(b));
    let w = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let h = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let area = |r: [f32; 4]| (r[2] - r[0]) * (r[3] - r[1]);
    w * h / (area(a) + area(b) - w * h).max(1e-6)
}

/// Middle of the four corners.
pub fn centre(q: &Quad) -> [f32; 2] {
    [q.iter().map(|p| p[0]).sum::<f32>() / 4.0, q.iter().map(|p| p[1]).sum::<f32>() / 4.0]
}

/// Length of the upper side.
pub fn width(q: &Quad) -> f32 {
    (q[1][0] - q[0][0]).hypot(q[1][1] - q[0][1])
}

/// Length of the left side.
pub(crate) fn height(q: &Quad) -> f32 {
    (q[3][0] - q[0][0]).hypot(q[3][1] - q[0][1])
}

/// The part of a quad between two shares of its height, from above.
pub(crate) fn between(q: &Quad, low: f32, high: f32) -> Quad {
    let down = |a: [f32; 2], b: [f32; 2], t: f32| [0, 1].map(|k| a[k] + (b[k] - a[k]) * t);
    [down(q[0], q[3], low), down(q[1], q[2], low), down(q[1], q[2], high), down(q[0], q[3], high)]
}

/// Mean step between neighbours along the rows of a normalised cut.
pub(crate) fn sharpness(cut: &[f32], width: usize) -> f32 {
    let steps = cut.chunks_exact(width).flat_map(|row| row.windows(2).map(|w| (w[1] - w[0]).abs()));
    let (sum, n) = steps.fold((0.0f32, 0u32), |(sum, n), step| (sum + step, n + 1));
    sum / n.max(1) as f32
}

/// The quad with each corner moved outwards by `margin` of the sides that meet there.
pub(crate) fn grow(q: &Quad, margin: f32) -> Quad {
    let out = |at: [f32; 2], next: [f32; 2], last: [f32; 2]| {
        [0, 1].map(|k| at[k] + margin * (at[k] - next[k]) + margin * (at[k] - last[k]))
    };
    [out(q[0], q[1], q[3]), out(q[1], q[0], q[2]), out(q[2], q[3], q[1]), out(q[3], q[2], q[0])]
}

/// The projective map that takes a `w` x `h` rectangle to the quad: eight coefficients, row by row,
/// the ninth being one. `None` where the quad is degenerate. Heckbert's closed form, 1989.
fn projection(q: &Quad, w: f32, h: f32) -> Option<[f32; 8]> {
    let [p0, p1, p2, p3] = q;
    let s = [p0[0] - p1[0] + p2[0] - p3[0], p0[1] - p1[1] + p2[1] - p3[1]];
    let d1 = [p1[0] - p2[0], p1[1] - p2[1]];
    let d2 = [p3[0] - p2[0], p3[1] - p2[1]];
    let det = d1[0] * d2[1] - d2[0] * d1[1];
    if det.abs() < 1e-3 || !det.is_finite() {
        return None;
    }
    let g = (s[0] * d2[1] - d2[0] * s[1]) / det;
    let k = (d1[0] * s[1] - s[0] * d1[1]) / det;
    let a = p1[0] - p0[0] + g * p1[0];
    let b = p3[0] - p0[0] + k * p3[0];
    let d = p1[1] - p0[1] + g * p1[1];
    let e = p3[1] - p0[1] + k * p3[1];
    Some([a / w, b / h, p0[0], d / w, e / h, p0[1], g / w, k / h])
}

/// A corner that is moved further than this, in sides of its plate, was not seen.
const FURTHEST: f32 = 0.6;

/// The quad with its corners moved by `shift`: x and y for each of them, told in the quad's own square
/// (0, 0 to 1, 1). The quad as it is where that leads nowhere.
pub(crate) fn moved(q: &Quad, shift: &[f32]) -> Quad {
    let sound = shift.len() == 8 && shift.iter().all(|v| v.abs() <= FURTHEST);
    let (true, Some(m)) = (sound, projection(q, 1.0, 1.0)) else { return *q };
    let square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
    let mut out = *q;
    for ((corner, [u, v]), by) in out.iter_mut().zip(square).zip(shift.chunks_exact(2)) {
        let (u, v): (f32, f32) = (u + by[0], v + by[1]);
        let z = m[6] * u + m[7] * v + 1.0;
        *corner = [(m[0] * u + m[1] * v + m[2]) / z, (m[3] * u + m[4] * v + m[5]) / z];
    }
    // A quad that is nearly a triangle has its horizon close by.
    let near = bounds(&grow(q, 2.0 * FURTHEST));
    let inside =
        |[x, y]: &[f32; 2]| *x >= near[0] && *x <= near[2] && *y >= near[1] && *y <= near[3];
    if out.iter().all(inside) { out } else { *q }
}

/// The part of `plane` inside the quad as `w` x `h` pixels. Where the plate is more than twice as
/// wide as the cut it is shrunk by area first; beyond the picture its edge is repeated.
pub(crate) fn rectify(plane: &Plane, q: &Quad, w: usize, h: usize) -> Option<Vec<f32>> {
    if !q.iter().flatten().all(|v| v.is_finite() && v.abs() < 1e6) {
        return None;
    }
    let size = 1.5 * w as f32 / width(q).max(1.0);
    if size < 0.75 {
        let (small, moved) = shrunk(plane, q, size)?;
        return sample(&small.plane(), &moved, w, h);
    }
    sample(plane, q, w, h)
}

/// Grey pixels that are owned.
struct Owned {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Owned {
    fn plane(&self) -> Plane<'_> {
        Plane { width: self.width, height: self.height, pixels: &self.pixels }
    }
}

/// The neighbourhood of the quad `size` times as large, averaged by area, and the quad in it.
/// `None` where the quad lies outside the picture.
fn shrunk(plane: &Plane, q: &Quad, size: f32) -> Option<(Owned, Quad)> {
    let [x0, y0, x1, y1] = bounds(q);
    let within = |v: f32, most: usize| v.clamp(0.0, most as f32) as usize;
    let (left, top) = (within(x0 - 8.0, plane.width), within(y0 - 8.0, plane.height));
    let right = within((x1 + 8.0).ceil(), plane.width);
    let bottom = within((y1 + 8.0).ceil(), plane.height);
    if right <= left || bottom <= top {
        return None;
    }
    let side = |n: usize| ((n as f32 * size).round() as usize).max(1);
    let (width, height) = (side(right - left), side(bottom - top));
    let part = [left, top, right - left, bottom - top];
    let pixels = scale(plane, part, width, height);
    let at = [left as f32, top as f32];
    // The sides were rounded to whole pixels: the exact scale of each differs a little.
    let by = [width as f32 / part[2] as f32, height as f32 / part[3] as f32];
    let moved = q.map(|p| [(p[0] - at[0]) * by[0], (p[1] - at[1]) * by[1]]);
    Some((Owned { width, height, pixels }, moved))
}

/// Bilinear samples of the quad. Pixel centres lie at whole coordinates, as the training code has it.
fn sample(plane: &Plane, q: &Quad, w: usize, h: usize) -> Option<Vec<f32>> {
    let m = projection(q, w as f32, h as f32)?;
    let (most_x, most_y) = ((plane.width - 1) as f32, (plane.height - 1) as f32);
    let mut out = Vec::with_capacity(w * h);
    // Where a row's samples lie is worked out for all of them, several at once; the pixels come after.
    let mut places = vec![[0f32; 2]; w];
    for v in 0..h {
        let v = v as f32;
        let mut sound = true;
        for (u, place) in places.iter_mut().enumerate() {
            let u = u as f32;
            let z = m[6] * u + m[7] * v + 1.0;
            let x = ((m[0] * u + m[1] * v + m[2]) / z).clamp(0.0, most_x);
            let y = ((m[3] * u + m[4] * v + m[5]) / z).clamp(0.0, most_y);
            sound &= x.is_finite() & y.is_finite();
            *place = [x, y];
        }
        if !sound {
            return None;
        }
        for [x, y] in &places {
            let (xi, yi) = (*x as u32 as usize, *y as u32 as usize);
            let (xf, yf) = (x - xi as f32, y - yi as f32);
            let here = yi * plane.width + xi;
            let right = usize::from(xi + 1 < plane.width);
            let below = if yi + 1 < plane.height { here + plane.width } else { here };
            let at = |i: usize| f32::from(plane.pixels[i]);
            let top = at(here) * (1.0 - xf) + at(here + right) * xf;
            let low = at(below) * (1.0 - xf) + at(below + right) * xf;
            out.push(top * (1.0 - yf) + low * yf);
        }
    }
    Some(out)
}

/// (x - mean) / max(deviation, 8/255) of grey values 0..255: what the recogniser takes.
pub(crate) fn normalise(crop: &mut [f32]) {
    let n = crop.len() as f32;
    let mean = crop.iter().sum::<f32>() / n;
    let spread = (crop.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / n).sqrt();
    let scale = 1.0 / spread.max(8.0);
    for v in crop {
        *v = (*v - mean) * scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ramp(w: usize, h: usize) -> Vec<u8> {
        (0..h).flat_map(|y| (0..w).map(move |x| (x + 2 * y) as u8)).collect()
    }

    #[test]
    fn an_upright_quad_is_a_cut() {
        let pixels = ramp(60, 40);
        let plane = Plane { width: 60, height: 40, pixels: &pixels };
        let q = [[10.0, 5.0], [30.0, 5.0], [30.0, 15.0], [10.0, 15.0]];
        let cut = rectify(&plane, &q, 20, 10).unwrap();
        for y in 0..10 {
            for x in 0..20 {
                let want = ((10 + x) + 2 * (5 + y)) as f32;
                assert!((cut[y * 20 + x] - want).abs() < 0.01, "{x} {y}");
            }
        }
    }

    #[test]
    fn growing_keeps_the_centre() {
        let q = [[10.0, 5.0], [30.0, 8.0], [31.0, 18.0], [9.0, 15.0]];
        let g = grow(&q, 0.1);
        let (a, b) = (centre(&q), centre(&g));
        assert!((a[0] - b[0]).abs() < 0.2 && (a[1] - b[1]).abs() < 0.2);
        assert!(width(&g) > width(&q) * 1.15);
    }

    #[test]
    fn corners_move_in_the_plates_own_square() {
        let check = |q: Quad, shift: &[f32], want: Quad| {
            let got = moved(&q, shift);
            let off =
                got.as_flattened().iter().zip(want.as_flattened()).map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f32::max) < 0.01, "{shift:?}: {got:?}");
        };
        let upright = [[10.0, 5.0], [30.0, 5.0], [30.0, 15.0], [10.0, 15.0]];
        let shift = [-0.1, 0.2, 0.0, 0.0, 0.05, -0.1, 0.0, 0.0];
        check(upright, &shift, [[8.0, 7.0], [30.0, 5.0], [31.0, 14.0], [10.0, 15.0]]);
        let tilted = [[10.0, 5.0], [30.0, 9.0], [29.0, 19.0], [9.0, 15.0]];
        check(tilted, &[0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], {
            [[19.5, 12.0], tilted[1], tilted[2], tilted[3]]
        });
        let stay: [&[f32]; 4] = [&[0.0; 8], &[0.7; 8], &[f32::NAN; 8], &[0.1; 6]];
        stay.iter().for_each(|shift| check(upright, shift, upright));
        let line = [[10.0, 5.0], [20.0, 5.0], [30.0, 5.0], [40.0, 5.0]];
        check(line, &[0.1; 8], line);
    }

    #[test]
    fn a_large_plate_is_averaged_not_picked() {
        // Stripes one pixel wide must become grey, not black or white.
        let pixels: Vec<u8> =
            (0..900 * 300).map(|i| if (i % 900) % 2 == 0 { 0 } else { 255 }).collect();
        let plane = Plane { width: 900, height: 300, pixels: &pixels };
        let q = [[20.0, 20.0], [880.0, 20.0], [880.0, 280.0], [20.0, 280.0]];
        let cut = rectify(&plane, &q, 144, 48).unwrap();
        assert!(cut.iter().all(|v| (90.0..170.0).contains(v)));
    }

    proptest! {
        #[test]
        fn moved_corners_stay_near(
            q in proptest::array::uniform4(proptest::array::uniform2(-500f32..2500.0)),
            shift in proptest::collection::vec(-0.7f32..0.7, 8),
        ) {
            let near = bounds(&grow(&q, 1.3));
            let got = bounds(&moved(&q, &shift));
            prop_assert!(got[0] >= near[0] && got[1] >= near[1] && got[2] <= near[2] && got[3] <= near[3]);
        }

        #[test]
        fn any_quad_is_cut_or_refused(q in proptest::array::uniform4(proptest::array::uniform2(-500f32..2500.0))) {
            let pixels = ramp(64, 48);
            let plane = Plane { width: 64, height: 48, pixels: &pixels };
            if let Some(cut) = rectify(&plane, &q, 36, 12) {
                prop_assert_eq!(cut.len(), 36 * 12);
                prop_assert!(cut.iter().all(|v| (0.0..=255.0).contains(v)));
            }
        }

        #[test]
        fn overlap_is_a_share(q in proptest::array::uniform4(proptest::array::uniform2(0f32..100.0))) {
            let o = overlap(&q, &q);
            prop_assert!((0.0..=1.001).contains(&o));
        }
    }
}
