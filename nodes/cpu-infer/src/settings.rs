//! Settings.

use std::path::PathBuf;

use camweave_detect::infer::{QueueSettings, check_head_slots, model_error};
use camweave_model::ModelFile;
use camweave_stage::{Required, Settings, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::{EngineChoice, Libraries};
use crate::options::DetectorOptions;

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct CpuInferSettings {
    /// path of a detector's ONNX file
    pub model: Required<PathBuf>,
    /// auto: the fastest available one (rten needs no library), measured once per model and machine
    pub engine: EngineChoice,
    /// path of libonnxruntime.so; otherwise searched for next to the model and the program, and by
    /// the dynamic loader
    pub ort_dylib_path: Option<PathBuf>,
    /// path of libopenvino_c.so; otherwise searched for likewise
    pub openvino_dylib_path: Option<PathBuf>,
    /// threads, 0 = all cores
    #[schemars(range(max = 1024), extend("unit" = "threads"))]
    pub threads: usize,
    /// side of the network's square input, if the model's is dynamic; 0 = from the file
    #[schemars(range(max = 8192), extend("unit" = "pixels"))]
    pub size: u32,
    /// maximum number of waiting frames taken at once, unless there are more threads; 1 = the
    /// sequential topology
    #[schemars(range(min = 1, max = 256), extend("unit" = "frames"))]
    pub max_batch: usize,
    /// As all stages with a network have them.
    #[serde(flatten)]
    pub waiting: QueueSettings,
    /// slots for network outputs, read by the downstream stages, one per frame, at least
    /// `MAX_BATCH`
    #[schemars(range(min = 1, max = 4096), extend("unit" = "slots"))]
    pub head_slots: u32,
}

impl Default for CpuInferSettings {
    fn default() -> Self {
        Self {
            model: Required::default(),
            engine: EngineChoice::Auto,
            ort_dylib_path: None,
            openvino_dylib_path: None,
            threads: 0,
            size: 0,
            max_batch: 8,
            waiting: QueueSettings::default(),
            head_slots: 64,
        }
    }
}

impl Settings for CpuInferSettings {
    fn check(&self) -> Result<(), StageError> {
        check_head_slots(self.head_slots, self.max_batch)
    }

    fn check_files(&self) -> Result<(), StageError> {
        let file = ModelFile::read(&self.model);
        file.map(drop).map_err(|error| model_error(&error))
    }
}

impl CpuInferSettings {
    /// What network, and how.
    pub(crate) fn detector(&self) -> DetectorOptions {
        DetectorOptions {
            model: self.model.to_path_buf(),
            engine: self.engine,
            libraries: Libraries {
                onnxruntime: self.ort_dylib_path.clone(),
                openvino: self.openvino_dylib_path.clone(),
            },
            threads: self.threads,
            side: self.size,
            max_batch: self.max_batch,
        }
    }
}
