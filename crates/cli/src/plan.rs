//! `camweave plan`: what this machine carries, without cameras.

use std::path::PathBuf;

use camweave_stage::Exit;
use clap::Args;

use crate::ab::frame_size;
use crate::error::CliError;
use crate::init::{Capacity, Device, Measuring, Planned, capacity, chosen};
use crate::run::interruption;
use crate::say::{note, say};

/// The cameras to plan for.
#[derive(Debug, Args)]
pub struct Options {
    /// How many cameras
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    cameras: u32,
    /// Frames per second of each
    #[arg(long, default_value_t = 25.0)]
    fps: f64,
    /// Size of their frames
    #[arg(long, value_name = "WxH", default_value = "1920x1080", value_parser = frame_size)]
    size: String,
    /// What runs the detector
    #[arg(long, value_enum, default_value_t = Device::Auto)]
    device: Device,
    /// Another detector than the one for simulated streets
    #[arg(long, value_name = "FILE.onnx")]
    model: Option<PathBuf>,
}

/// Measures the machine for half a minute, and prints how often the cameras can be detected on.
///
/// # Errors
/// What makes the measurement impossible.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    crate::ab::between("--fps", options.fps, 0.1, 1000.0)?;
    let device = chosen(options.device)?;
    let interrupted = interruption()?;
    let folder = tempfile::tempdir()
        .map_err(|error| CliError::file("create", &std::env::temp_dir(), &error))?;
    let model = match crate::ab::absolute(options.model.as_ref())? {
        Some(model) => model,
        None => crate::shipped::model(crate::shipped::DETECTOR)?,
    };
    note!("measuring this machine: about half a minute ...");
    let measuring = Measuring {
        graph: device.measured(),
        model: Some(&model),
        size: options.size.clone(),
        out: folder.path(),
    };
    let capacity = capacity(&measuring, &interrupted)?;
    for line in lines(&capacity, options) {
        say!("{line}");
    }
    Ok(Exit::Success)
}

fn lines(capacity: &Capacity, options: &Options) -> Vec<String> {
    let (count, fps) = (options.cameras, options.fps);
    let rates = vec![fps; count as usize];
    let mut lines = vec![format!(
        "measured: {:.1} frames/s of {}, each detected on{}",
        capacity.frames_per_second,
        options.size,
        match capacity.is_on_gpu {
            true => String::new(),
            false => format!(
                "; CPU time of a frame: {:.1} ms to decode, {:.1} ms to detect",
                capacity.decode_ms, capacity.detect_ms
            ),
        }
    )];
    let all = f64::from(count) * fps;
    let percent = |detected: f64| 100.0 * capacity.load(all, f64::from(count) * detected);
    lines.push(match capacity.plan(&rates) {
        Planned::All => format!(
            "{count} cameras of {fps} frames/s: every frame is detected on, {:.0} % of this machine",
            percent(fps)
        ),
        Planned::DetectFps(rate) => format!(
            "{count} cameras of {fps} frames/s: detect_fps: {rate}, {:.0} % of this machine",
            percent(rate.min(fps))
        ),
        Planned::TooMany => format!("{count} cameras of {fps} frames/s: too many for this machine"),
    });
    let mut carried = vec![("every frame".to_owned(), fps)];
    let fewer = [10.0, 5.0, 1.0].into_iter().filter(|rate| *rate < fps);
    carried.extend(fewer.map(|rate| (format!("detect_fps: {rate}"), rate)));
    lines.extend(carried.into_iter().map(|(name, rate)| {
        let (planned, limit) = (capacity.cameras(fps, rate), capacity.limit(fps, rate));
        format!("  {name:<15} up to {planned} cameras; the machine is full with {limit}")
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_to_write_and_what_else_would_fit() {
        let capacity = Capacity {
            frames_per_second: 100.0,
            decode_ms: 4.0,
            detect_ms: 16.0,
            is_on_gpu: false,
        };
        let options = Options {
            cameras: 4,
            fps: 25.0,
            size: "640x360".to_owned(),
            device: Device::Cpu,
            model: None,
        };
        assert_eq!(
            lines(&capacity, &options),
            [
                "measured: 100.0 frames/s of 640x360, each detected on; CPU time of a frame: 4.0 ms to decode, 16.0 ms to detect",
                "4 cameras of 25 frames/s: detect_fps: 15, 68 % of this machine",
                "  every frame     up to 3 cameras; the machine is full with 4",
                "  detect_fps: 10  up to 6 cameras; the machine is full with 7",
                "  detect_fps: 5   up to 8 cameras; the machine is full with 11",
                "  detect_fps: 1   up to 13 cameras; the machine is full with 17",
            ]
        );
    }
}
