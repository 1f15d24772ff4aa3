//! What a file is used for, before it is run.

use std::path::Path;

use serde::Deserialize;

use crate::any_family::AnyFamily;
use crate::classifier::is_list;
use crate::file::ModelFile;
use crate::settings::{settings_path, text_of};
use crate::task::Task;

/// What a model is used for: as the `family` in `MODEL.yml` beside it or its metadata say, or by its
/// outputs, where none of them can have places of boxes. What cannot be read counts as a detector.
#[must_use]
pub fn usage(model: &Path) -> Task {
    if let Some(task) = told(model) {
        return task;
    }
    // A file that says that it is of another task is refused.
    match ModelFile::read_for(model, Task::Classify) {
        Ok(file) if file.metadata.task.is_some() || has_lists_alone(&file) => Task::Classify,
        _ => Task::Detect,
    }
}

/// Whether each output is a list of values for each picture of the batch.
fn has_lists_alone(file: &ModelFile) -> bool {
    let batch = file.input.batch;
    let is_of_batch = |shape: &[Option<usize>]| shape.first() == Some(&batch);
    let mut outputs = file.outputs.iter();
    outputs.all(|it| it.is_read && is_list(&it.shape) && is_of_batch(&it.shape))
}

/// What `family` in `MODEL.yml` says.
fn told(model: &Path) -> Option<Task> {
    /// Other keys are of no interest here.
    #[derive(Deserialize)]
    struct Settings {
        family: Option<AnyFamily>,
    }

    let text = text_of(&settings_path(model)).ok()??;
    let settings: Settings = serde_saphyr::from_str(&text).ok()?;
    settings.family.map(AnyFamily::task)
}
