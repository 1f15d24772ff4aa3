//! Names of pixel formats and colour spaces, as messages and configuration spell them.

use crate::named::named;

named! {
    /// How the samples of a picture lie in memory.
    PixelFormat, "pixel format" {
        /// 8-bit 4:2:0 in three planes: Y, U, V.
        I420 = "i420",
        /// 8-bit 4:2:0 in two planes: Y, and U with V interleaved.
        Nv12 = "nv12",
        /// 10-bit 4:2:0 in two planes like NV12, each sample in the upper 10 bits of a
        /// little-endian 16-bit word.
        P010 = "p010",
        /// 8-bit red, green, blue, interleaved in one plane.
        Rgb8 = "rgb8",
    }
}

named! {
    /// The matrix coefficients that relate YUV to RGB. Without meaning for RGB pictures.
    ColorMatrix, "color matrix" {
        /// ITU-R BT.601 (Kr 0.299, Kb 0.114).
        Bt601 = "bt601",
        /// ITU-R BT.709 (Kr 0.2126, Kb 0.0722).
        Bt709 = "bt709",
    }
}

named! {
    /// The code values that black and white have. Without meaning for RGB pictures.
    ColorRange, "color range" {
        /// 8-bit luma 16 to 235, chroma 16 to 240; 10-bit four times that.
        Limited = "limited",
        /// The whole range of codes.
        Full = "full",
    }
}
