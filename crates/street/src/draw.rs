//! Drawing: a canvas of linear floats, anti-aliased polygons, round-pen strokes, textures in
//! perspective. Small on purpose: what a street and a plate need, and the same bytes everywhere
//! (no thread, no platform function whose rounding differs is used where it would show).

/// Red, green and blue, 0 to 1.
pub type Rgb = [f32; 3];
/// A point in pixels.
pub type Point = [f32; 2];

/// Sub-scanlines a pixel row is cut into; across, the coverage is exact.
const SUB: usize = 4;

/// A picture being drawn.
#[derive(Clone)]
pub struct Canvas {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Rows of pixels.
    pub pixels: Vec<Rgb>,
}

/// Between `a` and `b`.
pub fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

/// `c` lighter or darker.
pub fn shade(c: Rgb, k: f32) -> Rgb {
    c.map(|v| (v * k).clamp(0.0, 1.0))
}

impl Canvas {
    /// A canvas of one colour.
    pub fn new(width: usize, height: usize, colour: Rgb) -> Self {
        Self { width, height, pixels: vec![colour; width * height] }
    }

    fn blend(&mut self, x: usize, y: usize, colour: Rgb, alpha: f32) {
        let p = &mut self.pixels[y * self.width + x];
        *p = mix(*p, colour, alpha);
    }

    /// Fills a polygon (even-odd).
    pub fn polygon(&mut self, points: &[Point], colour: Rgb, alpha: f32) {
        if points.len() < 3 {
            return;
        }
        let low = points.iter().map(|p| p[1]).fold(f32::MAX, f32::min).floor();
        let high = points.iter().map(|p| p[1]).fold(f32::MIN, f32::max).ceil();
        let rows = low.max(0.0) as usize..high.clamp(0.0, self.height as f32) as usize;
        let mut cover = vec![0.0f32; self.width + 1];
        let mut crossings = Vec::with_capacity(8);
        for y in rows {
            cover.fill(0.0);
            let (mut first, mut last) = (self.width, 0);
            for sub in 0..SUB {
                crossings.clear();
                let at = y as f32 + (sub as f32 + 0.5) / SUB as f32;
                cross(points, at, &mut crossings);
                for pair in crossings.chunks_exact(2) {
                    let (a, b) = span(&mut cover, self.width, pair[0], pair[1]);
                    first = first.min(a);
                    last = last.max(b);
                }
            }
            for (x, sum) in cover.iter().enumerate().take(last).skip(first) {
                let c = sum / SUB as f32;
                if c > 0.0 {
                    self.blend(x, y, colour, alpha * c.min(1.0));
                }
            }
        }
    }

    /// Fills an axis-parallel rectangle.
    pub fn rect(&mut self, x0: f32, y0: f32, x1: f32, y1: f32, colour: Rgb) {
        self.polygon(&[[x0, y0], [x1, y0], [x1, y1], [x0, y1]], colour, 1.0);
    }

    /// Draws polylines with a round pen, as one shape: crossings are not darker.
    pub fn strokes(&mut self, lines: &[Vec<Point>], pen: f32, colour: Rgb) {
        let r = pen / 2.0;
        let all = || lines.iter().flatten();
        let bound = |axis: usize, limit: usize| {
            let low = all().map(|p| p[axis]).fold(f32::MAX, f32::min) - r - 1.0;
            let high = all().map(|p| p[axis]).fold(f32::MIN, f32::max) + r + 2.0;
            (low.max(0.0) as usize, (high.max(0.0) as usize).min(limit))
        };
        let ((x0, x1), (y0, y1)) = (bound(0, self.width), bound(1, self.height));
        for y in y0..y1 {
            for x in x0..x1 {
                let at = [x as f32 + 0.5, y as f32 + 0.5];
                let near = lines
                    .iter()
                    .flat_map(|line| line.windows(2))
                    .map(|w| distance(at, w[0], w[1]))
                    .fold(f32::MAX, f32::min);
                let alpha = (r + 0.5 - near).clamp(0.0, 1.0);
                if alpha > 0.0 {
                    self.blend(x, y, colour, alpha);
                }
            }
        }
    }

    /// A filled circle.
    pub fn disc(&mut self, centre: Point, r: f32, colour: Rgb) {
        self.strokes(&[vec![centre, centre]], 2.0 * r, colour);
    }

