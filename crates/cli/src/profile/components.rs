//! From a run to its components.

use std::collections::BTreeMap;

use camweave_compare::Run;
use camweave_compare::run::Span;
use camweave_compare::run::WORK;
use camweave_runner::Snapshot;
use serde::{Deserialize, Serialize};

use super::limit::Limit;
use super::verdict::Verdict;
use crate::run::spans_between;

/// Spans that only move messages, or that hold the others; they are shown as `other`.
const FRAME: [&str; 4] = ["rows", "worker", "send", "receive"];
/// Spans that lie inside a span that is shown.
const INSIDE: [&str; 2] = ["publish", "acquire"];
/// The span in which a stage waits for its device: the work is somebody else's.
const WAIT: &str = "wait";

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// The node's id in the graph.
    pub stage: String,
    /// What it does: the name of a span, or `other` for what is in no span.
    pub component: String,
    /// Milliseconds per frame, mean: time in the work, not in a queue. Of work on a GPU: its time,
    /// or the CPU's where that is longer, and not how long a thread waited for it.
    pub ms: f64,
    /// The median, where it is known.
    pub p50_ms: Option<f64>,
    /// The 99th percentile, where it is known.
    pub p99_ms: Option<f64>,
    /// Frames per second that one thread, or the GPU, could do of this alone: 1000 / `ms`.
    pub fps: f64,
    /// Share of all components' time, in percent.
    pub share_percent: f64,
    /// CPU time per frame, in milliseconds, where it is known.
    pub cpu_ms: Option<f64>,
    /// GPU time per frame, in milliseconds, where it is measured.
    #[serde(default)]
    pub gpu_ms: Option<f64>,
    /// Threads that were busy with this on average, or the share of the time in which the GPU was:
    /// its time over the wall clock's.
    pub busy: f64,
}

/// The table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Profile {
    /// Frames per second of all cameras.
    pub combined_fps: f64,
    /// CPU time per frame of all processes, in milliseconds.
    pub cpu_ms: f64,
    /// GPU time per frame of all components, in milliseconds, where it is measured.
    #[serde(default)]
    pub gpu_ms: Option<f64>,
    /// CPU time per frame of each process, in milliseconds.
    pub processes: BTreeMap<String, f64>,
    /// Median time from capture to the sink, in milliseconds, where it is known.
    pub latency_p50_ms: Option<f64>,
    /// In the order of the data's way, as far as it is known.
    pub components: Vec<Component>,
    /// The component that the verdict names: its place in `components`. None where the graph has
    /// no bottleneck, or nobody knows.
    pub bottleneck: Option<usize>,
}

impl Profile {
    /// Of a run that has ended.
    pub fn new(run: &Run) -> Self {
        let order: Vec<String> = run.stops.iter().map(|stop| stop.stage.clone()).collect();
        let processes = run.nodes.iter().map(|(id, node)| (id.clone(), node.cpu_ms));
        let mut profile = Self::of(&order, processes.collect(), &run.spans, run.combined_fps);
        profile.latency_p50_ms = Some(run.latency_ms.p50);
        profile
    }

    /// Marks what the verdict names: of its stage, the component with the most time per frame.
    pub fn with_verdict(mut self, verdict: &Verdict) -> Self {
        if verdict.other.is_some() || verdict.limit == Limit::Unknown {
            return self; // not the graph's, or nobody knows
        }
        let of_stage = (0..self.components.len())
            .filter(|index| verdict.stage.as_ref() == Some(&self.components[*index].stage));
        self.bottleneck = of_stage.max_by(|a, b| {
            let (a, b) = (&self.components[*a], &self.components[*b]);
            a.ms.total_cmp(&b.ms)
        });
        self
    }

