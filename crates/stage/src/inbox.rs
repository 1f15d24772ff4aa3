//! What waits in front of a stage, and which rows give way when it falls behind.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use camweave_message::Row;
use camweave_telemetry::{Counters, clock, span_names};

/// A newer row of the same camera was waiting.
pub(crate) const SUPERSEDED: &str = "superseded";
/// The decoder fell behind; dropped up to the next random-access point.
pub(crate) const BACKLOG: &str = "decoder_backlog";
/// The queue was full.
pub(crate) const QUEUE_FULL: &str = "queue_full";

/// Which rows give way when a stage falls behind. Every row that does is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueuePolicy {
    /// In order, while no row waits longer than `max_wait`; beyond that, only the
    /// camera's newest row stays. So a short hitch costs nothing, and a lasting
    /// overload costs old frames and never latency.
    Newest {
        /// How long a row may wait while a newer one of its camera waits too.
        max_wait: Duration,
        /// At most so many rows of one camera wait.
        per_camera: usize,
    },
    /// In order; a camera with more than `per_camera` units waiting, or with more than
    /// [`BYTES_PER_CAMERA`] in more than one unit, loses them up to the next random-access
    /// point, because pictures between depend on them.
    GroupOfPictures {
        /// At most so many units of one camera wait.
        per_camera: usize,
    },
    /// In order and complete, up to `limit` rows in all; then the oldest give way.
    Complete {
        /// At most so many rows wait.
        limit: usize,
    },
}

/// Coded bytes of one camera's units that may wait in front of a stage.
pub(crate) const BYTES_PER_CAMERA: usize = 32 << 20;

/// Wakes the stage's loop.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    raised: Mutex<bool>,
    condition: Condvar,
}

impl Signal {
    pub fn wake(&self) {
        *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.condition.notify_one();
    }

