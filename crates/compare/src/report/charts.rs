//! The plots of a comparison.

use maud::Markup;

use super::svg::{Anchor, LEFT, Svg, TOP};
use super::tables::{mean, runs_of};
use crate::Comparison;
use crate::comparison::{letter, short};

const ROW: f64 = 46.0;

/// The class of a graph's colour.
pub fn graph_class(graph: usize) -> String {
    format!("g{}", graph % 6)
}

/// The class of a stage's colour, by its place among all stages.
pub fn stage_class(stages: &[String], stage: &str) -> String {
    let place = stages.iter().position(|it| it == stage).unwrap_or(0);
    format!("s{}", place % 10)
}

/// All stages of all graphs, in the data's order as far as it is known.
pub fn stages(comparison: &Comparison) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for run in &comparison.runs {
        let passed = run.stops.iter().map(|stop| &stop.stage);
        let mut after = 0;
        for stage in passed.chain(run.nodes.keys()) {
            match all.iter().position(|it| it == stage) {
                Some(place) => after = place + 1,
                None => {
                    all.insert(after.min(all.len()), stage.clone());
                    after += 1;
                }
            }
        }
    }
    all
}

/// Frames per second of each graph: the mean as a bar, each run as a dot.
pub fn throughput(comparison: &Comparison) -> Markup {
    let graphs = comparison.graphs.len();
    let mut svg = Svg::new(TOP + ROW * graphs as f64);
    let most = comparison
        .runs
        .iter()
        .map(|run| run.combined_fps)
        .fold(0.0, f64::max);
    let place = svg.scale(most, "detected frames per second, all cameras");
    for graph in 0..graphs {
        let runs = runs_of(comparison, graph);
        let top = TOP + ROW * graph as f64;
        let middle = top + ROW / 2.0;
        let fps = mean(&runs, |run| run.combined_fps);
        let name = letter(graph);
        svg.text((LEFT - 10.0, middle + 4.0), Anchor::End, "name", &name);
        let title = format!("{name}: mean {} frames/s", short(fps));
        let bar = [LEFT, top + 9.0, place(fps) - LEFT, ROW - 18.0];
        svg.bar(bar, &graph_class(graph), &title);
        for run in &runs {
            let title = format!(
                "run {}: {} frames/s",
                run.place + 1,
                short(run.combined_fps)
            );
            svg.dot((place(run.combined_fps), middle), "run", &title);
        }
        svg.text(
            (LEFT + 8.0, middle + 4.0),
            Anchor::Start,
            "inside",
            &short(fps),
        );
    }
    svg.finish("Throughput of each graph")
}

/// The share of frames that came within a latency.
pub fn latency(comparison: &Comparison) -> Markup {
    let bottom = 268.0;
    let mut svg = Svg::new(bottom);
    let curves: Vec<Vec<f64>> = (0..comparison.graphs.len())
        .map(|graph| {
            let runs = runs_of(comparison, graph);
            let known = runs.iter().all(|run| run.latency_curve.len() == 101);
            if runs.is_empty() || !known {
                return Vec::new();
            }
            (0..=100)
                .map(|percent| mean(&runs, |run| run.latency_curve[percent]))
                .collect()
        })
        .collect();
    // The largest value of all may be a single hitch: it would squeeze the rest.
    let most = curves
        .iter()
        .filter_map(|curve| curve.get(99))
        .fold(0.0_f64, |most, value| most.max(*value));
    let place = svg.scale(most * 1.05, "milliseconds from capture to the sink");
    let height = |percent: f64| bottom - (bottom - TOP) * percent / 100.0;
    for percent in [0.0, 25.0, 50.0, 75.0, 99.0] {
        svg.across(height(percent), &format!("{percent:.0} %"));
    }
    for (graph, curve) in curves.iter().enumerate() {
        let points: Vec<(f64, f64)> = curve
            .iter()
            .take(100)
            .enumerate()
            .map(|(percent, value)| (place(*value), height(percent as f64)))
            .collect();
        svg.path(&points, &format!("curve {}", graph_class(graph)));
        // Names at different heights, so that curves that lie together keep theirs apart.
        if let Some((x, y)) = points.get(80 - 12 * (graph % 5)) {
            svg.text((x + 8.0, y + 4.0), Anchor::Start, "name", &letter(graph));
        }
    }
    svg.finish("Distribution of the latency")
}

