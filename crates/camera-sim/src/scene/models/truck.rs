//! Trucks: box body, tipper, tanker-like curtain side, each behind a cab.

use super::motion::Motion;
use super::solid::{Side, Solid};
use super::wheel::Wheel;
use crate::scene::brush::Brush;
use crate::scene::dice::Dice;
use crate::scene::light::Rgb;
use crate::scene::view::{Pose, World};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Load {
    /// A closed box.
    Closed,
    /// An open body with sand or stones.
    Tipper,
    /// Striped curtains.
    Curtain,
    /// A flat bed with crates.
    Flatbed,
}

/// The look of a truck.
#[derive(Clone, Debug)]
pub(in crate::scene) struct Truck {
    load: Load,
    cab: Rgb,
    body: Rgb,
    mark: Rgb,
    length: f32,
    width: f32,
    height: f32,
    cab_height: f32,
}

const CABS: [Rgb; 8] = [
    [0.92, 0.92, 0.91],
    [0.75, 0.12, 0.10],
    [0.13, 0.28, 0.60],
    [0.90, 0.55, 0.08],
    [0.12, 0.42, 0.26],
    [0.30, 0.32, 0.35],
    [0.85, 0.78, 0.20],
    [0.45, 0.66, 0.80],
];
const BODIES: [Rgb; 8] = [
    [0.94, 0.94, 0.93],
    [0.86, 0.88, 0.90],
    [0.60, 0.62, 0.64],
    [0.20, 0.38, 0.66],
    [0.80, 0.22, 0.16],
    [0.22, 0.50, 0.32],
    [0.92, 0.70, 0.18],
    [0.50, 0.36, 0.26],
];

