//! Fitting a picture into a detector's square input, and boxes back into the picture.

mod geometry;
mod input;
mod resample;

pub use geometry::{Letterbox, LetterboxError};
pub use input::{Channels, Element, Fit, InputFormat, InputLayout, Range};
pub use resample::{LetterboxPlan, LetterboxPlans, PAD_VALUE, letterbox_into};
