//! Configuration.

use std::path::PathBuf;
use std::time::Duration;

use camweave_stage::{Env, Key, StageError};

use crate::engine::{EngineChoice, Libraries};
use crate::network::DetectorOptions;

/// The node's variables.
pub(crate) const KEYS: &[Key] = &[
    Key {
        name: "MODEL",
        default: None,
        help: "path of a detector's ONNX file",
    },
    Key {
        name: "ENGINE",
        default: Some("auto"),
        help: "auto, openvino, onnxruntime or rten; auto: the fastest of those whose library is found (rten needs none), measured once per model and machine",
    },
    Key {
        name: "ORT_DYLIB_PATH",
        default: Some(""),
        help: "path of libonnxruntime.so; else looked for beside the model and the program, and by the system's loader",
    },
    Key {
        name: "OPENVINO_DYLIB_PATH",
        default: Some(""),
        help: "path of libopenvino_c.so; else looked for likewise",
    },
    Key {
        name: "THREADS",
        default: Some("0"),
        help: "threads, 0 = all cores",
    },
    Key {
        name: "SIZE",
        default: Some("0"),
        help: "side of the network's square input in pixels, for a model with a dynamic one; 0 = what the file says",
    },
    Key {
        name: "MAX_BATCH",
        default: Some("8"),
        help: "frames that are taken at once, of those that wait, unless there are more threads; 1 = the sequential topology",
    },
    Key {
        name: "MAX_WAIT_MS",
        default: Some("400"),
        help: "milliseconds that a frame may wait while a newer one of its camera waits too; if at most 1000, a quarter of it for 2 s after a frame has waited longer",
    },
    Key {
        name: "QUEUE",
        default: Some("16"),
        help: "frames of one camera that may wait",
    },
    Key {
        name: "HEAD_SLOTS",
        default: Some("64"),
        help: "network outputs kept for the stages behind, one per frame, at least MAX_BATCH",
    },
];

/// The node's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What network, and how.
    pub detector: DetectorOptions,
    /// How long a frame may wait while a newer one of its camera waits too.
    pub max_wait: Duration,
    /// Frames of one camera that may wait.
    pub per_camera: usize,
    /// Slots of the pool of heads, one per frame.
    pub head_slots: u32,
}

impl Settings {
    /// Reads and checks the node's variables.
    ///
    /// # Errors
    /// Names the variable, its value and what was expected.
    pub fn read(env: &Env) -> Result<Self, StageError> {
        let max_batch = env.number("MAX_BATCH", 1..=256)?;
        let head_slots = env.number::<u32>("HEAD_SLOTS", 1..=4096)?;
        if (head_slots as usize) < max_batch {
            return Err(StageError::configuration(format!(
                "env HEAD_SLOTS='{head_slots}', expected at least MAX_BATCH ({max_batch})"
            )));
        }
        Ok(Self {
            detector: DetectorOptions {
                model: PathBuf::from(env.required("MODEL")?),
                engine: env.choice("ENGINE", EngineChoice::WORDS)?,
                libraries: Libraries {
                    onnxruntime: env.text("ORT_DYLIB_PATH")?.map(PathBuf::from),
                    openvino: env.text("OPENVINO_DYLIB_PATH")?.map(PathBuf::from),
                },
                threads: env.number("THREADS", 0..=1024)?,
                side: env.number("SIZE", 0..=8192)?,
                max_batch,
            },
            max_wait: Duration::from_millis(env.number("MAX_WAIT_MS", 0..=60_000)?),
            per_camera: env.number("QUEUE", 1..=4096)?,
            head_slots,
        })
    }
}
