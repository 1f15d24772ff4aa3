//! Pictures as decoders leave them: planes of bytes in a pool slot.

mod color;
mod format;
mod kernels;
mod layout;
mod orientation;
mod rgb;
pub(crate) mod sample;
mod view;

pub use color::YuvToRgb;
pub use format::{ColorMatrix, ColorRange, PixelFormat};
pub use layout::{MAX_DIMENSION, PictureError, PictureLayout, Plane, Planes, PlanesError};
pub use orientation::{Orientation, StoredPlane};
pub use view::Picture;
