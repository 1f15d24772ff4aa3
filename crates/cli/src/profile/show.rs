//! The table, for the terminal and as Markdown.

use camweave_compare::comparison::short;

use super::components::Profile;

const HEAD: [&str; 9] = [
    "Stage",
    "Component",
    "ms/frame",
    "p50",
    "p99",
    "FPS",
    "Share",
    "CPU ms",
    "Status",
];

fn rows(profile: &Profile) -> Vec<[String; 9]> {
    let optional = |value: Option<f64>| value.map_or("-".to_owned(), short);
    let mut rows: Vec<[String; 9]> = profile
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
    format!(
        "bottleneck: {} of {}: {} ms per frame, {:.0} % of all work{next}; {:.2} threads busy with it",
        found.component,
        found.stage,
        short(found.ms),
        found.share_percent,
        found.busy
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
                if (2..8).contains(&column) {
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
        "|---|---|---:|---:|---:|---:|---:|---:|---|".to_owned(),
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
