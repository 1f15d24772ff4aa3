//! The threads that write clips, and the one that removes old ones.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use camweave_outdir::{Error, Retention};

use crate::keeper::{Keeper, Removal};
use crate::plan::Plan;
use crate::queue::{Job, Queue, Room};
use crate::store::Store;
use crate::worker::{Outcome, Shared, Worker};

/// How often old clips are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(10);

/// A clock that goes forward by so much more than time passes was set.
const LARGE_STEP: Duration = Duration::from_secs(3600);
/// For so long after that, no clip is removed for its age.
const DISTRUSTED: Duration = Duration::from_secs(86_400);

/// What the thread that removes old clips says.
#[derive(Debug)]
pub(crate) enum Kept {
    /// So many clips are there, of so many bytes.
    Clips { count: usize, bytes: u64 },
    /// One was removed, or could not be.
    Removed(Removal),
    /// The folder, or that of a day, cannot be read.
    Failed(Error),
    /// The clock was set forward.
    ClockSet { seconds: u64 },
}

pub(crate) struct Disk {
    queues: Vec<Arc<Queue>>,
    room: Arc<Room>,
    outcomes: Receiver<Outcome>,
    kept: Receiver<Kept>,
    /// Each thread holds one until it ends.
    ended: Receiver<()>,
    is_full: Arc<AtomicBool>,
}

impl Disk {
    /// Starts the threads. `wake` is called when something is to be taken.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        store: Store,
        plan: &Plan,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (outcomes, outcomes_there) = mpsc::channel();
        let (finished, finished_there) = mpsc::channel();
        let (kept, kept_there) = mpsc::channel();
        let (ends, ended) = mpsc::channel();
        let shared = Arc::new(Shared {
            store,
            unfinished: AtomicU64::new(0),
            outcomes,
            finished,
            wake: Box::new(wake),
        });
        let room = Room::new(plan.queue_bytes);
        let mut queues = Vec::new();
        for _ in 0..plan.writers.max(1) {
            let queue = Queue::new(&room);
            let worker = Worker::new(Arc::clone(&shared), Arc::clone(&queue));
            let ends: Sender<()> = ends.clone();
            thread::Builder::new()
                .name("clips".to_owned())
                .spawn(move || {
                    let _ends = ends;
                    worker.run();
                })?;
            queues.push(queue);
        }
        let is_full = Arc::new(AtomicBool::new(false));
        let mut tidying = Tidying {
            retention: plan.retention,
            finished: finished_there,
            kept,
            is_full: Arc::clone(&is_full),
        };
        // It ends when the threads that write have: they hold the other end of its channel.
        let store = Arc::downgrade(&shared);
        drop(shared);
        thread::Builder::new()
            .name("old clips".to_owned())
            .spawn(move || tidying.run(&store))?;
        Ok(Self {
            queues,
            room,
            outcomes: outcomes_there,
            kept: kept_there,
            ended,
            is_full,
        })
    }

    /// Gives a job of a camera to its thread; `false` where there is no room for it.
    pub fn push(&self, camera: usize, job: Job) -> bool {
        self.queues[camera % self.queues.len()].push(job)
    }

    /// Whether an access unit of so many bytes may wait.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.room.has(bytes)
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> usize {
        self.room.waiting()
    }

    /// What has happened since the last call.
    pub fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        self.outcomes.try_iter()
    }

    /// The same of old clips.
    pub fn kept(&self) -> impl Iterator<Item = Kept> {
        self.kept.try_iter()
    }

    /// The disk is full: old clips are looked for now, not in a while.
    pub fn note_full(&self) {
        self.is_full.store(true, Ordering::Relaxed);
    }

    /// Nothing comes any more. Waits until all is written, to `until` at most: a disk may never
    /// answer. Whether all is.
    pub fn close(&self, until: Instant) -> bool {
        for queue in &self.queues {
            queue.close();
        }
        let left = until.saturating_duration_since(Instant::now());
        // Nobody sends: it is disconnected when all threads have ended.
        self.ended.recv_timeout(left) == Err(RecvTimeoutError::Disconnected)
    }
}

