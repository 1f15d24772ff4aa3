//! The engine alone.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use camweave_benches::cpu;
use camweave_cpu_infer::{Detector, DetectorOptions, EngineChoice};
use camweave_vision::{
    ColorMatrix, ColorRange, Letterbox, LetterboxPlan, Picture, PictureLayout, PixelFormat,
};
use serde::{Deserialize, Serialize};

use crate::Workload;

/// Frames taken of each clip, from its begin.
const FRAMES_PER_CLIP: usize = 8;

/// What the engine did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bare {
    /// The engine.
    pub engine: String,
    /// Threads of one inference.
    pub threads: usize,
    /// Frames per second.
    pub fps: f64,
    /// CPU time per frame, in milliseconds.
    pub cpu_ms: f64,
    /// Cores that other processes of the machine kept busy meanwhile.
    pub other_cores: f64,
}

/// Runs full batches; only the time inside the engine counts.
pub fn measure(workload: &Workload) -> Result<Bare> {
    let batch = usize::from(workload.batch);
    let mut detector = Detector::open(&options(workload)?)?;
    let inputs = inputs(workload, detector.size())?;
    let engine = detector.engine_choice().0.to_owned();
    let (warm_up, seconds) = (workload.warm_up, workload.seconds);
    let (warm_up, wanted) = (
        Duration::from_secs_f64(warm_up),
        Duration::from_secs_f64(seconds),
    );
    let begin = Instant::now();
    let mut machine = None;
    let (mut spent, mut used) = (Duration::ZERO, Duration::ZERO);
    let mut frames = 0_u64;
    let mut next = inputs.iter().cycle();
    while spent < wanted {
        let frame_len = detector.frame_len();
        for place in detector.input(batch).chunks_exact_mut(frame_len) {
            if let Some(input) = next.next() {
                place.copy_from_slice(input);
            }
        }
        if machine.is_none() && begin.elapsed() >= warm_up {
            let own = cpu::of_this_process();
            machine = Some((Instant::now(), cpu::of_machine().unwrap_or_default(), own));
        }
        let (began, before) = (Instant::now(), cpu::of_this_process());
        detector.run(batch, |_, head| {
            std::hint::black_box(head);
        })?;
        if began.duration_since(begin) >= warm_up {
            spent += began.elapsed();
            used += cpu::of_this_process().saturating_sub(before);
            frames += u64::from(workload.batch);
        }
    }
    let (since, all, own) = machine.context("--seconds 0, expected more")?;
    let all = cpu::of_machine().unwrap_or_default().saturating_sub(all);
    let own = cpu::of_this_process().saturating_sub(own);
    Ok(Bare {
        other_cores: all.saturating_sub(own).as_secs_f64() / since.elapsed().as_secs_f64(),
        engine,
        threads: detector.threads(),
        fps: frames as f64 / spent.as_secs_f64(),
        cpu_ms: used.as_secs_f64() * 1e3 / frames as f64,
    })
}

fn options(workload: &Workload) -> Result<DetectorOptions> {
    let words = EngineChoice::WORDS;
    let found = words.iter().find(|(word, _)| *word == workload.engine);
    let (_, engine) = found.ok_or_else(|| {
        anyhow!(
            "--engine '{}', expected auto, rten or onnxruntime",
            workload.engine
        )
    })?;
    Ok(DetectorOptions {
        model: workload.model.clone(),
        engine: *engine,
        library: std::env::var_os("ORT_DYLIB_PATH").map(Into::into),
        threads: workload.threads,
        side: 0,
        max_batch: usize::from(workload.batch),
    })
}

/// Frames of the clips, in turn, as the network's inputs.
fn inputs(workload: &Workload, model: (u32, u32)) -> Result<Vec<Vec<f32>>> {
    let clips = workload.clips.iter().map(|clip| letterboxed(clip, model));
    let clips = clips.collect::<Result<Vec<_>>>()?;
    let mut clips: Vec<_> = clips.into_iter().map(Vec::into_iter).collect();
    let mut inputs = Vec::new();
    for _ in 0..FRAMES_PER_CLIP {
        inputs.extend(clips.iter_mut().filter_map(Iterator::next));
    }
    Ok(inputs)
}

fn letterboxed(clip: &Path, model: (u32, u32)) -> Result<Vec<Vec<f32>>> {
    let path = clip.to_string_lossy();
    let size = output(
        "ffprobe",
        &[
            "-v",
            "error",
            "-select_streams",
            "v:0",
            "-show_entries",
            "stream=width,height",
            "-of",
            "csv=p=0:s=x",
            &path,
        ],
    )?;
    let size = String::from_utf8_lossy(&size);
    let size = size.trim().split_once('x').and_then(|(width, height)| {
        let height = height.trim_end_matches('x');
        Some((width.parse().ok()?, height.parse().ok()?))
    });
    let (width, height) = size.with_context(|| format!("'{path}' has no picture size"))?;
    let frames = FRAMES_PER_CLIP.to_string();
    let data = output(
        "ffmpeg",
        &[
            "-v",
            "error",
            "-i",
            &path,
            "-frames:v",
            &frames,
            "-f",
            "rawvideo",
            "-pix_fmt",
            "yuv420p",
            "-",
        ],
    )?;
    let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
    let layout = PictureLayout::packed(width, height, PixelFormat::I420, matrix, range);
    let letterbox = Letterbox::new((width, height), model)?;
    let mut plan = LetterboxPlan::new(&layout, &letterbox)?;
    let pictures = data.chunks_exact(layout.required_bytes()?);
    pictures
        .map(|data| {
            let mut input = vec![0.0; letterbox.output_len()];
            plan.run(&Picture::new(&layout, data)?, &mut input)?;
            Ok(input)
        })
        .collect()
}

fn output(program: &str, arguments: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot start '{program}'"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!("{program} {}: {}", arguments.join(" "), message.trim());
    }
    Ok(output.stdout)
}
