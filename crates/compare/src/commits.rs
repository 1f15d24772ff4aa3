//! Benchmarks of single operations, of two commits: what `scripts/bench-commits.sh` measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::estimate::{Estimate, Observation};

/// What one run of a benchmark program printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Printed {
    /// The table of `divan`.
    Divan,
    /// Lines of a benchmark's name and the instructions of one call.
    Callgrind,
}

/// One run of a benchmark program.
#[derive(Debug, Clone)]
pub struct Output {
    /// The program.
    pub bench: String,
    /// Whether it is of the second commit.
    pub is_b: bool,
    /// Its place in the order of runs.
    pub place: usize,
    /// What the text is.
    pub printed: Printed,
    /// What it printed.
    pub text: String,
}

/// The verdicts as Markdown. A change of less than `margin` percent is of no interest.
#[must_use]
pub fn report(outputs: &[Output], commits: [&str; 2], margin: f64) -> String {
    let mut found: BTreeMap<String, Vec<Observation>> = BTreeMap::new();
    for output in outputs {
        let values = match output.printed {
            Printed::Divan => divan(&output.text),
            Printed::Callgrind => callgrind(&output.text),
        };
        for (name, value) in values {
            let name = format!("{}: {name}", output.bench);
            found.entry(name).or_default().push(Observation {
                is_b: output.is_b,
                place: output.place,
                value: value.ln(),
            });
        }
    }
    let [a, b] = commits;
    let mut text = format!(
        "| benchmark | {a} | {b} | change | 95 % interval | |\n|---|---:|---:|---:|---:|---|\n"
    );
    let mut slower: Vec<(f64, &str)> = Vec::new();
    for (name, observations) in &found {
        let Some(estimate) = Estimate::fit(observations) else {
            let _ = writeln!(text, "| {name} | | | | | only in one of them |");
            continue;
        };
        let ratio = estimate.difference.exp();
        // A count of instructions does not vary: one of each does.
        let ends = estimate
            .interval()
            .map(|(low, high)| (low.exp(), high.exp()));
        let (low, high) = ends.unwrap_or((ratio, ratio));
        let verdict = if low > 1.0 + margin / 100.0 {
            slower.push((ratio, name));
            "**slower**"
        } else if high < 1.0 - margin / 100.0 {
            "faster"
        } else {
            ""
        };
        let span = ends.map(|_| format!("{} to {}", percent(low), percent(high)));
        let span = span.unwrap_or_else(|| "none".to_owned());
        let is_count = name.contains("instructions");
        let [a, b] = [false, true].map(|is_b| shown(mean(observations, is_b), is_count));
        let change = percent(ratio);
        let _ = writeln!(
            text,
            "| {name} | {a} | {b} | {change} | {span} | {verdict} |"
        );
    }
    slower.sort_by(|a, b| b.0.total_cmp(&a.0));
    let slower: Vec<String> = slower
        .iter()
        .map(|(ratio, name)| format!("{name} ({})", percent(*ratio)))
        .collect();
    let _ = match slower.is_empty() {
        true => writeln!(text, "\nNothing got slower by more than {margin} %."),
        false => writeln!(text, "\nSlower: {}", slower.join(", ")),
    };
    text
}

fn mean(observations: &[Observation], is_b: bool) -> f64 {
    let values = observations.iter().filter(|it| it.is_b == is_b);
    let values: Vec<f64> = values.map(|it| it.value.exp()).collect();
    values.iter().sum::<f64>() / values.len() as f64
}

fn percent(ratio: f64) -> String {
    format!("{:+.1} %", 100.0 * (ratio - 1.0))
}

/// Nanoseconds, or a number of instructions, as people read them.
fn shown(value: f64, is_count: bool) -> String {
    if is_count {
        return thousands(&format!("{value:.0}"));
    }
    let units = [("s", 1e9), ("ms", 1e6), ("µs", 1e3)];
    let unit = units.iter().find(|(_, size)| value >= *size);
    let (unit, size) = unit.unwrap_or(&("ns", 1.0));
    let value = value / size;
    // Three digits that count.
    let digits = 2 - value.abs().max(1e-9).log10().floor() as i32;
    let digits = usize::try_from(digits).unwrap_or(0);
    let text = format!("{value:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text} {unit}")
}

fn thousands(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A line of divan's tree: its depth, its name, and what follows it.
fn branch(line: &str) -> Option<(usize, &str, &str)> {
    let at = line.find(['├', '╰'])?;
    let indent = &line[..at];
    if !indent.chars().all(|it| it == '│' || it == ' ') {
        return None;
    }
    let rest = line[at..].trim_start_matches(['├', '╰', '─']).trim_start();
    let (name, rest) = rest.split_once("  ").unwrap_or((rest, ""));
    Some((
        indent.chars().count() / 3,
        name.trim_end(),
        rest.trim_start(),
    ))
}

/// The fastest time of each benchmark in nanoseconds: what disturbs only makes slower.
fn divan(text: &str) -> Vec<(String, f64)> {
    let (mut path, mut found) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let Some((depth, name, rest)) = branch(line) else {
            continue;
        };
        path.truncate(depth);
        path.push(name);
        let mut words = rest.split_ascii_whitespace();
        let value = words.next().and_then(|word| word.parse::<f64>().ok());
        let size = words.next().and_then(nanos_of);
        if let Some((value, size)) = value.zip(size) {
            found.push((path.join("/"), value * size));
        }
    }
    found
}

