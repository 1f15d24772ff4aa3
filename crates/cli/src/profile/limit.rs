//! What can be full.

use serde::{Deserialize, Serialize};

/// What keeps a graph from more frames per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// All cores that it may use are full.
    Cores,
    /// One thread, or a stage's few, never pause, and cores are free.
    Thread,
    /// A stage's thread waits for what it writes or reads.
    Blocked,
    /// Kernels run on the GPU nearly always.
    Sm,
    /// The GPU's decoding engines, or of few streams one for each.
    Nvdec,
    /// The GPU's copies.
    Copies,
    /// The detector never pauses, in batches far below its plateau.
    Batches,
    /// The cameras send no more.
    Load,
    /// Nothing that is measured is full.
    Unknown,
}
