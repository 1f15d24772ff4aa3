//! A device's time on the host's clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use camweave_telemetry::clock::monotonic_nanos;

use crate::context::Context;
use crate::error::CudaError;
use crate::event::Event;
use crate::stream::Stream;

/// Places what happens on a device on `CLOCK_MONOTONIC`; clones share it.
///
/// An *anchor* is an event whose moment is known on both clocks; all else is so much later. A new
/// one is taken every second, on a stream of its own, so that no work is waited for: the two clocks
/// need not run alike, and a difference in milliseconds as `f32` is good to a microsecond up to 16 s
/// only.
#[derive(Debug, Clone)]
pub struct DeviceClock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Has no work, so that its events pass at once.
    stream: Stream,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    anchor: Arc<Anchor>,
    /// Of a new anchor that was recorded and had not passed when it was looked at last.
    trial: Option<Trial>,
}

/// A moment on both clocks.
#[derive(Debug)]
pub(crate) struct Anchor {
    event: Event,
    host_nanos: i64,
}

/// How long an anchor is good for.
const ANCHOR_EVERY: Duration = Duration::from_secs(1);
/// For so long a new anchor is looked at, again and again; then the old one serves for longer.
const LOOK_AT_MOST: Duration = Duration::from_micros(50);
/// The first anchor is the best of so many.
const FIRST_TRIALS: usize = 8;
/// The first one is looked at for so long before the thread sleeps.
const FIRST_LOOK_AT_MOST: Duration = Duration::from_millis(5);

impl DeviceClock {
    /// Takes the first anchor, which waits for the device some microseconds.
    ///
    /// # Errors
    /// The driver's.
    pub fn new(context: &Context) -> Result<Self, CudaError> {
        let stream = Stream::new(context)?;
        let mut best: Option<(i64, Anchor)> = None;
        for _ in 0..FIRST_TRIALS {
            let trial = Trial::new(&stream)?;
            let after_nanos = match trial.passed_within(FIRST_LOOK_AT_MOST)? {
                Some(after_nanos) => after_nanos,
                None => {
                    trial.event.synchronize()?;
                    monotonic_nanos()
                }
            };
            let width = after_nanos - trial.before_nanos;
            if best.as_ref().is_none_or(|(least, _)| width < *least) {
                let host_nanos = trial.before_nanos + width / 2;
                let event = trial.event;
                best = Some((width, Anchor { event, host_nanos }));
            }
        }
        let (_, anchor) = best.expect("there is at least one trial");
        let state = State {
            anchor: Arc::new(anchor),
            trial: None,
        };
        Ok(Self(Arc::new(Inner {
            stream,
            state: Mutex::new(state),
        })))
    }

    /// The device that it is of.
    #[must_use]
    pub fn context(&self) -> &Context {
        self.0.stream.context()
    }

    /// The anchor for what begins now. Where a new one is due, it looks for it at most 50 us.
    pub(crate) fn anchor(&self) -> Result<Arc<Anchor>, CudaError> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let age = monotonic_nanos() - state.anchor.host_nanos;
        let passed = match state.trial.take() {
            Some(trial) => (trial.passed()?, trial),
            None if age < nanos(ANCHOR_EVERY) => return Ok(Arc::clone(&state.anchor)),
            None => {
                let trial = Trial::new(&self.0.stream)?;
                (trial.passed_within(LOOK_AT_MOST)?, trial)
            }
        };
        match passed {
            (Some(after_nanos), trial) => {
                let expected = state.anchor.place(&trial.event)?;
                state.anchor = Arc::new(Anchor {
                    event: trial.event,
                    host_nanos: corrected(expected, trial.before_nanos, after_nanos),
                });
            }
            (None, trial) => state.trial = Some(trial),
        }
        Ok(Arc::clone(&state.anchor))
    }
}

impl Anchor {
    /// When a timed event happened that has passed, in nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) fn place(&self, event: &Event) -> Result<i64, CudaError> {
        Ok(self.host_nanos + millis_to_nanos(event.millis_since(&self.event)?))
    }
}

/// An event that lies between two moments of the host.
#[derive(Debug)]
struct Trial {
    event: Event,
    before_nanos: i64,
}

impl Trial {
    fn new(stream: &Stream) -> Result<Self, CudaError> {
        let event = Event::timed(stream.context())?;
        let before_nanos = monotonic_nanos();
        event.record(stream)?;
        Ok(Self {
            event,
            before_nanos,
        })
    }

    /// A moment behind the event, if it has passed.
    fn passed(&self) -> Result<Option<i64>, CudaError> {
        Ok(self.event.is_done()?.then(monotonic_nanos))
    }

    /// The same, looking again and again for a while.
    fn passed_within(&self, limit: Duration) -> Result<Option<i64>, CudaError> {
        loop {
            let passed = self.passed()?;
            if passed.is_some() || monotonic_nanos() - self.before_nanos > nanos(limit) {
                return Ok(passed);
            }
            std::hint::spin_loop();
        }
    }
}

/// Where a new anchor lies: as the old one has it, unless that is not between the two moments at
/// which the host knew that it had not passed, and that it had. So neither the rounding of many
/// anchors nor the drift of the clocks adds up.
fn corrected(expected: i64, before_nanos: i64, after_nanos: i64) -> i64 {
    expected
        .max(before_nanos)
        .min(after_nanos.max(before_nanos))
}

/// Of a difference between two events.
pub(crate) fn millis_to_nanos(millis: f32) -> i64 {
    (f64::from(millis) * 1e6).round() as i64
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_is_moved_only_as_far_as_the_host_knows_better() {
        assert_eq!(corrected(105, 100, 110), 105);
        assert_eq!(corrected(90, 100, 110), 100, "the device's clock is slow");
        assert_eq!(corrected(120, 100, 110), 110, "the device's clock is fast");
        assert_eq!(corrected(50, 100, 99), 100, "never before it was recorded");
    }

    /// Drift of 50 us a second, each anchor seen by the host within 12 us: never off by more.
    #[test]
    fn drift_and_rounding_do_not_add_up() {
        let (mut anchor_host, mut anchor_device) = (0_i64, 0_i64);
        for second in 1..=10_000_i64 {
            let host = second * 1_000_000_000;
            let device = host + second * 50_000;
            let since = ((device - anchor_device) as f64 / 1e6) as f32;
            let expected = anchor_host + millis_to_nanos(since);
            anchor_host = corrected(expected, host - 4_000, host + 8_000);
            anchor_device = device;
            assert!((anchor_host - host).abs() <= 8_000, "second {second}");
        }
    }

    /// What is placed by an anchor of a second, or of half a minute.
    #[test]
    fn differences_keep_their_microseconds() {
        for (seconds, most) in [(1, 100), (8, 500), (30, 2_000)] {
            for offset in (0..1_000_000).step_by(12_345) {
                let nanos = seconds * 1_000_000_000_i64 + offset;
                let lost = millis_to_nanos((nanos as f64 / 1e6) as f32) - nanos;
                assert!(lost.abs() <= most, "{lost} ns of {nanos}");
            }
        }
    }
}
