//! Passenger cars: saloon, hatchback, estate, off-roader, taxi.

use super::motion::Motion;
use super::solid::{Side, Solid};
use super::wheel::Wheel;
use crate::scene::brush::Brush;
use crate::scene::dice::Dice;
use crate::scene::light::Rgb;
use crate::scene::truth::Color;
use crate::scene::view::{Pose, World};

const PAINTS: [(Rgb, Color); 14] = [
    ([0.86, 0.87, 0.88], Color::White),
    ([0.94, 0.94, 0.93], Color::White),
    ([0.62, 0.64, 0.66], Color::Gray),
    ([0.30, 0.31, 0.33], Color::Gray),
    ([0.10, 0.10, 0.12], Color::Black),
    ([0.74, 0.10, 0.10], Color::Red),
    ([0.50, 0.07, 0.10], Color::Red),
    ([0.12, 0.25, 0.58], Color::Blue),
    ([0.25, 0.50, 0.78], Color::Blue),
    ([0.10, 0.35, 0.24], Color::Green),
    ([0.90, 0.72, 0.10], Color::Yellow),
    ([0.88, 0.42, 0.10], Color::Orange),
    ([0.58, 0.48, 0.38], Color::Brown),
    ([0.36, 0.22, 0.42], Color::Purple),
];
const TAXI_PAINTS: [(Rgb, Color); 2] = [
    ([0.95, 0.76, 0.08], Color::Yellow),
    ([0.93, 0.90, 0.78], Color::White),
];
const GLASS: Rgb = [0.13, 0.16, 0.20];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Body {
    Saloon,
    Hatchback,
    Estate,
    OffRoad,
}

/// The look of a car.
#[derive(Clone, Debug)]
pub(in crate::scene) struct Car {
    body: Body,
    paint: Rgb,
    color: Color,
    rim: Rgb,
    length: f32,
    width: f32,
    height: f32,
    taxi: bool,
    roof_bars: bool,
}

