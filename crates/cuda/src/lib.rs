//! CUDA for camweave: contexts, streams, events, memory and kernels, and device memory for pools.
//!
//! Everything builds on a machine without CUDA: the driver's library is loaded at run time, and
//! [`missing`] says in one line what is not there. Layers, with calls only downward: [`sys`] is
//! cudarc's bindings, `result` turns codes into errors with what was being done, and the rest is
//! safe.
//!
//! Work is put into a [`Stream`] and done later, in order. What it uses is borrowed while it is put
//! in, and whoever owns memory waits for the device before that goes away: the rule is at
//! [`DeviceSlice`]. A [`PinnedBuffer`] waits for its copies. Nothing keeps contents as they are
//! until the stream has passed the work; where that is needed, the function says so.
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
mod pinned;
mod precision;
mod presence;
mod result;
mod slice;
mod stream;
pub mod testing;
mod timeline;

pub use crate::buffer::DeviceBuffer;
pub use crate::context::{Context, allocations, count_allocation};
pub use crate::device_clock::DeviceClock;
pub use crate::device_spans::DeviceSpans;
pub use crate::error::{CudaError, CudaErrorKind, SliceError};
pub use crate::event::Event;
pub use crate::graph::Graph;
pub use crate::memory::CudaMemory;
pub use crate::pinned::PinnedBuffer;
pub use crate::precision::Precision;
pub use crate::presence::{device_count, missing};
pub use crate::slice::DeviceSlice;
pub use crate::stream::{Rows, Stream};
pub use crate::timeline::{Begun, Timeline};

/// The driver's own functions and types. They panic where libcuda is not there: ask [`missing`] first.
pub use cudarc::driver::sys;
