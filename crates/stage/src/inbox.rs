//! What waits in front of a stage, and which rows are dropped when it falls behind.

use std::collections::{HashMap, HashSet, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use camweave_message::{KeyframeGate, Row};
use camweave_telemetry::{Counters, clock, span_names};

use crate::queue_policy::QueuePolicy;

/// A newer row of the same camera was waiting.
pub(crate) const SUPERSEDED: &str = crate::DropReason::SUPERSEDED.name;
/// The decoder fell behind; dropped up to the next keyframe.
pub(crate) const BACKLOG: &str = "decoder_backlog";
/// The queue was full.
pub(crate) const QUEUE_FULL: &str = crate::DropReason::QUEUE_FULL.name;

/// Coded bytes of one camera's units that may wait in front of a stage.
pub(crate) const BYTES_PER_CAMERA: usize = 32 << 20;
/// The same of rows that are not coded pictures: boxes and names.
const OTHER_BYTES_PER_CAMERA: usize = 16 << 20;
/// Bytes of all cameras that may wait in front of a stage.
const BYTES_IN_ALL: usize = 256 << 20;
/// Rows of all cameras that may wait in front of a stage.
const ROWS_IN_ALL: usize = 1 << 16;

/// For so long after a row has waited longer than it may, the stage counts as overloaded.
const OVERLOADED_FOR: Duration = Duration::from_secs(2);

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
    waiting: HashMap<Arc<str>, Waiting>,
    all: Waiting,
    /// Of cameras whose units are dropped until they can begin again.
    closed: HashMap<Arc<str>, KeyframeGate>,
    /// When a row has last waited longer than `max_wait`, in nanoseconds of the monotonic clock.
    overloaded: Option<i64>,
}

/// What waits.
#[derive(Debug, Clone, Copy, Default)]
struct Waiting {
    rows: usize,
    bytes: usize,
}

impl Waiting {
    fn add(&mut self, bytes: usize) {
        self.rows += 1;
        self.bytes += bytes;
    }

