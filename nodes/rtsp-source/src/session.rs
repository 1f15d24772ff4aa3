use std::sync::Arc;

use arrow_buffer::Buffer;
use camweave_bitstream::{NalCodec, ParameterSets};
use camweave_message::{CapturedClock, Codec, FrameId, Trace, Unit};

use crate::timeline::{Timeline, Times};

/// Makes units of one session's frames.
#[derive(Debug)]
pub(crate) struct Session {
    camera: Arc<str>,
    codec: Codec,
    session_unix_nanos: i64,
    sequence: u64,
    last: Times,
    pub sets: ParameterSets,
    pub timeline: Timeline,
}

/// One frame as it came from the camera.
pub(crate) struct ReceivedFrame {
    /// Annex B.
    pub data: Vec<u8>,
    /// The unwrapped RTP timestamp.
    pub rtp_timestamp: i64,
    pub lost_packets: u32,
    pub arrival_unix_nanos: i64,
}

impl Session {
    pub fn new(camera: Arc<str>, codec: NalCodec, clock_hz: u32, session_unix_nanos: i64) -> Self {
        Self {
            camera,
            codec: match codec {
                NalCodec::H264 => Codec::H264,
                NalCodec::H265 => Codec::H265,
            },
            session_unix_nanos,
            sequence: 0,
            last: Times {
                pts_nanos: 0,
                captured_unix_nanos: session_unix_nanos,
                captured_clock: CapturedClock::Arrival,
            },
            sets: ParameterSets::new(codec),
            timeline: Timeline::new(clock_hz),
        }
    }

    /// How many units came so far.
    pub fn received(&self) -> u64 {
        self.sequence
    }

    pub fn unit(&mut self, frame: ReceivedFrame, trace: Trace) -> Unit {
        let times = self
            .timeline
            .place(frame.rtp_timestamp, frame.arrival_unix_nanos);
        let access_unit = self.sets.complete(frame.data);
        let unit = Unit {
            id: self.id(times),
            trace,
            codec: self.codec,
            keyframe: access_unit.random_access,
            lost_packets: frame.lost_packets,
            data: Buffer::from_vec(access_unit.data),
        };
        self.sequence += 1;
        self.last = times;
        unit
    }

    /// The unit that ends the session: a decoder gives out what it holds back.
    pub fn end(&self, trace: Trace) -> Unit {
        Unit {
            id: self.id(self.last),
            trace,
            codec: self.codec,
            keyframe: false,
            lost_packets: 0,
            data: Buffer::from_vec(Vec::<u8>::new()),
        }
    }

    fn id(&self, times: Times) -> FrameId {
        FrameId {
            camera: Arc::clone(&self.camera),
            session_unix_nanos: self.session_unix_nanos,
            sequence: self.sequence,
            pts_nanos: times.pts_nanos,
            captured_unix_nanos: times.captured_unix_nanos,
            captured_clock: times.captured_clock,
        }
    }
}
