//! Fitting a picture into a detector's square input, and boxes back into the picture.

mod geometry;
mod resample;

pub use geometry::{Letterbox, LetterboxError};
pub use resample::{LetterboxPlan, LetterboxPlans, PAD_VALUE, letterbox_into};
