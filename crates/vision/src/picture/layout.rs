//! Where the planes of a picture lie, and the check that they lie inside the data.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::{ColorMatrix, ColorRange, PixelFormat};

/// The largest width and height of a picture, in pixels.
pub const MAX_DIMENSION: u32 = 32_768;

/// A layout that cannot be, or data that does not hold it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// A side is zero or too large.
    #[error("picture size {width}x{height}: expected sides of 1 to {MAX_DIMENSION} pixels")]
    Size {
        /// Width found, in pixels.
        width: u32,
        /// Height found, in pixels.
        height: u32,
    },
    /// The number of planes is not the format's.
    #[error("{found} planes: {format} has {expected}")]
    PlaneCount {
        /// The picture's format.
        format: PixelFormat,
        /// Number of planes found.
        found: usize,
        /// Number of planes of the format.
        expected: usize,
    },
    /// A row does not fit its stride.
    #[error(
        "plane {plane} has a stride of {stride} bytes: a row of {format} at width {width} has {expected}"
    )]
    Stride {
        /// Index of the plane.
        plane: usize,
        /// Stride found, in bytes.
        stride: u32,
        /// The picture's format.
        format: PixelFormat,
        /// The picture's width, in pixels.
        width: u32,
        /// Bytes of one row: the smallest valid stride.
        expected: u64,
    },
    /// A plane of 16-bit samples begins or steps at an odd byte.
    #[error("plane {plane} of {format} has {what} {value}: expected an even number of bytes")]
    Misaligned {
        /// Index of the plane.
        plane: usize,
        /// The picture's format.
        format: PixelFormat,
        /// `offset` or `stride`.
        what: &'static str,
        /// Its value, in bytes.
        value: u32,
    },
    /// The data ends before the picture does.
    #[error(
        "{found} bytes of data: a {format} picture of {width}x{height} laid out so needs {expected}"
    )]
    DataTooShort {
        /// The picture's format.
        format: PixelFormat,
        /// The picture's width, in pixels.
        width: u32,
        /// The picture's height, in pixels.
        height: u32,
        /// Bytes found.
        found: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// A part of a picture leaves it.
    #[error(
        "a part of {}x{} pixels at {}, {}: expected one inside the picture of {width}x{height}",
        crop.2, crop.3, crop.0, crop.1
    )]
    Outside {
        /// Left and upper edge, width and height of the part, in pixels.
        crop: (u32, u32, u32, u32),
        /// The picture's width, in pixels.
        width: u32,
        /// The picture's height, in pixels.
        height: u32,
    },
    /// The picture cannot be addressed on this machine.
    #[error("the picture ends at byte {end}, beyond this machine's address space")]
    Unaddressable {
        /// The byte behind the picture's last.
        end: u64,
    },
}

/// One plane inside a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Plane {
    /// First byte, counted from the slot's start.
    pub offset: u32,
    /// Bytes from one row's start to the next.
    pub stride: u32,
}

/// One to three planes. Reads as a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Plane>", into = "Vec<Plane>")]
pub struct Planes {
    planes: [Plane; 3],
    len: u8,
}

impl Planes {
    /// The most planes that a format has.
    pub const MOST: usize = 3;
}

/// A number of planes that no format has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{found} planes: expected 1 to 3")]
pub struct PlanesError {
    found: usize,
}

impl TryFrom<&[Plane]> for Planes {
    type Error = PlanesError;

    fn try_from(found: &[Plane]) -> Result<Self, Self::Error> {
        let mut planes = [Plane::default(); 3];
        let len = match found.len() {
            1 => 1,
            2 => 2,
            3 => 3,
            found => return Err(PlanesError { found }),
        };
        planes[..found.len()].copy_from_slice(found);
        Ok(Self { planes, len })
    }
}

impl TryFrom<Vec<Plane>> for Planes {
    type Error = PlanesError;

    fn try_from(found: Vec<Plane>) -> Result<Self, Self::Error> {
        Self::try_from(found.as_slice())
    }
}

impl From<[Plane; 1]> for Planes {
    fn from([a]: [Plane; 1]) -> Self {
        Self {
            planes: [a, Plane::default(), Plane::default()],
            len: 1,
        }
    }
}

impl From<[Plane; 2]> for Planes {
    fn from([a, b]: [Plane; 2]) -> Self {
        Self {
            planes: [a, b, Plane::default()],
            len: 2,
        }
    }
}

impl From<[Plane; 3]> for Planes {
    fn from(planes: [Plane; 3]) -> Self {
        Self { planes, len: 3 }
    }
}

impl From<Planes> for Vec<Plane> {
    fn from(planes: Planes) -> Self {
        planes.to_vec()
    }
}

impl Deref for Planes {
    type Target = [Plane];

    fn deref(&self) -> &[Plane] {
        &self.planes[..usize::from(self.len)]
    }
}

