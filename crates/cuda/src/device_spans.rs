//! A stage's work on a device, as spans.

use camweave_telemetry::span_names::SpanName;
use camweave_telemetry::{FrameKey, Members, Spans};

use crate::context::Context;
use crate::device_clock::DeviceClock;
use crate::error::CudaError;
use crate::stream::Stream;
use crate::timeline::{Begun, Timeline};

/// Ranges that may be under way: of a ring of batches, several of each.
const PAIRS: usize = 64;

/// Measures a stage's work on a device where its spans are timed; does nothing elsewhere.
#[derive(Debug)]
pub struct DeviceSpans {
    spans: Spans,
    timeline: Timeline<(&'static SpanName, Members)>,
}

impl DeviceSpans {
    /// Spans of what the stage of `spans` does on a device. Where the driver gives no events, nothing
    /// is measured, and the error is one of [`Context::take_drop_errors`].
    #[must_use]
    pub fn open(context: &Context, spans: &Spans) -> Self {
        let timeline = if spans.are_timed() {
            let clock = DeviceClock::new(context);
            clock.and_then(|clock| Timeline::new(&clock, PAIRS))
        } else {
            Ok(Timeline::off())
        };
        Self {
            spans: spans.clone(),
            timeline: timeline.unwrap_or_else(|error: CudaError| {
                context.dropped(Err(error));
                Timeline::off()
            }),
        }
    }

    /// Begins a range behind all work that is in the stream now. `None` where it is not measured.
    pub fn begin(&mut self, stream: &Stream) -> Option<Begun> {
        self.timeline.begin(stream)
    }

    /// Ends a range behind all work that is in the stream now, and says over which frames it is.
    pub fn end<'a>(
        &mut self,
        stream: &Stream,
        begun: Option<Begun>,
        name: &'static SpanName,
        frames: impl IntoIterator<Item = FrameKey<'a>>,
    ) {
        if begun.is_some() {
            let what = (name, self.spans.members(frames));
            self.timeline.end(stream, begun, what);
        }
    }

    /// Records the ranges that the device has passed; waits for none.
    pub fn poll(&mut self) {
        let spans = &self.spans;
        self.timeline
            .poll(|range, (name, members)| spans.device(name, range, &members));
        match self.timeline.take_unmeasured() {
            0 => {}
            ranges => spans.not_measured(ranges),
        }
    }
}
