use std::path::PathBuf;

use camweave_stage::Exit;
use clap::{Args, ValueEnum};

use crate::ab::frame_size;
use crate::error::CliError;
use crate::shipped;

/// Which graph runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Topology {
    /// One inference for the frames of all cameras at once.
    Batched,
    /// One inference per frame.
    Sequential,
    /// As batched, with all stages from decoder to tracker in one process.
    Fused,
}

impl Topology {
    pub fn name(self) -> &'static str {
        match self {
            Self::Batched => "batched",
            Self::Sequential => "sequential",
            Self::Fused => "fused",
        }
    }
}

/// What decodes and detects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The GPU if everything that its graphs need is there, otherwise the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU.
    Gpu,
}

/// The demo's options.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Number of simulated cameras
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=400))]
    pub cameras: u32,
    /// Length of the run, in seconds
    #[arg(long, default_value_t = 30.0)]
    pub seconds: f64,
    /// With or without the batcher, or batched in one process
    #[arg(long, value_enum, default_value_t = Topology::Batched)]
    pub topology: Topology,
    /// What decodes and detects
    #[arg(long, value_enum, default_value_t = Device::Auto)]
    pub device: Device,
    /// Frames per second of each simulated camera
    #[arg(long, default_value = "8")]
    pub fps: String,
    /// Frame size of each simulated camera
    #[arg(long, value_name = "WxH", default_value = "640x360", value_parser = frame_size)]
    pub size: String,
    /// Codec of each simulated camera
    #[arg(long, default_value = "h264", value_parser = ["h264", "h265"])]
    pub codec: String,
    /// A media file that the cameras show instead of rendered scenes; may be repeated
    #[arg(long, value_name = "FILE")]
    pub media: Vec<PathBuf>,
    /// Your own cameras instead of simulated ones
    #[arg(long, value_name = "cameras.yml", conflicts_with_all = ["media", "cameras", "fps", "size", "codec", "seed"])]
    pub cameras_file: Option<PathBuf>,
    /// The detector: an Ultralytics-style ONNX file [default: camweave-street-448x256.onnx of the shipped models]
    #[arg(long, value_name = "FILE.onnx")]
    pub model: Option<PathBuf>,
    /// Seed of the rendered scenes; the detector was trained on none of them
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The folder for the results
    #[arg(long, value_name = "FOLDER", default_value = "out/demo")]
    pub out: PathBuf,
}

impl Options {
    /// Checks what the command line's parser cannot.
    pub fn check(&self) -> Result<(), CliError> {
        if !(self.seconds.is_finite() && (1.0..=86_400.0).contains(&self.seconds)) {
            return Err(CliError::new(
                Exit::Configuration,
                format!(
                    "--seconds {}: expected a number from 1 to 86400",
                    self.seconds
                ),
            ));
        }
        Ok(())
    }

    /// The shipped graph, on the GPU if that is asked for or at hand.
    ///
    /// `missing` tells what the GPU graphs lack on this machine, if anything.
    pub fn graph(&self, missing: impl FnOnce() -> Option<String>) -> Result<String, CliError> {
        let name = self.topology.name();
        let (cpu, gpu) = (format!("cpu-{name}.yml"), format!("gpu-{name}.yml"));
        if self.device == Device::Cpu {
            return Ok(cpu);
        }
        match missing() {
            None => Ok(gpu),
            Some(lacking) if self.device == Device::Gpu => Err(CliError::new(
                Exit::Missing,
                format!("--device gpu: {lacking}; --device cpu ({cpu}) does the same on the CPU"),
            )),
            Some(_) => Ok(cpu),
        }
    }

    /// The detector's file.
    pub fn model(&self) -> Result<PathBuf, CliError> {
        let Some(path) = &self.model else {
            return shipped::model(shipped::DETECTOR);
        };
        path.canonicalize()
            .map_err(|error| CliError::file("open the model", path, &error))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn graph(arguments: &[&str], missing: Option<&str>) -> Result<String, CliError> {
        let line = Line::parse_from([&["demo"], arguments].concat());
        line.options.graph(|| missing.map(str::to_owned))
    }

    #[test]
    fn the_gpu_graph_is_taken_where_it_can_run() {
        let is = |result: Result<String, CliError>, name: &str| {
            assert_eq!(result.expect("a graph"), name);
        };
        is(graph(&[], None), "gpu-batched.yml");
        is(graph(&[], Some("no GPU")), "cpu-batched.yml");
        is(graph(&["--device", "cpu"], None), "cpu-batched.yml");
        is(graph(&["--topology", "fused"], None), "gpu-fused.yml");
    }

    #[test]
    fn without_a_gpu_the_line_names_what_lacks_and_the_cpu_graph() {
        let missing = Some("CUDA driver: libcuda.so.1 not found");
        let error = graph(&["--device", "gpu"], missing).expect_err("no GPU");
        assert_eq!(error.exit, Exit::Missing);
        for part in ["libcuda.so.1 not found", "cpu-batched.yml"] {
            assert!(error.message.contains(part), "{error}");
        }
        assert!(!error.message.contains('\n'), "{error}");
    }
}