    /// Adds light that falls off from `centre`, as a lamp does in the lens.
    pub fn glow(&mut self, centre: Point, r: f32, colour: Rgb, strength: f32) {
        let clamp = |v: f32, limit: usize| v.clamp(0.0, limit as f32) as usize;
        let (x0, x1) = (clamp(centre[0] - r, self.width), clamp(centre[0] + r, self.width));
        let (y0, y1) = (clamp(centre[1] - r, self.height), clamp(centre[1] + r, self.height));
        for y in y0..y1 {
            for x in x0..x1 {
                let (dx, dy) = (x as f32 + 0.5 - centre[0], y as f32 + 0.5 - centre[1]);
                let d = ((dx * dx + dy * dy) / (r * r)).min(1.0);
                let k = strength * (1.0 - d) * (1.0 - d) * (1.0 - d);
                let p = &mut self.pixels[y * self.width + x];
                for i in 0..3 {
                    p[i] = (p[i] + colour[i] * k).min(1.0);
                }
            }
        }
    }

    /// The lens: a 3×3 blur, `k` of a pixel's light going to each neighbour in a row or column.
    pub fn soften(&mut self, k: f32) {
        let (w, h) = (self.width, self.height);
        let mut rows = self.pixels.clone();
        for y in 0..h {
            for x in 1..w - 1 {
                let i = y * w + x;
                rows[i] = tap(self.pixels[i - 1], self.pixels[i], self.pixels[i + 1], k);
            }
        }
        for y in 1..h - 1 {
            for x in 0..w {
                let i = y * w + x;
                self.pixels[i] = tap(rows[i - w], rows[i], rows[i + w], k);
            }
        }
    }

    /// Half as wide and high, averaged.
    pub fn half(&self) -> Canvas {
        let (w, h) = (self.width / 2, self.height / 2);
        let mut out = Canvas::new(w, h, [0.0; 3]);
        for y in 0..h {
            for x in 0..w {
                let at = |dx, dy| self.pixels[(2 * y + dy) * self.width + 2 * x + dx];
                let sum = [at(0, 0), at(1, 0), at(0, 1), at(1, 1)];
                out.pixels[y * w + x] =
                    [0, 1, 2].map(|i| sum.iter().map(|p| p[i]).sum::<f32>() / 4.0);
            }
        }
        out
    }

    fn sample(&self, u: f32, v: f32) -> Rgb {
        let x = (u * self.width as f32 - 0.5).clamp(0.0, self.width as f32 - 1.001);
        let y = (v * self.height as f32 - 0.5).clamp(0.0, self.height as f32 - 1.001);
        let i = y as usize * self.width + x as usize;
        let (fx, fy) = (x.fract(), y.fract());
        let top = mix(self.pixels[i], self.pixels[i + 1], fx);
        mix(top, mix(self.pixels[i + self.width], self.pixels[i + self.width + 1], fx), fy)
    }

    /// Lays a texture into a quadrilateral (top left, top right, bottom right, bottom left).
    /// `levels` are the texture and its halves; `tone` changes each sample.
    pub fn texture(&mut self, levels: &[Canvas], quad: [Point; 4], tone: impl Fn(Rgb) -> Rgb) {
        const S: usize = 3;
        let wide = (quad[1][0] - quad[0][0]).hypot(quad[1][1] - quad[0][1]);
        let fits = |l: &&Canvas| (l.width as f32) < wide * S as f32;
        let Some(level) = levels.iter().find(fits).or(levels.last()) else { return };
        let Some(back) = Homography::to_quad(quad).inverse() else { return };
        let axis = |i: usize| quad.map(|p| p[i]);
        let low = |v: [f32; 4]| v.into_iter().fold(f32::MAX, f32::min).max(0.0) as usize;
        let high = |v: [f32; 4], limit: usize| {
            (v.into_iter().fold(f32::MIN, f32::max).max(0.0).ceil() as usize).min(limit)
        };
        for y in low(axis(1))..high(axis(1), self.height) {
            for x in low(axis(0))..high(axis(0), self.width) {
                let (mut sum, mut hits) = ([0.0; 3], 0);
                for sub in 0..S * S {
                    let dx = ((sub % S) as f32 + 0.5) / S as f32;
                    let dy = ((sub / S) as f32 + 0.5) / S as f32;
                    let [u, v] = back.apply([x as f32 + dx, y as f32 + dy]);
                    if (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v) {
                        let c = level.sample(u, v);
                        sum = [0, 1, 2].map(|i| sum[i] + c[i]);
                        hits += 1;
                    }
                }
                if hits > 0 {
                    let c = sum.map(|v| v / hits as f32);
                    self.blend(x, y, tone(c), hits as f32 / (S * S) as f32);
                }
            }
        }
    }
}