/// Size, format, colour space and planes of a picture.
///
/// Chroma of the 4:2:0 formats has `(width + 1) / 2` by `(height + 1) / 2` samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PictureLayout {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// How samples lie in memory.
    pub format: PixelFormat,
    /// Matrix coefficients of YUV.
    pub matrix: ColorMatrix,
    /// Code range of YUV.
    pub range: ColorRange,
    /// The planes, in the format's order.
    pub planes: Planes,
}

impl PictureLayout {
    /// The layout with no byte between rows or planes.
    ///
    /// A size that no picture may have is not refused here but by [`Self::required_bytes`].
    #[must_use]
    pub fn packed(
        width: u32,
        height: u32,
        format: PixelFormat,
        matrix: ColorMatrix,
        range: ColorRange,
    ) -> Self {
        let mut planes = [Plane::default(); 3];
        let shapes = plane_shapes(format, width, height);
        let mut offset = 0u64;
        for (plane, shape) in planes.iter_mut().zip(&shapes) {
            *plane = Plane {
                offset: saturating_u32(offset),
                stride: saturating_u32(shape.row_bytes),
            };
            offset = offset.saturating_add(shape.row_bytes.saturating_mul(shape.rows));
        }
        let planes = match plane_count(format) {
            1 => Planes::from([planes[0]]),
            2 => Planes::from([planes[0], planes[1]]),
            _ => Planes::from(planes),
        };
        Self {
            width,
            height,
            format,
            matrix,
            range,
            planes,
        }
    }

    /// Bytes a slot must have to hold this picture: the end of the plane that ends last. The last
    /// row of a plane need not be as long as its stride.
    ///
    /// # Errors
    /// The size, the number of planes, a stride or an alignment is impossible.
    pub fn required_bytes(&self) -> Result<usize, PictureError> {
        let Self {
            width,
            height,
            format,
            ..
        } = *self;
        if !(1..=MAX_DIMENSION).contains(&width) || !(1..=MAX_DIMENSION).contains(&height) {
            return Err(PictureError::Size { width, height });
        }
        let expected = plane_count(format);
        if self.planes.len() != expected {
            return Err(PictureError::PlaneCount {
                format,
                found: self.planes.len(),
                expected,
            });
        }
        let shapes = plane_shapes(format, width, height);
        let mut end = 0u64;
        for (plane, (&Plane { offset, stride }, shape)) in
            self.planes.iter().zip(&shapes).enumerate()
        {
            if u64::from(stride) < shape.row_bytes {
                let expected = shape.row_bytes;
                return Err(PictureError::Stride {
                    plane,
                    stride,
                    format,
                    width,
                    expected,
                });
            }
            if format == PixelFormat::P010 {
                for (what, value) in [("offset", offset), ("stride", stride)] {
                    if !value.is_multiple_of(2) {
                        return Err(PictureError::Misaligned {
                            plane,
                            format,
                            what,
                            value,
                        });
                    }
                }
            }
            // At most 2^32 + 2^32 * 2^15 + 2^18: no overflow.
            end =
                end.max(u64::from(offset) + u64::from(stride) * (shape.rows - 1) + shape.row_bytes);
        }
        usize::try_from(end).map_err(|_| PictureError::Unaddressable { end })
    }
}

/// What one plane of a format has.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaneShape {
    /// Bytes of a row's samples.
    pub row_bytes: u64,
    /// Number of rows.
    pub rows: u64,
}

pub(super) const fn plane_count(format: PixelFormat) -> usize {
    match format {
        PixelFormat::Rgb8 => 1,
        PixelFormat::Nv12 | PixelFormat::P010 => 2,
        PixelFormat::I420 => 3,
    }
}

/// Shapes of the format's planes; entries behind [`plane_count`] have no meaning.
pub(super) fn plane_shapes(format: PixelFormat, width: u32, height: u32) -> [PlaneShape; 3] {
    let (luma, rows) = (u64::from(width), u64::from(height));
    let (chroma, chroma_rows) = (luma.div_ceil(2), rows.div_ceil(2));
    let shape = |row_bytes, rows| PlaneShape { row_bytes, rows };
    match format {
        PixelFormat::I420 => [
            shape(luma, rows),
            shape(chroma, chroma_rows),
            shape(chroma, chroma_rows),
        ],
        PixelFormat::Nv12 => [
            shape(luma, rows),
            shape(2 * chroma, chroma_rows),
            shape(0, 0),
        ],
        PixelFormat::P010 => [
            shape(2 * luma, rows),
            shape(4 * chroma, chroma_rows),
            shape(0, 0),
        ],
        PixelFormat::Rgb8 => [shape(3 * luma, rows), shape(0, 0), shape(0, 0)],
    }
}

fn saturating_u32(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
