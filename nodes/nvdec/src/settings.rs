//! Settings.

use camweave_nvdec::Limits;
use camweave_pool::MAX_SLOTS;
use camweave_stage::{Settings, StageError};
use camweave_vision::MAX_DIMENSION;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Each waits for one picture: enough for four under way on each of 7 engines, so that cameras
/// whose pictures come at once wait for the engines only.
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
    /// frames per pool; 0: 16
    #[schemars(range(max = MAX_SLOTS), extend("unit" = "slots"))]
    pub slots: u32,
    /// the widest frame
    #[schemars(range(min = 16, max = MAX_DIMENSION), extend("unit" = "pixels"))]
    pub max_width: u32,
    /// the highest frame
    #[schemars(range(min = 16, max = MAX_DIMENSION), extend("unit" = "pixels"))]
    pub max_height: u32,
    /// device memory for the frames of one camera; larger frames are not decoded
    #[schemars(range(min = 1, max = 65_536), extend("unit" = "MiB"))]
    pub camera_mb: u64,
    /// device memory for the frames of all cameras; 0: what the device has
    #[schemars(range(max = 16_777_216), extend("unit" = "MiB"))]
    pub pools_mb: u64,
    /// WIDTHxHEIGHT in pixels: the decoder scales larger frames down to fit, with their aspect
    /// ratio; not set: it does not
    pub target: String,
    /// number of the CUDA device
    #[schemars(range(max = 255))]
    pub device: u32,
}

impl Default for NvdecSettings {
    fn default() -> Self {
        Self {
            threads: 0,
            slots: 0,
            max_width: 8192,
            max_height: 8192,
            camera_mb: 1024,
            pools_mb: 0,
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

    /// Device memory of one camera's pools, in bytes.
    pub(crate) fn camera_bytes(&self) -> u64 {
        self.camera_mb << 20
    }

    /// Device memory of all cameras' pools, in bytes.
    pub(crate) fn total_bytes(&self) -> u64 {
        match self.pools_mb {
            0 => u64::MAX,
            mebibytes => mebibytes << 20,
        }
    }

    /// What frames may be, and are scaled to.
    pub(crate) fn limits(&self) -> Result<Limits, StageError> {
        let target = (!self.target.is_empty()).then(|| target(&self.target));
        Ok(Limits {
            max_width: self.max_width,
            max_height: self.max_height,
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
            (defaults.threads(), defaults.slots, defaults.device),
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
