//! Convex solids with flat faces: the bodies of vehicles and buildings.

use crate::scene::brush::{Brush, Face, outward, part};
use crate::scene::light::Rgb;
use crate::scene::view::{Pose, World, dot, sub};

/// A six-sided solid between two rectangles, standing in an object's local axes (forward, left, up), metres.
#[derive(Clone, Copy, Debug)]
pub(in crate::scene) struct Solid {
    /// Rear and front end of the lower rectangle.
    pub(in crate::scene) bottom: [f32; 2],
    /// Rear and front end of the upper rectangle.
    pub(in crate::scene) top: [f32; 2],
    /// Half widths, below and above.
    pub(in crate::scene) half_widths: [f32; 2],
    /// Heights: lower rectangle, rear of the upper one, front of the upper one.
    pub(in crate::scene) heights: [f32; 3],
}

/// The sides of a solid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scene) enum Side {
    Left,
    Right,
    Front,
    Rear,
    Top,
}

const SIDES: [Side; 5] = [Side::Left, Side::Right, Side::Front, Side::Rear, Side::Top];

impl Solid {
    /// A box.
    pub(in crate::scene) fn cuboid(ends: [f32; 2], half_width: f32, heights: [f32; 2]) -> Self {
        Self {
            bottom: ends,
            top: ends,
            half_widths: [half_width; 2],
            heights: [heights[0], heights[1], heights[1]],
        }
    }

    /// A side's corners: lower start, lower end, upper end, upper start. Long sides run from rear to front; front and
    /// rear run from right to left; the top runs from rear to front with the right side below.
    pub(in crate::scene) fn face(&self, side: Side, pose: Pose) -> Face {
        let [low, up_rear, up_front] = self.heights;
        let [w0, w1] = self.half_widths;
        let lower = |front: usize, v: f32| [self.bottom[front], v * w0, low];
        let upper = |front: usize, v: f32| {
            [
                self.top[front],
                v * w1,
                if front == 0 { up_rear } else { up_front },
            ]
        };
        let corners = match side {
            Side::Left => [lower(0, 1.0), lower(1, 1.0), upper(1, 1.0), upper(0, 1.0)],
            Side::Right => [
                lower(0, -1.0),
                lower(1, -1.0),
                upper(1, -1.0),
                upper(0, -1.0),
            ],
            Side::Front => [lower(1, -1.0), lower(1, 1.0), upper(1, 1.0), upper(1, -1.0)],
            Side::Rear => [lower(0, -1.0), lower(0, 1.0), upper(0, 1.0), upper(0, -1.0)],
            Side::Top => [upper(0, -1.0), upper(1, -1.0), upper(1, 1.0), upper(0, 1.0)],
        };
        corners.map(|c| pose.world(c))
    }

    fn inside(&self, pose: Pose) -> World {
        let middle = |ends: [f32; 2]| (ends[0] + ends[1]) * 0.5;
        pose.world([
            (middle(self.bottom) + middle(self.top)) * 0.5,
            0.0,
            (self.heights[0] + self.heights[1]) * 0.5,
        ])
    }

    /// Draws the sides that look towards the camera, each shaded as `colour` says, then what `detail` adds to it.
    pub(in crate::scene) fn draw(
        &self,
        brush: &mut Brush<'_>,
        pose: Pose,
        colour: impl Fn(Side) -> Rgb,
        mut detail: impl FnMut(&mut Brush<'_>, Side, &Panel),
    ) {
        let inside = self.inside(pose);
        for side in SIDES {
            let face = self.face(side, pose);
            let normal = outward(&face, inside);
            if dot(normal, sub(brush.view.eye(), face[0])) <= 0.0 {
                continue;
            }
            brush.surface(&face, normal, colour(side));
            detail(brush, side, &Panel { face, normal });
        }
    }
}

/// A visible side of a solid, to put details on.
#[derive(Clone, Copy, Debug)]
pub(in crate::scene) struct Panel {
    pub(in crate::scene) face: Face,
    pub(in crate::scene) normal: World,
}

impl Panel {
    /// Fills the part between two corners given as fractions (along, up), shaded like the side.
    pub(in crate::scene) fn fill(
        &self,
        brush: &mut Brush<'_>,
        from: [f32; 2],
        to: [f32; 2],
        colour: Rgb,
    ) {
        brush.surface(&part(&self.face, from, to), self.normal, colour);
    }

    /// Fills a part with a colour that shines by itself.
    pub(in crate::scene) fn shine(
        &self,
        brush: &mut Brush<'_>,
        from: [f32; 2],
        to: [f32; 2],
        colour: Rgb,
    ) {
        let face = part(&self.face, from, to);
        let depth = brush.view.camera_from_world(face[0])[2];
        let colour = brush.light.hazed(colour, depth);
        brush.flat(&face, colour, 1.0);
    }

    /// A pane of glass: dark, with the sky's reflection in its upper corner.
    pub(in crate::scene) fn glass(
        &self,
        brush: &mut Brush<'_>,
        from: [f32; 2],
        to: [f32; 2],
        tint: Rgb,
    ) {
        self.fill(brush, from, to, tint);
        let face = part(&self.face, from, to);
        let depth = brush.view.camera_from_world(face[0])[2];
        let sky = brush.light.hazed(brush.light.sky_low, depth);
        let middle = |a: World, b: World, f: f32| crate::scene::view::mix(a, b, f);
        brush.flat(
            &[
                face[3],
                middle(face[3], face[2], 0.55),
                middle(face[0], face[1], 0.15),
                face[0],
            ],
            sky,
            0.22,
        );
    }
}
