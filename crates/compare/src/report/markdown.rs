use std::fmt::Write as _;

use super::{method, tables};
use crate::Comparison;
use crate::comparison::letter;

/// `report.md`.
#[must_use]
pub fn markdown(comparison: &Comparison) -> String {
    let mut text = String::from("# Comparison of graphs\n\n");
    for (index, graph) in comparison.graphs.iter().enumerate() {
        let _ = writeln!(text, "- {}: `{graph}`", letter(index));
    }
    for versus in &comparison.versus {
        let _ = write!(text, "\n**{}.**\n", versus.headline);
    }
    for note in comparison.notes.iter().chain(&comparison.warnings) {
        let _ = write!(text, "\n> {note}\n");
    }
    text.push_str("\n| | |\n|---|---|\n");
    for (name, value) in &comparison.settings {
        let _ = writeln!(text, "| {} | {} |", cell(name), cell(value));
    }
    for table in tables::all(comparison) {
        let _ = write!(text, "\n## {}\n\n", table.title);
        row(&mut text, &table.head);
        row(&mut text, &vec!["---".to_owned(); table.head.len()]);
        for cells in &table.rows {
            row(&mut text, cells);
        }
    }
    text.push_str("\n## How to read it\n\n");
    for line in method(comparison) {
        let _ = writeln!(text, "- {line}");
    }
    text
}

fn row(text: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
