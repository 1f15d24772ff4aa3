//! Filling the model's input from a picture.

use super::fill::Fill;
use super::{InputFormat, Letterbox, LetterboxError};
use crate::picture::sample::RowSampler;
use crate::picture::{Picture, PictureLayout};

/// Tables and row buffers for pictures of one size, format and colour space and one letterbox.
///
/// Strides and offsets may differ from picture to picture. [`LetterboxPlan::run`] allocates
/// nothing.
///
/// Sampling is bilinear with two taps per axis, also when shrinking, and with pixel centres
/// aligned, as OpenCV's `INTER_LINEAR` does and detectors are trained with. Luma and chroma are
/// interpolated as they are and converted afterwards, in `f32`; the source position is clamped to
/// the picture, then divided for chroma with left siting (chroma at `x / 2`, `y / 2 - 0.25`, in
/// samples from the first one's centre). RGB is clamped to 0..1, and then made what an
/// [`InputFormat`] says, in `f32` whatever its type is.
#[derive(Debug, Clone)]
pub struct LetterboxPlan {
    key: PlanKey,
    sampler: RowSampler,
    fill: Fill,
}

/// What a plan depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct PlanKey {
    /// The planned layout with its planes packed: their places do not matter.
    layout: PictureLayout,
    letterbox: Letterbox,
}

impl PlanKey {
    fn new(layout: &PictureLayout, letterbox: &Letterbox) -> Self {
        let PictureLayout {
            width,
            height,
            format,
            matrix,
            range,
            ..
        } = *layout;
        let layout = PictureLayout::packed(width, height, format, matrix, range);
        Self {
            layout,
            letterbox: *letterbox,
        }
    }

    fn fits(&self, layout: &PictureLayout) -> bool {
        PictureLayout {
            planes: self.layout.planes,
            ..*layout
        } == self.layout
    }
}

impl LetterboxPlan {
    /// Makes the tables, for planes of red, green and blue from 0 to 1.
    ///
    /// # Errors
    /// Those of [`LetterboxPlan::with_format`].
    pub fn new(layout: &PictureLayout, letterbox: &Letterbox) -> Result<Self, LetterboxError> {
        Self::with_format(layout, letterbox, &InputFormat::default())
    }

    /// Makes the tables. How the picture fits is the letterbox' matter.
    ///
    /// # Errors
    /// The letterbox is for another source size, or its fields were changed so that the picture
    /// leaves the model's input.
    pub fn with_format(
        layout: &PictureLayout,
        letterbox: &Letterbox,
        format: &InputFormat,
    ) -> Result<Self, LetterboxError> {
        let PictureLayout { width, height, .. } = *layout;
        if letterbox.source != (width, height) {
            return Err(LetterboxError::Source {
                found: format!("{width}x{height}"),
                expected: format!("{}x{}", letterbox.source.0, letterbox.source.1),
            });
        }
        let Letterbox {
            source,
            model,
            resized_width,
            resized_height,
            pad_left,
            pad_top,
            ..
        } = *letterbox;
        let inside = |pad: u32, resized: u32, model: u32| {
            resized > 0 && pad.checked_add(resized).is_some_and(|end| end <= model)
        };
        if Letterbox::new(source, model).is_err()
            || !inside(pad_left, resized_width, model.0)
            || !inside(pad_top, resized_height, model.1)
        {
            return Err(LetterboxError::Geometry {
                letterbox: Box::new(*letterbox),
            });
        }
        let resized = (resized_width, resized_height);
        Ok(Self {
            key: PlanKey::new(layout, letterbox),
            sampler: RowSampler::new(layout.format, layout.matrix, layout.range, source, resized),
            fill: Fill::new(letterbox, format),
        })
    }

    /// The geometry that the plan was made for.
    #[must_use]
    pub const fn letterbox(&self) -> &Letterbox {
        &self.key.letterbox
    }

    /// Writes one model input: planes of model height x model width for each channel, or pixels of
    /// three channels.
    ///
    /// # Errors
    /// The picture is not of the planned size, format and colour space, or `out` is not as long
    /// as [`Letterbox::output_len`] says.
    pub fn run(&mut self, picture: &Picture<'_>, out: &mut [f32]) -> Result<(), LetterboxError> {
        if !self.key.fits(picture.layout()) {
            return Err(LetterboxError::Source {
                found: describe(picture.layout()),
                expected: describe(&self.key.layout),
            });
        }
        let letterbox = self.key.letterbox;
        let (width, height) = letterbox.model;
        let expected = letterbox.output_len();
        if out.len() != expected {
            let found = out.len();
            return Err(LetterboxError::OutputLength {
                found,
                expected,
                width,
                height,
            });
        }
        self.fill.run(self.sampler.begin(picture), out);
        Ok(())
    }
}

/// The plans of the last few layouts seen: what a stage that serves many cameras keeps.
#[derive(Debug, Clone, Default)]
pub struct LetterboxPlans {
    format: InputFormat,
    /// The least recently used first.
    plans: Vec<LetterboxPlan>,
}

impl LetterboxPlans {
    /// Plans kept. Cameras of one size and format share one.
    pub const CAPACITY: usize = 32;

    /// No plan yet, for planes of red, green and blue from 0 to 1.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No plan yet, for inputs of this format.
    #[must_use]
    pub const fn with_format(format: InputFormat) -> Self {
        Self {
            format,
            plans: Vec::new(),
        }
    }

    /// As [`LetterboxPlan::run`], with a kept plan or a new one.
    ///
    /// # Errors
    /// Those of [`LetterboxPlan::with_format`] and [`LetterboxPlan::run`].
    pub fn letterbox_into(
        &mut self,
        picture: &Picture<'_>,
        letterbox: &Letterbox,
        out: &mut [f32],
    ) -> Result<(), LetterboxError> {
        let known = self
            .plans
            .iter()
            .rposition(|plan| plan.key.letterbox == *letterbox && plan.key.fits(picture.layout()));
        let mut plan = match known {
            Some(index) => self.plans.remove(index),
            None => {
                let plan = LetterboxPlan::with_format(picture.layout(), letterbox, &self.format)?;
                if self.plans.len() == Self::CAPACITY {
                    self.plans.remove(0);
                }
                plan
            }
        };
        let outcome = plan.run(picture, out);
        self.plans.push(plan);
        outcome
    }
}

/// As [`LetterboxPlan::run`] with a plan made for this call: for single pictures.
///
/// # Errors
/// Those of [`LetterboxPlan::new`] and [`LetterboxPlan::run`].
pub fn letterbox_into(
    picture: &Picture<'_>,
    letterbox: &Letterbox,
    out: &mut [f32],
) -> Result<(), LetterboxError> {
    LetterboxPlan::new(picture.layout(), letterbox)?.run(picture, out)
}

fn describe(layout: &PictureLayout) -> String {
    let PictureLayout {
        width,
        height,
        format,
        matrix,
        range,
        ..
    } = layout;
    format!("{width}x{height} {format} {matrix} {range}")
}
