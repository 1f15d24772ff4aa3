//! What a stage says of its network.

use std::sync::Arc;

use camweave_model::{Description, ModelError, ModelErrorKind, ModelFile};
use camweave_stage::{StageError, is_simulated};
use camweave_vision::{HeadFormat, InputFormat};
use tracing::{info, warn};

/// What a network of rendered streets is good for.
pub const RENDERED_STREETS: &str = "it was trained on rendered streets alone, for simulated cameras: on others it misses most objects ('camweave model get' lists detectors of real streets)";

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
    /// Whether the network has seen nothing but rendered streets.
    pub is_of_rendered_streets: bool,
}

impl ModelInfo {
    /// A network of this file, once it is known what it is; says so in the log.
    #[must_use]
    pub fn of(file: &ModelFile, size: (u32, u32), description: &Description) -> Self {
        let path = file.path.display();
        for warning in &description.warnings {
            warn!("model '{path}': {warning}");
        }
        let is_of_rendered_streets = file.metadata.is_of_rendered_streets();
        if is_of_rendered_streets && !is_simulated() {
            warn!("model '{path}': {RENDERED_STREETS}");
        }
        info!("model '{path}': {}", description.lines().join("; "));
        Self {
            id: Arc::clone(&file.id),
            class_names: description.class_names.clone(),
            format: description.head,
            input: description.input,
            size,
            is_of_rendered_streets,
        }
    }

    /// Whether the network suppresses overlaps itself.
    #[must_use]
    pub fn is_end_to_end(&self) -> bool {
        !self.format.overlaps
    }
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
