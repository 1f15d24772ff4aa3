//! What is compared.

use serde::{Deserialize, Serialize};

use crate::run::{Run, WORK};

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// Metrics that are corrected together for being many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Of the whole graph.
    Whole,
    /// CPU time of each node.
    Node,
    /// Time of each span.
    Span,
}

/// One number that each run has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// For people and, as it is unique, for programs.
    pub name: String,
    /// The node that it is of; none for the whole graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Such as `ms`.
    pub unit: String,
    /// Which way is good.
    pub better: Better,
    /// With which others it is corrected.
    pub family: Family,
    /// Compared by ratio (of logarithms) or, where zero is usual, by difference.
    pub by_ratio: bool,
    /// Differences up to this are of no interest: a share of A's value, or in `unit`.
    pub margin: f64,
}

/// A metric with its value in each run.
pub type Measured = (Metric, Vec<Option<f64>>);

fn whole(
    runs: &[Run],
    name: &str,
    unit: &str,
    better: Better,
    margin: f64,
    value: impl Fn(&Run) -> f64,
) -> Measured {
    let metric = Metric {
        name: name.to_owned(),
        node: None,
        unit: unit.to_owned(),
        better,
        family: Family::Whole,
        by_ratio: true,
        margin,
    };
    (metric, runs.iter().map(|run| Some(value(run))).collect())
}

/// Parts of the whole below this share are not tested: what they cost cannot matter, and each
/// further test makes all others less sharp.
const LEAST_SHARE: f64 = 0.05;

/// All metrics that these runs have.
#[must_use]
pub fn measure(runs: &[Run]) -> Vec<Measured> {
    use Better::{Higher, Lower};
    let mut all = vec![
        whole(runs, "throughput", "frames/s", Higher, 0.01, |run| {
            run.combined_fps
        }),
        whole(runs, "latency p50", "ms", Lower, 0.05, |run| {
            run.latency_ms.p50
        }),
        whole(runs, "latency p99", "ms", Lower, 0.05, |run| {
            run.latency_ms.p99
        }),
        whole(runs, "CPU time per frame", "ms", Lower, 0.01, Run::cpu_ms),
        whole(runs, "memory", "MiB", Lower, 0.02, Run::memory_mib),
    ];
    let mut drops = whole(
        runs,
        "dropped",
        "% of frames",
        Lower,
        0.5,
        Run::dropped_percent,
    );
    drops.0.by_ratio = false;
    all.push(drops);
    if runs.iter().any(|run| run.gpu.is_some()) {
        type Part = fn(&crate::run::Gpu) -> f64;
        let parts: [(&str, &str, Part); 3] = [
            ("GPU busy", "%", |gpu| gpu.busy_percent),
            ("GPU decoder busy", "%", |gpu| gpu.decoder_percent),
            ("GPU memory", "MiB", |gpu| gpu.memory_mib),
        ];
        for (name, unit, part) in parts {
            let (metric, _) = whole(runs, name, unit, Lower, 1.0, |_| 0.0);
            let values = runs.iter().map(|run| run.gpu.as_ref().map(part));
            let metric = Metric {
                by_ratio: false,
                ..metric
            };
            all.push((metric, values.collect()));
        }
    }
    all.extend(nodes(runs));
    all.extend(spans(runs));
    // Graphs that went in slices have no latency.
    let known = |values: &[Option<f64>]| values.iter().flatten().any(|value| *value != 0.0);
    all.retain(|(metric, values)| !metric.by_ratio || known(values));
    all
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    if count > 0.0 { sum / count } else { 0.0 }
}

fn nodes(runs: &[Run]) -> Vec<Measured> {
    let mut ids: Vec<&String> = runs.iter().flat_map(|run| run.nodes.keys()).collect();
    ids.sort();
    ids.dedup();
    let total = mean(runs.iter().map(Run::cpu_ms));
    let value = |run: &Run, id: &str| run.nodes.get(id).map(|node| node.cpu_ms);
    ids.into_iter()
        .filter(|id| mean(runs.iter().filter_map(|run| value(run, id))) >= LEAST_SHARE * total)
        .map(|id| {
            let metric = Metric {
                name: format!("CPU time per frame of {id}"),
                node: Some(id.clone()),
                unit: "ms".to_owned(),
                better: Better::Lower,
                family: Family::Node,
                by_ratio: true,
                margin: 0.01,
            };
            (metric, runs.iter().map(|run| value(run, id)).collect())
        })
        .collect()
}

fn spans(runs: &[Run]) -> Vec<Measured> {
    let mut ids: Vec<(&String, &String)> = runs
        .iter()
        .flat_map(|run| &run.spans)
        .flat_map(|(node, spans)| spans.keys().map(move |name| (node, name)))
        .filter(|(_, name)| WORK.contains(&name.as_str()))
        .collect();
    ids.sort();
    ids.dedup();
    let value = |run: &Run, (node, name): (&String, &String)| {
        run.spans
            .get(node)
            .and_then(|spans| spans.get(name))
            .map(|span| span.busy_ms)
    };
    let average = |id| mean(runs.iter().filter_map(|run| value(run, id)));
    let total: f64 = ids.iter().map(|id| average(*id)).sum();
    ids.iter()
        .filter(|id| average(**id) >= LEAST_SHARE * total)
        .map(|id| {
            let (node, name) = *id;
            let metric = Metric {
                name: format!("time per frame of {node}: {name}"),
                node: Some(node.clone()),
                unit: "ms".to_owned(),
                better: Better::Lower,
                family: Family::Span,
                by_ratio: true,
                margin: 0.01,
            };
            (metric, runs.iter().map(|run| value(run, *id)).collect())
        })
        .collect()
}
