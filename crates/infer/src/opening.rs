//! What an engine is opened with.

use std::path::{Path, PathBuf};

use camweave_model::ModelFile;

use crate::kind::EngineKind;

/// Where libraries are, if somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Libraries {
    /// `libonnxruntime.so`.
    pub onnxruntime: Option<PathBuf>,
    /// `libopenvino_c.so`.
    pub openvino: Option<PathBuf>,
}

/// What an engine is opened for.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// The file.
    pub model: &'a ModelFile,
    /// Width and height of the network's input.
    pub size: (u32, u32),
    /// Of all lanes together.
    pub threads: usize,
    /// One frame after the other, each on all threads.
    pub is_sequential: bool,
    /// Engines' libraries, where they are not to be searched for.
    pub libraries: &'a Libraries,
}

impl Libraries {
    pub(crate) fn of(&self, kind: EngineKind) -> Option<&Path> {
        match kind {
            EngineKind::Rten => None,
            EngineKind::OnnxRuntime => self.onnxruntime.as_deref(),
            EngineKind::OpenVino => self.openvino.as_deref(),
        }
    }
}
