//! Rendered street scenes with exact ground truth.
//!
//! A [`Scene`] is a street seen by one fixed camera: a road with lanes, bicycle lanes, pavements and perhaps a crossing,
//! houses, trees and lamps, in some weather at some time of day. Cars, trucks, bicycles and people move along it. All of
//! it follows from one `u64`, and a frame follows from the scene and a time: frames can be rendered in any order and at
//! any rate, and the same seed, size and time always give the same bytes.
//!
//! Every object is drawn into a picture of its own before it is laid over the frame, so its box and its visible share
//! are counted from its pixels, not estimated.

mod backdrop;
mod brush;
mod buildings;
mod canvas;
mod dice;
mod furniture;
mod light;
mod models;
mod order;
mod path;
mod road;
mod sprite;
mod stamp;
#[cfg(test)]
mod tests;
mod traffic;
mod truth;
mod view;
mod yuv;

use thiserror::Error;
use tiny_skia::PixmapMut;

use brush::Brush;
pub use canvas::Canvas;
use canvas::PixelRect;
use furniture::Furniture;
use light::Light;
use order::{Footprint, painters_order};
use sprite::Sprite;
pub use stamp::STAMP_BLOCKS;
use traffic::{Actor, Traffic};
pub use truth::{
    BICYCLE, CAR, CLASS_NAMES, Color, FrameTruth, MIN_LONG_SIDE_PX, MIN_SHORT_SIDE_PX, MIN_VISIBLE,
    ObjectTruth, PERSON, TRUCK,
};
use view::View;
pub use yuv::Yuv420Planes;

/// The smallest frame side in pixels.
pub const MIN_SIDE: u32 = 64;
/// The largest frame side in pixels.
pub const MAX_SIDE: u32 = 4096;
/// Objects in one frame; owner 0 is the scenery.
const MAX_OBJECTS: usize = 255;

/// Why a scene cannot be made.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SceneError {
    /// A frame size that cannot be rendered or encoded.
    #[error(
        "scene size {width}x{height}: width and height must be even and within {MIN_SIDE} to {MAX_SIDE}"
    )]
    Size {
        /// The width asked for, pixels.
        width: u32,
        /// The height asked for, pixels.
        height: u32,
    },
}

/// A street seen by a fixed camera.
#[derive(Clone, Debug)]
pub struct Scene {
    width: u32,
    height: u32,
    view: View,
    light: Light,
    traffic: Traffic,
    /// Everything fixed that never hides an object.
    backdrop: Vec<u8>,
    furniture: Vec<(Furniture, Sprite)>,
}

/// An object of a frame before it is drawn.
#[derive(Debug)]
struct Placed {
    actor: Actor,
    rect: PixelRect,
}

impl Scene {
    /// Makes the scene of a seed, for frames of `width` x `height` pixels. The fixed part is rendered here, once.
    ///
    /// # Errors
    /// If a side is odd or outside [`MIN_SIDE`] to [`MAX_SIDE`].
    pub fn new(seed: u64, width: u32, height: u32) -> Result<Self, SceneError> {
        let fits = |side: u32| side.is_multiple_of(2) && (MIN_SIDE..=MAX_SIDE).contains(&side);
        if !fits(width) || !fits(height) {
            return Err(SceneError::Size { width, height });
        }
        let light = Light::new(seed);
        let (road, view) = road::Road::new(seed, width, height);
        let mut backdrop = vec![0; width as usize * height as usize * 4];
        let pixmap = PixmapMut::from_bytes(&mut backdrop, width, height)
            .ok_or(SceneError::Size { width, height })?;
        backdrop::paint(&mut Brush::new(pixmap, [0, 0], &view, &light), seed, &road);
        let furniture = furniture::furnish(seed, &road, &view)
            .into_iter()
            .filter_map(|thing| {
                let sprite = Sprite::of_furniture(&thing, &view, &light)?;
                Some((thing, sprite))
            })
            .collect();
        let traffic = Traffic::new(seed, &road, &view);
        Ok(Self {
            width,
            height,
            view,
            light,
            traffic,
            backdrop,
            furniture,
        })
    }

