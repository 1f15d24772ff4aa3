//! Frames that the decoder did not write into a slot: one conversion into it.
#![expect(unsafe_code, reason = "libswscale writes through pointers")]

use std::ffi::c_int;

use camweave_decode::Plan;
use camweave_vision::{ColorRange, PixelFormat};
use ffmpeg_next::ffi;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use ffmpeg_next::software::scaling::{Context, Flags};

use crate::color;

/// Converts frames of one camera; its tables serve until the frames change.
#[derive(Default)]
pub(crate) struct Converter(Option<Tables>);

#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    format: Pixel,
    width: u32,
    height: u32,
    range: ColorRange,
}

struct Tables {
    key: Key,
    target: PixelFormat,
    plan: Plan,
    scaler: Context,
}

// SAFETY: a scaling context belongs to no thread; it is used through `&mut` only.
unsafe impl Send for Tables {}

/// A frame that cannot be converted.
#[derive(Debug, thiserror::Error)]
#[error(
    "pixel format {format:?} at {width}x{height} cannot be converted, expected one that libswscale reads"
)]
pub(crate) struct ConvertError {
    format: Pixel,
    width: u32,
    height: u32,
}

/// The messages' format for a decoder's: 4:2:0 of 10 bits stays that, NV12 stays
/// NV12, all else becomes I420 of 8 bits.
fn target(format: Pixel) -> (PixelFormat, Pixel) {
    match format {
        Pixel::YUV420P10LE | Pixel::P010LE => (PixelFormat::P010, Pixel::P010LE),
        Pixel::NV12 => (PixelFormat::Nv12, Pixel::NV12),
        _ => (PixelFormat::I420, Pixel::YUV420P),
    }
}

impl Converter {
    /// Prepares for frames like `frame`; tells what they become.
    ///
    /// # Errors
    /// The frame's format cannot be converted.
    pub fn prepare(&mut self, frame: &frame::Video) -> Result<(PixelFormat, &Plan), ConvertError> {
        let key = Key {
            format: frame.format(),
            width: frame.width(),
            height: frame.height(),
            range: color::range(frame),
        };
        let tables = match self.0.take() {
            Some(tables) if tables.key == key => tables,
            _ => Tables::new(key)?,
        };
        let tables = self.0.insert(tables);
        Ok((tables.target, &tables.plan))
    }

    /// Writes the frame that was prepared for into the planes of a slot, or of other memory.
    ///
    /// # Errors
    /// The memory is too small, or the frame is not the one that was prepared for.
    pub fn write(&mut self, frame: &frame::Video, memory: &mut [u8]) -> Result<(), ConvertError> {
        let (format, width, height) = (frame.format(), frame.width(), frame.height());
        let refused = ConvertError {
            format,
            width,
            height,
        };
        let Some(tables) = &mut self.0 else {
            return Err(refused);
        };
        let key = &tables.key;
        if (key.format, key.width, key.height) != (format, width, height)
            || memory.len() < tables.plan.bytes
        {
            return Err(refused);
        }
        let base = memory.as_mut_ptr();
        let (mut to, mut to_strides) = ([std::ptr::null_mut(); 4], [0; 4]);
        for (index, plane) in tables.plan.planes.iter().enumerate() {
            to[index] = base.wrapping_add(plane.offset as usize);
            to_strides[index] = c_int::try_from(plane.stride).unwrap_or(0);
        }
        let (mut from, mut from_strides) = ([std::ptr::null(); 4], [0; 4]);
        for (index, (data, stride)) in crate::direct::raw_planes(frame)
            .into_iter()
            .take(4)
            .enumerate()
        {
            (from[index], from_strides[index]) = (data, stride);
        }
        // SAFETY: the pointer is valid for as long as `tables` is borrowed.
        let scaler = unsafe { tables.scaler.as_mut_ptr() };
        // SAFETY: source and tables have the same format and size; the target's planes lie, with
        // the slack of `Plan`, inside the memory, which is ours to write.
        let rows = unsafe {
            ffi::sws_scale(
                scaler,
                from.as_ptr(),
                from_strides.as_ptr(),
                0,
                c_int::try_from(height).unwrap_or(0),
                to.as_ptr(),
                to_strides.as_ptr(),
            )
        };
        if u32::try_from(rows) == Ok(height) {
            Ok(())
        } else {
            Err(refused)
        }
    }
}

impl Tables {
    fn new(key: Key) -> Result<Self, ConvertError> {
        let Key {
            format,
            width,
            height,
            range,
        } = key;
        let refused = || ConvertError {
            format,
            width,
            height,
        };
        let (target, pixel) = target(color::plain(format));
        let plan = Plan::new(target, width, height, 0).ok_or_else(refused)?;
        let source = color::plain(format);
        // Same size, so the filter only concerns chroma: bicubic, as the ffmpeg command's default.
        let mut scaler = Context::get(source, width, height, pixel, width, height, Flags::BICUBIC)
            .map_err(|_| refused())?;
        if color::is_gray(format) {
            keep_range(&mut scaler, range);
        }
        Ok(Self {
            key,
            target,
            plan,
            scaler,
        })
    }
}

/// Makes the scaler take its input for what it is, and leave the range alone.
fn keep_range(scaler: &mut Context, range: ColorRange) {
    let full = c_int::from(range == ColorRange::Full);
    // SAFETY: a table of constants for any argument.
    let table = unsafe { ffi::sws_getCoefficients(ffi::SWS_CS_DEFAULT) };
    // SAFETY: the pointer is valid for as long as `scaler` is borrowed.
    let scaler = unsafe { scaler.as_mut_ptr() };
    // SAFETY: context and table are valid; brightness 0, contrast and saturation 1 (16.16).
    unsafe {
        ffi::sws_setColorspaceDetails(scaler, table, full, table, full, 0, 1 << 16, 1 << 16);
    }
}
