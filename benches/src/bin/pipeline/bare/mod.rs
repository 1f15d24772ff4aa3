//! The engine alone.

mod inputs;

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use camweave_benches::cpu;
use camweave_cpu_infer::{
    Detector, DetectorOptions, EngineChoice, EngineError, Libraries, Network, Threads,
};
use camweave_runner::machine_nanos;
use serde::{Deserialize, Serialize};

use crate::Workload;

/// What the engine did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bare {
    /// The engine.
    pub engine: String,
    /// Threads of one inference.
    pub threads: usize,
    /// Batch after batch: each begins when the one before has ended.
    pub batches: Speed,
    /// The same inferences on the same threads, none of which waits for another: what the cores can
    /// do of this. The same again where the engine does not share batches.
    pub lanes: Speed,
}

/// How quick it was.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Speed {
    /// Frames per second.
    pub fps: f64,
    /// CPU time per frame, in milliseconds.
    pub cpu_ms: f64,
    /// Cores that other processes of the machine kept busy meanwhile.
    pub other_cores: f64,
}

/// What one thread did. Only the time inside the engine counts.
#[derive(Debug, Clone, Copy, Default)]
struct Lane {
    frames: u64,
    /// Inside the engine.
    spent: Duration,
    /// CPU time of what is not the engine's.
    outside: Duration,
}

/// Measures one way after the other.
pub fn measure(workload: &Workload) -> Result<Bare> {
    let batch = usize::from(workload.batch);
    let mut detector = Detector::open(&options(workload)?)?;
    let inputs = inputs::of_clips(&workload.clips, detector.model().size)?;
    let batches = speed(workload, |wanted| {
        let mut next = inputs.iter().cycle();
        Ok(vec![batch_after_batch(
            &mut detector,
            batch,
            &mut next,
            wanted,
        )?])
    })?;
    let lanes = match detector.unit(batch) {
        None => batches,
        Some(unit) => speed(workload, |wanted| {
            side_by_side(&detector, unit, &inputs, wanted)
        })?,
    };
    Ok(Bare {
        engine: detector.engine_choice().0.to_owned(),
        threads: detector.threads(),
        batches,
        lanes,
    })
}

/// Runs for the warm-up, and then for the measurement.
fn speed(workload: &Workload, mut run: impl FnMut(Duration) -> Result<Vec<Lane>>) -> Result<Speed> {
    run(Duration::from_secs_f64(workload.warm_up))?;
    let (since, own) = (Instant::now(), cpu::of_this_process());
    let machine = machine_nanos().unwrap_or_default();
    let lanes = run(Duration::from_secs_f64(workload.seconds))?;
    let own = cpu::of_this_process().saturating_sub(own);
    let machine = machine_nanos().unwrap_or_default() - machine;
    let others = machine as f64 / 1e9 - own.as_secs_f64();
    let frames: u64 = lanes.iter().map(|lane| lane.frames).sum();
    if frames == 0 {
        bail!("--seconds {}, expected more", workload.seconds);
    }
    let outside: Duration = lanes.iter().map(|lane| lane.outside).sum();
    let rate = |lane: &Lane| lane.frames as f64 / lane.spent.as_secs_f64();
    Ok(Speed {
        fps: lanes.iter().map(rate).sum(),
        cpu_ms: own.saturating_sub(outside).as_secs_f64() * 1e3 / frames as f64,
        other_cores: others.max(0.0) / since.elapsed().as_secs_f64(),
    })
}

/// Fills the places of `input` with the next inputs; gives the CPU time.
fn fill<'a>(
    input: &mut [f32],
    frame_len: usize,
    next: &mut impl Iterator<Item = &'a Vec<f32>>,
) -> Duration {
    let before = cpu::of_this_thread();
    for (place, input) in input.chunks_exact_mut(frame_len).zip(next) {
        place.copy_from_slice(input);
    }
    cpu::of_this_thread().saturating_sub(before)
}

fn batch_after_batch<'a>(
    detector: &mut Detector,
    batch: usize,
    next: &mut impl Iterator<Item = &'a Vec<f32>>,
    wanted: Duration,
) -> Result<Lane> {
    let (begin, mut sum) = (Instant::now(), Lane::default());
    let frame_len = detector.frame_len();
    while begin.elapsed() < wanted {
        sum.outside += fill(detector.input(batch), frame_len, next);
        let began = Instant::now();
        detector.run(batch, |_, head| {
            std::hint::black_box(head);
        })?;
        sum.spent += began.elapsed();
        sum.frames += batch as u64;
    }
    Ok(sum)
}

/// Inferences of `unit` frames on all lanes.
fn side_by_side(
    network: &Network,
    unit: usize,
    inputs: &[Vec<f32>],
    wanted: Duration,
) -> Result<Vec<Lane>> {
    let run = |number: usize| -> Result<Lane, EngineError> {
        let mut input = vec![0.0; network.input_len(unit)];
        let mut next = inputs.iter().cycle().skip(number * unit);
        let (begin, mut sum) = (Instant::now(), Lane::default());
        while begin.elapsed() < wanted {
            let len = unit * network.frame_len();
            sum.outside += fill(&mut input[..len], network.frame_len(), &mut next);
            let began = Instant::now();
            network.run(Threads::Lane(number), &input, unit, |_, head| {
                std::hint::black_box(head);
            })?;
            sum.spent += began.elapsed();
            sum.frames += unit as u64;
        }
        Ok(sum)
    };
    let run = &run;
    std::thread::scope(|scope| {
        let lanes = (0..network.lanes()).map(|number| {
            scope.spawn(move || {
                let mut result = Ok(Lane::default());
                network.in_lane(number, &mut || result = run(number));
                result
            })
        });
        let lanes: Vec<_> = lanes.collect();
        lanes
            .into_iter()
            .map(|lane| Ok(lane.join().map_err(|_| anyhow!("a lane has panicked"))??))
            .collect()
    })
}

fn options(workload: &Workload) -> Result<DetectorOptions> {
    let engine = EngineChoice::try_from(workload.engine.clone());
    let engine = engine.map_err(|error| anyhow!("--engine {error}"))?;
    Ok(DetectorOptions {
        model: workload.model.clone(),
        engine,
        libraries: Libraries {
            onnxruntime: std::env::var_os("ORT_DYLIB_PATH").map(Into::into),
            openvino: std::env::var_os("OPENVINO_DYLIB_PATH").map(Into::into),
        },
        threads: workload.threads,
        side: 0,
        max_batch: usize::from(workload.batch),
        family: None,
    })
}
