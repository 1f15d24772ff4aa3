//! Where messages enter a node. What is not as `docs/messages.md` says is refused here, by the
//! row, counted and logged; behind, rows may be relied on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::Array;
use camweave_message::Row;
use camweave_message::limits::MAX_CAMERAS;
use camweave_telemetry::{clock, span_names};
use tracing::error;

use crate::Context;
use crate::inbox::Inbox;

/// A row was not what its schema says.
pub(crate) const MALFORMED: &str = crate::DropReason::MALFORMED.name;
/// Of the messages and rows that are refused in so long, a few are logged; all are counted.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// How many those are.
const LOG_AT_MOST: u32 = 8;
/// A camera that was silent for so long gives its place to another.
const SILENT: Duration = if cfg!(test) {
    Duration::from_millis(200)
} else {
    Duration::from_secs(10)
};
/// How often such cameras are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Brings messages into a stage's queue.
pub(crate) struct Boundary<R> {
    context: Context,
    inbox: Arc<Inbox<R>>,
    /// Those that the node keeps something of, and when their last row came.
    cameras: HashMap<Arc<str>, Instant>,
    looked: Option<Instant>,
    /// When the first of the lines was logged that count now, and how many they are.
    logged: Option<(Instant, u32)>,
    not_logged: u64,
}

impl<R: Row> Boundary<R> {
    pub fn new(context: &Context, inbox: &Arc<Inbox<R>>) -> Self {
        Self {
            context: context.clone(),
            inbox: Arc::clone(inbox),
            cameras: HashMap::new(),
            looked: None,
            logged: None,
            not_logged: 0,
        }
    }

    /// Takes the data of one message that came at `input`.
    pub fn take(&mut self, input: &str, array: &dyn Array) {
        let mut span = self.context.counters.spans().begin(&span_names::RECEIVE);
        let received = match R::read(array) {
            Ok(received) => received,
            Err(error) => {
                drop(span);
                self.context.counters.stage_error("malformed_message");
                self.log(input, &format!("message refused: {error}"));
                return;
            }
        };
        let mut rows = received.rows;
        let now = Instant::now();
        rows.retain(|row| self.is_known(input, &row.id().camera, now));
        for refused in received.refused {
            match &refused.camera {
                // What is refused makes no camera known.
                Some(camera) if refused.is_frame && self.may_count(camera) => {
                    self.inbox.refuse(camera, MALFORMED);
                }
                _ => self.context.counters.stage_error("malformed_row"),
            }
            let camera = refused.camera.as_deref().unwrap_or("?");
            self.log(
                input,
                &format!("row of camera {camera} refused: {}", refused.error),
            );
        }
        if rows.is_empty() {
            return;
        }
        self.context.name_frames(&mut span, &rows);
        let enter = clock::monotonic_nanos();
        for row in &mut rows {
            row.trace_mut().0.push(self.context.pass(enter));
        }
        self.inbox.push(rows);
        self.context.signal.wake();
    }

    fn may_count(&self, camera: &Arc<str>) -> bool {
        self.cameras.len() < MAX_CAMERAS || self.cameras.contains_key(camera)
    }

    /// Whether the camera is one of those that this node knows, or may still become one:
    /// stages keep something of each.
    fn is_known(&mut self, input: &str, camera: &Arc<str>, now: Instant) -> bool {
        if let Some(last) = self.cameras.get_mut(camera) {
            *last = now;
            return true;
        }
        let looks = |looked: Instant| now.saturating_duration_since(looked) >= LOOK_EVERY;
        if self.cameras.len() >= MAX_CAMERAS && self.looked.is_none_or(looks) {
            self.looked = Some(now);
            self.cameras
                .retain(|_, last| now.saturating_duration_since(*last) < SILENT);
        }
        if self.cameras.len() < MAX_CAMERAS {
            self.cameras.insert(Arc::clone(camera), now);
            return true;
        }
        self.context.counters.stage_error("too_many_cameras");
        self.log(
            input,
            &format!("row of camera {camera} refused: expected at most {MAX_CAMERAS} cameras"),
        );
        false
    }

    fn log(&mut self, input: &str, text: &str) {
        let (since, lines) = match self.logged {
            Some((since, lines)) if since.elapsed() < LOG_EVERY => (since, lines),
            _ => (Instant::now(), 0),
        };
        if lines >= LOG_AT_MOST {
            self.not_logged += 1;
            return;
        }
        let not_logged = std::mem::take(&mut self.not_logged);
        error!(input, not_logged, "{text}");
        self.logged = Some((since, lines + 1));
    }
}

#[cfg(test)]
#[path = "boundary_tests.rs"]
mod tests;
