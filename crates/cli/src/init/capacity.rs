//! How many cameras this machine carries: measured once, with what the graph costs per frame.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread::available_parallelism;

use camweave_outdir::Folder;
use camweave_stage::Exit;
use camweave_telemetry::SpanMode;

use crate::ab::{self, FootageOptions};
use crate::engine;
use crate::error::CliError;
use crate::run::{Feeder, Footage, Pace, Plan, measure};

/// Of what was measured as fast as possible, so much is planned for: cameras do not come evenly, and
/// an operator's machine does other things as well.
const PLANNED: f64 = 0.8;
/// Frames per second to detect on, from which the first that fits is taken.
const RATES: [f64; 11] = [30.0, 25.0, 15.0, 12.0, 10.0, 8.0, 5.0, 4.0, 3.0, 2.0, 1.0];
/// Files that are played at once, so that no stage waits: a camera's frames are decoded one after the
/// other, so as many as there are cores, within these bounds, ...
const CAMERAS: RangeInclusive<usize> = 4..=64;
/// ... and on a GPU so many, with which its decoders and the engine's batches are full.
const CAMERAS_ON_GPU: usize = 16;
/// Seconds that are measured, and before that.
const SECONDS: f64 = 10.0;
const WARM_UP: f64 = 3.0;
/// Kinds of stage that a frame passes that is not detected on.
const DECODING: [&str; 4] = ["file-source", "rtsp-source", "sw-decode", "nvdec"];

/// What a graph carries on this machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Capacity {
    /// Frames per second, each of them detected on.
    pub frames_per_second: f64,
    /// CPU time of a frame up to its decoder, in milliseconds.
    pub decode_ms: f64,
    /// CPU time of a frame after its decoder, in milliseconds.
    pub detect_ms: f64,
    /// Whether a GPU does the work, so that CPU time is not what limits it.
    pub is_on_gpu: bool,
}

impl Capacity {
    /// The plan for cameras of these frame rates.
    pub fn plan(&self, rates: &[f64]) -> Planned {
        let decoded: f64 = rates.iter().sum();
        let fits = |detected: f64| self.load(decoded, detected) <= PLANNED * (1.0 + 1e-9);
        if fits(decoded) {
            return Planned::All;
        }
        let detected = |rate: &f64| rates.iter().map(|fps| fps.min(*rate)).sum::<f64>();
        let rate = RATES.into_iter().find(|rate| fits(detected(rate)));
        rate.map_or(Planned::TooMany, Planned::DetectFps)
    }

    /// The part of this machine that so many frames per second take; at more than 1, frames are
    /// dropped.
    pub fn load(&self, decoded: f64, detected: f64) -> f64 {
        if self.is_on_gpu {
            // Decoder and detector are different parts of a GPU: what both do at once is known.
            return decoded / self.frames_per_second;
        }
        let cost = decoded * self.decode_ms + detected * self.detect_ms;
        cost / (self.frames_per_second * (self.decode_ms + self.detect_ms))
    }

    /// How many cameras of this frame rate, detected on so often, take at most this part of the
    /// machine.
    fn within(&self, most_load: f64, fps: f64, detect_fps: f64) -> u32 {
        let detected = detect_fps.min(fps);
        let fits = |count: u32| {
            let count = f64::from(count);
            self.load(count * fps, count * detected) <= most_load * (1.0 + 1e-9)
        };
        // Each camera costs the same, so what fits has no gaps.
        let (mut most, mut too_many) = (0, 1);
        while fits(too_many) && too_many < 1 << 20 {
            (most, too_many) = (too_many, too_many * 2);
        }
        while too_many - most > 1 {
            let middle = most + (too_many - most) / 2;
            if fits(middle) {
                most = middle;
            } else {
                too_many = middle;
            }
        }
        most
    }

    /// How many cameras of this frame rate, detected on so often, are planned for.
    pub fn cameras(&self, fps: f64, detect_fps: f64) -> u32 {
        self.within(PLANNED, fps, detect_fps)
    }

    /// At how many cameras the machine is full.
    pub fn limit(&self, fps: f64, detect_fps: f64) -> u32 {
        self.within(1.0, fps, detect_fps)
    }
}

/// How often cameras can be detected on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Planned {
    /// On each frame.
    All,
    /// So many times a second.
    DetectFps(f64),
    /// Not once a second, or they cannot all be decoded.
    TooMany,
}

/// What is measured.
pub struct Measuring<'a> {
    /// A shipped graph.
    pub graph: &'a str,
    /// Another detector than the graph's.
    pub model: Option<&'a Path>,
    /// Size of the frames, such as `1920x1080`.
    pub size: String,
    /// Where it is written.
    pub out: &'a Path,
}

