//! Settings.

use camweave_decode::FrameSettings;
use camweave_nvdec::Limits;
use camweave_stage::{Settings, StageError};
use camweave_vision::MAX_DIMENSION;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Each waits for one frame: enough for four under way on each of 7 engines, so that cameras
/// whose frames come at once wait for the engines only.
const DEFAULT_THREADS: usize = 32;
/// The smallest target: what the chip's scaler takes.
const MIN_TARGET: u32 = 16;

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct NvdecSettings {
    /// threads that feed the decoding engines, for all cameras together; 0: 32. They mostly wait
    #[schemars(range(max = 256), extend("unit" = "threads"))]
    pub threads: usize,
    /// As all decoding stages have them.
    #[serde(flatten)]
    pub frames: FrameSettings,
    /// device memory for the frames of one camera; larger frames are dropped as too_large
    #[schemars(range(min = 1, max = 65_536), extend("unit" = "MiB"))]
    pub camera_mb: u64,
    /// WIDTHxHEIGHT in pixels: the decoder scales larger frames down to fit, keeping their aspect
    /// ratio; not set: no scaling
    pub target: String,
    /// number of the CUDA device
    #[schemars(range(max = 255))]
    pub device: u32,
}

impl Default for NvdecSettings {
    fn default() -> Self {
        Self {
            threads: 0,
            frames: FrameSettings::default(),
            camera_mb: 1024,
            target: String::new(),
            device: 0,
        }
    }
}

impl Settings for NvdecSettings {
    fn check(&self) -> Result<(), StageError> {
        self.limits().map(drop)
    }
}

impl NvdecSettings {
    pub(crate) fn threads(&self) -> usize {
        match self.threads {
            0 => DEFAULT_THREADS,
            threads => threads,
        }
    }

    /// What frames may be, and are scaled to.
    pub(crate) fn limits(&self) -> Result<Limits, StageError> {
        let target = (!self.target.is_empty()).then(|| target(&self.target));
        Ok(Limits {
            max_width: self.frames.max_width,
            max_height: self.frames.max_height,
            target: target.transpose()?,
        })
    }
}

fn target(text: &str) -> Result<(u32, u32), StageError> {
    let side = |text: &str| {
        let side = text.parse::<u32>().ok()?;
        (MIN_TARGET..=MAX_DIMENSION)
            .contains(&side)
            .then_some(side / 2 * 2)
    };
    text.split_once('x')
        .and_then(|(width, height)| Some((side(width)?, side(height)?)))
        .ok_or_else(|| {
            StageError::configuration(format!(
                "env TARGET='{text}', expected WIDTHxHEIGHT with sides of {MIN_TARGET} to {MAX_DIMENSION} pixels, such as 1280x720"
            ))
        })
}

#[cfg(test)]
mod tests {
    use camweave_stage::Declared;

    use super::*;

    fn settings(values: &[(&str, &str)]) -> Result<NvdecSettings, StageError> {
        NvdecSettings::read(&Declared::of(values.iter().copied()))
    }

    #[test]
    fn defaults_and_a_target() {
        let target = |settings: &NvdecSettings| settings.limits().expect("valid").target;
        let defaults = settings(&[]).expect("all have defaults");
        assert_eq!(
            (defaults.threads(), defaults.frames.slots, defaults.device),
            (32, 0, 0)
        );
        assert_eq!(target(&defaults), None);
        let scaled = settings(&[("TARGET", "1281x720"), ("THREADS", "3")]).expect("valid");
        assert_eq!(target(&scaled), Some((1280, 720)), "even sides");
        assert_eq!(scaled.threads(), 3);
    }

    #[test]
    fn a_wrong_value_is_named_with_what_was_expected() {
        for value in ["640", "640x", "0x640", "640x99999", "axb", "640X640"] {
            let error = settings(&[("TARGET", value)]).expect_err("must be refused");
            assert_eq!(error.exit, camweave_stage::Exit::Configuration);
            let found = format!("'{value}'");
            assert!(error.message.contains(&found), "{error}");
            assert!(error.message.contains("1280x720"), "{error}");
        }
        let error = settings(&[("THREADS", "257")]).expect_err("must be refused");
        assert!(error.message.contains("THREADS"), "{error}");
    }
}
