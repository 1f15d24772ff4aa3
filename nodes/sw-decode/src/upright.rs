//! The planes of frames that are turned on their way into a slot.
#![expect(unsafe_code, reason = "planes of libavcodec's frames")]

use camweave_decode::Plan;
use camweave_vision::StoredPlane;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;

use crate::{color, direct};

/// The planes of a frame in a format that messages have; `None` for any other, which must be
/// converted first.
pub(crate) fn stored_planes(frame: &frame::Video) -> Option<Vec<StoredPlane<'_>>> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let (chroma, chroma_rows) = (width.div_ceil(2), height.div_ceil(2));
    // Bytes per row, and rows.
    let shapes = match color::plain(frame.format()) {
        Pixel::YUV420P => vec![
            (width, height),
            (chroma, chroma_rows),
            (chroma, chroma_rows),
        ],
        Pixel::NV12 => vec![(width, height), (2 * chroma, chroma_rows)],
        _ => return None,
    };
    let planes = direct::raw_planes(frame);
    if planes.len() != shapes.len() || width == 0 || height == 0 {
        return None;
    }
    let planes = planes.into_iter().zip(shapes);
    planes
        .map(|((data, stride), (row_bytes, rows))| {
            // A frame that is stored from its last row up has a stride below zero.
            let stride = usize::try_from(stride).ok().filter(|&it| it >= row_bytes)?;
            let bytes = stride.checked_mul(rows - 1)?.checked_add(row_bytes)?;
            // SAFETY: a plane of a frame that the decoder has output has its rows, each
            // `stride` bytes after the one before, and nobody writes to them while the frame
            // is borrowed.
            let data = unsafe { std::slice::from_raw_parts(data, bytes) };
            Some(StoredPlane { data, stride })
        })
        .collect()
}

/// The planes of a frame that was laid out by `plan` in `data`.
pub(crate) fn planes_in<'a>(data: &'a [u8], plan: &Plan) -> Vec<StoredPlane<'a>> {
    let planes = plan.planes.iter();
    planes
        .map(|plane| StoredPlane {
            data: data.get(plane.offset as usize..).unwrap_or_default(),
            stride: plane.stride as usize,
        })
        .collect()
}