    /// Of the time between two moments of a run.
    pub fn between(begin: &Snapshot, now: &Snapshot) -> Self {
        let sum = |snapshot: &Snapshot| snapshot.detected().values().sum::<u64>();
        let frames = sum(now).saturating_sub(sum(begin)) as f64;
        let seconds = (now.unix_nanos - begin.unix_nanos) as f64 / 1e9;
        if frames < 1.0 || seconds <= 0.0 {
            return Self::default();
        }
        let cpu = now.cpu_ms_since(begin);
        let processes = cpu.into_iter().map(|(id, ms)| (id, ms / frames)).collect();
        let spans = spans_between(begin, now);
        Self::of(&[], processes, &spans, frames / seconds)
    }

    fn of(
        order: &[String],
        processes: BTreeMap<String, f64>,
        spans: &BTreeMap<String, BTreeMap<String, Span>>,
        combined_fps: f64,
    ) -> Self {
        let mut nodes: Vec<&String> = order.iter().collect();
        let known = spans.keys().chain(processes.keys());
        for node in known {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        let none = BTreeMap::new();
        let mut components: Vec<Component> = nodes
            .into_iter()
            .flat_map(|node| {
                let cpu_ms = processes.get(node).copied();
                of_node(node, spans.get(node).unwrap_or(&none), cpu_ms)
            })
            .collect();
        let total: f64 = components.iter().map(|it| it.ms).sum();
        for component in &mut components {
            component.share_percent = 100.0 * component.ms / total.max(1e-9);
            component.busy = component.ms / 1e3 * combined_fps;
        }
        let gpu: Vec<f64> = components.iter().filter_map(|it| it.gpu_ms).collect();
        Self {
            combined_fps,
            cpu_ms: processes.values().sum(),
            gpu_ms: (!gpu.is_empty()).then(|| gpu.iter().sum()),
            processes,
            latency_p50_ms: None,
            bottleneck: None,
            components,
        }
    }
}

/// The components of one node: its spans, and what is in none of them. A node without spans, of
/// somebody else, is one component, of which the CPU time is all that is known.
fn of_node(node: &str, spans: &BTreeMap<String, Span>, cpu_ms: Option<f64>) -> Vec<Component> {
    let component = |name: &str, ms: f64, cpu_ms: Option<f64>| Component {
        stage: node.to_owned(),
        component: name.to_owned(),
        ms,
        p50_ms: None,
        p99_ms: None,
        fps: 1e3 / ms.max(1e-6),
        share_percent: 0.0,
        cpu_ms,
        gpu_ms: None,
        busy: 0.0,
    };
    let measured = |name: &str, span: &Span| {
        let (times, ms) = match &span.gpu_ms {
            Some(gpu) => (gpu, gpu.mean.max(span.cpu_ms.unwrap_or(0.0))),
            None => (&span.ms_per_frame, span.busy_ms),
        };
        Component {
            p50_ms: Some(times.p50),
            p99_ms: Some(times.p99),
            gpu_ms: span.gpu_ms.map(|gpu| gpu.mean),
            ..component(name, ms, span.cpu_ms)
        }
    };
    if spans.is_empty() {
        let ms = cpu_ms.unwrap_or(0.0);
        return vec![component("process", ms, cpu_ms)];
    }
    let shown: Vec<(&String, &Span)> = spans
        .iter()
        .filter(|(name, _)| {
            let name = name.as_str();
            !FRAME.contains(&name) && !INSIDE.contains(&name) && name != WAIT
        })
        .collect();
    // What the spans of the whole work hold beyond the spans that are shown.
    let time = |name: &str| spans.get(name).map_or(0.0, |span| span.busy_ms);
    let whole: f64 = WORK
        .iter()
        .chain(&["send", "receive"])
        .map(|name| time(name))
        .sum();
    let known: f64 = shown.iter().map(|(_, span)| span.busy_ms).sum::<f64>() + time(WAIT);
    let known_cpu: f64 = shown.iter().filter_map(|(_, span)| span.cpu_ms).sum();
    let mut components: Vec<Component> = shown
        .iter()
        .map(|(name, span)| measured(name, span))
        .collect();
    let rest = (whole - known).max(0.0);
    let mut rest_cpu = cpu_ms.map(|cpu| (cpu - known_cpu).max(0.0));
    // A span that waits for an engine's own threads has next to no CPU time itself: what the
    // process used beyond its spans, and beyond the rest of its time, is theirs.
    let waiting = components
        .iter_mut()
        .filter(|it| it.gpu_ms.is_none() && it.ms > whole / 2.0)
        .filter(|it| it.cpu_ms.is_some_and(|cpu| cpu < it.ms / 2.0))
        .max_by(|a, b| a.ms.total_cmp(&b.ms));
    if let (Some(waiting), Some(left)) = (waiting, rest_cpu) {
        let theirs = (left - rest).max(0.0);
        waiting.cpu_ms = waiting.cpu_ms.map(|cpu| cpu + theirs);
        rest_cpu = Some(left - theirs);
    }
    components.push(component("other", rest, rest_cpu));
    components
}

#[cfg(test)]
mod tests {
    use camweave_compare::run::{Node, Quantiles, Stop};

