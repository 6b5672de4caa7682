//! Finding plates: the picture at the detector's size, and the peaks of its answer.

use crate::engine::Tensor;
use crate::picture::Picture;
use crate::scale::scale;
use crate::warp::{Quad, bounds, overlap};
use base::{Error, Result};

/// Two candidates that overlap more than this are one plate.
const SAME: f32 = 0.35;
/// The most candidates of a picture that are looked at.
const MOST: usize = 40;

/// The grey value, of 0 to 1, that the network takes for none: taken off here, it costs no pass over the picture.
const MIDDLE: f32 = 0.45;
/// No picture is made larger than so many times for the detector.
const ENLARGED: f32 = 1.5;

/// A place where a plate may be.
pub(crate) struct Candidate {
    /// Corners in the picture's pixels.
    pub quad: Quad,
    /// How sure the detector is of it, 0 to 1.
    pub heat: f32,
}

/// The picture as the detector takes it: own aspect, about `area` pixels, sides multiples of 32.
pub(crate) fn input(picture: &Picture, area: f32) -> Tensor {
    let (w, h) = (picture.width() as f32, picture.height() as f32);
    let factor = (area / (w * h)).sqrt().min(ENLARGED);
    let side = |s: f32| ((s * factor / 32.0).round_ties_even() as usize).max(1) * 32;
    let (nw, nh) = (side(w), side(h));
    let plane = picture.plane();
    let small = scale(&plane, [0, 0, plane.width, plane.height], nw, nh);
    let data = small.into_iter().map(|v| f32::from(v) / 255.0 - MIDDLE).collect();
    Tensor { shape: vec![1, 1, nh, nw], data }
}

/// Whether the picture is smaller with `area` pixels than with many more: a small one is enlarged as far as it may be for both.
pub(crate) fn shrinks(picture: &Picture, area: f32) -> bool {
    area < ENLARGED * ENLARGED * (picture.width() * picture.height()) as f32
}

/// The peaks of `heat` above the lower of the thresholds, best first, as corners in the picture's pixels.
pub(crate) fn peaks(
    heat: &Tensor,
    corners: &Tensor,
    part: &models::Detector,
    picture: (usize, usize),
) -> Result<Vec<Candidate>> {
    let (&[1, 1, rows, cols], &[1, 8, r2, c2]) = (&heat.shape[..], &corners.shape[..]) else {
        return Err(Error::internal("The detector's answer has an unknown shape."));
    };
    if (rows, cols) != (r2, c2) {
        return Err(Error::internal("The detector's answers differ in size."));
    }
    let at = |x: usize, y: usize| heat.data[y * cols + x];
    let highest_near = |x: usize, y: usize| {
        let (xs, ys) = (
            x.saturating_sub(1)..=(x + 1).min(cols - 1),
            y.saturating_sub(1)..=(y + 1).min(rows - 1),
        );
        ys.flat_map(|y| xs.clone().map(move |x| (x, y))).all(|(i, j)| at(i, j) <= at(x, y))
    };
    let least = part.heat_threshold.min(part.faint_threshold);
    let mut tops: Vec<(f32, usize, usize)> = (0..rows)
        .flat_map(|y| (0..cols).map(move |x| (x, y)))
        .filter(|&(x, y)| at(x, y) >= least && highest_near(x, y))
        .map(|(x, y)| (at(x, y), x, y))
        .collect();
    tops.sort_by(|a, b| b.0.total_cmp(&a.0));
    let stride = part.stride as f32;
    let scale =
        [picture.0 as f32 / (cols as f32 * stride), picture.1 as f32 / (rows as f32 * stride)];
    let mut out: Vec<Candidate> = Vec::new();
    for (heat, x, y) in tops {
        let mut quad: Quad = [[0.0; 2]; 4];
        for (k, value) in quad.as_flattened_mut().iter_mut().enumerate() {
            let offset = corners.data[(k * rows + y) * cols + x];
            let cell = if k % 2 == 0 { x } else { y };
            *value = (cell as f32 + 0.5 + offset) * stride * scale[k % 2];
        }
        let [x0, y0, x1, y1] = bounds(&quad);
        let sized = (x1 - x0) >= 4.0 && (y1 - y0) >= 3.0;
        if sized && out.iter().all(|c| overlap(&c.quad, &quad) < SAME) {
            out.push(Candidate { quad, heat });
        }
        if out.len() == MOST {
            break;
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peak_one_quad() {
        let (rows, cols) = (6, 8);
        let mut heat = Tensor { shape: vec![1, 1, rows, cols], data: vec![0.0; rows * cols] };
        let mut corners =
            Tensor { shape: vec![1, 8, rows, cols], data: vec![0.0; 8 * rows * cols] };
        heat.data[2 * cols + 3] = 0.9;
        heat.data[2 * cols + 4] = 0.6; // beside the peak: the same plate
        for (k, v) in [-2.0, -0.5, 2.0, -0.5, 2.0, 0.5, -2.0, 0.5].into_iter().enumerate() {
            corners.data[(k * rows + 2) * cols + 3] = v;
        }
        let part = models::Detector {
            area: 344_064.0,
            stride: 8,
            heat_threshold: 0.95,
            faint_threshold: 0.3,
            near_area: None,
        };
        let found = peaks(&heat, &corners, &part, (cols * 16, rows * 16)).unwrap();
        assert_eq!((found.len(), found[0].heat), (1, 0.9));
        assert_eq!(found[0].quad, [[24.0, 32.0], [88.0, 32.0], [88.0, 48.0], [24.0, 48.0]]);
    }

    #[test]
    fn a_picture_that_is_small_already_does_not_shrink() {
        let check = |w: usize, h: usize, want: bool| {
            let picture = Picture::from_grey(w, h, vec![7; w * h]).unwrap();
            assert_eq!(shrinks(&picture, 86_016.0), want, "{w} x {h}");
        };
        check(640, 480, true);
        check(200, 200, true);
        check(190, 200, false);
        check(16, 16, false);
    }

    #[test]
    fn sizes_follow_the_picture() {
        let check = |w: usize, h: usize, want: [usize; 4]| {
            let picture = Picture::from_grey(w, h, vec![7; w * h]).unwrap();
            assert_eq!(input(&picture, 344_064.0).shape, want, "{w} x {h}");
        };
        check(1280, 720, [1, 1, 448, 768]);
        check(640, 480, [1, 1, 512, 672]);
        check(100, 60, [1, 1, 96, 160]); // never more than 1.5 times as large
        check(4000, 16, [1, 1, 32, 6016]);
    }
}
