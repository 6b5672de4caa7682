//! The camera that looks down the street: where a point of the world falls in the picture.
//!
//! The world: X to the right, Y up, Z along the street, metres, origin on the road below the
//! camera's kerb. A plate camera has a long lens and stands at the kerb, turned towards the lanes.

use crate::draw::Point;

/// A point of the world, metres.
pub type World = [f32; 3];

/// Nothing nearer than this is drawn.
const NEAR: f32 = 0.8;

/// A pinhole camera.
#[derive(Clone, Debug)]
pub struct View {
    focal: f32,
    centre: Point,
    at: World,
    pitch: (f32, f32),
    yaw: (f32, f32),
}

impl View {
    /// The street's camera for a picture of this size: 23 degrees wide, 2 m up at the kerb.
    pub fn street(width: usize, height: usize) -> Self {
        Self {
            focal: width as f32 * 3200.0 / 1280.0,
            centre: [width as f32 / 2.0, height as f32 / 2.0],
            at: [2.4, 2.0, 0.0],
            pitch: 6.2f32.to_radians().sin_cos(),
            yaw: 13.0f32.to_radians().sin_cos(),
        }
    }

    fn eye(&self, p: World) -> World {
        let [x, y, z] = [p[0] - self.at[0], p[1] - self.at[1], p[2] - self.at[2]];
        let (sin, cos) = self.yaw;
        let (x, z) = (x * cos + z * sin, z * cos - x * sin);
        let (sin, cos) = self.pitch;
        [x, -y * cos - z * sin, z * cos - y * sin]
    }

    fn pixel(&self, e: World) -> Point {
        [self.centre[0] + self.focal * e[0] / e[2], self.centre[1] + self.focal * e[1] / e[2]]
    }

    /// Where a point falls; none if it is behind the lens.
    pub fn point(&self, p: World) -> Option<Point> {
        let e = self.eye(p);
        (e[2] > NEAR).then(|| self.pixel(e))
    }

    /// How far away a point is, along the optical axis.
    pub fn depth(&self, p: World) -> f32 {
        self.eye(p)[2]
    }

    /// Pixels a metre has at a point.
    pub fn scale(&self, p: World) -> f32 {
        self.focal / self.eye(p)[2].max(NEAR)
    }

    /// A polygon's outline in the picture, cut off where it comes too near.
    pub fn outline(&self, points: &[World]) -> Vec<Point> {
        let eyes: Vec<World> = points.iter().map(|p| self.eye(*p)).collect();
        let mut out = Vec::with_capacity(eyes.len() + 2);
        for (i, to) in eyes.iter().enumerate() {
            let from = eyes[(i + eyes.len() - 1) % eyes.len()];
            if (from[2] > NEAR) != (to[2] > NEAR) {
                let t = (NEAR - from[2]) / (to[2] - from[2]);
                out.push(self.pixel([0, 1, 2].map(|k| from[k] + t * (to[k] - from[k]))));
            }
            if to[2] > NEAR {
                out.push(self.pixel(*to));
            }
        }
        out
    }

    /// The point of the ground that a pixel shows, as X and Z; none above the horizon.
    pub fn ground(&self, at: Point) -> Option<Point> {
        let (u, v) = ((at[0] - self.centre[0]) / self.focal, (at[1] - self.centre[1]) / self.focal);
        let (sin, cos) = self.pitch;
        let (down, ahead) = (v * cos + sin, cos - v * sin);
        if down < 1e-4 {
            return None;
        }
        let t = self.at[1] / down;
        let (x, z) = (u * t, ahead * t);
        let (sin, cos) = self.yaw;
        Some([self.at[0] + x * cos - z * sin, self.at[2] + z * cos + x * sin])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ground_and_point_agree() {
        let view = View::street(1280, 720);
        for world in [[0.4, 0.0, 9.0], [-2.8, 0.0, 22.0], [1.0, 0.0, 60.0]] {
            let [x, z] = view.ground(view.point(world).unwrap()).unwrap();
            assert!((x - world[0]).abs() < 0.02 && (z - world[2]).abs() < 0.05, "{x} {z}");
        }
    }
}
