//! The mean luma of the cells of a frame on the device, for motion detection.
//!
//! The grid is that of `camweave_vision::LumaGrid`; the tests compare both bit by bit.
#![expect(unsafe_code, reason = "launches a kernel")]

use std::ffi::c_void;
use std::marker::PhantomData;

use bytemuck::{Pod, Zeroable};
use camweave_vision::{LumaGrid, PictureLayout, PixelFormat};

use crate::buffer::DeviceBuffer;
use crate::context::Context;
use crate::error::CudaError;
use crate::module::{Function, LaunchShape, Module};
use crate::pinned::PinnedBuffer;
use crate::slice::DeviceSlice;
use crate::stream::Stream;

/// Cells of a block: `CELLS` in `kernels/luma.cu`.
const CELLS: u32 = 16;
/// Threads of a block: a row of them makes a cell.
const THREADS: [u32; 3] = [16, CELLS, 1];
const COLUMNS: u32 = LumaGrid::COLUMNS as u32;
const ROWS: u32 = LumaGrid::ROWS as u32;
const _: () = assert!(COLUMNS.is_multiple_of(CELLS));
/// A grid's means, as the kernel writes them.
const BYTES: usize = LumaGrid::COLUMNS * LumaGrid::ROWS * size_of::<f32>();

/// `Luma` in `kernels/luma.cu`.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Luma {
    plane: u64,
    stride: u32,
    width: u32,
    height: u32,
    sample_bytes: u32,
}

const _: () = assert!(size_of::<Luma>() == 24);

/// The plane of luma of a frame on the device, borrowed from the frame's owner.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct LumaDescriptor<'a> {
    luma: Luma,
    frame: PhantomData<DeviceSlice<'a>>,
}

impl<'a> LumaDescriptor<'a> {
    /// Of a frame that begins at the first byte of `memory`.
    ///
    /// # Errors
    /// The layout cannot be, leaves `memory`, or has no plane of luma.
    pub fn new(layout: &PictureLayout, memory: DeviceSlice<'a>) -> Result<Self, CudaError> {
        let wrong = |what, found, expected: &str| CudaError::Argument {
            what,
            found,
            expected: expected.to_owned(),
        };
        let bytes = layout
            .required_bytes()
            .map_err(|error| wrong("the frame's layout", error.to_string(), "a possible one"))?;
        memory.part(0, bytes)?;
        let sample_bytes = match layout.format {
            PixelFormat::I420 | PixelFormat::Nv12 => 1,
            PixelFormat::P010 => 2,
            PixelFormat::Rgb8 => {
                let found = layout.format.as_str().to_owned();
                return Err(wrong(
                    "the frame's format",
                    found,
                    "one with a plane of luma",
                ));
            }
        };
        let at = layout.planes[0];
        let plane = memory.address() + u64::from(at.offset);
        if !plane.is_multiple_of(u64::from(sample_bytes)) {
            return Err(wrong(
                "the plane's address",
                plane.to_string(),
                "an even one",
            ));
        }
        let luma = Luma {
            plane,
            stride: at.stride,
            width: layout.width,
            height: layout.height,
            sample_bytes,
        };
        Ok(Self {
            luma,
            frame: PhantomData,
        })
    }
}

/// The kernel, loaded.
#[derive(Debug, Clone)]
pub struct LumaKernel(Function);

impl LumaKernel {
    /// Loads it.
    ///
    /// # Errors
    /// The driver's.
    pub fn load(context: &Context) -> Result<Self, CudaError> {
        let module = Module::load(context, "luma", include_str!("../kernels/luma.ptx"))?;
        Ok(Self(module.function("luma_grid")?))
    }

    /// Puts into the stream: the means of the frame's cells, row by row, as `f32` to the first
    /// bytes of `cells`.
    ///
    /// The frame and `cells` must stay as they are until the stream has passed this.
    ///
    /// # Errors
    /// `cells` has not the bytes of a grid; the driver's.
    pub fn launch(
        &self,
        stream: &Stream,
        frame: &LumaDescriptor<'_>,
        cells: DeviceSlice<'_>,
    ) -> Result<(), CudaError> {
        let mut luma = frame.luma;
        let mut address = cells.part(0, BYTES)?.address();
        let mut arguments: [*mut c_void; 2] = [(&raw mut luma).cast(), (&raw mut address).cast()];
        let shape = LaunchShape {
            blocks: [COLUMNS / CELLS, ROWS, 1],
            threads: THREADS,
        };
        // SAFETY: the arguments are the kernel's, which reads inside the plane that
        // `LumaDescriptor::new` has checked, and writes a grid, for which there is room. Both are
        // borrowed.
        unsafe { self.0.launch(stream, shape, &mut arguments) }
    }
}

