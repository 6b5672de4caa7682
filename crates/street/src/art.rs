//! Plates: designs of several states, drawn by us in our own stroke font (`assets/strokes.json`).
//! They show what a reader must cope with (colours, a band, a state's name, stickers, a frame); they
//! copy no state's artwork.

use crate::draw::{Canvas, Point, Rgb, mix};
use crate::rng::Rng;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Width and height of a plate's texture; a plate is 12 by 6 inches.
pub const SIZE: (usize, usize) = (512, 256);

type Glyphs = BTreeMap<char, Vec<Vec<Point>>>;

fn glyphs() -> &'static Glyphs {
    static FONT: OnceLock<Glyphs> = OnceLock::new();
    FONT.get_or_init(|| {
        serde_json::from_str(include_str!("../assets/strokes.json"))
            .unwrap_or_else(|e| unreachable!("our own font: {e}"))
    })
}

/// A state's design.
#[derive(Debug)]
pub struct Design {
    /// Region code, as `us-ca`.
    pub region: &'static str,
    name: &'static str,
    foot: &'static str,
    ground: [Rgb; 2],
    ink: Rgb,
    head: Rgb,
    band: Option<Band>,
    /// Serial pattern: `A` a letter, `9` a digit, `-` a gap.
    pub serial: &'static str,
}

#[derive(Debug)]
enum Band {
    Top(Rgb),
    Bottom(Rgb),
    /// A pale disc behind the serial.
    Disc(Rgb),
}

const WHITE: Rgb = [0.93, 0.93, 0.92];
const NAVY: Rgb = [0.08, 0.13, 0.38];
const BLACK: Rgb = [0.07, 0.07, 0.08];
const RED: Rgb = [0.72, 0.12, 0.14];

/// The designs there are.
pub const DESIGNS: [Design; 7] = [
    Design {
        region: "us-ca",
        name: "CALIFORNIA",
        foot: "",
        ground: [WHITE, WHITE],
        ink: NAVY,
        head: RED,
        band: None,
        serial: "9AAA999",
    },
    Design {
        region: "us-tx",
        name: "TEXAS",
        foot: "THE LONE STAR STATE",
        ground: [WHITE, WHITE],
        ink: BLACK,
        head: BLACK,
        band: None,
        serial: "AAA-9999",
    },
    Design {
        region: "us-ny",
        name: "NEW YORK",
        foot: "EMPIRE STATE",
        ground: [[0.93, 0.72, 0.25], [0.90, 0.66, 0.20]],
        ink: NAVY,
        head: WHITE,
        band: Some(Band::Top(NAVY)),
        serial: "AAA-9999",
    },
    Design {
        region: "us-fl",
        name: "FLORIDA",
        foot: "SUNSHINE STATE",
        ground: [WHITE, WHITE],
        ink: [0.05, 0.30, 0.18],
        head: [0.05, 0.30, 0.18],
        band: Some(Band::Disc([0.97, 0.78, 0.50])),
        serial: "AA9-9AA",
    },
    Design {
        region: "us-nj",
        name: "NEW JERSEY",
        foot: "GARDEN STATE",
        ground: [[0.96, 0.92, 0.70], [0.93, 0.93, 0.88]],
        ink: BLACK,
        head: BLACK,
        band: None,
        serial: "A99-AAA",
    },
    Design {
        region: "us-wa",
        name: "WASHINGTON",
        foot: "EVERGREEN STATE",
        ground: [[0.80, 0.88, 0.96], WHITE],
        ink: NAVY,
        head: RED,
        band: Some(Band::Disc([0.80, 0.86, 0.93])),
        serial: "AAA9999",
    },
    Design {
        region: "us-az",
        name: "ARIZONA",
        foot: "GRAND CANYON STATE",
        ground: [[0.62, 0.72, 0.86], [0.95, 0.90, 0.84]],
        ink: [0.07, 0.22, 0.20],
        head: [0.15, 0.10, 0.35],
        band: Some(Band::Bottom([0.62, 0.45, 0.62])),
        serial: "AAA9999",
    },
];

/// The design of a region, or the first where it has none.
pub fn design(region: &str) -> &'static Design {
    DESIGNS.iter().find(|d| d.region == region).unwrap_or(&DESIGNS[0])
}

impl Design {
    /// A serial of this design, by chance.
    pub fn chance(&self, rng: &mut Rng) -> String {
        let one = |c: char, rng: &mut Rng| match c {
            'A' => Some(*rng.pick(b"ABCDEFGHJKLMNPRSTUVWXYZ") as char),
            '9' => Some(*rng.pick(b"0123456789") as char),
            _ => None,
        };
        self.serial.chars().filter_map(|c| one(c, rng)).collect()
    }