    fn remove(&mut self, bytes: usize) {
        self.rows = self.rows.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl<R: Row> Inbox<R> {
    /// An empty queue.
    #[must_use]
    pub fn new(policy: QueuePolicy, counters: Counters) -> Self {
        let queue = Queue {
            messages: VecDeque::new(),
            waiting: HashMap::new(),
            all: Waiting::default(),
            closed: HashMap::new(),
            overloaded: None,
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
        let mut cameras: HashSet<Arc<str>> = HashSet::new();
        for row in &rows {
            let camera = &row.id().camera;
            if row.is_frame() {
                self.counters.received(camera);
            }
            queue.add(camera, row.bytes());
            if !cameras.contains(camera) {
                cameras.insert(Arc::clone(camera));
            }
        }
        queue.messages.push_back(rows);
        match self.policy {
            QueuePolicy::Newest { per_camera, .. } => {
                queue.drop_oldest(&cameras, SUPERSEDED, &self.counters, |waiting| {
                    if waiting.bytes > OTHER_BYTES_PER_CAMERA {
                        waiting.rows - 1
                    } else {
                        waiting.rows.saturating_sub(per_camera)
                    }
                });
            }
            QueuePolicy::GroupOfPictures { per_camera } => {
                for camera in &cameras {
                    queue.keep_decodable(camera, per_camera, &self.counters);
                }
            }
            QueuePolicy::Complete { .. } => {
                queue.drop_oldest(&cameras, QUEUE_FULL, &self.counters, |waiting| {
                    if waiting.bytes > OTHER_BYTES_PER_CAMERA {
                        waiting.rows / 2
                    } else {
                        0
                    }
                });
            }
        }
        let most_rows = match self.policy {
            QueuePolicy::Complete { limit } => limit.min(ROWS_IN_ALL),
            _ => ROWS_IN_ALL,
        };
        queue.keep_within(most_rows, self.policy, &self.counters);
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

    /// The next message, less the rows that were dropped; with `batch`, as many of the rows that
    /// wait, whatever messages they came in.
    pub fn pop(&self, batch: Option<NonZeroUsize>) -> Option<Vec<R>> {
        self.pop_by(batch, Queue::take)
    }

    /// The messages that came first as one, of `most` rows at most: what is in one message is ready at
    /// once, and does not wait for a part of the next.
    pub(crate) fn pop_in_order(&self, most: NonZeroUsize) -> Option<Vec<R>> {
        self.pop_by(Some(most), Queue::take_in_order)
    }

    fn pop_by(
        &self,
        batch: Option<NonZeroUsize>,
        take: impl FnOnce(&mut Queue<R>, usize) -> Vec<R>,
    ) -> Option<Vec<R>> {
        let mut queue = self.queue();
        if let QueuePolicy::Newest {
            max_wait,
            overloaded_wait,
            ..
        } = self.policy
        {
            let waits = (max_wait, overloaded_wait);
            queue.skip_to_newest(waits, batch.is_some(), &self.counters);
        }
        let rows = match batch {
            None => queue.messages.pop_front()?,
            Some(_) if queue.messages.is_empty() => return None,
            Some(most) => take(&mut queue, most.get()),
        };
        for row in &rows {
            queue.remove(&row.id().camera, row.bytes());
        }
        self.note_depth(&queue);
        Some(rows)
    }

    /// How many rows wait.
    pub(crate) fn rows(&self) -> usize {
        self.queue().all.rows
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue().messages.is_empty()
    }
}

impl<R: Row> Queue<R> {
    fn add(&mut self, camera: &Arc<str>, bytes: usize) {
        self.all.add(bytes);
        if let Some(waiting) = self.waiting.get_mut(camera) {
            waiting.add(bytes);
        } else {
            let rows = 1;
            self.waiting
                .insert(Arc::clone(camera), Waiting { rows, bytes });
        }
    }

    fn remove(&mut self, camera: &str, bytes: usize) {
        self.all.remove(bytes);
        if let Some(waiting) = self.waiting.get_mut(camera) {
            waiting.remove(bytes);
            if waiting.rows == 0 {
                self.waiting.remove(camera);
            }
        }
    }

    fn of(&self, camera: &str) -> Waiting {
        self.waiting.get(camera).copied().unwrap_or_default()
    }

    /// The oldest row of each camera, then the second of each and so on, `most` in all, in the
    /// order in which they came. So a camera that has many rows here keeps no other waiting.
    fn take(&mut self, most: usize) -> Vec<R> {
        if self.all.rows <= most {
            return self.messages.drain(..).flatten().collect();
        }
        // How many rows of each camera come before each row: those with the fewest are taken.
        let mut before: HashMap<&str, usize> = HashMap::new();
        let rounds: Vec<usize> = self
            .messages
            .iter()
            .flatten()
            .map(|row| {
                let count = before.entry(&row.id().camera).or_default();
                *count += 1;
                *count - 1
            })
            .collect();
        let mut in_round = vec![0; rounds.iter().max().map_or(0, |last| last + 1)];
        for round in &rounds {
            in_round[*round] += 1;
        }
        // Whole rounds, and of the next as many rows as still fit.
        let (mut whole, mut left) = (0, most);
        while let Some(count) = in_round.get(whole).filter(|count| **count <= left) {
            left -= count;
            whole += 1;
        }
        let mut rounds = rounds.into_iter();
        let mut taken = Vec::with_capacity(most);
        for message in &mut self.messages {
            let is_taken = |_: &mut R| {
                let round = rounds.next().unwrap_or(usize::MAX);
                let is_partly = round == whole && left > 0;
                left -= usize::from(is_partly);
                round < whole || is_partly
            };
            taken.extend(message.extract_if(.., is_taken));
        }
        self.messages.retain(|message| !message.is_empty());
        taken
    }

    /// The oldest messages, as many as have `most` rows at most; of one that is longer, so many rows.
    fn take_in_order(&mut self, most: usize) -> Vec<R> {
        let mut taken = Vec::with_capacity(most.min(self.all.rows));
        while let Some(message) = self.messages.front_mut() {
            if taken.is_empty() && message.len() > most {
                return message.drain(..most).collect();
            }
            if message.len() > most - taken.len() {
                break;
            }
            taken.append(message);
            self.messages.pop_front();
        }
        taken
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
        let mut dropped = Vec::new();
        let mut frames = 0;
        for message in &mut self.messages {
            message.retain(|row| {
                if *row.id().camera != *camera {
                    return true;
                }
                let keep = !drops(position, row);
                position += 1;
                if !keep {
                    dropped.push(row.bytes());
                    frames += u64::from(row.is_frame());
                }
                keep
            });
        }
        for bytes in dropped {
            self.remove(camera, bytes);
        }
        counters.dropped(camera, reason, frames);
    }

    /// Drops of each of `cameras` as many of its oldest rows as `excess` says, in one pass over
    /// the queue, however many cameras there are.
    fn drop_oldest(
        &mut self,
        cameras: &HashSet<Arc<str>>,
        reason: &str,
        counters: &Counters,
        excess: impl Fn(Waiting) -> usize,
    ) {
        let excess = |camera: &Arc<str>| excess(self.of(camera));
        let mut left: HashMap<Arc<str>, usize> = cameras
            .iter()
            .map(|camera| (Arc::clone(camera), excess(camera)))
            .filter(|(_, excess)| *excess > 0)
            .collect();
        if left.is_empty() {
            return;
        }
        let mut dropped = Vec::new();
        for message in &mut self.messages {
            message.retain(|row| match left.get_mut(&row.id().camera) {
                Some(excess) if *excess > 0 => {
                    *excess -= 1;
                    let camera = Arc::clone(&row.id().camera);
                    dropped.push((camera, row.bytes(), u64::from(row.is_frame())));
                    false
                }
                _ => true,
            });
        }
        for (camera, bytes, frames) in dropped {
            self.remove(&camera, bytes);
            counters.dropped(&camera, reason, frames);
        }
    }

    /// Bounds what waits of all cameras together: the one that has the most loses rows.
    fn keep_within(&mut self, most_rows: usize, policy: QueuePolicy, counters: &Counters) {
        loop {
            let too_large = self.all.bytes > BYTES_IN_ALL && self.all.rows > 1;
            if self.all.rows <= most_rows && !too_large {
                return;
            }
            let heaviest = self.waiting.iter().max_by_key(|(_, waiting)| {
                if too_large {
                    waiting.bytes
                } else {
                    waiting.rows
                }
            });
            let Some((camera, waiting)) = heaviest.map(|(it, waiting)| (Arc::clone(it), *waiting))
            else {
                return;
            };
            match policy {
                QueuePolicy::GroupOfPictures { .. } => {
                    self.drop_rows(&camera, BACKLOG, counters, |_, _| true);
                    self.closed.entry(camera).or_default().close();
                }
                QueuePolicy::Newest { .. } => {
                    let gone = waiting.rows.saturating_sub(1).max(1);
                    self.drop_rows(&camera, SUPERSEDED, counters, |position, _| position < gone);
                }
                QueuePolicy::Complete { .. } => {
                    let gone = waiting.rows.div_ceil(4);
                    self.drop_rows(&camera, QUEUE_FULL, counters, |position, _| position < gone);
                }
            }
        }
    }

    /// Frames: where the head of the queue, or what may be of a batch, has waited too long and a
    /// newer row of its camera waits as well, the camera goes on with its newest.
    fn skip_to_newest(
        &mut self,
        (max_wait, overloaded_wait): (Duration, Duration),
        is_batch: bool,
        counters: &Counters,
    ) {
        let now = clock::monotonic_nanos();
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let max_wait = nanos(max_wait);
        // Not if it is `overloaded_wait` that is exceeded: a stage that has caught up, and whose
        // rows always wait for a while, is overloaded no more.
        let is_late = |row: &R| waited(row, now) > max_wait;
        let late = self.messages.iter().take_while(|it| it.iter().any(is_late));
        let gives_way = |row: &R| is_late(row) && self.of(&row.id().camera).rows > 1;
        if late.flatten().any(gives_way) {
            self.overloaded = Some(now);
        }
        let is_overloaded = |at: i64| now.saturating_sub(at) < nanos(OVERLOADED_FOR);
        let max_wait = match self.overloaded {
            Some(at) if is_overloaded(at) => nanos(overloaded_wait),
            _ => max_wait,
        };
        while !self.messages.is_empty() {
            // Messages stand in the order in which they came.
            let is_late = |message: &&Vec<R>| message.iter().any(|row| waited(row, now) > max_wait);
            let looked_at = if is_batch { usize::MAX } else { 1 };
            let late: HashSet<Arc<str>> = self
                .messages
                .iter()
                .take(looked_at)
                .take_while(is_late)
                .flatten()
                .filter(|row| waited(*row, now) > max_wait)
                .map(|row| &row.id().camera)
                .filter(|camera| self.of(camera).rows > 1)
                .map(Arc::clone)
                .collect();
            if late.is_empty() {
                return;
            }
            self.drop_oldest(&late, SUPERSEDED, counters, |waiting| {
                waiting.rows.saturating_sub(1)
            });
            self.messages.retain(|message| !message.is_empty());
        }
    }

    /// Units: see [`QueuePolicy::GroupOfPictures`].
    fn keep_decodable(&mut self, camera: &Arc<str>, per_camera: usize, counters: &Counters) {
        let mut gate = self.closed.remove(camera).unwrap_or_default();
        if gate.is_closed() {
            self.drop_rows(camera, BACKLOG, counters, |_, row| {
                !gate.passes(row.is_entry_point())
            });
        }
        let Waiting { rows, bytes } = self.of(camera);
        if rows > per_camera || (bytes > BYTES_PER_CAMERA && rows > 1) {
            let units = self.messages.iter().flatten();
            let units = units.filter(|row| row.id().camera == *camera);
            let dropped = gate.drop_waiting(units.map(Row::is_entry_point));
            self.drop_rows(camera, BACKLOG, counters, |position, _| position < dropped);
        }
        if gate.is_closed() {
            self.closed.insert(Arc::clone(camera), gate);
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
