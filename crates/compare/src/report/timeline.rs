//! Some frames of one graph, each with a line of its own.

use maud::Markup;

use super::charts::{stage_class, stages};
use super::svg::{Anchor, LEFT, Svg, TOP};
use super::tables::runs_of;
use crate::Comparison;
use crate::comparison::{letter, short};

const ROW: f64 = 13.0;

/// The timeline of one graph; nothing where it has none.
pub fn timeline(comparison: &Comparison, graph: usize) -> Option<Markup> {
    let stages = stages(comparison);
    let runs = runs_of(comparison, graph);
    let run = runs.iter().find(|run| !run.timeline.is_empty())?;
    let frames = &run.timeline;
    // All graphs on one scale, so that their pictures can be laid side by side.
    let most = (0..comparison.graphs.len())
        .flat_map(|graph| runs_of(comparison, graph))
        .flat_map(|run| &run.timeline)
        .flat_map(|frame| frame.stages.iter().map(|(_, _, leave)| *leave))
        .fold(0.0, f64::max);
    let mut svg = Svg::new(TOP + ROW * frames.len() as f64);
    let place = svg.scale(most, "milliseconds");
    for (row, frame) in frames.iter().enumerate() {
        let top = TOP + ROW * row as f64;
        svg.text((LEFT - 10.0, top + 9.0), Anchor::End, "tick", &frame.camera);
        if let (Some(first), Some(last)) = (frame.stages.first(), frame.stages.last()) {
            let y = top + ROW / 2.0;
            svg.line((place(first.1), y), (place(last.2), y), "thread");
        }
        for (stage, enter, leave) in &frame.stages {
            let title = format!("{}, {stage}: {} ms", frame.camera, short(leave - enter));
            // When a frame left the queue is not known; how long a stage works on one is, on average.
            let stay = leave - enter;
            let work = run.work_ms(stage).unwrap_or(stay).min(stay);
            let class = stage_class(&stages, stage);
            let mut bar = |from: f64, to: f64, class: &str| {
                let bar = [place(from), top + 2.0, place(to) - place(from), ROW - 4.0];
                svg.bar(bar, class, &title);
            };
            if work < stay {
                bar(*enter, leave - work, &format!("{class} wait"));
            }
            bar(leave - work, *leave, &class);
        }
    }
    Some(svg.finish(&format!("Frames of graph {}", letter(graph))))
}
