//! The luma of a decoded picture.
#![expect(unsafe_code, reason = "planes of libavcodec's frames")]

use std::slice;

use camweave_decode::LumaPlane;
use ffmpeg_next::{ffi, frame};

use crate::direct;

/// The plane of luma. `None` for RGB formats, where samples do not follow one another, and where
/// rows go upwards.
pub(crate) fn plane(frame: &frame::Video) -> Option<LumaPlane<'_>> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    // SAFETY: the function takes any format.
    let described = unsafe { ffi::av_pix_fmt_desc_get(frame.format().into()) };
    // SAFETY: null, or a description that lives as long as the library.
    let described = unsafe { described.as_ref() }?;
    let component = described.comp[0];
    let bytes = if component.depth > 8 { 2 } else { 1 };
    if component.plane != 0 || component.offset != 0 || component.step != bytes {
        return None;
    }
    let (data, stride) = direct::raw_planes(frame).into_iter().next()?;
    let row_bytes = width.checked_mul(bytes as usize)?;
    let stride = usize::try_from(stride).ok().filter(|it| *it >= row_bytes)?;
    let bytes = stride.checked_mul(height.checked_sub(1)?)? + row_bytes;
    // SAFETY: a plane of a frame that the decoder has output has its rows, each `stride` bytes
    // after the one before, and nobody writes to them while the frame is borrowed.
    let data = unsafe { slice::from_raw_parts(data, bytes) };
    Some(LumaPlane {
        data,
        stride,
        width,
        height,
        // Where the low bits are not used (P010), they are there.
        bits: (component.depth + component.shift).unsigned_abs(),
    })
}
