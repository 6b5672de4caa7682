//! What stands still: sky, houses, trees, pavement, road. Drawn once a scenario.

use crate::Light;
use crate::draw::{Canvas, Rgb, mix, shade};
use crate::rng::{Rng, noise};
use crate::view::{View, World};

/// The road's edges, X in metres.
const ROAD: (f32, f32) = (-6.0, 2.2);
/// The line of the houses across the street.
const FRONT: f32 = -9.5;
const FAR: f32 = 400.0;

/// The empty street.
pub fn draw(view: &View, width: usize, height: usize, light: Light, seed: u64) -> Canvas {
    let mut rng = Rng::new(seed ^ 0x57ee7);
    let mut c = sky(width, height, light);
    pavement(&mut c, view, seed);
    houses(&mut c, view, light, &mut rng);
    markings(&mut c, view);
    for z in [33.0, 47.0, 64.0, 90.0] {
        tree(&mut c, view, [-7.6 + rng.range(-0.3, 0.3), 0.0, z], &mut rng);
    }
    post(&mut c, view, [-6.6, 0.0, 27.0]);
    post(&mut c, view, [2.9, 0.0, 70.0]);
    if light == Light::Dusk {
        for p in &mut c.pixels {
            *p = [p[0] * 0.34, p[1] * 0.36, p[2] * 0.46];
        }
        lamps(&mut c, view);
    }
    c
}

fn sky(width: usize, height: usize, light: Light) -> Canvas {
    let (top, low) = match light {
        Light::Day => ([0.55, 0.68, 0.85], [0.80, 0.86, 0.92]),
        Light::Dusk => ([0.45, 0.45, 0.65], [0.95, 0.70, 0.55]),
    };
    let mut c = Canvas::new(width, height, top);
    for y in 0..height {
        let row = mix(top, low, (y as f32 / (height as f32 * 0.25)).min(1.0));
        c.pixels[y * width..(y + 1) * width].fill(row);
    }
    c
}

/// Road, kerbs, pavements and grass, pixel by pixel with their grain.
fn pavement(c: &mut Canvas, view: &View, seed: u64) {
    for y in 0..c.height {
        for x in 0..c.width {
            let Some([gx, gz]) = view.ground([x as f32 + 0.5, y as f32 + 0.5]) else { continue };
            if !(0.0..FAR).contains(&gz) {
                continue;
            }
            // Grain finer than a pixel would only shimmer: it fades with the distance.
            let fine = 1.0 / (1.0 + gz * 0.05);
            let grain = (noise(gx * 60.0, gz * 25.0, seed) - 0.5) * 0.10 * fine
                + (noise(gx * 9.0, gz * 3.0, seed ^ 1) - 0.5) * 0.06
                + (noise(gx * 0.8, gz * 0.25, seed ^ 2) - 0.5) * 0.10;
            let ground = surface(gx, gz);
            let haze = (gz / FAR).sqrt() * 0.5;
            c.pixels[y * c.width + x] =
                mix(shade(ground, 1.0 + grain * 1.6), [0.75, 0.78, 0.80], haze);
        }
    }
}

fn surface(x: f32, z: f32) -> Rgb {
    let slab = |v: f32| if v.rem_euclid(1.5) < 0.03 { 0.8 } else { 1.0 };
    // Tyres polish two tracks a lane.
    let worn = [-3.6, -2.0, -0.4, 1.2].iter().any(|t| (x - t).abs() < 0.28);
    match x {
        x if x < FRONT + 0.6 => [0.30, 0.40, 0.22],
        x if x < ROAD.0 - 0.18 || x > ROAD.1 + 0.18 => shade([0.62, 0.61, 0.58], slab(z) * slab(x)),
        x if x < ROAD.0 || x > ROAD.1 => [0.72, 0.71, 0.68],
        x if x < ROAD.0 + 0.4 || x > ROAD.1 - 0.4 => [0.36, 0.36, 0.36],
        _ if worn => [0.39, 0.39, 0.40],
        _ => [0.43, 0.43, 0.43],
    }
}

fn flat(c: &mut Canvas, view: &View, x: (f32, f32), z: (f32, f32), colour: Rgb) {
    let quad = [[x.0, 0.0, z.0], [x.1, 0.0, z.0], [x.1, 0.0, z.1], [x.0, 0.0, z.1]];
    c.polygon(&view.outline(&quad), colour, 0.85);
}

fn markings(c: &mut Canvas, view: &View) {
    let mut z = 1.0;
    while z < 150.0 {
        flat(c, view, (-1.26, -1.14), (z, z + 3.0), [0.86, 0.86, 0.84]);
        z += 9.0;
    }
    flat(c, view, (-4.55, -4.43), (1.0, 300.0), [0.84, 0.84, 0.82]);
    flat(c, view, (1.90, 1.98), (1.0, 300.0), [0.80, 0.72, 0.35]);
}