    /// Width of the frames in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height of the frames in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Renders the frame at a time into `canvas` (recreated if its size differs) and returns what
    /// is in it, by ascending track id.
    ///
    /// Times before 0 and times that are not numbers count as 0.
    pub fn render(&self, time_seconds: f64, canvas: &mut Canvas) -> Vec<ObjectTruth> {
        if (canvas.width(), canvas.height()) != (self.width, self.height) {
            *canvas = Canvas::new(self.width, self.height);
        }
        canvas.start(&self.backdrop);
        let placed = self.placed(time_seconds);
        self.draw_shadows(&placed, canvas);

        let objects = placed.len();
        let footprints: Vec<Footprint> = placed
            .iter()
            .map(|p| {
                let [half_length, half_width] = p.actor.model.standing_on();
                Footprint {
                    pose: p.actor.pose,
                    half_length,
                    half_width,
                }
            })
            .chain(self.furniture.iter().map(|(thing, _)| Footprint {
                pose: thing.pose,
                half_length: thing.radius(),
                half_width: thing.radius(),
            }))
            .collect();
        let rects: Vec<PixelRect> = placed
            .iter()
            .map(|p| p.rect)
            .chain(self.furniture.iter().map(|(_, sprite)| sprite.rect))
            .collect();
        let order = painters_order(&footprints, |a, b| {
            (a < objects || b < objects) && meet(rects[a], rects[b])
        });

        let mut visible = [0u32; 256];
        visible[0] = self.width * self.height;
        let mut extents = Vec::with_capacity(objects);
        let mut pixels = std::mem::take(&mut canvas.sprite);
        for index in order {
            match placed.get(index) {
                Some(object) => {
                    self.draw_sprite(object, &mut pixels);
                    let extent = canvas.measure(&pixels, object.rect);
                    canvas.lay(&pixels, object.rect, (index + 1) as u8, &mut visible);
                    extents.push((index, extent));
                }
                None => {
                    let sprite = &self.furniture[index - objects].1;
                    canvas.lay(&sprite.pixels, sprite.rect, 0, &mut visible);
                }
            }
        }
        canvas.sprite = pixels;

        let scale = self.height as f32 / 360.0;
        let mut truth: Vec<ObjectTruth> = extents
            .into_iter()
            .filter_map(|(index, extent)| {
                let bbox = extent.bbox?.map(|edge| edge as f32);
                let (width, height) = (bbox[2] - bbox[0], bbox[3] - bbox[1]);
                let seen = visible[index + 1] as f32 / extent.pixels as f32;
                let small = width.max(height) < MIN_LONG_SIDE_PX * scale
                    || width.min(height) < MIN_SHORT_SIDE_PX * scale;
                Some(ObjectTruth {
                    track_id: placed[index].actor.track_id,
                    class_id: placed[index].actor.model.class_id(),
                    bbox,
                    visible: seen,
                    ignore: small || seen < MIN_VISIBLE,
                    color: placed[index].actor.model.color(),
                })
            })
            .collect();
        truth.sort_by_key(|object| object.track_id);
        truth
    }

    /// Where each object stands on the ground at a time, in metres from the place below the camera:
    /// to its right, and ahead of it. By ascending track id.
    #[must_use]
    pub fn on_ground(&self, time_seconds: f64) -> Vec<(u32, [f32; 2])> {
        let placed = self.placed(time_seconds).into_iter();
        let mut places: Vec<_> = placed
            .map(|it| (it.actor.track_id, it.actor.pose.at))
            .collect();
        places.sort_by_key(|(track_id, _)| *track_id);
        places
    }

    /// The pixel of a place on the ground, which may be outside the frame; `None` where the camera
    /// does not look.
    #[must_use]
    pub fn image_from_ground(&self, [right, ahead]: [f32; 2]) -> Option<[f32; 2]> {
        self.view.image_from_world([right, ahead, 0.0])
    }

    /// The objects whose bounds touch the frame.
    fn placed(&self, time_seconds: f64) -> Vec<Placed> {
        let time = if time_seconds.is_finite() {
            time_seconds
        } else {
            0.0
        };
        let mut placed: Vec<Placed> = self
            .traffic
            .at(time)
            .into_iter()
            .filter_map(|actor| {
                let rect = sprite::bounds_of_object(&actor, &self.view)?;
                Some(Placed { actor, rect })
            })
            .collect();
        placed.truncate(MAX_OBJECTS);
        placed
    }

    fn draw_shadows(&self, placed: &[Placed], canvas: &mut Canvas) {
        if let Some(pixmap) = PixmapMut::from_bytes(&mut canvas.rgba, self.width, self.height) {
            let mut brush = Brush::new(pixmap, [0, 0], &self.view, &self.light);
            for object in placed {
                object
                    .actor
                    .model
                    .draw_shadow(&mut brush, object.actor.pose);
            }
        }
    }

    /// Draws one object alone into `pixels`, which covers its rectangle.
    fn draw_sprite(&self, object: &Placed, pixels: &mut Vec<u8>) {
        let PixelRect {
            x,
            y,
            width,
            height,
        } = object.rect;
        pixels.clear();
        pixels.resize(width * height * 4, 0);
        if let Some(pixmap) = PixmapMut::from_bytes(pixels, width as u32, height as u32) {
            let mut brush = Brush::new(pixmap, [x, y], &self.view, &self.light);
            object
                .actor
                .model
                .draw(&mut brush, object.actor.pose, object.actor.motion);
        }
    }
}

/// Whether two rectangles share a pixel.
fn meet(a: PixelRect, b: PixelRect) -> bool {
    let apart = |from: i32, length: usize, other: i32, other_length: usize| {
        from + length as i32 <= other || other + other_length as i32 <= from
    };
    !apart(a.x, a.width, b.x, b.width) && !apart(a.y, a.height, b.y, b.height)
}
