//! Marks on pictures for people: a plate's outline with its text. A 5×7 dot font, our own dots.

use crate::warp::{Quad, bounds};
use image::{Rgb, RgbImage};

/// The colour of outlines and letters, and that of the ground behind letters.
const MARK: Rgb<u8> = Rgb([255, 196, 0]);
const GROUND: Rgb<u8> = Rgb([24, 24, 28]);

/// Outlines a plate and writes `label` above it.
pub fn plate(image: &mut RgbImage, corners: &Quad, label: &str) {
    const DOT: i32 = 3;
    for i in 0..4 {
        line(image, corners[i], corners[(i + 1) % 4], MARK);
    }
    let [left, top, ..] = bounds(corners).map(|v| v as i32);
    let (top, wide) = ((top - 9 * DOT - 6).max(0), text_width(label, DOT) + 2 * DOT);
    let left = left.min(image.width() as i32 - wide).max(0);
    fill(image, [left, top], [wide, 9 * DOT], GROUND);
    write(image, label, [left + DOT, top + DOT], DOT, MARK);
}

/// Rows from the top, the leftmost dot in bit 4.
const DOTS: [(char, [u8; 7]); 38] = [
    ('0', [14, 17, 19, 21, 25, 17, 14]),
    ('1', [4, 12, 4, 4, 4, 4, 14]),
    ('2', [14, 17, 1, 2, 4, 8, 31]),
    ('3', [31, 2, 4, 2, 1, 17, 14]),
    ('4', [2, 6, 10, 18, 31, 2, 2]),
    ('5', [31, 16, 30, 1, 1, 17, 14]),
    ('6', [6, 8, 16, 30, 17, 17, 14]),
    ('7', [31, 1, 2, 4, 8, 8, 8]),
    ('8', [14, 17, 17, 14, 17, 17, 14]),
    ('9', [14, 17, 17, 15, 1, 2, 12]),
    ('A', [14, 17, 17, 31, 17, 17, 17]),
    ('B', [30, 17, 17, 30, 17, 17, 30]),
    ('C', [14, 17, 16, 16, 16, 17, 14]),
    ('D', [28, 18, 17, 17, 17, 18, 28]),
    ('E', [31, 16, 16, 30, 16, 16, 31]),
    ('F', [31, 16, 16, 30, 16, 16, 16]),
    ('G', [14, 17, 16, 23, 17, 17, 15]),
    ('H', [17, 17, 17, 31, 17, 17, 17]),
    ('I', [14, 4, 4, 4, 4, 4, 14]),
    ('J', [7, 2, 2, 2, 2, 18, 12]),
    ('K', [17, 18, 20, 24, 20, 18, 17]),
    ('L', [16, 16, 16, 16, 16, 16, 31]),
    ('M', [17, 27, 21, 21, 17, 17, 17]),
    ('N', [17, 17, 25, 21, 19, 17, 17]),
    ('O', [14, 17, 17, 17, 17, 17, 14]),
    ('P', [30, 17, 17, 30, 16, 16, 16]),
    ('Q', [14, 17, 17, 17, 21, 18, 13]),
    ('R', [30, 17, 17, 30, 20, 18, 17]),
    ('S', [15, 16, 16, 14, 1, 1, 30]),
    ('T', [31, 4, 4, 4, 4, 4, 4]),
    ('U', [17, 17, 17, 17, 17, 17, 14]),
    ('V', [17, 17, 17, 17, 17, 10, 4]),
    ('W', [17, 17, 17, 21, 21, 21, 10]),
    ('X', [17, 17, 10, 4, 10, 17, 17]),
    ('Y', [17, 17, 17, 10, 4, 4, 4]),
    ('Z', [31, 1, 2, 4, 8, 16, 31]),
    ('#', [10, 10, 31, 10, 31, 10, 10]),
    ('%', [24, 25, 2, 4, 8, 19, 3]),
];

fn put(image: &mut RgbImage, x: i32, y: i32, colour: Rgb<u8>) {
    if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
        && x < image.width()
        && y < image.height()
    {
        image.put_pixel(x, y, colour);
    }
}

/// Fills a rectangle, as far as it lies inside.
pub fn fill(image: &mut RgbImage, at: [i32; 2], size: [i32; 2], colour: Rgb<u8>) {
    for y in at[1].max(0)..(at[1] + size[1]).min(image.height() as i32) {
        for x in at[0].max(0)..(at[0] + size[0]).min(image.width() as i32) {
            put(image, x, y, colour);
        }
    }
}

/// A line three pixels wide.
pub fn line(image: &mut RgbImage, from: [f32; 2], to: [f32; 2], colour: Rgb<u8>) {
    let steps = (to[0] - from[0]).abs().max((to[1] - from[1]).abs()).clamp(1.0, 20_000.0) as i32;
    for i in 0..=steps {
        let t = i as f32 / steps as f32;
        let at = [0, 1].map(|k| (from[k] + (to[k] - from[k]) * t).round() as i32);
        fill(image, [at[0] - 1, at[1] - 1], [3, 3], colour);
    }
}

/// Width in pixels of a text whose dots are `dot` pixels wide.
pub fn text_width(text: &str, dot: i32) -> i32 {
    text.chars().count() as i32 * 6 * dot
}

/// Writes capital letters and digits; anything else is a blank.
pub fn write(image: &mut RgbImage, text: &str, at: [i32; 2], dot: i32, colour: Rgb<u8>) {
    for (i, c) in text.chars().enumerate() {
        let Some((_, rows)) = DOTS.iter().find(|(d, _)| *d == c) else { continue };
        let left = at[0] + i as i32 * 6 * dot;
        for (y, row) in rows.iter().enumerate() {
            for x in (0..5).filter(|x| row >> (4 - x) & 1 == 1) {
                fill(image, [left + x * dot, at[1] + y as i32 * dot], [dot, dot], colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glyphs_are_five_wide_and_distinct() {
        for (i, (c, rows)) in DOTS.iter().enumerate() {
            assert!(rows.iter().all(|r| *r < 32) && rows.iter().any(|r| *r > 0), "{c}");
            assert!(DOTS[..i].iter().all(|(_, other)| other != rows), "{c}");
        }
    }

    #[test]
    fn drawing_outside_is_harmless() {
        let mut image = RgbImage::new(20, 20);
        line(&mut image, [-50.0, -50.0], [90.0, 70.0], Rgb([255; 3]));
        write(&mut image, "7ABC128", [-30, 15], 3, Rgb([255; 3]));
        fill(&mut image, [-5, -5], [100, 100], Rgb([1; 3]));
    }
}
