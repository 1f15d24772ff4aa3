//! Pedestrians: a walking figure of limbs.

use super::motion::Motion;
use crate::scene::brush::Brush;
use crate::scene::dice::Dice;
use crate::scene::light::Rgb;
use crate::scene::view::{Pose, World, add, dot, scale, sub};

pub(super) const SKINS: [Rgb; 6] = [
    [0.96, 0.80, 0.69],
    [0.90, 0.70, 0.56],
    [0.80, 0.58, 0.43],
    [0.62, 0.42, 0.30],
    [0.45, 0.30, 0.22],
    [0.32, 0.21, 0.16],
];
const HAIR: [Rgb; 6] = [
    [0.10, 0.08, 0.07],
    [0.22, 0.14, 0.09],
    [0.40, 0.26, 0.14],
    [0.72, 0.56, 0.30],
    [0.60, 0.60, 0.60],
    [0.48, 0.18, 0.10],
];
pub(super) const TOPS: [Rgb; 14] = [
    [0.85, 0.15, 0.15],
    [0.15, 0.30, 0.70],
    [0.95, 0.95, 0.94],
    [0.13, 0.13, 0.15],
    [0.20, 0.55, 0.32],
    [0.95, 0.75, 0.15],
    [0.55, 0.25, 0.60],
    [0.90, 0.45, 0.15],
    [0.45, 0.47, 0.50],
    [0.35, 0.65, 0.80],
    [0.90, 0.55, 0.65],
    [0.38, 0.26, 0.18],
    [0.70, 0.72, 0.45],
    [0.10, 0.42, 0.46],
];
pub(super) const TROUSERS: [Rgb; 7] = [
    [0.14, 0.18, 0.32],
    [0.10, 0.10, 0.11],
    [0.30, 0.36, 0.48],
    [0.55, 0.48, 0.36],
    [0.34, 0.34, 0.35],
    [0.40, 0.16, 0.14],
    [0.80, 0.78, 0.72],
];

/// The look of a pedestrian.
#[derive(Clone, Debug)]
pub(in crate::scene) struct Person {
    height: f32,
    girth: f32,
    pub(super) skin: Rgb,
    pub(super) hair: Rgb,
    top: Rgb,
    trousers: Rgb,
    shoes: Rgb,
    skirt: bool,
    coat: bool,
    long_hair: bool,
    short_sleeves: bool,
    backpack: Option<Rgb>,
    bag: Option<Rgb>,
    hat: Option<Rgb>,
    gait: f32,
}