/// Runs a graph as fast as it can for a few seconds.
///
/// # Errors
/// What makes that impossible.
pub fn capacity(what: &Measuring<'_>, interrupted: &AtomicBool) -> Result<Capacity, CliError> {
    let footage = FootageOptions {
        cameras: 1,
        pace: Some(Pace::Fast),
        fps: 25.0,
        detect_fps: None,
        seed: 1,
        size: what.size.clone(),
        files: Vec::new(),
        cameras_file: None,
        env: Vec::new(),
    };
    let graph = ab::open(Path::new(what.graph), &footage)?;
    let is_on_gpu = graph.kind_on_a_gpu().is_some();
    let _lock = ab::Lock::take(std::slice::from_ref(&graph))?;
    engine::prepare([&graph], what.model, interrupted)?;
    let out = Folder::open(what.out)?;
    // One clip serves all: what is in it costs next to nothing.
    let one = Footage {
        pace: Pace::Fast,
        cameras: 1,
        fps: footage.fps,
        detect_fps: None,
        seed: footage.seed,
        size: what.size.clone(),
        files: Vec::new(),
        own: None,
    };
    let feeder = Feeder::new(one, &out)?.first(files_at_once(is_on_gpu));
    let plan = Plan {
        graph: &graph,
        feeder: &feeder,
        warm_up: WARM_UP,
        seconds: SECONDS,
        model: what.model.map(Path::to_owned),
        stages: Vec::new(),
        spans: SpanMode::Stats,
        wrapper: Vec::new(),
        out: &out,
        name: "measure".to_owned(),
    };
    let run = measure(&plan, interrupted, &mut |_, _| {})?.run;
    if let Some(reason) = &run.partial {
        return Err(CliError::new(
            Exit::Incomplete,
            format!("the measurement is not whole: {reason}"),
        ));
    }
    let decoding: Vec<String> = DECODING
        .iter()
        .flat_map(|kind| graph.stages(kind))
        .map(|node| node.id.to_string())
        .collect();
    let cost = |is_wanted: &dyn Fn(&str) -> bool| {
        let nodes = run.nodes.iter().filter(|(node, _)| is_wanted(node));
        nodes.map(|(_, node)| node.cpu_ms).sum::<f64>()
    };
    Ok(Capacity {
        frames_per_second: run.combined_fps,
        decode_ms: cost(&|node| decoding.iter().any(|it| it == node)),
        detect_ms: cost(&|node| !decoding.iter().any(|it| it == node)),
        is_on_gpu,
    })
}

fn files_at_once(is_on_gpu: bool) -> u32 {
    if is_on_gpu {
        return CAMERAS_ON_GPU as u32;
    }
    let cores = available_parallelism().map_or(*CAMERAS.start(), usize::from);
    cores.clamp(*CAMERAS.start(), *CAMERAS.end()) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 frames/s of 20 ms: two cores.
    const CPU: Capacity = Capacity {
        frames_per_second: 100.0,
        decode_ms: 4.0,
        detect_ms: 16.0,
        is_on_gpu: false,
    };

    #[test]
    fn what_is_not_detected_on_leaves_time_for_other_frames() {
        // 2000 ms a second.
        assert!((CPU.load(100.0, 100.0) - 1.0).abs() < 1e-9);
        assert!((CPU.load(200.0, 50.0) - 0.8).abs() < 1e-9);
        assert!(
            (CPU.load(400.0, 0.0) - 0.8).abs() < 1e-9,
            "all of it is decoding"
        );
        let gpu = Capacity {
            is_on_gpu: true,
            ..CPU
        };
        assert!((gpu.load(80.0, 8.0) - 0.8).abs() < 1e-9);
    }

    #[test]
    fn the_highest_rate_that_fits_is_planned() {
        assert_eq!(CPU.plan(&[25.0; 3]), Planned::All);
        // 100 decoded leave 1200 ms, 75 frames.
        assert_eq!(CPU.plan(&[25.0; 4]), Planned::DetectFps(15.0));
        assert_eq!(CPU.plan(&[25.0, 25.0, 25.0, 5.0]), Planned::All);
        // 300 decoded leave 400 ms: 25 frames for 12 cameras.
        assert_eq!(CPU.plan(&[25.0; 12]), Planned::DetectFps(2.0));
        assert_eq!(CPU.plan(&[25.0; 16]), Planned::TooMany);
        assert_eq!(CPU.plan(&[]), Planned::All);
    }

    #[test]
    fn the_number_of_cameras_is_the_largest_that_is_planned() {
        assert_eq!(CPU.cameras(25.0, 25.0), 3);
        // 25 x 4 and 5 x 16 are 180 ms of 1600.
        assert_eq!(CPU.cameras(25.0, 5.0), 8);
        for (fps, rate) in [(25.0, 5.0), (10.0, 10.0), (30.0, 1.0)] {
            let load = |count: u32| CPU.load(f64::from(count) * fps, f64::from(count) * rate);
            let (planned, limit) = (CPU.cameras(fps, rate), CPU.limit(fps, rate));
            assert!(load(planned) <= PLANNED + 1e-9 && load(planned + 1) > PLANNED);
            assert!(load(limit) <= 1.0 + 1e-9 && load(limit + 1) > 1.0);
        }
        let gpu = Capacity {
            is_on_gpu: true,
            ..CPU
        };
        assert_eq!(gpu.cameras(10.0, 5.0), 8);
        assert_eq!(gpu.plan(&[25.0; 4]), Planned::TooMany);
    }
}
