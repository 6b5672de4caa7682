//! Chance that is the same everywhere: SplitMix64, seeded.

/// A seeded generator.
#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed)
    }
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// A number from `low` up to `high`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (self.bits() >> 40) as f32 / (1u64 << 24) as f32 * (high - low)
    }
    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[(self.bits() >> 33) as usize % from.len()]
    }
}

/// Noise over the plane, 0 to 1, smooth between whole numbers.
pub fn noise(x: f32, y: f32, seed: u64) -> f32 {
    let corner = |i: i64, j: i64| {
        let key =
            (i as u64).wrapping_mul(0x1f12_3bb5) ^ (j as u64).wrapping_mul(0x5_f356_495b) ^ seed;
        (Rng::new(key).bits() >> 40) as f32 / (1u64 << 24) as f32
    };
    let (i, j) = (x.floor() as i64, y.floor() as i64);
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (fx, fy) = (ease(x - x.floor()), ease(y - y.floor()));
    let top = corner(i, j) + (corner(i + 1, j) - corner(i, j)) * fx;
    let low = corner(i, j + 1) + (corner(i + 1, j + 1) - corner(i, j + 1)) * fx;
    top + (low - top) * fy
}
