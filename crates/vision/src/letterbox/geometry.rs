//! Where a picture lies in the model's input.

use serde::{Deserialize, Serialize};

use super::Fit;
use crate::picture::MAX_DIMENSION;

/// A letterbox that cannot be made or filled.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LetterboxError {
    /// A side is zero or too large.
    #[error("{what} size {width}x{height}: expected sides of 1 to {MAX_DIMENSION} pixels")]
    Size {
        /// `source` or `model`.
        what: &'static str,
        /// Width found, in pixels.
        width: u32,
        /// Height found, in pixels.
        height: u32,
    },
    /// The resized picture and its padding leave the model's input.
    #[error("letterbox {letterbox:?} places the picture outside the model's input")]
    Geometry {
        /// The geometry, whose fields were changed after `new`.
        letterbox: Box<Letterbox>,
    },
    /// The picture is not of the size, format or colour space that the plan was made for.
    #[error("a picture of {found}: the letterbox was planned for {expected}")]
    Source {
        /// Size, format and colour space of the picture.
        found: String,
        /// The same of the plan.
        expected: String,
    },
    /// The output slice has the wrong length.
    #[error("an output of {found} values: 3 x {height} x {width} are {expected}")]
    OutputLength {
        /// Values the slice has.
        found: usize,
        /// Values it must have.
        expected: usize,
        /// Model input width, in pixels.
        width: u32,
        /// Model input height, in pixels.
        height: u32,
    },
}

/// Where a frame lies in a network's input, and the scale of each axis between them.
///
/// With `r = min(model_w / source_w, model_h / source_h)`, in double precision:
///
/// | fit | scales | resized sides | padding |
/// |---|---|---|---|
/// | [`Fit::Letterbox`] | `resized_w / source_w`, `resized_h / source_h` | `round(side * r)`, ties to even, at least 1 | left and above, `round((model - resized) / 2 - 0.1)`; the odd pixel is at the right and bottom |
/// | [`Fit::TopLeft`] | `r` | `trunc(side * r)`, at least 1 | right and below only |
/// | [`Fit::Stretch`] | `model_w / source_w`, `model_h / source_h` | the model's | none |
///
/// They are Ultralytics' `LetterBox` (centred, no stride rounding) with `scale_boxes`, YOLOX'
/// `preproc` with `boxes / r`, and the plain resize of the DETR family. Ultralytics maps boxes by the sides as they
/// were rounded from 8.4 on, by `r` before: up to a pixel of difference where a side is rounded. YOLOX
/// maps them by `r`, although it truncates the sides.
///
/// Serialised as its two sizes and its fit, from which the rest follows; without a fit it is
/// [`Fit::Letterbox`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Sizes", into = "Sizes")]
pub struct Letterbox {
    /// Width and height of the source picture, in pixels.
    pub source: (u32, u32),
    /// Width and height of the model's input, in pixels.
    pub model: (u32, u32),
    /// How the picture fits into the input.
    pub fit: Fit,
    /// Model pixels per source pixel of a row.
    pub scale_x: f32,
    /// Model pixels per source pixel of a column.
    pub scale_y: f32,
    /// Width of the resized picture, in model pixels.
    pub resized_width: u32,
    /// Height of the resized picture, in model pixels.
    pub resized_height: u32,
    /// Columns of padding left of the picture.
    pub pad_left: u32,
    /// Rows of padding above the picture.
    pub pad_top: u32,
}

#[derive(Serialize, Deserialize)]
struct Sizes {
    source: (u32, u32),
    model: (u32, u32),
    #[serde(default, skip_serializing_if = "is_letterbox")]
    fit: Fit,
}

fn is_letterbox(fit: &Fit) -> bool {
    *fit == Fit::Letterbox
}

impl From<Letterbox> for Sizes {
    fn from(letterbox: Letterbox) -> Self {
        Self {
            source: letterbox.source,
            model: letterbox.model,
            fit: letterbox.fit,
        }
    }
}

impl TryFrom<Sizes> for Letterbox {
    type Error = LetterboxError;

    fn try_from(sizes: Sizes) -> Result<Self, Self::Error> {
        Self::fit(sizes.source, sizes.model, sizes.fit)
    }
}

