//! The threads that decode: any worker takes any camera, one unit at a time.
//!
//! A camera's units are decoded in order and by one worker at a time, cameras in
//! turn. So a slow camera keeps one worker busy, and the others go on.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use camweave_message::Frame;
use camweave_stage::Waker;
use camweave_telemetry::clock;

use crate::backend::Backend;
use crate::backlog::{BYTES_PER_CAMERA, BYTES_PER_PROCESS, Backlog, Job, Next};
use crate::camera::Camera;

/// A camera and what waits for it.
pub(crate) struct Lane<B: Backend> {
    backlog: Mutex<Backlog>,
    camera: Mutex<Camera<B>>,
}

/// Which cameras have something to do.
struct Agenda<B: Backend> {
    ready: Mutex<VecDeque<Arc<Lane<B>>>>,
    condition: Condvar,
    is_stopping: AtomicBool,
    /// Jobs that wait or are being done.
    jobs: AtomicUsize,
    /// Coded bytes that wait.
    bytes: AtomicUsize,
    /// Cameras that have jobs waiting.
    lanes: AtomicUsize,
}

/// The threads.
pub(crate) struct Workers<B: Backend> {
    agenda: Arc<Agenda<B>>,
    threads: Vec<JoinHandle<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A worker that panics ends the node (`Workers::have_died`).
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Backend> Lane<B> {
    pub fn new(camera: Camera<B>) -> Arc<Self> {
        Arc::new(Self {
            backlog: Mutex::default(),
            camera: Mutex::new(camera),
        })
    }

    /// Whether nothing of the camera is left here: no session, no unit, no slot that is read.
    pub fn is_over(&self) -> bool {
        lock(&self.backlog).len() == 0
            && (self.camera.try_lock()).is_ok_and(|camera| camera.is_closed() && !camera.is_held())
    }

    /// Whether nothing of the camera is left here, and nothing that it sent began a decoder.
    pub fn has_cost_nothing(&self) -> bool {
        self.is_over() && (self.camera.try_lock()).is_ok_and(|camera| !camera.has_opened())
    }

    /// Whether a consumer holds a slot of the camera; `false` while it is being decoded.
    pub fn is_held(&self) -> bool {
        self.camera.try_lock().is_ok_and(|camera| camera.is_held())
    }
}

impl<B: Backend> Workers<B> {
    /// Starts `count` threads, which put frames into `frames` and then wake the stage.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(count: usize, frames: &SyncSender<Frame>, waker: &Waker) -> std::io::Result<Self> {
        let agenda = Arc::new(Agenda {
            ready: Mutex::default(),
            condition: Condvar::new(),
            is_stopping: AtomicBool::new(false),
            jobs: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            lanes: AtomicUsize::new(0),
        });
        let mut workers = Self {
            agenda,
            threads: Vec::with_capacity(count),
        };
        for index in 0..count {
            let (agenda, frames, waker) =
                (Arc::clone(&workers.agenda), frames.clone(), waker.clone());
            let thread = std::thread::Builder::new()
                .name(format!("decode-{index}"))
                .spawn(move || agenda.work(&frames, &waker))?;
            workers.threads.push(thread);
        }
        Ok(workers)
    }

    /// Adds a job for a camera; never waits. Returns how many frames gave way.
    pub fn push(&self, lane: &Arc<Lane<B>>, job: Job) -> usize {
        let mut backlog = lock(&lane.backlog);
        let before = backlog.len();
        let bytes_before = backlog.bytes();
        let gone = backlog.push(job, self.agenda.most_bytes());
        let after = backlog.len();
        self.agenda
            .note(before, after, bytes_before, backlog.bytes());
        if after > before {
            self.agenda.jobs.fetch_add(after - before, Ordering::AcqRel);
        } else {
            self.agenda.jobs.fetch_sub(before - after, Ordering::AcqRel);
        }
        let is_new = after > 0 && !std::mem::replace(&mut backlog.is_scheduled, true);
        drop(backlog);
        if is_new {
            self.agenda.add(Arc::clone(lane));
        }
        gone.frames
    }

    /// Whether nothing waits and nothing is being done.
    pub fn are_idle(&self) -> bool {
        self.agenda.jobs.load(Ordering::Acquire) == 0
    }