impl Truck {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let load = dice.pick(&[
            Load::Closed,
            Load::Closed,
            Load::Closed,
            Load::Tipper,
            Load::Curtain,
            Load::Flatbed,
        ]);
        let large = dice.chance(0.4);
        Self {
            load,
            cab: dice.pick(&CABS),
            body: dice.pick(&BODIES),
            mark: dice.pick(&CABS),
            length: if large {
                dice.range(7.6, 8.8)
            } else {
                dice.range(5.8, 7.0)
            },
            width: if large { 2.45 } else { 2.2 },
            height: if large {
                dice.range(3.2, 3.6)
            } else {
                dice.range(2.7, 3.0)
            },
            cab_height: if large {
                dice.range(2.7, 3.0)
            } else {
                dice.range(2.2, 2.4)
            },
        }
    }

    pub(super) fn size(&self) -> World {
        [
            self.length + 0.15,
            self.width + 0.15,
            self.height.max(self.cab_height) + 0.15,
        ]
    }

    pub(super) fn draw(&self, brush: &mut Brush<'_>, pose: Pose, motion: Motion) {
        let half = self.length * 0.5;
        let half_width = self.width * 0.5;
        let radius = 0.46;
        let mut wheels = Vec::with_capacity(6);
        let axles: &[f32] = if self.length > 7.2 {
            &[1.0, -0.62, -0.36]
        } else {
            &[1.0, -0.55]
        };
        for axle in axles {
            for side in [-1.0, 1.0] {
                let forward = if *axle > 0.9 {
                    half - 0.85
                } else {
                    half * axle
                };
                wheels.push(Wheel {
                    forward,
                    left: side * (half_width - 0.03),
                    radius,
                    rim: [0.55, 0.56, 0.58],
                });
            }
        }
        for wheel in &wheels {
            wheel.draw_tyre(brush, pose);
        }
        let tail = if brush.light.night {
            [1.0, 0.12, 0.10]
        } else {
            [0.70, 0.07, 0.06]
        };
        Solid::cuboid([-half, half - 0.25], half_width - 0.22, [0.55, 0.95]).draw(
            brush,
            pose,
            |_| [0.13, 0.13, 0.14],
            |brush, side, panel| {
                if side == Side::Rear {
                    panel.shine(brush, [0.02, 0.2], [0.16, 0.8], tail);
                    panel.shine(brush, [0.84, 0.2], [0.98, 0.8], tail);
                    panel.fill(brush, [0.40, 0.2], [0.60, 0.8], [0.92, 0.92, 0.88]);
                }
            },
        );
        // The cab and the load lie on either side of a plane: the part on the camera's side is drawn last.
        let cab_rear = half - 1.75;
        let (sin, cos) = pose.heading.sin_cos();
        let camera_forward = -pose.at[0] * cos - pose.at[1] * sin;
        if camera_forward > cab_rear {
            self.draw_load(brush, pose, cab_rear - 0.15);
            self.draw_cab(brush, pose, cab_rear);
        } else {
            self.draw_cab(brush, pose, cab_rear);
            self.draw_load(brush, pose, cab_rear - 0.15);
        }
        for wheel in &wheels {
            wheel.draw_face(brush, pose, motion.travelled);
        }
    }

    fn draw_cab(&self, brush: &mut Brush<'_>, pose: Pose, rear: f32) {
        let half = self.length * 0.5;
        let half_width = self.width * 0.5 - 0.05;
        let night = brush.light.night;
        let lamp = if night {
            [1.0, 0.97, 0.82]
        } else {
            [0.92, 0.93, 0.90]
        };
        let glass = if night {
            [0.09, 0.11, 0.14]
        } else {
            [0.14, 0.17, 0.21]
        };
        let middle = 0.5 + (self.cab_height - 0.5) * 0.46;
        let lower = Solid::cuboid([rear, half], half_width, [0.45, middle]);
        lower.draw(
            brush,
            pose,
            |_| self.cab,
            |brush, side, panel| match side {
                Side::Front => {
                    panel.fill(brush, [0.0, 0.0], [1.0, 0.28], [0.16, 0.16, 0.17]);
                    panel.fill(brush, [0.22, 0.40], [0.78, 0.90], [0.10, 0.10, 0.11]);
                    panel.shine(brush, [0.03, 0.32], [0.18, 0.55], lamp);
                    panel.shine(brush, [0.82, 0.32], [0.97, 0.55], lamp);
                    panel.fill(brush, [0.40, 0.08], [0.60, 0.22], [0.92, 0.92, 0.88]);
                }
                Side::Left | Side::Right => {
                    panel.fill(
                        brush,
                        [0.30, 0.30],
                        [0.315, 1.0],
                        self.cab.map(|c| c * 0.55),
                    );
                    panel.fill(brush, [0.36, 0.72], [0.46, 0.79], [0.12, 0.12, 0.12]);
                }
                Side::Rear | Side::Top => {}
            },
        );
        let upper = Solid {
            bottom: [rear, half],
            top: [rear, half - 0.28],
            half_widths: [half_width, half_width - 0.08],
            heights: [middle, self.cab_height, self.cab_height],
        };
        upper.draw(
            brush,
            pose,
            |_| self.cab,
            |brush, side, panel| match side {
                Side::Front => panel.glass(brush, [0.06, 0.10], [0.94, 0.84], glass),
                Side::Left | Side::Right => panel.glass(brush, [0.38, 0.12], [0.92, 0.82], glass),
                Side::Rear | Side::Top => {}
            },
        );
    }

    fn draw_load(&self, brush: &mut Brush<'_>, pose: Pose, front: f32) {
        let rear = -self.length * 0.5;
        let half_width = self.width * 0.5;
        match self.load {
            Load::Closed | Load::Curtain => {
                let curtain = self.load == Load::Curtain;
                let solid = Solid::cuboid([rear, front], half_width, [0.95, self.height]);
                solid.draw(
                    brush,
                    pose,
                    |_| self.body,
                    |brush, side, panel| match side {
                        Side::Left | Side::Right if curtain => {
                            for stripe in 0..9 {
                                let x = (stripe as f32 + 0.5) / 9.0;
                                panel.fill(
                                    brush,
                                    [x, 0.04],
                                    [x + 0.03, 0.96],
                                    self.body.map(|c| c * 0.78),
                                );
                            }
                            panel.fill(brush, [0.0, 0.0], [1.0, 0.05], [0.2, 0.2, 0.2]);
                        }
                        Side::Left | Side::Right => {
                            panel.fill(brush, [0.0, 0.16], [1.0, 0.30], self.mark);
                            panel.fill(
                                brush,
                                [0.22, 0.46],
                                [0.70, 0.76],
                                self.mark.map(|c| c * 0.85),
                            );
                            panel.fill(brush, [0.0, 0.94], [1.0, 1.0], self.body.map(|c| c * 0.7));
                            panel.fill(brush, [0.0, 0.0], [1.0, 0.05], [0.25, 0.25, 0.26]);
                        }
                        Side::Rear => {
                            panel.fill(
                                brush,
                                [0.49, 0.04],
                                [0.51, 0.96],
                                self.body.map(|c| c * 0.5),
                            );
                            for x in [0.32, 0.64] {
                                panel.fill(
                                    brush,
                                    [x, 0.1],
                                    [x + 0.04, 0.9],
                                    self.body.map(|c| c * 0.72),
                                );
                            }
                            panel.fill(brush, [0.0, 0.0], [1.0, 0.06], [0.75, 0.15, 0.10]);
                        }
                        Side::Front | Side::Top => {}
                    },
                );
            }
            Load::Tipper => {
                let rim = 2.05;
                let body = Solid {
                    bottom: [rear + 0.2, front],
                    top: [rear, front],
                    half_widths: [half_width - 0.1, half_width],
                    heights: [0.95, rim, rim],
                };
                body.draw(
                    brush,
                    pose,
                    |side| {
                        if side == Side::Top {
                            [0.50, 0.42, 0.30]
                        } else {
                            self.body
                        }
                    },
                    |brush, side, panel| {
                        if matches!(side, Side::Left | Side::Right) {
                            for rib in 0..6 {
                                let x = rib as f32 / 5.0 * 0.94;
                                panel.fill(
                                    brush,
                                    [x, 0.0],
                                    [x + 0.05, 1.0],
                                    self.body.map(|c| c * 0.68),
                                );
                            }
                        }
                    },
                );
                let heap = Solid {
                    bottom: [rear + 0.25, front - 0.2],
                    top: [rear + 1.4, front - 1.2],
                    half_widths: [half_width - 0.2, 0.3],
                    heights: [rim, rim + 0.55, rim + 0.55],
                };
                heap.draw(brush, pose, |_| [0.62, 0.52, 0.36], |_, _, _| {});
            }
            Load::Flatbed => {
                Solid::cuboid([rear, front], half_width, [0.95, 1.15]).draw(
                    brush,
                    pose,
                    |_| [0.45, 0.38, 0.30],
                    |_, _, _| {},
                );
                let length = front - rear;
                let mut crates = [0.03, 0.36, 0.69];
                // Drawn from the far end to the camera's.
                let (sin, cos) = pose.heading.sin_cos();
                if -pose.at[0] * cos - pose.at[1] * sin < 0.0 {
                    crates.reverse();
                }
                for start in crates {
                    let ends = [rear + length * start, rear + length * (start + 0.27)];
                    let tall = 1.15 + 0.55 + start * 0.9;
                    let colour = if start > 0.3 && start < 0.5 {
                        self.mark
                    } else {
                        self.body
                    };
                    Solid::cuboid(ends, half_width - 0.25, [1.15, tall]).draw(
                        brush,
                        pose,
                        |_| colour,
                        |brush, side, panel| {
                            if side != Side::Top {
                                panel.fill(
                                    brush,
                                    [0.0, 0.45],
                                    [1.0, 0.55],
                                    colour.map(|c| c * 0.7),
                                );
                            }
                        },
                    );
                }
            }
        }
    }
}
