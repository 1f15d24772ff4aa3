use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use camweave_message::{GroupTurn, KeyframeGate, Row, Unit};
use camweave_stage::Waker;
use camweave_telemetry::Counters;
use crossbeam_channel::{Receiver, Sender, unbounded};

/// The stage did not take units as fast as they came.
pub(crate) const SOURCE_BACKLOG: &str = "source_backlog";
/// The camera sends more frames a second than any camera does.
pub(crate) const TOO_FAST: &str = "too_fast";
/// So many units of one camera wait for the stage.
const PER_CAMERA: usize = 64;
/// So many bytes of one camera wait for the stage; one unit does in any case.
const PER_CAMERA_BYTES: usize = 16 * 1024 * 1024;
/// So many bytes of all cameras wait for the stage.
const ALL_BYTES: usize = 128 * 1024 * 1024;
/// So long a unit waits for the stage: between these two, another for each group of pictures. What is
/// shorter is a hitch, which costs no frame; what lasts is a stage that sends as fast as it can.
const WAIT_AT_MOST: Range<Duration> = Duration::from_millis(300)..Duration::from_millis(600);
/// Frames a second of one camera that are taken, over some seconds.
const FRAMES_PER_SECOND: f64 = 240.0;
/// Frames that may come at once: a server's buffer, or what a network held up.
const FRAMES_AT_ONCE: f64 = 960.0;
/// Room for the ends of sessions, which are never dropped.
const SPARE: usize = 8;

/// A unit on its way to the stage's loop.
pub(crate) struct Waiting {
    unit: Unit,
    count: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
    all_bytes: Arc<AtomicUsize>,
    handed_over: Instant,
}

impl Waiting {
    /// Bytes of the unit.
    pub fn len(&self) -> usize {
        self.unit.data.len()
    }

    /// Whether the unit has waited longer at `now` than any may.
    pub fn is_late(&self, now: Instant) -> bool {
        self.unit.is_frame() && now.duration_since(self.handed_over) > WAIT_AT_MOST.end
    }

    pub fn take(self) -> Unit {
        self.count.fetch_sub(1, Ordering::AcqRel);
        let bytes = held(&self.unit);
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.all_bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.unit
    }
}

/// Bytes that a unit holds.
fn held(unit: &Unit) -> usize {
    unit.data.capacity()
}

/// Makes the hand-over. Its bound is in the outboxes, as cameras come and go: each counts what waits of
/// its camera, so that no camera can take the places of another.
pub(crate) fn channel() -> (Sender<Waiting>, Receiver<Waiting>) {
    unbounded()
}

/// What the stage's loop takes of it.
pub(crate) struct Intake {
    units: Receiver<Waiting>,
    /// Taken before, and put back.
    first: Option<Waiting>,
    counters: Counters,
    /// Of cameras of which a unit was dropped here.
    closed: HashMap<Arc<str>, KeyframeGate>,
}

impl Intake {
    pub fn new(units: Receiver<Waiting>, counters: Counters) -> Self {
        Self {
            units,
            first: None,
            counters,
            closed: HashMap::new(),
        }
    }

    /// Units that wait.
    pub fn len(&self) -> usize {
        self.units.len() + usize::from(self.first.is_some())
    }

    /// Has a unit that was taken wait again, before all others: it may be late by the time it is
    /// taken again.
    pub fn put_back(&mut self, unit: Waiting) {
        self.first = Some(unit);
    }

    /// The next unit. One that has waited too long is dropped, and those after it up to a keyframe
    /// that has not: where the loop stood still, what waited meanwhile is of no use to anybody.
    pub fn next(&mut self, now: Instant) -> Option<Waiting> {
        loop {
            let first = self.first.take();
            let waiting = first.or_else(|| self.units.try_recv().ok())?;
            let is_late = waiting.is_late(now);
            if !is_late && self.closed.is_empty() {
                return Some(waiting);
            }
            let camera = Arc::clone(&waiting.unit.id().camera);
            let mut gate = self.closed.remove(&camera).unwrap_or_default();
            if is_late {
                gate.close();
            } else if gate.passes(waiting.unit.is_entry_point()) {
                return Some(waiting);
            }
            self.closed.insert(Arc::clone(&camera), gate);
            let frames = u64::from(waiting.take().is_frame());
            self.counters.dropped(&camera, SOURCE_BACKLOG, frames);
        }
    }
}

/// Bytes that wait, of all cameras.
pub(crate) type AllBytes = Arc<AtomicUsize>;

/// One camera's side of the hand-over. It never waits.
pub(crate) struct Outbox {
    sender: Sender<Waiting>,
    waker: Waker,
    counters: Counters,
    count: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
    all_bytes: AllBytes,
    gate: KeyframeGate,
    /// When those that wait were handed over, the oldest first, and perhaps some that wait no more.
    handed_over: VecDeque<Instant>,
    turn: GroupTurn,
    /// Frames that may come now, as of a point in time.
    allowance: (f64, Instant),
}