impl Person {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let child = dice.chance(0.1);
        let top = dice.pick(&TOPS);
        let trousers = dice.pick(&TROUSERS);
        Self {
            height: if child {
                dice.range(1.15, 1.45)
            } else {
                dice.range(1.56, 1.90)
            },
            girth: dice.range(0.9, 1.25),
            skin: dice.pick(&SKINS),
            hair: dice.pick(&HAIR),
            top: dice.vary(top, 0.06),
            trousers: dice.vary(trousers, 0.05),
            shoes: dice.pick(&[[0.10, 0.09, 0.09], [0.88, 0.88, 0.88], [0.32, 0.20, 0.12]]),
            skirt: dice.chance(0.16),
            coat: dice.chance(0.2),
            long_hair: dice.chance(0.35),
            short_sleeves: dice.chance(0.4),
            backpack: dice.chance(0.22).then(|| dice.pick(&TOPS)),
            bag: dice.chance(0.2).then(|| dice.pick(&TOPS)),
            hat: dice.chance(0.15).then(|| dice.pick(&TOPS)),
            gait: dice.range(0.0, 1.0),
        }
    }

    pub(super) fn size(&self) -> World {
        [self.height * 0.8, self.height * 0.62, self.height * 1.08]
    }

    pub(super) fn draw(&self, brush: &mut Brush<'_>, pose: Pose, motion: Motion) {
        let h = self.height;
        let swing = if motion.moving { 0.46 } else { 0.04 };
        let stride = 0.82 * h;
        let phase = if motion.moving {
            std::f32::consts::TAU * (motion.travelled / stride + self.gait)
        } else {
            motion.seconds * 0.9 + self.gait * 6.0
        };
        let legs = [0.0, std::f32::consts::PI].map(|offset| {
            let p = phase + offset;
            let thigh = swing * p.sin();
            // The knee bends while the leg swings forward.
            let bend = if motion.moving {
                0.12 + 0.75 * (p.cos()).max(0.0)
            } else {
                0.05
            };
            (thigh, thigh - bend)
        });
        let (thigh, shin) = (0.245 * h, 0.235 * h);
        let drop = legs
            .iter()
            .map(|(a, b)| thigh * a.cos() + shin * b.cos())
            .fold(0.0, f32::max);
        let hip = drop + 0.035 * h;
        let depth = brush
            .view
            .camera_from_world(pose.world([0.0, 0.0, h * 0.5]))[2];
        let towards = sub(brush.view.eye(), pose.world([0.0, 0.0, 0.0]));
        let camera_left = dot(towards, pose.left()) > 0.0;
        let facing = [towards[0], towards[1], 0.0];
        let facing = crate::scene::view::normalise(facing);
        let tone = |c: Rgb, k: f32| brush.light.shade(c.map(|v| v * k), facing, depth);
        let (top, top_dark) = (tone(self.top, 1.0), tone(self.top, 0.72));
        let (cloth, cloth_dark) = (tone(self.trousers, 1.0), tone(self.trousers, 0.7));
        let (skin, hair, shoes) = (
            tone(self.skin, 1.0),
            tone(self.hair, 1.0),
            tone(self.shoes, 1.0),
        );
        let leg_colour = if self.skirt {
            [tone(self.skin, 0.95), tone(self.skin, 0.72)]
        } else {
            [cloth, cloth_dark]
        };
        let at = |forward: f32, left: f32, up: f32| pose.world([forward, left, up]);

        // Far side first.
        let order: [usize; 2] = if camera_left { [1, 0] } else { [0, 1] };
        let side_of = |leg: usize| if leg == 0 { 1.0 } else { -1.0 };
        let draw_arm = |brush: &mut Brush<'_>, leg: usize, near: bool| {
            let side: f32 = side_of(leg);
            // Arms swing against the legs.
            let angle = -legs[leg].0 * 0.9;
            let fore = angle + if motion.moving { 0.35 } else { 0.12 };
            let shoulder = [0.0, side * 0.115 * h * self.girth, hip + 0.305 * h];
            let elbow = add(
                shoulder,
                [
                    0.16 * h * angle.sin(),
                    side * 0.015 * h,
                    -0.16 * h * angle.cos(),
                ],
            );
            let hand = add(elbow, [0.15 * h * fore.sin(), 0.0, -0.15 * h * fore.cos()]);
            let sleeve = if near { top } else { top_dark };
            let fore_colour = if self.short_sleeves {
                tone(self.skin, if near { 1.0 } else { 0.75 })
            } else {
                sleeve.map(|c| c * 0.94)
            };
            brush.limb(
                (pose.world(elbow), 0.023 * h),
                (pose.world(hand), 0.02 * h),
                fore_colour,
            );
            brush.limb(
                (pose.world(shoulder), 0.035 * h),
                (pose.world(elbow), 0.026 * h),
                sleeve,
            );
            brush.limb(
                (pose.world(hand), 0.022 * h),
                (pose.world(hand), 0.022 * h),
                skin,
            );
            if let (Some(bag), true) = (self.bag, leg == 0) {
                let low = add(hand, [0.0, 0.0, -0.11 * h]);
                brush.hull(
                    &[
                        (pose.world(add(low, [0.07, 0.0, 0.0])), 0.05),
                        (pose.world(add(low, [-0.07, 0.0, 0.0])), 0.05),
                        (pose.world(hand), 0.012),
                    ],
                    tone(bag, 0.9),
                );
            }
        };
        let draw_pack = |brush: &mut Brush<'_>| {
            if let Some(pack) = self.backpack {
                brush.hull(
                    &[
                        (at(-0.11 * h, 0.05 * h, hip + 0.28 * h), 0.05 * h),
                        (at(-0.11 * h, -0.05 * h, hip + 0.28 * h), 0.05 * h),
                        (at(-0.12 * h, 0.05 * h, hip + 0.10 * h), 0.055 * h),
                        (at(-0.12 * h, -0.05 * h, hip + 0.10 * h), 0.055 * h),
                    ],
                    tone(pack, 0.85),
                );
            }
        };
        let seen_from_ahead = dot(towards, pose.forward()) > 0.0;
        if seen_from_ahead {
            draw_pack(brush);
        }
        draw_arm(brush, order[0], false);
        for leg in order {
            let side: f32 = side_of(leg);
            let near = leg == order[1];
            let colour = leg_colour[usize::from(!near)];
            let (a, b) = legs[leg];
            let root = [0.0, side * 0.045 * h * self.girth, hip];
            let knee = add(root, [thigh * a.sin(), 0.0, -thigh * a.cos()]);
            let ankle = add(knee, [shin * b.sin(), 0.0, -shin * b.cos()]);
            let toe = add(ankle, [0.085 * h, 0.0, -0.012 * h]);
            brush.limb(
                (pose.world(ankle), 0.024 * h),
                (pose.world(toe), 0.018 * h),
                shoes,
            );
            brush.limb(
                (pose.world(knee), 0.034 * h),
                (pose.world(ankle), 0.024 * h),
                colour,
            );
            brush.limb(
                (pose.world(root), 0.052 * h * self.girth),
                (pose.world(knee), 0.037 * h),
                colour,
            );
        }
        let g = self.girth * h;
        if self.skirt || self.coat {
            let hem = if self.skirt {
                hip - 0.17 * h
            } else {
                hip - 0.12 * h
            };
            let colour = if self.skirt { cloth } else { top };
            let flare = swing * thigh * 0.6;
            brush.hull(
                &[
                    (at(0.0, 0.05 * g, hip + 0.03 * h), 0.045 * h),
                    (at(0.0, -0.05 * g, hip + 0.03 * h), 0.045 * h),
                    (at(flare, 0.06 * g, hem), 0.03 * h),
                    (at(-flare, -0.06 * g, hem), 0.03 * h),
                    (at(flare, -0.06 * g, hem), 0.03 * h),
                    (at(-flare, 0.06 * g, hem), 0.03 * h),
                ],
                colour,
            );
        }
        // Torso, then a lighter strip on the sun's side for volume.
        brush.hull(
            &[
                (at(0.0, 0.085 * g, hip + 0.31 * h), 0.038 * h),
                (at(0.0, -0.085 * g, hip + 0.31 * h), 0.038 * h),
                (at(0.0, 0.045 * g, hip + 0.03 * h), 0.052 * h),
                (at(0.0, -0.045 * g, hip + 0.03 * h), 0.052 * h),
            ],
            top,
        );
        let sunny = if dot(brush.light.sun, [1.0, 0.0, 0.0]) > 0.0 {
            0.045
        } else {
            -0.045
        } * h;
        let shift = |p: World| add(p, scale([1.0, 0.0, 0.0], sunny));
        let bright = tone(self.top, 1.13);
        brush.limb(
            (shift(at(0.0, 0.0, hip + 0.29 * h)), 0.035 * h),
            (shift(at(0.0, 0.0, hip + 0.06 * h)), 0.03 * h),
            bright,
        );
        if !seen_from_ahead {
            draw_pack(brush);
        }
        draw_arm(brush, order[1], true);
        draw_head(
            brush,
            pose,
            [0.01 * h, 0.0, hip + 0.43 * h],
            0.066 * h,
            &Head {
                skin,
                hair,
                long_hair: self.long_hair,
                cap: self.hat.map(|hat| tone(hat, 1.0)),
                seen_from_ahead,
            },
        );
    }
}

