//! Several graphs at once, of which one goes at a time: in turns of a fraction of a second.
//!
//! Where a machine's speed wanders within seconds, as virtual ones do whose neighbours are busy,
//! whole runs are too far apart in time to be compared to a few percent. Slices are not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camweave_compare::run::Run;
use camweave_runner::{Snapshot, memory_mib};
use rustix::process::{Pid, Signal, kill_process};

use super::measure::{Findings, Plan, Started, summed_up, warm_up};
use crate::error::CliError;

/// Each graph goes for so long before its counters are read and make a value.
const BLOCK: Duration = Duration::from_secs(1);

/// How the graphs take turns.
pub struct Slices {
    /// The length of a turn.
    pub each: Duration,
    /// Seconds of each graph's own time.
    pub seconds: f64,
    /// The place of the first block among all runs.
    pub place: usize,
}

/// What was measured of one graph.
pub struct Sliced {
    /// A run of each block, in their order.
    pub runs: Vec<Run>,
    /// With those of the warm-up.
    pub findings: Findings,
}

/// Runs the graphs of all plans at once and in turns. The plans' own seconds do not count, their
/// warm-up does.
///
/// A graph that ends early, a node that ends, and an interruption end all, with what was measured
/// until then.
///
/// # Errors
/// What makes a run impossible: no dora, no cameras, a folder that cannot be written.
pub fn measure_in_slices(
    plans: &[Plan<'_>],
    slices: &Slices,
    interrupted: &AtomicBool,
) -> Result<Vec<Sliced>, CliError> {
    let mut started = plans
        .iter()
        .map(|plan| Started::new(plan, slices.seconds, interrupted))
        .collect::<Result<Vec<_>, _>>()?;
    let (blocks, trouble) = go(plans, &mut started, slices, interrupted);
    let mut found = Vec::new();
    for (graph, (plan, started)) in plans.iter().zip(started).enumerate() {
        let findings = started.stop(plan)?;
        let mut runs = Vec::new();
        for (index, block) in blocks.iter().enumerate() {
            let Turn {
                begin,
                end,
                own,
                memory,
            } = &block[graph];
            let memory = |node: &str| memory.get(node).copied().unwrap_or(0.0);
            let mut run = summed_up(begin, end, &findings.lines, memory);
            run.graph = graph;
            run.place = slices.place + index;
            // Wall time holds the others' turns, and frames that were held have no latency.
            run.seconds = own.as_secs_f64();
            run.combined_fps = run.frames as f64 / run.seconds;
            for camera in &mut run.cameras {
                camera.fps = camera.frames as f64 / run.seconds;
                camera.latency_ms = Default::default();
            }
            run.latency_ms = Default::default();
            run.latency_curve.clear();
            run.stops.clear();
            run.timeline.clear();
            run.explained = None;
            run.spans.clear();
            runs.push(run);
        }
        if let Some((of, reason)) = &trouble
            && of.is_none_or(|of| of == graph)
        {
            runs.push(Run {
                graph,
                place: slices.place + blocks.len(),
                partial: Some(reason.clone()),
                ..Run::default()
            });
        }
        found.push(Sliced { runs, findings });
    }
    Ok(found)
}

/// One graph in one block.
struct Turn {
    begin: Snapshot,
    end: Snapshot,
    own: Duration,
    /// MiB by node.
    memory: BTreeMap<String, f64>,
}

/// Which graph, if it was one, and what happened.
type Trouble = (Option<usize>, String);

fn go(
    plans: &[Plan<'_>],
    started: &mut [Started],
    slices: &Slices,
    interrupted: &AtomicBool,
) -> (Vec<Vec<Turn>>, Option<Trouble>) {
    let mut blocks = Vec::new();
    for (graph, (plan, started)) in plans.iter().zip(&mut *started).enumerate() {
        if let Err(reason) = warm_up(plan, started, interrupted) {
            return (blocks, Some((Some(graph), reason)));
        }
    }
    let stats: Vec<(PathBuf, u32)> = plans
        .iter()
        .zip(&*started)
        .map(|(plan, started)| (plan.stats(), started.dataflow.process_id()))
        .collect();
    let take = || -> Vec<Snapshot> {
        let of = |(stats, dora): &(PathBuf, u32)| Snapshot::take_with_beside(stats, *dora);
        stats.iter().map(of).collect()
    };
    let first = take();
    let mut held: Vec<Option<Held>> = first.iter().map(|it| Some(Held::nodes(it))).collect();
    let mut begins = take();
    let mut whole = Duration::ZERO;
    while whole.as_secs_f64() < slices.seconds {
        let mut own = vec![Duration::ZERO; plans.len()];
        while own.iter().any(|own| *own < BLOCK) {
            for graph in (0..plans.len()).chain((0..plans.len()).rev()) {
                held[graph] = None;
                let since = Instant::now();
                std::thread::sleep(slices.each);
                held[graph] = Some(Held::nodes(&first[graph]));
                own[graph] += since.elapsed();
            }
            if interrupted.load(Ordering::Acquire) {
                return (blocks, Some((None, "interrupted".to_owned())));
            }
        }
        let ends = take();
        for (graph, end) in ends.iter().enumerate() {
            let ended = started[graph].dataflow.check().err();
            let ended = ended.map(|error| error.to_string());
            if let Some(reason) = ended.or_else(|| end.trouble_since(&first[graph])) {
                return (blocks, Some((Some(graph), reason)));
            }
        }
        whole += own.iter().copied().min().unwrap_or_default();
        let turns = begins.into_iter().zip(&ends).zip(own);
        blocks.push(
            turns
                .map(|((begin, end), own)| Turn {
                    begin,
                    end: end.clone(),
                    own,
                    // All are held, so that nobody waits for the kernel to add this up.
                    memory: memory(end),
                })
                .collect(),
        );
        begins = ends;
    }
    (blocks, None)
}

fn memory(snapshot: &Snapshot) -> BTreeMap<String, f64> {
    let of = |(node, (process, _)): (&String, &(u32, _))| {
        (node.clone(), memory_mib(*process).unwrap_or(0.0))
    };
    snapshot.cpu.iter().map(of).collect()
}

/// Processes that are stopped until this is dropped.
struct Held(Vec<Pid>);

impl Held {
    /// All nodes of a graph; dora goes on, as it waits for them anyway.
    fn nodes(snapshot: &Snapshot) -> Self {
        // Stages of one process share it.
        let processes: BTreeSet<u32> = snapshot.reports.iter().map(|it| it.process_id).collect();
        Self::processes(processes)
    }

    fn processes(processes: impl IntoIterator<Item = u32>) -> Self {
        let id = |process: u32| i32::try_from(process).ok().and_then(Pid::from_raw);
        let held: Vec<Pid> = processes.into_iter().filter_map(id).collect();
        for process in &held {
            // One that has ended is found by the next look at the graph.
            let _ = kill_process(*process, Signal::STOP);
        }
        Self(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for process in &self.0 {
            let _ = kill_process(*process, Signal::CONT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use camweave_runner::CpuTime;

    use super::*;

    /// A process that computes until it is dropped.
    struct Busy(Child);

    impl Busy {
        fn start() -> Self {
            let mut shell = Command::new("sh");
            let child = shell.args(["-c", "while :; do :; done"]).spawn();
            Self(child.expect("every system has a shell"))
        }

        fn used(&self) -> i64 {
            let time = CpuTime::of(self.0.id()).expect("it runs");
            time.since(CpuTime::default())
        }

        /// Whether it computes within `patience`.
        fn computes(&self, patience: Duration) -> bool {
            let (since, before) = (Instant::now(), self.used());
            while since.elapsed() < patience {
                if self.used() > before {
                    return true;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            false
        }
    }

    impl Drop for Busy {
        fn drop(&mut self) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }

    #[test]
    fn who_is_held_does_not_compute() {
        let (held, other) = (Busy::start(), Busy::start());
        let patience = Duration::from_secs(20);
        assert!(held.computes(patience) && other.computes(patience));
        let hold = Held::processes([held.0.id()]);
        // A thread that computes stops at its next interrupt.
        std::thread::sleep(Duration::from_millis(100));
        assert!(!held.computes(Duration::from_millis(300)));
        assert!(other.computes(patience));
        drop(hold);
        assert!(held.computes(patience));
    }
}
