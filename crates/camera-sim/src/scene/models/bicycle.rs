//! Bicycles with their riders.

use super::motion::Motion;
use super::person::{Head, SKINS, TOPS, TROUSERS, draw_head};
use crate::scene::brush::Brush;
use crate::scene::dice::Dice;
use crate::scene::light::Rgb;
use crate::scene::view::{Pose, World, dot, normalise, scale, sub};

const WHEEL_RADIUS: f32 = 0.34;
const AXLE: f32 = 0.52;

/// The look of a bicycle and its rider.
#[derive(Clone, Debug)]
pub(in crate::scene) struct Rider {
    frame: Rgb,
    top: Rgb,
    trousers: Rgb,
    skin: Rgb,
    helmet: Option<Rgb>,
    upright: f32,
    basket: bool,
    bags: bool,
    crank: f32,
    scale: f32,
}

impl Rider {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let top = dice.pick(&TOPS);
        Self {
            frame: dice.pick(&TOPS),
            top: dice.vary(top, 0.06),
            trousers: dice.pick(&TROUSERS),
            skin: dice.pick(&SKINS),
            helmet: dice.chance(0.6).then(|| dice.pick(&TOPS)),
            upright: dice.range(0.0, 1.0),
            basket: dice.chance(0.25),
            bags: dice.chance(0.25),
            crank: dice.range(0.0, 6.2),
            scale: dice.range(0.94, 1.08),
        }
    }

    pub(super) fn size(&self) -> World {
        [1.95 * self.scale, 0.8, 1.96 * self.scale]
    }

    pub(super) fn draw(&self, brush: &mut Brush<'_>, pose: Pose, motion: Motion) {
        let k = self.scale;
        let at = |forward: f32, left: f32, up: f32| pose.world([forward * k, left * k, up * k]);
        let depth = brush.view.camera_from_world(at(0.0, 0.0, 0.9))[2];
        let towards = sub(brush.view.eye(), at(0.0, 0.0, 0.0));
        let facing = normalise([towards[0], towards[1], 0.0]);
        let light = brush.light;
        let tone = |c: Rgb, by: f32| light.shade(c.map(|v| v * by), facing, depth);
        let camera_left = dot(towards, pose.left()) > 0.0;
        let near: f32 = if camera_left { 1.0 } else { -1.0 };
        let seen_from_ahead = dot(towards, pose.forward()) > 0.0;
        let tyre = tone([0.07, 0.07, 0.08], 1.0);
        let frame = tone(self.frame, 0.95);
        let metal = tone([0.45, 0.46, 0.48], 1.0);

        let crank = motion.travelled / 0.85 + self.crank;
        let pedal = |side: f32| {
            let angle = crank
                + if side > 0.0 {
                    0.0
                } else {
                    std::f32::consts::PI
                };
            [
                0.02 + 0.17 * angle.cos(),
                side * 0.10,
                0.29 - 0.17 * angle.sin(),
            ]
        };
        let seat = [-0.20, 0.0, 0.98];
        let lean = 0.30 - 0.22 * self.upright;
        let shoulder = [-0.16 + 0.16 + lean * 0.9, 0.0, 1.44 + 0.05 * self.upright];
        let grip = |side: f32| {
            [
                0.42 - 0.06 * self.upright,
                side * 0.23,
                1.04 + 0.06 * self.upright,
            ]
        };
        let leg = |brush: &mut Brush<'_>, side: f32, shade: f32| {
            let hip = [seat[0] + 0.02, side * 0.09, seat[2] + 0.03];
            let foot = pedal(side);
            let knee = bend(hip, foot, 0.43, 0.46);
            let p = |v: World| at(v[0], v[1], v[2]);
            let cloth = tone(self.trousers, shade);
            brush.limb((p(hip), 0.085), (p(knee), 0.062), cloth);
            brush.limb((p(knee), 0.058), (p(foot), 0.042), cloth.map(|c| c * 0.94));
            brush.limb(
                (at(foot[0] - 0.04, foot[1], foot[2]), 0.04),
                (at(foot[0] + 0.13, foot[1], foot[2] - 0.01), 0.03),
                tone([0.12, 0.11, 0.11], 1.0),
            );
        };
        let arm = |brush: &mut Brush<'_>, side: f32, shade: f32| {
            let root = [shoulder[0], side * 0.17, shoulder[2] - 0.02];
            let hand = grip(side);
            let elbow = [
                (root[0] + hand[0]) * 0.5 - 0.02,
                side * 0.25,
                (root[2] + hand[2]) * 0.5 - 0.07,
            ];
            let p = |v: World| at(v[0], v[1], v[2]);
            brush.limb((p(elbow), 0.038), (p(hand), 0.033), tone(self.skin, shade));
            brush.limb((p(root), 0.058), (p(elbow), 0.042), tone(self.top, shade));
        };

        leg(brush, -near, 0.68);
        arm(brush, -near, 0.72);
        let radii = [
            scale(pose.forward(), WHEEL_RADIUS * k),
            [0.0, 0.0, WHEEL_RADIUS * k],
        ];
        let wheels = if seen_from_ahead {
            [-AXLE, AXLE]
        } else {
            [AXLE, -AXLE]
        };
        for axle in wheels {
            let hub = at(axle, 0.0, WHEEL_RADIUS);
            let spoke = tone([0.70, 0.70, 0.72], 1.0);
            brush.disc(hub, scale(radii[0], 0.9), scale(radii[1], 0.9), spoke, 0.22);
            brush.ring(hub, radii, 0.86, tyre);
            brush.limb((hub, 0.035), (hub, 0.035), metal);
        }
        let tube = |brush: &mut Brush<'_>, a: [f32; 2], b: [f32; 2], radius: f32, colour: Rgb| {
            brush.limb(
                (at(a[0], 0.0, a[1]), radius),
                (at(b[0], 0.0, b[1]), radius),
                colour,
            );
        };
        let (bottom, head, saddle) = ([0.02, 0.29], [0.36, 0.86], [-0.17, 0.88]);
        tube(brush, [-AXLE, WHEEL_RADIUS], bottom, 0.018, frame);
        tube(brush, [-AXLE, WHEEL_RADIUS], saddle, 0.018, frame);
        tube(brush, bottom, saddle, 0.024, frame);
        tube(brush, bottom, [0.38, 0.74], 0.026, frame);
        tube(brush, saddle, head, 0.022, frame);
        tube(brush, head, [AXLE, WHEEL_RADIUS], 0.022, frame);
        tube(brush, head, [0.34, 1.04], 0.018, metal);
        brush.limb(
            (at(0.36, 0.26, 1.06), 0.02),
            (at(0.36, -0.26, 1.06), 0.02),
            tone([0.1, 0.1, 0.1], 1.0),
        );
        tube(
            brush,
            [-0.30, 0.96],
            [-0.06, 0.95],
            0.045,
            tone([0.08, 0.08, 0.08], 1.0),
        );
        tube(brush, [0.02, 0.29], [0.02, 0.29], 0.075, metal);
        if self.bags {
            brush.hull(
                &[
                    (at(-0.42, near * 0.12, 0.70), 0.05),
                    (at(-0.70, near * 0.12, 0.70), 0.05),
                    (at(-0.68, near * 0.12, 0.46), 0.06),
                    (at(-0.44, near * 0.12, 0.46), 0.06),
                ],
                tone(self.frame, 0.6),
            );
        }
        if self.basket {
            brush.hull(
                &[
                    (at(0.45, 0.12, 1.0), 0.03),
                    (at(0.72, 0.12, 1.0), 0.03),
                    (at(0.68, -0.12, 0.80), 0.03),
                    (at(0.48, -0.12, 0.80), 0.03),
                    (at(0.72, -0.12, 1.0), 0.03),
                ],
                tone([0.42, 0.30, 0.18], 1.0),
            );
        }
        brush.hull(
            &[
                (at(shoulder[0], 0.12, shoulder[2]), 0.07),
                (at(shoulder[0], -0.12, shoulder[2]), 0.07),
                (at(seat[0], 0.06, seat[2] + 0.10), 0.11),
                (at(seat[0], -0.06, seat[2] + 0.10), 0.11),
            ],
            tone(self.top, 1.0),
        );
        leg(brush, near, 1.0);
        arm(brush, near, 1.0);
        let skull = [(shoulder[0] + 0.10) * k, 0.0, (shoulder[2] + 0.24) * k];
        let hair = tone([0.16, 0.11, 0.08], 1.0);
        draw_head(
            brush,
            pose,
            skull,
            0.112 * k,
            &Head {
                skin: tone(self.skin, 1.0),
                hair,
                long_hair: false,
                cap: None,
                seen_from_ahead,
            },
        );
        if let Some(helmet) = self.helmet {
            let colour = tone(helmet, 1.05);
            let p = |f: f32, u: f32| pose.world([skull[0] + f * k, 0.0, skull[2] + u * k]);
            brush.limb(
                (p(-0.06, 0.06), 0.095 * k),
                (p(0.05, 0.07), 0.085 * k),
                colour,
            );
            brush.limb(
                (p(-0.06, 0.12), 0.025 * k),
                (p(0.05, 0.12), 0.025 * k),
                colour.map(|c| c * 0.7),
            );
        }
    }
}

/// The knee between hip and foot for the two lengths given, bent forward (intersection of two circles).
fn bend(hip: World, foot: World, upper: f32, lower: f32) -> World {
    let (dx, dz) = (foot[0] - hip[0], foot[2] - hip[2]);
    let distance = dx.hypot(dz).clamp(0.05, upper + lower - 1e-3);
    let along = (upper * upper - lower * lower + distance * distance) / (2.0 * distance);
    let height = (upper * upper - along * along).max(0.0).sqrt();
    let (ux, uz) = (dx / distance, dz / distance);
    [
        hip[0] + ux * along - uz * height,
        (hip[1] + foot[1]) * 0.5,
        hip[2] + uz * along + ux * height,
    ]
}
