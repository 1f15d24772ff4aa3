//! One stage's queue of events, and what becomes of them.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;
use nvtx::domain::LocalRange;
use tracing::warn;

use super::event::Event;
use super::file::SpanFileWriter;
use super::labels::Labels;
use super::name::SpanName;
use super::nvtx::Ranges;
use super::stats::{SpanSummary, Stats};
use super::{SpanMode, SpanSettings};

/// How often the queue is emptied.
const DRAIN_EVERY: Duration = Duration::from_millis(100);
/// How often events go into the file: each write costs a busy machine more than the events do.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// So many events are not kept back for longer, to bound the memory.
const WRITE_AT: usize = 16_384;

#[derive(Debug)]
pub(super) struct Recorder {
    mode: SpanMode,
    queue: ArrayQueue<Event>,
    /// Events for which the queue, or whoever measures, had no room.
    overflowed: AtomicU64,
    /// Events that could not be written.
    unwritten: AtomicU64,
    pub labels: Labels,
    ranges: Option<Ranges>,
    stats: Mutex<Stats>,
    /// Held while events are taken out, so that they stay in order.
    drain: Mutex<Drain>,
}

/// When events go into the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Once a second, or when there are many.
    Due,
    /// All that are there.
    Now,
}

#[derive(Debug)]
struct Drain {
    /// Those that are not in the file yet.
    events: Vec<Event>,
    written_at: Instant,
    file: Option<SpanFileWriter>,
    has_complained: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    pub fn start(stage: &str, kind: &str, settings: &SpanSettings, folder: &Path) -> Arc<Self> {
        let file = (settings.mode == SpanMode::Trace)
            .then(|| SpanFileWriter::create(folder, stage, kind))
            .and_then(|created| {
                created
                    .inspect_err(|error| warn!("spans are not written: {error}; the run continues"))
                    .ok()
            });
        let recorder = Arc::new(Self {
            mode: settings.mode,
            queue: ArrayQueue::new(settings.events),
            overflowed: AtomicU64::new(0),
            unwritten: AtomicU64::new(0),
            labels: Labels::default(),
            ranges: settings.nvtx.then(|| Ranges::new(kind)),
            stats: Mutex::default(),
            drain: Mutex::new(Drain {
                events: Vec::new(),
                written_at: Instant::now(),
                file,
                has_complained: false,
            }),
        });
        if recorder.records() {
            let weak = Arc::downgrade(&recorder);
            let drains = std::thread::Builder::new()
                .name("spans".to_owned())
                .spawn(move || {
                    loop {
                        std::thread::sleep(DRAIN_EVERY);
                        let Some(recorder) = weak.upgrade() else {
                            break;
                        };
                        recorder.drain(When::Due);
                    }
                });
            if let Err(error) = drains {
                warn!("spans are lost: cannot start a thread: {error}; the run continues");
            }
        }
        recorder
    }

    /// Whether spans are timed; not so where only a profiler sees them.
    pub fn records(&self) -> bool {
        self.mode != SpanMode::Off
    }

    /// Whether every event is written down.
    pub fn traces(&self) -> bool {
        self.mode == SpanMode::Trace
    }

    /// Never waits.
    pub fn push(&self, event: Event) {
        if self.queue.push(event).is_err() {
            self.lose(1);
        }
    }

    /// Counts events for which there was no room.
    pub fn lose(&self, events: u64) {
        self.overflowed.fetch_add(events, Ordering::Relaxed);
    }

    /// Begins a profiler's range, where there is a profiler.
    pub fn begin_range(
        &self,
        name: &'static SpanName,
        payload: u64,
    ) -> Option<LocalRange<'static>> {
        let ranges = self.ranges.as_ref();
        ranges.map(|ranges| ranges.begin(name, payload))
    }

    pub fn lost(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed) + self.unwritten.load(Ordering::Relaxed)
    }

    pub fn summaries(&self) -> BTreeMap<String, SpanSummary> {
        lock(&self.stats).summaries()
    }

    pub fn device_summaries(&self) -> BTreeMap<String, SpanSummary> {
        lock(&self.stats).device_summaries()
    }

    /// Takes what the queue has into the sums, and into the file where that is due.
    pub fn drain(&self, when: When) {
        let mut drain = lock(&self.drain);
        let Drain {
            events,
            written_at,
            file,
            has_complained,
        } = &mut *drain;
        let known = events.len();
        // At most one queue's worth, so that a busy stage cannot keep this going.
        while events.len() - known < self.queue.capacity() {
            let Some(event) = self.queue.pop() else { break };
            events.push(event);
        }
        // Not for as long as the disk takes.
        let mut stats = lock(&self.stats);
        for event in &events[known..] {
            stats.add(event);
        }
        drop(stats);
        if !self.traces() {
            events.clear();
            return;
        }
        let is_due = events.len() >= WRITE_AT || written_at.elapsed() >= WRITE_EVERY;
        if when == When::Due && !is_due {
            return;
        }
        *written_at = Instant::now();
        let written = match file {
            Some(file) => file.append(events, &self.labels, self.lost()),
            None => Err("there is no file".to_owned()),
        };
        if let Err(error) = written {
            self.unwritten
                .fetch_add(events.len() as u64, Ordering::Relaxed);
            if !std::mem::replace(has_complained, true) && file.is_some() {
                warn!("spans are lost: {error}; the run continues");
            }
        }
        events.clear();
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.records() {
            self.drain(When::Now);
        }
    }
}

/// The system's id of this thread.
pub(super) fn thread_id() -> u32 {
    thread_local! {
        static ID: Cell<u32> = const { Cell::new(0) };
    }
    ID.with(|id| {
        if id.get() == 0 {
            let raw = rustix::thread::gettid().as_raw_nonzero().get();
            id.set(raw.unsigned_abs());
        }
        id.get()
    })
}
