//! What a stage says of its network.

use std::sync::Arc;

use camweave_model::{ModelError, ModelErrorKind, numbered};
use camweave_stage::StageError;
use camweave_vision::{HeadFormat, InputFormat};
use tracing::warn;

/// A network as its heads describe it.
#[derive(Debug, Clone)]
pub struct ModelInfo {
    /// `<file name>@<first 12 hexadecimal digits of its SHA-256>`.
    pub id: Arc<str>,
    /// Names in the order of class ids; empty where the model names none and its head does not show them.
    pub class_names: Vec<String>,
    /// How a frame's head is read.
    pub format: HeadFormat,
    /// Width and height of the network's input, in pixels.
    pub size: (u32, u32),
    /// How a frame becomes the values of its input.
    pub input: InputFormat,
}

impl ModelInfo {
    /// Whether the network suppresses overlaps itself.
    #[must_use]
    pub fn is_end_to_end(&self) -> bool {
        !self.format.overlaps
    }
}

/// The names that a model has, or numbers: most heads show at least how many there are.
/// `nameless` says in the log what lacks them.
#[must_use]
pub fn class_names(names: Option<Vec<String>>, format: HeadFormat, nameless: &str) -> Vec<String> {
    names.unwrap_or_else(|| {
        warn!("{nameless}: classes are called class0, class1, ...");
        numbered(format.classes().unwrap_or_default() as usize)
    })
}

/// A model that cannot be used, as the end of the stage.
#[must_use]
pub fn model_error(error: &ModelError) -> StageError {
    let message = error.to_string();
    match error.kind() {
        ModelErrorKind::File => StageError::input(message),
        ModelErrorKind::Option => StageError::configuration(message),
    }
}
