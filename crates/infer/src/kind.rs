//! Which engines there are.

/// The engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// rten: part of this program.
    Rten,
    /// ONNX Runtime: a library that is found at run time.
    OnnxRuntime,
    /// OpenVINO: likewise.
    OpenVino,
}

impl EngineKind {
    /// The name in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rten => "rten",
            Self::OnnxRuntime => "onnxruntime",
            Self::OpenVino => "openvino",
        }
    }

    /// Its library's name.
    pub(crate) fn library(self) -> &'static str {
        match self {
            Self::Rten => "",
            Self::OnnxRuntime => "libonnxruntime.so",
            Self::OpenVino => "libopenvino_c.so",
        }
    }

    /// The variable that names its library.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Rten => "nothing",
            Self::OnnxRuntime => "ORT_DYLIB_PATH",
            Self::OpenVino => "OPENVINO_DYLIB_PATH",
        }
    }
}

impl std::fmt::Display for EngineKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
