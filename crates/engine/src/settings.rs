//! Settings.

use std::path::PathBuf;

use camweave_detect::infer::QueueSettings;
use camweave_stage::Required;
use camweave_tensorrt::Precision;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the graph may set. Those that `cpu-infer` has too mean the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct TrtInferSettings {
    /// path of a detector's ONNX file, or of a plan for this TensorRT and GPU
    pub model: Required<PathBuf>,
    /// side of the network's square input, for an ONNX file with a dynamic one; 0 = from the file
    #[schemars(range(max = 8192), extend("unit" = "pixels"))]
    pub size: u32,
    /// maximum frames of one inference, for which an engine is built and memory is allocated
    #[schemars(range(min = 1, max = 256), extend("unit" = "frames"))]
    pub max_batch: u32,
    /// maximum number of waiting frames in one inference; 0 = `MAX_BATCH`, 1 = the sequential
    /// topology
    #[schemars(range(max = 256), extend("unit" = "frames"))]
    pub batch: u32,
    /// frames of one inference that an engine is tuned for when it is built; 0 = `MAX_BATCH`
    #[schemars(range(max = 256), extend("unit" = "frames"))]
    pub opt_batch: u32,
    /// precision that the network computes in, for an ONNX file; from TensorRT 11 on it must be the
    /// file's own
    pub precision: Precision,
    /// TensorRT's builder optimization level, 0 (builds quickly) to 5, for an ONNX file
    #[schemars(range(max = 5))]
    pub level: u8,
    /// number of the CUDA device
    #[schemars(range(max = 255))]
    pub device: u32,
    /// batches under way at once, each with a stream and memory of its own
    #[schemars(range(min = 1, max = 8), extend("unit" = "batches"))]
    pub ring: usize,
    /// As all stages with a network have them.
    #[serde(flatten)]
    pub waiting: QueueSettings,
    /// slots for network outputs, read by the downstream stages, one per frame, at least
    /// `MAX_BATCH`; 0: a fiftieth of the device's memory, at least three batches and at most 1024
    #[schemars(range(max = 4096), extend("unit" = "slots"))]
    pub head_slots: u32,
}

impl Default for TrtInferSettings {
    fn default() -> Self {
        Self {
            model: Required::default(),
            size: 0,
            max_batch: 32,
            batch: 0,
            opt_batch: 0,
            precision: Precision::Fp16,
            level: 3,
            device: 0,
            ring: 2,
            waiting: QueueSettings::default(),
            head_slots: 0,
        }
    }
}

/// Slots of heads that are chosen at most. At 4,000 frames/s, 139 cameras, the stages behind now and
/// then come 25 ms late, which are a hundred frames.
const MOST_HEAD_SLOTS: usize = 1024;

impl TrtInferSettings {
    /// Slots of heads of `head_bytes` on a device that has `device_bytes`.
    #[must_use]
    pub fn head_slots_on(&self, device_bytes: usize, head_bytes: usize) -> u32 {
        if self.head_slots != 0 {
            return self.head_slots;
        }
        let fit = (device_bytes / 50 / head_bytes.max(1)).min(MOST_HEAD_SLOTS);
        (fit as u32).max(3 * self.max_batch)
    }

    /// Frames of one inference that an engine is tuned for.
    #[must_use]
    pub fn tuned_batch(&self) -> u32 {
        match self.opt_batch {
            0 => self.max_batch,
            frames => frames,
        }
    }
}