    use super::*;

    fn span(busy_ms: f64, cpu_ms: Option<f64>) -> Span {
        Span {
            calls: 10,
            frames: 40,
            busy_ms,
            cpu_ms,
            ms_per_frame: Quantiles {
                mean: busy_ms,
                p50: busy_ms,
                p95: busy_ms,
                p99: 2.0 * busy_ms,
            },
            gpu_ms: None,
        }
    }

    fn verdict(stage: &str) -> Verdict {
        Verdict {
            limit: Limit::Cores,
            stage: Some(stage.to_owned()),
            other: None,
            sentence: String::new(),
            shares: Vec::new(),
            advice: String::new(),
        }
    }

    /// A span whose thread waited for the GPU, or did not.
    fn on_gpu(busy_ms: f64, cpu_ms: f64, gpu_ms: f64) -> Span {
        Span {
            gpu_ms: Some(Quantiles {
                mean: gpu_ms,
                p50: 0.9 * gpu_ms,
                p95: gpu_ms,
                p99: 3.0 * gpu_ms,
            }),
            ..span(busy_ms, Some(cpu_ms))
        }
    }

    #[test]
    fn the_bottleneck_is_named_and_nothing_counts_twice() {
        let node = |cpu_ms| Node {
            cpu_ms,
            memory_mib: 1.0,
        };
        let spans = |list: &[(&str, Span)]| -> BTreeMap<String, Span> {
            list.iter()
                .map(|(name, span)| ((*name).to_owned(), *span))
                .collect()
        };
        let stop = |stage: &str| Stop {
            stage: stage.to_owned(),
            ..Stop::default()
        };
        let run = Run {
            combined_fps: 50.0,
            stops: vec![stop("decode"), stop("infer")],
            nodes: [
                ("decode", node(1.2)),
                ("infer", node(12.0)),
                ("own", node(0.5)),
            ]
            .map(|(id, node)| (id.to_owned(), node))
            .into(),
            spans: [
                (
                    "decode".to_owned(),
                    spans(&[
                        ("decode", span(1.0, Some(0.9))),
                        ("publish", span(0.1, None)),
                    ]),
                ),
                (
                    "infer".to_owned(),
                    spans(&[
                        ("infer", span(8.0, Some(7.0))),
                        ("letterbox", span(1.5, Some(1.5))),
                        ("rows", span(10.0, None)),
                    ]),
                ),
            ]
            .into(),
            ..Run::default()
        };
        let profile = Profile::new(&run);
        let lines: Vec<(&str, &str, f64)> = profile
            .components
            .iter()
            .map(|it| (&*it.stage, &*it.component, it.ms))
            .collect();
        assert_eq!(
            lines,
            [
                ("decode", "decode", 1.0),
                ("decode", "other", 0.0),
                ("infer", "infer", 8.0),
                ("infer", "letterbox", 1.5),
                ("infer", "other", 0.5),
                ("own", "process", 0.5),
            ]
        );
        let profile = profile.with_verdict(&verdict("infer"));
        assert_eq!(profile.bottleneck, Some(2));
        let infer = &profile.components[2];
        assert!((infer.fps - 125.0).abs() < 1e-9 && (infer.busy - 0.4).abs() < 1e-9);
        let shares: f64 = profile.components.iter().map(|it| it.share_percent).sum();
        assert!((shares - 100.0).abs() < 1e-9);
        assert_eq!((profile.gpu_ms, infer.gpu_ms), (None, None));
        // Of the process, what no span accounts for.
        let rest = profile.components[4].cpu_ms.expect("known");
        assert!((rest - 3.5).abs() < 1e-9, "{rest}");
    }

