//! CUDA for camweave: contexts, streams, events, memory and kernels, and device memory for pools.
//!
//! Everything builds on a machine without CUDA: the driver's library is loaded at run time, and
//! [`missing`] says in one line what is not there. Layers, with calls only downward: [`sys`] is
//! cudarc's bindings, `result` turns codes into errors with what was being done, and the rest is
//! safe.
//!
//! Work is put into a [`Stream`] and done later, in order. What a kernel or a copy uses must live
//! until the stream has passed it; each function says how it sees to that, or leaves it to you.
//!
//! Kernel sources are in `kernels/`, next to the PTX that `scripts/ptx.sh` makes of them.
//!
//! The kernels' arithmetic is tested without a GPU as well: the same sources, compiled for the CPU,
//! against `camweave-vision`.

mod buffer;
mod context;
mod device_clock;
mod device_spans;
mod error;
mod event;
mod graph;
pub mod heads;
pub mod letterbox;
pub mod luma;
mod memory;
mod module;
mod precision;
mod presence;
mod result;
mod slice;
mod stream;
pub mod testing;
mod timeline;

pub use crate::{
    buffer::{DeviceBuffer, PinnedBuffer},
    context::{Context, allocations, count_allocation},
    device_clock::DeviceClock,
    device_spans::DeviceSpans,
    error::{CudaError, CudaErrorKind},
    event::Event,
    graph::Graph,
    memory::CudaMemory,
    module::{Function, LaunchShape, Module},
    precision::Precision,
    presence::{device_count, missing},
    slice::{DeviceSlice, SliceError},
    stream::{Rows, Stream},
    timeline::{Begun, Timeline},
};

/// The driver's own functions and types. They panic where libcuda is not there: ask [`missing`] first.
pub use cudarc::driver::sys;
