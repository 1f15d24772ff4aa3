//! A detector's errors, from a seed: boxes that are off, objects that are missed, scores that fall
//! with what is hidden, classes that flicker, and boxes where nothing is.

use camweave_vision::Detection;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

/// Standard deviation of each edge, of the box's width or height; twice that for a hidden object.
const EDGE_NOISE: f32 = 0.03;
/// Objects less visible than this are not found.
const LEAST_VISIBLE: f32 = 0.2;
/// Share of wholly visible objects that is found in a frame.
const FOUND: f32 = 0.97;
/// Share of boxes with another class.
const WRONG_CLASS: f64 = 0.02;
/// The class that one is taken for: people and cyclists, cars and trucks.
const TAKEN_FOR: [u32; 4] = [1, 0, 3, 2];
/// Boxes where nothing is, in a frame.
const FALSE_BOXES: f64 = 0.05;
/// The detector reports boxes from this score on.
const LEAST_SCORE: f32 = 0.25;

/// What there is to see of an object.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub bbox: [f32; 4],
    pub class_id: u32,
    /// Share of it that nothing hides.
    pub visible: f32,
    /// Whether it is too small, or too hidden, to be asked for.
    pub is_small: bool,
}

/// A detector with noise.
pub struct Detector {
    seed: u64,
    size: (u32, u32),
}

impl Detector {
    /// For frames of this size. The same frame of the same seed is always seen in the same way.
    pub fn new(seed: u64, size: (u32, u32)) -> Self {
        Self { seed, size }
    }

    /// What it finds in a frame.
    pub fn look(&self, frame: u64, objects: impl Iterator<Item = Seen>) -> Vec<Detection> {
        let mut random = Pcg64Mcg::seed_from_u64(self.seed << 32 | frame);
        let (wide, high) = (self.size.0 as f32, self.size.1 as f32);
        let inside = |[x1, y1, x2, y2]: [f32; 4]| {
            [
                x1.clamp(0.0, wide),
                y1.clamp(0.0, high),
                x2.clamp(0.0, wide),
                y2.clamp(0.0, high),
            ]
        };
        let mut found = Vec::new();
        for object in objects {
            let clear = ((object.visible - LEAST_VISIBLE) / 0.5).clamp(0.0, 1.0);
            let likely = FOUND * clear * if object.is_small { 0.5 } else { 1.0 };
            let is_found = random.random::<f32>() < likely;
            let noise = EDGE_NOISE * (2.0 - clear);
            let [x1, y1, x2, y2] = object.bbox;
            let sides = [x2 - x1, y2 - y1];
            let bbox: [f32; 4] = std::array::from_fn(|edge| {
                object.bbox[edge] + normal(&mut random) * noise * sides[edge % 2]
            });
            let score = 0.35 + 0.5 * clear + 0.08 * normal(&mut random);
            let is_wrong = random.random_bool(WRONG_CLASS);
            let class_id = match TAKEN_FOR.get(object.class_id as usize) {
                Some(other) if is_wrong => *other,
                _ => object.class_id,
            };
            if is_found && score >= LEAST_SCORE {
                found.push(Detection {
                    bbox: inside(bbox),
                    score: score.min(0.99),
                    class_id,
                });
            }
        }
        if random.random_bool(FALSE_BOXES) {
            let side = high * (0.08 + 0.2 * random.random::<f32>());
            let (x, y) = (wide * random.random::<f32>(), high * random.random::<f32>());
            found.push(Detection {
                bbox: inside([x, y, x + side * 0.6, y + side]),
                score: LEAST_SCORE + 0.4 * random.random::<f32>(),
                class_id: random.random_range(0..4),
            });
        }
        found
    }
}

/// A number of the standard normal distribution (Box and Muller 1958).
fn normal(random: &mut Pcg64Mcg) -> f32 {
    let (a, b): (f32, f32) = (random.random(), random.random());
    (-2.0 * (1.0 - a).ln()).sqrt() * (std::f32::consts::TAU * b).cos()
}
