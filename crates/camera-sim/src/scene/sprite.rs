//! The pixels that an object or a fixed thing may cover, and the pictures of fixed things.

use tiny_skia::PixmapMut;

use super::brush::Brush;
use super::canvas::PixelRect;
use super::furniture::Furniture;
use super::light::Light;
use super::traffic::Actor;
use super::view::{NEAR_METRES, Pose, View, World};

/// A picture with its place in the frame: premultiplied RGBA.
#[derive(Clone, Debug)]
pub(super) struct Sprite {
    pub(super) rect: PixelRect,
    pub(super) pixels: Vec<u8>,
}

impl Sprite {
    /// Renders a fixed thing; `None` if it is out of view.
    pub(super) fn of_furniture(thing: &Furniture, view: &View, light: &Light) -> Option<Self> {
        let [reach, tall] = thing.reach();
        let upright = Pose {
            at: thing.pose.at,
            heading: 0.0,
        };
        let rect = bounds(upright, [reach * 2.0, reach * 2.0, tall], view)?;
        let mut pixels = vec![0; rect.width * rect.height * 4];
        let pixmap = PixmapMut::from_bytes(&mut pixels, rect.width as u32, rect.height as u32)?;
        thing.draw(&mut Brush::new(pixmap, [rect.x, rect.y], view, light));
        Some(Self { rect, pixels })
    }
}

/// The pixels a moving object may cover, or `None` if it cannot touch the frame.
pub(super) fn bounds_of_object(actor: &Actor, view: &View) -> Option<PixelRect> {
    bounds(actor.pose, actor.model.size(), view)
}

/// Pixels around an upright box; at most one frame's size beyond each edge of the frame.
fn bounds(pose: Pose, [length, width, height]: World, view: &View) -> Option<PixelRect> {
    if view.camera_from_world([pose.at[0], pose.at[1], height * 0.5])[2] < NEAR_METRES {
        return None;
    }
    let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
    for forward in [-0.5, 0.5] {
        for left in [-0.5, 0.5] {
            for up in [0.0, 1.0] {
                let mut p = view.camera_from_world(pose.world([
                    forward * length,
                    left * width,
                    up * height,
                ]));
                p[2] = p[2].max(NEAR_METRES);
                let px = view.image_from_camera(p);
                low = std::array::from_fn(|i| low[i].min(px[i]));
                high = std::array::from_fn(|i| high[i].max(px[i]));
            }
        }
    }
    let frame = [view.width, view.height];
    if (0..2).any(|i| high[i] < 0.0 || low[i] >= frame[i]) {
        return None;
    }
    let from: [i32; 2] = std::array::from_fn(|i| (low[i] - 2.0).max(-frame[i]).floor() as i32);
    let to: [i32; 2] = std::array::from_fn(|i| (high[i] + 2.0).min(2.0 * frame[i]).ceil() as i32);
    let size = |i: usize| (to[i] - from[i]).max(1) as usize;
    Some(PixelRect {
        x: from[0],
        y: from[1],
        width: size(0),
        height: size(1),
    })
}
