use std::sync::Arc;

use serde::Serialize;

/// Where an event is seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Spot {
    /// The clip's name.
    pub name: Arc<str>,
    /// In seconds of the clip.
    pub at: f64,
}
