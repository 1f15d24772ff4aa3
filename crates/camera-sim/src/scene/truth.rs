//! Ground truth: what is in a frame, known by construction.

use serde::{Deserialize, Serialize};

/// Class names; an object's `class_id` is an index into them.
///
/// A bicycle is always ridden and is one object together with its rider.
pub const CLASS_NAMES: [&str; 4] = ["person", "bicycle", "car", "truck"];

/// `class_id` of a pedestrian.
pub const PERSON: u32 = 0;
/// `class_id` of a bicycle with its rider.
pub const BICYCLE: u32 = 1;
/// `class_id` of a car.
pub const CAR: u32 = 2;
/// `class_id` of a truck.
pub const TRUCK: u32 = 3;

/// What people would call the paint of a car.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Color {
    /// Also cream.
    White,
    /// Also silver.
    Gray,
    /// Nearly black.
    Black,
    /// Bright and dark.
    Red,
    /// Dark and light.
    Blue,
    /// Dark.
    Green,
    /// Also of most taxis.
    Yellow,
    /// Between yellow and red.
    Orange,
    /// Also beige.
    Brown,
    /// Dark.
    Purple,
}

/// One object in one frame.
///
/// The box is amodal inside the frame, as in MOT and COCO person keypoint boxes: it encloses what would be seen of the
/// object if nothing stood before it, clipped to the frame. Shadows and light beams do not count.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectTruth {
    /// Unique within a scene; belongs to one continuous appearance. (At the frame's edge a swinging leg may be the only
    /// part inside: such an object can be absent for some frames.)
    pub track_id: u32,
    /// Index into [`CLASS_NAMES`].
    pub class_id: u32,
    /// `[x1, y1, x2, y2]` in pixels of the frame, edges of half-open pixel ranges: a one-pixel object is one pixel wide.
    pub bbox: [f32; 4],
    /// Visible pixels of the object over all its pixels, those outside the frame included; 0 to 1.
    pub visible: f32,
    /// Too small or too hidden to be asked of a detector: count it neither as found nor as missed.
    pub ignore: bool,
    /// Of a car.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
}

/// The truth of one frame: one line of a truth file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FrameTruth {
    /// Index of the frame, from 0.
    pub frame: u64,
    /// Scene time of the frame.
    pub captured_offset_nanos: u64,
    /// All objects of which at least one pixel lies inside the frame, also hidden ones, by ascending track id.
    pub objects: Vec<ObjectTruth>,
}

/// Objects less visible than this are ignored.
pub const MIN_VISIBLE: f32 = 0.35;
/// Objects whose longer side is below this are ignored, in pixels of a frame 360 high; scaled for other heights.
pub const MIN_LONG_SIDE_PX: f32 = 24.0;
/// Objects whose shorter side is below this are ignored, in pixels of a frame 360 high; scaled for other heights.
pub const MIN_SHORT_SIDE_PX: f32 = 8.0;
