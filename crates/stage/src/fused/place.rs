//! A fused node's place in its graph.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::behind::Behind;

/// Where the stages run.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// The node's id in the graph; a stage is called `<node>.<stage>`.
    pub node: &'a str,
    /// The id of the run; empty without a graph.
    pub run: &'a str,
    /// The nodes whose rows come to the first stage.
    pub takes: &'a [String],
    /// The run's folder for reports.
    pub stats_dir: &'a Path,
    /// Set when the process was told to end.
    pub terminate: &'a Arc<AtomicBool>,
    /// Where the last stage's rows go, for a first stage that is a source.
    pub behind: Option<Arc<Behind>>,
}
