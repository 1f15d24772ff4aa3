//! What is known of a plan, in a JSON file beside it.

use std::path::{Path, PathBuf};

use camweave_model::FileFacts;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::builder::{BatchProfile, Precision};
use crate::error::Error;
use crate::sys::ABI;
use crate::version::Version;

/// The schema's name and version.
const SCHEMA: &str = "camweave.engine/1";
/// Counts what this crate asks of TensorRT beyond an [`EngineSpec`]: engines of another number, or by a
/// shim of another, are rebuilt. 2: no TF32 where FP32 is wanted. 3: all outputs are kept.
const RECIPE: u32 = 3;

/// The GPU that a plan is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    /// Such as `NVIDIA H200`.
    pub name: String,
    /// Major and minor.
    pub compute_capability: (u32, u32),
}

/// All that decides what a build gives; two engines with equal values can stand for one another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineSpec {
    /// SHA-256 of the ONNX file, hexadecimal.
    pub model_sha256: String,
    /// Such as `TensorRT 10.3.0`.
    pub tensorrt: String,
    /// The GPU that it was measured on.
    pub gpu: Gpu,
    /// What the network computes in.
    pub precision: Precision,
    /// Frames of one inference.
    pub batch: BatchProfile,
    /// Width of the network's input in pixels.
    pub width: u32,
    /// Height of the network's input in pixels.
    pub height: u32,
    /// TensorRT's builder optimization level, where it is not its default.
    pub level: Option<u8>,
    /// Whether lean runtimes of later versions can run it.
    pub version_compatible: bool,
}

impl EngineSpec {
    /// 32 hexadecimal digits that stand for all values.
    #[must_use]
    pub fn key(&self) -> String {
        let mut digest = hex_digest(format!("{SCHEMA} {RECIPE} {ABI} {self:?}").as_bytes());
        digest.truncate(32);
        digest
    }
}

/// What the model's file says, which a plan does not carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// `<file name>@<first 12 digits of its SHA-256>`.
    pub id: String,
    /// Class names in the order of class ids, where the file has them.
    pub class_names: Option<Vec<String>>,
    /// What else shows what the network is. Sidecars of older engines have none of it.
    #[serde(default)]
    pub file: FileFacts,
}

/// The content of a plan's sidecar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    schema: String,
    /// What decides the plan.
    pub spec: EngineSpec,
    /// What it was made of.
    pub model: ModelFacts,
    /// Length of the plan.
    pub plan_bytes: u64,
    /// SHA-256 of the plan, hexadecimal.
    pub plan_sha256: String,
}

impl Sidecar {
    /// The sidecar of a plan.
    #[must_use]
    pub fn new(spec: EngineSpec, model: ModelFacts, plan: &[u8]) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            spec,
            model,
            plan_bytes: plan.len() as u64,
            plan_sha256: hex_digest(plan),
        }
    }

    /// Reads a sidecar; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, is none, or of another version; names the file.
    pub fn read(path: &Path) -> Result<Option<Self>, Error> {
        let refuse = |what: String| {
            Error::input(format!(
                "'{}': {what}, expected a sidecar of schema {SCHEMA}",
                path.display()
            ))
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refuse(error.to_string())),
        };
        let sidecar: Self =
            serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        if sidecar.schema != SCHEMA {
            return Err(refuse(format!("it is of schema '{}'", sidecar.schema)));
        }
        Ok(Some(sidecar))
    }

    /// As it is stored.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("text and numbers, with text as keys, are always JSON");
        text.push('\n');
        text
    }

    /// Whether these bytes are the plan that this belongs to; else what differs.
    ///
    /// # Errors
    /// In words that complete 'the plan ...'.
    pub fn check_plan(&self, plan: &[u8]) -> Result<(), String> {
        if plan.len() as u64 != self.plan_bytes {
            return Err(format!(
                "has {} bytes, its sidecar says {}",
                plan.len(),
                self.plan_bytes
            ));
        }
        if hex_digest(plan) != self.plan_sha256 {
            return Err("is not the one that its sidecar was written for".to_owned());
        }
        Ok(())
    }

    /// Whether a plan can run with this TensorRT on this GPU; else why not.
    ///
    /// # Errors
    /// In words that complete 'the plan ...'.
    pub fn check_place(&self, tensorrt: Version, gpu: &Gpu) -> Result<(), String> {
        let spec = &self.spec;
        let here = tensorrt.to_string();
        if spec.tensorrt != here && !spec.version_compatible {
            return Err(format!("was built by {}, here is {here}", spec.tensorrt));
        }
        let (built, found) = (spec.gpu.compute_capability, gpu.compute_capability);
        if built != found {
            return Err(format!(
                "was built for {} (compute capability {}.{}), here is {} ({}.{})",
                spec.gpu.name, built.0, built.1, gpu.name, found.0, found.1
            ));
        }
        Ok(())
    }
}

/// `<plan>.json`
#[must_use]
pub fn sidecar_path(plan: &Path) -> PathBuf {
    let mut path = plan.as_os_str().to_owned();
    path.push(".json");
    PathBuf::from(path)
}

/// SHA-256 in 64 hexadecimal digits.
#[must_use]
pub fn hex_digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}
