//! Verdicts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::agreement::Agreement;
use crate::estimate::{Estimate, Observation, holm};
use crate::metric::{self, Better, Family, Metric};
use crate::run::Run;

/// The chance of a single false finding among all metrics of a comparison of two graphs.
pub const LEVEL: f64 = 0.05;

/// What the runs say of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// B differs, for the better.
    Better,
    /// B differs, for the worse.
    Worse,
    /// The interval lies within the margin: there is no difference worth speaking of.
    Equal,
    /// No difference that these runs can show.
    Unknown,
}

/// One metric of one graph against the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What was compared.
    pub metric: Metric,
    /// Mean over A's runs (geometric where compared by ratio).
    pub a: f64,
    /// The same of B's.
    pub b: f64,
    /// B / A, or B - A.
    pub change: f64,
    /// The 95 % interval of `change`, once there are runs enough; by itself, not corrected.
    pub interval: Option<(f64, f64)>,
    /// Corrected for the number of metrics, against a change within the margin.
    pub p_value: Option<f64>,
    /// What this says.
    pub outcome: Outcome,
    /// The same in words.
    pub text: String,
}

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
    /// What readers must know, such as a run that is not whole.
    pub notes: Vec<String>,
}

impl Comparison {
    /// Whether the graphs went in slices: then several runs share a place, and the times of frames
    /// mean nothing.
    #[must_use]
    pub fn is_sliced(&self) -> bool {
        let mut places: Vec<usize> = self.runs.iter().map(|run| run.place).collect();
        places.sort_unstable();
        places.windows(2).any(|pair| pair[0] == pair[1])
    }
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
                    "run {} ({}) is not whole and was not compared: {reason}",
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
            runs,
            notes,
        }
    }
}

