//! The nodes' documents and hub manifests say of settings, drop reasons and facts what the code does.
//!
//! With `CAMWEAVE_BLESS=1` the tables are written.

use std::fs;
use std::path::PathBuf;

use camweave_fused::PARTS;
use camweave_stage::Description;
use camweave_stage::fused::{Part, description};

const SETTINGS: &str = "<!-- from the code: nodes/fused/tests/documents.rs -->\n";
const DROPS: &str = "<!-- drops, from the code: nodes/fused/tests/documents.rs -->\n";
const FACTS: &str = "<!-- facts, from the code: nodes/fused/tests/documents.rs -->\n";
const END: &str = "<!-- end -->\n";

fn readme(kind: &str) -> PathBuf {
    let nodes = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    nodes.join(kind).join("README.md")
}

/// The text with this table between the mark and the next end.
fn with_table(text: &str, mark: &str, table: &str) -> String {
    let (before, rest) = text.split_once(mark).expect("where the table begins");
    let (_, after) = rest.split_once(END).expect("where it ends");
    format!("{before}{mark}{table}{END}{after}")
}

#[test]
fn each_readme_has_the_tables_of_its_node() {
    let stages = PARTS.iter().map(Part::describe);
    let all: Vec<Description> = stages.chain([description(PARTS)]).collect();
    let mut stale = Vec::new();
    for node in &all {
        let path = readme(&node.kind);
        let text = fs::read_to_string(&path).expect("a README of the node");
        let mut expected = with_table(&text, SETTINGS, &node.settings_table());
        if node.stages.is_empty() {
            expected = with_table(&expected, DROPS, &node.drops_table());
        }
        if !node.attributes.is_empty() {
            expected = with_table(&expected, FACTS, &node.facts_table());
        }
        let manifest = path.with_file_name("dora-node.yml");
        let mut files = vec![(path, expected)];
        if node.stages.is_empty() {
            files.push((manifest, node.hub_manifest()));
        }
        for (path, expected) in files {
            if fs::read_to_string(&path).unwrap_or_default() == expected {
                continue;
            }
            stale.push(format!("{}: {}", node.kind, path.display()));
            if std::env::var_os("CAMWEAVE_BLESS").is_some() {
                fs::write(&path, expected).expect("writable");
            }
        }
    }
    assert!(
        stale.is_empty(),
        "these are not what the code says; CAMWEAVE_BLESS=1 writes them: {stale:#?}"
    );
}

#[test]
fn every_setting_has_a_meaning_and_times_have_their_unit() {
    for stage in PARTS.iter().map(Part::describe) {
        for setting in &stage.settings {
            let (kind, name) = (&stage.kind, &setting.name);
            let help = &setting.help;
            assert!(!help.is_empty(), "{kind}: {name} has no doc comment");
            assert!(
                !help.ends_with('.'),
                "{kind}: {name}: part of a line: {help}"
            );
            if name.ends_with("_MS") && *name != "TABLE_EVERY_MS" {
                assert_eq!(setting.unit.as_deref(), Some("ms"), "{kind}: {name}");
            }
        }
    }
}
