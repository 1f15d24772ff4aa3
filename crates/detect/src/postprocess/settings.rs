//! Settings.

use camweave_stage::{Settings, StageError};
use camweave_vision::NmsConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct NmsSettings {
    /// boxes with a score above this are kept
    #[schemars(range(min = 0, max = 1))]
    pub confidence: f64,
    /// a box whose intersection over union with a better one of its class is above this is
    /// suppressed
    #[schemars(range(min = 0, max = 1))]
    pub iou: f64,
    /// maximum boxes of a frame
    #[schemars(range(min = 1, max = 30_000), extend("unit" = "boxes"))]
    pub max_detections: usize,
    /// names or ids of the classes to keep, separated by commas; not set: all
    pub classes: String,
    /// maximum frames in a message; 1 = messages that dora-hub's nodes read, 0 = as in the input
    #[schemars(range(max = 4096), extend("unit" = "frames"))]
    pub rows_per_message: usize,
}

impl Default for NmsSettings {
    fn default() -> Self {
        Self {
            confidence: 0.25,
            iou: 0.45,
            max_detections: 300,
            classes: String::new(),
            rows_per_message: 0,
        }
    }
}

impl Settings for NmsSettings {
    fn check(&self) -> Result<(), StageError> {
        self.nms()
            .validate()
            .map_err(|error| StageError::configuration(error.to_string()))?;
        if self.kept_classes().iter().any(String::is_empty) {
            return Err(StageError::configuration(format!(
                "env CLASSES='{}', expected names or ids separated by commas, none of them empty",
                self.classes
            )));
        }
        Ok(())
    }
}

impl NmsSettings {
    /// Thresholds and limits.
    #[must_use]
    pub fn nms(&self) -> NmsConfig {
        NmsConfig {
            confidence: self.confidence as f32,
            iou: self.iou as f32,
            max_detections: self.max_detections,
            ..NmsConfig::default()
        }
    }

    /// Names or ids of the classes to keep; all, if there is none.
    #[must_use]
    pub fn kept_classes(&self) -> Vec<String> {
        if self.classes.is_empty() {
            return Vec::new();
        }
        let words = self.classes.split(',');
        words.map(|word| word.trim().to_owned()).collect()
    }
}
