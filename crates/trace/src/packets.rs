//! Packets of a trace, one by one into its file.

use std::io::{self, Write};

use prost::Message;

use crate::proto::{
    Clock, ClockSnapshot, CounterDescriptor, DebugAnnotation, ProcessDescriptor, ThreadDescriptor,
    TracePacket, TrackDescriptor, TrackEvent, clock,
};

/// `Trace.packet`, a length-delimited field.
const PACKET_KEY: u8 = (1 << 3) | 2;
/// All packets are of one sequence: nothing in them depends on those before.
const SEQUENCE: u32 = 1;
const STATE_CLEARED: u32 = 1;

pub(crate) struct Packets<W> {
    out: W,
    bytes: Vec<u8>,
}

impl<W: Write> Packets<W> {
    pub fn new(out: W) -> Self {
        Self {
            out,
            bytes: Vec::new(),
        }
    }

    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn put(&mut self, packet: &TracePacket) -> io::Result<()> {
        self.bytes.clear();
        self.bytes.push(PACKET_KEY);
        packet
            .encode_length_delimited(&mut self.bytes)
            .map_err(io::Error::other)?;
        self.out.write_all(&self.bytes)
    }

    /// The clocks at one moment, of which the monotonic one is the trace's.
    pub fn clocks(&mut self, monotonic: i64, boottime: i64, realtime: i64) -> io::Result<()> {
        let clock = |id, nanos: i64| Clock {
            clock_id: Some(id),
            timestamp: Some(nanos.unsigned_abs()),
        };
        self.put(&TracePacket {
            clock_snapshot: Some(ClockSnapshot {
                clocks: vec![
                    clock(clock::MONOTONIC, monotonic),
                    clock(clock::BOOTTIME, boottime),
                    clock(clock::REALTIME, realtime),
                ],
                primary_trace_clock: Some(clock::MONOTONIC as i32),
            }),
            trusted_packet_sequence_id: Some(SEQUENCE),
            sequence_flags: Some(STATE_CLEARED),
            ..TracePacket::default()
        })
    }

    fn track(&mut self, descriptor: TrackDescriptor) -> io::Result<()> {
        self.put(&TracePacket {
            track_descriptor: Some(descriptor),
            trusted_packet_sequence_id: Some(SEQUENCE),
            ..TracePacket::default()
        })
    }

    pub fn process(&mut self, uuid: u64, pid: u32, name: String) -> io::Result<()> {
        self.track(TrackDescriptor {
            uuid: Some(uuid),
            process: Some(ProcessDescriptor {
                pid: Some(pid.cast_signed()),
                process_name: Some(name),
            }),
            ..TrackDescriptor::default()
        })
    }

    pub fn thread(&mut self, uuid: u64, pid: u32, tid: u32, name: String) -> io::Result<()> {
        self.track(TrackDescriptor {
            uuid: Some(uuid),
            thread: Some(ThreadDescriptor {
                pid: Some(pid.cast_signed()),
                tid: Some(tid.cast_signed()),
                thread_name: Some(name),
            }),
            ..TrackDescriptor::default()
        })
    }

    /// A track of a process that is no thread of it.
    pub fn device(&mut self, uuid: u64, process: u64, name: String) -> io::Result<()> {
        self.track(TrackDescriptor {
            uuid: Some(uuid),
            parent_uuid: Some(process),
            name: Some(name),
            ..TrackDescriptor::default()
        })
    }

    pub fn counter(&mut self, uuid: u64, process: u64, name: String, unit: &str) -> io::Result<()> {
        self.track(TrackDescriptor {
            uuid: Some(uuid),
            parent_uuid: Some(process),
            name: Some(name),
            counter: Some(CounterDescriptor {
                unit_name: Some(unit.to_owned()),
            }),
            ..TrackDescriptor::default()
        })
    }

    pub fn event(&mut self, monotonic_nanos: i64, event: TrackEvent) -> io::Result<()> {
        self.put(&TracePacket {
            timestamp: Some(monotonic_nanos.unsigned_abs()),
            timestamp_clock_id: Some(clock::MONOTONIC),
            trusted_packet_sequence_id: Some(SEQUENCE),
            track_event: Some(event),
            ..TracePacket::default()
        })
    }
}

pub(crate) fn number(name: &str, value: u64) -> DebugAnnotation {
    DebugAnnotation {
        name: Some(name.to_owned()),
        uint_value: Some(value),
        ..DebugAnnotation::default()
    }
}

pub(crate) fn text(name: &str, value: &str) -> DebugAnnotation {
    DebugAnnotation {
        name: Some(name.to_owned()),
        string_value: Some(value.to_owned()),
        ..DebugAnnotation::default()
    }
}
