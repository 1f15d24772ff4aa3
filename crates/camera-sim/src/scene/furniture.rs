//! What stands along the street and may hide what passes behind it: trees, lamps, signs, benches, bins, shelters.

use super::brush::Brush;
use super::dice::Dice;
use super::light::Rgb;
use super::models::{Side, Solid};
use super::road::Road;
use super::view::{Pose, View, World};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Tree,
    Lamp,
    TrafficLight,
    Sign,
    Bench,
    Bin,
    Shelter,
    Bollard,
    Planter,
}

/// One fixed thing.
#[derive(Clone, Debug)]
pub(super) struct Furniture {
    pub(super) kind: Kind,
    pub(super) pose: Pose,
    seed: u64,
}

/// Chooses the street's furniture. Not much of it stands between the camera and the road.
pub(super) fn furnish(seed: u64, road: &Road, view: &View) -> Vec<Furniture> {
    let mut dice = Dice::new(seed, &[6]);
    let mut found = Vec::new();
    let kerb_row = road.kerb() + 0.45;
    let back_row = road.frontage() - 0.3;
    let leafy = dice.unit();
    let spacing = dice.range(7.0, 12.0);
    let mut near_trees = 0;
    let mut place = -50.0 + dice.range(0.0, spacing);
    while place < 110.0 {
        for side in [-1.0f32, 1.0] {
            let across = side * (kerb_row + dice.range(-0.05, 0.1));
            let pose = road.pose(place + dice.range(-1.0, 1.0), across);
            let depth = pose.at[1];
            let choice = dice.unit();
            let kind = if choice < leafy * 0.5 {
                Kind::Tree
            } else if choice < 0.5 {
                Kind::Lamp
            } else if choice < 0.64 {
                Kind::Sign
            } else if choice < 0.74 {
                Kind::Planter
            } else {
                continue;
            };
            if kind == Kind::Tree && side < 0.0 {
                // A crown close to the camera would hide half the street.
                let margin = view
                    .image_from_world([pose.at[0], pose.at[1], 4.0])
                    .map(|p| (p[0] / view.width - 0.5).abs());
                if depth < 9.0
                    || (depth < 18.0 && margin.is_none_or(|m| m < 0.34))
                    || near_trees >= 3
                {
                    continue;
                }
                near_trees += 1;
            }
            let crossing_near = road.crossing.is_some_and(|at| (at - place).abs() < 4.5);
            if depth > 4.5 && !crossing_near {
                found.push(Furniture {
                    kind,
                    pose,
                    seed: seed ^ ((found.len() as u64 + 1) << 40),
                });
            }
        }
        place += spacing * dice.range(0.8, 1.3);
    }
    for _ in 0..7 {
        let kind = dice.pick(&[
            Kind::Bench,
            Kind::Bin,
            Kind::Bollard,
            Kind::Shelter,
            Kind::Bench,
            Kind::Planter,
            Kind::Bin,
        ]);
        let side: f32 = if dice.chance(0.75) || kind == Kind::Shelter {
            1.0
        } else {
            -1.0
        };
        let row = if kind == Kind::Bollard {
            kerb_row
        } else {
            back_row
        };
        let mut pose = road.pose(dice.range(-20.0, 45.0), side * row);
        if side > 0.0 {
            pose.heading += std::f32::consts::PI;
        }
        if pose.at[1] > 5.0 {
            found.push(Furniture {
                kind,
                pose,
                seed: seed ^ ((found.len() as u64 + 1) << 40),
            });
        }
    }
    if let Some(at) = road.crossing {
        for (along, side) in [(-3.2, -1.0), (3.2, 1.0)] {
            let mut pose = road.pose(at + along, side * kerb_row);
            if side > 0.0 {
                pose.heading += std::f32::consts::PI;
            }
            if pose.at[1] > 4.5 {
                found.push(Furniture {
                    kind: Kind::TrafficLight,
                    pose,
                    seed,
                });
            }
        }
    }
    found
}

