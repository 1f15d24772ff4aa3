//! How long a device works on what, by pairs of events, and when.

use std::collections::VecDeque;
use std::sync::Arc;

use camweave_telemetry::DeviceRange;

use crate::device_clock::{Anchor, DeviceClock, millis_to_nanos};
use crate::error::CudaError;
use crate::event::Event;
use crate::stream::Stream;

/// Measures ranges of work in streams, each with a `T` that says what it was.
///
/// It waits for nothing: ranges are read when the device has passed them, in the order in which they
/// were put into streams. So many may be under way as there are pairs of events; more are not
/// measured, and counted. What the driver refuses ends the measuring, not the work: the error
/// is one of [`Context::take_drop_errors`](crate::Context::take_drop_errors).
#[derive(Debug)]
pub struct Timeline<T> {
    /// `None` where nothing is measured.
    clock: Option<DeviceClock>,
    free: Vec<Pair>,
    under_way: VecDeque<UnderWay<T>>,
    unmeasured: u64,
}

#[derive(Debug)]
struct Pair {
    begin: Event,
    end: Event,
}

#[derive(Debug)]
struct UnderWay<T> {
    begun: Begun,
    what: T,
}

/// A range that has begun. One that is dropped gives up its events.
#[derive(Debug)]
#[must_use = "the range ends with `Timeline::end`"]
pub struct Begun {
    pair: Pair,
    anchor: Arc<Anchor>,
}

impl<T> Timeline<T> {
    /// Measures nothing.
    #[must_use]
    pub fn off() -> Self {
        Self {
            clock: None,
            free: Vec::new(),
            under_way: VecDeque::new(),
            unmeasured: 0,
        }
    }

    /// Measures; at most `pairs` ranges are under way.
    ///
    /// # Errors
    /// The driver's.
    pub fn new(clock: &DeviceClock, pairs: usize) -> Result<Self, CudaError> {
        let event = || Event::timed(clock.context());
        let pair = |_| {
            Ok(Pair {
                begin: event()?,
                end: event()?,
            })
        };
        Ok(Self {
            free: (0..pairs).map(pair).collect::<Result<_, CudaError>>()?,
            clock: Some(clock.clone()),
            ..Self::off()
        })
    }

    /// Begins a range behind all work that is in the stream now. `None` where it is not measured.
    pub fn begin(&mut self, stream: &Stream) -> Option<Begun> {
        let clock = self.clock.as_ref()?;
        let Some(pair) = self.free.pop() else {
            self.unmeasured += 1;
            return None;
        };
        let begun = clock.anchor().and_then(|anchor| {
            pair.begin.record(stream)?;
            Ok(Begun { pair, anchor })
        });
        self.kept(begun)
    }

    /// Ends a range behind all work that is in the stream now.
    pub fn end(&mut self, stream: &Stream, begun: Option<Begun>, what: T) {
        let Some(begun) = begun else { return };
        let ended = begun.pair.end.record(stream);
        if self.kept(ended).is_some() {
            self.under_way.push_back(UnderWay { begun, what });
        }
    }

    /// Gives the ranges that the device has passed, the oldest first; waits for none.
    pub fn poll(&mut self, mut each: impl FnMut(DeviceRange, T)) {
        while let Some(first) = self.under_way.front() {
            let range = first.begun.range();
            match self.kept(range) {
                Some(Some(range)) => {
                    if let Some(UnderWay { begun, what }) = self.under_way.pop_front() {
                        self.free.push(begun.pair);
                        each(range, what);
                    }
                }
                Some(None) | None => break,
            }
        }
    }

    /// Takes the number of ranges for which there was no pair of events.
    pub fn take_unmeasured(&mut self) -> u64 {
        std::mem::take(&mut self.unmeasured)
    }

    /// What has worked. After an error nothing is measured any more: whatever it is, it would come
    /// again.
    fn kept<R>(&mut self, result: Result<R, CudaError>) -> Option<R> {
        match result {
            Ok(result) => Some(result),
            Err(error) => {
                if let Some(clock) = self.clock.take() {
                    clock.context().dropped(Err(error));
                }
                self.under_way.clear();
                self.free.clear();
                None
            }
        }
    }
}

impl Begun {
    /// When the device was at it, if it has passed it.
    fn range(&self) -> Result<Option<DeviceRange>, CudaError> {
        let Pair { begin, end } = &self.pair;
        if !end.is_done()? {
            return Ok(None);
        }
        Ok(Some(DeviceRange {
            begin_nanos: self.anchor.place(begin)?,
            duration_nanos: millis_to_nanos(end.millis_since(begin)?),
        }))
    }
}
