//! Graphs against graphs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::agreement::Agreement;
use crate::estimate::{Estimate, Observation, holm};
use crate::facts::differences;
use crate::metric::{self, Better, Family, Metric};
use crate::run::{DISTURBING_CORES, Run};
use crate::verdict::{Outcome, PRIMARY, Verdict};
use crate::wording::{headline, text};

pub use crate::wording::short;

/// The chance of a single false finding among all metrics of a comparison of two graphs.
pub const LEVEL: f64 = 0.05;
/// The part of [`LEVEL`] that [`PRIMARY`] has alone, as it is one of many: a large difference is then found
/// by few runs.
const PRIMARY_PART: f64 = 0.4;

/// One graph against the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Versus {
    /// Which graph, counted from 0.
    pub graph: usize,
    /// Its letter: B, C, ...
    pub letter: String,
    /// The first lines of it all.
    pub headline: String,
    /// The node whose time differs most, and by how many milliseconds per frame, if any does.
    pub named: Option<(String, f64)>,
    /// By metric.
    pub verdicts: Vec<Verdict>,
    /// Whether both found the same, where that can be told.
    pub agreement: Option<Agreement>,
}

impl Versus {
    /// Whether any metric differs.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.verdicts
            .iter()
            .any(|verdict| matches!(verdict.outcome, Outcome::Better | Outcome::Worse))
    }
}

/// All of it: what `summary.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The graphs' files, as they were given.
    pub graphs: Vec<String>,
    /// What the runs had in common, by name: cameras, seconds, machine, ...
    pub settings: BTreeMap<String, String>,
    /// Each further graph against the first.
    pub versus: Vec<Versus>,
    /// All runs in their order.
    pub runs: Vec<Run>,
    /// What is missing, such as a run that is not whole.
    pub notes: Vec<String>,
    /// What makes the figures less sure: runs beside which other programs ran.
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl Comparison {
    /// Whether the graphs went in slices: then several runs share a place, and the times of frames
    /// mean nothing.
    #[must_use]
    pub fn is_sliced(&self) -> bool {
        is_sliced(&self.runs)
    }
}

fn is_sliced(runs: &[Run]) -> bool {
    let mut places: Vec<usize> = runs.iter().map(|run| run.place).collect();
    places.sort_unstable();
    places.windows(2).any(|pair| pair[0] == pair[1])
}

/// A, B, C, ... of a graph that is counted from 0.
#[must_use]
pub fn letter(graph: usize) -> String {
    let letter = u8::try_from(graph).ok().and_then(|n| b'A'.checked_add(n));
    match letter {
        Some(letter @ b'A'..=b'Z') => char::from(letter).to_string(),
        _ => format!("graph {}", graph + 1),
    }
}

impl Comparison {
    /// Compares each further graph with the first, by the runs that are whole.
    #[must_use]
    pub fn new(
        graphs: Vec<String>,
        settings: BTreeMap<String, String>,
        runs: Vec<Run>,
        mut agreements: BTreeMap<usize, Agreement>,
    ) -> Self {
        let mut notes = Vec::new();
        for run in &runs {
            if let Some(reason) = &run.partial {
                notes.push(format!(
                    "run {} ({}) is incomplete and was not compared: {reason}",
                    run.place + 1,
                    letter(run.graph)
                ));
            }
        }
        let versus = (1..graphs.len())
            .map(|graph| versus(graph, &runs, agreements.remove(&graph)))
            .collect();
        Self {
            graphs,
            settings,
            versus,
            warnings: warnings(&runs),
            runs,
            notes,
        }
    }
}

/// A line for each run that was disturbed, whether it is compared or was repeated.
fn warnings(runs: &[Run]) -> Vec<String> {
    if is_sliced(runs) {
        // A second is too short for the kernel's account: what counts is all of it.
        return disturbance(runs).into_iter().collect();
    }
    let disturbed = runs.iter().filter(|run| run.is_disturbed());
    disturbed
        .map(|run| {
            let (place, name, cores) = (run.place + 1, letter(run.graph), run.other_cores);
            let then = match &run.set_aside {
                Some(reason) => format!("; {reason}"),
                None => String::new(),
            };
            format!("run {place} ({name}): other programs used {cores:.2} cores during it{then}")
        })
        .collect()
}

/// What is to be said of a comparison beside whose runs other programs ran.
fn disturbance(runs: &[Run]) -> Option<String> {
    let cores = runs.iter().map(|run| run.other_cores);
    if is_sliced(runs) {
        let mean = cores.sum::<f64>() / runs.len().max(1) as f64;
        return (mean > DISTURBING_CORES)
            .then(|| format!("other programs used {mean:.2} cores meanwhile"));
    }
    let disturbed = runs.iter().filter(|run| run.is_disturbed()).count();
    let most = cores.fold(0.0, f64::max);
    (disturbed > 0).then(|| {
        format!(
            "during {disturbed} of these {} runs other programs used up to {most:.2} cores, which may explain small differences",
            runs.len()
        )
    })
}

