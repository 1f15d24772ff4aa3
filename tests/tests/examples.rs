//! The sinks of `examples/` see what the usual sink sees.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use camweave_tests::{Cameras, Line, Pipeline};
use support::{node_lines, path_with_python, patient};

/// As the graph sets it for both sinks.
const MIN_SCORE: f32 = 0.25;

/// The lines that `rust-sink` should print, in any order.
fn new_objects(lines: &[Line]) -> BTreeSet<String> {
    let mut seen: BTreeMap<(&str, &str), BTreeSet<u64>> = BTreeMap::new();
    let mut expected = BTreeSet::new();
    for line in lines {
        for (index, label) in line.labels.iter().enumerate() {
            let tracks = seen.entry((&line.camera, label)).or_default();
            if let Some(track) = line.track_ids[index]
                && line.scores[index] >= MIN_SCORE
                && tracks.insert(track)
            {
                expected.insert(format!("{}: {label} number {}", line.camera, tracks.len()));
            }
        }
    }
    expected
}

/// The line that `python-sink` should print for a camera.
fn totals(camera: &str, lines: &[&Line]) -> String {
    let mut classes: BTreeMap<&str, u64> = BTreeMap::new();
    for line in lines {
        for (label, score) in line.labels.iter().zip(&line.scores) {
            if *score >= MIN_SCORE {
                *classes.entry(label).or_default() += 1;
            }
        }
    }
    let total: u64 = classes.values().sum();
    let classes: Vec<_> = classes
        .iter()
        .map(|(label, count)| format!("{label} {count}"))
        .collect();
    let frames = lines.len();
    format!(
        "{camera}: {frames} frames, {total} boxes ({})",
        classes.join(", ")
    )
}

#[test]
fn three_sinks_see_the_same() {
    let path = path_with_python();
    let _ = camweave_tests::binary("rust-sink");
    let cameras = Cameras::start(&[
        "--cameras",
        "2",
        "--fps",
        "5",
        "--seconds",
        "6",
        "--seed",
        "5",
    ]);
    let mut run = patient(Pipeline::of("with-own-sinks.yml"))
        .cameras(cameras.yml())
        .env("PATH", path)
        .start();
    cameras.wait_until_ended();
    run.wait_until_quiet();
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);

    let printed = node_lines(&results.log, "rust-sink");
    let found: Vec<String> = printed
        .iter()
        .filter(|line| line.contains(" number "))
        .map(|line| (*line).to_owned())
        .collect();
    let expected = new_objects(&results.lines);
    assert!(
        !expected.is_empty(),
        "the scenes show objects; {}",
        results.log
    );
    assert_eq!(found.len(), expected.len(), "{found:?}");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);

    let printed = node_lines(&results.log, "python-sink");
    for (camera, _) in cameras.urls() {
        let lines = results.lines_of(camera);
        assert_eq!(lines.len(), 30, "frames of {camera}");
        let expected = totals(camera, &lines);
        assert!(
            printed.contains(&expected.as_str()),
            "expected '{expected}' in {printed:?}"
        );
    }
}
