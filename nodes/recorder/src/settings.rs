//! Settings.

use std::path::PathBuf;
use std::time::Duration;

use camweave_outdir::Retention;
use camweave_recording::{Mode, Plan};
use camweave_stage::{Settings, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MIB: u64 = 1 << 20;

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct RecorderSettings {
    /// folder for the clips; it is created
    pub recordings: PathBuf,
    /// events: clips of events, with time before and after; continuous: all the time
    pub mode: RecordMode,
    /// time before an event that its clip shows at least: it begins with the last keyframe before
    #[schemars(range(max = 600), extend("unit" = "s"))]
    pub pre_roll_seconds: u64,
    /// time after an event that its clip shows
    #[schemars(range(max = 600), extend("unit" = "s"))]
    pub post_roll_seconds: u64,
    /// length after which a clip continues in another, at the next keyframe
    #[schemars(range(min = 5, max = 3600), extend("unit" = "s"))]
    pub clip_seconds: u64,
    /// time after which an event of which nothing is heard is recorded no further
    #[schemars(range(min = 10, max = 86_400), extend("unit" = "s"))]
    pub silent_event_seconds: u64,
    /// time that is kept in memory of each camera: as long as events become known after they began,
    /// and PRE_ROLL_SECONDS
    #[schemars(range(min = 1, max = 900), extend("unit" = "s"))]
    pub ring_seconds: u64,
    /// memory for that of one camera at most
    #[schemars(range(min = 1, max = 65_536), extend("unit" = "MiB"))]
    pub ring_camera_mib: u64,
    /// memory for that of all cameras at most; the one with the most loses its oldest
    #[schemars(range(min = 1, max = 1_048_576), extend("unit" = "MiB"))]
    pub ring_mib: u64,
    /// memory for what waits for the disk at most; access units that do not fit are in no clip
    #[schemars(range(min = 1, max = 1_048_576), extend("unit" = "MiB"))]
    pub disk_queue_mib: u64,
    /// threads that write
    #[schemars(range(min = 1, max = 64))]
    pub writers: u64,
    /// age after which a clip is removed, 0 for never
    #[schemars(range(max = 36_500), extend("unit" = "days"))]
    pub keep_days: u64,
    /// size of all clips beyond which the oldest are removed, 0 for never
    #[schemars(range(max = 1_073_741_824), extend("unit" = "MiB"))]
    pub keep_mib: u64,
    /// free space of the disk (at most a twentieth of it) below which they are, 0 for never
    #[schemars(range(max = 1_073_741_824), extend("unit" = "MiB"))]
    pub min_free_mib: u64,
}

/// When a camera is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecordMode {
    /// While there are events.
    Events,
    /// All the time.
    Continuous,
}

impl Default for RecorderSettings {
    fn default() -> Self {
        Self {
            recordings: PathBuf::from("out/recordings"),
            mode: RecordMode::Events,
            pre_roll_seconds: 5,
            post_roll_seconds: 5,
            clip_seconds: 300,
            silent_event_seconds: 600,
            ring_seconds: 30,
            ring_camera_mib: 64,
            ring_mib: 1024,
            disk_queue_mib: 256,
            writers: 4,
            keep_days: 30,
            keep_mib: 0,
            min_free_mib: 2048,
        }
    }
}

impl Settings for RecorderSettings {
    fn check(&self) -> Result<(), StageError> {
        if self.mode == RecordMode::Events && self.ring_seconds < self.pre_roll_seconds {
            return Err(StageError::configuration(format!(
                "env RING_SECONDS='{}', expected at least PRE_ROLL_SECONDS, {}",
                self.ring_seconds, self.pre_roll_seconds
            )));
        }
        Ok(())
    }
}

impl RecorderSettings {
    /// The same as the recorder takes it.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let seconds = Duration::from_secs;
        Plan {
            folder: self.recordings.clone(),
            mode: match self.mode {
                RecordMode::Events => Mode::Events,
                RecordMode::Continuous => Mode::Continuous,
            },
            pre_roll: seconds(self.pre_roll_seconds),
            post_roll: seconds(self.post_roll_seconds),
            longest: seconds(self.clip_seconds),
            silent_event: seconds(self.silent_event_seconds),
            ring: seconds(self.ring_seconds),
            ring_camera_bytes: bytes(self.ring_camera_mib),
            ring_bytes: bytes(self.ring_mib),
            queue_bytes: bytes(self.disk_queue_mib),
            writers: usize::try_from(self.writers).unwrap_or(1),
            retention: Retention {
                age: (self.keep_days > 0).then(|| seconds(self.keep_days * 86_400)),
                bytes: mebibytes(self.keep_mib),
                free_bytes: mebibytes(self.min_free_mib),
            },
        }
    }
}

fn bytes(mebibytes: u64) -> usize {
    usize::try_from(mebibytes * MIB).unwrap_or(usize::MAX)
}

/// 0 is no limit.
fn mebibytes(number: u64) -> Option<u64> {
    (number > 0).then_some(number * MIB)
}

#[cfg(test)]
mod tests {
    use camweave_stage::Declared;

    use super::*;

    #[test]
    fn what_is_kept_in_memory_covers_the_time_before_an_event() {
        let read =
            |values: &[(&str, &str)]| RecorderSettings::read(&Declared::of(values.iter().copied()));
        let error = read(&[("RING_SECONDS", "4")]).expect_err("too short");
        assert_eq!(
            error.message,
            "env RING_SECONDS='4', expected at least PRE_ROLL_SECONDS, 5"
        );
        let continuous = [("RING_SECONDS", "4"), ("MODE", "continuous")];
        let settings = read(&continuous).expect("nothing is before");
        assert_eq!(settings.plan().mode, Mode::Continuous);
        assert_eq!(settings.plan().retention.bytes, None, "0 is no limit");
    }
}
