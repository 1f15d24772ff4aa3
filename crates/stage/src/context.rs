use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use camweave_message::{FrameId, Row, StagePass, Trace};
use camweave_pool::Attachments;
use camweave_telemetry::span_names::SpanName;
use camweave_telemetry::{Counters, FrameKey, Span, clock};

use crate::behind::Behind;
use crate::inbox::Signal;

/// What the runtime lends a stage; clones share it, also between threads.
#[derive(Clone)]
pub struct Context {
    /// The node's id in the graph.
    pub stage: Arc<str>,
    /// Counts what comes, goes and is dropped.
    pub counters: Counters,
    /// The pools that this process reads from.
    pub attachments: Attachments,
    /// The run's folder for reports, such as `out/<dataflow>/stats`.
    pub stats_dir: Arc<std::path::Path>,
    pub(crate) signal: Arc<Signal>,
    pub(crate) stopping: Arc<AtomicBool>,
    pub(crate) alone: Arc<AtomicBool>,
    is_busy: Arc<AtomicBool>,
    /// For a source in a graph: where what it sends comes to.
    pub(crate) behind: Option<Arc<Behind>>,
}

impl Context {
    /// Wakes the stage's loop from another thread: [`crate::Stage::tick`] is called soon.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.signal))
    }

    /// Whether the run is being stopped; threads of a stage look at it.
    #[must_use]
    pub fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Whether the stage ends and the run continues: this process alone was told to end.
    #[must_use]
    pub fn ends_alone(&self) -> bool {
        self.alone.load(Ordering::Acquire)
    }

    /// For a source: the cameras of which the stages that take its rows have sent something on. `None`
    /// where no stage reports. Reads the reports, which are written every 250 ms.
    #[must_use]
    pub fn served_behind(&self) -> Option<BTreeSet<String>> {
        self.behind.as_ref()?.served(&self.stage)
    }

    /// Says whether the stage can take rows. While it cannot, they wait in its queue and are
    /// dropped as the queue's policy says. For stages whose threads work beside the loop: those
    /// without may simply return from [`crate::Stage::rows`] later.
    ///
    /// The loop looks after [`crate::Stage::rows`] and [`crate::Stage::tick`]; another thread that
    /// changes this wakes it.
    pub fn set_ready(&self, is_ready: bool) {
        self.is_busy.store(!is_ready, Ordering::Release);
    }

    /// Whether the stage can take rows; so from the beginning.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.is_busy.load(Ordering::Acquire)
    }

    /// The trace of a row that begins here, entered now.
    #[must_use]
    pub fn new_trace(&self) -> Trace {
        Trace(vec![self.pass(clock::monotonic_nanos())])
    }

    /// Begins a span of one frame; it ends when the guard is dropped.
    #[inline]
    pub fn span(&self, name: &'static SpanName, id: &FrameId) -> Span {
        self.counters.spans().frame(name, frame_key(id))
    }

    /// Begins a span over the frames of `rows`; it ends when the guard is dropped.
    #[inline]
    pub fn span_over<R: Row>(&self, name: &'static SpanName, rows: &[R]) -> Span {
        let mut span = self.counters.spans().batch(name, rows.len());
        self.name_frames(&mut span, rows);
        span
    }

    /// Says of which frames a span is that began before they were known.
    #[inline]
    pub fn name_frames<R: Row>(&self, span: &mut Span, rows: &[R]) {
        span.set_frames(rows.len());
        if self.counters.spans().are_traced() {
            for row in rows {
                span.member(frame_key(row.id()));
            }
        }
    }

    /// A context outside of a graph, for tests and benchmarks of a stage alone.
    #[must_use]
    pub fn for_tests(stage: &str, stats_dir: &std::path::Path) -> Self {
        let counters = Counters::new(stage, stage, None);
        Self::new(stage, counters, Attachments::new(), stats_dir)
    }

    pub(crate) fn new(
        stage: &str,
        counters: Counters,
        attachments: Attachments,
        stats_dir: &std::path::Path,
    ) -> Self {
        Self {
            stage: Arc::from(stage),
            counters,
            attachments,
            stats_dir: Arc::from(stats_dir),
            signal: Arc::new(Signal::default()),
            stopping: Arc::new(AtomicBool::new(false)),
            alone: Arc::new(AtomicBool::new(false)),
            is_busy: Arc::new(AtomicBool::new(false)),
            behind: None,
        }
    }

    pub(crate) fn pass(&self, enter_nanos: i64) -> StagePass {
        StagePass {
            stage: Arc::clone(&self.stage),
            enter_nanos,
            leave_nanos: 0,
        }
    }
}

/// A frame as spans know it.
#[must_use]
pub fn frame_key(id: &FrameId) -> FrameKey<'_> {
    FrameKey {
        camera: &id.camera,
        session_unix_nanos: id.session_unix_nanos,
        sequence: id.sequence,
    }
}

/// Wakes a stage's loop.
#[derive(Clone)]
pub struct Waker(Arc<Signal>);

impl Waker {
    /// Makes the loop call [`crate::Stage::tick`] soon; cheap, and idempotent until it has.
    pub fn wake(&self) {
        self.0.wake();
    }
}
