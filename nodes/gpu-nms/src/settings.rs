//! Configuration: that of `cpu-nms`, and the device.

use camweave_cpu_nms::Settings as Common;
use camweave_stage::{Env, Key, StageError};

const DEVICE: Key = Key {
    name: "DEVICE",
    default: Some("0"),
    help: "number of the CUDA device",
};

/// The node's variables.
pub const KEYS: &[Key] = &keys();

const fn keys() -> [Key; camweave_cpu_nms::KEYS.len() + 1] {
    let mut keys = [DEVICE; camweave_cpu_nms::KEYS.len() + 1];
    let mut index = 0;
    while index < camweave_cpu_nms::KEYS.len() {
        keys[index] = camweave_cpu_nms::KEYS[index];
        index += 1;
    }
    keys
}

/// The node's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// As `cpu-nms` has it.
    pub common: Common,
    /// Number of the device.
    pub device: u32,
}

impl Settings {
    /// Reads and checks the node's variables.
    pub fn read(env: &Env) -> Result<Self, StageError> {
        Ok(Self {
            common: Common::read(env)?,
            device: env.number("DEVICE", 0..=255)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_those_of_the_stage_on_the_cpu_and_the_device() {
        let names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
        let (device, common) = names.split_last().expect("keys");
        assert_eq!(*device, "DEVICE");
        let expected: Vec<_> = camweave_cpu_nms::KEYS.iter().map(|key| key.name).collect();
        assert_eq!(common, expected);
        let declared = ["DEVICE".to_owned(), "IOU".to_owned()];
        let value = |name: &str| match name {
            "DEVICE" => Some("3".to_owned()),
            "IOU" => Some("0.7".to_owned()),
            _ => None,
        };
        let env = Env::new(KEYS, &declared, value).expect("known keys");
        let settings = Settings::read(&env).expect("good values");
        assert_eq!((settings.device, settings.common.nms.iou), (3, 0.7));
    }
}
