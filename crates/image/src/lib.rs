//! Frames that people look at: packed RGB, boxes and text drawn on it, PNG and JPEG.
//!
//! Nothing is decoded here, and no file is written.

mod draw;
mod encode;
mod image;

pub use draw::{Point, text_size};
pub use encode::EncodeError;
pub use image::{COLORS, Image};