/// One part of a bar: stage, what it is, and its length.
type Part = (String, String, f64);

fn stacked(
    comparison: &Comparison,
    unit: &str,
    about: &str,
    parts: impl Fn(usize) -> Vec<Part>,
) -> Markup {
    let stages = stages(comparison);
    let graphs = comparison.graphs.len();
    let bars: Vec<Vec<Part>> = (0..graphs).map(parts).collect();
    let sum = |bar: &Vec<Part>| bar.iter().map(|part| part.2).sum::<f64>();
    let most = bars.iter().map(sum).fold(0.0, f64::max);
    let mut svg = Svg::new(TOP + ROW * graphs as f64);
    let place = svg.scale(most, unit);
    for (graph, bar) in bars.iter().enumerate() {
        let top = TOP + ROW * graph as f64;
        svg.text(
            (LEFT - 10.0, top + ROW / 2.0 + 4.0),
            Anchor::End,
            "name",
            &letter(graph),
        );
        let mut begin = 0.0;
        for (stage, what, value) in bar {
            let (from, to) = (place(begin), place(begin + value));
            begin += value;
            let waits = what != stage;
            let class = format!(
                "{}{}",
                stage_class(&stages, stage),
                if waits { " wait" } else { "" }
            );
            let title = format!("{what}: {} ms", short(*value));
            // A gap of a pixel keeps neighbours apart.
            svg.bar(
                [from, top + 8.0, to - from - 1.0, ROW - 16.0],
                &class,
                &title,
            );
            let short_name = stage.rsplit('.').next().unwrap_or(stage);
            if to - from > 9.0 * short_name.len() as f64 && !waits {
                let middle = f64::midpoint(from, to);
                let at = (middle, top + ROW / 2.0 + 4.0);
                svg.text(at, Anchor::Middle, "inside", short_name);
            }
        }
    }
    svg.finish(about)
}

/// CPU time per frame, by stage.
pub fn cpu(comparison: &Comparison) -> Markup {
    let unit = "CPU milliseconds per frame, by process";
    let order = stages(comparison);
    stacked(comparison, unit, "CPU time by stage", |graph| {
        let runs = runs_of(comparison, graph);
        order
            .iter()
            .map(|stage| {
                let cpu = mean(&runs, |run| {
                    run.nodes.get(stage).map_or(0.0, |node| node.cpu_ms)
                });
                (stage.clone(), stage.clone(), cpu)
            })
            .collect()
    })
}

/// A frame's way, end to end: mean waits, on the way to a stage and in its queue, and work.
pub fn way(comparison: &Comparison) -> Markup {
    let unit = "milliseconds of a frame's way, on average; pale is waiting, on the way to a stage and in its queue";
    stacked(comparison, unit, "Where a frame's time goes", |graph| {
        let runs = runs_of(comparison, graph);
        let Some(first) = runs.first() else {
            return Vec::new();
        };
        let of = |stage: &str, value: &dyn Fn(&crate::run::Stop) -> f64| {
            mean(&runs, |run| {
                run.stops
                    .iter()
                    .find(|it| it.stage == stage)
                    .map_or(0.0, value)
            })
        };
        first
            .stops
            .iter()
            .flat_map(|stop| {
                let stage = &stop.stage;
                let stay = of(stage, &|it| it.stage_ms.mean);
                // Without spans nothing tells a stage's queue from its work.
                let work = mean(&runs, |run| run.work_ms(stage).unwrap_or(stay)).min(stay);
                let waits = of(stage, &|it| it.wait_ms.mean) + stay - work;
                [
                    (stage.clone(), format!("wait for {stage}"), waits),
                    (stage.clone(), stage.clone(), work),
                ]
            })
            .collect()
    })
}
