//! What keeps a graph from more frames: what is saturated, and who takes most of it.
//!
//! How long a thread or a frame waited for something shared says nothing of who uses it up, so no
//! verdict comes from that.

use serde::{Deserialize, Serialize};

use super::advice::advice;
use super::figures::{Batch, Figures, Gpu, StageUse};
use super::limit::Limit;

/// A resource of which so much is in use is full. The rest is what a scheduler does not fill.
const FULL: f64 = 0.9;
/// Dropped frames of those that came, up to which a graph keeps up with its cameras.
const KEEPS_UP: f64 = 0.01;
/// A queue grows if it gains so much of the frames that come, and holds a second's worth.
const GROWS: f64 = 0.1;
/// Batches of at most this part of the plateau's leave much of the engine unused.
const SMALL: f64 = 0.5;
/// A thread in its work that neither computes nor waits for a core for this part of the time waits
/// for a disk or the like.
const BLOCKED: f64 = 0.5;

/// A thread that computes for this part of the time is worth a word beside full cores.
const HEAVY: f64 = 0.5;

/// The share of one resource that is in use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Of what, to go after a percentage.
    pub of: String,
    /// Percent.
    pub percent: f64,
}

/// What keeps a graph from more frames per second, and what could be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What is full.
    pub limit: Limit,
    /// The stage that uses most of it.
    pub stage: Option<String>,
    /// Who uses more of it than any stage, and is not of the graph.
    pub other: Option<String>,
    /// One sentence.
    pub sentence: String,
    /// How much of each resource is in use.
    pub shares: Vec<Share>,
    /// What could be done.
    pub advice: String,
}

/// Judges a measurement.
pub fn judge(figures: &Figures) -> Verdict {
    let found = find(figures);
    let kind = figures
        .stages
        .iter()
        .find(|it| Some(&it.stage) == found.stage.as_ref())
        .map_or("", |it| &it.kind);
    Verdict {
        advice: advice(found.limit, kind, found.other.as_deref(), figures),
        shares: shares(figures),
        limit: found.limit,
        stage: found.stage,
        other: found.other,
        sentence: found.sentence,
    }
}

struct Found {
    limit: Limit,
    stage: Option<String>,
    other: Option<String>,
    sentence: String,
}

impl Found {
    fn of(limit: Limit, stage: Option<&StageUse>, sentence: String) -> Self {
        Self {
            limit,
            stage: stage.map(|it| it.stage.clone()),
            other: None,
            sentence,
        }
    }
}

fn find(figures: &Figures) -> Found {
    if figures.fps <= 0.0 {
        let sentence = "no frame was detected, or the run was too short to judge".to_owned();
        return Found::of(Limit::Unknown, None, sentence);
    }
    if figures.live && keeps_up(figures) {
        return load(figures);
    }
    // What is sent to a sink is not held back for it, so those before it go on to fill the cores.
    if let Some(found) = of_behind(figures) {
        return found;
    }
    let gpu = figures.gpu.and_then(|gpu| of_gpu(figures, gpu));
    let cores = of_cores(figures);
    // Of both full, the fuller.
    match (gpu, cores) {
        (Some((part, found)), Some((other, _))) if part >= other => found,
        (_, Some((_, found))) | (Some((_, found)), None) => found,
        (None, None) => of_thread(figures)
            .or_else(|| of_batches(figures))
            .or_else(|| of_blocked(figures))
            .or_else(|| of_few_streams(figures))
            .unwrap_or_else(|| unknown(figures)),
    }
}

/// Whether nearly all frames that come are detected, and none are put off.
fn keeps_up(figures: &Figures) -> bool {
    let dropped: f64 = figures.dropped.values().sum();
    let growth: f64 = figures.stages.iter().map(|it| it.growth).sum();
    let waiting: f64 = figures.stages.iter().map(|it| it.waiting).sum();
    let grows = growth > GROWS * figures.fps && waiting > figures.fps;
    dropped <= KEEPS_UP * (figures.fps + dropped) && !grows
}

