//! Where a picture lies in a slot.

use camweave_vision::{PictureLayout, Plane, Planes};

use crate::stream::Plan;

/// Rows begin at multiples of this many bytes: whole memory transactions, and what textures want.
const ALIGN: u32 = 256;

/// Luma from the slot's first byte on, chroma right behind it; and the bytes of both.
pub(crate) fn in_slot(plan: &Plan) -> (PictureLayout, usize) {
    let [_, _, width, height] = plan.picture;
    let stride = (width.next_multiple_of(2) * sample_bytes(plan)).next_multiple_of(ALIGN);
    let layout = PictureLayout {
        width,
        height,
        format: plan.format,
        matrix: plan.matrix,
        range: plan.range,
        planes: Planes::from([
            Plane { offset: 0, stride },
            Plane {
                offset: stride * height,
                stride,
            },
        ]),
    };
    let rows = height as usize + height.div_ceil(2) as usize;
    (layout, stride as usize * rows)
}

/// One plane's way from the decoder's surface into the slot; bytes and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlaneCopy {
    /// First byte in the surface.
    pub from: usize,
    /// First byte in the slot.
    pub to: usize,
    pub row_bytes: usize,
    pub rows: usize,
}

/// The copies of luma and chroma from a surface of `pitch` bytes a row whose chroma begins at
/// row `chroma_row`.
pub(crate) fn copies(
    plan: &Plan,
    layout: &PictureLayout,
    pitch: usize,
    chroma_row: usize,
) -> [PlaneCopy; 2] {
    let [left, top, width, height] = plan.picture.map(|it| it as usize);
    let sample = sample_bytes(plan) as usize;
    let to = |plane: usize| layout.planes[plane].offset as usize;
    [
        PlaneCopy {
            from: top * pitch + left * sample,
            to: to(0),
            row_bytes: width * sample,
            rows: height,
        },
        PlaneCopy {
            from: (chroma_row + top / 2) * pitch + left / 2 * 2 * sample,
            to: to(1),
            row_bytes: width.div_ceil(2) * 2 * sample,
            rows: height.div_ceil(2),
        },
    ]
}

fn sample_bytes(plan: &Plan) -> u32 {
    if plan.format == camweave_vision::PixelFormat::P010 {
        2
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Codec, Coded, Limits};
    use crate::sys;

    /// Copies on the CPU what the decoder would copy on the device, from a surface whose samples
    /// tell their own place, and looks where they have come to.
    #[test]
    fn each_visible_sample_comes_to_its_place_in_the_layout() {
        for (visible, bit_depth) in [
            ([0, 0, 32, 16], 8),
            ([16, 6, 48, 30], 8),
            ([0, 0, 31, 15], 8),
            ([2, 4, 40, 31], 10),
        ] {
            let coded = Coded {
                codec: Codec::H265,
                width: 64,
                height: 31,
                visible,
                chroma: sys::cudaVideoChromaFormat_420,
                bit_depth,
                min_surfaces: 4,
                matrix: 1,
                is_full_range: false,
            };
            let limits = Limits {
                max_width: 64,
                max_height: 64,
                target: None,
            };
            let plan = Plan::new(coded, &limits, 4).expect("a small stream");
            let sample = sample_bytes(&plan) as usize;
            let (pitch, chroma_row) = (64 * sample + 128, crate::hardware::luma_rows(&plan));
            assert_eq!(chroma_row, 32);
            // The first byte of each sample tells x, y and the plane.
            let mark = |plane: usize, x: usize, y: usize| (7 * x + 31 * y + 101 * plane) as u8;
            let mut surface = vec![0_u8; pitch * (chroma_row + chroma_row / 2)];
            for y in 0..31 {
                for x in 0..64 {
                    surface[y * pitch + x * sample] = mark(0, x, y);
                }
            }
            for y in 0..16 {
                for x in 0..64 {
                    surface[(chroma_row + y) * pitch + x * sample] = mark(1, x, y);
                }
            }
            let (layout, bytes) = in_slot(&plan);
            let mut slot = vec![0_u8; bytes];
            for (copy, plane) in copies(&plan, &layout, pitch, chroma_row)
                .iter()
                .zip(&*layout.planes)
            {
                for row in 0..copy.rows {
                    let from = copy.from + row * pitch;
                    let to = copy.to + row * plane.stride as usize;
                    slot[to..to + copy.row_bytes]
                        .copy_from_slice(&surface[from..from + copy.row_bytes]);
                }
            }
            camweave_vision::Picture::new(&layout, &slot).expect("the layout fits its slot");
            let [left, top, right, bottom] = visible.map(|it| it as usize);
            let at = |plane: usize, x: usize, y: usize| {
                let Plane { offset, stride } = layout.planes[plane];
                slot[offset as usize + y * stride as usize + x * sample]
            };
            for y in top..bottom {
                for x in left..right {
                    assert_eq!(
                        at(0, x - left, y - top),
                        mark(0, x, y),
                        "{visible:?} {x},{y}"
                    );
                    // Interleaved U and V of the sample's 2x2 block.
                    for part in 0..2 {
                        let (column, row) = (x / 2 * 2 + part, y / 2);
                        let found = at(1, column - left, row - top / 2);
                        assert_eq!(found, mark(1, column, row), "{visible:?} {x},{y}");
                    }
                }
            }
        }
    }
}