/// A wall across the street, its windows and doors.
fn houses(c: &mut Canvas, view: &View, light: Light, rng: &mut Rng) {
    const WALLS: [Rgb; 6] = [
        [0.62, 0.40, 0.32],
        [0.78, 0.72, 0.62],
        [0.66, 0.66, 0.68],
        [0.72, 0.60, 0.48],
        [0.52, 0.36, 0.32],
        [0.80, 0.80, 0.78],
    ];
    let mut plots = Vec::new();
    let mut z = 16.0;
    while z < 220.0 {
        let wide = rng.range(8.0, 15.0);
        plots.push((z, z + wide, rng.range(2.0, 4.9) as usize, *rng.pick(&WALLS)));
        z += wide + if rng.range(0.0, 1.0) < 0.2 { 3.0 } else { 0.0 };
    }
    // Far ones first: a house's side wall covers the next one.
    for (z0, z1, floors, wall) in plots.into_iter().rev() {
        let high = floors as f32 * 3.1 + 0.8;
        let haze = |k: Rgb| mix(k, [0.75, 0.78, 0.82], (z0 / 500.0).min(0.5));
        upright(c, view, (z0, z1), (0.0, high), haze(wall));
        upright(c, view, (z0, z1), (0.0, 0.7), haze(shade(wall, 0.72)));
        upright(c, view, (z0, z1), (high - 0.35, high), haze(shade(wall, 0.8)));
        let count = ((z1 - z0 - 1.0) / 3.6) as usize;
        let step = (z1 - z0) / count as f32;
        let door = rng.range(0.0, count as f32) as usize;
        for floor in 0..floors {
            for i in 0..count {
                let mid = z0 + (i as f32 + 0.5) * step;
                let lit = light == Light::Dusk && rng.range(0.0, 1.0) < 0.35;
                let glass = if lit {
                    [2.2, 1.8, 1.1]
                } else {
                    shade([0.30, 0.36, 0.42], rng.range(0.6, 1.3))
                };
                let sill = floor as f32 * 3.1 + 1.1;
                let is_door = floor == 0 && i == door;
                let rows = if is_door { (0.1, 2.5) } else { (sill, sill + 1.25) };
                opening(c, view, mid, rows, haze(glass), haze([0.85, 0.84, 0.8]));
            }
        }
    }
}

/// A window or a door: frame, glass, and a bar across, as sash windows have it. Upright bars would
/// make a row of houses look like a row of letters.
fn opening(c: &mut Canvas, view: &View, mid: f32, rows: (f32, f32), glass: Rgb, frame: Rgb) {
    let bar = rows.0 + 0.55 * (rows.1 - rows.0);
    upright(c, view, (mid - 0.95, mid + 0.95), (rows.0 - 0.08, rows.1 + 0.1), frame);
    upright(c, view, (mid - 0.86, mid + 0.86), rows, glass);
    upright(c, view, (mid - 0.86, mid + 0.86), (bar, bar + 0.06), frame);
}

fn upright(c: &mut Canvas, view: &View, z: (f32, f32), y: (f32, f32), colour: Rgb) {
    let quad = [[FRONT, y.0, z.0], [FRONT, y.0, z.1], [FRONT, y.1, z.1], [FRONT, y.1, z.0]];
    c.polygon(&view.outline(&quad), colour, 1.0);
}

fn tree(c: &mut Canvas, view: &View, foot: World, rng: &mut Rng) {
    let up = |x: f32, y: f32| [foot[0] + x, y, foot[2]];
    let trunk = [up(-0.14, 0.0), up(0.14, 0.0), up(0.09, 3.0), up(-0.09, 3.0)];
    c.polygon(&view.outline(&trunk), [0.30, 0.24, 0.19], 1.0);
    for i in 0..260 {
        let (a, r) = (rng.range(0.0, std::f32::consts::TAU), rng.range(0.0, 1.0).sqrt() * 1.6);
        let at = up(r * a.cos(), 3.7 + r * a.sin() * 0.9);
        if let Some(p) = view.point(at) {
            let tone = 0.5 + 0.5 * (i as f32 / 260.0) + rng.range(-0.12, 0.12);
            c.disc(p, view.scale(at) * rng.range(0.07, 0.2), shade([0.26, 0.35, 0.18], tone));
        }
    }
}

fn post(c: &mut Canvas, view: &View, foot: World) {
    let up = |x: f32, y: f32| [foot[0] + x, y, foot[2]];
    let quad = [up(-0.07, 0.0), up(0.07, 0.0), up(0.05, 6.0), up(-0.05, 6.0)];
    c.polygon(&view.outline(&quad), [0.35, 0.37, 0.38], 1.0);
}

/// Pools of light under the street lamps.
fn lamps(c: &mut Canvas, view: &View) {
    for (x, z) in [(-5.0, 12.0), (1.0, 30.0), (-5.0, 45.0), (1.0, 62.0)] {
        let at = [x, 0.0, z];
        if let Some(p) = view.point(at) {
            c.glow(p, view.scale(at) * 2.6, [1.0, 0.85, 0.55], 0.22);
        }
    }
}
