//! What a network expects of the frame it gets.

use serde::{Deserialize, Serialize};

use crate::named::named;

/// The grey around the picture: 114 of 255, as Ultralytics and YOLOX train with.
pub const PAD_VALUE: f32 = 114.0 / 255.0;

/// How a frame becomes the values of a network's input.
///
/// A value is `white * (sample - mean) / deviation`, with a sample of 0 to 1 and `white` 1 or 255
/// (`range`): with 255 and a mean of 0.5 it is the sample of 0 to 255 less 127.5. Means and
/// deviations are in parts of white and in the order of `channels`. The padding is a sample of
/// [`PAD_VALUE`].
///
/// What the makers' own preprocessing is:
///
/// | model | fit | channels | range | mean, deviation | source |
/// |---|---|---|---|---|---|
/// | YOLOv5 to YOLO26 | letterbox | RGB | 1 | none | `ultralytics/data/augment.py`, `LetterBox` |
/// | YOLOX (0.1.1 and later) | top left | BGR | 255 | none | `yolox/data/data_augment.py`, `preproc` |
/// | RT-DETR of Ultralytics | stretch | RGB | 1 | none | `LetterBox` with `scale_fill=True` |
/// | RT-DETRv2, D-FINE, DEIM | stretch | RGB | 1 | none | `Resize` and `ConvertPILImage` of their configurations |
/// | RF-DETR | stretch | RGB | 1 | of ImageNet | `rfdetr/detr.py`, `predict` |
/// | PP-YOLOE | stretch | RGB | 1 | of ImageNet; PP-YOLOE+: none | `Resize` with `keep_ratio: False` and `NormalizeImage` of its reader |
/// | YOLO-NAS | letterbox | RGB | 1 | none | `super_gradients/training/processing/defaults.py`; its own tool fits into 636 of 640 pixels |
///
/// The means of ImageNet are 0.485, 0.456, 0.406 and its deviations 0.229, 0.224, 0.225. Frames are
/// resized as [`LetterboxPlan`](crate::LetterboxPlan) says, which is what Ultralytics, YOLOX and
/// RF-DETR (1.11) do. The tools of RT-DETRv2, D-FINE and DEIM average more samples where they shrink
/// (Pillow's bilinear resize), and PP-YOLOE's is cubic.
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

/// A format that no frame can be given in.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InputFormatError {
    /// Means or deviations that no value comes of.
    #[error(
        "mean {mean:?} and deviation {deviation:?}: expected numbers in parts of white, deviations above 0"
    )]
    Scaling {
        /// The means.
        mean: [f32; 3],
        /// The deviations.
        deviation: [f32; 3],
    },
    /// Integers that cannot be what the values are.
    #[error(
        "uint8 with range {range}, mean {mean:?} and deviation {deviation:?}: expected range 255, mean 0 and deviation 1"
    )]
    Uint8 {
        /// The range.
        range: Range,
        /// The means.
        mean: [f32; 3],
        /// The deviations.
        deviation: [f32; 3],
    },
}

/// What makes a value of a sample: `gain * sample + bias`, in this order and each rounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// The factor.
    pub gain: f32,
    /// What is added.
    pub bias: f32,
}

impl Affine {
    /// Changes nothing.
    pub const IDENTITY: Self = Self {
        gain: 1.0,
        bias: 0.0,
    };

    /// The value of a sample of 0 to 1.
    #[must_use]
    #[inline(always)]
    pub fn value(self, sample: f32) -> f32 {
        self.gain * sample + self.bias
    }
}

impl InputFormat {
    /// Refuses what gives no values.
    ///
    /// # Errors
    /// Means or deviations are not finite, or deviations not above 0, or integers are anything but
    /// samples of 0 to 255.
    pub fn check(&self) -> Result<(), InputFormatError> {
        let Self {
            range,
            mean,
            deviation,
            ..
        } = *self;
        let is_possible =
            |Affine { gain, bias }| gain.is_normal() && gain > 0.0 && bias.is_finite();
        if !self.affine().into_iter().all(is_possible) {
            return Err(InputFormatError::Scaling { mean, deviation });
        }
        let is_sample = range == Range::Byte && mean == [0.0; 3] && deviation == [1.0; 3];
        if self.element == Element::Uint8 && !is_sample {
            return Err(InputFormatError::Uint8 {
                range,
                mean,
                deviation,
            });
        }
        Ok(())
    }

    /// What makes the values of samples of 0 to 1, in the order of the channels.
    #[must_use]
    pub fn affine(&self) -> [Affine; 3] {
        let white = f64::from(self.range.white());
        std::array::from_fn(|channel| {
            let gain = white / f64::from(self.deviation[channel]);
            Affine {
                gain: gain as f32,
                bias: (-gain * f64::from(self.mean[channel])) as f32,
            }
        })
    }

    /// The values of padding, in the order of the channels.
    #[must_use]
    pub fn padding(&self) -> [f32; 3] {
        self.affine().map(|affine| affine.value(PAD_VALUE))
    }

    /// Whether the values are planes of red, green and blue from 0 to 1, of whichever type.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let Self { fit, element, .. } = *self;
        let plain = Self {
            fit,
            element,
            ..Self::default()
        };
        *self == plain
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

named! {
    /// The order of the channels.
    #[derive(Default)]
    Channels, "order of channels" {
        /// Red, green, blue.
        #[default]
        Rgb = "rgb",
        /// Blue, green, red.
        Bgr = "bgr",
    }
}

named! {
    /// How the values of an input lie.
    #[derive(Default)]
    InputLayout, "input layout" {
        /// `[batch, 3, height, width]`: a plane for each channel.
        #[default]
        Nchw = "nchw",
        /// `[batch, height, width, 3]`: the channels of a pixel side by side.
        Nhwc = "nhwc",
    }
}

named! {
    /// The type of a value.
    #[derive(Default)]
    Element, "element type" {
        /// 32-bit float.
        #[default]
        Float32 = "float32",
        /// 16-bit float.
        Float16 = "float16",
        /// An integer of 0 to 255, see [`byte_of`].
        Uint8 = "uint8",
    }
}

impl Element {
    /// Bytes of one value.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Float32 => 4,
            Self::Float16 => 2,
            Self::Uint8 => 1,
        }
    }
}

/// A value as an integer: the nearest of 0 to 255, the upper one of two.
#[must_use]
#[inline]
pub fn byte_of(value: f32) -> u8 {
    (value.clamp(0.0, 255.0) + 0.5) as u8
}

/// What white is. Serialised as the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum Range {
    /// 1.
    #[default]
    One,
    /// 255.
    Byte,
}

impl Range {
    /// The number.
    #[must_use]
    pub const fn white(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Byte => 255,
        }
    }
}

impl From<Range> for u32 {
    fn from(range: Range) -> Self {
        Self::from(range.white())
    }
}

impl TryFrom<u32> for Range {
    type Error = String;

    fn try_from(white: u32) -> Result<Self, String> {
        match white {
            1 => Ok(Self::One),
            255 => Ok(Self::Byte),
            _ => Err(format!("range {white}: expected 1 or 255")),
        }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.white())
    }
}
