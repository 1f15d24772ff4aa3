//! A comparison for people: a few lines for the terminal, Markdown, and a page of HTML.

mod charts;
mod html;
mod load;
mod markdown;
mod svg;
mod tables;
mod timeline;

use std::fmt::Write as _;

pub use html::html;
pub use load::{LoadPoint, load_page};
pub use markdown::markdown;

use crate::Comparison;
use crate::comparison::letter;
use crate::metric::Family;

/// The verdicts in a few lines.
#[must_use]
pub fn text(comparison: &Comparison) -> String {
    let mut text = String::new();
    for (index, graph) in comparison.graphs.iter().enumerate() {
        let _ = writeln!(text, "{}: {graph}", letter(index));
    }
    for versus in &comparison.versus {
        let _ = writeln!(text, "\n{}", versus.headline);
        for verdict in &versus.verdicts {
            if verdict.metric.family == Family::Whole {
                let _ = writeln!(text, "  {}", verdict.text);
            }
        }
    }
    text.trim_end().to_owned()
}

/// How the figures came about and what they mean, for both kinds of report.
fn method(comparison: &Comparison) -> [&'static str; 4] {
    let [order, interval, cpu] = if comparison.is_sliced() { SLICES } else { RUNS };
    [order, interval, VERDICTS, cpu]
}

const RUNS: [&str; 3] = [
    "The graphs ran in turns (A B B A ...), so that a machine that gets slower or busier favours none of them. Each run counts as one value: frames within a run are not independent.",
    "Intervals are Student's t at 95 %, of the logarithms for ratios, after removing a linear trend over the order of runs (from six runs on). Few runs give wide intervals.",
    "CPU time is the kernel's account of each process. Memory is the largest proportional set size seen. The time in a stage contains the wait in its queue; 'wait' is the way from the stage before. In plots, pale is waiting: a stage's work on a frame is taken as its mean, at the end of the frame's stay.",
];

const SLICES: [&str; 3] = [
    "The graphs ran at once and went in turns (A B B A ...), a slice at a time: the processes of all others were stopped meanwhile. So variations in the machine's speed affect all graphs alike. A 'run' here is a second or more of each graph's own time. Held frames wait: latencies and the times of spans mean nothing in such a comparison, and are left out.",
    "Intervals are Student's t at 95 %, of the logarithms for ratios, over the differences within each such second (a paired test).",
    "CPU time is the kernel's account of each process. Memory is the largest proportional set size seen. Frames per second are of each graph's own time.",
];

const VERDICTS: &str = "A difference is reported where it is larger than what is of interest (the margin) with a chance of error below 5 % for all metrics together: throughput has 2 of the 5 %, each group of the others 1 % with Holm's correction inside. So two runs of the same graph are reported to differ in fewer than one comparison of twenty.";

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
