//! What runs a network.

mod library;
mod onnxruntime;
mod openvino;
mod rten;
mod speeds;

use std::path::{Path, PathBuf};

use camweave_stage::{Exit, StageError};

use camweave_model::ModelFile;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

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
    /// One of `Engine::lanes`, by its number: lanes run batches of their own side by side.
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

    /// Waits until runs are as fast as they will be.
    fn wait_until_ready(&self) {}

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
}

impl EngineKind {
    /// Its library's name.
    fn library(self) -> &'static str {
        match self {
            Self::Rten => "",
            Self::OnnxRuntime => "libonnxruntime.so",
            Self::OpenVino => "libopenvino_c.so",
        }
    }

    /// The variable that names its library.
    fn variable(self) -> &'static str {
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

/// Which engine to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum EngineChoice {
    /// The fastest of those that are there: measured once per model and machine, and kept.
    #[default]
    Auto,
    /// This one or none.
    Only(EngineKind),
}

impl EngineChoice {
    /// What can be chosen.
    pub const ALL: [Self; 4] = [
        Self::Auto,
        Self::Only(EngineKind::OpenVino),
        Self::Only(EngineKind::OnnxRuntime),
        Self::Only(EngineKind::Rten),
    ];

    /// The word in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Only(kind) => kind.as_str(),
        }
    }
}

impl TryFrom<String> for EngineChoice {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|choice| choice.as_str() == word).ok_or_else(|| {
            let words = Self::ALL.map(Self::as_str).join(", ");
            format!("'{word}', expected one of {words}")
        })
    }
}

impl From<EngineChoice> for String {
    fn from(choice: EngineChoice) -> Self {
        choice.as_str().to_owned()
    }
}

impl JsonSchema for EngineChoice {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EngineChoice".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::ALL.map(Self::as_str) })
    }
}

/// An engine with a model in it.
pub struct OpenEngine {
    /// The engine.
    pub engine: Box<dyn Engine>,
    /// Why it is this one, in a line.
    pub reason: String,
}

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
pub(crate) struct Opening<'a> {
    pub model: &'a ModelFile,
    /// Width and height of the network's input.
    pub size: (u32, u32),
    /// Of all lanes together.
    pub threads: usize,
    /// One frame after the other, each on all threads.
    pub is_sequential: bool,
    pub libraries: &'a Libraries,
}

/// Opens the chosen engine. `attempt` is called before an engine is opened, and may refuse it.
///
/// # Errors
/// The engine is missing, or refuses the model.
pub(crate) fn open(
    choice: EngineChoice,
    opening: Opening<'_>,
    mut attempt: impl FnMut(EngineKind) -> Result<(), StageError>,
) -> Result<OpenEngine, StageError> {
    let mut open = |kind| {
        attempt(kind)?;
        open_one(kind, opening)
    };
    if let EngineChoice::Only(kind) = choice {
        return open(kind);
    }
    let kept = speeds::Kept::new(&key(opening));
    if let Some(opened) = open_kept(&kept, opening) {
        return Ok(opened);
    }
    // Whoever comes second has what the first has measured.
    let lock = kept.lock();
    if lock.is_some()
        && let Some(opened) = open_kept(&kept, opening)
    {
        return Ok(opened);
    }
    let mut best: Option<(OpenEngine, f64)> = None;
    let mut speeds = speeds::Speeds::new();
    // Said once it is clear that an engine takes the model.
    let mut refusals: Vec<(EngineKind, StageError)> = Vec::new();
    for kind in [
        EngineKind::OpenVino,
        EngineKind::OnnxRuntime,
        EngineKind::Rten,
    ] {
        let is_last = kind == EngineKind::Rten && best.is_none();
        let opened = match open(kind) {
            Ok(opened) => opened,
            Err(error) if is_last => return Err(error),
            Err(error) => {
                refusals.push((kind, error));
                continue;
            }
        };
        if is_last {
            // There is nothing to choose from.
            best = Some((opened, 0.0));
            break;
        }
        tracing::info!("measuring how fast {kind} runs the model, which is done once");
        match speeds::measure(&*opened.engine, opening) {
            Ok(speed) => {
                speeds.insert(kind.as_str().to_owned(), speed);
                if best.as_ref().is_none_or(|(_, most)| speed > *most) {
                    best = Some((opened, speed));
                }
            }
            Err(error) => refusals.push((kind, StageError::input(error.to_string()))),
        }
    }
    let reasons: Vec<String> = refusals
        .iter()
        .map(|(kind, error)| refusal(*kind, error, opening.libraries))
        .collect();
    let Some((opened, _)) = best else {
        return Err(StageError::input(reasons.join("; ")));
    };
    if speeds.is_empty() {
        let reason = reasons.join("; ");
        return Ok(OpenEngine { reason, ..opened });
    }
    kept.write(&speeds);
    Ok(opened.because(&measured(&speeds)))
}

