//! The figures that a verdict is made of.

use std::collections::BTreeMap;

use camweave_compare::run::Span;
use camweave_runner::Snapshot;
use camweave_runner::threads::{ThreadUse, Usage, has_quota, usable_cores};
use camweave_telemetry::{CameraCounters, Fact, StageReport};
use serde::{Deserialize, Serialize};

use super::setup::Setup;
use crate::run::spans_between;

/// All figures of a measurement.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Whether cameras send at their own rate; else files come as fast as frames are done.
    pub live: bool,
    /// Streams that are detected on.
    pub streams: u32,
    /// Detected frames per second of all cameras.
    pub fps: f64,
    /// Frames per second that were dropped, by stage.
    pub dropped: BTreeMap<String, f64>,
    /// The CPU.
    pub cpu: Cpu,
    /// The GPU, where there is one.
    pub gpu: Option<Gpu>,
    /// The graph's stages, in no order.
    pub stages: Vec<StageUse>,
    /// The detector's batches, where they are measured.
    pub batch: Option<Batch>,
}

/// Use of the CPU, in cores: each a core's worth of time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Cpu {
    /// Cores that the graph may use.
    pub cores: f64,
    /// All that computed on them.
    pub busy: f64,
    /// What other machines of the host took of them.
    pub stolen: f64,
    /// Programs that have nothing to do with the measurement.
    pub others: f64,
    /// Simulated cameras, and the measurement itself.
    pub beside: f64,
    /// dora's daemon.
    pub dora: f64,
}

/// Use of the GPU, in percent of the time.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Gpu {
    /// Some kernel ran.
    pub sm_percent: f64,
    /// The decoding engines, the mean of all.
    pub nvdec_percent: f64,
    /// Pictures were copied, by the stages' own events.
    pub copies_percent: Option<f64>,
    /// Decoding engines of the device, where that is known.
    pub nvdec_engines: Option<u32>,
}

/// What a stage used.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StageUse {
    /// Its name.
    pub stage: String,
    /// Its kind, such as `sw-decode`; empty where it is somebody else's.
    pub kind: String,
    /// CPU time of all its threads, in cores.
    pub cores: f64,
    /// The same for which they were ready to compute, while others had the cores.
    pub delayed: f64,
    /// The thread that pauses least.
    pub thread: Option<FullThread>,
    /// Part of the time in which its working threads were in a piece of work, 0 to 1.
    pub occupied: f64,
    /// Part of the time in which its working threads were in a piece of work and neither
    /// computed nor were ready to, 0 to 1.
    pub blocked: f64,
    /// Part of the time in which the GPU worked for it.
    pub gpu: f64,
    /// Frames that waited for it, or in it, at the end.
    pub waiting: f64,
    /// How many more these became in a second.
    pub growth: f64,
}

/// A thread that hardly pauses.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FullThread {
    /// Its name.
    pub name: String,
    /// Part of the time in which it computed.
    pub ran: f64,
    /// The same, as a part of the time in which a core was available to it.
    pub used: f64,
    /// How many threads of the stage are as full.
    pub as_full: usize,
}

/// The detector's batches.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Batch {
    /// The detector.
    pub stage: String,
    /// Frames of one inference, mean.
    pub mean: f64,
    /// Frames of one inference at most, as the stage reports it.
    pub most: f64,
    /// The least batch from which on the engine is hardly faster; `most` where nothing is known.
    pub plateau: f64,
    /// The engine alone at its best, where it was measured: its batch, and frames per second.
    pub engine: Option<(f64, f64)>,
}

/// Threads that use a part of the time within this of the fullest are as full.
const AS_FULL: f64 = 0.05;

