//! Settings.

use std::path::PathBuf;

use camweave_detect::infer::{QueueSettings, check_head_slots, model_error};
use camweave_infer::{EngineChoice, Libraries, NetworkOptions};
use camweave_model::{ModelFile, declared, input_size};
use camweave_stage::{Required, Settings, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// `MAX_BATCH`; 0: as many as 512 MiB hold, at least 4 and at most 64
    #[schemars(range(max = 4096), extend("unit" = "slots"))]
    pub head_slots: u32,
}

/// Slots that are chosen at least and at most.
const SLOTS: std::ops::RangeInclusive<usize> = 4..=64;
/// What the slots that are chosen fill, where that is more than the least: outputs of a thousand
/// classes are of 40 MB.
const SLOTS_BYTES: usize = 512 << 20;

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
            head_slots: 0,
        }
    }
}

impl Settings for CpuInferSettings {
    fn check(&self) -> Result<(), StageError> {
        check_head_slots(self.head_slots, self.max_batch)
    }

    fn check_files(&self) -> Result<(), StageError> {
        let known = ModelFile::read(&self.model).and_then(|file| {
            let size = input_size(&file, self.size, "env SIZE")?;
            declared(&file, size)
        });
        known.map(drop).map_err(|error| model_error(&error))
    }
}

impl CpuInferSettings {
    /// Slots for heads of so many bytes.
    pub(crate) fn head_slots_of(&self, head_bytes: usize) -> u32 {
        if self.head_slots != 0 {
            return self.head_slots;
        }
        let fit = SLOTS_BYTES / head_bytes.max(1);
        fit.clamp(*SLOTS.start(), *SLOTS.end()) as u32
    }

    /// What network, and how.
    pub(crate) fn detector(&self) -> NetworkOptions {
        NetworkOptions {
            model: self.model.to_path_buf(),
            engine: self.engine,
            libraries: Libraries {
                onnxruntime: self.ort_dylib_path.clone(),
                openvino: self.openvino_dylib_path.clone(),
            },
            threads: self.threads,
            side: self.size,
            max_batch: self.max_batch,
            family: None,
        }
    }
}