    /// Whether a worker has ended although it was not told to: a bug.
    pub fn have_died(&self) -> bool {
        !self.agenda.is_stopping.load(Ordering::Acquire)
            && self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Forgets what waits for a camera; returns how many units that were.
    pub fn forget(&self, lane: &Lane<B>) -> usize {
        let mut backlog = lock(&lane.backlog);
        self.agenda.jobs.fetch_sub(backlog.len(), Ordering::AcqRel);
        self.agenda.note(backlog.len(), 0, backlog.bytes(), 0);
        backlog.clear()
    }

    /// Tells the threads to end after what they are doing; does not wait for them,
    /// as a decoder that hangs must not hang the node.
    pub fn stop(&self) {
        self.agenda.is_stopping.store(true, Ordering::Release);
        // Under the lock, so that no worker is between looking and waiting.
        let ready = lock(&self.agenda.ready);
        self.agenda.condition.notify_all();
        drop(ready);
    }
}

impl<B: Backend> Agenda<B> {
    /// How many coded bytes a camera may have waiting now.
    fn most_bytes(&self) -> usize {
        if self.bytes.load(Ordering::Relaxed) < BYTES_PER_PROCESS {
            return BYTES_PER_CAMERA;
        }
        let lanes = self.lanes.load(Ordering::Relaxed).max(1);
        (BYTES_PER_PROCESS / lanes).min(BYTES_PER_CAMERA)
    }

    /// Notes what a backlog had and has, in jobs and in bytes. Called under its lock.
    fn note(&self, before: usize, after: usize, bytes_before: usize, bytes_after: usize) {
        // Each number rises before it falls again, and wraps back to what it was.
        let change = bytes_after.wrapping_sub(bytes_before);
        self.bytes.fetch_add(change, Ordering::Relaxed);
        let change = usize::from(after > 0).wrapping_sub(usize::from(before > 0));
        self.lanes.fetch_add(change, Ordering::Relaxed);
    }

    fn add(&self, lane: Arc<Lane<B>>) {
        lock(&self.ready).push_back(lane);
        self.condition.notify_one();
    }

    fn next(&self) -> Option<Arc<Lane<B>>> {
        let mut ready = lock(&self.ready);
        loop {
            if self.is_stopping.load(Ordering::Acquire) {
                return None;
            }
            if let Some(lane) = ready.pop_front() {
                return Some(lane);
            }
            ready = self
                .condition
                .wait(ready)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn work(&self, frames: &SyncSender<Frame>, waker: &Waker) {
        while let Some(lane) = self.next() {
            let mut backlog = lock(&lane.backlog);
            let (before, bytes_before) = (backlog.len(), backlog.bytes());
            let Next { job, is_late, gone } = backlog.pop(clock::monotonic_nanos());
            self.note(before, backlog.len(), bytes_before, backlog.bytes());
            let more_waiting = backlog.len() > 0;
            drop(backlog);
            if gone.jobs > 0 {
                lock(&lane.camera).gave_way(gone.frames);
                self.jobs.fetch_sub(gone.jobs, Ordering::AcqRel);
            }
            // A decoder that had more to come may hold frames back, which nothing may follow soon.
            let holds_back = more_waiting || job.is_none();
            if let Some(job) = job {
                let mut camera = lock(&lane.camera);
                let mut send = |frame| {
                    // Fails when the stage is gone, and then nobody wants it.
                    let _ = frames.send(frame);
                    waker.wake();
                };
                match job {
                    Job::Unit(unit) if is_late && camera.leave_out(&unit) => {}
                    Job::Unit(unit) => camera.take(&unit, more_waiting, &mut send),
                    Job::Finish => camera.finish(&mut send),
                }
                drop(camera);
                self.jobs.fetch_sub(1, Ordering::AcqRel);
            }
            if self.jobs.load(Ordering::Acquire) == 0 {
                waker.wake();
            }
            let mut backlog = lock(&lane.backlog);
            backlog.is_scheduled = backlog.len() > 0;
            let goes_on = backlog.is_scheduled;
            drop(backlog);
            if goes_on {
                self.add(lane);
            } else if holds_back {
                lock(&lane.camera).catch_up(&mut |frame| {
                    let _ = frames.send(frame);
                    waker.wake();
                });
            }
        }
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
