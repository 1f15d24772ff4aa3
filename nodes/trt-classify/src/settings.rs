//! Settings.

use std::path::PathBuf;

use camweave_detect::infer::model_error;
use camweave_model::{ClassifierDraft, ModelFile, Task, crop_size};
use camweave_second_stage::AskSettings;
use camweave_stage::{Required, Settings, StageError};
use camweave_tensorrt::{Precision, Wishes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the graph may set. Those that `classify` has too mean the same.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct TrtClassifySettings {
    /// path of the ONNX file of a classifier, or of a model that gives embeddings
    pub model: Required<PathBuf>,
    /// Which objects it is asked about.
    #[serde(flatten)]
    pub asking: AskSettings,
    /// side of the network's square input, if the model's is dynamic; 0 = from the file
    #[schemars(range(max = 8192), extend("unit" = "pixels"))]
    pub classifier_size: u32,
    /// precision that the network computes in; from TensorRT 11 on it must be the file's own
    pub precision: Precision,
    /// number of the CUDA device
    #[schemars(range(max = 255))]
    pub device: u32,
}

impl Default for TrtClassifySettings {
    fn default() -> Self {
        Self {
            model: Required::default(),
            asking: AskSettings::default(),
            classifier_size: 0,
            precision: Precision::Fp16,
            device: 0,
        }
    }
}

impl Settings for TrtClassifySettings {
    fn check(&self) -> Result<(), StageError> {
        self.asking.check()
    }

    fn check_files(&self) -> Result<(), StageError> {
        self.source().map(drop)
    }
}

/// A model that has been read, before any GPU is looked at.
#[derive(Debug)]
pub(crate) struct Source {
    pub file: ModelFile,
    /// Width and height of the input, in pixels.
    pub size: (u32, u32),
    pub draft: ClassifierDraft,
}

impl TrtClassifySettings {
    /// Reads the file that `MODEL` names.
    pub(crate) fn source(&self) -> Result<Source, StageError> {
        let read = ModelFile::read_for(&self.model, Task::Classify).and_then(|file| {
            let size = crop_size(&file, self.classifier_size, "env CLASSIFIER_SIZE")?;
            let draft = ClassifierDraft::of(&file, size)?;
            Ok(Source { file, size, draft })
        });
        read.map_err(|error| model_error(&error))
    }

    /// What the engine shall be like.
    pub(crate) fn wishes(&self, size: (u32, u32)) -> Wishes {
        let batch = self.asking.max_batch as u32;
        Wishes {
            max_batch: batch,
            opt_batch: batch,
            size,
            precision: self.precision,
            level: None,
            version_compatible: false,
        }
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
