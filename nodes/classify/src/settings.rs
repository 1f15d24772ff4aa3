//! Settings.

use std::path::PathBuf;

use camweave_detect::infer::model_error;
use camweave_infer::{EngineChoice, Libraries, NetworkOptions};
use camweave_model::{ClassifierDraft, ModelFile, Task, crop_size};
use camweave_second_stage::AskSettings;
use camweave_stage::{Required, Settings, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct ClassifySettings {
    /// path of the ONNX file of a classifier, or of a model that gives embeddings
    pub model: Required<PathBuf>,
    /// Which objects it is asked about.
    #[serde(flatten)]
    pub asking: AskSettings,
    /// auto: the fastest available one (rten needs no library), measured once per model and machine
    pub engine: EngineChoice,
    /// path of libonnxruntime.so; otherwise searched for next to the model and the program, and by
    /// the dynamic loader
    pub ort_dylib_path: Option<PathBuf>,
    /// path of libopenvino_c.so; otherwise searched for likewise
    pub openvino_dylib_path: Option<PathBuf>,
    /// threads that run the network, 0 = all cores; more than one takes cores from the detector
    #[schemars(range(max = 1024), extend("unit" = "threads"))]
    pub classifier_threads: usize,
    /// side of the network's square input, if the model's is dynamic; 0 = from the file
    #[schemars(range(max = 8192), extend("unit" = "pixels"))]
    pub classifier_size: u32,
}

impl Default for ClassifySettings {
    fn default() -> Self {
        Self {
            model: Required::default(),
            asking: AskSettings::default(),
            engine: EngineChoice::Auto,
            ort_dylib_path: None,
            openvino_dylib_path: None,
            classifier_threads: 1,
            classifier_size: 0,
        }
    }
}

impl Settings for ClassifySettings {
    fn check(&self) -> Result<(), StageError> {
        self.asking.check()
    }

    fn check_files(&self) -> Result<(), StageError> {
        let known = ModelFile::read_for(&self.model, Task::Classify).and_then(|file| {
            let size = crop_size(&file, self.classifier_size, SIZE)?;
            ClassifierDraft::of(&file, size)
        });
        known.map(drop).map_err(|error| model_error(&error))
    }
}

/// How people set the side of the input.
pub(crate) const SIZE: &str = "env CLASSIFIER_SIZE";

impl ClassifySettings {
    /// What network, and how.
    pub(crate) fn network(&self) -> NetworkOptions {
        NetworkOptions {
            model: self.model.to_path_buf(),
            engine: self.engine,
            libraries: Libraries {
                onnxruntime: self.ort_dylib_path.clone(),
                openvino: self.openvino_dylib_path.clone(),
            },
            threads: self.classifier_threads,
            side: self.classifier_size,
            max_batch: self.asking.max_batch,
            family: None,
        }
    }
}
