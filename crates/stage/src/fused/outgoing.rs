//! Where the last stage's rows go.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::StructArray;

use crate::graph::GraphOutput;

/// What becomes of the last stage's messages.
#[derive(Clone)]
pub struct Outgoing(pub(super) Way);

#[derive(Clone)]
pub(super) enum Way {
    Graph(Arc<Mutex<GraphOutput>>),
    Channel(Sender<StructArray>),
}

impl Outgoing {
    /// They go into the graph.
    pub(super) fn graph(output: &Arc<Mutex<GraphOutput>>) -> Self {
        Self(Way::Graph(Arc::clone(output)))
    }

    /// Set when nothing that goes out arrives any more.
    pub(super) fn cut(&self) -> Arc<AtomicBool> {
        match &self.0 {
            Way::Graph(output) => output.lock().unwrap_or_else(PoisonError::into_inner).cut(),
            Way::Channel(_) => Arc::default(),
        }
    }

    /// They go into a channel, in a program without a graph.
    #[must_use]
    pub fn channel(sender: Sender<StructArray>) -> Self {
        Self(Way::Channel(sender))
    }
}