impl Car {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let body = dice.pick(&[
            Body::Saloon,
            Body::Saloon,
            Body::Hatchback,
            Body::Hatchback,
            Body::Estate,
            Body::OffRoad,
            Body::OffRoad,
        ]);
        let taxi = dice.chance(0.07);
        let (base, color) = dice.pick(&PAINTS);
        let (paint, color) = if taxi {
            dice.pick(&TAXI_PAINTS)
        } else {
            (dice.vary(base, 0.05), color)
        };
        let (length, height) = match body {
            Body::Saloon => (dice.range(4.4, 4.9), dice.range(1.40, 1.48)),
            Body::Hatchback => (dice.range(3.6, 4.2), dice.range(1.44, 1.56)),
            Body::Estate => (dice.range(4.4, 4.8), dice.range(1.46, 1.56)),
            Body::OffRoad => (dice.range(4.2, 4.8), dice.range(1.64, 1.80)),
        };
        Self {
            body,
            paint,
            color,
            rim: dice.pick(&[[0.62, 0.63, 0.65], [0.75, 0.76, 0.78], [0.35, 0.35, 0.37]]),
            length,
            width: dice.range(1.74, 1.90),
            height,
            taxi,
            roof_bars: dice.chance(0.25),
        }
    }

    pub(super) fn color(&self) -> Color {
        self.color
    }

    pub(super) fn size(&self) -> World {
        [
            self.length + 0.1,
            self.width + 0.1,
            self.height + if self.taxi { 0.2 } else { 0.08 },
        ]
    }

    pub(super) fn draw(&self, brush: &mut Brush<'_>, pose: Pose, motion: Motion) {
        let half = self.length * 0.5;
        let half_width = self.width * 0.5;
        let lifted = if self.body == Body::OffRoad {
            0.10
        } else {
            0.0
        };
        let radius = 0.32 + lifted * 0.4;
        let wheels: Vec<Wheel> = [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)]
            .map(|(end, side): (f32, f32)| Wheel {
                forward: end * (half - 0.82),
                left: side * half_width,
                radius,
                rim: self.rim,
            })
            .to_vec();
        for wheel in &wheels {
            wheel.draw_tyre(brush, pose);
        }
        let (waist, sill) = (0.58 + lifted, 0.24 + lifted);
        let shoulder = 0.92 + lifted;
        let night = brush.light.night;
        let lower = Solid {
            bottom: [-half + 0.08, half - 0.10],
            top: [-half, half],
            half_widths: [half_width - 0.04, half_width],
            heights: [sill, waist, waist],
        };
        let dark_trim = [0.14, 0.14, 0.15];
        lower.draw(
            brush,
            pose,
            |_| self.paint,
            |brush, side, panel| match side {
                Side::Left | Side::Right => panel.fill(brush, [0.0, 0.0], [1.0, 0.22], dark_trim),
                Side::Front => {
                    panel.fill(brush, [0.18, 0.10], [0.82, 0.62], [0.08, 0.08, 0.09]);
                    panel.fill(brush, [0.36, 0.42], [0.64, 0.66], [0.92, 0.92, 0.90]);
                }
                Side::Rear => {
                    panel.fill(brush, [0.0, 0.0], [1.0, 0.35], dark_trim);
                    panel.fill(brush, [0.36, 0.55], [0.64, 0.85], [0.92, 0.92, 0.90]);
                }
                Side::Top => {}
            },
        );
        let upper = Solid {
            bottom: [-half, half],
            top: [-half + 0.10, half - 0.16],
            half_widths: [half_width, half_width - 0.07],
            heights: [waist, shoulder + 0.02, shoulder - 0.10],
        };
        let lamp = if night {
            [1.0, 0.97, 0.82]
        } else {
            [0.93, 0.94, 0.92]
        };
        let tail = if night {
            [1.0, 0.12, 0.10]
        } else {
            [0.72, 0.06, 0.06]
        };
        upper.draw(
            brush,
            pose,
            |_| self.paint,
            |brush, side, panel| match side {
                Side::Front => {
                    panel.shine(brush, [0.03, 0.15], [0.22, 0.85], lamp);
                    panel.shine(brush, [0.78, 0.15], [0.97, 0.85], lamp);
                    panel.fill(brush, [0.28, 0.1], [0.72, 0.62], [0.07, 0.07, 0.08]);
                }
                Side::Rear => {
                    panel.shine(brush, [0.02, 0.2], [0.20, 0.9], tail);
                    panel.shine(brush, [0.80, 0.2], [0.98, 0.9], tail);
                }
                Side::Left | Side::Right => {
                    for x in [0.30, 0.515, 0.70] {
                        panel.fill(
                            brush,
                            [x, 0.0],
                            [x + 0.006, 0.92],
                            self.paint.map(|c| c * 0.55),
                        );
                    }
                    for x in [0.33, 0.54] {
                        panel.fill(
                            brush,
                            [x, 0.62],
                            [x + 0.035, 0.72],
                            self.paint.map(|c| c * 0.6),
                        );
                    }
                    panel.shine(brush, [0.0, 0.35], [0.03, 0.9], tail);
                    panel.shine(brush, [0.965, 0.35], [1.0, 0.85], lamp);
                }
                Side::Top => {}
            },
        );
        self.draw_cabin(brush, pose, shoulder);
        for wheel in &wheels {
            wheel.draw_face(brush, pose, motion.travelled);
        }
    }

    fn draw_cabin(&self, brush: &mut Brush<'_>, pose: Pose, shoulder: f32) {
        let half = self.length * 0.5;
        let half_width = self.width * 0.5;
        let (rear, rear_top) = match self.body {
            Body::Saloon => (-half + 0.62, -half + 1.25),
            Body::Hatchback => (-half + 0.14, -half + 0.55),
            Body::Estate => (-half + 0.14, -half + 0.42),
            Body::OffRoad => (-half + 0.12, -half + 0.36),
        };
        let (front, front_top) = (half - 1.15, half - 1.95);
        let cabin = Solid {
            bottom: [rear, front],
            top: [rear_top, front_top],
            half_widths: [half_width - 0.09, half_width - 0.24],
            heights: [shoulder - 0.02, self.height, self.height],
        };
        let glass = if brush.light.night {
            GLASS.map(|c| c * 0.7)
        } else {
            GLASS
        };
        cabin.draw(
            brush,
            pose,
            |_| self.paint,
            |brush, side, panel| match side {
                Side::Left | Side::Right => {
                    panel.glass(brush, [0.08, 0.12], [0.46, 0.86], glass);
                    panel.glass(brush, [0.51, 0.12], [0.90, 0.86], glass);
                }
                Side::Front => panel.glass(brush, [0.05, 0.06], [0.95, 0.90], glass),
                Side::Rear => panel.glass(brush, [0.09, 0.18], [0.91, 0.88], glass),
                Side::Top => {
                    if self.roof_bars {
                        for y in [0.08, 0.88] {
                            panel.fill(brush, [0.08, y], [0.92, y + 0.04], [0.12, 0.12, 0.13]);
                        }
                    }
                }
            },
        );
        if self.taxi {
            let middle = (rear_top + front_top) * 0.5;
            let sign = Solid::cuboid(
                [middle - 0.1, middle + 0.1],
                0.3,
                [self.height, self.height + 0.16],
            );
            sign.draw(
                brush,
                pose,
                |_| [0.96, 0.93, 0.55],
                |brush, side, panel| {
                    if side != Side::Top {
                        panel.fill(brush, [0.2, 0.3], [0.8, 0.7], [0.1, 0.1, 0.1]);
                    }
                },
            );
        }
    }
}
