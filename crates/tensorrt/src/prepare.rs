//! From an ONNX file and wishes to what decides a plan.

use std::path::Path;

use camweave_model::{ElementType, ModelFile};

use crate::builder::{BatchProfile, BuildOptions, Built, Precision, build};
use crate::error::{Error, ErrorKind};
use crate::library::TensorRt;
use crate::log::Progress;
use crate::sidecar::{EngineSpec, Gpu, ModelFacts};

/// What a user wishes of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wishes {
    /// Frames of one inference at most.
    pub max_batch: u32,
    /// Frames of one inference that it is tuned for.
    pub opt_batch: u32,
    /// Width and height of the network's input in pixels.
    pub size: (u32, u32),
    /// What the network computes in.
    pub precision: Precision,
    /// TensorRT's builder optimization level; `None`: its default.
    pub level: Option<u8>,
    /// Whether lean runtimes of later versions can run it.
    pub version_compatible: bool,
}

impl EngineSpec {
    /// What decides the plan of a file. A file with a fixed batch keeps it.
    ///
    /// # Errors
    /// The wishes contradict the file or one another, or cannot be fulfilled by this TensorRT.
    pub fn of_file(
        file: &ModelFile,
        wishes: &Wishes,
        tensorrt: &TensorRt,
        gpu: &Gpu,
    ) -> Result<Self, Error> {
        if let Some(name) = &file.input.target_sizes {
            return Err(Error::input(format!(
                "model '{}': a second input, '{name}', which TensorRT is not given here, expected one; export without the postprocessor, or run it on the CPU",
                file.path.display()
            )));
        }
        if tensorrt.is_strongly_typed() {
            check_precision(file, wishes.precision, &tensorrt.version().to_string())?;
        }
        let fixed = file.input.batch.map(|batch| {
            let batch = u32::try_from(batch).unwrap_or(u32::MAX);
            BatchProfile::new(batch, batch).map(|profile| BatchProfile {
                min: batch,
                ..profile
            })
        });
        let batch = fixed
            .unwrap_or_else(|| BatchProfile::new(wishes.opt_batch, wishes.max_batch))
            .map_err(|error| {
                Error::new(
                    error.kind(),
                    format!("model '{}': {error}", file.path.display()),
                )
            })?;
        Ok(Self {
            model_sha256: file.sha256.clone(),
            tensorrt: tensorrt.version().to_string(),
            gpu: gpu.clone(),
            precision: wishes.precision,
            batch,
            width: wishes.size.0,
            height: wishes.size.1,
            level: wishes.level,
            version_compatible: wishes.version_compatible,
        })
    }

    /// Builds what this says of the file that it was made for; see [`build`].
    ///
    /// # Errors
    /// As of [`build`].
    pub fn build(
        &self,
        tensorrt: &TensorRt,
        onnx: &Path,
        timing_cache: &[u8],
        progress: &(dyn Fn(Progress<'_>) -> bool + Sync),
    ) -> Result<Built, Error> {
        let options = BuildOptions {
            onnx,
            batch: self.batch,
            size: (self.width, self.height),
            precision: self.precision,
            level: self.level,
            version_compatible: self.version_compatible,
            timing_cache,
        };
        build(tensorrt, &options, progress)
    }
}

/// From TensorRT 11 on the network is computed in the types of its file.
fn check_precision(file: &ModelFile, wished: Precision, version: &str) -> Result<(), Error> {
    let found = match file.input.element_type {
        ElementType::Float16 => Precision::Fp16,
        ElementType::Float32 => Precision::Fp32,
        // What the file computes in is not known from its input.
        ElementType::Uint8 => return Ok(()),
    };
    if found == wished {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Configuration,
        format!(
            "model '{}' is {}, and {version} computes in the types of the file: precision '{}' was asked for, expected '{}', or a file exported in {}",
            file.path.display(),
            file.input.element_type.as_str(),
            wished,
            found,
            match wished {
                Precision::Fp16 => "float16",
                Precision::Fp32 => "float32",
            }
        ),
    ))
}

impl ModelFacts {
    /// What a file says of itself.
    #[must_use]
    pub fn of_file(file: &ModelFile) -> Self {
        Self {
            id: file.id.to_string(),
            class_names: file.metadata.class_names.clone(),
            file: file.facts(),
        }
    }
}
