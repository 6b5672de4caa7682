//! A grey plane at another size: exact area averages when it shrinks, bilinear when it grows.
//!
//! The networks were trained on pictures made this way. Resizing libraries weigh whole source pixels
//! ("box") or smooth over more than the area (everything else); at 1280 to 768 pixels that drops or
//! doubles every third column, and small plates live from every column.

use crate::warp::Plane;

/// For each target index the first source index and its weights, the same number for all.
struct Axis {
    starts: Vec<usize>,
    weights: Vec<f32>,
    taps: usize,
}

impl Axis {
    fn new(from: usize, to: usize) -> Self {
        let ratio = from as f64 / to as f64;
        let taps = (if ratio > 1.0 { ratio.ceil() as usize + 1 } else { 2 }).min(from);
        let mut axis = Self { starts: Vec::new(), weights: Vec::new(), taps };
        for i in 0..to {
            let (low, high) = (i as f64 * ratio, (i + 1) as f64 * ratio);
            let middle = ((low + high - 1.0) / 2.0).clamp(0.0, (from - 1) as f64);
            let first = if ratio > 1.0 { low } else { middle };
            let start = (first as usize).min(from - taps);
            axis.starts.push(start);
            for at in (start..start + taps).map(|k| k as f64) {
                let weight = if ratio > 1.0 {
                    (high.min(at + 1.0) - low.max(at)).max(0.0) / ratio
                } else {
                    (1.0 - (middle - at).abs()).max(0.0)
                };
                axis.weights.push(weight as f32);
            }
        }
        axis
    }

    fn each(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.starts.iter().copied().zip(self.weights.chunks_exact(self.taps))
    }
}

/// Target rows that are made at once: the columns of all are summed in one go.
const ROWS: usize = 8;

/// A part (left, top, width, height, inside the plane) as `width` x `height` pixels.
pub(crate) fn scale(plane: &Plane, part: [usize; 4], width: usize, height: usize) -> Vec<u8> {
    let [left, top, from_width, from_height] = part;
    let (columns, rows) = (Axis::new(from_width, width), Axis::new(from_height, height));
    let mut rows = rows.each();
    let mut out = vec![0; width * height];
    let mut line = vec![0f32; from_width];
    let mut lines = vec![[0f32; ROWS]; from_width];
    for target in out.chunks_mut(ROWS * width) {
        // Rows first: whole rows are summed at once, and far fewer are left for the columns.
        for (r, (start, weights)) in rows.by_ref().take(target.len() / width).enumerate() {
            sum_rows(plane, [left, top + start], weights, &mut line);
            for (lanes, v) in lines.iter_mut().zip(&line) {
                lanes[r] = *v;
            }
        }
        for (x, (start, weights)) in columns.each().enumerate() {
            let mut sums = [0f32; ROWS];
            for (lanes, weight) in lines[start..].iter().zip(weights) {
                for (sum, v) in sums.iter_mut().zip(lanes) {
                    *sum += v * weight;
                }
            }
            for (row, sum) in target.chunks_exact_mut(width).zip(sums) {
                row[x] = (sum + 0.5) as u8;
            }
        }
    }
    out
}

/// The weighted sum of the rows from `at` (left, top) on. Two or three rows, as most are, are summed
/// without writing in between.
fn sum_rows(plane: &Plane, at: [usize; 2], weights: &[f32], line: &mut [f32]) {
    let wide = line.len();
    let row = |k: usize| &plane.pixels[(at[1] + k) * plane.width + at[0]..][..wide];
    let value = |v: &u8| f32::from(*v);
    // What lies past a picture's end weighs nothing, and so do rows that a cell only touches.
    let used = weights.iter().rposition(|w| *w > 0.0).map_or(0, |k| k + 1);
    match weights[..used] {
        [a, b] => {
            for ((sum, v), w) in line.iter_mut().zip(row(0)).zip(row(1)) {
                *sum = a * value(v) + b * value(w);
            }
        }
        [a, b, c] => {
            let three = row(0).iter().zip(row(1)).zip(row(2));
            for (sum, ((u, v), w)) in line.iter_mut().zip(three) {
                *sum = a * value(u) + b * value(v) + c * value(w);
            }
        }
        _ => {
            line.fill(0.0);
            for (k, weight) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
                for (sum, v) in line.iter_mut().zip(row(k)) {
                    *sum += weight * value(v);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(row: &[u8], to: usize, want: &[u8]) {
        let plane = Plane { width: row.len(), height: 1, pixels: row };
        assert_eq!(scale(&plane, [0, 0, row.len(), 1], to, 1), want, "{row:?} to {to}");
    }

    #[test]
    fn rows() {
        check(&[0, 100, 200, 40], 2, &[50, 120]);
        check(&[90, 0, 90], 2, &[60, 60]); // a third of the middle pixel goes to each side
        check(&[0, 200], 4, &[0, 50, 150, 200]);
        check(&[7, 9], 2, &[7, 9]);
        check(&[5], 3, &[5, 5, 5]);
    }

    proptest! {
        /// Made in blocks of rows, but the same to the last bit as made a pixel at a time.
        #[test]
        fn no_pixel_differs(w in 1usize..60, h in 1usize..60, to_w in 1usize..50, to_h in 1usize..50, seed in any::<u8>()) {
            let pixels: Vec<u8> = (0..w * h).map(|i| ((i * 151) as u8).rotate_left(3) ^ seed).collect();
            let plane = Plane { width: w, height: h, pixels: &pixels };
            let part = [w / 4, h / 5, w - w / 3, h - h / 3];
            let (columns, rows) = (Axis::new(part[2], to_w), Axis::new(part[3], to_h));
            let mut want = Vec::new();
            for (top, down) in rows.each() {
                for (left, across) in columns.each() {
                    let sum: f32 = across.iter().enumerate().map(|(i, across)| {
                        let at = |k: usize| (part[1] + top + k) * w + part[0] + left + i;
                        across * down.iter().enumerate().map(|(k, v)| v * f32::from(pixels[at(k)])).sum::<f32>()
                    }).sum();
                    want.push((sum + 0.5) as u8);
                }
            }
            prop_assert_eq!(scale(&plane, part, to_w, to_h), want);
        }

        /// An average stays between the darkest and the brightest pixel, whatever the sizes.
        #[test]
        fn any_size(w in 1usize..40, h in 1usize..40, to_w in 1usize..60, to_h in 1usize..60, seed in any::<u8>()) {
            let pixels: Vec<u8> = (0..w * h).map(|i| 60 + ((i * 37) as u8 ^ seed) % 100).collect();
            let plane = Plane { width: w, height: h, pixels: &pixels };
            let out = scale(&plane, [w / 3, h / 3, w - w / 3, h - h / 3], to_w, to_h);
            prop_assert_eq!(out.len(), to_w * to_h);
            prop_assert!(out.iter().all(|v| (60..160).contains(v)));
        }
    }
}
