//! What the graph may set.

use camweave_nvdec::Limits;
use camweave_stage::{Env, Key, StageError};
use camweave_vision::MAX_DIMENSION;

pub(crate) const KEYS: &[Key] = &[
    Key {
        name: "THREADS",
        default: Some("0"),
        help: "threads that feed the decoding engines, for all cameras together; 0: 32. They mostly wait",
    },
    Key {
        name: "SLOTS",
        default: Some("0"),
        help: "frames per pool; 0: 16",
    },
    Key {
        name: "MAX_WIDTH",
        default: Some("8192"),
        help: "the widest picture, in pixels",
    },
    Key {
        name: "MAX_HEIGHT",
        default: Some("8192"),
        help: "the highest picture, in pixels",
    },
    Key {
        name: "CAMERA_MB",
        default: Some("1024"),
        help: "device memory for the pictures of one camera, in MiB; larger pictures are not decoded",
    },
    Key {
        name: "POOLS_MB",
        default: Some("0"),
        help: "device memory for the pictures of all cameras, in MiB; 0: what the device has",
    },
    Key {
        name: "TARGET",
        default: Some(""),
        help: "WIDTHxHEIGHT in pixels: the decoder scales larger pictures down to fit, with their aspect ratio; empty: it does not",
    },
    Key {
        name: "DEVICE",
        default: Some("0"),
        help: "number of the CUDA device",
    },
];

/// Each waits for one picture: enough for four under way on each of 7 engines, so that cameras
/// whose pictures come at once wait for the engines only.
const DEFAULT_THREADS: usize = 32;
/// The smallest target: what the chip's scaler takes.
const MIN_TARGET: u32 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    pub threads: usize,
    /// 0: by default.
    pub slots: u32,
    /// Device memory of one camera's pools.
    pub camera_bytes: u64,
    /// Device memory of all cameras' pools.
    pub total_bytes: u64,
    pub limits: Limits,
    pub device: u32,
}

impl Settings {
    pub fn new(env: &Env) -> Result<Self, StageError> {
        Ok(Self {
            threads: match env.number("THREADS", 0..=256_usize)? {
                0 => DEFAULT_THREADS,
                threads => threads,
            },
            slots: env.number("SLOTS", 0..=camweave_pool::MAX_SLOTS)?,
            camera_bytes: env.number("CAMERA_MB", 1..=65_536_u64)? << 20,
            total_bytes: match env.number("POOLS_MB", 0..=16_777_216_u64)? {
                0 => u64::MAX,
                mebibytes => mebibytes << 20,
            },
            limits: Limits {
                max_width: env.number("MAX_WIDTH", 16..=MAX_DIMENSION)?,
                max_height: env.number("MAX_HEIGHT", 16..=MAX_DIMENSION)?,
                target: env.text("TARGET")?.map(target).transpose()?,
            },
            device: env.number("DEVICE", 0..=255)?,
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
    use super::*;

    fn settings(values: &[(&str, &str)]) -> Result<Settings, StageError> {
        let declared: Vec<String> = values.iter().map(|(name, _)| (*name).to_owned()).collect();
        let env = Env::new(KEYS, &declared, |name| {
            let value = values.iter().find(|(key, _)| *key == name);
            value.map(|(_, value)| (*value).to_owned())
        })?;
        Settings::new(&env)
    }

    #[test]
    fn defaults_and_a_target() {
        let defaults = settings(&[]).expect("all have defaults");
        assert_eq!(
            (defaults.threads, defaults.slots, defaults.device),
            (32, 0, 0)
        );
        assert_eq!(defaults.limits.target, None);
        let scaled = settings(&[("TARGET", "1281x720"), ("THREADS", "3")]).expect("valid");
        assert_eq!(scaled.limits.target, Some((1280, 720)), "even sides");
        assert_eq!(scaled.threads, 3);
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
