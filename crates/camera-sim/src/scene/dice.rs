//! Deterministic random numbers: every decision is drawn from a stream named by the scene's seed and a few tags.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// A random stream. Values come from the generator's bits directly, so no release of a distribution library changes a scene.
pub(super) struct Dice(Pcg64Mcg);

/// One step of SplitMix64 (Steele, Lea, Flood 2014): spreads neighbouring tags over all 64 bits.
fn split_mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Dice {
    /// The stream named by `seed` and `tags`; equal names give equal streams.
    pub(super) fn new(seed: u64, tags: &[u64]) -> Self {
        let state = tags.iter().fold(split_mix(seed), |state, tag| {
            split_mix(state ^ split_mix(*tag))
        });
        Self(Pcg64Mcg::seed_from_u64(state))
    }

    /// Uniform in [0, 1).
    pub(super) fn unit(&mut self) -> f32 {
        (self.0.next_u64() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform in [low, high).
    pub(super) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True with the given probability.
    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// Uniform in 0..count; 0 for an empty range.
    pub(super) fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f32) as usize).min(count.saturating_sub(1))
    }

    /// One of `choices`, which must not be empty.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// `base` with each channel shifted by up to `spread`.
    pub(super) fn vary(&mut self, base: [f32; 3], spread: f32) -> [f32; 3] {
        let common = self.range(-spread, spread);
        base.map(|channel| (channel + common + self.range(-spread, spread) * 0.35).clamp(0.0, 1.0))
    }
}