impl Furniture {
    /// Half extent on the ground, metres, for the painter's order.
    pub(super) fn radius(&self) -> f32 {
        match self.kind {
            Kind::Shelter => 0.5,
            Kind::Bench | Kind::Planter => 0.4,
            _ => 0.15,
        }
    }

    /// Reach around the foot and height of everything drawn, metres.
    pub(super) fn reach(&self) -> [f32; 2] {
        match self.kind {
            Kind::Tree => [3.2, 8.6],
            Kind::Lamp => [2.0, 7.3],
            Kind::TrafficLight => [0.8, 3.6],
            Kind::Sign => [0.9, 3.2],
            Kind::Bench => [1.3, 1.2],
            Kind::Bin | Kind::Bollard => [0.5, 1.2],
            Kind::Shelter => [2.4, 2.8],
            Kind::Planter => [1.0, 1.3],
        }
    }

    pub(super) fn draw(&self, brush: &mut Brush<'_>) {
        let mut dice = Dice::new(self.seed, &[7]);
        let depth = brush
            .view
            .camera_from_world([self.pose.at[0], self.pose.at[1], 1.0])[2];
        let toward: World = [0.0, -1.0, 0.0];
        let light = brush.light;
        let tone = |c: Rgb| light.shade(c, toward, depth);
        let at = |f: f32, l: f32, u: f32| self.pose.world([f, l, u]);
        let steel = tone(dice.pick(&[[0.30, 0.32, 0.33], [0.45, 0.46, 0.47], [0.12, 0.20, 0.16]]));
        match self.kind {
            Kind::Tree => draw_tree(brush, self.pose, &mut dice),
            Kind::Lamp => {
                let arm = if light.night {
                    [1.0, 0.92, 0.70]
                } else {
                    tone([0.85, 0.85, 0.80])
                };
                brush.limb((at(0.0, 0.0, 0.0), 0.10), (at(0.0, 0.0, 6.6), 0.06), steel);
                let inward = if dice.chance(0.5) { 1.6 } else { -1.6 };
                brush.limb(
                    (at(0.0, 0.0, 6.6), 0.05),
                    (at(0.0, inward, 6.9), 0.045),
                    steel,
                );
                brush.limb(
                    (at(0.0, inward * 0.85, 6.84), 0.10),
                    (at(0.0, inward * 1.1, 6.9), 0.09),
                    arm,
                );
            }
            Kind::TrafficLight => {
                brush.limb((at(0.0, 0.0, 0.0), 0.08), (at(0.0, 0.0, 2.6), 0.07), steel);
                Solid::cuboid([-0.16, 0.16], 0.16, [2.45, 3.35]).draw(
                    brush,
                    self.pose,
                    |_| [0.10, 0.10, 0.11],
                    |brush, side, panel| {
                        if matches!(side, Side::Left | Side::Right | Side::Front | Side::Rear) {
                            for (y, lamp) in [
                                (0.12, [0.15, 0.55, 0.30]),
                                (0.42, [0.45, 0.36, 0.10]),
                                (0.72, [0.75, 0.16, 0.12]),
                            ] {
                                panel.shine(brush, [0.3, y], [0.7, y + 0.18], lamp);
                            }
                        }
                    },
                );
            }
            Kind::Sign => {
                brush.limb((at(0.0, 0.0, 0.0), 0.045), (at(0.0, 0.0, 2.9), 0.04), steel);
                let board = tone(dice.pick(&[
                    [0.80, 0.12, 0.12],
                    [0.12, 0.30, 0.68],
                    [0.95, 0.80, 0.12],
                    [0.94, 0.94, 0.92],
                ]));
                let across: World = [0.36, 0.0, 0.0];
                let up: World = [0.0, 0.0, 0.36];
                if dice.chance(0.5) {
                    brush.disc(at(0.0, 0.0, 2.55), across, up, board, 1.0);
                    brush.disc(
                        at(0.0, 0.0, 2.55),
                        across.map(|v| v * 0.66),
                        up.map(|v| v * 0.66),
                        tone([0.95, 0.95, 0.94]),
                        1.0,
                    );
                } else {
                    let [x, y] = self.pose.at;
                    brush.flat(
                        &[
                            [x - 0.5, y, 2.2],
                            [x + 0.5, y, 2.2],
                            [x + 0.5, y, 2.8],
                            [x - 0.5, y, 2.8],
                        ],
                        board,
                        1.0,
                    );
                    brush.flat(
                        &[
                            [x - 0.4, y, 2.4],
                            [x + 0.4, y, 2.4],
                            [x + 0.4, y, 2.5],
                            [x - 0.4, y, 2.5],
                        ],
                        tone([0.95, 0.95, 0.93]),
                        1.0,
                    );
                }
            }
            Kind::Bench => {
                let wood = [0.50, 0.34, 0.20];
                for end in [-0.7, 0.7] {
                    brush.limb((at(end, 0.1, 0.0), 0.03), (at(end, 0.1, 0.45), 0.03), steel);
                    brush.limb(
                        (at(end, -0.2, 0.0), 0.03),
                        (at(end, -0.2, 0.9), 0.03),
                        steel,
                    );
                }
                Solid::cuboid([-0.9, 0.9], 0.24, [0.42, 0.48]).draw(
                    brush,
                    self.pose,
                    |_| wood,
                    |_, _, _| {},
                );
                for up in [0.60, 0.76] {
                    brush.flat(
                        &[
                            at(-0.9, -0.22, up),
                            at(0.9, -0.22, up),
                            at(0.9, -0.24, up + 0.11),
                            at(-0.9, -0.24, up + 0.11),
                        ],
                        tone(wood),
                        1.0,
                    );
                }
            }
            Kind::Bin => {
                let colour = dice.pick(&[
                    [0.20, 0.40, 0.24],
                    [0.25, 0.26, 0.28],
                    [0.20, 0.30, 0.50],
                    [0.75, 0.45, 0.12],
                ]);
                let bin = Solid {
                    bottom: [-0.22, 0.22],
                    top: [-0.28, 0.28],
                    half_widths: [0.22, 0.28],
                    heights: [0.0, 0.95, 0.95],
                };
                bin.draw(
                    brush,
                    self.pose,
                    |side| {
                        if side == Side::Top {
                            colour.map(|c| c * 0.6)
                        } else {
                            colour
                        }
                    },
                    |brush, side, panel| {
                        if side != Side::Top {
                            panel.fill(brush, [0.15, 0.72], [0.85, 0.88], [0.07, 0.07, 0.07]);
                        }
                    },
                );
            }
            Kind::Bollard => {
                brush.limb(
                    (at(0.0, 0.0, 0.05), 0.11),
                    (at(0.0, 0.0, 0.85), 0.10),
                    steel,
                );
                brush.limb(
                    (at(0.0, 0.0, 0.62), 0.105),
                    (at(0.0, 0.0, 0.70), 0.105),
                    tone([0.92, 0.92, 0.90]),
                );
            }
            Kind::Shelter => {
                for end in [-1.7, 1.7] {
                    brush.limb(
                        (at(end, -0.4, 0.0), 0.05),
                        (at(end, -0.4, 2.4), 0.05),
                        steel,
                    );
                }
                brush.flat(
                    &[
                        at(-1.7, -0.4, 0.3),
                        at(1.7, -0.4, 0.3),
                        at(1.7, -0.4, 2.3),
                        at(-1.7, -0.4, 2.3),
                    ],
                    tone([0.55, 0.68, 0.74]),
                    0.42,
                );
                brush.flat(
                    &[
                        at(0.7, -0.38, 0.5),
                        at(1.6, -0.38, 0.5),
                        at(1.6, -0.38, 2.0),
                        at(0.7, -0.38, 2.0),
                    ],
                    tone(dice.pick(&[[0.9, 0.5, 0.2], [0.3, 0.6, 0.8], [0.85, 0.3, 0.4]])),
                    1.0,
                );
                Solid::cuboid([-2.0, 2.0], 0.75, [2.40, 2.55]).draw(
                    brush,
                    self.pose,
                    |_| [0.25, 0.27, 0.29],
                    |_, _, _| {},
                );
            }
            Kind::Planter => {
                let box_colour =
                    dice.pick(&[[0.55, 0.50, 0.45], [0.40, 0.28, 0.20], [0.68, 0.67, 0.64]]);
                Solid::cuboid([-0.7, 0.7], 0.35, [0.0, 0.55]).draw(
                    brush,
                    self.pose,
                    |_| box_colour,
                    |_, _, _| {},
                );
                for _ in 0..14 {
                    let leaf = dice.vary([0.24, 0.45, 0.20], 0.10);
                    let place = at(
                        dice.range(-0.6, 0.6),
                        dice.range(-0.25, 0.25),
                        dice.range(0.58, 0.85),
                    );
                    brush.limb((place, 0.16), (place, 0.16), tone(leaf));
                }
                for _ in 0..8 {
                    let flower = dice.pick(&[[0.9, 0.3, 0.4], [0.95, 0.8, 0.3], [0.9, 0.9, 0.95]]);
                    let place = at(
                        dice.range(-0.6, 0.6),
                        dice.range(-0.3, 0.3),
                        dice.range(0.75, 0.98),
                    );
                    brush.limb((place, 0.05), (place, 0.05), tone(flower));
                }
            }
        }
    }
}