fn versus(graph: usize, runs: &[Run], agreement: Option<Agreement>) -> Versus {
    let of_both: Vec<Run> = runs
        .iter()
        .filter(|run| run.is_compared() && (run.graph == 0 || run.graph == graph))
        .cloned()
        .collect();
    let letter = letter(graph);
    let mut verdicts: Vec<(Verdict, Option<Estimate>)> = metric::measure(&of_both)
        .into_iter()
        .filter_map(|(metric, values)| judge(metric, &of_both, &values))
        .collect();
    correct(&mut verdicts);
    let mut verdicts: Vec<Verdict> = verdicts.into_iter().map(|(verdict, _)| verdict).collect();
    for verdict in &mut verdicts {
        verdict.text = text(verdict, &letter);
    }
    let named = named(&verdicts);
    let mut headline = headline(&letter, &verdicts, named.as_ref(), agreement.as_ref());
    let cautions = [differences(&of_both, &letter), disturbance(&of_both)];
    for caution in cautions.into_iter().flatten() {
        headline.push_str("; ");
        headline.push_str(&caution);
    }
    Versus {
        graph,
        letter,
        headline,
        named,
        verdicts,
        agreement,
    }
}

/// The values of one metric, before the correction.
fn judge(
    metric: Metric,
    runs: &[Run],
    values: &[Option<f64>],
) -> Option<(Verdict, Option<Estimate>)> {
    let scaled = |value: f64| if metric.by_ratio { value.ln() } else { value };
    let back = |value: f64| if metric.by_ratio { value.exp() } else { value };
    let observations: Vec<Observation> = runs
        .iter()
        .zip(values)
        .filter_map(|(run, value)| {
            Some(Observation {
                is_b: run.graph != 0,
                place: run.place,
                value: scaled((*value)?),
            })
        })
        .collect();
    // As all tables and plots show them; the change is that of the logarithms.
    let mean = |is_b: bool| {
        let of_side = runs.iter().zip(values);
        let of_side: Vec<f64> = of_side
            .filter(|(run, _)| (run.graph != 0) == is_b)
            .filter_map(|(_, value)| *value)
            .collect();
        (!of_side.is_empty()).then(|| of_side.iter().sum::<f64>() / of_side.len() as f64)
    };
    let (a, b) = (mean(false), mean(true));
    let estimate = Estimate::fit(&observations);
    // A node that only one of the graphs has is shown by that one's value.
    if a.is_none() && b.is_none() {
        return None;
    }
    let (a, b) = (a.unwrap_or(f64::NAN), b.unwrap_or(f64::NAN));
    if !a.is_finite() || !b.is_finite() {
        return None;
    }
    let plain = if metric.by_ratio { b / a } else { b - a };
    let margin = if metric.by_ratio {
        metric.margin.ln_1p()
    } else {
        metric.margin
    };
    let interval = estimate.and_then(|it| it.interval());
    let verdict = Verdict {
        a,
        b,
        change: estimate.map_or(plain, |it| back(it.difference)),
        interval: interval.map(|(low, high)| (back(low), back(high))),
        p_value: estimate.and_then(|it| it.p_value(margin)),
        outcome: match interval {
            Some((low, high)) if low >= -margin && high <= margin => Outcome::Equal,
            _ => Outcome::Unknown,
        },
        text: String::new(),
        metric,
    };
    Some((verdict, estimate))
}

/// [`PRIMARY`] has its part of [`LEVEL`], each family an equal part of the rest; inside, Holm's
/// correction.
fn correct(verdicts: &mut [(Verdict, Option<Estimate>)]) {
    let tested = |verdict: &Verdict| verdict.p_value.is_some();
    let is_primary = |verdict: &Verdict| verdict.metric.name == PRIMARY;
    let mut families: Vec<Family> = verdicts
        .iter()
        .filter(|(it, _)| !is_primary(it))
        .map(|(it, _)| it.metric.family)
        .collect();
    families.sort();
    families.dedup();
    let part = (1.0 - PRIMARY_PART) / families.len().max(1) as f64;
    let members = |of: &dyn Fn(&Verdict) -> bool| -> Vec<usize> {
        let indices = verdicts.iter().enumerate();
        indices
            .filter(|(_, (it, _))| tested(it) && of(it))
            .map(|(index, _)| index)
            .collect()
    };
    let mut groups = vec![(PRIMARY_PART, members(&is_primary))];
    for family in families {
        let of = |it: &Verdict| it.metric.family == family && !is_primary(it);
        groups.push((part, members(&of)));
    }
    for (part, members) in groups {
        let p_values: Vec<f64> = members
            .iter()
            .filter_map(|index| verdicts[*index].0.p_value)
            .collect();
        for (index, p_value) in members.into_iter().zip(holm(&p_values)) {
            let (verdict, estimate) = &mut verdicts[index];
            let p_value = (p_value / part).min(1.0);
            verdict.p_value = Some(p_value);
            if p_value <= LEVEL {
                let rises = estimate.is_some_and(|it| it.difference > 0.0);
                let good = rises == (verdict.metric.better == Better::Higher);
                verdict.outcome = if good {
                    Outcome::Better
                } else {
                    Outcome::Worse
                };
            }
        }
    }
}

/// The node whose time per frame differs most, in milliseconds.
fn named(verdicts: &[Verdict]) -> Option<(String, f64)> {
    verdicts
        .iter()
        .filter(|it| matches!(it.outcome, Outcome::Better | Outcome::Worse))
        .filter_map(|it| Some((it.metric.node.clone()?, it.b - it.a)))
        .max_by(|x, y| x.1.abs().total_cmp(&y.1.abs()))
}

#[cfg(test)]
#[path = "comparison_tests.rs"]
mod tests;