/// Where the outline crosses the line at height `y`, left to right.
fn cross(points: &[Point], y: f32, out: &mut Vec<f32>) {
    let mut from = points[points.len() - 1];
    for &to in points {
        if (from[1] <= y) != (to[1] <= y) {
            out.push(from[0] + (y - from[1]) / (to[1] - from[1]) * (to[0] - from[0]));
        }
        from = to;
    }
    out.sort_by(f32::total_cmp);
}

/// Adds the span `a..b` to the row's coverage; returns the pixels it touched.
fn span(cover: &mut [f32], width: usize, a: f32, b: f32) -> (usize, usize) {
    let (a, b) = (a.clamp(0.0, width as f32), b.clamp(0.0, width as f32));
    let (first, last) = (a as usize, (b.ceil() as usize).min(width));
    for (x, c) in cover.iter_mut().enumerate().take(last).skip(first) {
        *c += (b.min(x as f32 + 1.0) - a.max(x as f32)).max(0.0);
    }
    (first, last)
}

fn tap(a: Rgb, b: Rgb, c: Rgb, k: f32) -> Rgb {
    [0, 1, 2].map(|i| k * (a[i] + c[i]) + (1.0 - 2.0 * k) * b[i])
}

fn distance(p: Point, a: Point, b: Point) -> f32 {
    let (ab, ap) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
    let len = ab[0] * ab[0] + ab[1] * ab[1];
    let t = if len > 0.0 { ((ap[0] * ab[0] + ap[1] * ab[1]) / len).clamp(0.0, 1.0) } else { 0.0 };
    ((ap[0] - t * ab[0]).powi(2) + (ap[1] - t * ab[1]).powi(2)).sqrt()
}

/// A projective map of the plane.
struct Homography([f32; 9]);

impl Homography {
    /// The map from the unit square to a quadrilateral (Heckbert 1989).
    fn to_quad(q: [Point; 4]) -> Self {
        let [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] = q;
        let (dx1, dx2, sx) = (x1 - x2, x3 - x2, x0 - x1 + x2 - x3);
        let (dy1, dy2, sy) = (y1 - y2, y3 - y2, y0 - y1 + y2 - y3);
        let det = dx1 * dy2 - dx2 * dy1;
        let (g, h) = if det.abs() < 1e-9 {
            (0.0, 0.0)
        } else {
            ((sx * dy2 - dx2 * sy) / det, (dx1 * sy - sx * dy1) / det)
        };
        let (a, b) = (x1 - x0 + g * x1, x3 - x0 + h * x3);
        Self([a, b, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h, 1.0])
    }

    fn inverse(&self) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, i] = self.0;
        let m = [
            e * i - f * h,
            c * h - b * i,
            b * f - c * e,
            f * g - d * i,
            a * i - c * g,
            c * d - a * f,
            d * h - e * g,
            b * g - a * h,
            a * e - b * d,
        ];
        let det = a * m[0] + b * m[3] + c * m[6];
        (det.abs() > 1e-6).then_some(Self(m))
    }

    fn apply(&self, [x, y]: Point) -> Point {
        let m = &self.0;
        let w = m[6] * x + m[7] * y + m[8];
        [(m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_is_the_area() {
        let mut c = Canvas::new(8, 8, [0.0; 3]);
        c.polygon(&[[1.5, 2.0], [5.25, 2.0], [5.25, 4.5], [1.5, 4.5]], [1.0; 3], 1.0);
        let sum: f32 = c.pixels.iter().map(|p| p[0]).sum();
        assert!((sum - 3.75 * 2.5).abs() < 1e-3, "{sum}");
    }

    #[test]
    fn a_map_and_its_inverse_cancel() {
        let quad = [[10.0, 12.0], [90.0, 8.0], [95.0, 60.0], [7.0, 55.0]];
        let back = Homography::to_quad(quad).inverse().unwrap();
        for (corner, want) in quad.iter().zip([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]) {
            let got = back.apply(*corner);
            assert!((got[0] - want[0]).abs() < 1e-3 && (got[1] - want[1]).abs() < 1e-3, "{got:?}");
        }
    }
}
