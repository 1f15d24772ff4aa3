//! Verdicts in words.

use crate::agreement::Agreement;
use crate::metric::{Better, Family};
use crate::verdict::{Outcome, PRIMARY, Verdict};

/// An interval whose ends differ by more than this factor is too wide for one number.
const WIDE: f64 = 1.25;

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

/// A verdict in words.
pub(crate) fn text(verdict: &Verdict, letter: &str) -> String {
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
            if verdict.is_probable() {
                let way = if verdict.rises() { "higher" } else { "lower" };
                return format!(
                    "{name}: {letter} is probably {way} ({shown}); among so many metrics that may be chance, and more runs would tell"
                );
            }
            format!("{name}: no difference that this run can show ({shown})")
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
            let way = if verdict.rises() { "higher" } else { "lower" };
            format!(
                "{name}: {letter} is {} {} {way}{}",
                short(change.abs()),
                metric.unit,
                range(&|value| format!("{value:+.2}"), false)
            )
        }
        Outcome::Better | Outcome::Worse if metric.better == Better::Higher => {
            format!("{name}: {letter} is {}", faster(*change, *interval, &range))
        }
        Outcome::Better | Outcome::Worse => {
            let way = if verdict.rises() { "higher" } else { "lower" };
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

/// Large ratios as a factor, small ones in percent. Where the interval is wide, no more is said
/// for certain than its nearer end.
fn faster(
    ratio: f64,
    interval: Option<(f64, f64)>,
    range: &dyn Fn(Shown<'_>, bool) -> String,
) -> String {
    const LARGE: f64 = 1.5;
    let times = |it: f64| format!("{it:.2}");
    let divided = |it: f64| format!("{:.2}", 1.0 / it);
    let more = |it: f64| format!("{:.1}", 100.0 * (it - 1.0));
    let less = |it: f64| format!("{:.1}", 100.0 * (1.0 - it));
    let amount = |ratio: f64| match ratio {
        _ if ratio >= LARGE => format!("{}x faster", times(ratio)),
        _ if ratio >= 1.0 => format!("{} % faster", more(ratio)),
        _ if ratio <= 1.0 / LARGE => format!("{}x slower", divided(ratio)),
        _ => format!("{} % slower", less(ratio)),
    };
    let shown = match ratio {
        _ if ratio >= LARGE => range(&times, false),
        _ if ratio >= 1.0 => format!("{} %", range(&more, false)),
        _ if ratio <= 1.0 / LARGE => range(&divided, true),
        _ => format!("{} %", range(&less, true)),
    };
    match interval {
        Some((low, high)) if high / low > WIDE => {
            let least = if ratio >= 1.0 { low } else { high };
            format!("at least {} ({}{shown})", amount(least), amount(ratio))
        }
        _ => format!("{}{shown}", amount(ratio)),
    }
}

/// The first lines of it all.
pub(crate) fn headline(
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
    // What a comparison is made for is not called no difference where its interval says otherwise.
    let probable = verdicts
        .iter()
        .find(|it| it.metric.name == PRIMARY && it.is_probable());
    if let Some(probable) = probable {
        parts.push(probable.text.clone());
    } else if verdicts.is_empty() {
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
