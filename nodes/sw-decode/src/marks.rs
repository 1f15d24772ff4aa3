//! Finds parts of a frame that the decoder has not written.
//!
//! libavcodec says nothing of H.265 slices that are missing: the frame has there whatever its
//! memory had before, green or another frame. So each block of a frame's memory gets a mark
//! before the decoder has it. Decoding writes every pixel, and a mark that is still there is a
//! block that was not decoded, or was copied from one that was not.
#![expect(unsafe_code, reason = "reads and writes pictures of libavcodec")]

use std::ffi::c_int;

use ffmpeg_next::ffi::{self, AVFrame};

/// The smallest blocks that a slice can begin with: macroblocks, and coding tree units of 16x16.
const BLOCK: usize = 16;
/// A mark begins so many samples behind its block's left edge: no filter across edges reaches it.
const INSET: usize = 4;
/// No content of a frame: it alternates between the ends of the range.
const MARK: [u8; 8] = [0x01, 0xfd, 0x02, 0xf7, 0x03, 0xfb, 0x00, 0xfe];

/// The first plane of a frame: where its memory begins, and which part of it is visible.
struct Plane {
    base: *mut u8,
    /// Bytes from row to row.
    stride: usize,
    /// Bytes from sample to sample.
    step: usize,
    /// The visible part, in samples.
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Plane {
    /// `None` for a frame without memory, or with samples of less than a byte.
    ///
    /// # Safety
    /// The frame must have come from `get_buffer2` or a decoder.
    unsafe fn of(frame: *const AVFrame) -> Option<Self> {
        // SAFETY: the caller's promise.
        let frame = unsafe { &*frame };
        if frame.buf[0].is_null() || frame.data[0].is_null() {
            return None;
        }
        // SAFETY: it is not null, and the frame holds a reference of it.
        let base = unsafe { (*frame.buf[0]).data };
        let step = sample_bytes(frame.format)?;
        let stride = usize::try_from(frame.linesize[0])
            .ok()
            .filter(|it| *it > 0)?;
        let offset = frame.data[0].addr().checked_sub(base.addr())?;
        let plane = Self {
            base,
            stride,
            step,
            left: offset % stride / step,
            top: offset / stride,
            width: usize::try_from(frame.width).ok()?,
            height: usize::try_from(frame.height).ok()?,
        };
        // SAFETY: as above.
        let bytes = unsafe { (*frame.buf[0]).size };
        let rows = plane.top.checked_add(plane.height)?;
        let fits =
            (plane.left + plane.width) * step <= stride && rows.checked_mul(stride)? <= bytes;
        fits.then_some(plane)
    }

    /// The places of the marks that are wholly visible.
    fn places(&self) -> impl Iterator<Item = *mut u8> {
        let (right, bottom) = (self.left + self.width, self.top + self.height);
        let samples = MARK.len().div_ceil(self.step);
        (self.top / BLOCK..bottom.div_ceil(BLOCK)).flat_map(move |row| {
            (self.left / BLOCK..right.div_ceil(BLOCK)).filter_map(move |column| {
                let x = column * BLOCK + INSET;
                // Rows of either parity: a field has every other one.
                let y = row * BLOCK + BLOCK / 2 + column % 2;
                let is_visible =
                    x >= self.left && x + samples <= right && y >= self.top && y < bottom;
                is_visible.then(|| self.base.wrapping_add(y * self.stride + x * self.step))
            })
        })
    }
}

fn sample_bytes(format: c_int) -> Option<usize> {
    // SAFETY: the value is one that libavcodec put into a frame.
    let format = unsafe { std::mem::transmute::<c_int, ffi::AVPixelFormat>(format) };
    // SAFETY: it looks into a table of constants; null for formats that are not there.
    let descriptor = unsafe { ffi::av_pix_fmt_desc_get(format) };
    // SAFETY: null, or a constant of libavutil's.
    let descriptor = unsafe { descriptor.as_ref() }?;
    let flags = (ffi::AV_PIX_FMT_FLAG_HWACCEL | ffi::AV_PIX_FMT_FLAG_BITSTREAM) as u64;
    if descriptor.flags & flags != 0 {
        return None;
    }
    usize::try_from(descriptor.comp[0].step)
        .ok()
        .filter(|it| (1..=8).contains(it))
}

/// Marks the memory of a frame that is to be decoded.
///
/// # Safety
/// The frame must have its memory from `get_buffer2`, and nobody else may use it.
pub(crate) unsafe fn mark(frame: *const AVFrame) {
    // SAFETY: the caller's promise.
    let Some(plane) = (unsafe { Plane::of(frame) }) else {
        return;
    };
    for place in plane.places() {
        // SAFETY: `Plane::of` has checked that the visible part lies in the buffer, and the mark in that.
        unsafe { place.cast::<[u8; 8]>().write_unaligned(MARK) };
    }
}

/// Whether a mark is left in a frame that was decoded.
///
/// # Safety
/// The frame must have come from a decoder.
pub(crate) unsafe fn is_left(frame: *const AVFrame) -> bool {
    // SAFETY: the caller's promise.
    let Some(plane) = (unsafe { Plane::of(frame) }) else {
        return false;
    };
    plane.places().any(|place| {
        // SAFETY: as in `mark`; nobody writes to a frame that was output.
        let found = unsafe { place.cast::<[u8; 8]>().read_unaligned() };
        found == MARK
    })
}
