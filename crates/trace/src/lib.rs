//! Files of spans (`camweave_telemetry::span_file`) of all processes of a run into one trace for
//! Perfetto: a track per thread, one for what a stage's device did, arrows that follow each frame from its source to its sink,
//! counter tracks, and drops as instants.
//!
//! All times are `CLOCK_MONOTONIC` of one host since one boot, which its processes share; so there
//! is nothing to align, and files of another boot are refused.

mod gather;
mod merge;
mod packets;
pub mod proto;
mod slices;

pub use gather::{Gathered, gather};
pub use merge::{MACHINE, Merged, flow_id, merge};
pub use slices::{Edge, Edges, edges};

use std::path::PathBuf;

use thiserror::Error;

/// Why there is no trace.
#[derive(Debug, Error)]
pub enum TraceError {
    /// A file or folder refuses.
    #[error("cannot {action} '{}': {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder has nothing to merge.
    #[error(
        "'{}' has no span files (*.spans), expected the folder that a run with CAMWEAVE_SPANS=trace wrote",
        path.display()
    )]
    Nothing {
        /// The folder.
        path: PathBuf,
    },
    /// A file's clock started over with another start of the machine.
    #[error(
        "'{}' is of boot {boot}, expected {expected} as in '{}': times of two boots, or hosts, are not comparable; merge them separately",
        path.display(),
        other.display()
    )]
    Boot {
        /// The file.
        path: PathBuf,
        /// Its boot.
        boot: String,
        /// The file that it contradicts: the latest.
        other: PathBuf,
        /// That file's boot.
        expected: String,
    },
}
