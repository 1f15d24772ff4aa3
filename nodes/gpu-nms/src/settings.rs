//! Settings: those of `cpu-nms`, and the device.

use camweave_detect::postprocess::NmsSettings;
use camweave_stage::{Settings, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the graph may set.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct GpuNmsSettings {
    /// As `cpu-nms` has them.
    #[serde(flatten)]
    pub common: NmsSettings,
    /// number of the CUDA device
    #[schemars(range(max = 255))]
    pub device: u32,
}

impl Settings for GpuNmsSettings {
    fn check(&self) -> Result<(), StageError> {
        self.common.check()
    }
}

#[cfg(test)]
mod tests {
    use camweave_stage::Declared;

    use super::*;

    #[test]
    fn the_settings_are_those_of_the_stage_on_the_cpu_and_the_device() {
        let declared = Declared::of([("DEVICE", "3"), ("IOU", "0.7"), ("MAX_DETECTIONS", "9")]);
        let settings = GpuNmsSettings::read(&declared).expect("good values");
        assert_eq!(settings.device, 3);
        let common = NmsSettings {
            iou: 0.7,
            max_detections: 9,
            ..NmsSettings::default()
        };
        assert_eq!(settings.common, common);
        let wrong = Declared::of([("CLASSES", "a,,b")]);
        let error = GpuNmsSettings::read(&wrong).expect_err("an empty name");
        assert!(error.message.contains("CLASSES='a,,b'"), "{error}");
    }
}
