//! From YUV code values to RGB.

use super::{ColorMatrix, ColorRange};

/// Coefficients of the conversion of YUV codes to RGB in 0..1:
/// `r = y_gain * y + r_from_v * v + r_bias` and so on, before clamping to 0..1.
///
/// Source: ITU-T H.273 (the equations of `MatrixCoefficients` and of `VideoFullRangeFlag`), with
/// Kr and Kb of ITU-R BT.601 and BT.709.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct YuvToRgb {
    /// Gain of luma, the same for the three colours.
    pub y_gain: f32,
    /// Red from V.
    pub r_from_v: f32,
    /// Green from U.
    pub g_from_u: f32,
    /// Green from V.
    pub g_from_v: f32,
    /// Blue from U.
    pub b_from_u: f32,
    /// Added to red.
    pub r_bias: f32,
    /// Added to green.
    pub g_bias: f32,
    /// Added to blue.
    pub b_bias: f32,
}

impl YuvToRgb {
    /// Coefficients for codes of `bits` (8 to 16) bits.
    #[must_use]
    pub fn new(matrix: ColorMatrix, range: ColorRange, bits: u32) -> Self {
        let (kr, kb) = match matrix {
            ColorMatrix::Bt601 => (0.299, 0.114),
            ColorMatrix::Bt709 => (0.2126, 0.0722),
        };
        let kg = 1.0 - kr - kb;
        let step = f64::from(1u32 << (bits.clamp(8, 16) - 8));
        let (black, luma_span, chroma_span) = match range {
            ColorRange::Limited => (16.0 * step, 219.0 * step, 224.0 * step),
            ColorRange::Full => (0.0, 256.0 * step - 1.0, 256.0 * step - 1.0),
        };
        let neutral = 128.0 * step;
        let y_gain = 1.0 / luma_span;
        let r_from_v = 2.0 * (1.0 - kr) / chroma_span;
        let b_from_u = 2.0 * (1.0 - kb) / chroma_span;
        let g_from_u = -b_from_u * kb / kg;
        let g_from_v = -r_from_v * kr / kg;
        let y_bias = -black * y_gain;
        Self {
            y_gain: y_gain as f32,
            r_from_v: r_from_v as f32,
            g_from_u: g_from_u as f32,
            g_from_v: g_from_v as f32,
            b_from_u: b_from_u as f32,
            r_bias: (y_bias - neutral * r_from_v) as f32,
            g_bias: (y_bias - neutral * (g_from_u + g_from_v)) as f32,
            b_bias: (y_bias - neutral * b_from_u) as f32,
        }
    }

    /// One pixel, as red, green and blue in 0..1.
    #[must_use]
    #[inline]
    pub fn pixel(&self, y: f32, u: f32, v: f32) -> [f32; 3] {
        let luma = self.y_gain * y;
        [
            (luma + self.r_from_v * v + self.r_bias).clamp(0.0, 1.0),
            (luma + self.g_from_u * u + self.g_from_v * v + self.g_bias).clamp(0.0, 1.0),
            (luma + self.b_from_u * u + self.b_bias).clamp(0.0, 1.0),
        ]
    }
}
