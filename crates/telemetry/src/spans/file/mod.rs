//! Files of spans: `<node>.<process id>.spans`, one per stage and process.
//!
//! ```text
//! magic    8 bytes "CAMWSPAN"
//! version  u32
//! length   u32, of the header
//! header   JSON: `SpanFileHeader`
//! block*   length u32, CRC-32 u32, records
//! ```
//! All numbers are little endian. A block is what one turn of the writer took out of the stage's
//! queue, so a process that is killed loses what its queue had, and a reader drops at most the
//! last block. A record begins with a tag:
//!
//! | tag | record | fields |
//! |---|---|---|
//! | 1 | text | number u32, length u16, UTF-8; other records name cameras, reasons and spans by such numbers, 0 is none |
//! | 2 | thread | id u32, length u16, UTF-8 |
//! | 3 | span | name u32, thread u32, begin i64, end i64, CPU i64 (-1: not looked at), frames u32, flow u8 (1: frames are followed through it), camera u32, session i64, sequence u64 |
//! | 4 | member | name u32, thread u32, begin i64, camera u32, session i64, sequence u64: a frame of the span over several frames with the same name, thread and begin |
//! | 5 | drop | thread u32, time i64, camera u32, reason u32, frames u32 |
//! | 6 | gauge | name u32, about u32, time i64, value i64 |
//! | 7 | lost | events in all so far, u64 |
//!
//! Times are nanoseconds of `CLOCK_MONOTONIC`. Thread 0 is the stage's device, on which spans may
//! overlap.

mod read;
mod write;

pub use read::{Dropped, Frame, Gauge, SpanFile, SpanFileError, TracedSpan, read};
pub(super) use write::SpanFileWriter;

use bytes::BufMut;
use serde::{Deserialize, Serialize};

/// The ending of a file of spans.
pub const EXTENSION: &str = "spans";

/// The thread of spans on a device.
pub const DEVICE_THREAD: u32 = super::event::DEVICE;

const MAGIC: [u8; 8] = *b"CAMWSPAN";
const VERSION: u32 = 1;

const TEXT: u8 = 1;
const THREAD: u8 = 2;
const SPAN: u8 = 3;
const MEMBER: u8 = 4;
const DROP: u8 = 5;
const GAUGE: u8 = 6;
const LOST: u8 = 7;

/// Whose spans they are, and on which clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanFileHeader {
    /// The node's id in the graph.
    pub stage: String,
    /// The kind of stage.
    pub kind: String,
    /// The process that wrote.
    pub process_id: u32,
    /// The kernel's id of this start of the machine: its clocks start over with it.
    pub boot_id: String,
    /// `CLOCK_MONOTONIC` when the file was begun.
    pub monotonic_nanos: i64,
    /// `CLOCK_BOOTTIME` at the same moment.
    pub boottime_nanos: i64,
    /// The wall clock at the same moment.
    pub unix_nanos: i64,
}

impl SpanFileHeader {
    /// The beginning of a file, to which blocks can be appended.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = serde_json::to_vec(self).unwrap_or_default();
        let mut bytes = MAGIC.to_vec();
        bytes.put_u32_le(VERSION);
        bytes.put_u32_le(header.len() as u32);
        bytes.extend_from_slice(&header);
        bytes
    }
}