    /// The plate with this serial: texture and its halves, for [`Canvas::texture`].
    pub fn draw(&self, text: &str, rng: &mut Rng) -> Vec<Canvas> {
        let (w, h) = (SIZE.0 as f32, SIZE.1 as f32);
        let mut c = Canvas::new(SIZE.0, SIZE.1, self.ground[0]);
        for y in 0..SIZE.1 {
            let row = mix(self.ground[0], self.ground[1], y as f32 / h);
            c.pixels[y * SIZE.0..(y + 1) * SIZE.0].fill(row);
        }
        match self.band {
            Some(Band::Top(colour)) => c.rect(0.0, 0.0, w, h * 0.23, colour),
            Some(Band::Bottom(colour)) => c.rect(0.0, h * 0.82, w, h, colour),
            Some(Band::Disc(colour)) => c.disc([w / 2.0, h * 0.53], h * 0.26, colour),
            None => {}
        }
        write_line(&mut c, self.name, [w / 2.0, h * 0.125], h * 0.13, 0.16, 0.72, 0.55, self.head);
        write_line(&mut c, self.foot, [w / 2.0, h * 0.895], h * 0.075, 0.14, 0.62, 0.5, self.ink);
        self.serial(&mut c, text);
        for x in [0.2, 0.8] {
            for y in [0.1, 0.91] {
                c.disc([w * x, h * y], 6.0, [0.45, 0.45, 0.46]);
            }
        }
        sticker(&mut c, [w * 0.89, h * 0.1], rng);
        edge(&mut c, rng);
        let mut levels = vec![c];
        while levels.len() < 5 {
            let next = levels[levels.len() - 1].half();
            levels.push(next);
        }
        levels
    }

    /// The serial, with the gap that its pattern has.
    fn serial(&self, c: &mut Canvas, text: &str) {
        let (w, h) = (SIZE.0 as f32, SIZE.1 as f32);
        let chars: Vec<char> = text.chars().collect();
        let gap_at = self.serial.find('-').filter(|_| chars.len() + 1 == self.serial.len());
        let gap = if gap_at.is_some() { 0.45 } else { 0.0 };
        let cell = (w * 0.89 / (chars.len() as f32 + gap)).min(h * 0.30);
        let high = h * 0.5;
        let mut x = (w - cell * (chars.len() as f32 + gap)) / 2.0;
        for (i, glyph) in chars.into_iter().enumerate() {
            if gap_at == Some(i) {
                x += cell * gap;
            }
            let wide = cell * 0.83;
            let left = x + (cell - wide) / 2.0;
            character(c, glyph, [left, h * 0.53 - high / 2.0], wide, high, high * 0.145, self.ink);
            x += cell;
        }
    }
}

/// One character in the box at `at`, `wide` by `high`, drawn with a round pen.
fn character(c: &mut Canvas, glyph: char, at: Point, wide: f32, high: f32, pen: f32, ink: Rgb) {
    let Some(lines) = glyphs().get(&glyph) else { return };
    let place = |p: &Point| {
        [at[0] + pen / 2.0 + p[0] * (wide - pen), at[1] + pen / 2.0 + p[1] * (high - pen)]
    };
    let lines: Vec<Vec<Point>> = lines.iter().map(|l| l.iter().map(place).collect()).collect();
    c.strokes(&lines, pen, ink);
}

/// A line of small text around `centre`; `pen` and `aspect` are shares of the height.
#[allow(clippy::too_many_arguments)] // a line of text has these eight things
fn write_line(
    c: &mut Canvas,
    text: &str,
    centre: Point,
    high: f32,
    pen: f32,
    step: f32,
    aspect: f32,
    ink: Rgb,
) {
    let total = high * step * text.chars().count() as f32;
    let mut x = centre[0] - total / 2.0;
    for glyph in text.chars() {
        character(c, glyph, [x, centre[1] - high / 2.0], high * aspect, high, high * pen, ink);
        x += high * step;
    }
}

/// A registration sticker.
fn sticker(c: &mut Canvas, at: Point, rng: &mut Rng) {
    let colour =
        *rng.pick(&[[0.85, 0.7, 0.1], [0.2, 0.45, 0.75], [0.75, 0.25, 0.2], [0.3, 0.6, 0.35]]);
    c.rect(at[0] - 22.0, at[1] - 13.0, at[0] + 22.0, at[1] + 13.0, colour);
}

/// The pressed rim, or a dealer's frame around it.
fn edge(c: &mut Canvas, rng: &mut Rng) {
    let (w, h) = (SIZE.0 as f32, SIZE.1 as f32);
    let framed = rng.range(0.0, 1.0) < 0.4;
    let (pen, colour) = if framed { (20.0, [0.10, 0.10, 0.11]) } else { (5.0, [0.55, 0.55, 0.56]) };
    for (x0, y0, x1, y1) in
        [(0.0, 0.0, w, pen), (0.0, h - pen, w, h), (0.0, 0.0, pen, h), (w - pen, 0.0, w, h)]
    {
        c.rect(x0, y0, x1, y1, colour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_holds_every_character_inside_its_box() {
        assert_eq!(glyphs().keys().collect::<String>(), "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        for (c, lines) in glyphs() {
            let inside = |p: &Point| p.iter().all(|v| (0.0..=1.0).contains(v));
            assert!(lines.iter().all(|l| l.len() > 1 && l.iter().all(inside)), "{c}");
        }
    }

    #[test]
    fn serials_follow_their_pattern() {
        let mut rng = Rng::new(3);
        for d in &DESIGNS {
            let text = d.chance(&mut rng);
            assert_eq!(text.len(), d.serial.replace('-', "").len(), "{}", d.region);
        }
    }
}
