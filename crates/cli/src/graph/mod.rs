//! A dora graph, read as dora reads it: checked before anything runs, and made fit for a run
//! that measures.

mod check;
mod derive;
mod nodes;
mod read;
mod variables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dora_core::descriptor::Descriptor;

pub use check::show;
pub use derive::{Feed, Settings};
pub use nodes::Kind;
pub use variables::StageVariables;

/// Values for variables of a graph, which win over the environment's.
pub type Variables = BTreeMap<String, String>;

/// A graph with its modules expanded.
#[derive(Debug, Clone)]
pub struct Graph {
    /// The file.
    pub path: PathBuf,
    /// What dora would run.
    pub descriptor: Descriptor,
}

impl Graph {
    /// The folder that relative paths of the graph start from.
    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}