impl Figures {
    /// Of the time between two moments of a run. What is beside the graph is known only if both
    /// snapshots have it.
    pub fn between(begin: &Snapshot, now: &Snapshot, usage: &Usage, setup: &Setup) -> Self {
        let seconds = ((now.unix_nanos - begin.unix_nanos) as f64 / 1e9).max(1e-9);
        let sum = |snapshot: &Snapshot| snapshot.detected().values().sum::<u64>() as f64;
        let fps = (sum(now) - sum(begin)).max(0.0) / seconds;
        let mut dropped = BTreeMap::<String, f64>::new();
        for (reason, count) in now.dropped_since(begin).0 {
            let stage = reason.rsplit_once('.').map_or(&*reason, |(stage, _)| stage);
            *dropped.entry(stage.to_owned()).or_default() += count as f64 / seconds;
        }
        let spans = spans_between(begin, now);
        let cpu = cpu(begin, now, usage, seconds);
        let mut stages: Vec<StageUse> = now
            .reports
            .iter()
            .map(|report| {
                let none = BTreeMap::new();
                let spans = spans.get(&report.stage).unwrap_or(&none);
                let rates: BTreeMap<&str, f64> = spans
                    .iter()
                    .map(|(name, span)| (&**name, busy(span, seconds)))
                    .collect();
                let threads = threads_of(report, &now.reports, usage);
                let gpu = spans.values().filter_map(|span| {
                    Some(span.gpu_ms?.mean * span.frames as f64 / seconds / 1e3)
                });
                let waiting = waiting(report, &now.reports);
                let then = begin.reports.iter().find(|it| it.stage == report.stage);
                let before = then.map_or(0.0, |then| self::waiting(then, &begin.reports));
                StageUse {
                    stage: report.stage.clone(),
                    kind: report.kind.clone(),
                    gpu: gpu.sum(),
                    waiting,
                    growth: (waiting - before) / seconds,
                    ..stage_use(&rates, &threads, setup.streams)
                }
            })
            .collect();
        // A fused node has a report of its own beside those of its stages.
        stages.retain(|stage| stage.kind != "fused" || stage.cores > 0.0);
        let copies = spans.values().filter_map(|spans| {
            let copy = spans.get("copy")?;
            Some(100.0 * copy.gpu_ms?.mean * copy.frames as f64 / seconds / 1e3)
        });
        let copies: Vec<f64> = copies.collect();
        Self {
            live: setup.live,
            streams: setup.streams,
            fps,
            dropped,
            cpu,
            gpu: (!copies.is_empty() || setup.nvdec_engines.is_some()).then(|| Gpu {
                copies_percent: (!copies.is_empty()).then(|| copies.iter().sum()),
                nvdec_engines: setup.nvdec_engines,
                ..Gpu::default()
            }),
            batch: batch(&now.reports, &spans, setup),
            stages,
        }
    }

    /// With what the GPU's driver says.
    pub fn with_gpu(mut self, gpu: Option<camweave_compare::run::Gpu>) -> Self {
        if let Some(gpu) = gpu {
            let known = self.gpu.unwrap_or_default();
            self.gpu = Some(Gpu {
                sm_percent: gpu.busy_percent,
                nvdec_percent: gpu.decoder_percent,
                ..known
            });
        } else {
            self.gpu = None;
        }
        self
    }
}

fn cpu(begin: &Snapshot, now: &Snapshot, usage: &Usage, seconds: f64) -> Cpu {
    let of_graph = now.cpu_ms_since(begin);
    let cores = |ms: f64| ms / 1e3 / seconds;
    let beside: f64 = now
        .beside
        .iter()
        .map(|(process, time)| {
            let before = begin.beside.get(process).copied().unwrap_or_default();
            time.since(before) as f64 / 1e6
        })
        .sum();
    let graph = cores(of_graph.values().sum());
    let beside = cores(beside);
    // Without the accounts of all that is beside, the rest is nobody's in particular.
    let others = if now.beside.is_empty() {
        0.0
    } else {
        now.other_cores_since(begin)
    };
    Cpu {
        cores: usable_cores(),
        busy: if has_quota() {
            graph + beside
        } else {
            usage.busy_cores
        },
        stolen: usage.stolen_cores,
        others,
        beside,
        dora: cores(of_graph.get("dora").copied().unwrap_or(0.0)),
    }
}

/// Threads that were in a span on average.
fn busy(span: &Span, seconds: f64) -> f64 {
    span.busy_ms * span.frames as f64 / 1e3 / seconds
}

/// The threads of a stage: all of its process, or in a fused node those that bear its name or one
/// that only its kind gives.
fn threads_of(report: &StageReport, all: &[StageReport], usage: &Usage) -> Vec<ThreadUse> {
    let empty = Vec::new();
    let threads = usage.threads.get(&report.process_id).unwrap_or(&empty);
    let inside: Vec<&StageReport> = all
        .iter()
        .filter(|it| it.process_id == report.process_id)
        .collect();
    if inside.len() < 2 {
        return threads.clone();
    }
    let owner = |thread: &ThreadUse| {
        let of_name = inside.iter().find(|it| {
            let (_, seat) = it.stage.rsplit_once('.').unwrap_or(("", &it.stage));
            it.kind != "fused" && !thread.name.is_empty() && cut(seat) == thread.name
        });
        let of_kind = || {
            inside
                .iter()
                .find(|it| is_of_kind(&thread.name, it.kind.as_str()))
        };
        let rest = || inside.iter().find(|it| it.kind == "fused");
        of_name.or_else(of_kind).or_else(rest).map(|it| &it.stage)
    };
    let own = threads
        .iter()
        .filter(|thread| owner(thread) == Some(&report.stage));
    own.cloned().collect()
}

/// As much of a name as the kernel keeps of a thread's.
fn cut(name: &str) -> &str {
    name.get(..15).unwrap_or(name)
}

