//! A grey plane at another size: exact area averages when it shrinks, bilinear when it grows.
//!
//! The networks were trained on pictures made this way. Resizing libraries weigh whole source pixels
//! ("box") or smooth over more than the area (everything else); at 1280 to 768 pixels that drops or
//! doubles every third column, and small plates live from every column.

use crate::warp::Plane;

/// For each target index the first source index and its weights, the same number for all.
struct Axis {
    starts: Vec<usize>,
    /// Of 65,536 parts; those of one index are 65,535 together, so that no sum of them overflows.
    weights: Vec<u16>,
    taps: usize,
}

/// What the weights of one target index are together.
const WHOLE: u16 = u16::MAX;

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
            axis.weigh((start..start + taps).map(|k| k as f64).map(|at| {
                if ratio > 1.0 {
                    (high.min(at + 1.0) - low.max(at)).max(0.0) / ratio
                } else {
                    (1.0 - (middle - at).abs()).max(0.0)
                }
            }));
        }
        axis
    }

    /// One more index's weights, which are 1 together: what rounding takes or gives, the largest makes good.
    fn weigh(&mut self, weights: impl Iterator<Item = f64>) {
        let from = self.weights.len();
        self.weights.extend(weights.map(|w| (w * f64::from(WHOLE)).round() as u16));
        let rounded = self.weights[from..].iter().copied().map(i32::from).sum::<i32>();
        if let Some(largest) = self.weights[from..].iter_mut().max() {
            *largest = (i32::from(*largest) + i32::from(WHOLE) - rounded) as u16;
        }
    }

    fn each(&self) -> impl Iterator<Item = (usize, &[u16])> {
        self.starts.iter().copied().zip(self.weights.chunks_exact(self.taps))
    }
}

/// Target rows, and columns, that are made at once: the columns of all are summed in one go.
const SIDE: usize = 8;
/// What is added to a pixel's 256 parts: half a level, since in the end the parts are cut off, and what the products lose.
/// (Without it a compiler would make other products of these, that take twice as long.)
const ROUNDING: u16 = 0x82;

/// A pixel's part of a sum, in 256ths of a level.
fn part_of(parts: u16, weight: u16) -> u16 {
    ((u32::from(parts) * u32::from(weight)) >> 16) as u16
}

/// A part (left, top, width, height, inside the plane) as `width` x `height` pixels; a pixel in fifty is a level off what real
/// numbers would give.
pub(crate) fn scale(plane: &Plane, part: [usize; 4], width: usize, height: usize) -> Vec<u8> {
    let [left, top, from_width, from_height] = part;
    let (columns, rows) = (Axis::new(from_width, width), Axis::new(from_height, height));
    let mut rows = rows.each();
    let mut out = vec![0; width * height];
    let mut line = vec![0u16; from_width];
    let mut lines = vec![[0u16; SIDE]; from_width];
    for target in out.chunks_mut(SIDE * width) {
        // Rows first: whole rows are summed at once, and far fewer are left for the columns.
        for (r, (start, weights)) in rows.by_ref().take(target.len() / width).enumerate() {
            sum_rows(plane, [left, top + start], weights, &mut line);
            for (lanes, v) in lines.iter_mut().zip(&line) {
                lanes[r] = *v;
            }
        }
        sum_columns(&lines, &columns, target, width);
    }
    out
}

/// Rows of the target, `width` pixels each, from as many lanes of summed rows.
fn sum_columns(lines: &[[u16; SIDE]], columns: &Axis, target: &mut [u8], width: usize) {
    let mut each = columns.each();
    for left in (0..width).step_by(SIDE) {
        let mut block = [[0u16; SIDE]; SIDE];
        for (sums, (start, weights)) in block.iter_mut().zip(each.by_ref().take(SIDE)) {
            for (lanes, weight) in lines[start..].iter().zip(weights) {
                for (sum, v) in sums.iter_mut().zip(lanes) {
                    *sum += part_of(*v, *weight);
                }
            }
        }
        let wide = SIDE.min(width - left);
        for (r, row) in target.chunks_exact_mut(width).enumerate() {
            let made = block.map(|sums| (sums[r] >> 8) as u8);
            row[left..left + wide].copy_from_slice(&made[..wide]);
        }
    }
}

/// The weighted sum of the rows from `at` (left, top) on, in 256ths of a level. Up to three rows, as most are, are summed
/// without writing in between.
fn sum_rows(plane: &Plane, at: [usize; 2], weights: &[u16], line: &mut [u16]) {
    let wide = line.len();
    let row = |k: usize| &plane.pixels[(at[1] + k) * plane.width + at[0]..][..wide];
    let part = |v: &u8, weight: u16| part_of(u16::from(*v) << 8 | ROUNDING, weight);
    // What lies past a picture's end weighs nothing, and so do rows that a cell only touches.
    let used = weights.iter().rposition(|w| *w > 0).map_or(0, |k| k + 1);
    match weights[..used] {
        [a, b] => {
            for ((sum, v), w) in line.iter_mut().zip(row(0)).zip(row(1)) {
                *sum = part(v, a) + part(w, b);
            }
        }
        [a, b, c] => {
            let three = row(0).iter().zip(row(1)).zip(row(2));
            for (sum, ((u, v), w)) in line.iter_mut().zip(three) {
                *sum = part(u, a) + part(v, b) + part(w, c);
            }
        }
        _ => {
            line.fill(0);
            for (k, weight) in weights.iter().enumerate().filter(|(_, w)| **w > 0) {
                for (sum, v) in line.iter_mut().zip(row(k)) {
                    *sum += part(v, *weight);
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
        /// Made in blocks and in 16 bits, but no pixel is further from one that is made alone of real numbers than rounding, and a
        /// 256th a product, can bring it.
        #[test]
        fn no_pixel_differs(w in 1usize..60, h in 1usize..60, to_w in 1usize..50, to_h in 1usize..50, seed in any::<u8>()) {
            let pixels: Vec<u8> = (0..w * h).map(|i| ((i * 151) as u8).rotate_left(3) ^ seed).collect();
            let plane = Plane { width: w, height: h, pixels: &pixels };
            let part = [w / 4, h / 5, w - w / 3, h - h / 3];
            let (columns, rows) = (Axis::new(part[2], to_w), Axis::new(part[3], to_h));
            let share = |w: &u16| f64::from(*w) / f64::from(WHOLE);
            let mut made = scale(&plane, part, to_w, to_h).into_iter();
            for (top, down) in rows.each() {
                for (left, across) in columns.each() {
                    let sum: f64 = across.iter().enumerate().map(|(i, across)| {
                        let at = |k: usize| (part[1] + top + k) * w + part[0] + left + i;
                        share(across) * down.iter().enumerate().map(|(k, v)| share(v) * f64::from(pixels[at(k)])).sum::<f64>()
                    }).sum();
                    let got = f64::from(made.next().unwrap());
                    let lost = (across.len() + down.len()) as f64 / 256.0;
                    prop_assert!((got - sum).abs() < 0.51 + lost, "{} for {}", got, sum);
                }
            }
            prop_assert_eq!(made.next(), None);
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
