//! Configuration.

use std::path::PathBuf;
use std::time::Duration;

use camweave_stage::{Env, Key, StageError};
use camweave_tensorrt::Precision;

/// The node's variables. Those that `cpu-infer` has too mean the same.
pub(crate) const KEYS: &[Key] = &[
    Key {
        name: "MODEL",
        default: None,
        help: "path of a detector's ONNX file, or of a plan for this TensorRT and GPU",
    },
    Key {
        name: "SIZE",
        default: Some("0"),
        help: "side of the network's square input in pixels, for an ONNX file with a dynamic one; 0 = what the file says",
    },
    Key {
        name: "MAX_BATCH",
        default: Some("32"),
        help: "frames of one inference at most, for which an engine is built and memory is taken",
    },
    Key {
        name: "BATCH",
        default: Some("0"),
        help: "frames of one inference at most, of those that wait; 0 = MAX_BATCH, 1 = the sequential topology",
    },
    Key {
        name: "OPT_BATCH",
        default: Some("0"),
        help: "frames of one inference that an engine is tuned for when it is built; 0 = MAX_BATCH",
    },
    Key {
        name: "PRECISION",
        default: Some("fp16"),
        help: "fp16 or fp32, for an ONNX file; from TensorRT 11 on it must be the file's own",
    },
    Key {
        name: "LEVEL",
        default: Some("3"),
        help: "TensorRT's builder optimization level, 0 (builds quickly) to 5, for an ONNX file",
    },
    Key {
        name: "DEVICE",
        default: Some("0"),
        help: "number of the CUDA device",
    },
    Key {
        name: "RING",
        default: Some("2"),
        help: "batches under way at once, each with a stream and memory of its own",
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
        default: Some("0"),
        help: "network outputs kept for the stages behind, one per frame, at least MAX_BATCH; 0: a fiftieth of the device's memory, at least three batches and at most 1024",
    },
];

/// The node's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The ONNX file or plan.
    pub model: PathBuf,
    /// Side of the square input in pixels, for a dynamic one; 0: the exporter's.
    pub side: u32,
    /// Frames of one inference at most.
    pub max_batch: u32,
    /// Frames of one inference at most, as long as the engine is this one; 0: as many as it takes.
    pub batch: u32,
    /// Frames of one inference that an engine is tuned for.
    pub opt_batch: u32,
    /// What the network computes in.
    pub precision: Precision,
    /// TensorRT's builder optimization level.
    pub level: u8,
    /// The CUDA device.
    pub device: u32,
    /// Batches under way at once.
    pub ring: usize,
    /// How long a frame may wait while a newer one of its camera waits too.
    pub max_wait: Duration,
    /// Frames of one camera that may wait.
    pub per_camera: usize,
    /// Slots of the pool of heads, one per frame; 0: by the device's memory.
    pub head_slots: u32,
}

/// Slots of heads that are chosen at most. At 4,000 frames/s, 139 cameras, the stages behind now and
/// then come 25 ms late, which are a hundred frames.
const MOST_HEAD_SLOTS: usize = 1024;

impl Settings {
    /// Slots of heads of `head_bytes` on a device that has `device_bytes`.
    #[must_use]
    pub fn head_slots_on(&self, device_bytes: usize, head_bytes: usize) -> u32 {
        if self.head_slots != 0 {
            return self.head_slots;
        }
        let fit = (device_bytes / 50 / head_bytes.max(1)).min(MOST_HEAD_SLOTS);
        (fit as u32).max(3 * self.max_batch)
    }

    /// Reads and checks the node's variables.
    ///
    /// # Errors
    /// Names the variable, its value and what was expected.
    pub fn read(env: &Env) -> Result<Self, StageError> {
        let max_batch = env.number::<u32>("MAX_BATCH", 1..=256)?;
        let opt_batch = match env.number::<u32>("OPT_BATCH", 0..=256)? {
            0 => max_batch,
            opt if opt <= max_batch => opt,
            opt => {
                return Err(StageError::configuration(format!(
                    "env OPT_BATCH='{opt}', expected at most MAX_BATCH ({max_batch})"
                )));
            }
        };
        let head_slots = env.number::<u32>("HEAD_SLOTS", 0..=4096)?;
        if head_slots != 0 && head_slots < max_batch {
            return Err(StageError::configuration(format!(
                "env HEAD_SLOTS='{head_slots}', expected at least MAX_BATCH ({max_batch})"
            )));
        }
        Ok(Self {
            model: PathBuf::from(env.required("MODEL")?),
            side: env.number("SIZE", 0..=8192)?,
            max_batch,
            batch: env.number("BATCH", 0..=256)?,
            opt_batch,
            precision: env.choice("PRECISION", Precision::WORDS)?,
            level: env.number("LEVEL", 0..=5)?,
            device: env.number("DEVICE", 0..=255)?,
            ring: env.number("RING", 1..=8)?,
            max_wait: Duration::from_millis(env.number("MAX_WAIT_MS", 0..=60_000)?),
            per_camera: env.number("QUEUE", 1..=4096)?,
            head_slots,
        })
    }
}
