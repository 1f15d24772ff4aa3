//! The guard of a span that has begun.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

use nvtx::domain::LocalRange;

use super::event::{Event, Kind};
use super::frame_key::FrameKey;
use super::name::SpanName;
use super::recorder::{Recorder, thread_id};
use crate::clock;

/// One in so many spans is looked at with the CPU clock, at random so that no rhythm hides.
const CPU_EVERY: u32 = 8;

/// A span; it ends when this is dropped, on the thread that began it.
#[must_use = "the span ends when this is dropped"]
pub struct Span {
    active: Option<Active>,
    /// Profilers and the CPU clock know the thread.
    _thread_bound: PhantomData<*const ()>,
}

struct Active {
    recorder: Arc<Recorder>,
    event: Event,
    /// -1 where nobody looks.
    cpu_begin_nanos: i64,
    /// A profiler's range.
    _range: Option<LocalRange<'static>>,
}

impl Span {
    pub(super) fn off() -> Self {
        Self {
            active: None,
            _thread_bound: PhantomData,
        }
    }

    pub(super) fn start(
        recorder: &Arc<Recorder>,
        name: &'static SpanName,
        frame: Option<FrameKey<'_>>,
        frames: usize,
    ) -> Self {
        let count = u32::try_from(frames).unwrap_or(u32::MAX);
        let payload = frame.map_or(u64::from(count), |frame| frame.sequence);
        let range = recorder.begin_range(name, payload);
        let (label, session_unix_nanos, sequence) = match frame {
            Some(frame) if recorder.traces() => (
                recorder.labels.number(frame.camera),
                frame.session_unix_nanos,
                frame.sequence,
            ),
            _ => (0, 0, 0),
        };
        let looks = name.cpu && recorder.records() && is_sampled();
        let cpu_begin_nanos = if looks { clock::thread_cpu_nanos() } else { -1 };
        let event = Event {
            kind: Kind::Span,
            name: name.name,
            flow: name.flow,
            thread: thread_id(),
            begin_nanos: clock::monotonic_nanos(),
            value: -1,
            label,
            count,
            session_unix_nanos,
            sequence,
            ..Event::default()
        };
        Self {
            active: Some(Active {
                recorder: Arc::clone(recorder),
                event,
                cpu_begin_nanos,
                _range: range,
            }),
            _thread_bound: PhantomData,
        }
    }

    /// Says over how many frames the span is, where that was not known when it began.
    #[inline]
    pub fn set_frames(&mut self, frames: usize) {
        if let Some(active) = &mut self.active {
            active.event.count = u32::try_from(frames).unwrap_or(u32::MAX);
        }
    }

    /// Ends without a trace: there was nothing to do. A profiler has seen it begin.
    pub fn cancel(mut self) {
        self.active = None;
    }

    /// Names a frame of a span over several.
    #[inline]
    pub fn member(&self, frame: FrameKey<'_>) {
        if let Some(active) = self.active.as_ref().filter(|it| it.recorder.traces()) {
            active.recorder.push(Event {
                kind: Kind::Member,
                label: active.recorder.labels.number(frame.camera),
                session_unix_nanos: frame.session_unix_nanos,
                sequence: frame.sequence,
                ..active.event
            });
        }
    }
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        if let Some(active) = self.active.take() {
            active.end();
        }
    }
}

impl Active {
    fn end(mut self) {
        if self.recorder.records() {
            self.event.end_nanos = clock::monotonic_nanos();
            if self.cpu_begin_nanos >= 0 {
                let nanos = clock::thread_cpu_nanos() - self.cpu_begin_nanos;
                self.event.value = nanos.max(0);
            }
            self.recorder.push(self.event);
        }
    }
}

/// Marsaglia's xorshift, one per thread: cheap, and good enough to take samples.
fn is_sampled() -> bool {
    thread_local! {
        static STATE: Cell<u32> = Cell::new(thread_id() | 1);
    }
    STATE.with(|state| {
        let mut word = state.get();
        word ^= word << 13;
        word ^= word >> 17;
        word ^= word << 5;
        state.set(word);
        word.is_multiple_of(CPU_EVERY)
    })
}
