//! The table, for the terminal and as Markdown.

use camweave_compare::comparison::short;

use super::components::Profile;
use super::limit::Limit;
use super::verdict::Verdict;

const HEAD: [&str; 10] = [
    "Stage",
    "Component",
    "ms/frame",
    "p50",
    "p99",
    "FPS",
    "Share",
    "CPU ms",
    "GPU ms",
    "Status",
];

fn rows(profile: &Profile) -> Vec<[String; 10]> {
    let optional = |value: Option<f64>| value.map_or("-".to_owned(), short);
    let mut rows: Vec<[String; 10]> = profile
        .components
        .iter()
        .enumerate()
        .map(|(index, it)| {
            let status = if profile.bottleneck == Some(index) {
                "BOTTLENECK".to_owned()
            } else {
                "ok".to_owned()
            };
            [
                it.stage.clone(),
                it.component.clone(),
                short(it.ms),
                optional(it.p50_ms),
                optional(it.p99_ms),
                // Faster than this says nothing but 'fast'.
                if it.fps >= 1e6 {
                    "-".to_owned()
                } else {
                    format!("{:.0}", it.fps)
                },
                format!("{:.1} %", it.share_percent),
                optional(it.cpu_ms),
                optional(it.gpu_ms),
                status,
            ]
        })
        .collect();
    let sum: f64 = profile.components.iter().map(|it| it.ms).sum();
    rows.push([
        "full pipeline".to_owned(),
        "all work".to_owned(),
        short(sum),
        String::new(),
        String::new(),
        format!("{:.1}", profile.combined_fps),
        "100.0 %".to_owned(),
        short(profile.cpu_ms),
        optional(profile.gpu_ms),
        "measured FPS of all cameras".to_owned(),
    ]);
    rows
}

/// The verdict, how much of each resource is in use, and what could be done.
fn sentences(verdict: &Verdict) -> Vec<String> {
    let shares: Vec<String> = verdict
        .shares
        .iter()
        .map(|share| format!("{:.0} % of {}", share.percent, share.of))
        .collect();
    let mut sentences = vec![verdict.sentence.clone()];
    if !shares.is_empty() {
        sentences.push(format!("in use: {}", shares.join(", ")));
    }
    let label = match verdict.limit {
        Limit::Load => "to see more",
        _ => "what would help",
    };
    sentences.push(format!("{label}: {}", verdict.advice));
    sentences
}

/// For a terminal.
pub fn table(profile: &Profile, verdict: Option<&Verdict>) -> String {
    let rows = rows(profile);
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEAD[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                let width = widths[column];
                // Numbers to the right.
                if (2..9).contains(&column) {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            })
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&HEAD.map(str::to_owned))];
    lines.extend(rows.iter().map(|row| line(row)));
    lines.extend(verdict.into_iter().flat_map(sentences));
    lines.join("\n")
}

/// For documents.
pub fn markdown(profile: &Profile, verdict: Option<&Verdict>) -> String {
    let mut lines = vec![
        format!("| {} |", HEAD.join(" | ")),
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---|".to_owned(),
    ];
    for row in rows(profile) {
        lines.push(format!(
            "| {} |",
            row.join(" | ").replace("BOTTLENECK", "**bottleneck**")
        ));
    }
    for sentence in verdict.into_iter().flat_map(sentences) {
        lines.push(String::new());
        lines.push(format!("{sentence}."));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::components::Component;
    use super::super::verdict::Share;
    use super::*;

    fn component(name: &str, ms: f64, cpu_ms: Option<f64>, gpu_ms: Option<f64>) -> Component {
        Component {
            stage: "infer".to_owned(),
            component: name.to_owned(),
            ms,
            p50_ms: Some(ms),
            p99_ms: Some(ms),
            fps: 1e3 / ms,
            share_percent: 50.0,
            cpu_ms,
            gpu_ms,
            busy: ms / 2.0,
        }
    }

    fn profile(gpu_ms: Option<f64>) -> Profile {
        Profile {
            combined_fps: 500.0,
            cpu_ms: 0.25,
            gpu_ms,
            bottleneck: Some(0),
            components: vec![
                component("infer", 1.5, Some(0.05), gpu_ms),
                component("other", 0.75, Some(0.2), None),
            ],
            ..Profile::default()
        }
    }

    fn verdict() -> Verdict {
        let share = |percent, of: &str| Share {
            percent,
            of: of.to_owned(),
        };
        Verdict {
            limit: Limit::Batches,
            stage: Some("infer".to_owned()),
            other: None,
            sentence: "bottleneck: the batches".to_owned(),
            shares: vec![
                share(28.0, "NVDEC"),
                share(29.3, "the engine at batch 32: batches of 3"),
            ],
            advice: "more cameras".to_owned(),
        }
    }

    #[test]
    fn cpu_and_gpu_stand_apart() {
        let text = markdown(&profile(Some(1.5)), Some(&verdict()));
        let row =
            "| infer | infer | 1.50 | 1.50 | 1.50 | 667 | 50.0 % | 0.050 | 1.50 | **bottleneck** |";
        assert!(text.contains(row), "{text}");
        let sum = "| full pipeline | all work | 2.25 |  |  | 500.0 | 100.0 % | 0.250 | 1.50 |";
        assert!(text.contains(sum), "{text}");
        let said = "\n\nbottleneck: the batches.\n\nin use: 28 % of NVDEC, 29 % of the engine at batch 32: batches of 3.\n\nwhat would help: more cameras.";
        assert!(text.ends_with(said), "{text}");
        let bars: Vec<usize> = text
            .lines()
            .filter(|line| line.starts_with('|'))
            .map(|line| line.matches('|').count())
            .collect();
        assert_eq!(bars, [11; 5]);
        // The columns of numbers end where their heads do.
        let text = table(&profile(Some(1.5)), Some(&verdict()));
        let ends: Vec<Option<usize>> = [("GPU ms", 0), ("1.50  BOTTLENECK", 1)]
            .map(|(cell, row)| {
                let line = text.lines().nth(row)?;
                Some(line.find(cell)? + cell.split("  ").next()?.len())
            })
            .into();
        assert!(ends[0].is_some() && ends[0] == ends[1], "{text}");
    }

    #[test]
    fn without_a_gpu_there_are_no_figures_of_it() {
        let text = table(&profile(None), None);
        let row = text.lines().nth(1).expect("the first component");
        assert!(row.contains("0.050       -  BOTTLENECK"), "{text}");
        assert!(!text.contains("in use"), "{text}");
    }
}
