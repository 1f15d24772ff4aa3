//! Crops on their way to the model and back: one thread asks it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use camweave_message::{FrameId, PictureRef};
use camweave_model::Answer;
use camweave_stage::{StageError, Waker};
use camweave_vision::Crop;

/// A question about one object.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The frame.
    pub id: FrameId,
    /// Its pixels, which may have expired.
    pub picture: PictureRef,
    /// Where the object is in it.
    pub crop: Crop,
    pub(crate) ticket: Ticket,
}

/// Whose question it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    /// Number of the message, place of the row in it, and of the box in that.
    pub message: u64,
    pub row: usize,
    pub index: usize,
    pub track: Option<u64>,
    pub weight: f32,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The model has answered.
    Answer(Answer),
    /// The frame's memory had been reused, or its owner has ended.
    Expired,
    /// The frame cannot be read, or the model gave no numbers; in words.
    Failed(String),
}

/// What computes.
pub trait Backend: Send {
    /// Asks the model about some crops, at most `MAX_BATCH`; an outcome for each, in their order.
    ///
    /// # Errors
    /// Only what the stage cannot go on after.
    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Outcome>, StageError>;
}

/// The thread that asks, and what waits for it.
pub(crate) struct Work {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    most: usize,
}

struct Shared {
    state: Mutex<State>,
    /// There is something to do.
    work: Condvar,
    /// Something is done.
    done: Condvar,
    waker: Waker,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Ask>,
    done: Vec<(Ask, Outcome)>,
    /// Questions that were taken and are not done.
    running: usize,
    /// Why the thread has ended by itself.
    failure: Option<StageError>,
    is_stopping: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    /// Starts the thread. At most `most` questions wait, and `batch` are asked at once.
    pub fn start(
        mut backend: Box<dyn Backend>,
        batch: usize,
        most: usize,
        waker: Waker,
    ) -> Result<Self, StageError> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
            waker,
        });
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("classify".to_owned())
            .spawn(move || run(&worker, &mut *backend, batch))
            .map_err(|error| StageError::resource(format!("cannot start a thread: {error}")))?;
        Ok(Self {
            shared,
            thread: Some(thread),
            most,
        })
    }

    /// Takes a question; gives it back where too many wait.
    pub fn push(&self, ask: Ask) -> Result<(), Box<Ask>> {
        let mut state = self.shared.lock();
        if state.waiting.len() >= self.most {
            return Err(Box::new(ask));
        }
        state.waiting.push_back(ask);
        drop(state);
        self.shared.work.notify_one();
        Ok(())
    }

    /// What is done since the last call.
    ///
    /// # Errors
    /// The thread has ended.
    pub fn done(&self) -> Result<Vec<(Ask, Outcome)>, StageError> {
        let mut state = self.shared.lock();
        match state.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(std::mem::take(&mut state.done)),
        }
    }

    /// Whether nothing waits and nothing is asked.
    pub fn is_idle(&self) -> bool {
        let state = self.shared.lock();
        state.waiting.is_empty() && state.running == 0 && state.done.is_empty()
    }

    /// Waits until something is done, or nothing will be, or until this time.
    pub fn wait(&self, until: Instant) {
        let mut state = self.shared.lock();
        while state.done.is_empty()
            && state.failure.is_none()
            && (state.running > 0 || !state.waiting.is_empty())
        {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let woken = self.shared.done.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Work {
    /// The thread ends after the batch that it is at.
    fn drop(&mut self) {
        self.shared.lock().is_stopping = true;
        self.shared.work.notify_all();
        if let Some(thread) = self.thread.take() {
            // One that has panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Says so when the thread ends by itself, also by a panic.
struct Ends<'a>(&'a Shared);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if !state.is_stopping && state.failure.is_none() {
            let ended = StageError::internal("the thread that asks the model has ended by itself");
            state.failure = Some(ended);
        }
        drop(state);
        self.0.done.notify_all();
        self.0.waker.wake();
    }
}

fn run(shared: &Shared, backend: &mut dyn Backend, batch: usize) {
    let _ends = Ends(shared);
    while let Some(asks) = next(shared, batch) {
        let outcomes = backend.answer(&asks);
        let mut state = shared.lock();
        state.running = 0;
        match outcomes {
            Ok(outcomes) => state.done.extend(asks.into_iter().zip(outcomes)),
            Err(error) => {
                state.failure = Some(error);
                return;
            }
        }
        drop(state);
        shared.done.notify_all();
        shared.waker.wake();
    }
}

/// The next questions; `None` at the end.
fn next(shared: &Shared, batch: usize) -> Option<Vec<Ask>> {
    let mut state = shared.lock();
    loop {
        if state.is_stopping {
            return None;
        }
        if !state.waiting.is_empty() {
            let count = state.waiting.len().min(batch);
            let asks: Vec<Ask> = state.waiting.drain(..count).collect();
            state.running = asks.len();
            return Some(asks);
        }
        let woken = shared.work.wait(state);
        state = woken.unwrap_or_else(PoisonError::into_inner);
    }
}