impl Letterbox {
    /// The geometry of [`Fit::Letterbox`] for a source and a model input, each (width, height) in
    /// pixels.
    ///
    /// # Errors
    /// A side is zero or larger than [`MAX_DIMENSION`].
    pub fn new(source: (u32, u32), model: (u32, u32)) -> Result<Self, LetterboxError> {
        Self::fit(source, model, Fit::Letterbox)
    }

    /// The geometry for a source and a model input, each (width, height) in pixels.
    ///
    /// # Errors
    /// A side is zero or larger than [`MAX_DIMENSION`].
    pub fn fit(source: (u32, u32), model: (u32, u32), fit: Fit) -> Result<Self, LetterboxError> {
        for (what, (width, height)) in [("source", source), ("model", model)] {
            let valid = 1..=MAX_DIMENSION;
            if !valid.contains(&width) || !valid.contains(&height) {
                return Err(LetterboxError::Size {
                    what,
                    width,
                    height,
                });
            }
        }
        let ratio = |model: u32, source: u32| f64::from(model) / f64::from(source);
        let least = ratio(model.0, source.0).min(ratio(model.1, source.1));
        let resized = |source: u32, model: u32| {
            let side = f64::from(source) * least;
            match fit {
                Fit::Letterbox => (side.round_ties_even() as u32).clamp(1, model),
                Fit::TopLeft => (side as u32).clamp(1, model),
                Fit::Stretch => model,
            }
        };
        let pad = |model: u32, resized: u32| match fit {
            // `as` takes -0.1 rounded to -0.0 to zero.
            Fit::Letterbox => (f64::from(model - resized) / 2.0 - 0.1).round_ties_even() as u32,
            Fit::TopLeft | Fit::Stretch => 0,
        };
        let (resized_width, resized_height) =
            (resized(source.0, model.0), resized(source.1, model.1));
        let (scale_x, scale_y) = match fit {
            Fit::TopLeft => (least, least),
            Fit::Letterbox | Fit::Stretch => (
                ratio(resized_width, source.0),
                ratio(resized_height, source.1),
            ),
        };
        Ok(Self {
            source,
            model,
            fit,
            scale_x: scale_x as f32,
            scale_y: scale_y as f32,
            resized_width,
            resized_height,
            pad_left: pad(model.0, resized_width),
            pad_top: pad(model.1, resized_height),
        })
    }

    /// A point of the model's input as a point of the source picture, unclipped.
    #[must_use]
    #[inline]
    pub fn image_from_model(&self, x: f32, y: f32) -> (f32, f32) {
        (
            (x - self.pad_left as f32) / self.scale_x,
            (y - self.pad_top as f32) / self.scale_y,
        )
    }

    /// A point of the source picture as a point of the model's input.
    #[must_use]
    #[inline]
    pub fn model_from_image(&self, x: f32, y: f32) -> (f32, f32) {
        (
            x * self.scale_x + self.pad_left as f32,
            y * self.scale_y + self.pad_top as f32,
        )
    }

    /// A box of the model's input as a box of the source picture, clipped to the picture.
    #[must_use]
    #[inline]
    pub fn image_box_from_model(&self, [x1, y1, x2, y2]: [f32; 4]) -> [f32; 4] {
        let (x1, y1) = self.image_from_model(x1, y1);
        let (x2, y2) = self.image_from_model(x2, y2);
        let (width, height) = (self.source.0 as f32, self.source.1 as f32);
        [
            x1.clamp(0.0, width),
            y1.clamp(0.0, height),
            x2.clamp(0.0, width),
            y2.clamp(0.0, height),
        ]
    }

    /// A box of the source picture as a box of the model's input, unclipped.
    #[must_use]
    #[inline]
    pub fn model_box_from_image(&self, [x1, y1, x2, y2]: [f32; 4]) -> [f32; 4] {
        let (x1, y1) = self.model_from_image(x1, y1);
        let (x2, y2) = self.model_from_image(x2, y2);
        [x1, y1, x2, y2]
    }

    /// Values of one model input: 3 x model height x model width.
    #[must_use]
    pub fn output_len(&self) -> usize {
        3 * self.model.0 as usize * self.model.1 as usize
    }
}
