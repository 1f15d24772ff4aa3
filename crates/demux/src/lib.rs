//! FFmpeg's demuxer for media files and live sources: access units that were checked and bounded.
//!
//! - [`Reader`]: one media file, access unit by access unit.
//! - [`LiveSource`]: a camera behind a URL (RTSP, HTTP, RTMP, SRT) or a device, with a deadline for
//!   each call.
//! - [`Converter`]: packets of a container as access units, with parameter sets in front of each
//!   keyframe.
//! - [`Interrupt`]: ends FFmpeg's blocking calls.
//!
//! What a source may open is limited by [`Protocol`]: a playlist or a session description never
//! leads to files of this machine.

mod convert;
mod device;
mod extradata;
mod file_error;
mod file_times;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod input;
mod interrupt;
mod live;
mod live_error;
mod log;
mod open;
mod pace;
mod picture_order;
mod protocol;
mod read_unit;
mod reader;
mod reorder;
mod timeline;

pub use convert::Converter;
pub use extradata::extradata;
pub use file_error::FileError;
pub use input::{
    MAX_ALLOCATION, MAX_ALLOCATION_FOR_FILES, limit_allocations, limit_allocations_for_files,
};
pub use interrupt::Interrupt;
pub use live::{AccessUnit, LiveOptions, LiveRead, LiveSource, MAX_ACCESS_UNIT, RtspTransport};
pub use live_error::LiveError;
pub use log::silence;
pub use protocol::Protocol;
pub use read_unit::ReadUnit;
pub use reader::{Read, Reader};
