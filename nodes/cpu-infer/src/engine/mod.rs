//! What runs a network.

mod library;
mod onnxruntime;
mod rten;

use std::path::Path;

use camweave_stage::StageError;

use camweave_model::ModelFile;

/// The network failed on one batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{engine}: input of {shape:?}: {message}")]
pub struct EngineError {
    /// Which engine.
    pub engine: EngineKind,
    /// The shape of the input.
    pub shape: [usize; 4],
    /// What it says, in one line.
    pub message: String,
}

/// Takes an output: its shape and its values.
pub type ReadOutput<'a> = &'a mut dyn FnMut(&[usize], &[f32]);

/// Which of an engine's threads run a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// All of them, which share the work of each operator.
    All,
    /// One of [`Engine::lanes`], by its number: lanes run batches of their own side by side.
    Lane(usize),
}

/// A network that is ready to run.
pub trait Engine: Send + Sync {
    /// Which engine this is.
    fn kind(&self) -> EngineKind;

    /// How many batches run side by side, each on one thread; 1: none beside another.
    fn lanes(&self) -> usize;

    /// Does `work` on the thread of a lane; a batch that it runs in that lane changes no thread.
    fn in_lane(&self, lane: usize, work: &mut (dyn FnMut() + Send));

    /// Runs the network. `input` is `[batch, 3, height, width]`, row-major, 0 to 1, of the given
    /// shape; `read` gets the first output, row-major, converted to `f32` where it is not. Memory
    /// of the output is the engine's own, and is used again.
    ///
    /// # Errors
    /// What the engine says.
    fn run(
        &self,
        threads: Threads,
        input: &[f32],
        shape: [usize; 4],
        read: ReadOutput<'_>,
    ) -> Result<(), EngineError>;
}

/// The engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// rten: part of this program.
    Rten,
    /// ONNX Runtime: a library that is found at run time.
    OnnxRuntime,
}

impl EngineKind {
    /// The name in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rten => "rten",
            Self::OnnxRuntime => "onnxruntime",
        }
    }
}

impl std::fmt::Display for EngineKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which engine to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineChoice {
    /// ONNX Runtime where its library is found, else rten.
    #[default]
    Auto,
    /// This one or none.
    Only(EngineKind),
}

impl EngineChoice {
    /// The words in configuration.
    pub const WORDS: &[(&str, Self)] = &[
        ("auto", Self::Auto),
        ("rten", Self::Only(EngineKind::Rten)),
        ("onnxruntime", Self::Only(EngineKind::OnnxRuntime)),
    ];
}

/// An engine with a model in it.
pub struct OpenEngine {
    /// The engine.
    pub engine: Box<dyn Engine>,
    /// Why it is this one, in a line.
    pub reason: String,
}

/// Opens `model` with the chosen engine. `library` is where ONNX Runtime's library is, if somebody said.
///
/// # Errors
/// The engine is missing, or refuses the model.
pub(crate) fn open(
    choice: EngineChoice,
    model: &ModelFile,
    threads: usize,
    library: Option<&Path>,
) -> Result<OpenEngine, StageError> {
    let rten = |reason: String| {
        let engine: Box<dyn Engine> = Box::new(rten::Rten::open(model, threads)?);
        Ok(OpenEngine { engine, reason })
    };
    if choice == EngineChoice::Only(EngineKind::Rten) {
        return rten("ENGINE=rten".to_owned());
    }
    let candidates = library::candidates(library, &model.path);
    match onnxruntime::load(&candidates) {
        Ok((environment, path)) => {
            let engine = onnxruntime::OnnxRuntime::open(&environment, model, threads)?;
            let reason = format!("library {}", path.display());
            Ok(OpenEngine {
                engine: Box::new(engine),
                reason,
            })
        }
        Err(missing) if choice == EngineChoice::Auto => {
            // A library that somebody named and that does not load is worth a word.
            if library.is_some() {
                tracing::warn!("ONNX Runtime is not used: {missing}");
            }
            rten(missing)
        }
        Err(missing) => Err(StageError::missing(format!(
            "ENGINE=onnxruntime: {missing}; set ORT_DYLIB_PATH to its library, or ENGINE=rten, which needs none"
        ))),
    }
}

/// An engine's message in one line of bearable length.
pub(crate) fn one_line(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(400) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