    /// Waits for a wake-up, until `deadline` at most.
    pub fn wait_until(&self, deadline: Instant) {
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        while !*raised {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            raised = self
                .condition
                .wait_timeout(raised, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        *raised = false;
    }
}

/// The queue between the graph and a stage.
#[derive(Debug)]
pub struct Inbox<R> {
    policy: QueuePolicy,
    counters: Counters,
    queue: Mutex<Queue<R>>,
}

#[derive(Debug)]
struct Queue<R> {
    messages: VecDeque<Vec<R>>,
    waiting: HashMap<String, usize>,
    /// Coded bytes of the rows that wait, of cameras that have any.
    bytes: HashMap<String, usize>,
    /// Cameras whose units are dropped until they can begin anew.
    skipping: HashSet<String>,
}

impl<R: Row> Inbox<R> {
    /// An empty queue.
    #[must_use]
    pub fn new(policy: QueuePolicy, counters: Counters) -> Self {
        let queue = Queue {
            messages: VecDeque::new(),
            waiting: HashMap::new(),
            bytes: HashMap::new(),
            skipping: HashSet::new(),
        };
        Self {
            policy,
            counters,
            queue: Mutex::new(queue),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<R>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message; the last entry of each row's trace says when it came.
    pub fn push(&self, rows: Vec<R>) {
        let mut queue = self.queue();
        let mut cameras = Vec::with_capacity(rows.len());
        for row in &rows {
            let camera = row.id().camera.to_string();
            if row.is_frame() {
                self.counters.received(&camera);
            }
            *queue.waiting.entry(camera.clone()).or_default() += 1;
            if row.bytes() > 0 {
                *queue.bytes.entry(camera.clone()).or_default() += row.bytes();
            }
            cameras.push(camera);
        }
        queue.messages.push_back(rows);
        match self.policy {
            QueuePolicy::Newest { per_camera, .. } => {
                for camera in cameras {
                    while queue
                        .waiting
                        .get(&camera)
                        .is_some_and(|count| *count > per_camera)
                    {
                        queue.drop_rows(&camera, SUPERSEDED, &self.counters, |position, _| {
                            position == 0
                        });
                    }
                }
            }
            QueuePolicy::GroupOfPictures { per_camera } => {
                for camera in cameras {
                    queue.keep_decodable(&camera, per_camera, &self.counters);
                }
            }
            QueuePolicy::Complete { limit } => {
                while queue.waiting.values().sum::<usize>() > limit {
                    queue.drop_front(&self.counters);
                }
            }
        }
        queue.messages.retain(|message| !message.is_empty());
        self.note_depth(&queue);
    }

    /// Counts a frame of `camera` that came and was refused for `reason`.
    pub(crate) fn refuse(&self, camera: &str, reason: &str) {
        self.counters.received(camera);
        self.counters.dropped(camera, reason, 1);
    }

    fn note_depth(&self, queue: &Queue<R>) {
        let depth = queue.messages.len() as u64;
        let spans = self.counters.spans();
        spans.gauge(&span_names::QUEUE_DEPTH, "", depth);
    }

    /// The next message, less the rows that have given way.
    pub fn pop(&self) -> Option<Vec<R>> {
        let mut queue = self.queue();
        if let QueuePolicy::Newest { max_wait, .. } = self.policy {
            queue.skip_to_newest(max_wait, &self.counters);
        }
        let rows = queue.messages.pop_front()?;
        for row in &rows {
            queue.forget(&row.id().camera, row.bytes());
        }
        self.note_depth(&queue);
        Some(rows)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue().messages.is_empty()
    }
}

impl<R: Row> Queue<R> {
    fn forget(&mut self, camera: &str, bytes: usize) {
        if let Some(count) = self.waiting.get_mut(camera) {
            *count = count.saturating_sub(1);
        }
        if let Some(waiting) = self.bytes.get_mut(camera) {
            *waiting = waiting.saturating_sub(bytes);
        }
    }

    /// Drops the rows of `camera` for which `drops(position among the camera's rows, row)`.
    fn drop_rows(
        &mut self,
        camera: &str,
        reason: &str,
        counters: &Counters,
        mut drops: impl FnMut(usize, &R) -> bool,
    ) {
        let mut position = 0;
        let mut dropped = 0;
        let mut frames = 0;
        let mut bytes = 0;
        for message in &mut self.messages {
            message.retain(|row| {
                if *row.id().camera != *camera {
                    return true;
                }
                let keep = !drops(position, row);
                position += 1;
                dropped += usize::from(!keep);
                frames += u64::from(!keep && row.is_frame());
                bytes += if keep { 0 } else { row.bytes() };
                keep
            });
        }
        for _ in 0..dropped {
            self.forget(camera, std::mem::take(&mut bytes));
        }
        counters.dropped(camera, reason, frames);
    }

    /// Frames: where the head of the queue has waited too long and a newer row of
    /// its camera waits as well, the camera goes on with its newest.
    fn skip_to_newest(&mut self, max_wait: Duration, counters: &Counters) {
        let now = clock::monotonic_nanos();
        let max_wait = i64::try_from(max_wait.as_nanos()).unwrap_or(i64::MAX);
        while let Some(front) = self.messages.front() {
            let late: HashSet<String> = front
                .iter()
                .filter(|row| waited(*row, now) > max_wait)
                .map(|row| row.id().camera.to_string())
                .filter(|camera| self.waiting.get(camera).is_some_and(|count| *count > 1))
                .collect();
            if late.is_empty() {
                return;
            }
            for camera in late {
                let newest = self.waiting.get(&camera).map_or(0, |count| count - 1);
                self.drop_rows(&camera, SUPERSEDED, counters, |position, _| {
                    position < newest
                });
            }
            self.messages.retain(|message| !message.is_empty());
        }
    }

    /// Units: see [`QueuePolicy::GroupOfPictures`].
    fn keep_decodable(&mut self, camera: &str, per_camera: usize, counters: &Counters) {
        if self.skipping.contains(camera) {
            let mut begun = false;
            self.drop_rows(camera, BACKLOG, counters, |_, row| {
                begun = begun || row.is_entry_point();
                !begun
            });
            if begun {
                self.skipping.remove(camera);
            }
        }
        let count = self.waiting.get(camera).copied().unwrap_or(0);
        let bytes = self.bytes.get(camera).copied().unwrap_or(0);
        if count <= per_camera && (bytes <= BYTES_PER_CAMERA || count == 1) {
            return;
        }
        let units = self
            .messages
            .iter()
            .flatten()
            .filter(|row| *row.id().camera == *camera)
            .enumerate();
        let entry = units
            .filter(|(_, row)| row.is_entry_point())
            .map(|(index, _)| index)
            .last();
        let keep_from = match entry {
            Some(index) if index > 0 => index,
            _ => {
                self.skipping.insert(camera.to_owned());
                usize::MAX
            }
        };
        self.drop_rows(camera, BACKLOG, counters, |position, _| {
            position < keep_from
        });
    }

    fn drop_front(&mut self, counters: &Counters) {
        if let Some(rows) = self.messages.pop_front() {
            for row in rows {
                self.forget(&row.id().camera, row.bytes());
                counters.dropped(&row.id().camera, QUEUE_FULL, u64::from(row.is_frame()));
            }
        }
    }
}

fn waited<R: Row>(row: &R, now: i64) -> i64 {
    row.trace()
        .0
        .last()
        .map_or(0, |pass| now.saturating_sub(pass.enter_nanos))
}

#[cfg(test)]
#[path = "inbox_tests.rs"]
mod tests;
