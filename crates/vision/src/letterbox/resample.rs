//! Filling the model's input from a picture.

use super::{Letterbox, LetterboxError};
use crate::picture::sample::RowSampler;
use crate::picture::{Picture, PictureLayout};

/// The grey around the picture: 114 of 255, as Ultralytics trains with.
pub const PAD_VALUE: f32 = 114.0 / 255.0;

/// Tables and row buffers for pictures of one size, format and colour space and one letterbox.
///
/// Strides and offsets may differ from picture to picture. [`LetterboxPlan::run`] allocates
/// nothing.
///
/// Sampling is bilinear with two taps per axis, also when shrinking, and with pixel centres
/// aligned, as OpenCV's `INTER_LINEAR` does and detectors are trained with. Luma and chroma are
/// interpolated as they are and converted afterwards, in `f32`; the source position is clamped to
/// the picture, then divided for chroma with left siting (chroma at `x / 2`, `y / 2 - 0.25`, in
/// samples from the first one's centre). RGB is clamped to 0..1.
#[derive(Debug, Clone)]
pub struct LetterboxPlan {
    key: PlanKey,
    sampler: RowSampler,
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
    /// Makes the tables.
    ///
    /// # Errors
    /// The letterbox is for another source size, or its fields were changed so that the picture
    /// leaves the model's input.
    pub fn new(layout: &PictureLayout, letterbox: &Letterbox) -> Result<Self, LetterboxError> {
        let PictureLayout {
            width,
            height,
            format,
            matrix,
            range,
            ..
        } = *layout;
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
        let sampler = RowSampler::new(format, matrix, range, source, resized);
        Ok(Self {
            key: PlanKey::new(layout, letterbox),
            sampler,
        })
    }

    /// The geometry that the plan was made for.
    #[must_use]
    pub const fn letterbox(&self) -> &Letterbox {
        &self.key.letterbox
    }

    /// Writes one model input: red, green and blue planes of model height x model width, in 0..1.
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
        let width = width as usize;
        let (r, gb) = out.split_at_mut(expected / 3);
        let (g, b) = gb.split_at_mut(expected / 3);
        let mut planes = [r, g, b];
        let columns =
            letterbox.pad_left as usize..(letterbox.pad_left + letterbox.resized_width) as usize;
        let rows =
            letterbox.pad_top as usize..(letterbox.pad_top + letterbox.resized_height) as usize;
        for plane in &mut planes {
            plane[..rows.start * width].fill(PAD_VALUE);
            plane[rows.end * width..].fill(PAD_VALUE);
        }
        let mut sampling = self.sampler.begin(picture);
        for row in rows.clone() {
            let rgb = planes.each_mut().map(|plane| {
                let line = &mut plane[row * width..][..width];
                line[..columns.start].fill(PAD_VALUE);
                line[columns.end..].fill(PAD_VALUE);
                &mut line[columns.clone()]
            });
            sampling.rgb_row(row - rows.start, rgb);
        }
        Ok(())
    }
}

/// The plans of the last few layouts seen: what a stage that serves many cameras keeps.
#[derive(Debug, Clone, Default)]
pub struct LetterboxPlans {
    /// The least recently used first.
    plans: Vec<LetterboxPlan>,
}

impl LetterboxPlans {
    /// Plans kept. Cameras of one size and format share one.
    pub const CAPACITY: usize = 32;

    /// No plan yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { plans: Vec::new() }
    }

    /// As [`LetterboxPlan::run`], with a kept plan or a new one.
    ///
    /// # Errors
    /// Those of [`LetterboxPlan::new`] and [`LetterboxPlan::run`].
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
                let plan = LetterboxPlan::new(picture.layout(), letterbox)?;
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
