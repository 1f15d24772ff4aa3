//! Lists of frames, cut into parts, on threads that work side by side.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use camweave_stage::Waker;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<J> {
    /// Done beside others, by whichever lane is free.
    Share(J),
    /// Done by the first lane while the others rest: it takes all threads.
    Whole(J),
}

/// Threads that take the parts of lists in order. A list is done when all its parts are, and given
/// out when all lists before it are. A lane that has done its part of a list goes on with the next
/// list, if there is one: none waits for another.
pub struct Lanes<J, R> {
    shared: Arc<Shared<J, R>>,
    threads: Vec<JoinHandle<()>>,
}

/// A lane has ended although nobody told it to: a bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Died;

struct Shared<J, R> {
    state: Mutex<State<J, R>>,
    /// There is something to take, or the end has come.
    work: Condvar,
    /// A list is done, or a lane has died.
    done: Condvar,
    /// Wakes the stage's loop when a lane has nothing to do, and when a list is done.
    waker: Waker,
}

struct State<J, R> {
    waiting: VecDeque<Task<J>>,
    /// Lists that have not been given out, in order.
    lists: VecDeque<List<R>>,
    /// The number of the first of them.
    first: u64,
    /// Lanes at work.
    running: usize,
    /// Whether a lane at work must stay alone.
    is_alone: bool,
    is_stopping: bool,
    has_died: bool,
}

struct Task<J> {
    list: u64,
    place: usize,
    part: Part<J>,
}

struct List<R> {
    results: Vec<Option<R>>,
    left: usize,
    frames: usize,
}

impl<J: Send + 'static, R: Send + 'static> Lanes<J, R> {
    /// Starts `count` threads, each of which calls `lane` with its number and its [`Turns`].
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        count: usize,
        waker: Waker,
        lane: impl Fn(usize, &Turns<J, R>) + Clone + Send + 'static,
    ) -> std::io::Result<Self> {
        let state = State {
            waiting: VecDeque::new(),
            lists: VecDeque::new(),
            first: 0,
            running: 0,
            is_alone: false,
            is_stopping: false,
            has_died: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            work: Condvar::new(),
            done: Condvar::new(),
            waker,
        });
        // Whatever starts is stopped, should a later one not start.
        let mut lanes = Self {
            shared,
            threads: Vec::with_capacity(count),
        };
        for number in 0..count {
            let (lane, shared) = (lane.clone(), Arc::clone(&lanes.shared));
            let turns = Turns {
                lane: number,
                shared,
            };
            let thread = std::thread::Builder::new()
                .name(format!("lane-{number}"))
                .spawn(move || lane(number, &turns))?;
            lanes.threads.push(thread);
        }
        Ok(lanes)
    }

    /// Adds a list of `frames` frames.
    pub fn push(&self, parts: Vec<Part<J>>, frames: usize) {
        let mut state = self.shared.lock();
        let list = state.first + state.lists.len() as u64;
        state.lists.push_back(List {
            results: parts.iter().map(|_| None).collect(),
            left: parts.len(),
            frames,
        });
        let tasks = parts.into_iter().enumerate();
        state
            .waiting
            .extend(tasks.map(|(place, part)| Task { list, place, part }));
        drop(state);
        self.shared.work.notify_all();
    }

    /// The results of the oldest list, in the order of its parts, if it is done.
    ///
    /// # Errors
    /// A lane has died.
    pub fn pop(&self) -> Result<Option<Vec<R>>, Died> {
        self.shared.lock().pop()
    }

    /// Waits for the oldest list; `None` if there is none.
    ///
    /// # Errors
    /// A lane has died.
    pub fn wait(&self) -> Result<Option<Vec<R>>, Died> {
        let mut state = self.shared.lock();
        loop {
            let found = state.pop()?;
            if found.is_some() || state.lists.is_empty() {
                return Ok(found);
            }
            let done = self.shared.done.wait(state);
            state = done.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether a lane has nothing to do.
    pub fn has_idle_lane(&self) -> bool {
        let state = self.shared.lock();
        state.waiting.is_empty() && state.running < self.threads.len()
    }

    /// Frames of the lists that have not been given out.
    pub fn frames_under_way(&self) -> usize {
        let state = self.shared.lock();
        state.lists.iter().map(|list| list.frames).sum()
    }
}

impl<J, R> Drop for Lanes<J, R> {
    /// Each lane ends after the part that it is at.
    fn drop(&mut self) {
        self.shared.lock().is_stopping = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // One that has panicked has said so.
            let _ = thread.join();
        }
    }
}

impl<J, R> Shared<J, R> {
    fn lock(&self) -> MutexGuard<'_, State<J, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J, R> State<J, R> {
    fn pop(&mut self) -> Result<Option<Vec<R>>, Died> {
        if self.has_died {
            return Err(Died);
        }
        if self.lists.front().is_none_or(|list| list.left > 0) {
            return Ok(None);
        }
        self.first += 1;
        let list = self.lists.pop_front();
        Ok(list.map(|list| list.results.into_iter().flatten().collect()))
    }

    /// The part that `lane` may do now. Only the first lane needs memory for whole lists.
    fn take(&mut self, lane: usize) -> Option<Task<J>> {
        let is_whole = matches!(self.waiting.front()?.part, Part::Whole(_));
        if self.is_alone || (is_whole && (lane != 0 || self.running > 0)) {
            return None;
        }
        self.running += 1;
        self.is_alone = is_whole;
        self.waiting.pop_front()
    }

    /// Whether this was the last part of its list.
    fn finish(&mut self, list: u64, place: usize, result: R) -> bool {
        self.running -= 1;
        self.is_alone = false;
        let index = usize::try_from(list - self.first).ok();
        let Some(list) = index.and_then(|index| self.lists.get_mut(index)) else {
            return false;
        };
        list.results[place] = Some(result);
        list.left -= 1;
        list.left == 0
    }
}

/// One lane's side.
pub struct Turns<J, R> {
    lane: usize,
    shared: Arc<Shared<J, R>>,
}

impl<J, R> Turns<J, R> {
    /// Does parts until the end.
    pub fn work(&self, mut work: impl FnMut(Part<J>) -> R) {
        while let Some(Task { list, place, part }) = self.next() {
            let result = work(part);
            let mut state = self.shared.lock();
            let is_done = state.finish(list, place, result);
            let is_waiting = !state.waiting.is_empty();
            drop(state);
            if is_done {
                self.shared.done.notify_all();
            }
            if is_waiting {
                // A whole list may be waiting for this, or have kept the others waiting.
                self.shared.work.notify_all();
            }
            if is_done || !is_waiting {
                self.shared.waker.wake();
            }
        }
    }

    fn next(&self) -> Option<Task<J>> {
        let mut state = self.shared.lock();
        loop {
            if state.is_stopping {
                return None;
            }
            if let Some(task) = state.take(self.lane) {
                return Some(task);
            }
            let woken = self.shared.work.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<J, R> Drop for Turns<J, R> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.has_died |= !state.is_stopping;
        drop(state);
        self.shared.done.notify_all();
        self.shared.waker.wake();
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
