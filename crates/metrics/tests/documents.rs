//! `docs/metrics.md` has the metrics that there are, and the alerts and the dashboard use no others.
//!
//! With `CAMWEAVE_BLESS=1` the table is written.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use camweave_metrics::{Kind, catalogue};

const MARK: &str = "<!-- from the code: crates/metrics/tests/documents.rs -->\n";
const END: &str = "<!-- end -->\n";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name)
}

fn table() -> String {
    let mut table = "| name | type | labels | means |\n|---|---|---|---|\n".to_owned();
    for metric in catalogue::ALL {
        let labels: Vec<String> = metric.labels.iter().map(|it| format!("`{it}`")).collect();
        let (name, kind, labels) = (metric.name, metric.kind.as_str(), labels.join(", "));
        let help = metric.help.trim_end_matches('.');
        table += &format!("| `{name}` | {kind} | {labels} | {help} |\n");
    }
    table
}

#[test]
fn the_document_has_every_metric() {
    let path = path("docs/metrics.md");
    let text = fs::read_to_string(&path).expect("the document");
    let (before, rest) = text.split_once(MARK).expect("where the table begins");
    let (_, after) = rest.split_once(END).expect("where it ends");
    let expected = format!("{before}{MARK}{}{END}{after}", table());
    if std::env::var_os("CAMWEAVE_BLESS").is_some() {
        fs::write(&path, &expected).expect("writable");
    }
    assert_eq!(text, expected, "CAMWEAVE_BLESS=1 writes it");
}

/// The names of camweave's metrics in a text, without the parts of a histogram.
fn used(text: &str) -> BTreeSet<String> {
    let is_part = |it: char| it.is_ascii_lowercase() || it == '_' || it.is_ascii_digit();
    let words = text.split(|it| !is_part(it));
    let names = words.filter(|it| it.starts_with("camweave_"));
    let histograms = catalogue::ALL
        .iter()
        .filter(|it| it.kind == Kind::Histogram);
    let histograms: Vec<&str> = histograms.map(|it| it.name).collect();
    let whole = |name: &str| {
        let of = histograms.iter().find(|it| name.starts_with(**it));
        of.map_or(name, |it| it).to_owned()
    };
    names.map(whole).collect()
}

#[test]
fn alerts_and_dashboard_use_metrics_that_there_are() {
    let known: BTreeSet<String> = catalogue::ALL.iter().map(|it| it.name.to_owned()).collect();
    for (file, least) in [
        ("packaging/prometheus/camweave.rules.yml", 10),
        ("packaging/prometheus/grafana-dashboard.json", 15),
    ] {
        let used = used(&fs::read_to_string(path(file)).expect("readable"));
        assert!(used.len() >= least, "{file}: {used:?}");
        let unknown: Vec<_> = used.difference(&known).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}
