//! How values are read, as the kernels have it.

use bytemuck::{Pod, Zeroable};
use camweave_vision::{Activation, BoxCoding, BoxSpace, HeadError, HeadFormat, Scores};

/// `Format` in `kernels/heads.cu`.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct FormatDescriptor {
    box_place: u64,
    box_value: u64,
    scores_at: u64,
    score_place: u64,
    score_value: u64,
    scores: u32,
    values: u32,
    first_class: u32,
    classes: u32,
    activation: u32,
    boxes: u32,
    width: u32,
    height: u32,
    is_normalised: u32,
    padding: u32,
}

impl FormatDescriptor {
    /// That of a network whose input has this width and height in pixels.
    ///
    /// # Errors
    /// The format contradicts itself or the size.
    pub fn new(format: &HeadFormat, size: (u32, u32)) -> Result<Self, HeadError> {
        format.validate_for(size)?;
        let (strides, classes) = (format.strides(), format.class_scores());
        let (scores, values) = match format.scores {
            Scores::PerClass { values, .. } => (0, values),
            Scores::Objectness { classes } => (1, classes),
            Scores::Labelled => (2, 1),
        };
        Ok(Self {
            box_place: strides.box_place as u64,
            box_value: strides.box_value as u64,
            scores_at: strides.scores as u64,
            score_place: strides.score_place as u64,
            score_value: strides.score_value as u64,
            scores,
            values,
            first_class: classes.start as u32,
            classes: classes.len() as u32,
            activation: match format.activation {
                Activation::None => 0,
                Activation::Sigmoid => 1,
                Activation::Softmax => 2,
                Activation::Percent => 3,
            },
            boxes: match format.boxes {
                BoxCoding::Centre => 0,
                BoxCoding::Corners => 1,
                BoxCoding::CornersYx => 2,
                BoxCoding::Grid => 3,
            },
            width: size.0,
            height: size.1,
            is_normalised: u32::from(format.space == BoxSpace::Normalised),
            padding: 0,
        })
    }
}