fn nanos_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "ps" => 1e-3,
        "ns" => 1.0,
        "µs" | "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return None,
    })
}

/// Instructions of one call of each benchmark.
fn callgrind(text: &str) -> Vec<(String, f64)> {
    let pairs = text.lines().filter_map(|line| {
        let (name, count) = line.split_once('\t')?;
        let count = count.parse::<f64>().ok().filter(|count| *count > 0.0)?;
        Some((format!("{name}, instructions"), count))
    });
    pairs.collect()
}

/// The full names of the benchmarks in divan's list, which is a tree.
#[must_use]
pub fn names(list: &str) -> Vec<String> {
    let (mut path, mut found): (Vec<&str>, Vec<String>) = Default::default();
    for line in list.lines().filter(|line| !line.trim().is_empty()) {
        let (depth, name) = match branch(line) {
            Some((depth, name, _)) => (depth + 1, name),
            None => (0, line.trim()),
        };
        // What has benchmarks in it is none.
        if path.len() == depth {
            found.pop();
        }
        path.truncate(depth);
        path.push(name);
        found.push(path.join("::"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
Timer precision: 20 ns
pool                 fastest       │ slowest       │ median        │ mean
├─ acquire                         │               │               │
│  ├─ 1              41.5 ns       │ 50 ns         │ 42 ns         │ 43 ns
│  ╰─ eight at once  1.2 µs        │ 2 µs          │ 1.3 µs        │ 1.4 µs
╰─ publish           3 ms          │ 4 ms          │ 3 ms          │ 3 ms
";

    #[test]
    fn divans_table_is_read() {
        let found = divan(TABLE);
        let expected = [
            ("acquire/1", 41.5),
            ("acquire/eight at once", 1200.0),
            ("publish", 3e6),
        ];
        assert_eq!(
            found,
            expected.map(|(name, nanos)| (name.to_owned(), nanos))
        );
    }

    #[test]
    fn a_list_names_the_leaves() {
        let list = "pool\n├─ acquire\n│  ├─ 1\n│  ╰─ 8\n╰─ publish\n";
        let expected = ["pool::acquire::1", "pool::acquire::8", "pool::publish"];
        assert_eq!(names(list), expected);
        assert_eq!(names("a\nb\n"), ["a", "b"]);
    }

    fn output(is_b: bool, place: usize, text: &str) -> Output {
        Output {
            bench: "pool".to_owned(),
            is_b,
            place,
            printed: Printed::Divan,
            text: text.to_owned(),
        }
    }

    #[test]
    fn what_got_slower_is_named_and_the_rest_is_not() {
        let line = |name: &str, nanos: f64| format!("├─ {name}  {nanos} ns │\n");
        let run = |is_b: bool, place: usize, wobble: f64| {
            let slow = if is_b { 120.0 } else { 100.0 };
            let mut text = line("slow", slow + wobble) + &line("same", 50.0 + wobble / 2.0);
            if is_b {
                text += &line("new", 1.0);
            }
            output(is_b, place, &text)
        };
        let order = [false, true, true, false, false, true, true, false];
        let wobble = [0.0, 0.2, 0.1, 0.3, 0.1, 0.0, 0.2, 0.1];
        let runs: Vec<Output> = order
            .into_iter()
            .zip(wobble)
            .enumerate()
            .map(|(place, (is_b, wobble))| run(is_b, place, wobble))
            .collect();
        let text = report(&runs, ["aaa", "bbb"], 3.0);
        assert!(text.starts_with("| benchmark | aaa | bbb | change | 95 % interval | |\n"));
        assert!(
            text.contains("| pool: slow | 100 ns | 120 ns | +20.0 % |"),
            "{text}"
        );
        assert!(
            text.contains("| pool: new | | | | | only in one of them |"),
            "{text}"
        );
        assert!(text.ends_with("\nSlower: pool: slow (+20.0 %)\n"), "{text}");
        let quiet = report(&runs, ["aaa", "bbb"], 30.0);
        assert!(
            quiet.ends_with("\nNothing got slower by more than 30 %.\n"),
            "{quiet}"
        );
    }

    #[test]
    fn instructions_are_counted_once() {
        let count = |is_b: bool, count: u32| Output {
            printed: Printed::Callgrind,
            ..output(
                is_b,
                usize::from(is_b),
                &format!("pool::acquire\t{count}\npool::no\t0\n"),
            )
        };
        let text = report(
            &[count(false, 1_234_567), count(true, 1_300_000)],
            ["a", "b"],
            3.0,
        );
        assert!(
            text.contains("| pool: pool::acquire, instructions | 1,234,567 | 1,300,000 | +5.3 % | none | **slower** |"),
            "{text}"
        );
        assert!(!text.contains("pool::no"), "{text}");
    }

    #[test]
    fn times_have_three_digits() {
        for (nanos, expected) in [
            (0.5, "0.5 ns"),
            (41.5, "41.5 ns"),
            (123.4, "123 ns"),
            (1234.0, "1.23 µs"),
            (5e7, "50 ms"),
            (2e9, "2 s"),
        ] {
            assert_eq!(shown(nanos, false), expected);
        }
    }
}
