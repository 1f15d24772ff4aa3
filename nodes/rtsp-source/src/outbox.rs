use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use camweave_message::{Row, Unit};
use camweave_stage::Waker;
use camweave_telemetry::Counters;
use crossbeam_channel::{Receiver, Sender, bounded};

/// The stage did not take units as fast as they came.
pub(crate) const SOURCE_BACKLOG: &str = "source_backlog";
/// So many units of one camera wait for the stage.
const PER_CAMERA: usize = 64;
/// Room for the ends of sessions, which are never dropped.
const SPARE: usize = 8;

/// A unit on its way to the stage's loop.
pub(crate) struct Waiting {
    unit: Unit,
    count: Arc<AtomicUsize>,
}

impl Waiting {
    pub fn take(self) -> Unit {
        self.count.fetch_sub(1, Ordering::AcqRel);
        self.unit
    }
}

/// Makes the hand-over for `cameras` cameras: bounded, and no camera can take the
/// places of another.
pub(crate) fn channel(cameras: usize) -> (Sender<Waiting>, Receiver<Waiting>) {
    bounded(cameras * (PER_CAMERA + SPARE))
}

/// One camera's side of the hand-over. It never waits.
pub(crate) struct Outbox {
    sender: Sender<Waiting>,
    waker: Waker,
    counters: Counters,
    count: Arc<AtomicUsize>,
    /// Units are dropped up to the next random-access point.
    skipping: bool,
}

impl Outbox {
    pub fn new(sender: Sender<Waiting>, waker: Waker, counters: Counters) -> Self {
        Self {
            sender,
            waker,
            counters,
            count: Arc::default(),
            skipping: false,
        }
    }

    /// Counts the unit and hands it over. While the stage is behind, units are dropped
    /// up to a random-access point for which there is room.
    pub fn send(&mut self, unit: Unit) {
        let camera = Arc::clone(&unit.id().camera);
        let ends_session = !unit.is_frame();
        let frames = u64::from(!ends_session);
        if !ends_session {
            self.counters.received(&camera);
        }
        let limit = if ends_session {
            PER_CAMERA + SPARE
        } else {
            PER_CAMERA
        };
        let full = self.count.load(Ordering::Acquire) >= limit;
        self.skipping = full || (self.skipping && !unit.is_entry_point());
        if self.skipping {
            self.counters.dropped(&camera, SOURCE_BACKLOG, frames);
            return;
        }
        self.count.fetch_add(1, Ordering::AcqRel);
        let waiting = Waiting {
            unit,
            count: Arc::clone(&self.count),
        };
        if self.sender.try_send(waiting).is_err() {
            // Only when the stage is gone: the places are counted.
            self.count.fetch_sub(1, Ordering::AcqRel);
            self.counters.dropped(&camera, SOURCE_BACKLOG, frames);
        }
        self.waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use arrow_buffer::Buffer;
    use camweave_message::{CapturedClock, Codec, FrameId, Orientation, Trace};
    use camweave_stage::Context;

    use super::*;

    fn unit(camera: &str, sequence: u64, keyframe: bool, bytes: usize) -> Unit {
        Unit {
            id: FrameId {
                camera: Arc::from(camera),
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
            data: Buffer::from_vec(vec![1_u8; bytes]),
        }
    }

    #[test]
    fn a_full_camera_drops_up_to_the_next_random_access_point_and_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let context = Context::for_tests("source", folder.path());
        let (sender, receiver) = channel(2);
        let outbox = |sender: &Sender<Waiting>| {
            Outbox::new(sender.clone(), context.waker(), context.counters.clone())
        };
        let (mut full, mut other) = (outbox(&sender), outbox(&sender));
        for sequence in 0..PER_CAMERA as u64 + 3 {
            full.send(unit("full", sequence, sequence == 0, 1));
        }
        other.send(unit("other", 0, true, 1));
        // Room again, but not for a picture whose reference is gone.
        assert_eq!(receiver.try_recv().expect("waiting").take().id.sequence, 0);
        full.send(unit("full", 67, false, 1));
        full.send(unit("full", 68, true, 1));
        full.send(unit("full", 69, false, 1));
        // The end of the session finds room always.
        full.send(unit("full", 70, false, 0));
        let left: Vec<Unit> = receiver.try_iter().map(Waiting::take).collect();
        let sequences = |camera: &str| -> Vec<u64> {
            left.iter()
                .filter(|it| *it.id.camera == *camera)
                .map(|it| it.id.sequence)
                .collect()
        };
        let mut expected: Vec<u64> = (1..64).collect();
        expected.extend([68, 70]);
        assert_eq!(sequences("full"), expected);
        assert_eq!(sequences("other"), [0]);
        let report = context.counters.report();
        assert_eq!(report.cameras["full"].received, 70);
        assert_eq!(report.cameras["full"].dropped[SOURCE_BACKLOG], 5);
        assert!(report.cameras["other"].dropped.is_empty());
    }
}
