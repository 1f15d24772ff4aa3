//! The cheap clock that decides when the living are told from the dead.

use rustix::time::{ClockId, clock_gettime};

use crate::protocol::sync::{AtomicU64, Ordering};

/// Lets one caller through per period, on a clock of a few milliseconds' resolution.
#[derive(Debug)]
pub(crate) struct Every {
    period_millis: u64,
    last_millis: AtomicU64,
}

impl Every {
    pub fn new(period_millis: u64) -> Self {
        let last_millis = AtomicU64::new(now_millis());
        Self {
            period_millis,
            last_millis,
        }
    }

    pub fn is_due(&self) -> bool {
        self.is_due_at(now_millis())
    }

    fn is_due_at(&self, now: u64) -> bool {
        let last = self.last_millis.load(Ordering::Relaxed);
        now.saturating_sub(last) >= self.period_millis
            && self
                .last_millis
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

fn now_millis() -> u64 {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    // Time since boot: never negative.
    now.tv_sec.unsigned_abs() * 1000 + now.tv_nsec.unsigned_abs() / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_per_period_is_let_through() {
        let every = Every {
            period_millis: 100,
            last_millis: AtomicU64::new(1000),
        };
        assert!(!every.is_due_at(1099));
        assert!(every.is_due_at(1100));
        assert!(!every.is_due_at(1100));
        assert!(!every.is_due_at(1199));
        assert!(every.is_due_at(1300));
    }
}