/// A stage that falls behind, though it hardly wants a core.
fn of_behind(figures: &Figures) -> Option<Found> {
    let is_behind = |it: &StageUse| {
        let grows = it.growth > GROWS * figures.fps && it.waiting > figures.fps;
        let waits = it.cores + it.delayed < 1.0 - BLOCKED;
        grows && waits && it.gpu == 0.0 && it.kind != "nvdec"
    };
    let stage = most(figures, |it| if is_behind(it) { it.growth } else { 0.0 })?;
    let sentence = format!(
        "bottleneck: {} waits for its disk or device: in each second {:.0} more frames wait for it, while its threads compute or wait for a core only {:.0} % of the time",
        stage.stage,
        stage.growth,
        100.0 * (stage.cores + stage.delayed),
    );
    Some(Found::of(Limit::Blocked, Some(stage), sentence))
}

fn load(figures: &Figures) -> Found {
    let nearest = shares(figures)
        .into_iter()
        .filter(|share| !share.of.starts_with("the engine"))
        .max_by(|a, b| a.percent.total_cmp(&b.percent));
    let nearest = nearest.map_or(String::new(), |share| {
        format!(
            "; the nearest limit: {:.0} % of {}",
            share.percent, share.of
        )
    });
    let sentence = format!(
        "no bottleneck: the cameras send no more: {:.1} frames/s, and the graph keeps up{nearest}",
        figures.fps
    );
    Found::of(Limit::Load, None, sentence)
}

fn most(figures: &Figures, part: impl Fn(&StageUse) -> f64) -> Option<&StageUse> {
    let used = figures.stages.iter().filter(|it| part(it) > 0.0);
    used.max_by(|a, b| part(a).total_cmp(&part(b)))
}

/// The fullest part of a GPU that is full, and how full it is.
fn of_gpu(figures: &Figures, gpu: Gpu) -> Option<(f64, Found)> {
    let (sm, nvdec) = (gpu.sm_percent / 100.0, gpu.nvdec_percent / 100.0);
    let copies = gpu.copies_percent.unwrap_or(0.0) / 100.0;
    if sm.max(nvdec).max(copies) < FULL {
        return None;
    }
    let decoder = most(figures, |it| if it.kind == "nvdec" { 1.0 } else { 0.0 });
    if nvdec >= sm.max(copies) {
        let sentence = format!(
            "bottleneck: NVDEC is full: its engines decode {:.0} % of the time",
            100.0 * nvdec
        );
        return Some((nvdec, Found::of(Limit::Nvdec, decoder, sentence)));
    }
    if copies > sm {
        let sentence = format!(
            "bottleneck: the GPU's copies: frames are copied {:.0} % of the time",
            100.0 * copies
        );
        return Some((copies, Found::of(Limit::Copies, decoder, sentence)));
    }
    let top = most(figures, |it| it.gpu);
    let detects = |batch: &&Batch| top.is_some_and(|top| top.stage == batch.stage);
    if let Some(batch) = figures
        .batch
        .as_ref()
        .filter(|it| is_small(it))
        .filter(detects)
    {
        let sentence = format!(
            "{}: kernels run {:.0} % of the time",
            of_small(batch, figures),
            gpu.sm_percent
        );
        return Some((sm, Found::of(Limit::Batches, top, sentence)));
    }
    // Stages' work overlaps on the device: their parts of the time may add up to more than all of it.
    let sum: f64 = figures.stages.iter().map(|it| it.gpu).sum();
    let all = sum.max(sm);
    let taken = top.map_or(String::new(), |top| {
        format!(", {:.0} % of it for {}", 100.0 * top.gpu / all, top.stage)
    });
    let sentence = format!(
        "bottleneck: the GPU is full: kernels run {:.0} % of the time{taken}",
        gpu.sm_percent
    );
    Some((sm, Found::of(Limit::Sm, top, sentence)))
}

fn is_small(batch: &Batch) -> bool {
    batch.plateau > 1.0 && batch.mean <= SMALL * batch.plateau
}

/// A batch as it is read: `3.0`, but `32`.
fn frames(batch: f64) -> String {
    if (batch - batch.round()).abs() < 0.05 {
        format!("{batch:.0}")
    } else {
        format!("{batch:.1}")
    }
}

