//! What waits for the disk: bounded, and never waited for by those who fill it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::coded::Coded;
use crate::media_clock::Times;
use crate::notes::{ClipHead, Note};

/// Something to be written, of the clip of this number.
#[derive(Debug)]
pub(crate) enum Job {
    Begin {
        clip: u64,
        head: Box<ClipHead>,
        key: Arc<Coded>,
        step_micros: u32,
    },
    Unit {
        clip: u64,
        unit: Arc<Coded>,
        times: Times,
    },
    Note {
        clip: u64,
        note: Box<Note>,
    },
    End {
        clip: u64,
    },
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Self::Unit { unit, .. } => unit.bytes(),
            Self::Note { note, .. } => note.bytes(),
            Self::Begin { .. } | Self::End { .. } => 256,
        }
    }

    /// What ends a clip is small, and there are no more of these than clips.
    fn is_bounded(&self) -> bool {
        !matches!(self, Self::End { .. })
    }
}

/// What a thread gets.
#[derive(Debug)]
pub(crate) enum Popped {
    Job(Job),
    /// The deadline is over.
    Due,
    /// Nothing waits, and nothing comes any more.
    Closed,
}

/// Bytes that wait, of all threads together.
#[derive(Debug)]
pub(crate) struct Room {
    waiting: AtomicUsize,
    most: usize,
}

impl Room {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            waiting: AtomicUsize::new(0),
            most,
        })
    }

    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether so many bytes more may wait. Only those who ask make it less.
    pub fn has(&self, bytes: usize) -> bool {
        self.waiting() + bytes <= self.most
    }
}

/// One thread's.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    room: Arc<Room>,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    pub fn new(room: &Arc<Room>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            room: Arc::clone(room),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job; `false` where there is no room for it.
    pub fn push(&self, job: Job) -> bool {
        let bytes = job.bytes();
        if job.is_bounded() && !self.room.has(bytes) {
            return false;
        }
        self.room.waiting.fetch_add(bytes, Ordering::Relaxed);
        self.lock().jobs.push_back(job);
        self.changed.notify_one();
        true
    }

    /// Nothing comes any more.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits for the next job, to `deadline` at most.
    pub fn pop(&self, deadline: Instant) -> Popped {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                self.room.waiting.fetch_sub(job.bytes(), Ordering::Relaxed);
                return Popped::Job(job);
            }
            if state.closed {
                return Popped::Closed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Popped::Due;
            }
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
