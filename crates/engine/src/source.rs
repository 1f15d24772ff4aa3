//! What `MODEL` names: an ONNX file or a plan, looked at before any GPU is.

use std::path::{Path, PathBuf};

use camweave_detect::infer::model_error;
use camweave_model::{ModelFile, advice, declared, input_size};
use camweave_stage::StageError;
use camweave_tensorrt::{EngineSpec, PlanHeader, Sidecar, Wishes, sidecar_path};

use crate::error::of_tensorrt;
use crate::settings::TrtInferSettings;

/// A model that has been read.
#[derive(Debug)]
pub enum Source {
    /// An ONNX file: its engine comes from the cache.
    Onnx {
        /// The file.
        file: Box<ModelFile>,
        /// What the engine shall be like.
        wishes: Wishes,
    },
    /// A plan, run as it is.
    Plan {
        /// Where it is.
        path: PathBuf,
        /// The serialized engine.
        plan: Vec<u8>,
        /// What is known of it, where it has a sidecar.
        sidecar: Option<Box<Sidecar>>,
    },
}

impl Source {
    /// Reads the file that `MODEL` names.
    ///
    /// # Errors
    /// It cannot be read, is neither, or contradicts the settings.
    pub fn read(settings: &TrtInferSettings) -> Result<Self, StageError> {
        let path: &Path = &settings.model;
        if path.extension().is_some_and(|end| end == "onnx") {
            let file = ModelFile::read(path).map_err(|error| model_error(&error))?;
            let size = input_size(&file, settings.size, "env SIZE")
                .map_err(|error| model_error(&error))?;
            // What fits no kind of detector is refused before an engine is built. Where several are left,
            // the engine's first runs show which one it is.
            declared(&file, size).map_err(|error| model_error(&error))?;
            let wishes = Wishes {
                max_batch: settings.max_batch,
                opt_batch: settings.tuned_batch(),
                size,
                precision: settings.precision,
                // 3 is TensorRT's own default, so it is the same engine.
                level: (settings.level != 3).then_some(settings.level),
                version_compatible: false,
            };
            return Ok(Self::Onnx {
                file: Box::new(file),
                wishes,
            });
        }
        let is_engine = path
            .extension()
            .is_some_and(|end| end == "engine" || end == "trt");
        if let Some(advice) = advice(path).filter(|_| !is_engine) {
            return Err(StageError::input(format!(
                "model '{}': {advice}",
                path.display()
            )));
        }
        let plan = std::fs::read(path).map_err(|error| {
            StageError::input(format!(
                "model '{}': {error}, expected the path of an ONNX file or a plan",
                path.display()
            ))
        })?;
        let input = |error| of_tensorrt(&error);
        PlanHeader::read(&path.display().to_string(), &plan).map_err(input)?;
        let sidecar = Sidecar::read(&sidecar_path(path)).map_err(input)?;
        if let Some(sidecar) = &sidecar {
            sidecar.check_plan(&plan).map_err(|what| {
                StageError::input(format!(
                    "plan '{}' {what}, expected both from one 'camweave engine build'",
                    path.display()
                ))
            })?;
            check_batch(path, &sidecar.spec, settings.max_batch)?;
        }
        Ok(Self::Plan {
            path: path.to_owned(),
            plan,
            sidecar: sidecar.map(Box::new),
        })
    }
}

fn check_batch(path: &Path, spec: &EngineSpec, max_batch: u32) -> Result<(), StageError> {
    let EngineSpec { batch, .. } = spec;
    // A fixed batch is run in pieces.
    if batch.min == batch.max {
        return Ok(());
    }
    larger_than_profile(path, max_batch, batch.max)
}

/// Checks a batch against what the profile of an engine allows.
///
/// # Errors
/// It is larger.
pub fn larger_than_profile(path: &Path, max_batch: u32, allowed: u32) -> Result<(), StageError> {
    if max_batch <= allowed {
        return Ok(());
    }
    Err(StageError::configuration(format!(
        "env MAX_BATCH='{max_batch}', expected at most {allowed}: the profile of plan '{}' allows no larger batch",
        path.display()
    )))
}