impl Outbox {
    pub fn new(
        sender: Sender<Waiting>,
        all_bytes: AllBytes,
        waker: Waker,
        counters: Counters,
    ) -> Self {
        Self {
            sender,
            waker,
            counters,
            count: Arc::default(),
            bytes: Arc::default(),
            all_bytes,
            gate: KeyframeGate::default(),
            handed_over: VecDeque::new(),
            turn: GroupTurn::default(),
            allowance: (FRAMES_AT_ONCE, Instant::now()),
        }
    }

    /// Counts the unit and hands it over. While the stage is behind, or the camera too fast,
    /// units are dropped up to a keyframe for which there is room.
    pub fn send(&mut self, unit: Unit) {
        self.send_at(unit, Instant::now());
    }

    fn send_at(&mut self, unit: Unit, now: Instant) {
        let camera = Arc::clone(&unit.id().camera);
        let ends_session = !unit.is_frame();
        let frames = u64::from(!ends_session);
        if !ends_session {
            self.counters.received(&camera);
        }
        let refused = self.refuses(&unit, now);
        if refused.is_some() {
            self.gate.close();
        }
        if refused.is_some() || !self.gate.passes(unit.is_entry_point()) {
            let reason = refused.unwrap_or(SOURCE_BACKLOG);
            self.counters.dropped(&camera, reason, frames);
            return;
        }
        if unit.keyframe {
            self.turn.next(&camera);
        }
        let bytes = held(&unit);
        self.handed_over.push_back(now);
        self.count.fetch_add(1, Ordering::AcqRel);
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        self.all_bytes.fetch_add(bytes, Ordering::AcqRel);
        let waiting = Waiting {
            unit,
            count: Arc::clone(&self.count),
            bytes: Arc::clone(&self.bytes),
            all_bytes: Arc::clone(&self.all_bytes),
            handed_over: now,
        };
        if let Err(refused) = self.sender.send(waiting) {
            // Only when the stage is gone.
            drop(refused.into_inner().take());
            self.counters.dropped(&camera, SOURCE_BACKLOG, frames);
        }
        self.waker.wake();
    }

    /// Why there is no room for the unit.
    fn refuses(&mut self, unit: &Unit, now: Instant) -> Option<&'static str> {
        let count = self.count.load(Ordering::Acquire);
        let taken = self.handed_over.len().saturating_sub(count);
        self.handed_over.drain(..taken);
        if !unit.is_frame() {
            return (count >= PER_CAMERA + SPARE).then_some(SOURCE_BACKLOG);
        }
        if !self.in_pace(now) {
            return Some(TOO_FAST);
        }
        let bytes = held(unit);
        let would_hold = |held: &AtomicUsize| held.load(Ordering::Acquire).saturating_add(bytes);
        let waits = self.handed_over.front().map(|at| now - *at);
        let is_full = count >= PER_CAMERA
            || waits.is_some_and(|waits| waits > self.turn.within(&WAIT_AT_MOST))
            || count > 0
                && (would_hold(&self.bytes) > PER_CAMERA_BYTES
                    || would_hold(&self.all_bytes) > ALL_BYTES);
        is_full.then_some(SOURCE_BACKLOG)
    }

    fn in_pace(&mut self, now: Instant) -> bool {
        let (left, at) = self.allowance;
        let earned = (now - at).as_secs_f64() * FRAMES_PER_SECOND;
        let left = (left + earned).min(FRAMES_AT_ONCE);
        let in_pace = left >= 1.0;
        self.allowance = (if in_pace { left - 1.0 } else { left }, now);
        in_pace
    }
}

#[cfg(test)]
mod tests {
    use camweave_stage::Context;

    use super::*;

    fn unit(camera: &str, sequence: u64, keyframe: bool, bytes: usize) -> Unit {
        Unit {
            keyframe,
            data: vec![1_u8; bytes].into(),
            ..camweave_testing::unit(camera, sequence)
        }
    }