fn draw_tree(brush: &mut Brush<'_>, pose: Pose, dice: &mut Dice) {
    let depth = brush.view.camera_from_world([pose.at[0], pose.at[1], 2.0])[2];
    let light = brush.light;
    let bark = light.shade([0.30, 0.22, 0.16], [0.0, -1.0, 0.0], depth);
    let tall = dice.range(4.6, 6.4);
    let at = |x: f32, y: f32, z: f32| [pose.at[0] + x, pose.at[1] + y, z];
    brush.limb(
        (at(0.0, 0.0, 0.0), 0.19),
        (at(0.05, 0.0, tall * 0.62), 0.12),
        bark,
    );
    brush.limb(
        (at(0.05, 0.0, tall * 0.5), 0.10),
        (at(0.9, 0.0, tall * 0.8), 0.05),
        bark,
    );
    brush.limb(
        (at(0.05, 0.0, tall * 0.5), 0.10),
        (at(-0.8, 0.0, tall * 0.85), 0.05),
        bark,
    );
    let leaves = dice.pick(&[
        [0.20, 0.42, 0.16],
        [0.28, 0.50, 0.18],
        [0.16, 0.36, 0.20],
        [0.55, 0.42, 0.12],
        [0.62, 0.32, 0.12],
    ]);
    let crown = dice.range(1.5, 2.0);
    let centre_up = tall * 0.62 + crown * 0.75;
    // Dark leaves below and behind, light ones towards the sun.
    for layer in 0..3 {
        let tone = [0.62, 0.86, 1.08][layer];
        for _ in 0..34 {
            let around = dice.range(0.0, std::f32::consts::TAU);
            let out = crown * dice.unit().sqrt();
            let (x, z) = (around.cos() * out * 1.1, around.sin() * out * 0.85);
            let shift = layer as f32 * 0.22;
            let place = at(
                x * (1.0 - shift * 0.3) + light.sun[0] * shift,
                0.0,
                centre_up + z * (1.0 - shift * 0.3) + shift,
            );
            let radius = dice.range(0.26, 0.52) * (1.0 - 0.22 * layer as f32);
            let colour = dice.vary(leaves, 0.04).map(|c| c * tone);
            let normal = if layer == 2 {
                light.sun
            } else {
                [0.0, -1.0, 0.0]
            };
            brush.limb(
                (place, radius),
                (place, radius),
                light.shade(colour, normal, depth),
            );
        }
    }
}
