//! What the graphs of a comparison ran with, where that is not the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::run::Run;

/// The facts that explain more than a topology does. Others, such as the size of a batch, are the topology.
const EXPLAINING: [&str; 6] = ["engine", "model", "plan", "input_type", "gpu", "device"];

/// Says which engine, model or device is the same in all runs of each graph, and not the same in both graphs: a library
/// that one of them did not find may be all that a comparison shows.
pub(crate) fn differences(runs: &[Run], letter: &str) -> Option<String> {
    let (a, b) = (constant(runs, true), constant(runs, false));
    let differing: Vec<String> = a
        .iter()
        .filter_map(|(name, a)| {
            let b = b.get(name).filter(|b| *b != a)?;
            Some(format!("{name} is '{a}' in A and '{b}' in {letter}"))
        })
        .collect();
    (!differing.is_empty()).then(|| differing.join(", "))
}

/// The facts of [`EXPLAINING`] that are the same in all runs of one side.
fn constant(runs: &[Run], first: bool) -> BTreeMap<&str, &str> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for run in runs.iter().filter(|run| (run.graph == 0) == first) {
        for (name, value) in &run.facts {
            let fact = name.rsplit('.').next().unwrap_or(name);
            if EXPLAINING.contains(&fact) {
                values.entry(name).or_default().insert(value);
            }
        }
    }
    let same = values.into_iter().filter(|(_, values)| values.len() == 1);
    same.filter_map(|(name, values)| Some((name, values.into_iter().next()?)))
        .collect()
}
