//! Time of day and weather: the colours everything is shaded with.

use super::dice::Dice;
use super::view::{World, dot, mix, normalise};

/// A linear-enough colour: red, green, blue in 0..=1, as stored in the frame.
pub(super) type Rgb = [f32; 3];

/// The light of one scene.
#[derive(Clone, Debug)]
pub(super) struct Light {
    /// Unit vector towards the sun or moon.
    pub(super) sun: World,
    ambient: Rgb,
    diffuse: Rgb,
    pub(super) haze: Rgb,
    haze_per_metre: f32,
    pub(super) shadow_alpha: f32,
    /// Shadows are long and directed, not just a dark patch below.
    pub(super) hard_shadows: bool,
    pub(super) sky_top: Rgb,
    pub(super) sky_low: Rgb,
    pub(super) night: bool,
    pub(super) clouds: f32,
}

impl Light {
    /// Draws the weather of a scene.
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed, &[1]);
        let side = dice.range(0.0, std::f32::consts::TAU);
        let towards = |elevation: f32| {
            normalise([
                side.cos() * elevation.cos(),
                side.sin() * elevation.cos() * 0.8 - 0.25,
                elevation.sin(),
            ])
        };
        let kind = dice.unit();
        let mut light = if kind < 0.42 {
            // Clear day.
            Self {
                sun: towards(dice.range(0.6, 1.2)),
                ambient: [0.60, 0.63, 0.68],
                diffuse: [0.48, 0.45, 0.40],
                haze: [0.78, 0.84, 0.90],
                haze_per_metre: 0.0016,
                shadow_alpha: dice.range(0.32, 0.5),
                hard_shadows: true,
                sky_top: dice.vary([0.27, 0.50, 0.82], 0.08),
                sky_low: dice.vary([0.74, 0.84, 0.93], 0.05),
                night: false,
                clouds: dice.range(0.0, 0.7),
            }
        } else if kind < 0.66 {
            // Overcast.
            Self {
                sun: towards(1.2),
                ambient: [0.72, 0.73, 0.75],
                diffuse: [0.20, 0.20, 0.20],
                haze: [0.74, 0.76, 0.79],
                haze_per_metre: dice.range(0.002, 0.008),
                shadow_alpha: dice.range(0.14, 0.24),
                hard_shadows: false,
                sky_top: dice.vary([0.56, 0.61, 0.68], 0.08),
                sky_low: dice.vary([0.80, 0.82, 0.84], 0.05),
                night: false,
                clouds: 1.0,
            }
        } else if kind < 0.84 {
            // Low sun: morning or evening.
            Self {
                sun: towards(dice.range(0.25, 0.45)),
                ambient: [0.58, 0.54, 0.57],
                diffuse: [0.62, 0.45, 0.28],
                haze: [0.90, 0.72, 0.58],
                haze_per_metre: 0.003,
                shadow_alpha: dice.range(0.3, 0.42),
                hard_shadows: true,
                sky_top: dice.vary([0.30, 0.36, 0.60], 0.07),
                sky_low: dice.vary([0.97, 0.70, 0.48], 0.05),
                night: false,
                clouds: dice.range(0.2, 0.8),
            }
        } else {
            // Night under street lamps.
            Self {
                sun: towards(1.1),
                ambient: dice.vary([0.33, 0.33, 0.38], 0.05),
                diffuse: [0.20, 0.18, 0.14],
                haze: [0.13, 0.14, 0.19],
                haze_per_metre: 0.004,
                shadow_alpha: 0.35,
                hard_shadows: false,
                sky_top: [0.04, 0.05, 0.10],
                sky_low: dice.vary([0.16, 0.15, 0.21], 0.04),
                night: true,
                clouds: 0.2,
            }
        };
        let exposure = dice.range(0.88, 1.1);
        light.ambient = light.ambient.map(|v| v * exposure);
        light.diffuse = light.diffuse.map(|v| v * exposure);
        light
    }

    /// A surface colour as seen: Lambert's cosine law plus ambient light, then haze by distance.
    pub(super) fn shade(&self, colour: Rgb, normal: World, depth: f32) -> Rgb {
        let lambert = dot(normal, self.sun).max(0.0);
        let sky = 0.92 + 0.08 * normal[2];
        let lit = std::array::from_fn(|i| {
            (colour[i] * (self.ambient[i] * sky + self.diffuse[i] * lambert)).min(1.0)
        });
        self.hazed(lit, depth)
    }

    /// A shining surface: haze only.
    pub(super) fn hazed(&self, colour: Rgb, depth: f32) -> Rgb {
        mix(
            colour,
            self.haze,
            1.0 - (-depth.max(0.0) * self.haze_per_metre).exp(),
        )
    }
}
