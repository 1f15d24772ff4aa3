//! Where the planes of a frame go inside a slot.

use camweave_vision::{PixelFormat, Plane};

/// Rows begin at multiples of this many bytes: what the widest vector units want.
pub const ALIGN: usize = 64;
/// libavcodec's and libswscale's assembly may touch so many bytes behind a plane
/// (`update_frame_pool` in libavcodec/get_buffer.c reserves 16 and one alignment).
const SLACK: usize = 16 + ALIGN;

/// The planes of one frame, and the bytes that they need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The planes, in the format's order.
    pub planes: Vec<Plane>,
    /// Bytes of the whole frame.
    pub bytes: usize,
}

impl Plan {
    /// Lays out `width` by `height` pixels. `align` is what a row must be a multiple
    /// of, in bytes, and at least [`ALIGN`] is used. `None` for RGB, for an empty
    /// frame, and for one that 32-bit offsets cannot describe.
    #[must_use]
    pub fn new(format: PixelFormat, width: u32, height: u32, align: usize) -> Option<Self> {
        let (width, height) = (usize::try_from(width).ok()?, usize::try_from(height).ok()?);
        if width == 0 || height == 0 {
            return None;
        }
        let align = align.max(ALIGN);
        let chroma_height = height.div_ceil(2);
        // Decoders assume that a chroma row is half a luma row, or equal to it.
        let shapes: Vec<(usize, usize)> = match format {
            PixelFormat::I420 => {
                let chroma = width.div_ceil(2).checked_next_multiple_of(align)?;
                vec![
                    (chroma.checked_mul(2)?, height),
                    (chroma, chroma_height),
                    (chroma, chroma_height),
                ]
            }
            PixelFormat::Nv12 | PixelFormat::P010 => {
                let sample = if format == PixelFormat::P010 { 2 } else { 1 };
                let row = width.checked_next_multiple_of(2)?.checked_mul(sample)?;
                let row = row.checked_next_multiple_of(align)?;
                vec![(row, height), (row, chroma_height)]
            }
            PixelFormat::Rgb8 => return None,
        };
        let mut planes = Vec::with_capacity(shapes.len());
        let mut bytes = 0_usize;
        for (stride, rows) in shapes {
            planes.push(Plane {
                offset: u32::try_from(bytes).ok()?,
                stride: u32::try_from(stride).ok()?,
            });
            bytes = bytes
                .checked_add(stride.checked_mul(rows)?)?
                .checked_add(SLACK)?
                .checked_next_multiple_of(ALIGN)?;
        }
        Some(Self { planes, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_aligned_and_planes_do_not_touch() {
        for format in [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::P010] {
            for (width, height) in [(1, 1), (2, 2), (322, 182), (333, 187), (1920, 1088)] {
                let plan = Plan::new(format, width, height, 32).expect("a small picture");
                let sample = if format == PixelFormat::P010 { 2 } else { 1 };
                let mut end = 0;
                for (index, plane) in plan.planes.iter().enumerate() {
                    assert_eq!(plane.offset as usize % ALIGN, 0);
                    assert_eq!(plane.stride as usize % ALIGN, 0);
                    assert!(
                        plane.offset >= end,
                        "plane {index} begins inside the one before"
                    );
                    let rows = if index == 0 {
                        height
                    } else {
                        height.div_ceil(2)
                    };
                    let row = match (format, index) {
                        (PixelFormat::I420, 1..) => width.div_ceil(2),
                        (_, 0) => width * sample,
                        _ => width.div_ceil(2) * 2 * sample,
                    };
                    assert!(
                        plane.stride >= row,
                        "{format} {width}x{height} plane {index}"
                    );
                    end = plane.offset + plane.stride * rows + SLACK as u32;
                }
                assert!(plan.bytes >= end as usize);
            }
        }
        let plan = Plan::new(PixelFormat::I420, 640, 360, 32).expect("a small picture");
        assert_eq!(plan.planes[0].stride, 2 * plan.planes[1].stride);
    }

    #[test]
    fn what_cannot_be_described_is_refused() {
        assert_eq!(Plan::new(PixelFormat::Rgb8, 16, 16, 64), None);
        assert_eq!(Plan::new(PixelFormat::I420, 0, 16, 64), None);
        assert_eq!(Plan::new(PixelFormat::I420, u32::MAX, u32::MAX, 64), None);
    }
}
