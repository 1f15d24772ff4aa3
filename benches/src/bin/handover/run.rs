//! What both nodes and the comparison agree on.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The variable that carries a [`Run`] to the nodes.
pub const VARIABLE: &str = "HANDOVER_RUN";
/// Bytes of a frame.
pub const FRAME_BYTES: usize = 3 << 20;
/// Metadata of a frame in dora's shared memory.
pub const SENT: &str = "sent_nanos";
/// Metadata: the frame's number.
pub const SEQUENCE: &str = "sequence";

/// What carries a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// A slot of a pool, and a message with its reference on a `backpressure` edge.
    Pool,
    /// A message of `UInt8`, written in place into dora's shared memory, on a default edge.
    Dora,
}

/// One run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    pub way: Way,
    /// Nodes between sender and receiver.
    pub relays: u32,
    /// Frames per second; 0: as fast as frames come back.
    pub rate: u32,
    /// Frames on their way at most, where the rate is 0.
    pub window: u64,
    /// Frames before the measurement.
    pub warm_up: u64,
    /// Frames of the measurement.
    pub frames: u64,
    /// Where the nodes write what they found.
    pub folder: PathBuf,
}

impl Run {
    pub fn read() -> Result<Self> {
        let text = std::env::var(VARIABLE)
            .with_context(|| format!("env {VARIABLE} is missing: this is a node of a graph"))?;
        serde_json::from_str(&text).with_context(|| format!("env {VARIABLE}='{text}'"))
    }

    pub fn write(&self, name: &str, found: &impl Serialize) -> Result<()> {
        let path = self.folder.join(name);
        // A reader never sees half a file.
        let new = path.with_extension("new");
        std::fs::write(&new, serde_json::to_vec(found)?)
            .and_then(|()| std::fs::rename(&new, &path))
            .with_context(|| format!("cannot write '{}'", path.display()))
    }
}

/// What the sender found.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Sent {
    /// Its CPU time per measured frame, in microseconds.
    pub cpu_micros: f64,
    /// From the begin of a frame's writing to its message being handed to dora, median, in microseconds.
    pub send_p50_micros: f64,
}

/// What a relay found.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Relayed {
    /// Its CPU time per frame, in microseconds.
    pub cpu_micros: f64,
}

/// What the receiver found.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Received {
    /// Frames of the measurement whose bytes could be read.
    pub frames: u64,
    /// Frames whose bytes were not those that were sent.
    pub wrong: u64,
    /// Frames per second, from the first to the last.
    pub fps: f64,
    /// From the begin of the writing to the receiver having the bytes before it.
    pub latency_p50_micros: f64,
    /// The same, 99th percentile.
    pub latency_p99_micros: f64,
    /// The receiver's CPU time per frame, in microseconds.
    pub cpu_micros: f64,
    /// The daemon's, which passes on what goes over a `backpressure` edge.
    pub daemon_cpu_micros: f64,
}

/// The value below which `share` of the sorted `values` lie; 0 of none.
pub fn percentile(values: &mut [i64], share: f64) -> f64 {
    values.sort_unstable();
    let index = (values.len().saturating_sub(1)) as f64 * share;
    values
        .get(index.round() as usize)
        .map_or(0.0, |it| *it as f64)
}
