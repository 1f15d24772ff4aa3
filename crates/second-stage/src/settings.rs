//! Settings that all stages with a second-stage model have.

use camweave_message::limits::MAX_ATTRIBUTE_NAME_BYTES;
use camweave_stage::StageError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which objects a model is asked about, and how often.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct AskSettings {
    /// name of the attribute, 1 to 64 bytes; several of these nodes in a graph have different ones
    pub name: String,
    /// names or ids of the detector's classes whose objects are looked at, separated by commas; not
    /// set: all
    pub classes: String,
    /// minimum shorter side of a box that is looked at
    #[schemars(range(min = 1, max = 32_768), extend("unit" = "pixels"))]
    pub min_size: u32,
    /// part of the box's sides that the crop shows beyond it, on each side
    #[schemars(range(min = 0, max = 2))]
    pub margin: f64,
    /// a track whose best class leads the second by less is looked at again after `RETRY_MS`
    #[schemars(range(min = 0, max = 1))]
    pub certain: f64,
    /// capture time after which a doubtful track is looked at again; doubled each time, up to
    /// `INTERVAL_MS`
    #[schemars(range(max = 3_600_000), extend("unit" = "ms"))]
    pub retry_ms: u32,
    /// capture time after which any track is looked at again
    #[schemars(range(max = 3_600_000), extend("unit" = "ms"))]
    pub interval_ms: u32,
    /// capture time for which the votes of a track that is not seen are kept
    #[schemars(range(max = 3_600_000), extend("unit" = "ms"))]
    pub memory_ms: u32,
    /// maximum crops of one frame; tracks beyond have their turn in later frames
    #[schemars(range(min = 1, max = 1000), extend("unit" = "crops"))]
    pub max_crops: usize,
    /// maximum crops of one inference
    #[schemars(range(min = 1, max = 256), extend("unit" = "crops"))]
    pub max_batch: usize,
    /// maximum crops of all cameras that wait for the model
    #[schemars(range(min = 1, max = 4096), extend("unit" = "crops"))]
    pub max_waiting: usize,
    /// maximum time for which a message waits for answers; none waits while the model is behind
    #[schemars(range(max = 10_000), extend("unit" = "ms"))]
    pub answer_wait_ms: u32,
}

impl Default for AskSettings {
    fn default() -> Self {
        Self {
            name: "class".to_owned(),
            classes: String::new(),
            min_size: 16,
            margin: 0.0,
            certain: 0.5,
            retry_ms: 200,
            interval_ms: 2000,
            memory_ms: 10_000,
            max_crops: 16,
            max_batch: 8,
            max_waiting: 64,
            answer_wait_ms: 100,
        }
    }
}

impl AskSettings {
    /// Checks what no single setting's range shows.
    ///
    /// # Errors
    /// Names the variable, its value and what was expected.
    pub fn check(&self) -> Result<(), StageError> {
        let is_name = (1..=MAX_ATTRIBUTE_NAME_BYTES).contains(&self.name.len())
            && !self.name.chars().any(char::is_control);
        if !is_name {
            return Err(StageError::configuration(format!(
                "env NAME='{}', expected 1 to {MAX_ATTRIBUTE_NAME_BYTES} bytes without control characters",
                self.name.escape_debug()
            )));
        }
        if self.asked_classes().iter().any(String::is_empty) {
            return Err(StageError::configuration(format!(
                "env CLASSES='{}', expected names or ids separated by commas, none of them empty",
                self.classes
            )));
        }
        Ok(())
    }

    /// Names or ids of the detector's classes; all, if there is none.
    #[must_use]
    pub fn asked_classes(&self) -> Vec<String> {
        if self.classes.is_empty() {
            return Vec::new();
        }
        let words = self.classes.split(',');
        words.map(|word| word.trim().to_owned()).collect()
    }
}
