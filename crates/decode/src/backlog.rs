//! What waits for one camera's decoder, and what gives way when it falls behind.

use std::collections::VecDeque;

use camweave_message::{Row, Unit};

/// A camera with more units waiting than this loses them up to the next entry point.
pub const UNITS_PER_CAMERA: usize = 64;
/// So does one with more coded bytes waiting, and more than one unit.
pub const BYTES_PER_CAMERA: usize = 32 << 20;
/// Where all cameras together have more coded bytes waiting, each may have its equal part.
pub const BYTES_PER_PROCESS: usize = 128 << 20;

/// One thing to do for a camera.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Job {
    /// Decode a unit.
    Unit(Box<Unit>),
    /// Give out what the decoder holds back: the run ends.
    Finish,
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Self::Unit(unit) => unit.bytes(),
            Self::Finish => 0,
        }
    }

    fn is_entry_point(&self) -> bool {
        match self {
            Self::Unit(unit) => unit.is_entry_point(),
            Self::Finish => true,
        }
    }
}

/// The jobs of one camera, in order.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    jobs: VecDeque<Job>,
    /// Coded bytes of the jobs.
    bytes: usize,
    is_skipping: bool,
    /// Whether a worker has the camera, or will have it.
    pub is_scheduled: bool,
}

impl Backlog {
    /// Adds a job; returns how many units gave way, the new one perhaps among them.
    /// More than `most_bytes` wait only in one unit.
    ///
    /// Pictures depend on those before them up to an entry point. So a camera that
    /// falls behind goes on at the newest entry point that waits, or at the next.
    pub fn push(&mut self, job: Job, most_bytes: usize) -> usize {
        if self.is_skipping && !job.is_entry_point() {
            return 1;
        }
        self.is_skipping = false;
        self.bytes += job.bytes();
        self.jobs.push_back(job);
        let has_room = self.bytes <= most_bytes || self.jobs.len() == 1;
        if self.jobs.len() <= UNITS_PER_CAMERA && has_room {
            return 0;
        }
        let newest_entry = self.jobs.iter().rposition(Job::is_entry_point);
        let gone = match newest_entry {
            Some(index) if index > 0 => index,
            _ => {
                self.is_skipping = true;
                self.jobs.len()
            }
        };
        for job in self.jobs.drain(..gone) {
            self.bytes -= job.bytes();
        }
        gone
    }

    pub fn pop(&mut self) -> Option<Job> {
        let job = self.jobs.pop_front()?;
        self.bytes -= job.bytes();
        Some(job)
    }

    /// Coded bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Forgets all; returns how many units that were.
    pub fn clear(&mut self) -> usize {
        let units = self
            .jobs
            .iter()
            .filter(|job| matches!(job, Job::Unit(_)))
            .count();
        self.jobs.clear();
        self.bytes = 0;
        units
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_buffer::Buffer;
    use camweave_message::{CapturedClock, Codec, FrameId, Orientation, Trace};
    use std::sync::Arc;

    fn unit(sequence: u64, keyframe: bool) -> Job {
        Job::Unit(Box::new(Unit {
            id: FrameId {
                camera: Arc::from("cam1"),
                session_unix_nanos: 1,
                sequence,
                pts_nanos: 0,
                captured_unix_nanos: 0,
                captured_clock: CapturedClock::Arrival,
            },
            trace: Trace::default(),
            codec: Codec::H264,
            keyframe,
            lost_packets: 0,
            orientation: Orientation::UPRIGHT,
            data: Buffer::from(vec![0_u8]),
        }))
    }

    fn sequences(backlog: &mut Backlog) -> Vec<u64> {
        let mut sequences = Vec::new();
        while let Some(job) = backlog.pop() {
            if let Job::Unit(unit) = job {
                sequences.push(unit.id.sequence);
            }
        }
        sequences
    }

    #[test]
    fn a_camera_that_falls_behind_goes_on_at_the_newest_entry_point_that_waits() {
        let mut backlog = Backlog::default();
        let mut gone = 0;
        for sequence in 0..=UNITS_PER_CAMERA as u64 {
            gone += backlog.push(unit(sequence, sequence % 30 == 0), BYTES_PER_CAMERA);
        }
        assert_eq!(gone, 60);
        assert_eq!(sequences(&mut backlog), [60, 61, 62, 63, 64]);
    }

    #[test]
    fn without_an_entry_point_all_units_go_up_to_the_next() {
        let mut backlog = Backlog::default();
        let mut gone = 0;
        for sequence in 0..100 {
            gone += backlog.push(
                unit(sequence, sequence == 0 || sequence == 90),
                BYTES_PER_CAMERA,
            );
        }
        assert_eq!(gone, 90);
        assert_eq!(sequences(&mut backlog), (90..100).collect::<Vec<_>>());
        assert_eq!(backlog.push(Job::Finish, BYTES_PER_CAMERA), 0);
    }

    #[test]
    fn bytes_give_way_as_units_do() {
        let large = |sequence, keyframe| {
            let Job::Unit(mut unit) = unit(sequence, keyframe) else {
                unreachable!("it is a unit")
            };
            unit.data = Buffer::from(vec![0_u8; 1000]);
            Job::Unit(unit)
        };
        let mut backlog = Backlog::default();
        // One unit may be of any size.
        assert_eq!(backlog.push(large(0, true), 10), 0);
        assert_eq!(backlog.push(large(1, false), 2000), 0);
        assert_eq!(backlog.push(large(2, true), 2000), 2);
        assert_eq!(backlog.push(large(3, false), 2000), 0);
        // The only entry point is the first: nothing can be kept.
        assert_eq!(backlog.push(large(4, false), 2000), 3);
        assert_eq!(backlog.push(large(5, false), 2000), 1);
        assert_eq!(backlog.bytes(), 0);
        assert_eq!(backlog.push(large(6, true), 2000), 0);
        assert_eq!((sequences(&mut backlog), backlog.bytes()), (vec![6], 0));
    }
}
