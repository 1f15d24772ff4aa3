//! The table, for the terminal and as Markdown.

use camweave_compare::comparison::short;

use super::components::Profile;

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
                profile
                    .times_the_next
                    .map_or("BOTTLENECK".to_owned(), |times| {
                        format!("BOTTLENECK, {times:.1}x the next")
                    })
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

/// Says the same in a sentence.
fn sentence(profile: &Profile) -> String {
    let Some(found) = profile
        .bottleneck
        .and_then(|index| profile.components.get(index))
    else {
        return "nothing was measured".to_owned();
    };
    let next = profile.times_the_next.map_or(String::new(), |times| {
        format!(", {times:.1} times the next component")
    });
    let busy = match found.gpu_ms {
        Some(gpu_ms) if gpu_ms >= found.ms => {
            format!(
                "the GPU busy with it {:.0} % of the time",
                100.0 * found.busy
            )
        }
        _ => format!("{:.2} threads busy with it", found.busy),
    };
    format!(
        "bottleneck: {} of {}: {} ms per frame, {:.0} % of all work{next}; {busy}",
        found.component,
        found.stage,
        short(found.ms),
        found.share_percent,
    )
}

/// For a terminal.
pub fn table(profile: &Profile) -> String {
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
    lines.push(sentence(profile));
    lines.join("\n")
}

/// For documents.
pub fn markdown(profile: &Profile) -> String {
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
    lines.push(String::new());
    lines.push(format!("{}.", sentence(profile)));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::components::Component;
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
            times_the_next: Some(2.0),
            components: vec![
                component("infer", 1.5, Some(0.05), gpu_ms),
                component("other", 0.75, Some(0.2), None),
            ],
            ..Profile::default()
        }
    }

    #[test]
    fn cpu_and_gpu_stand_apart() {
        let text = markdown(&profile(Some(1.5)));
        let row = "| infer | infer | 1.50 | 1.50 | 1.50 | 667 | 50.0 % | 0.050 | 1.50 | **bottleneck**, 2.0x the next |";
        assert!(text.contains(row), "{text}");
        let sum = "| full pipeline | all work | 2.25 |  |  | 500.0 | 100.0 % | 0.250 | 1.50 |";
        assert!(text.contains(sum), "{text}");
        assert!(
            text.contains("the GPU busy with it 75 % of the time"),
            "{text}"
        );
        let bars: Vec<usize> = text
            .lines()
            .filter(|line| line.starts_with('|'))
            .map(|line| line.matches('|').count())
            .collect();
        assert_eq!(bars, [11; 5]);
        // The columns of numbers end where their heads do.
        let text = table(&profile(Some(1.5)));
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
        let text = table(&profile(None));
        let row = text.lines().nth(1).expect("the first component");
        assert!(row.contains("0.050       -  BOTTLENECK"), "{text}");
        assert!(text.contains("0.75 threads busy with it"), "{text}");
    }
}
