//! Wheels of cars and trucks.

use crate::scene::brush::Brush;
use crate::scene::light::Rgb;
use crate::scene::view::{Pose, World, add, dot, scale, sub};

const TYRE: Rgb = [0.09, 0.09, 0.10];

/// One wheel of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wheel {
    /// Forward place of the axle, metres.
    pub(super) forward: f32,
    /// Place of the tyre's outer face, positive to the left.
    pub(super) left: f32,
    pub(super) radius: f32,
    pub(super) rim: Rgb,
}

impl Wheel {
    fn hub(&self, pose: Pose, inset: f32) -> World {
        pose.world([
            self.forward,
            self.left - self.left.signum() * inset,
            self.radius,
        ])
    }

    fn radii(&self, pose: Pose) -> [World; 2] {
        [scale(pose.forward(), self.radius), [0.0, 0.0, self.radius]]
    }

    /// The tyre's body, to be drawn before the vehicle's.
    pub(super) fn draw_tyre(&self, brush: &mut Brush<'_>, pose: Pose) {
        let [across, up] = self.radii(pose);
        let depth = brush.view.camera_from_world(self.hub(pose, 0.0))[2];
        let colour = brush.light.hazed(TYRE.map(|c| c * 0.8), depth);
        let mut points: Vec<[f32; 2]> = Vec::with_capacity(32);
        for inset in [0.0, 0.22] {
            let hub = self.hub(pose, inset);
            for i in 0..14 {
                let (sin, cos) = (std::f32::consts::TAU * i as f32 / 14.0).sin_cos();
                match brush
                    .view
                    .image_from_world(add(hub, add(scale(across, cos), scale(up, sin))))
                {
                    Some(p) => points.push(p),
                    None => return,
                }
            }
        }
        let hull = crate::scene::brush::convex_hull(&mut points);
        brush.polygon(&hull, colour, 1.0);
    }

    /// The outer face with rim and spokes, to be drawn after the vehicle's body where that side is seen.
    pub(super) fn draw_face(&self, brush: &mut Brush<'_>, pose: Pose, travelled: f32) {
        let hub = self.hub(pose, 0.0);
        let outward = scale(pose.left(), self.left.signum());
        if dot(outward, sub(brush.view.eye(), hub)) <= 0.0 {
            return;
        }
        let [across, up] = self.radii(pose);
        let depth = brush.view.camera_from_world(hub)[2];
        let arch = brush.light.hazed([0.03, 0.03, 0.035], depth);
        brush.disc(hub, scale(across, 1.14), scale(up, 1.14), arch, 1.0);
        let tyre = brush.light.shade(TYRE, outward, depth);
        brush.disc(hub, across, up, tyre, 1.0);
        let rim = brush.light.shade(self.rim, outward, depth);
        brush.disc(hub, scale(across, 0.62), scale(up, 0.62), rim, 1.0);
        let detailed = brush
            .view
            .px_per_metre(hub)
            .is_some_and(|s| s * self.radius > 7.0);
        if detailed {
            let turned = -travelled / self.radius;
            let dark = rim.map(|c| c * 0.45);
            for spoke in 0..5 {
                let (sin, cos) = (turned + std::f32::consts::TAU * spoke as f32 / 5.0).sin_cos();
                let at = |f: f32| add(hub, add(scale(across, cos * f), scale(up, sin * f)));
                brush.limb(
                    (at(0.22), self.radius * 0.05),
                    (at(0.52), self.radius * 0.07),
                    dark,
                );
            }
        }
    }
}
