//! What a network expects of the frame it gets.

use serde::{Deserialize, Serialize};

use crate::picture::named;

/// How a frame becomes the values of a network's input.
///
/// A value is `(sample / 255 - mean) / deviation`, where `range` is 1, and `sample` of 0 to 255
/// less 255 times the mean where it is 255; means and deviations are in parts of 1 and in the order
/// of `channels`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields, default)]
pub struct InputFormat {
    /// How the frame fits into the input.
    pub fit: Fit,
    /// The order of the channels.
    pub channels: Channels,
    /// How the values of a pixel lie.
    pub layout: InputLayout,
    /// The type of the values.
    pub element: Element,
    /// What white is before mean and deviation: 1 or 255.
    pub range: Range,
    /// What is subtracted from each channel, in parts of white.
    pub mean: [f32; 3],
    /// What each channel is divided by then, in parts of white.
    pub deviation: [f32; 3],
}

impl Default for InputFormat {
    /// That of Ultralytics' detectors.
    fn default() -> Self {
        Self {
            fit: Fit::Letterbox,
            channels: Channels::Rgb,
            layout: InputLayout::Nchw,
            element: Element::Float32,
            range: Range::One,
            mean: [0.0; 3],
            deviation: [1.0; 3],
        }
    }
}

named! {
    /// How a frame fits into a network's input.
    #[derive(Default)]
    Fit, "fit" {
        /// One scale for both axes, the frame centred, gray around it (YOLO).
        #[default]
        Letterbox = "letterbox",
        /// One scale for both axes, the frame at the upper left, gray to its right and below (YOLOX).
        TopLeft = "top_left",
        /// Each axis by its own scale, so that the input is filled (DETR).
        Stretch = "stretch",
    }
}

/// The order of the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// How the values of an input lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputLayout {
    /// `[batch, 3, height, width]`: a plane for each channel.
    #[default]
    Nchw,
    /// `[batch, height, width, 3]`: the channels of a pixel side by side.
    Nhwc,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Element {
    /// 32-bit float.
    #[default]
    Float32,
    /// 16-bit float.
    Float16,
    /// An integer of 0 to 255.
    Uint8,
}

/// What white is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Range {
    /// 1.0.
    #[default]
    #[serde(rename = "1")]
    One,
    /// 255.
    #[serde(rename = "255")]
    Byte,
}