/// Colours of a head, already shaded.
pub(super) struct Head {
    pub(super) skin: Rgb,
    pub(super) hair: Rgb,
    pub(super) long_hair: bool,
    pub(super) cap: Option<Rgb>,
    pub(super) seen_from_ahead: bool,
}

/// Draws a head with neck; `centre` is in the object's local axes.
pub(super) fn draw_head(
    brush: &mut Brush<'_>,
    pose: Pose,
    centre: World,
    radius: f32,
    head: &Head,
) {
    let at = |forward: f32, up: f32| pose.world(add(centre, [forward * radius, 0.0, up * radius]));
    let face = |brush: &mut Brush<'_>| {
        brush.limb(
            (at(0.0, -1.6), 0.55 * radius),
            (at(0.0, -0.6), 0.55 * radius),
            head.skin.map(|c| c * 0.82),
        );
        brush.limb(
            (at(0.12, -0.28), 0.82 * radius),
            (at(0.08, 0.15), 0.92 * radius),
            head.skin,
        );
    };
    let hair = |brush: &mut Brush<'_>| {
        let low = if head.long_hair { -1.3 } else { -0.05 };
        brush.limb(
            (at(-0.22, 0.22), 1.0 * radius),
            (at(-0.35, low), 0.78 * radius),
            head.hair,
        );
    };
    if head.seen_from_ahead {
        hair(brush);
        face(brush);
        brush.limb(
            (at(0.05, 0.75), 0.55 * radius),
            (at(0.0, 0.72), 0.6 * radius),
            head.hair,
        );
    } else {
        face(brush);
        hair(brush);
    }
    if let Some(cap) = head.cap {
        brush.limb(
            (at(-0.25, 0.62), 0.75 * radius),
            (at(0.2, 0.62), 0.75 * radius),
            cap,
        );
        brush.limb(
            (at(0.4, 0.40), 0.28 * radius),
            (at(1.1, 0.36), 0.14 * radius),
            cap.map(|c| c * 0.85),
        );
    }
}
