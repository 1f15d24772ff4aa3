//! Configuration.

use camweave_stage::{Env, Key, StageError};
use camweave_vision::NmsConfig;

/// The node's variables.
pub const KEYS: &[Key] = &[
    Key {
        name: "CONFIDENCE",
        default: Some("0.25"),
        help: "boxes with a score above this are kept, 0 to 1",
    },
    Key {
        name: "IOU",
        default: Some("0.45"),
        help: "a box whose intersection over union with a better one of its class is above this is suppressed, 0 to 1",
    },
    Key {
        name: "MAX_DETECTIONS",
        default: Some("300"),
        help: "boxes of one frame at most",
    },
    Key {
        name: "CLASSES",
        default: Some(""),
        help: "names or ids of the classes to keep, separated by commas; not set: all",
    },
    Key {
        name: "ROWS_PER_MESSAGE",
        default: Some("0"),
        help: "frames of one message at most; 1 = messages that dora-hub's nodes read, 0 = as they came",
    },
];

/// The node's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Thresholds and limits.
    pub nms: NmsConfig,
    /// Names or ids of the classes to keep; all, if there is none.
    pub classes: Vec<String>,
    /// Rows of one message; as many as came, if there is none.
    pub rows_per_message: Option<usize>,
}

impl Settings {
    /// Reads and checks the node's variables.
    ///
    /// # Errors
    /// Names the variable, its value and what was expected.
    pub fn read(env: &Env) -> Result<Self, StageError> {
        let nms = NmsConfig {
            confidence: env.number("CONFIDENCE", 0.0..=1.0)?,
            iou: env.number("IOU", 0.0..=1.0)?,
            max_detections: env.number("MAX_DETECTIONS", 1..=30_000)?,
            ..NmsConfig::default()
        };
        nms.validate()
            .map_err(|error| StageError::configuration(error.to_string()))?;
        let rows: usize = env.number("ROWS_PER_MESSAGE", 0..=4096)?;
        Ok(Self {
            nms,
            classes: classes(env.text("CLASSES")?.unwrap_or_default())?,
            rows_per_message: (rows > 0).then_some(rows),
        })
    }
}

fn classes(text: &str) -> Result<Vec<String>, StageError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let words: Vec<String> = text.split(',').map(|word| word.trim().to_owned()).collect();
    if words.iter().any(String::is_empty) {
        return Err(StageError::configuration(format!(
            "env CLASSES='{text}', expected names or ids separated by commas, none of them empty"
        )));
    }
    Ok(words)
}
