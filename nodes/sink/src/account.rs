//! Where the frames of each camera are, by the counters of all stages before the sink.
//!
//! Every stage counts what came, what it sent on and what it dropped. What the stage before has
//! sent and the next has not received was on the way; what a stage has received and neither sent
//! nor dropped was inside. While the run continues, both are under way. At its end they have a
//! name: `stopped` where the stop of the graph cut them off, else they are lost, and the stage that
//! should have had them is the one to look at.

use std::collections::BTreeMap;

use camweave_stage::STOPPED;
use camweave_telemetry::{CameraCounters, StageReport};

/// Kinds of stage that frames come from.
const SOURCES: [&str; 2] = ["rtsp-source", "file-source"];

/// Whether frames may still arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The run goes on.
    Running,
    /// All stages have ended.
    Ended,
}

/// One camera's frames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub sent: u64,
    pub detected: u64,
    pub dropped: BTreeMap<String, u64>,
    pub lost: BTreeMap<String, u64>,
    pub under_way: u64,
}

/// The stages that a sink's frames come through, itself among them.
pub(crate) struct Way<'a> {
    stages: Vec<&'a StageReport>,
    /// For each stage those before it.
    before: Vec<Vec<usize>>,
}

impl<'a> Way<'a> {
    /// Walks from the sink, whose own report is `own`, up to the sources. Where nothing says what
    /// it takes (outside of a graph), all stages count, and nothing lies between them.
    pub fn to(own: &'a StageReport, reports: &'a [StageReport]) -> Self {
        let others = reports.iter().filter(|it| it.stage != own.stage);
        let all: Vec<&StageReport> = [own].into_iter().chain(others).collect();
        if own.takes.is_empty() {
            let before = all.iter().map(|_| Vec::new()).collect();
            return Self {
                stages: all,
                before,
            };
        }
        let mut way = Self {
            stages: vec![own],
            before: Vec::new(),
        };
        let mut next = 0;
        while next < way.stages.len() {
            let givers = givers(way.stages[next], &all);
            let before = givers.into_iter().map(|giver| way.index(giver));
            let before = before.collect();
            way.before.push(before);
            next += 1;
        }
        way
    }

    fn index(&mut self, stage: &'a StageReport) -> usize {
        let known = self.stages.iter().position(|it| it.stage == stage.stage);
        known.unwrap_or_else(|| {
            self.stages.push(stage);
            self.stages.len() - 1
        })
    }

    /// The stages before the sink.
    pub fn upstream(&self) -> &[&'a StageReport] {
        &self.stages[1..]
    }

    /// The stages that frames come from.
    pub fn sources(&self) -> impl Iterator<Item = &'a StageReport> {
        let stages = self.stages.iter().copied();
        stages.filter(|it| SOURCES.contains(&it.kind.as_str()))
    }

    /// All cameras that any of the stages knows.
    pub fn cameras(&self) -> Vec<&'a str> {
        let stages = self.stages.iter();
        let mut ids: Vec<&str> = stages
            .flat_map(|it| it.cameras.keys().map(String::as_str))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The camera's frames.
    pub fn account(&self, camera: &str, moment: Moment) -> Account {
        let nothing = CameraCounters::default();
        let counters = |stage: &StageReport| -> CameraCounters {
            stage.cameras.get(camera).unwrap_or(&nothing).clone()
        };
        let mut account = Account {
            sent: self.sources().map(|it| counters(it).received).sum(),
            detected: counters(self.stages[0]).sent,
            ..Account::default()
        };
        for (stage, before) in self.stages.iter().zip(&self.before) {
            let name = &stage.stage;
            let counted = counters(stage);
            for (reason, count) in &counted.dropped {
                add(&mut account.dropped, format!("{name}.{reason}"), *count);
            }
            add(&mut account.lost, name.clone(), counted.lost);
            if moment == Moment::Running {
                continue;
            }
            let givers = before.iter().map(|giver| self.stages[*giver]);
            let given: u64 = givers.clone().map(|it| counters(it).sent).sum();
            let on_the_way = given.saturating_sub(counted.received);
            // Only a process that died could have lost them otherwise.
            let is_whole = givers.chain([*stage]).all(|it| it.starts <= 1 && it.closed);
            if before.is_empty() {
                // A source: nothing comes before it.
            } else if stage.stopped && is_whole {
                add(
                    &mut account.dropped,
                    format!("{name}.{STOPPED}"),
                    on_the_way,
                );
            } else {
                add(&mut account.lost, name.clone(), on_the_way);
            }
            add(&mut account.lost, name.clone(), counted.inside());
        }
        let dropped: u64 = account.dropped.values().sum();
        let lost: u64 = account.lost.values().sum();
        let found = account.detected + dropped + lost;
        if moment == Moment::Running {
            // A source's counts are up to 250 ms old where the disk has no room for its ledger.
            account.sent = account.sent.max(found);
        }
        account.under_way = account.sent.saturating_sub(found);
        account
    }
}

/// The stages whose rows `stage` takes. A node that is not ours keeps no counters: what it takes
/// is what nobody else does.
fn givers<'a>(stage: &StageReport, all: &[&'a StageReport]) -> Vec<&'a StageReport> {
    let gives = |name: &String| all.iter().any(|it| it.gives == *name);
    let takes = |it: &StageReport| all.iter().any(|taker| taker.takes.contains(&it.gives));
    let is_unknown = stage.takes.iter().any(|name| !gives(name));
    let each = all.iter().copied().filter(|it| !it.gives.is_empty());
    each.filter(|it| it.stage != stage.stage)
        .filter(|it| stage.takes.contains(&it.gives) || (is_unknown && !takes(it)))
        .collect()
}

fn add(counts: &mut BTreeMap<String, u64>, name: String, count: u64) {
    if count > 0 {
        *counts.entry(name).or_default() += count;
    }
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