/// Whether only this kind of stage gives its threads such names.
fn is_of_kind(thread: &str, kind: &str) -> bool {
    let begins = |names: &[&str]| names.iter().any(|name| thread.starts_with(name));
    match kind {
        "sw-decode" | "nvdec" => begins(&["decode-"]),
        "cpu-infer" => begins(&["lane-", "rten-", "openvino"]),
        "file-source" => thread == "file",
        _ => false,
    }
}

/// A stage's own figures, by the spans' busy threads and by its threads.
fn stage_use(spans: &BTreeMap<&str, f64>, threads: &[ThreadUse], streams: u32) -> StageUse {
    let used = |thread: &ThreadUse| {
        // Of the time in which it could have had a core.
        let free = 1.0 - thread.delayed;
        if thread.ran < 0.05 || free < 0.05 {
            return thread.ran;
        }
        (thread.ran / free).min(1.0)
    };
    let fullest = threads.iter().max_by(|a, b| used(a).total_cmp(&used(b)));
    let thread = fullest.map(|thread| FullThread {
        name: thread.name.clone(),
        ran: thread.ran,
        used: used(thread),
        as_full: threads
            .iter()
            .filter(|it| used(it) >= used(thread) - AS_FULL)
            .count(),
    });
    let thread = decoders(threads, streams)
        .filter(|pool| thread.as_ref().is_none_or(|it| pool.used > it.used))
        .or(thread);
    let count = |begin: &str| {
        let named = threads.iter().filter(|it| it.name.starts_with(begin));
        named.count().max(1) as f64
    };
    // The spans in which a stage's working threads are while they work, and how many those are.
    let works = [
        ("worker", count("lane-")),
        ("decode", count("decode-")),
        ("rows", 1.0),
        ("read", count("file")),
    ];
    let share = |(name, threads): &(&str, f64)| spans.get(name).copied().unwrap_or(0.0) / threads;
    let most = works.iter().max_by(|a, b| share(a).total_cmp(&share(b)));
    let (occupied, working) = most.map_or((0.0, 1.0), |it| (share(it).min(1.0), it.1));
    let cores: f64 = threads.iter().map(|thread| thread.ran).sum();
    let delayed: f64 = threads.iter().map(|thread| thread.delayed).sum();
    StageUse {
        cores,
        delayed,
        thread,
        occupied,
        blocked: (occupied - (cores + delayed) / working).max(0.0),
        ..StageUse::default()
    }
}

/// The threads of a decoder as one: a stream is decoded by one of them at a time, and a file that
/// begins again by another one.
fn decoders(threads: &[ThreadUse], streams: u32) -> Option<FullThread> {
    let pool = threads.iter().filter(|it| it.name.starts_with("decode-"));
    let at_once = pool.clone().count().min(streams as usize);
    let ran: f64 = pool.clone().map(|it| it.ran).sum();
    let delayed: f64 = pool.map(|it| it.delayed).sum();
    let free = (at_once as f64 - delayed).max(0.05);
    (at_once > 0 && ran >= 0.05).then(|| FullThread {
        name: "decode-*".to_owned(),
        ran: ran / at_once as f64,
        used: (ran / free).min(1.0),
        as_full: at_once,
    })
}

/// Frames that are in front of a stage or in it: what those before it sent and it has not given on.
fn waiting(report: &StageReport, all: &[StageReport]) -> f64 {
    let before = all.iter().filter(|it| {
        let gives = if it.gives.is_empty() {
            &it.stage
        } else {
            &it.gives
        };
        report.takes.contains(gives)
    });
    let sent: u64 = before
        .flat_map(|it| it.cameras.values())
        .map(|camera| camera.sent)
        .sum();
    let received: u64 = report.cameras.values().map(|it| it.received).sum();
    let inside: u64 = report.cameras.values().map(CameraCounters::inside).sum();
    sent.saturating_sub(received) as f64 + inside as f64
}

fn batch(
    reports: &[StageReport],
    spans: &BTreeMap<String, BTreeMap<String, Span>>,
    setup: &Setup,
) -> Option<Batch> {
    let detectors = ["cpu-infer", "trt-infer"];
    let detector = reports
        .iter()
        .find(|it| detectors.contains(&&*it.kind) && spans.contains_key(&it.stage))?;
    let rows = spans.get(&detector.stage)?.get("rows")?;
    let number = |name: &str| detector.facts.get(name)?.parse::<f64>().ok();
    let most = number(Fact::BATCH_AT_MOST.name)?;
    // On the CPU frames are shared among the threads one by one.
    let of_threads = number("threads").filter(|_| detector.kind == "cpu-infer");
    let plateau = setup.plateau().or(of_threads).unwrap_or(most);
    Some(Batch {
        stage: detector.stage.clone(),
        mean: rows.frames as f64 / rows.calls.max(1) as f64,
        most,
        plateau,
        engine: setup.best(),
    })
}

#[cfg(test)]
#[path = "figures_tests.rs"]
mod tests;
