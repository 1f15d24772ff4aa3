//! A part of device memory, as an address with a length, borrowed from its owner.
//!
//! # The rule
//! **A view lives no longer than its owner; an owner waits for the device before its memory goes
//! away; hence what a safe caller puts into a stream touches only memory that exists.**
//!
//! Work is put into a stream while a view is borrowed, and is done later. The owner (a
//! [`DeviceBuffer`](crate::DeviceBuffer), the memory of a pool, a decoder's mapped surface) goes away
//! after the last borrow, so everything that a view was used for is in some stream by then. It waits
//! for that work, and frees, unmaps or closes the memory afterwards. Where it cannot wait, because the
//! driver refuses, the memory stays: leaked, and one of
//! [`Context::take_drop_errors`](crate::Context::take_drop_errors). An owner that is forgotten
//! keeps its memory as well.
//!
//! It waits for its own device. So a [`Stream`](crate::Stream) copies and fills memory of its own
//! device only; kernels cannot reach that of another.
//!
//! Two things are outside of the rule, and `unsafe` for that reason: a
//! [`Graph`](crate::Graph::capture), which keeps addresses for later, and addresses that are
//! given to another library. One is outside of anyone's power here: memory that another process
//! shares by CUDA IPC ends with that process, see [`CudaMemory`](crate::CudaMemory).
//!
//! # Contents
//! Device memory is not memory of Rust's: no reference to it is ever made. Views may overlap, and
//! whoever has one may put writes through it into a stream, as with a
//! [`Cell`](std::cell::Cell). Work of several streams on the same bytes that no event orders
//! gives bytes that nobody can tell beforehand, and nothing worse: no kernel of this crate takes an
//! index from memory that anything else can write.

use std::marker::PhantomData;

use crate::context::Context;
use crate::error::{CudaError, SliceError};
use crate::sys::CUdevice;

/// Bytes of device memory that something else owns for `'a`.
///
/// Copied freely, as an address is. Work that it is put into a stream with may outlast it: its owner
/// waits for the device before the memory goes away.
///
/// ```no_run
/// use camweave_cuda::{Context, DeviceBuffer, Stream};
///
/// let context = Context::open(0)?;
/// let stream = Stream::new(&context)?;
/// let buffer = DeviceBuffer::new(&context, 64, "an example")?;
/// let memory = buffer.slice();
/// stream.fill(memory, 0)?;
/// drop(buffer); // waits for the fill
/// # Ok::<(), camweave_cuda::CudaError>(())
/// ```
///
/// It does not outlive the buffer:
///
/// ```compile_fail,E0505
/// use camweave_cuda::{Context, DeviceBuffer, Stream};
///
/// let context = Context::open(0)?;
/// let stream = Stream::new(&context)?;
/// let buffer = DeviceBuffer::new(&context, 64, "an example")?;
/// let memory = buffer.slice();
/// drop(buffer);
/// stream.fill(memory, 0)?;
/// # Ok::<(), camweave_cuda::CudaError>(())
/// ```
///
/// nor the slot of a pool:
///
/// ```compile_fail,E0505
/// use camweave_cuda::{CudaError, CudaMemory, Stream};
/// use camweave_pool::ReadSlot;
///
/// fn late(slot: ReadSlot<CudaMemory>, stream: &Stream) -> Result<(), CudaError> {
///     let memory = slot.address();
///     drop(slot);
///     stream.fill(memory, 0)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceSlice<'a> {
    address: u64,
    bytes: usize,
    /// The device whose streams may have work on it; `None` if the creator takes care of that.
    device: Option<CUdevice>,
    owner: PhantomData<&'a ()>,
}

impl<'a> DeviceSlice<'a> {
    /// Memory that an owner in this crate has allocated or mapped. The context is the owner's own,
    /// from which the view is borrowed.
    pub(crate) fn new(context: &'a Context, address: u64, bytes: usize) -> Self {
        Self {
            address,
            bytes,
            device: Some(context.raw_device()),
            owner: PhantomData,
        }
    }

    /// Memory that another library has allocated, for a lifetime of the caller's choice.
    ///
    /// # Safety
    /// Throughout `'a`, and from then on until the device has done all work that was put into
    /// streams within `'a`, `bytes` bytes from `address` must be memory of these streams' device that
    /// may be written, and that nothing in Rust refers to.
    #[expect(unsafe_code, reason = "an address is made of a number")]
    #[must_use]
    pub unsafe fn from_raw(address: u64, bytes: usize) -> Self {
        Self {
            address,
            bytes,
            device: None,
            owner: PhantomData,
        }
    }

    /// The first byte's address (a `CUdeviceptr`), which keeps nothing borrowed.
    #[must_use]
    pub fn address(self) -> u64 {
        self.address
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(self) -> usize {
        self.bytes
    }

    /// Whether there is no byte.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.bytes == 0
    }

    /// `bytes` bytes from `offset` on.
    ///
    /// # Errors
    /// They do not end within this slice.
    pub fn part(self, offset: usize, bytes: usize) -> Result<Self, SliceError> {
        match offset.checked_add(bytes) {
            Some(end) if end <= self.bytes => Ok(Self {
                address: self.address + offset as u64,
                bytes,
                ..self
            }),
            _ => Err(SliceError {
                offset,
                bytes,
                available: self.bytes,
            }),
        }
    }

    /// An error unless the memory is of the device of `context`.
    pub(crate) fn check_device(self, context: &Context) -> Result<(), CudaError> {
        match self.device {
            Some(device) if device != context.raw_device() => Err(CudaError::Argument {
                what: "the memory's device",
                found: format!("CUDA device {device}"),
                expected: format!("{context}, the stream's"),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(unsafe_code, reason = "addresses that nobody reads")]

    use super::*;

    fn slice(address: u64, bytes: usize) -> DeviceSlice<'static> {
        // SAFETY: no work is put into any stream.
        unsafe { DeviceSlice::from_raw(address, bytes) }
    }

    #[test]
    fn parts_stay_inside() {
        let all = slice(4096, 100);
        assert_eq!(all.part(40, 60), Ok(slice(4136, 60)));
        assert_eq!(all.part(100, 0), Ok(slice(4196, 0)));
        let error = all.part(40, 61).expect_err("one byte too many");
        assert!(error.to_string().contains("within 100"), "{error}");
        assert!(all.part(usize::MAX, 2).is_err());
    }
}
