//! What a stream is, and what is made of it: pure arithmetic.

use camweave_vision::{ColorMatrix, ColorRange, PixelFormat};

use crate::sys;

/// A codec that NVIDIA's engines know. Fewer than messages do (`camweave_message::Codec`): who has
/// those decides what becomes of the others, before anything is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// H.264, Annex B.
    H264,
    /// H.265, Annex B.
    H265,
    /// VP9, a superframe at a time.
    Vp9,
    /// AV1, a temporal unit at a time; newer engines only.
    Av1,
}

impl Codec {
    /// The codec's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::H265 => "H.265",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
        }
    }

    pub(crate) fn raw(self) -> sys::cudaVideoCodec {
        match self {
            Self::H264 => sys::cudaVideoCodec_H264,
            Self::H265 => sys::cudaVideoCodec_HEVC,
            Self::Vp9 => sys::cudaVideoCodec_VP9,
            Self::Av1 => sys::cudaVideoCodec_AV1,
        }
    }
}

/// What pictures may be, and what they are scaled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The widest picture, in pixels.
    pub max_width: u32,
    /// The highest picture, in pixels.
    pub max_height: u32,
    /// Larger pictures are scaled down to fit this width and height, with their aspect ratio.
    pub target: Option<(u32, u32)>,
}

/// Why a stream is not decoded; one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A picture beyond [`Limits`].
    #[error(
        "frame size {width}x{height}, expected at most {}x{} (MAX_WIDTH, MAX_HEIGHT)",
        limits.max_width, limits.max_height
    )]
    Size {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// The limits.
        limits: Limits,
    },
    /// Chroma other than 4:2:0, or more than 10 bits.
    #[error(
        "{codec} with chroma {chroma} and {bit_depth} bits, expected 4:2:0 of 8 or 10 bits; sw-decode decodes it"
    )]
    Samples {
        /// The codec's name.
        codec: &'static str,
        /// As usually written.
        chroma: &'static str,
        /// Bits per sample.
        bit_depth: u32,
    },
    /// The chip cannot.
    #[error("this GPU does not decode {codec} with {bit_depth} bits; sw-decode does")]
    Codec {
        /// The codec's name.
        codec: &'static str,
        /// Bits per sample.
        bit_depth: u32,
    },
    /// The chip cannot at this size.
    #[error(
        "{codec} of {width}x{height} (as coded), expected {}x{} to {}x{} on this GPU; sw-decode decodes it",
        least.0, least.1, most.0, most.1
    )]
    ChipSize {
        /// The codec's name.
        codec: &'static str,
        /// In pixels, as coded.
        width: u32,
        /// In pixels, as coded.
        height: u32,
        /// Width and height, in pixels.
        least: (u32, u32),
        /// Width and height, in pixels.
        most: (u32, u32),
    },
}

/// A stream by its sequence header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coded {
    pub codec: Codec,
    /// Whole blocks, in pixels.
    pub width: u32,
    /// Whole blocks, in pixels.
    pub height: u32,
    /// The visible part in coded pixels: left, top, right, bottom; the last two exclusive.
    pub visible: [u32; 4],
    pub chroma: sys::cudaVideoChromaFormat,
    pub bit_depth: u32,
    /// What the stream's references need.
    pub min_surfaces: u32,
    /// `matrix_coefficients` of ITU-T H.273.
    pub matrix: u8,
    pub is_full_range: bool,
}

/// A decoder for a stream, and how its pictures come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub coded: Coded,
    pub format: PixelFormat,
    /// What the decoder's post-processing makes: whole surfaces, in pixels.
    pub surface: (u32, u32),
    /// The part of the coded picture that is scaled; `None`: not scaled, all of it comes out.
    pub scaled_from: Option<[u32; 4]>,
    /// The picture inside the surface, in pixels: left, top, width, height.
    pub picture: [u32; 4],
    pub surfaces: u32,
    pub matrix: ColorMatrix,
    pub range: ColorRange,
}

impl Coded {
    pub fn new(codec: Codec, format: &sys::CUVIDEOFORMAT) -> Self {
        let area = &format.display_area;
        let side = |value: i32| u32::try_from(value).unwrap_or(0);
        let signal = &format.video_signal_description;
        Self {
            codec,
            width: format.coded_width,
            height: format.coded_height,
            visible: [area.left, area.top, area.right, area.bottom].map(side),
            chroma: format.chroma_format,
            bit_depth: 8 + u32::from(format.bit_depth_luma_minus8),
            min_surfaces: u32::from(format.min_num_decode_surfaces),
            matrix: signal.matrix_coefficients,
            is_full_range: signal.video_full_range_flag() == 1,
        }
    }

    /// What the chip must be asked for.
    pub fn caps(&self) -> sys::CUVIDDECODECAPS {
        sys::CUVIDDECODECAPS {
            eCodecType: self.codec.raw(),
            eChromaFormat: self.chroma,
            nBitDepthMinus8: self.bit_depth - 8,
            ..sys::CUVIDDECODECAPS::default()
        }
    }

