//! Finding plates: the picture at the detector's size, and the peaks of its answer.

use crate::engine::Tensor;
use crate::picture::Picture;
use crate::warp::{Quad, bounds, overlap};
use base::{Error, Result};
use fast_image_resize as fir;

/// Two candidates that overlap more than this are one plate.
const SAME: f32 = 0.35;
/// The most candidates of a picture that are looked at.
const MOST: usize = 40;

/// A place where a plate may be.
pub(crate) struct Candidate {
    /// Corners in the picture's pixels.
    pub quad: Quad,
}

/// The picture as the detector takes it: own aspect, about `area` pixels, sides multiples of 32.
pub(crate) fn input(picture: &Picture, area: f32) -> Result<Tensor> {
    let (w, h) = (picture.width() as f32, picture.height() as f32);
    let scale = (area / (w * h)).sqrt().min(1.5);
    let side = |s: f32| ((s * scale / 32.0).round() as usize).max(1) * 32;
    let (nw, nh) = (side(w), side(h));
    let broken = |e: Box<dyn std::error::Error + Send + Sync>| {
        Error::internal("The picture cannot be scaled.").because(e)
    };
    // The typed call: the untyped one would instantiate every pixel type of the library here.
    let from = fir::images::TypedImageRef::<fir::pixels::U8>::from_buffer(
        picture.width() as u32,
        picture.height() as u32,
        picture.grey(),
    )
    .map_err(|e| broken(e.into()))?;
    let mut to = fir::images::TypedImage::<fir::pixels::U8>::new(nw as u32, nh as u32);
    // Area averaging when shrinking, as in training; plain bilinear when growing.
    let filter = if scale < 1.0 { fir::FilterType::Box } else { fir::FilterType::Bilinear };
    let options = fir::ResizeOptions::new().resize_alg(fir::ResizeAlg::Convolution(filter));
    fir::Resizer::new().resize_typed(&from, &mut to, &options).map_err(|e| broken(e.into()))?;
    let data = to.pixels().iter().map(|v| f32::from(v.0) / 255.0).collect();
    Ok(Tensor { shape: vec![1, 1, nh, nw], data })
}

/// The peaks of `heat` above `threshold`, best first, as corners in the picture's pixels.
pub(crate) fn peaks(
    heat: &Tensor,
    corners: &Tensor,
    threshold: f32,
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
    let mut tops: Vec<(f32, usize, usize)> = (0..rows)
        .flat_map(|y| (0..cols).map(move |x| (x, y)))
        .filter(|&(x, y)| at(x, y) >= threshold && highest_near(x, y))
        .map(|(x, y)| (at(x, y), x, y))
        .collect();
    tops.sort_by(|a, b| b.0.total_cmp(&a.0));
    let scale = [picture.0 as f32 / (cols * 8) as f32, picture.1 as f32 / (rows * 8) as f32];
    let mut out: Vec<Candidate> = Vec::new();
    for (_, x, y) in tops {
        let mut quad: Quad = [[0.0; 2]; 4];
        for (k, value) in quad.as_flattened_mut().iter_mut().enumerate() {
            let offset = corners.data[(k * rows + y) * cols + x];
            let cell = if k % 2 == 0 { x } else { y };
            *value = ((cell as f32 + 0.5) + offset) * 8.0 * scale[k % 2];
        }
        let [x0, y0, x1, y1] = bounds(&quad);
        let sized = (x1 - x0) >= 4.0 && (y1 - y0) >= 3.0;
        if sized && out.iter().all(|c| overlap(&c.quad, &quad) < SAME) {
            out.push(Candidate { quad });
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
        let found = peaks(&heat, &corners, 0.3, (cols * 16, rows * 16)).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].quad, [[24.0, 32.0], [88.0, 32.0], [88.0, 48.0], [24.0, 48.0]]);
    }

    #[test]
    fn sizes_follow_the_picture() {
        let check = |w: usize, h: usize, want: [usize; 4]| {
            let picture = Picture::from_grey(w, h, vec![7; w * h]).unwrap();
            assert_eq!(input(&picture, 344_064.0).unwrap().shape, want, "{w} x {h}");
        };
        check(1280, 720, [1, 1, 448, 768]);
        check(640, 480, [1, 1, 512, 672]);
        check(100, 60, [1, 1, 96, 160]); // never more than 1.5 times as large
        check(4000, 16, [1, 1, 32, 6016]);
    }
}