    #[test]
    fn an_engines_own_threads_count_where_they_are_waited_for() {
        let spans = [("infer", span(8.0, Some(0.1))), ("rows", span(8.5, None))]
            .map(|(name, span)| (name.to_owned(), span))
            .into();
        let found = of_node("infer", &spans, Some(14.0));
        let cpu: Vec<f64> = found.iter().filter_map(|it| it.cpu_ms).collect();
        assert!(
            (cpu[0] - 13.5).abs() < 1e-9 && (cpu[1] - 0.5).abs() < 1e-9,
            "{cpu:?}"
        );
    }

    /// A detector that only launches, waits for its ring, and suppression that waits for both.
    #[test]
    fn work_of_a_gpu_counts_with_its_own_time_and_waiting_for_it_is_none() {
        let spans = |list: &[(&str, Span)]| -> BTreeMap<String, Span> {
            list.iter()
                .map(|(name, span)| ((*name).to_owned(), *span))
                .collect()
        };
        let copy = Span {
            gpu_ms: on_gpu(0.0, 0.0, 0.01).gpu_ms,
            ..Span::default()
        };
        let run = Run {
            combined_fps: 1000.0,
            stops: ["decode", "infer", "nms"]
                .map(|stage| Stop {
                    stage: stage.to_owned(),
                    ..Stop::default()
                })
                .into(),
            spans: [
                ("decode", spans(&[("copy", copy)])),
                (
                    "infer",
                    spans(&[
                        ("infer", on_gpu(0.05, 0.04, 0.4)),
                        ("letterbox", on_gpu(0.03, 0.03, 0.01)),
                        ("rows", span(0.6, None)),
                        ("wait", span(0.5, None)),
                    ]),
                ),
                (
                    "nms",
                    spans(&[("nms", on_gpu(0.7, 0.02, 0.1)), ("rows", span(0.71, None))]),
                ),
            ]
            .map(|(node, spans)| (node.to_owned(), spans))
            .into(),
            ..Run::default()
        };
        let profile = Profile::new(&run);
        let lines: Vec<(&str, &str, String)> = profile
            .components
            .iter()
            .map(|it| (&*it.stage, &*it.component, format!("{:.3}", it.ms)))
            .collect();
        let expected = [
            ("decode", "copy", "0.010"),
            ("decode", "other", "0.000"),
            ("infer", "infer", "0.400"),
            ("infer", "letterbox", "0.030"),
            ("infer", "other", "0.020"),
            ("nms", "nms", "0.100"),
            ("nms", "other", "0.010"),
        ];
        assert_eq!(lines, expected.map(|(a, b, c)| (a, b, c.to_owned())));
        let profile = profile.with_verdict(&verdict("nms"));
        assert_eq!(profile.bottleneck, Some(5));
        let infer = &profile.components[2];
        assert_eq!((infer.cpu_ms, infer.gpu_ms), (Some(0.04), Some(0.4)));
        assert!((infer.busy - 0.4).abs() < 1e-9, "{infer:?}");
        let p50 = infer.p50_ms.expect("known");
        assert!((p50 - 0.36).abs() < 1e-9, "{infer:?}");
        let gpu = profile.gpu_ms.expect("it was measured");
        assert!((gpu - 0.52).abs() < 1e-9, "{gpu}");
    }
}