    #[test]
    fn a_full_camera_drops_up_to_the_next_random_access_point_and_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let context = Context::for_tests("source", folder.path());
        let (sender, receiver) = channel();
        let outbox = |sender: &Sender<Waiting>| {
            Outbox::new(
                sender.clone(),
                AllBytes::default(),
                context.waker(),
                context.counters.clone(),
            )
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

    #[test]
    fn what_waits_too_long_is_dropped_up_to_a_keyframe_another_time_for_each_camera() {
        let folder = tempfile::tempdir().expect("a folder");
        let context = Context::for_tests("source", folder.path());
        let (sender, receiver) = channel();
        let began = Instant::now();
        let mut sent_for = Vec::new();
        for camera in 0..50 {
            let camera = format!("cam{camera}");
            let mut outbox = Outbox::new(
                sender.clone(),
                AllBytes::default(),
                context.waker(),
                context.counters.clone(),
            );
            let mut last = began;
            // The stage takes nothing.
            for sequence in 0..30 {
                let now = began + Duration::from_millis(40 * sequence);
                let waiting = receiver.len();
                outbox.send_at(unit(&camera, sequence, sequence == 0, 1), now);
                if receiver.len() > waiting {
                    last = now;
                }
            }
            sent_for.push(last - began);
            // It has taken all: the camera goes on with its next keyframe.
            drop(receiver.try_iter().map(Waiting::take).collect::<Vec<_>>());
            for (sequence, keyframe) in [(30, false), (31, true), (32, false)] {
                let now = began + Duration::from_millis(40 * sequence);
                outbox.send_at(unit(&camera, sequence, keyframe, 1), now);
            }
            let left: Vec<_> = receiver.try_iter().map(Waiting::take).collect();
            let left: Vec<_> = left.iter().map(|it| it.id.sequence).collect();
            assert_eq!(left, [31, 32]);
        }
        let least = sent_for.iter().min().expect("cameras");
        let most = sent_for.iter().max().expect("cameras");
        assert!(*least >= Duration::from_millis(280), "{least:?}");
        assert!(*most <= WAIT_AT_MOST.end, "{most:?}");
        assert!(*most - *least > Duration::from_millis(200), "{sent_for:?}");
    }

    #[test]
    fn what_waited_while_the_stage_stood_still_is_dropped_up_to_a_keyframe_that_is_in_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let context = Context::for_tests("source", folder.path());
        let (sender, receiver) = channel();
        let mut intake = Intake::new(receiver, context.counters.clone());
        let outbox = |sender: &Sender<Waiting>| {
            Outbox::new(
                sender.clone(),
                AllBytes::default(),
                context.waker(),
                context.counters.clone(),
            )
        };
        let (mut late, mut other) = (outbox(&sender), outbox(&sender));
        let began = Instant::now();
        let at = |millis| began + Duration::from_millis(millis);
        late.send_at(unit("late", 0, true, 1), at(0));
        late.send_at(unit("late", 1, false, 1), at(200));
        other.send_at(unit("other", 0, true, 1), at(200));
        late.send_at(unit("late", 2, true, 1), at(250));
        late.send_at(unit("late", 3, false, 1), at(290));
        let in_time = intake.next(at(590)).expect("waiting");
        intake.put_back(in_time);
        assert_eq!(intake.len(), 5);
        // By now the first one is late; the second one depends on it, the third one does not.
        let taken: Vec<_> = std::iter::from_fn(|| intake.next(at(601)))
            .map(|it| (it.unit.id.camera.to_string(), it.take().id.sequence))
            .collect();
        let expected = [("other", 0), ("late", 2), ("late", 3)];
        assert_eq!(
            taken,
            expected.map(|(camera, number)| (camera.to_owned(), number))
        );
        let report = context.counters.report();
        assert_eq!(report.cameras["late"].dropped[SOURCE_BACKLOG], 2);
        assert!(report.cameras["other"].dropped.is_empty());
    }

    #[test]
    fn bytes_are_bounded_and_one_unit_finds_room_always() {
        let folder = tempfile::tempdir().expect("a folder");
        let context = Context::for_tests("source", folder.path());
        let (sender, receiver) = channel();
        let all_bytes = AllBytes::default();
        let mut outbox = Outbox::new(
            sender,
            Arc::clone(&all_bytes),
            context.waker(),
            context.counters.clone(),
        );
        for sequence in 0..5 {
            outbox.send(unit("large", sequence, true, 5 * 1024 * 1024));
        }
        let waiting: Vec<Waiting> = receiver.try_iter().collect();
        assert_eq!(waiting.len(), 3);
        assert!(all_bytes.load(Ordering::Acquire) <= PER_CAMERA_BYTES);
        drop(waiting.into_iter().map(Waiting::take).collect::<Vec<_>>());
        assert_eq!(all_bytes.load(Ordering::Acquire), 0);
        outbox.send(unit("large", 5, true, 2 * PER_CAMERA_BYTES));
        assert_eq!(receiver.len(), 1);
        let report = context.counters.report();
        assert_eq!(report.cameras["large"].dropped[SOURCE_BACKLOG], 2);
    }

    #[test]
    fn a_flood_of_frames_is_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let context = Context::for_tests("source", folder.path());
        let (sender, receiver) = channel();
        let mut outbox = Outbox::new(
            sender,
            AllBytes::default(),
            context.waker(),
            context.counters.clone(),
        );
        let began = Instant::now();
        let mut sent = 0;
        for sequence in 0..5000 {
            outbox.send(unit("flood", sequence, true, 3));
            sent += receiver.try_iter().map(Waiting::take).count();
        }
        let most = FRAMES_AT_ONCE + began.elapsed().as_secs_f64() * FRAMES_PER_SECOND;
        assert!(sent as f64 <= most + 1.0, "{sent}");
        let flood = &context.counters.report().cameras["flood"];
        assert_eq!(flood.received, 5000);
        assert_eq!(flood.dropped[TOO_FAST], 5000 - sent as u64);
    }
}