/// Grids of one frame at a time, and the memory for them.
#[derive(Debug)]
pub struct LumaReader {
    kernel: LumaKernel,
    device: DeviceBuffer,
    pinned: PinnedBuffer,
}

impl LumaReader {
    /// Takes memory for one grid, on the device and on the host.
    ///
    /// # Errors
    /// The driver's, among them a lack of memory.
    pub fn new(context: &Context, kernel: LumaKernel) -> Result<Self, CudaError> {
        let what = "a grid of luma";
        Ok(Self {
            kernel,
            device: DeviceBuffer::new(context, BYTES, what)?,
            pinned: PinnedBuffer::new(context, BYTES, what)?,
        })
    }

    /// Puts the grid of a frame that begins at the first byte of `memory` into the stream, and its
    /// copy to the host; waits for nothing. Use one stream.
    ///
    /// The frame must stay as it is until the stream has passed this.
    ///
    /// # Errors
    /// Those of [`LumaDescriptor::new`]; the driver's.
    pub fn enqueue(
        &mut self,
        stream: &Stream,
        layout: &PictureLayout,
        memory: DeviceSlice<'_>,
    ) -> Result<(), CudaError> {
        let frame = LumaDescriptor::new(layout, memory)?;
        let cells = self.device.slice();
        self.kernel.launch(stream, &frame, cells)?;
        stream.download(cells, &mut self.pinned, 0..BYTES)
    }

    /// The grid that was put into a stream last, once it has come: at once where the stream has
    /// been waited for.
    ///
    /// # Errors
    /// The driver's; also those of the kernel.
    pub fn grid(&self) -> Result<LumaGrid, CudaError> {
        let cells: &[f32] = bytemuck::cast_slice(self.pinned.bytes()?);
        LumaGrid::from_cells(cells.to_vec()).ok_or_else(|| CudaError::Argument {
            what: "the number of bytes of a grid",
            found: self.pinned.len().to_string(),
            expected: BYTES.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use camweave_vision::{ColorMatrix, ColorRange, Plane, Planes};

    use super::*;

    fn slice(address: u64, bytes: usize) -> DeviceSlice<'static> {
        // SAFETY: no work is put into any stream.
        unsafe { DeviceSlice::from_raw(address, bytes) }
    }

    fn layout(format: PixelFormat) -> PictureLayout {
        PictureLayout::packed(64, 48, format, ColorMatrix::Bt601, ColorRange::Full)
    }

    #[test]
    fn a_descriptor_names_the_plane_of_luma_and_its_samples() {
        for (format, sample_bytes) in [
            (PixelFormat::I420, 1),
            (PixelFormat::Nv12, 1),
            (PixelFormat::P010, 2),
        ] {
            let packed = layout(format);
            let moved = packed.planes.iter().map(|plane| Plane {
                offset: plane.offset + 256,
                stride: plane.stride + 64,
            });
            let moved: Vec<Plane> = moved.collect();
            let planes = Planes::try_from(moved.as_slice()).expect("1 to 3 planes");
            let layout = PictureLayout { planes, ..packed };
            let memory = slice(4096, layout.required_bytes().expect("possible"));
            let found = LumaDescriptor::new(&layout, memory).expect("a frame in its memory");
            let found = found.luma;
            assert_eq!((found.plane, found.sample_bytes), (4352, sample_bytes));
            assert_eq!((found.width, found.height), (64, 48));
            assert_eq!(found.stride, 64 * sample_bytes + 64);
        }
    }

    #[test]
    fn frames_that_have_no_luma_or_leave_their_memory_are_refused() {
        let bytes = layout(PixelFormat::P010)
            .required_bytes()
            .expect("possible");
        for (format, address, bytes, expected) in [
            (PixelFormat::Rgb8, 4096, 64 * 48 * 3, "rgb8"),
            (PixelFormat::P010, 4097, bytes, "4097, expected an even one"),
            (PixelFormat::P010, 4096, bytes - 1, "within"),
        ] {
            let memory = slice(address, bytes);
            let refused = LumaDescriptor::new(&layout(format), memory);
            let error = refused.expect_err("no frame to look at");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
