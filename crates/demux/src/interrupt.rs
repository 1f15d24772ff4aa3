//! What ends a call of FFmpeg that would wait for too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Ends FFmpeg's blocking calls: when told to stop, or at a deadline. Clones are the same.
///
/// FFmpeg asks while it waits for the network, about ten times a second, and between reads of a
/// file. What does not ask: looking up a name (the system's resolver has its own limit), and
/// reading from a file system that does not answer.
#[derive(Debug, Clone)]
pub struct Interrupt(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stopped: AtomicBool,
    began: Instant,
    /// Nanoseconds since `began`; `u64::MAX`: none.
    deadline: AtomicU64,
}

impl Default for Interrupt {
    fn default() -> Self {
        Self(Arc::new(Shared {
            stopped: AtomicBool::new(false),
            began: Instant::now(),
            deadline: AtomicU64::new(u64::MAX),
        }))
    }
}

impl Interrupt {
    /// Ends all calls from now on.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Release);
    }

    /// Whether [`Interrupt::stop`] was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Acquire)
    }

    /// Calls end at `deadline` at the latest; `None`: without a limit.
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        let nanos = deadline.map_or(u64::MAX, |deadline| {
            let since = deadline.saturating_duration_since(self.0.began);
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        });
        self.0.deadline.store(nanos, Ordering::Release);
    }

    /// Whether the deadline has passed.
    #[must_use]
    pub fn is_late(&self) -> bool {
        let deadline = self.0.deadline.load(Ordering::Acquire);
        deadline != u64::MAX && self.0.began.elapsed() >= Duration::from_nanos(deadline)
    }

    /// Whether calls must end now.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.is_stopped() || self.is_late()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_and_deadlines() {
        let interrupt = Interrupt::default();
        let clone = interrupt.clone();
        assert!(!clone.is_due());
        interrupt.set_deadline(Some(Instant::now() + Duration::from_secs(3600)));
        assert!(!clone.is_due());
        interrupt.set_deadline(Some(Instant::now()));
        assert!(clone.is_late() && !clone.is_stopped());
        interrupt.set_deadline(None);
        assert!(!clone.is_due());
        interrupt.stop();
        assert!(clone.is_stopped() && clone.is_due());
    }
}