fn of_small(batch: &Batch, figures: &Figures) -> String {
    let engine = batch.engine.map_or(String::new(), |(best, fps)| {
        let percent = 100.0 * figures.fps / fps;
        format!(", {percent:.0} % of the engine at batch {}", frames(best))
    });
    format!(
        "bottleneck: the batches of {}: {} where {} would fill the engine{engine}",
        batch.stage,
        frames(batch.mean),
        frames(batch.plateau),
    )
}

/// Who takes the cores, if all are full.
fn of_cores(figures: &Figures) -> Option<(f64, Found)> {
    let cpu = &figures.cpu;
    let full = (cpu.busy + cpu.stolen) / cpu.cores.max(1e-9);
    if full < FULL {
        return None;
    }
    let top = most(figures, |it| it.cores);
    let part = |cores: f64| 100.0 * cores / cpu.cores.max(1e-9);
    // What is not of the graph, and takes more than any stage of it.
    let outside = [
        (cpu.others, "other programs"),
        (cpu.beside, "the simulated cameras and the measurement"),
        (cpu.stolen, "other machines of the host"),
    ];
    let outer = outside
        .into_iter()
        .filter(|(cores, _)| top.is_none_or(|top| *cores > top.cores))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let mut takers: Vec<(f64, &str)> = figures
        .stages
        .iter()
        .map(|it| (it.cores, &*it.stage))
        .chain(outside)
        .chain([(cpu.dora, "dora")])
        .filter(|(cores, _)| part(*cores) >= 1.0)
        .collect();
    takers.sort_by(|a, b| b.0.total_cmp(&a.0));
    let shown: Vec<String> = takers
        .iter()
        .take(3)
        .map(|(cores, who)| format!("{who} {:.0} %", part(*cores)))
        .collect();
    let small = figures
        .batch
        .as_ref()
        .filter(|batch| is_small(batch) && top.is_some_and(|top| top.stage == batch.stage));
    let small = small.map_or(String::new(), |batch| {
        format!(
            "; its batches are {} where {} would fill its threads",
            frames(batch.mean),
            frames(batch.plateau)
        )
    });
    // More cores would not make it quicker than its one thread.
    let alone = figures.stages.iter().find(|it| {
        let thread = it.thread.as_ref();
        top.is_none_or(|top| top.stage != it.stage)
            && thread.is_some_and(|thread| thread.used >= FULL && thread.ran >= HEAVY)
    });
    let alone = alone.map_or(String::new(), |it| {
        format!("; one thread of {} never pauses either", it.stage)
    });
    let sentence = format!(
        "bottleneck: the CPU: {} full ({:.0} %), by {}{small}{alone}",
        cores(cpu.cores),
        100.0 * full.min(1.0),
        shown.join(", "),
    );
    let found = Found {
        other: outer.map(|(_, who)| who.to_owned()),
        ..Found::of(Limit::Cores, top, sentence)
    };
    Some((full, found))
}

fn cores(cores: f64) -> String {
    if cores <= 1.0 {
        "its one core is".to_owned()
    } else {
        format!("all {cores:.0} cores are")
    }
}

/// A thread that never pauses, while cores are free.
fn of_thread(figures: &Figures) -> Option<Found> {
    let used = |it: &StageUse| it.thread.as_ref().map_or(0.0, |thread| thread.used);
    let stage = most(figures, used)?;
    let thread = stage.thread.as_ref().filter(|it| it.used >= FULL)?;
    let threads = match thread.as_full {
        0 | 1 => format!("one thread of {} is full", stage.stage),
        count => format!("all {count} working threads of {} are full", stage.stage),
    };
    let cpu = &figures.cpu;
    let sentence = format!(
        "bottleneck: {threads}: '{}' computes {:.0} % of the time that it gets a core, while {:.1} of {:.0} cores are free",
        thread.name,
        100.0 * thread.used,
        (cpu.cores - cpu.busy - cpu.stolen).max(0.0),
        cpu.cores,
    );
    Some(Found::of(Limit::Thread, Some(stage), sentence))
}

