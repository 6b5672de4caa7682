//! Privacy masks: parts of the picture that are black before anything looks at it.

use base::{Error, Result};
use serde::{Deserialize, Serialize};

/// The most corners of a polygon, and the most polygons: a mask is a sketch.
const MOST: usize = 64;

/// A polygon in fractions of the picture's width and height, 0 to 1 from its top left corner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Polygon(Vec<[f32; 2]>);

impl Polygon {
    /// At least three corners, all within the picture.
    pub fn new(corners: Vec<[f32; 2]>) -> Result<Self> {
        let polygon = Self(corners);
        polygon.check()?;
        Ok(polygon)
    }

    /// Whether it is one; what was read from a file may not be.
    pub fn check(&self) -> Result<()> {
        let inside = |v: &f32| (0.0..=1.0).contains(v);
        if !(3..=MOST).contains(&self.0.len()) || !self.0.iter().flatten().all(inside) {
            return Err(Error::invalid(
                "A polygon has 3 to 64 corners [x, y], each from 0 to 1 of the picture's width and height.",
            ));
        }
        Ok(())
    }

    /// Whether a point (fractions) lies in it, by the even-odd rule.
    pub fn holds(&self, at: [f32; 2]) -> bool {
        let mut inside = false;
        let mut before = self.0.last();
        for b in &self.0 {
            if let Some(a) = before
                && (a[1] > at[1]) != (b[1] > at[1])
                && at[0] < (b[0] - a[0]) * (at[1] - a[1]) / (b[1] - a[1]) + a[0]
            {
                inside = !inside;
            }
            before = Some(b);
        }
        inside
    }

    /// The parts of a row of pixels that lie in it, as first and end column, of a picture so wide and high.
    fn spans(&self, row: usize, width: usize, height: usize) -> Vec<(usize, usize)> {
        let y = (row as f32 + 0.5) / height as f32;
        let mut cuts = Vec::new();
        let mut before = self.0.last();
        for b in &self.0 {
            if let Some(a) = before
                && (a[1] > y) != (b[1] > y)
            {
                cuts.push((b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0]);
            }
            before = Some(b);
        }
        cuts.sort_by(f32::total_cmp);
        // A pixel that is touched is masked: rather one too many.
        let left = |x: f32| ((x * width as f32).floor().max(0.0) as usize).min(width);
        let right = |x: f32| ((x * width as f32).ceil().max(0.0) as usize).min(width);
        cuts.chunks_exact(2).map(|pair| (left(pair[0]), right(pair[1]))).collect()
    }

    /// Sets every pixel in it, of `channels` bytes, to `value`.
    pub(crate) fn fill(&self, pixels: &mut [u8], size: (usize, usize), channels: usize, value: u8) {
        let (width, height) = size;
        for (row, line) in pixels.chunks_exact_mut((width * channels).max(1)).enumerate() {
            for (from, to) in self.spans(row, width, height) {
                line[from * channels..to * channels].fill(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_a_polygon() {
        let check = |corners: &[[f32; 2]], fine: bool| {
            assert_eq!(Polygon::new(corners.to_vec()).is_ok(), fine, "{corners:?}");
        };
        check(&[[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]], true);
        check(&[[0.0, 0.0], [1.0, 0.0]], false);
        check(&[[0.0, 0.0], [1.1, 0.0], [0.5, 1.0]], false);
        check(&[[0.0, f32::NAN], [1.0, 0.0], [0.5, 1.0]], false);
        check(&[[0.5; 2]; 65], false);
    }

    #[test]
    fn the_left_half_is_black() {
        let half = Polygon::new(vec![[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]).unwrap();
        let mut pixels = vec![9u8; 8 * 4 * 3];
        half.fill(&mut pixels, (8, 4), 3, 0);
        for row in pixels.chunks_exact(24) {
            assert!(row[..12].iter().all(|p| *p == 0) && row[12..].iter().all(|p| *p == 9));
        }
    }

    proptest! {
        /// No pixel whose centre lies in the polygon is left, whatever its shape.
        #[test]
        fn nothing_in_it_is_left(corners in proptest::collection::vec([0f32..=1.0, 0f32..=1.0], 3..9), w in 1usize..40, h in 1usize..40) {
            let polygon = Polygon::new(corners).unwrap();
            let mut pixels = vec![9u8; w * h];
            polygon.fill(&mut pixels, (w, h), 1, 0);
            for y in 0..h {
                for x in 0..w {
                    let at = [(x as f32 + 0.5) / w as f32, (y as f32 + 0.5) / h as f32];
                    // Within a hair of an edge both answers are right.
                    let near = [-1e-4f32, 1e-4].iter().any(|d| !polygon.holds([at[0] + d, at[1]]));
                    prop_assert!(near || !polygon.holds(at) || pixels[y * w + x] == 0, "{x} {y}");
                }
            }
        }
    }
}
