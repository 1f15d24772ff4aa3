//! Settings.

use std::path::PathBuf;
use std::time::Duration;

use camweave_outdir::Retention;
use camweave_stage::{Settings, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::detections::SegmentLimits;

const MIB: u64 = 1 << 20;
/// The longest time between two annotated frames or tables.
const MOST_MS: u64 = 3_600_000;

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct SinkSettings {
    /// folder for the results; it is created
    pub out: PathBuf,
    /// size of detections.jsonl after which it moves to history/ and a new one begins, 0 for any
    /// size
    #[schemars(range(max = 1_073_741_824), extend("unit" = "MiB"))]
    pub segment_mib: u64,
    /// age after which it does so, 0 for never
    #[schemars(range(max = 5_256_000), extend("unit" = "minutes"))]
    pub segment_minutes: u64,
    /// age after which a file in history/ is removed, 0 for never
    #[schemars(range(max = 36_500), extend("unit" = "days"))]
    pub history_days: u64,
    /// size of all detections beyond which the oldest files in history/ are removed, 0 for never
    #[schemars(range(max = 1_073_741_824), extend("unit" = "MiB"))]
    pub history_mib: u64,
    /// free space of the disk (at most a twentieth of it) below which they are, 0 for never
    #[schemars(range(max = 1_073_741_824), extend("unit" = "MiB"))]
    pub min_free_mib: u64,
    /// time between two annotated frames of a camera, 0 for none
    #[schemars(range(max = 3_600_000), extend("unit" = "ms"))]
    pub snapshot_every_ms: u64,
    /// milliseconds between two tables on standard output, 0 for none; 'auto': every 2000 on a
    /// terminal, otherwise less and less often, up to an hour
    pub table_every_ms: String,
    /// number of the CUDA device whose memory frames may be in; opened when the first one is
    #[schemars(range(max = 255))]
    pub device: u32,
    /// on: each line has the times when the frame entered and left each stage; CAMWEAVE_PASSES=on
    /// does the same
    pub passes: Switch,
}

/// Whether something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// It is not.
    Off,
    /// It is.
    On,
}

impl Default for SinkSettings {
    fn default() -> Self {
        Self {
            out: PathBuf::from("out/latest"),
            segment_mib: 256,
            segment_minutes: 1440,
            history_days: 30,
            history_mib: 20_480,
            min_free_mib: 1024,
            snapshot_every_ms: 1000,
            table_every_ms: "auto".to_owned(),
            device: 0,
            passes: Switch::Off,
        }
    }
}

impl Settings for SinkSettings {
    fn check(&self) -> Result<(), StageError> {
        self.table_every().map(drop)
    }
}

/// How often the table is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableEvery {
    /// As the output allows.
    Auto,
    /// This often; zero for never.
    Time(Duration),
}

impl SinkSettings {
    pub(crate) fn table_every(&self) -> Result<TableEvery, StageError> {
        let text = self.table_every_ms.as_str();
        if text == "auto" {
            return Ok(TableEvery::Auto);
        }
        let millis = text.parse().ok().filter(|millis| *millis <= MOST_MS);
        let every = millis.map(|millis| TableEvery::Time(Duration::from_millis(millis)));
        every.ok_or_else(|| {
            StageError::configuration(format!(
                "env TABLE_EVERY_MS='{text}', expected 'auto' or a whole number from 0 to {MOST_MS}"
            ))
        })
    }

    pub(crate) fn snapshot_every(&self) -> Option<Duration> {
        let millis = self.snapshot_every_ms;
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    pub(crate) fn segment_limits(&self) -> SegmentLimits {
        let minutes = self.segment_minutes;
        SegmentLimits {
            bytes: mebibytes(self.segment_mib),
            age: (minutes > 0).then(|| Duration::from_secs(minutes * 60)),
        }
    }

    pub(crate) fn retention(&self) -> Retention {
        let days = self.history_days;
        Retention {
            age: (days > 0).then(|| Duration::from_secs(days * 86_400)),
            bytes: mebibytes(self.history_mib),
            free_bytes: mebibytes(self.min_free_mib),
        }
    }
}

/// 0 is no limit.
fn mebibytes(number: u64) -> Option<u64> {
    (number > 0).then_some(number * MIB)
}
