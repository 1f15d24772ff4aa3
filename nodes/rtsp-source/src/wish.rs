//! What is wanted of a camera's task, which may change while it runs.

use std::sync::Arc;

use camweave_cameras::Camera;
use tokio::sync::watch;

/// What a task is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// The camera streams, again and again.
    Stream,
    /// The camera is no longer in `cameras.yml`: what is kept of it anywhere is given back.
    Remove,
    /// The node ends.
    Stop,
}

/// A camera as `cameras.yml` has it now, and what its task is there for.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub camera: Arc<Camera>,
    pub goal: Goal,
}

impl Wish {
    pub fn stream(camera: Camera) -> Self {
        Self {
            camera: Arc::new(camera),
            goal: Goal::Stream,
        }
    }

    /// Whether a session with `camera` must end for it.
    pub fn ends(&self, camera: &Camera) -> bool {
        self.goal != Goal::Stream || !self.camera.connects_as(camera)
    }
}

/// Waits until a session with `camera` must end, or the stage is gone.
pub(crate) async fn ends(wishes: &mut watch::Receiver<Wish>, camera: &Camera) {
    let _ = wishes.wait_for(|wish| wish.ends(camera)).await;
}

/// What is wanted now.
pub(crate) fn now(wishes: &mut watch::Receiver<Wish>) -> Wish {
    let is_gone = wishes.has_changed().is_err();
    let mut wish = wishes.borrow_and_update().clone();
    if is_gone && wish.goal == Goal::Stream {
        wish.goal = Goal::Stop;
    }
    wish
}