    /// Compares with the chip's answer.
    pub fn check(&self, caps: &sys::CUVIDDECODECAPS) -> Result<(), Refusal> {
        let codec = self.codec.as_str();
        if caps.bIsSupported == 0 {
            let bit_depth = self.bit_depth;
            return Err(Refusal::Codec { codec, bit_depth });
        }
        let least = (u32::from(caps.nMinWidth), u32::from(caps.nMinHeight));
        let most = (caps.nMaxWidth, caps.nMaxHeight);
        let blocks = u64::from(self.width) * u64::from(self.height) / 256;
        let fits = (least.0..=most.0).contains(&self.width)
            && (least.1..=most.1).contains(&self.height)
            && blocks <= u64::from(caps.nMaxMBCount);
        if fits {
            return Ok(());
        }
        Err(Refusal::ChipSize {
            codec,
            width: self.width,
            height: self.height,
            least,
            most,
        })
    }
}

impl Plan {
    /// Plans a decoder with `spare` surfaces beyond those that the stream needs.
    pub fn new(coded: Coded, limits: &Limits, spare: u32) -> Result<Self, Refusal> {
        let format = match (coded.chroma, coded.bit_depth) {
            (sys::cudaVideoChromaFormat_420, 8) => PixelFormat::Nv12,
            (sys::cudaVideoChromaFormat_420, 9..=10) => PixelFormat::P010,
            (chroma, bit_depth) => {
                return Err(Refusal::Samples {
                    codec: coded.codec.as_str(),
                    chroma: chroma_name(chroma),
                    bit_depth,
                });
            }
        };
        let [left, top, right, bottom] = coded.visible;
        let width = right.min(coded.width).saturating_sub(left);
        let height = bottom.min(coded.height).saturating_sub(top);
        if width == 0 || height == 0 || width > limits.max_width || height > limits.max_height {
            return Err(Refusal::Size {
                width,
                height,
                limits: *limits,
            });
        }
        let (surface, scaled_from, picture) =
            match limits.target.and_then(|it| fit((width, height), it)) {
                Some(size) => (size, Some(coded.visible), [0, 0, size.0, size.1]),
                None => (
                    (coded.width, coded.height),
                    None,
                    [left, top, width, height],
                ),
            };
        Ok(Self {
            coded,
            format,
            surface,
            scaled_from,
            picture,
            surfaces: coded.min_surfaces.max(1) + spare,
            matrix: matrix(coded.matrix, height),
            range: if coded.is_full_range {
                ColorRange::Full
            } else {
                ColorRange::Limited
            },
        })
    }

    /// Whether a decoder that was made for `self` can be told to decode `next`.
    pub fn can_become(&self, next: &Self) -> bool {
        let same = |plan: &Self| (plan.coded.codec, plan.coded.chroma, plan.coded.bit_depth);
        same(self) == same(next)
            && next.coded.width <= self.coded.width
            && next.coded.height <= self.coded.height
            && next.surfaces <= self.surfaces
    }
}

/// The largest even size of the same shape within `target`; `None` if the picture fits already.
fn fit((width, height): (u32, u32), target: (u32, u32)) -> Option<(u32, u32)> {
    if width <= target.0 && height <= target.1 {
        return None;
    }
    let (w, h) = (u64::from(width), u64::from(height));
    let (tw, th) = (u64::from(target.0), u64::from(target.1));
    let (w, h) = if w * th >= h * tw {
        (tw, (h * tw + w / 2) / w)
    } else {
        ((w * th + h / 2) / h, th)
    };
    // Both are at most the target's, which are 32 bits wide.
    let even = |side: u64| ((side / 2).max(1) * 2) as u32;
    Some((even(w), even(h)))
}

/// The matrix that the stream names; where it does not, pictures of 720 rows and more are taken
/// for BT.709, as televisions do. BT.2020 is nearer to BT.709.
fn matrix(coefficients: u8, height: u32) -> ColorMatrix {
    const UNSPECIFIED: [u8; 2] = [2, 3];
    const BT601: [u8; 3] = [4, 5, 6];
    if BT601.contains(&coefficients) || (UNSPECIFIED.contains(&coefficients) && height < 720) {
        ColorMatrix::Bt601
    } else {
        ColorMatrix::Bt709
    }
}

fn chroma_name(chroma: sys::cudaVideoChromaFormat) -> &'static str {
    match chroma {
        sys::cudaVideoChromaFormat_Monochrome => "4:0:0",
        sys::cudaVideoChromaFormat_420 => "4:2:0",
        sys::cudaVideoChromaFormat_422 => "4:2:2",
        sys::cudaVideoChromaFormat_444 => "4:4:4",
        _ => "unknown",
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
