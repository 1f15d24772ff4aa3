//! Image and box arithmetic on the CPU: letterbox, grids of luma, head decoding, NMS, masks and
//! rotated boxes, and metrics.
//!
//! Everything here is safe, deterministic Rust without a device. The stages of the CPU path run
//! it, and it is the reference that kernels on other devices are tested against, so each module
//! states its formulas, rounding and order of ties.
//!
//! Coordinates are `x` to the right and `y` down, in pixels. A box is `[x1, y1, x2, y2]`, the
//! positions of its edges: a picture of width `w` spans `0.0..=w`, and the centre of its first
//! pixel lies at 0.5.

mod area;
mod candidates;
mod crop;
mod detect;
mod head;
mod iou;
mod letterbox;
mod luma;
pub mod metrics;
mod named;
mod nms;
mod picture;
mod task;

pub use area::{Polygon, Region};
pub use candidates::{Detection, in_image, keep_best};
pub use crop::{Crop, CropFit};
pub use detect::{Scratch, detect};
pub use head::{
    Activation, Background, BoxCoding, BoxSpace, Candidate, HeadError, HeadFormat, HeadValue,
    MAX_MULTI_LABEL, Order, Scores, Strides, Task, decode,
};
pub use iou::iou;
pub use letterbox::{
    Affine, Channels, Element, Fit, InputFormat, InputFormatError, InputLayout, Letterbox,
    LetterboxError, LetterboxPlan, LetterboxPlans, PAD_VALUE, Range, byte_of, letterbox_into,
};
pub use luma::{LumaGrid, LumaPlane};
pub use named::ParseNameError;
pub use nms::{NmsConfig, NmsConfigError, suppress};
pub use picture::{
    ColorMatrix, ColorRange, MAX_DIMENSION, Orientation, Picture, PictureError, PictureLayout,
    PixelFormat, Plane, Planes, PlanesError, StoredPlane, YuvToRgb,
};
pub use task::{
    Shape, ShapeScratch, keep_best_of, oriented_box, oriented_corners, probiou, shapes,
};
