//! What waits for one camera's decoder, and what gives way when it falls behind.

use std::collections::VecDeque;

use camweave_message::{Row, Unit};

/// A camera with more units waiting than this loses them up to the next entry point.
pub const UNITS_PER_CAMERA: usize = 64;

/// One thing to do for a camera.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Job {
    /// Decode a unit.
    Unit(Box<Unit>),
    /// Give out what the decoder holds back: the run ends.
    Finish,
}

impl Job {
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
    is_skipping: bool,
    /// Whether a worker has the camera, or will have it.
    pub is_scheduled: bool,
}

impl Backlog {
    /// Adds a job; returns how many units gave way, the new one perhaps among them.
    ///
    /// Pictures depend on those before them up to an entry point. So a camera that
    /// falls behind goes on at the newest entry point that waits, or at the next.
    pub fn push(&mut self, job: Job) -> usize {
        if self.is_skipping && !job.is_entry_point() {
            return 1;
        }
        self.is_skipping = false;
        self.jobs.push_back(job);
        if self.jobs.len() <= UNITS_PER_CAMERA {
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
        self.jobs.drain(..gone);
        gone
    }

    pub fn pop(&mut self) -> Option<Job> {
        self.jobs.pop_front()
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
        units
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_buffer::Buffer;
    use camweave_message::{CapturedClock, Codec, FrameId, Trace};
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
            gone += backlog.push(unit(sequence, sequence % 30 == 0));
        }
        assert_eq!(gone, 60);
        assert_eq!(sequences(&mut backlog), [60, 61, 62, 63, 64]);
    }

    #[test]
    fn without_an_entry_point_all_units_go_up_to_the_next() {
        let mut backlog = Backlog::default();
        let mut gone = 0;
        for sequence in 0..100 {
            gone += backlog.push(unit(sequence, sequence == 0 || sequence == 90));
        }
        assert_eq!(gone, 90);
        assert_eq!(sequences(&mut backlog), (90..100).collect::<Vec<_>>());
        assert_eq!(backlog.push(Job::Finish), 0);
    }
}
