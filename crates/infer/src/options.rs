//! What network to open.

use std::path::PathBuf;

use camweave_model::{ModelError, ModelFile, Task};

use crate::choice::EngineChoice;
use crate::opening::Libraries;

/// What to open, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkOptions {
    /// The ONNX file.
    pub model: PathBuf,
    /// Which engine.
    pub engine: EngineChoice,
    /// Engines' libraries, where they are not to be searched for.
    pub libraries: Libraries,
    /// Threads of all lanes together; 0: as many as there are cores.
    pub threads: usize,
    /// Side of the square input in pixels, for a model whose input is dynamic; 0: the exporter's.
    pub side: u32,
    /// Frames of one inference at most.
    pub max_batch: usize,
    /// What the model is taken for, whatever `MODEL.yml` says; `None`: what that says.
    pub family: Option<String>,
}

impl NetworkOptions {
    /// Reads the file, as a model of this task.
    ///
    /// # Errors
    /// Those of [`ModelFile::read_as`].
    pub fn read(&self, task: Task) -> Result<ModelFile, ModelError> {
        ModelFile::read_as(&self.model, task, self.family.as_deref())
    }

    /// Threads, of which there is at least one.
    #[must_use]
    pub fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}
