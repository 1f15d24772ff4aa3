use std::sync::Arc;

use arrow_buffer::Buffer;
use camweave_bitstream::ParameterSets;
use camweave_camera_client::{Frame, StreamInfo, Timeline, Times, nal_codec};
use camweave_message::{CapturedClock, Codec, FrameId, Orientation, Selection, Trace, Unit};
use tokio::sync::watch;

use crate::wish::{Goal, Wish};

/// Makes units of one session's frames.
#[derive(Debug)]
pub(crate) struct Session {
    camera: Arc<str>,
    codec: Codec,
    /// What is done with the frames may change from one to the next.
    wishes: watch::Receiver<Wish>,
    session_unix_nanos: i64,
    sequence: u64,
    last: Times,
    /// For codecs with NAL units.
    sets: Option<ParameterSets>,
    pub timeline: Timeline,
}

impl Session {
    pub fn new(
        id: Arc<str>,
        wishes: watch::Receiver<Wish>,
        stream: &StreamInfo,
        session_unix_nanos: i64,
    ) -> Self {
        let mut session = Self {
            camera: id,
            codec: stream.codec,
            wishes,
            session_unix_nanos,
            sequence: 0,
            last: Times {
                pts_nanos: 0,
                captured_unix_nanos: session_unix_nanos,
                captured_clock: CapturedClock::Arrival,
            },
            sets: nal_codec(stream.codec).map(ParameterSets::new),
            timeline: Timeline::new(stream.clock_hz),
        };
        session.learn(&stream.parameter_sets);
        session
    }

    /// Takes over parameter sets (Annex B).
    fn learn(&mut self, parameter_sets: &[u8]) {
        if let Some(sets) = &mut self.sets {
            sets.learn(parameter_sets);
        }
    }

    /// How many units came so far.
    pub fn received(&self) -> u64 {
        self.sequence
    }

    /// The unit, and whether its timestamp jumped.
    pub fn unit(&mut self, frame: Frame, trace: Trace) -> (Unit, bool) {
        let (times, jumped) = self
            .timeline
            .place(frame.timestamp, frame.arrival_unix_nanos);
        let (data, keyframe) = match &mut self.sets {
            Some(sets) => {
                let access_unit = sets.complete(frame.data);
                (access_unit.data, access_unit.random_access)
            }
            // Each picture stands alone.
            None => (frame.data, frame.keyframe.unwrap_or(true)),
        };
        let unit = Unit {
            keyframe,
            lost_packets: frame.lost_packets,
            data: Buffer::from_vec(data),
            ..self.empty(times, trace)
        };
        self.sequence += 1;
        self.last = times;
        (unit, jumped)
    }

    /// The unit that ends the session: a decoder outputs what it holds back. That of a camera which is
    /// removed is not selected, as nobody is to look at it again: a decoder keeps no memory for it.
    pub fn end(&self, trace: Trace) -> Unit {
        self.empty(self.last, trace)
    }

    /// A unit without data, with all that `cameras.yml` has of the camera now.
    fn empty(&self, times: Times, trace: Trace) -> Unit {
        let wish = self.wishes.borrow();
        let camera = &wish.camera;
        Unit {
            id: self.id(times),
            trace,
            codec: self.codec,
            keyframe: false,
            lost_packets: 0,
            orientation: Orientation::UPRIGHT,
            selection: if wish.goal == Goal::Remove {
                Selection::Off
            } else {
                camera.selection
            },
            motion: camera.motion,
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