struct Tidying {
    retention: Retention,
    finished: Receiver<PathBuf>,
    kept: Sender<Kept>,
    is_full: Arc<AtomicBool>,
}

impl Tidying {
    fn run(&mut self, shared: &Weak<Shared>) {
        let mut keeper: Option<Keeper> = None;
        let mut clock = ClockWatch::new(Instant::now(), SystemTime::now());
        let mut due = Instant::now();
        loop {
            let is_due = due <= Instant::now() || self.is_full.swap(false, Ordering::Relaxed);
            if is_due {
                due = Instant::now() + TIDY_EVERY;
                let Some(shared) = shared.upgrade() else {
                    return;
                };
                if keeper.is_none() {
                    keeper = self.open(&shared);
                }
                if let Some(keeper) = &mut keeper {
                    self.tidy(keeper, &mut clock, &shared);
                }
                (shared.wake)();
            }
            match self.finished.recv_timeout(Duration::from_secs(1)) {
                // One that is opened later finds it.
                Ok(path) => keeper.iter_mut().for_each(|it| it.add(&path)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// `None`: it is tried again with the next round.
    fn open(&self, shared: &Shared) -> Option<Keeper> {
        let opened = Keeper::open(&shared.store, self.retention);
        let (keeper, failed) = match opened {
            Ok((keeper, failed)) => (Some(keeper), failed),
            Err(error) => (None, vec![error]),
        };
        for error in failed {
            drop(self.kept.send(Kept::Failed(error)));
        }
        keeper
    }

    fn tidy(&self, keeper: &mut Keeper, clock: &mut ClockWatch, shared: &Shared) {
        let now = SystemTime::now();
        if let Some(step) = clock.look(Instant::now(), now) {
            let seconds = step.as_secs();
            drop(self.kept.send(Kept::ClockSet { seconds }));
        }
        let by_age = !clock.was_set(Instant::now());
        for removal in keeper.tidy(&shared.store, &shared.unfinished, now, by_age) {
            drop(self.kept.send(Kept::Removed(removal)));
        }
        let (count, bytes) = (keeper.count(), keeper.bytes());
        drop(self.kept.send(Kept::Clips { count, bytes }));
    }
}

/// Sees when this machine's clock is set forward: all clips then look older than they are.
struct ClockWatch {
    looked: (Instant, SystemTime),
    distrusted_until: Option<Instant>,
}

impl ClockWatch {
    fn new(now: Instant, clock: SystemTime) -> Self {
        Self {
            looked: (now, clock),
            distrusted_until: None,
        }
    }

    /// By how much it was set forward since the last look, if so.
    fn look(&mut self, now: Instant, clock: SystemTime) -> Option<Duration> {
        let (before, clock_before) = std::mem::replace(&mut self.looked, (now, clock));
        let passed = now.saturating_duration_since(before);
        let step = clock
            .duration_since(clock_before)
            .ok()?
            .checked_sub(passed)?;
        (step >= LARGE_STEP).then(|| {
            self.distrusted_until = Some(now + DISTRUSTED);
            step
        })
    }

    /// Whether that was lately.
    fn was_set(&self, now: Instant) -> bool {
        self.distrusted_until.is_some_and(|until| now < until)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for queue in &self.queues {
            queue.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_forward_is_distrusted_for_a_day() {
        let (begin, clock) = (Instant::now(), SystemTime::UNIX_EPOCH);
        let seconds = Duration::from_secs;
        let mut watch = ClockWatch::new(begin, clock);
        // As time passes, set back, and set by less than an hour: nothing.
        for (passed, shown) in [(10, 10), (20, 5), (30, 3000)] {
            let found = watch.look(begin + seconds(passed), clock + seconds(shown));
            assert_eq!(
                (found, watch.was_set(begin + seconds(passed))),
                (None, false)
            );
        }
        let found = watch.look(begin + seconds(40), clock + seconds(10_000));
        assert_eq!(found, Some(seconds(6990)));
        assert!(watch.was_set(begin + seconds(86_000)));
        assert!(!watch.was_set(begin + seconds(90_000)));
    }
}
