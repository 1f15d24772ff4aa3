//! A pool's device memory in one process.

use camweave_pool::Layout;

use super::backing::Backing;
use crate::event::Event;

/// What all users within a process have in common.
#[derive(Debug)]
pub(super) struct Shared {
    // Dropped in this order.
    /// One per slot, or one for all.
    pub(super) events: Vec<Event>,
    pub(super) backing: Backing,
    pub(super) layout: Layout,
}
