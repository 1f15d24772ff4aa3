//! The graph as it runs: what comes, goes and waits in each node, and which of them is too slow.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use camweave_message::Selection;
use camweave_stage::telemetry::StageReport;
use serde::Serialize;

/// Reasons that say that a stage had no time for a row, or its successors none.
const FOR_LACK_OF_TIME: [&str; 8] = [
    "disposable",
    "superseded",
    "decoder_backlog",
    "queue_full",
    "expired",
    "source_backlog",
    "pool_exhausted",
    "receiver_stopped",
];
/// The kind of a node that runs other stages.
const FUSED: &str = "fused";
/// Rates are taken over so long.
const WINDOW: Duration = Duration::from_secs(5);
/// Fewer drops a second than these make no bottleneck.
const FEWEST_DROPS: f64 = 0.5;
/// Nor do rows that wait for less than this, by the rate at which they leave.
const LONGEST_INSIDE: f64 = 0.5;
/// Nor fewer rows than so many.
const FEWEST_INSIDE: u64 = 16;

/// A node, as the page shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Node {
    pub id: String,
    pub kind: String,
    pub inputs: Vec<String>,
    pub ready: bool,
    pub in_per_s: f64,
    pub out_per_s: f64,
    pub inside: u64,
    pub dropped_per_s: f64,
    pub dropped: u64,
    pub starts: u64,
    pub attributes: BTreeMap<String, String>,
}

/// The node that limits the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Bottleneck {
    pub node: String,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    pub bottleneck: Option<Bottleneck>,
}

/// One node's totals at one moment.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    received: u64,
    sent: u64,
    dropped: u64,
    for_lack_of_time: u64,
    inside: u64,
}

impl Totals {
    fn of(report: &StageReport) -> Self {
        let mut totals = Self::default();
        for counters in report.cameras.values() {
            totals.received += counters.received;
            totals.sent += counters.sent;
            totals.inside += counters.inside();
            for (reason, count) in &counters.dropped {
                // What the user wants left out is not lost.
                if reason != Selection::REASON {
                    totals.dropped += count;
                }
                if FOR_LACK_OF_TIME.contains(&reason.as_str()) {
                    totals.for_lack_of_time += count;
                }
            }
        }
        totals
    }
}

/// What the nodes counted in the last seconds.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    moments: VecDeque<(Instant, BTreeMap<String, Totals>)>,
}

impl Rates {
    /// The graph, by the reports of now and those of the calls before.
    pub fn graph(&mut self, reports: &[StageReport], now: Instant) -> Graph {
        let totals = reports.iter().map(|it| (it.stage.clone(), Totals::of(it)));
        let totals: BTreeMap<String, Totals> = totals.collect();
        let is_old = |came: Instant| now.saturating_duration_since(came) > WINDOW;
        while self.moments.front().is_some_and(|(came, _)| is_old(*came)) {
            self.moments.pop_front();
        }
        // The process of fused stages counts nothing: its stages do.
        let nodes = reports.iter().filter(|report| report.kind != FUSED);
        let nodes = nodes.map(|report| self.node(report, reports, now));
        let nodes = in_order(nodes.collect());
        let bottleneck = self.bottleneck(&nodes, &totals, now);
        self.moments.push_back((now, totals));
        Graph { nodes, bottleneck }
    }

    /// How much a second was added to a node's totals.
    fn per_second(&self, stage: &str, count: u64, now: Instant, get: fn(&Totals) -> u64) -> f64 {
        let first = self.moments.front();
        let before = first.and_then(|(came, totals)| Some((came, totals.get(stage)?)));
        let Some((came, before)) = before else {
            return 0.0;
        };
        let seconds = now.saturating_duration_since(*came).as_secs_f64();
        let added = count.saturating_sub(get(before)) as f64;
        let rate = if seconds > 0.0 { added / seconds } else { 0.0 };
        (rate * 10.0).round() / 10.0
    }

    fn node(&self, report: &StageReport, reports: &[StageReport], now: Instant) -> Node {
        let totals = Totals::of(report);
        let stage = &report.stage;
        let givers = reports.iter().filter(|it| {
            it.stage != *stage && !it.gives.is_empty() && report.takes.contains(&it.gives)
        });
        let rate = |count, get| self.per_second(stage, count, now, get);
        Node {
            id: stage.clone(),
            kind: report.kind.clone(),
            inputs: givers.map(|it| it.stage.clone()).collect(),
            ready: report.ready && !report.closed,
            in_per_s: rate(totals.received, |it| it.received),
            out_per_s: rate(totals.sent, |it| it.sent),
            inside: totals.inside,
            dropped_per_s: rate(totals.dropped, |it| it.dropped),
            dropped: totals.dropped,
            starts: report.starts,
            attributes: attributes(report),
        }
    }

    /// The node that drops most for lack of time; where none does, the one in which rows wait for
    /// longest, by the rate at which they leave it, at each moment of the last seconds.
    fn bottleneck(
        &self,
        nodes: &[Node],
        totals: &BTreeMap<String, Totals>,
        now: Instant,
    ) -> Option<Bottleneck> {
        let drops = |node: &Node| {
            let count = totals.get(&node.id)?.for_lack_of_time;
            let rate = self.per_second(&node.id, count, now, |it| it.for_lack_of_time);
            (rate >= FEWEST_DROPS).then_some(rate)
        };
        let dropping = nodes.iter().filter_map(|node| Some((node, drops(node)?)));
        if let Some((node, rate)) = dropping.max_by(|a, b| a.1.total_cmp(&b.1)) {
            let why = format!(
                "it drops {rate:.1} frames/s for lack of time, and {} wait in it",
                node.inside
            );
            let node = node.id.clone();
            return Some(Bottleneck { node, why });
        }
        // A single look may meet a batch that is just being worked on.
        let least_inside = |node: &Node| {
            let before = self.moments.iter().map(|(_, totals)| totals.get(&node.id));
            let before = before.map(|it| it.map_or(0, |it| it.inside));
            before.chain([node.inside]).min().unwrap_or(0)
        };
        let seconds = |node: &Node| {
            let inside = least_inside(node);
            let seconds = inside as f64 / node.out_per_s.max(1.0);
            (inside >= FEWEST_INSIDE && seconds >= LONGEST_INSIDE).then_some((inside, seconds))
        };
        let waiting = nodes.iter().filter_map(|node| Some((node, seconds(node)?)));
        let (node, (inside, seconds)) = waiting.max_by(|a, b| a.1.1.total_cmp(&b.1.1))?;
        Some(Bottleneck {
            node: node.id.clone(),
            why: format!("{inside} frames wait in it, {seconds:.1} s of its work"),
        })
    }
}

/// What the node says of itself, without what it says of single cameras.
fn attributes(report: &StageReport) -> BTreeMap<String, String> {
    let is_of_camera = |name: &str| {
        let camera = name.split_once('.').map(|(_, camera)| camera);
        camera.is_some_and(|camera| report.cameras.contains_key(camera))
    };
    let facts = report.facts.iter().filter(|(name, _)| !is_of_camera(name));
    facts
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Each node after those that it takes from.
fn in_order(mut nodes: Vec<Node>) -> Vec<Node> {
    let mut ordered: Vec<Node> = Vec::with_capacity(nodes.len());
    while !nodes.is_empty() {
        let is_next = |node: &Node| {
            let mut inputs = node.inputs.iter();
            inputs.all(|input| ordered.iter().any(|it| it.id == *input))
        };
        // Nodes in a circle come as they are.
        let next = nodes.iter().position(is_next).unwrap_or(0);
        ordered.push(nodes.remove(next));
    }
    ordered
}

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
