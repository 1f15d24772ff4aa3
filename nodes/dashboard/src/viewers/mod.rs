//! The pages that are open.

mod queue;
mod sent;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camweave_stage::Waker;
use serde::{Deserialize, Serialize};

pub(crate) use queue::Queue;
pub(crate) use sent::Sent;

/// How a camera is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    /// By its own access units.
    Video,
    /// By these as fragments of MP4, for browsers without WebCodecs (Media Source Extensions).
    Mse,
    /// By images of its frames.
    Jpeg,
    /// Not at all.
    None,
}

impl Way {
    /// Whether it has keyframes, and frames that need those before them.
    pub fn is_stream(self) -> bool {
        matches!(self, Self::Video | Self::Mse)
    }
}

/// A camera that a page watches.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Wanted {
    pub id: Arc<str>,
    pub way: Way,
}

/// One page.
#[derive(Debug)]
pub(crate) struct Viewer {
    pub number: u64,
    pub queue: Queue,
    wanted: Mutex<Option<Vec<Wanted>>>,
    is_gone: AtomicBool,
}

impl Viewer {
    /// What the page watches, where it has changed.
    pub fn take_wanted(&self) -> Option<Vec<Wanted>> {
        lock(&self.wanted).take()
    }

    pub fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }
}

/// All of them.
pub(crate) struct Viewers {
    list: Mutex<Vec<Arc<Viewer>>>,
    most: usize,
    next: AtomicU64,
    changed: AtomicBool,
    waker: Waker,
}

impl Viewers {
    pub fn new(most: usize, waker: Waker) -> Self {
        Self {
            list: Mutex::default(),
            most,
            next: AtomicU64::new(0),
            changed: AtomicBool::new(false),
            waker,
        }
    }

    /// A page is opened; `Err` with how many there may be.
    pub fn join(self: &Arc<Self>) -> Result<Joined, usize> {
        let mut list = lock(&self.list);
        if list.len() >= self.most {
            return Err(self.most);
        }
        let viewer = Arc::new(Viewer {
            number: self.next.fetch_add(1, Ordering::Relaxed),
            queue: Queue::default(),
            wanted: Mutex::default(),
            is_gone: AtomicBool::new(false),
        });
        list.push(Arc::clone(&viewer));
        drop(list);
        self.change();
        Ok(Joined {
            viewers: Arc::clone(self),
            viewer,
        })
    }

    pub fn count(&self) -> usize {
        lock(&self.list).len()
    }

    /// The pages, where there is news of any.
    pub fn take_changed(&self) -> Option<Vec<Arc<Viewer>>> {
        let is_changed = self.changed.swap(false, Ordering::AcqRel);
        is_changed.then(|| lock(&self.list).clone())
    }

    fn change(&self) {
        self.changed.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// A page, as long as it is open.
pub(crate) struct Joined {
    viewers: Arc<Viewers>,
    pub viewer: Arc<Viewer>,
}

impl Joined {
    /// The page watches these, and no others.
    pub fn watch(&self, wanted: Vec<Wanted>) {
        *lock(&self.viewer.wanted) = Some(wanted);
        self.viewers.change();
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.viewer.is_gone.store(true, Ordering::Release);
        self.viewer.queue.close();
        lock(&self.viewers.list).retain(|it| it.number != self.viewer.number);
        self.viewers.change();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
