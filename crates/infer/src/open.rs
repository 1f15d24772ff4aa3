//! Which engine runs a network, and opening it.

use std::path::PathBuf;

use camweave_stage::{Exit, StageError};

use crate::api::Engine;
use crate::choice::EngineChoice;
use crate::kind::EngineKind;
use crate::opening::{Libraries, Opening};
use crate::{library, onnxruntime, openvino, rten, speeds};

/// An engine with a model in it.
pub struct OpenEngine {
    /// The engine.
    pub engine: Box<dyn Engine>,
    /// Why it is this one, in a line.
    pub reason: String,
}

/// Opens the chosen engine. `attempt` is called before an engine is opened, and may refuse it.
///
/// # Errors
/// The engine is missing, or refuses the model.
pub fn open(
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

/// An error with what to do where an engine is missing that was asked for.
#[must_use]
pub fn advised(choice: EngineChoice, error: StageError) -> StageError {
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
