//! The tables of both kinds of report, as cells.

use std::collections::BTreeMap;

use crate::Comparison;
use crate::comparison::{Versus, letter, short};
use crate::metric::{Better, Family};
use crate::run::Run;
use crate::verdict::Outcome;

/// A table: a title, the head, and rows of as many cells.
pub struct Table {
    pub title: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(title: impl Into<String>, head: &[&str]) -> Self {
        Self {
            title: title.into(),
            head: head.iter().map(|cell| (*cell).to_owned()).collect(),
            rows: Vec::new(),
        }
    }
}

/// The runs of one graph that are compared, or all of them where none is.
pub fn runs_of(comparison: &Comparison, graph: usize) -> Vec<&Run> {
    let of_graph = |compared: bool| -> Vec<&Run> {
        comparison
            .runs
            .iter()
            .filter(|run| run.graph == graph && (!compared || run.is_compared()))
            .collect()
    };
    let compared = of_graph(true);
    if compared.is_empty() {
        of_graph(false)
    } else {
        compared
    }
}

/// The mean over runs.
pub fn mean(runs: &[&Run], value: impl Fn(&Run) -> f64) -> f64 {
    runs.iter().map(|run| value(run)).sum::<f64>() / runs.len().max(1) as f64
}

/// Runs in slices have none.
fn latency(millis: f64) -> String {
    if millis == 0.0 {
        "-".to_owned()
    } else {
        short(millis)
    }
}

/// All tables in their order.
pub fn all(comparison: &Comparison) -> Vec<Table> {
    let mut tables: Vec<Table> = comparison
        .versus
        .iter()
        .flat_map(|versus| {
            [
                verdicts(versus, Family::Whole, "The whole graph"),
                verdicts(versus, Family::Node, "CPU time of each stage"),
                verdicts(versus, Family::Span, "Time of each stage's work"),
            ]
        })
        .filter(|table| !table.rows.is_empty())
        .collect();
    tables.push(cameras(comparison));
    tables.push(stages(comparison));
    tables.push(spans(comparison));
    tables.push(drops(comparison));
    tables.push(runs(comparison));
    tables.retain(|table| !table.rows.is_empty());
    tables
}

fn verdicts(versus: &Versus, family: Family, title: &str) -> Table {
    let letter = &versus.letter;
    let title = format!("{title}: {letter} against A");
    let mut table = Table::new(
        title,
        &[
            "metric",
            "unit",
            "A",
            letter,
            "change",
            "95 % interval",
            "verdict",
        ],
    );
    for verdict in versus
        .verdicts
        .iter()
        .filter(|it| it.metric.family == family)
    {
        let show = |value: f64| {
            if verdict.metric.by_ratio {
                format!("{:+.1} %", 100.0 * (value - 1.0))
            } else {
                format!("{value:+.2}")
            }
        };
        let said = match verdict.outcome {
            Outcome::Better => "**better**",
            Outcome::Worse => "**worse**",
            Outcome::Equal => "the same",
            Outcome::Unknown if verdict.is_probable() => {
                match verdict.rises() == (verdict.metric.better == Better::Higher) {
                    true => "probably better",
                    false => "probably worse",
                }
            }
            Outcome::Unknown => "cannot be told",
        };
        table.rows.push(vec![
            verdict.metric.name.clone(),
            verdict.metric.unit.clone(),
            short(verdict.a),
            short(verdict.b),
            show(verdict.change),
            verdict.interval.map_or("none".to_owned(), |(low, high)| {
                format!("{} to {}", show(low), show(high))
            }),
            said.to_owned(),
        ]);
    }
    table
}

fn cameras(comparison: &Comparison) -> Table {
    let mut table = Table::new(
        "Cameras",
        &[
            "graph",
            "camera",
            "frames/s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "dropped of all frames",
        ],
    );
    for graph in 0..comparison.graphs.len() {
        let runs = runs_of(comparison, graph);
        let mut ids: Vec<&String> = runs
            .iter()
            .flat_map(|run| run.cameras.iter().map(|camera| &camera.id))
            .collect();
        ids.sort();
        ids.dedup();
        for id in ids {
            let of = |value: &dyn Fn(&crate::run::Camera) -> f64| {
                mean(&runs, |run| {
                    run.cameras
                        .iter()
                        .find(|it| it.id == *id)
                        .map_or(0.0, value)
                })
            };
            let frames = of(&|it| it.frames as f64);
            let dropped = of(&|it| it.dropped as f64);
            table.rows.push(vec![
                letter(graph),
                id.clone(),
                short(of(&|it| it.fps)),
                latency(of(&|it| it.latency_ms.p50)),
                latency(of(&|it| it.latency_ms.p95)),
                latency(of(&|it| it.latency_ms.p99)),
                format!("{:.1} %", 100.0 * dropped / (frames + dropped).max(1.0)),
            ]);
        }
        if !runs.is_empty() {
            table.rows.push(vec![
                letter(graph),
                "all".to_owned(),
                short(mean(&runs, |run| run.combined_fps)),
                latency(mean(&runs, |run| run.latency_ms.p50)),
                latency(mean(&runs, |run| run.latency_ms.p95)),
                latency(mean(&runs, |run| run.latency_ms.p99)),
                format!("{:.1} %", mean(&runs, Run::dropped_percent)),
            ]);
        }
    }
    table
}

