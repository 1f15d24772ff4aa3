//! Fitting a picture into a detector's input, and boxes back into the picture.

mod fill;
mod geometry;
mod input;
mod resample;

pub use geometry::{Letterbox, LetterboxError};
pub use input::{
    Affine, Channels, Element, Fit, InputFormat, InputFormatError, InputLayout, PAD_VALUE, Range,
    byte_of,
};
pub use resample::{LetterboxPlan, LetterboxPlans, letterbox_into};
