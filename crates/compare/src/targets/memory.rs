use std::collections::BTreeSet;

use super::figures::{Sample, mean};
use super::table::{Row, Table};
use crate::Run;

/// At both ends of a long run, or a third of a short one.
const COMPARED_SECONDS: f64 = 60.0;
/// Memory that differs by less is flat: a page cache or an allocator moves so much.
const FLAT: f64 = 0.02;

/// One of the kinds of memory in a sample.
type Value = fn(&Sample) -> Option<f64>;

/// Whether memory stood still: the first minute after the warm-up against the last one.
pub(super) fn rows(samples: &[Sample], run: &Run, table: &mut Table) {
    let begin = run.begin_unix_nanos as f64 / 1e9;
    let length = (run.end_unix_nanos - run.begin_unix_nanos) as f64 / 1e9;
    let window = COMPARED_SECONDS.min(length / 3.0);
    let kinds: [(&str, Value); 2] = [("host", |it| it.host_mib), ("device", |it| it.device_mib)];
    for (name, value) in kinds {
        let seen: Vec<(f64, f64, &Sample)> = samples
            .iter()
            .filter_map(|it| Some((it.unix_seconds - begin, value(it)?, it)))
            .filter(|(at, ..)| (0.0..=length).contains(at))
            .collect();
        let part = |is_in: &dyn Fn(f64) -> bool| -> Vec<(f64, &Sample)> {
            let found = seen.iter().filter(|(at, ..)| is_in(*at));
            found.map(|(_, mib, sample)| (*mib, *sample)).collect()
        };
        let first = part(&|at| at <= window);
        let last = part(&|at| at >= length - window);
        let of = |part: &[(f64, &Sample)]| mean(part.iter().map(|(mib, _)| *mib));
        let row = Row {
            what: format!("long: {name} memory"),
            reach: format!("flat (within {:.0}%)", 100.0 * FLAT),
            ..Row::default()
        };
        let Some((before, after)) = of(&first).zip(of(&last)) else {
            table.add(Row {
                measured: "not measured".to_owned(),
                note: format!(
                    "{} samples, expected some in the first and last {window:.0} s",
                    seen.len()
                ),
                ..row
            });
            continue;
        };
        let change = if before == 0.0 {
            0.0
        } else {
            (after - before) / before
        };
        let points: Vec<(f64, f64)> = seen.iter().map(|(at, mib, _)| (at / 60.0, *mib)).collect();
        let values = || points.iter().map(|(_, mib)| *mib);
        let (least, most) = (
            values().fold(f64::INFINITY, f64::min),
            values().fold(0.0, f64::max),
        );
        let mut note = format!(
            "{:+.2}% from the first to the last {window:.0} s; slope {:+.2} MiB a minute; {least:.1} to {most:.1} MiB in {} samples",
            100.0 * change,
            slope(&points),
            seen.len()
        );
        if name == "host" {
            note = format!("{note}; {}", grown(&first, &last));
        }
        table.add(Row {
            measured: format!("{before:.1} to {after:.1} MiB"),
            met: Some(change.abs() <= FLAT),
            note,
            ..row
        });
    }
}

/// Of the straight line through points, by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let x = mean(points.iter().map(|(x, _)| *x)).unwrap_or(0.0);
    let y = mean(points.iter().map(|(_, y)| *y)).unwrap_or(0.0);
    let spread: f64 = points.iter().map(|(at, _)| (at - x).powi(2)).sum();
    let together: f64 = points.iter().map(|(at, mib)| (at - x) * (mib - y)).sum();
    if spread == 0.0 {
        0.0
    } else {
        together / spread
    }
}

/// MiB of each process at the end, and by how much more that is than at the start.
fn grown(first: &[(f64, &Sample)], last: &[(f64, &Sample)]) -> String {
    let all = first.iter().chain(last);
    let names: BTreeSet<&str> = all
        .flat_map(|(_, sample)| sample.processes_mib.keys().map(String::as_str))
        .collect();
    let parts = names.into_iter().map(|name| {
        // A process that was started again is under its name; one that is gone has nothing.
        let of = |part: &[(f64, &Sample)]| {
            let values = part.iter();
            let values = values.map(|(_, it)| it.processes_mib.get(name).copied().unwrap_or(0.0));
            mean(values).unwrap_or(0.0)
        };
        let (before, after) = (of(first), of(last));
        format!("{name} {after:.1} ({:+.1})", after - before)
    });
    parts.collect::<Vec<_>>().join(", ")
}
