//! The threads that write clips, and the one that removes old ones.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
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

/// What the thread that removes old clips says.
#[derive(Debug)]
pub(crate) enum Kept {
    /// So many clips are there, of so many bytes.
    Clips { count: usize, bytes: u64 },
    /// One was removed, or could not be.
    Removed(Removal),
    /// The folder cannot be listed.
    Failed(Error),
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
    fn run(&mut self, shared: &std::sync::Weak<Shared>) {
        let opened = shared
            .upgrade()
            .map(|shared| Keeper::open(&shared.store, self.retention));
        let mut keeper = match opened {
            None => return,
            Some(Ok(keeper)) => keeper,
            Some(Err(error)) => return drop(self.kept.send(Kept::Failed(error))),
        };
        let mut due = Instant::now();
        loop {
            let is_due = due <= Instant::now() || self.is_full.swap(false, Ordering::Relaxed);
            if is_due {
                due = Instant::now() + TIDY_EVERY;
                let Some(shared) = shared.upgrade() else {
                    return;
                };
                for removal in keeper.tidy(&shared.store, &shared.unfinished, SystemTime::now()) {
                    drop(self.kept.send(Kept::Removed(removal)));
                }
                let (count, bytes) = (keeper.count(), keeper.bytes());
                drop(self.kept.send(Kept::Clips { count, bytes }));
                (shared.wake)();
            }
            match self.finished.recv_timeout(Duration::from_secs(1)) {
                Ok(path) => keeper.add(&path),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for queue in &self.queues {
            queue.close();
        }
    }
}