/// The engine that was the fastest when it was measured, if it still opens. It ran the same file on
/// this machine then, and is not attempted again: a restarted node is back sooner.
fn open_kept(kept: &speeds::Kept, opening: Opening<'_>) -> Option<OpenEngine> {
    let speeds = kept.read()?;
    let opened = open_one(fastest(&speeds)?, opening).ok()?;
    Some(opened.because(&measured(&speeds)))
}

/// Why an engine is not used, in a line. A library that somebody named and that does not load,
/// and one that is there and does not take the model, are worth a warning.
fn refusal(kind: EngineKind, error: &StageError, libraries: &Libraries) -> String {
    if libraries.of(kind).is_some() || error.exit != Exit::Missing {
        tracing::warn!("{kind} is not used: {error}");
    }
    error.message.clone()
}

/// What to do where an engine is missing that was asked for.
pub(crate) fn advised(choice: EngineChoice, error: StageError) -> StageError {
    match choice {
        EngineChoice::Only(kind) if error.exit == Exit::Missing => StageError::missing(format!(
            "ENGINE={kind}: {error}; set {} to its library, or ENGINE=rten, which needs none",
            kind.variable()
        )),
        _ => error,
    }
}

impl OpenEngine {
    fn because(self, why: &str) -> Self {
        Self {
            reason: format!("{why}; {}", self.reason),
            ..self
        }
    }
}

/// What a measurement depends on, besides the processor.
fn key(opening: Opening<'_>) -> String {
    let Opening {
        model,
        size,
        threads,
        is_sequential,
        libraries,
    } = opening;
    let about = |kind: EngineKind| {
        let candidates = library::candidates(kind.library(), libraries.of(kind), &model.path);
        let found = candidates
            .iter()
            .find_map(|path| Some((path, path.metadata().ok()?)));
        found.map(|(path, file)| format!("{} {}", path.display(), file.len()))
    };
    let about = [EngineKind::OpenVino, EngineKind::OnnxRuntime].map(about);
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "{version} {} {size:?} {threads} {is_sequential} {about:?}",
        model.id
    )
}

/// The engine that did most.
fn fastest(speeds: &speeds::Speeds) -> Option<EngineKind> {
    let all = [
        EngineKind::OpenVino,
        EngineKind::OnnxRuntime,
        EngineKind::Rten,
    ];
    let speed = |kind: &EngineKind| {
        speeds
            .get(kind.as_str())
            .copied()
            .filter(|it| it.is_finite())
    };
    let known = all
        .into_iter()
        .filter_map(|kind| Some((kind, speed(&kind)?)));
    known
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(kind, _)| kind)
}

/// In a line.
fn measured(speeds: &speeds::Speeds) -> String {
    let all: Vec<String> = speeds
        .iter()
        .map(|(name, speed)| format!("{name} {speed:.1}"))
        .collect();
    format!("measured once, frames/s: {}", all.join(", "))
}

fn open_one(kind: EngineKind, opening: Opening<'_>) -> Result<OpenEngine, StageError> {
    let Opening {
        model,
        size,
        threads,
        libraries,
        ..
    } = opening;
    let candidates = || library::candidates(kind.library(), libraries.of(kind), &model.path);
    let of_library = |path: PathBuf| format!("library {}", path.display());
    let (engine, reason): (Box<dyn Engine>, String) = match kind {
        EngineKind::Rten => (
            Box::new(rten::Rten::open(model, threads)?),
            "ENGINE=rten".to_owned(),
        ),
        EngineKind::OnnxRuntime => {
            let (environment, path) =
                onnxruntime::load(&candidates()).map_err(StageError::missing)?;
            let engine = onnxruntime::OnnxRuntime::open(&environment, model, threads)?;
            (Box::new(engine), of_library(path))
        }
        EngineKind::OpenVino => {
            let path = openvino::load(&candidates()).map_err(StageError::missing)?;
            let engine = openvino::OpenVino::open(model, threads, size)?;
            (Box::new(engine), of_library(path))
        }
    };
    Ok(OpenEngine { engine, reason })
}

impl Libraries {
    fn of(&self, kind: EngineKind) -> Option<&Path> {
        match kind {
            EngineKind::Rten => None,
            EngineKind::OnnxRuntime => self.onnxruntime.as_deref(),
            EngineKind::OpenVino => self.openvino.as_deref(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_is_taken_of_those_that_are_known() {
        let speeds = |all: &[(&str, f64)]| {
            let all = all.iter().map(|(name, speed)| ((*name).to_owned(), *speed));
            all.collect::<speeds::Speeds>()
        };
        for (all, kind) in [
            (
                speeds(&[("rten", 20.0), ("openvino", 80.0)]),
                Some(EngineKind::OpenVino),
            ),
            (
                speeds(&[("rten", 20.0), ("onnxruntime", 12.0)]),
                Some(EngineKind::Rten),
            ),
            (
                speeds(&[("rten", 20.0), ("other", 90.0)]),
                Some(EngineKind::Rten),
            ),
            (speeds(&[("rten", f64::NAN)]), None),
            (speeds(&[]), None),
        ] {
            assert_eq!(fastest(&all), kind, "{all:?}");
        }
    }
}
