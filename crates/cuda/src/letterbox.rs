//! Pictures on the device into a network's input, by one kernel for a whole list.
//!
//! Geometry, sampling and colours are those of `camweave_vision::LetterboxPlan`; the tests compare
//! both, and say how closely.
#![expect(unsafe_code, reason = "launches kernels")]

use std::ffi::c_void;
use std::marker::PhantomData;

use bytemuck::{Pod, Zeroable};
use camweave_vision::{Letterbox, PictureLayout, PixelFormat, YuvToRgb};

use crate::context::Context;
use crate::error::CudaError;
use crate::module::{Function, LaunchShape, Module};
use crate::precision::Precision;
use crate::slice::DeviceSlice;
use crate::stream::Stream;

/// Frames of one launch, as many as the kernel's arguments have room for. Longer lists take several.
const MAX_FRAMES: usize = 32;
/// Threads of a block. Each warp makes 64 neighbouring pixels of every eighth of the block's rows.
const THREADS: [u32; 3] = [32, WARPS, 1];
/// As in the kernel.
const WARPS: u32 = 8;
/// As in the kernel: rows of a block.
const ROWS: u32 = 32;

/// `Frame` in `kernels/letterbox.cu`.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Frame {
    planes: [u64; 3],
    strides: [u32; 3],
    format: u32,
    source: [u32; 2],
    resized: [u32; 2],
    padding: [u32; 2],
    yuv_to_rgb: [f32; 8],
}

const _: () = assert!(size_of::<Frame>() == 96);

/// One picture on the device, borrowed from its owner, and its place in the network's input.
///
/// It does not outlive the picture:
///
/// ```compile_fail,E0505
/// use camweave_cuda::letterbox::{FrameDescriptor, Kernels, launch};
/// use camweave_cuda::{CudaError, CudaMemory, DeviceSlice, Precision, Stream};
/// use camweave_pool::ReadSlot;
/// use camweave_vision::{Letterbox, PictureLayout};
///
/// fn late(
///     picture: ReadSlot<CudaMemory>,
///     layout: &PictureLayout,
///     geometry: &Letterbox,
///     kernels: &Kernels,
///     stream: &Stream,
///     output: DeviceSlice<'_>,
/// ) -> Result<(), CudaError> {
///     let frame = FrameDescriptor::new(layout, picture.address(), geometry)?;
///     drop(picture);
///     launch(kernels, stream, &[frame], output, (640, 640), Precision::F16)
/// }
/// ```
///
/// and is made of nothing else:
///
/// ```compile_fail,E0277
/// let frame: camweave_cuda::letterbox::FrameDescriptor<'_> = bytemuck::cast([0_u8; 96]);
/// ```
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct FrameDescriptor<'a> {
    frame: Frame,
    picture: PhantomData<DeviceSlice<'a>>,
}

impl<'a> FrameDescriptor<'a> {
    /// A picture that begins at the first byte of `memory`.
    ///
    /// # Errors
    /// The layout cannot be, or leaves `memory`; the letterbox is for another size.
    pub fn new(
        layout: &PictureLayout,
        memory: DeviceSlice<'a>,
        letterbox: &Letterbox,
    ) -> Result<Self, CudaError> {
        let PictureLayout { width, height, .. } = *layout;
        if letterbox.source != (width, height) {
            return Err(CudaError::Argument {
                what: "the picture's size",
                found: format!("{width}x{height}"),
                expected: format!(
                    "the letterbox's {}x{}",
                    letterbox.source.0, letterbox.source.1
                ),
            });
        }
        let bytes = layout
            .required_bytes()
            .map_err(|error| CudaError::Argument {
                what: "the picture's layout",
                found: error.to_string(),
                expected: "a possible one".to_owned(),
            })?;
        memory.part(0, bytes)?;
        let mut planes = [0; 3];
        let mut strides = [0; 3];
        for (index, plane) in layout.planes.iter().enumerate() {
            planes[index] = memory.address() + u64::from(plane.offset);
            strides[index] = plane.stride;
        }
        let (format, bits) = match layout.format {
            PixelFormat::I420 => (0, 8),
            PixelFormat::Nv12 => (1, 8),
            PixelFormat::P010 => (2, 10),
            PixelFormat::Rgb8 => (3, 8),
        };
        let rgb = YuvToRgb::new(layout.matrix, layout.range, bits);
        let frame = Frame {
            planes,
            strides,
            format,
            source: [width, height],
            resized: [letterbox.resized_width, letterbox.resized_height],
            padding: [letterbox.pad_left, letterbox.pad_top],
            yuv_to_rgb: [
                rgb.y_gain,
                rgb.r_from_v,
                rgb.g_from_u,
                rgb.g_from_v,
                rgb.b_from_u,
                rgb.r_bias,
                rgb.g_bias,
                rgb.b_bias,
            ],
        };
        Ok(Self {
            frame,
            picture: PhantomData,
        })
    }
}

/// The kernels, loaded.
#[derive(Debug, Clone)]
pub struct Kernels {
    f16: Function,
    f32: Function,
}

impl Kernels {
    /// Loads them.
    ///
    /// # Errors
    /// The driver's.
    pub fn load(context: &Context) -> Result<Self, CudaError> {
        let ptx = include_str!("../kernels/letterbox.ptx");
        let module = Module::load(context, "letterbox", ptx)?;
        Ok(Self {
            f16: module.function("letterbox_f16")?,
            f32: module.function("letterbox_f32")?,
        })
    }
}

/// Puts into the stream: frame `i` becomes input `i` of `output`, red, green and blue planes of
/// model height x model width, in 0..1. `model` is (width, height) in pixels, and must be that of
/// the frames' letterboxes.
///
/// The pictures and the output must stay as they are until the stream has passed this.
///
/// # Errors
/// `output` has not the bytes of `frames.len()` inputs; the driver's.
pub fn launch(
    kernels: &Kernels,
    stream: &Stream,
    frames: &[FrameDescriptor<'_>],
    output: DeviceSlice<'_>,
    model: (u32, u32),
    precision: Precision,
) -> Result<(), CudaError> {
    let (mut width, mut height) = model;
    let values = 3 * width as usize * height as usize;
    let input_bytes = values.saturating_mul(precision.bytes());
    let function = match precision {
        Precision::F16 => &kernels.f16,
        Precision::F32 => &kernels.f32,
    };
    for (chunk, frames) in frames.chunks(MAX_FRAMES).enumerate() {
        let offset = input_bytes.saturating_mul(chunk * MAX_FRAMES);
        let part = output.part(offset, input_bytes.saturating_mul(frames.len()))?;
        if part.is_empty() {
            continue;
        }
        let mut descriptors = [Frame::zeroed(); MAX_FRAMES];
        for (descriptor, frame) in descriptors.iter_mut().zip(frames) {
            *descriptor = frame.frame;
        }
        let mut address = part.address();
        let count = u32::try_from(frames.len()).unwrap_or(0);
        let shape = LaunchShape {
            blocks: [width.div_ceil(2 * THREADS[0]), height.div_ceil(ROWS), count],
            threads: THREADS,
        };
        let mut arguments: [*mut c_void; 4] = [
            (&raw mut descriptors).cast(),
            (&raw mut address).cast(),
            (&raw mut width).cast(),
            (&raw mut height).cast(),
        ];
        // SAFETY: the arguments are those of both kernels, which read inside the planes that
        // `FrameDescriptor::new` has checked, whatever the geometry says, and write the part. The
        // pictures and the output are borrowed.
        unsafe { function.launch(stream, shape, &mut arguments)? };
    }
    Ok(())
}
