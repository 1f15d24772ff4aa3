//! Settings.

use std::time::Duration;

use camweave_stage::{Required, Settings, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::camera::Pacing;
use crate::files::{self, FileSpec};
use crate::playback::Extent;

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct FileSourceSettings {
    /// media files as 'path' or 'id=path', separated by commas, relative to the graph's folder; the
    /// default id is the file's name; paths with commas in double quotes
    pub files: Required<String>,
    /// realtime: by the files' timestamps; fast: as fast as frames are returned to this node's
    /// input
    pub pace: Pace,
    /// frames of one camera under way with `PACE=fast`; must be more than the decoder and a batcher
    /// hold back
    // The widest reordering of H.264 and H.265 holds 16 frames back.
    #[schemars(range(min = 1, max = 4096), extend("unit" = "frames"))]
    pub window: usize,
    /// time after which a frame that was not returned is given up with `PACE=fast`
    #[schemars(range(min = 1, max = 3_600_000), extend("unit" = "ms"))]
    pub return_timeout_ms: u64,
    /// passes over each file, 0 for endless
    #[schemars(extend("unit" = "passes"))]
    pub r#loop: u64,
    /// maximum frames of each file, 0 for all
    #[schemars(extend("unit" = "frames"))]
    pub max_frames: u64,
    /// played: frames are captured when they are sent; recorded: the files are clips of `recorder`, and
    /// frames have the times and numbers that are beside them
    pub times: Times,
}

/// When frames were captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Times {
    /// When they are sent.
    Played,
    /// As a recorder has written it.
    Recorded,
}

/// How fast files are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pace {
    /// By the files' times.
    Realtime,
    /// As frames come back.
    Fast,
}

impl Default for FileSourceSettings {
    fn default() -> Self {
        Self {
            files: Required::default(),
            pace: Pace::Realtime,
            window: 32,
            return_timeout_ms: 2000,
            r#loop: 1,
            max_frames: 0,
            times: Times::Played,
        }
    }
}

impl Settings for FileSourceSettings {
    fn check(&self) -> Result<(), StageError> {
        if self.times == Times::Recorded && self.r#loop != 1 {
            return Err(StageError::configuration(format!(
                "env LOOP='{}', expected 1, as TIMES is 'recorded': a frame has one number",
                self.r#loop
            )));
        }
        self.files().map(drop)
    }

    fn check_files(&self) -> Result<(), StageError> {
        for file in self.files()? {
            if let Err(error) = std::fs::metadata(&file.path) {
                return Err(StageError::input(format!(
                    "env FILES: camera '{}': '{}': {error}, expected a media file",
                    file.id,
                    file.path.display()
                )));
            }
        }
        Ok(())
    }
}

impl FileSourceSettings {
    pub(crate) fn files(&self) -> Result<Vec<FileSpec>, StageError> {
        files::parse(&self.files).map_err(|message| {
            let text = self.files.as_str();
            StageError::configuration(format!("env FILES='{text}': {message}"))
        })
    }

    pub(crate) fn pacing(&self) -> Pacing {
        match self.pace {
            Pace::Realtime => Pacing::Realtime,
            Pace::Fast => Pacing::Fast {
                window: self.window,
                timeout: Duration::from_millis(self.return_timeout_ms),
            },
        }
    }

    pub(crate) fn extent(&self) -> Extent {
        Extent {
            passes: self.r#loop,
            max_units: self.max_frames,
        }
    }
}