/// A detector that never pauses, and yet fills neither its threads nor the GPU.
fn of_batches(figures: &Figures) -> Option<Found> {
    let batch = figures.batch.as_ref().filter(|it| is_small(it))?;
    let stage = figures.stages.iter().find(|it| it.stage == batch.stage)?;
    // On a GPU nobody computes who could be seen to be full.
    let full = stage.occupied.max(stage.gpu);
    if full < FULL {
        return None;
    }
    let sentence = format!(
        "{}: it works {:.0} % of the time, while {:.0} % of the cores are in use",
        of_small(batch, figures),
        100.0 * full,
        100.0 * figures.cpu.busy / figures.cpu.cores.max(1e-9),
    );
    Some(Found::of(Limit::Batches, Some(stage), sentence))
}

/// A stage whose thread is always in its work, and does not compute.
fn of_blocked(figures: &Figures) -> Option<Found> {
    let on_cpu = |it: &StageUse| it.gpu == 0.0 && it.kind != "nvdec" && it.occupied >= FULL;
    let stage = most(figures, |it| if on_cpu(it) { it.blocked } else { 0.0 })?;
    if stage.blocked < BLOCKED {
        return None;
    }
    let sentence = format!(
        "bottleneck: {} waits for its disk or device: its thread is at work {:.0} % of the time, and for {:.0} % neither computes nor waits for a core",
        stage.stage,
        100.0 * stage.occupied,
        100.0 * stage.blocked,
    );
    Some(Found::of(Limit::Blocked, Some(stage), sentence))
}

/// One stream is decoded by one engine: with fewer streams than engines those are full, though
/// NVDEC as a whole is not.
fn of_few_streams(figures: &Figures) -> Option<Found> {
    let gpu = figures.gpu?;
    let engines = f64::from(gpu.nvdec_engines?);
    let streams = f64::from(figures.streams);
    let most_percent = 100.0 * streams / engines;
    if streams >= engines || gpu.nvdec_percent < FULL * most_percent {
        return None;
    }
    let decoder = most(figures, |it| if it.kind == "nvdec" { 1.0 } else { 0.0 });
    let sentence = format!(
        "bottleneck: NVDEC: each of {streams:.0} streams has one of {engines:.0} engines full ({:.0} % of all)",
        gpu.nvdec_percent
    );
    Some(Found::of(Limit::Nvdec, decoder, sentence))
}

fn unknown(figures: &Figures) -> Found {
    let dropped = figures.dropped.iter();
    let dropped = dropped.max_by(|a, b| a.1.total_cmp(b.1));
    let deepest = most(figures, |it| it.waiting);
    let (stage, what) = match dropped {
        Some((stage, rate)) => (
            figures.stages.iter().find(|it| it.stage == *stage),
            format!("; {rate:.1} frames/s are dropped by {stage}"),
        ),
        None => (
            deepest,
            deepest.map_or(String::new(), |it| {
                format!("; most frames, {:.0}, wait for {}", it.waiting, it.stage)
            }),
        ),
    };
    let sentence = format!("no bottleneck found: nothing that is measured is full{what}");
    Found::of(Limit::Unknown, stage, sentence)
}

/// How much of each resource is in use.
fn shares(figures: &Figures) -> Vec<Share> {
    let mut shares = Vec::new();
    let mut add = |percent: f64, of: String| shares.push(Share { of, percent });
    if let Some(gpu) = figures.gpu {
        add(gpu.nvdec_percent, "NVDEC".to_owned());
        add(gpu.sm_percent, "the GPU's time".to_owned());
        if let Some(copies) = gpu.copies_percent {
            add(copies, "its time for copies".to_owned());
        }
    }
    if let Some(batch) = &figures.batch
        && let Some((best, fps)) = batch.engine
    {
        let (best, mean) = (frames(best), frames(batch.mean));
        let of = format!("the engine at batch {best}: batches of {mean}");
        add(100.0 * figures.fps / fps, of);
    }
    let cpu = &figures.cpu;
    let busy = 100.0 * (cpu.busy + cpu.stolen) / cpu.cores.max(1e-9);
    add(busy.min(100.0), format!("{:.0} cores", cpu.cores));
    let used = |it: &StageUse| it.thread.as_ref().map_or(0.0, |thread| thread.used);
    if let Some(stage) = most(figures, used)
        && let Some(thread) = &stage.thread
    {
        let of = format!("one thread ('{}' of {})", thread.name, stage.stage);
        add(100.0 * thread.used, of);
    }
    shares
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
