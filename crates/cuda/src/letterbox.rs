//! Pictures on the device into a network's input, by one kernel for a whole list.
//!
//! Geometry, sampling and colours are those of `camweave_vision::LetterboxPlan`; the tests compare
//! both, and say how closely.
#![expect(unsafe_code, reason = "launches kernels")]

use std::ffi::c_void;
use std::marker::PhantomData;

use bytemuck::{Pod, Zeroable};
use camweave_vision::{
    Channels, Element, InputFormat, InputLayout, Letterbox, PictureLayout, PixelFormat, YuvToRgb,
};

use crate::context::Context;
use crate::error::CudaError;
use crate::module::{Function, LaunchShape, Module};
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

/// `Frame` in `kernels/letterbox.cuh`.
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

/// What is made of a picture's red, green and blue: `Values` in `kernels/letterbox_any.cu`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct ValuesDescriptor {
    element: u32,
    is_bgr: u32,
    is_nhwc: u32,
    gain: [f32; 3],
    bias: [f32; 3],
}

const _: () = assert!(size_of::<ValuesDescriptor>() == 36);

impl ValuesDescriptor {
    /// Those of a format.
    ///
    /// # Errors
    /// There are no inputs of this format.
    pub fn new(format: &InputFormat) -> Result<Self, CudaError> {
        format.check().map_err(|error| CudaError::Argument {
            what: "the input's format",
            found: error.to_string(),
            expected: "a possible one".to_owned(),
        })?;
        let affine = format.affine();
        Ok(Self {
            element: match format.element {
                Element::Float32 => 0,
                Element::Float16 => 1,
                Element::Uint8 => 2,
            },
            is_bgr: u32::from(format.channels == Channels::Bgr),
            is_nhwc: u32::from(format.layout == InputLayout::Nhwc),
            gain: affine.map(|affine| affine.gain),
            bias: affine.map(|affine| affine.bias),
        })
    }
}

/// One picture on the device, borrowed from its owner, and its place in the network's input.
///
/// It does not outlive the picture:
///
/// ```compile_fail,E0505
/// use camweave_cuda::letterbox::{FrameDescriptor, Kernel, launch};
/// use camweave_cuda::{CudaError, CudaMemory, DeviceSlice, Stream};
/// use camweave_pool::ReadSlot;
/// use camweave_vision::{Letterbox, PictureLayout};
///
/// fn late(
///     picture: ReadSlot<CudaMemory>,
///     layout: &PictureLayout,
///     geometry: &Letterbox,
///     kernel: &Kernel,
///     stream: &Stream,
///     output: DeviceSlice<'_>,
/// ) -> Result<(), CudaError> {
///     let frame = FrameDescriptor::new(layout, picture.address(), geometry)?;
///     drop(picture);
///     launch(kernel, stream, &[frame], output, (640, 640))
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

/// The kernel for inputs of one format, loaded.
#[derive(Debug, Clone)]
pub struct Kernel {
    function: Function,
    values: ValuesDescriptor,
    element: Element,
}

impl Kernel {
    /// Loads it. Planes of red, green and blue from 0 to 1 have kernels of their own, for float and
    /// half.
    ///
    /// # Errors
    /// There are no inputs of this format; the driver's.
    pub fn load(context: &Context, format: &InputFormat) -> Result<Self, CudaError> {
        let values = ValuesDescriptor::new(format)?;
        let plain = include_str!("../kernels/letterbox.ptx");
        let any = include_str!("../kernels/letterbox_any.ptx");
        let (name, ptx, kernel) = match (format.is_plain(), format.element) {
            (true, Element::Float16) => ("letterbox", plain, "letterbox_f16"),
            (true, Element::Float32) => ("letterbox", plain, "letterbox_f32"),
            _ => ("letterbox_any", any, "letterbox_any"),
        };
        Ok(Self {
            function: Module::load(context, name, ptx)?.function(kernel)?,
            values,
            element: format.element,
        })
    }
}

/// Puts into the stream: frame `i` becomes input `i` of `output`, in the format of `kernel`. `model`
/// is (width, height) in pixels, and must be that of the frames' letterboxes.
///
/// The pictures and the output must stay as they are until the stream has passed this.
///
/// # Errors
/// `output` has not the bytes of `frames.len()` inputs; the driver's.
pub fn launch(
    kernel: &Kernel,
    stream: &Stream,
    frames: &[FrameDescriptor<'_>],
    output: DeviceSlice<'_>,
    model: (u32, u32),
) -> Result<(), CudaError> {
    let (mut width, mut height) = model;
    let input_bytes = (3 * width as usize * height as usize).saturating_mul(kernel.element.bytes());
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
        let mut values = kernel.values;
        // The kernels of planes have the first four.
        let mut arguments: [*mut c_void; 5] = [
            (&raw mut descriptors).cast(),
            (&raw mut address).cast(),
            (&raw mut width).cast(),
            (&raw mut height).cast(),
            (&raw mut values).cast(),
        ];
        // SAFETY: the arguments are those of all kernels, which read inside the planes that
        // `FrameDescriptor::new` has checked, whatever the geometry says, and write the part. The
        // pictures and the output are borrowed.
        unsafe { kernel.function.launch(stream, shape, &mut arguments)? };
    }
    Ok(())
}
