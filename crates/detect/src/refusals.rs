//! Rows that cannot be worked on: each is counted, and the log has one line for many.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use camweave_message::FrameId;
use camweave_pool::Reference;
use camweave_stage::telemetry::Counters;
use camweave_stage::{Context, DropReason, Refusal};
use tracing::error;

/// Upper bound on log deduplication entries.
const MAX_LOGGED: usize = 256;

/// What the log has already.
#[derive(Debug, Default)]
pub(crate) struct LogOnce(Mutex<HashSet<String>>);

impl LogOnce {
    /// Whether this is to be logged: not if it was before, or if too much else was.
    pub fn is_new(&self, what: String) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logged.len() < MAX_LOGGED && logged.insert(what)
    }
}

/// Counts refused rows, and logs each kind of error once per pool.
pub(crate) struct Refusals {
    /// What a row refers to.
    what: &'static str,
    counters: Counters,
    logged: LogOnce,
}

impl Refusals {
    pub fn new(what: &'static str, context: &Context) -> Self {
        Self {
            what,
            counters: context.counters.clone(),
            logged: LogOnce::default(),
        }
    }

    /// Counts a row that refers to `slot`.
    pub fn refuse(&self, id: &FrameId, slot: &Reference, refusal: &Refusal) {
        let (camera, what) = (&id.camera, self.what);
        self.counters.dropped(camera, refusal.reason, 1);
        let Some(kind) = refusal.error else { return };
        self.counters.error(camera, kind);
        if self.logged.is_new(format!("{kind} {}", slot.pool)) {
            error!(%camera, sequence = id.sequence, "{what} dropped: {}", refusal.message);
        }
    }
}

/// Of memory that is not what its row says.
pub(crate) fn malformed(kind: &'static str, message: String) -> Refusal {
    Refusal {
        reason: DropReason::MALFORMED.name,
        error: Some(kind),
        message,
    }
}