fn versus(graph: usize, runs: &[Run], agreement: Option<Agreement>) -> Versus {
    let of_both: Vec<Run> = runs
        .iter()
        .filter(|run| run.partial.is_none() && (run.graph == 0 || run.graph == graph))
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
    let headline = headline(&letter, &verdicts, named.as_ref(), agreement.as_ref());
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
    let mean = |is_b: bool| {
        let of_side: Vec<f64> = observations
            .iter()
            .filter(|it| it.is_b == is_b)
            .map(|it| it.value)
            .collect();
        (!of_side.is_empty()).then(|| back(of_side.iter().sum::<f64>() / of_side.len() as f64))
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

/// Each family has an equal part of [`LEVEL`]; inside, Holm's correction.
fn correct(verdicts: &mut [(Verdict, Option<Estimate>)]) {
    let mut families: Vec<Family> = verdicts.iter().map(|(it, _)| it.metric.family).collect();
    families.sort();
    families.dedup();
    let parts = families.len() as f64;
    for family in families {
        let members: Vec<usize> = (0..verdicts.len())
            .filter(|index| verdicts[*index].0.metric.family == family)
            .filter(|index| verdicts[*index].0.p_value.is_some())
            .collect();
        let p_values: Vec<f64> = members
            .iter()
            .filter_map(|index| verdicts[*index].0.p_value)
            .collect();
        for (index, p_value) in members.into_iter().zip(holm(&p_values)) {
            let (verdict, estimate) = &mut verdicts[index];
            let p_value = (p_value * parts).min(1.0);
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

/// Three significant digits.
#[must_use]
pub fn short(value: f64) -> String {
    let size = value.abs();
    let digits = match size {
        _ if size >= 100.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

fn percent(ratio: f64) -> String {
    format!("{:+.1}", 100.0 * (ratio - 1.0))
}

fn text(verdict: &Verdict, letter: &str) -> String {
    let Verdict {
        metric,
        a,
        b,
        change,
        interval,
        outcome,
        ..
    } = verdict;
    let name = &metric.name;
    // The ends in rising order, also where what is shown falls with the value.
    let range = |show: &dyn Fn(f64) -> String, falls: bool| {
        interval.map_or(
            ", one run each gives no interval".to_owned(),
            |(low, high)| {
                let (low, high) = if falls { (high, low) } else { (low, high) };
                format!(", 95 % interval {} to {}", show(low), show(high))
            },
        )
    };
    match outcome {
        Outcome::Unknown if !metric.by_ratio && a == b => {
            format!("{name}: {} {} in both", short(*a), metric.unit)
        }
        Outcome::Unknown => {
            let shown = if metric.by_ratio {
                format!("{} %{}", percent(*change), range(&percent, false))
            } else {
                format!(
                    "{change:+.2}{}",
                    range(&|value| format!("{value:+.2}"), false)
                )
            };
            // By itself it would be called a difference; among so many metrics it may be chance.
            let zero = if metric.by_ratio { 1.0 } else { 0.0 };
            let leans = interval.is_some_and(|(low, high)| low > zero || high < zero);
            let hint = if leans {
                "; more runs may show one"
            } else {
                ""
            };
            format!("{name}: no difference that this run can show ({shown}{hint})")
        }
        Outcome::Equal => format!(
            "{name}: no difference above {}",
            if metric.by_ratio {
                format!("{:.0} %", 100.0 * metric.margin)
            } else {
                format!("{} {}", metric.margin, metric.unit)
            }
        ),
        Outcome::Better | Outcome::Worse if !metric.by_ratio => {
            let way = if change > &0.0 { "higher" } else { "lower" };
            format!(
                "{name}: {letter} is {} {} {way}{}",
                short(change.abs()),
                metric.unit,
                range(&|value| format!("{value:+.2}"), false)
            )
        }
        Outcome::Better | Outcome::Worse if metric.better == Better::Higher => {
            format!("{name}: {letter} is {}", faster(*change, &range))
        }
        Outcome::Better | Outcome::Worse => {
            let way = if b > a { "higher" } else { "lower" };
            format!(
                "{name}: {letter} is {} {} {way} ({} %{} %)",
                short((b - a).abs()),
                metric.unit,
                percent(*change),
                range(&percent, false)
            )
        }
    }
}

/// How a number is written.
type Shown<'a> = &'a dyn Fn(f64) -> String;

/// Large ratios as a factor, small ones in percent.
fn faster(ratio: f64, range: &dyn Fn(Shown<'_>, bool) -> String) -> String {
    const LARGE: f64 = 1.5;
    let times = |it: f64| format!("{it:.2}");
    let divided = |it: f64| format!("{:.2}", 1.0 / it);
    let more = |it: f64| format!("{:.1}", 100.0 * (it - 1.0));
    let less = |it: f64| format!("{:.1}", 100.0 * (1.0 - it));
    if ratio >= LARGE {
        format!("{}x faster{}", times(ratio), range(&times, false))
    } else if ratio >= 1.0 {
        format!("{} % faster{} %", more(ratio), range(&more, false))
    } else if ratio <= 1.0 / LARGE {
        format!("{}x slower{}", divided(ratio), range(&divided, true))
    } else {
        format!("{} % slower{} %", less(ratio), range(&less, true))
    }
}

fn headline(
    letter: &str,
    verdicts: &[Verdict],
    named: Option<&(String, f64)>,
    agreement: Option<&Agreement>,
) -> String {
    let mut parts: Vec<String> = verdicts
        .iter()
        .filter(|it| it.metric.family == Family::Whole)
        .filter(|it| matches!(it.outcome, Outcome::Better | Outcome::Worse))
        .map(|it| it.text.clone())
        .collect();
    if verdicts.is_empty() {
        parts.push(format!("{letter}: no whole run of both graphs to compare"));
    } else if parts.is_empty() && named.is_none() {
        parts.push(format!(
            "{letter} against A: no difference that this run can show"
        ));
    } else if parts.is_empty() {
        parts.push(format!(
            "{letter} against A: no difference of the whole that this run can show"
        ));
    }
    if let Some((node, millis)) = named {
        let way = if *millis > 0.0 { "more" } else { "less" };
        parts.push(format!(
            "the process that differs most is {node}: {} ms {way} per frame",
            short(millis.abs())
        ));
    }
    if let Some(agreement) = agreement {
        parts.push(agreement.text());
    }
    parts.join("; ")
}

#[cfg(test)]
#[path = "comparison_tests.rs"]
mod tests;