fn stages(comparison: &Comparison) -> Table {
    let mut table = Table::new(
        "Stages",
        &[
            "graph",
            "stage",
            "wait before it, p50 / p99 ms",
            "in it, p50 / p99 ms",
            "CPU ms per frame",
            "memory MiB",
        ],
    );
    for graph in 0..comparison.graphs.len() {
        let runs = runs_of(comparison, graph);
        let mut order: Vec<&str> = runs
            .first()
            .into_iter()
            .flat_map(|run| run.stops.iter().map(|stop| stop.stage.as_str()))
            .collect();
        let known = runs.iter().flat_map(|run| run.nodes.keys());
        for node in known {
            if !order.contains(&node.as_str()) {
                order.push(node);
            }
        }
        for stage in order {
            let stop = |value: &dyn Fn(&crate::run::Stop) -> f64| {
                mean(&runs, |run| {
                    run.stops
                        .iter()
                        .find(|it| it.stage == stage)
                        .map_or(0.0, value)
                })
            };
            let passed = runs
                .iter()
                .any(|run| run.stops.iter().any(|it| it.stage == stage));
            let pair = |p50: f64, p99: f64| {
                if passed {
                    format!("{} / {}", short(p50), short(p99))
                } else {
                    "-".to_owned()
                }
            };
            let node = |value: &dyn Fn(&crate::run::Node) -> f64| {
                mean(&runs, |run| run.nodes.get(stage).map_or(0.0, value))
            };
            table.rows.push(vec![
                letter(graph),
                stage.to_owned(),
                pair(stop(&|it| it.wait_ms.p50), stop(&|it| it.wait_ms.p99)),
                pair(stop(&|it| it.stage_ms.p50), stop(&|it| it.stage_ms.p99)),
                short(node(&|it| it.cpu_ms)),
                short(node(&|it| it.memory_mib)),
            ]);
        }
    }
    table
}

fn spans(comparison: &Comparison) -> Table {
    let mut table = Table::new(
        "Spans: what the stages do",
        &[
            "graph",
            "stage",
            "span",
            "ms per frame",
            "p50",
            "p99",
            "CPU ms per frame",
            "GPU ms per frame",
            "frames per call",
        ],
    );
    for graph in 0..comparison.graphs.len() {
        let runs = runs_of(comparison, graph);
        let mut found: BTreeMap<(&str, &str), Vec<&crate::run::Span>> = BTreeMap::new();
        for run in &runs {
            for (node, spans) in &run.spans {
                for (name, span) in spans {
                    found.entry((node, name)).or_default().push(span);
                }
            }
        }
        for ((node, name), spans) in found {
            let mean = |value: &dyn Fn(&crate::run::Span) -> f64| {
                spans.iter().map(|span| value(span)).sum::<f64>() / spans.len() as f64
            };
            let optional = |value: &dyn Fn(&crate::run::Span) -> Option<f64>| {
                let values: Option<Vec<f64>> = spans.iter().map(|span| value(span)).collect();
                values.map_or("-".to_owned(), |values| {
                    short(values.iter().sum::<f64>() / values.len() as f64)
                })
            };
            table.rows.push(vec![
                letter(graph),
                node.to_owned(),
                name.to_owned(),
                short(mean(&|span| span.busy_ms)),
                short(mean(&|span| span.ms_per_frame.p50)),
                short(mean(&|span| span.ms_per_frame.p99)),
                optional(&|span| span.cpu_ms),
                optional(&|span| span.gpu_ms.map(|gpu| gpu.mean)),
                format!(
                    "{:.2}",
                    mean(&|span| span.frames as f64 / span.calls.max(1) as f64)
                ),
            ]);
        }
    }
    table
}

fn drops(comparison: &Comparison) -> Table {
    let mut table = Table::new("Dropped frames", &["graph", "stage and reason", "frames"]);
    for graph in 0..comparison.graphs.len() {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for run in runs_of(comparison, graph) {
            for (reason, count) in &run.dropped {
                *sums.entry(reason).or_default() += count;
            }
        }
        for (reason, count) in sums {
            let row = vec![letter(graph), reason.to_owned(), count.to_string()];
            table.rows.push(row);
        }
    }
    table
}

fn runs(comparison: &Comparison) -> Table {
    let mut table = Table::new(
        "All runs, in their order",
        &[
            "run",
            "graph",
            "frames/s",
            "p50 ms",
            "p99 ms",
            "CPU ms per frame",
            "memory MiB",
            "dropped",
            "cores that others used",
            "compared",
        ],
    );
    for run in &comparison.runs {
        table.rows.push(vec![
            (run.place + 1).to_string(),
            letter(run.graph),
            short(run.combined_fps),
            latency(run.latency_ms.p50),
            latency(run.latency_ms.p99),
            short(run.cpu_ms()),
            short(run.memory_mib()),
            run.dropped.values().sum::<u64>().to_string(),
            if run.is_disturbed() {
                format!("{:.2}: disturbed", run.other_cores)
            } else {
                format!("{:.2}", run.other_cores)
            },
            match (&run.partial, &run.set_aside) {
                (Some(reason), _) => format!("no, not whole: {reason}"),
                (None, Some(reason)) => format!("no, {reason}"),
                (None, None) => "yes".to_owned(),
            },
        ]);
    }
    table
}
