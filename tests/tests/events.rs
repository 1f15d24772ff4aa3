//! Events at the end of a real graph, against the truth of simulated cameras.

mod support;

use std::collections::BTreeMap;
use std::fs;

use camweave_tests::{Cameras, Pipeline, Results, extended_graph, workspace};
use camweave_vision::metrics::FrameTruth;
use serde::Deserialize;
use support::{node_lines, path_with_python, patient};
use tempfile::TempDir;

/// Scenes in which the detector finds what crosses the line.
const SEED: &str = "100211";
/// An upright line in the middle of the frame: in is to the left.
const RULES: &str = "rules:
  - {name: line, kind: crossing, objects: [car, truck], line: [[0.5, 0], [0.5, 1]]}
  - {name: street, kind: presence, zone: [[0, 0], [1, 0], [1, 1], [0, 1]]}
";

#[derive(Debug, Deserialize)]
struct Event {
    camera: String,
    event: String,
    rule: String,
    direction: String,
    began_unix_nanos: i64,
    ended_unix_nanos: Vec<i64>,
    entered: u64,
    left: u64,
}

/// The graph with a node that prints events.
fn graph() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let program = workspace().join("examples/python-events/events.py");
    let nodes = format!(
        "
  - id: python-events
    path: {}
    inputs:
      in: {{source: analytics/out, queue_size: 1024, queue_policy: backpressure}}
",
        program.display()
    );
    drop(extended_graph(folder.path(), "cpu-events.yml", &nodes));
    fs::write(folder.path().join("rules.yml"), RULES).expect("rules");
    folder
}

/// How often a car or truck has passed the middle of the frame, to the left and to the right: of those
/// that could be seen before and after.
fn true_counts(truth: &[FrameTruth]) -> (u64, u64) {
    // Of each object: on which side it clearly is (by a hundredth of the frame's height), and whether it
    // can be seen.
    let mut ways: BTreeMap<u64, Vec<(bool, bool)>> = BTreeMap::new();
    for object in truth.iter().flat_map(|frame| &frame.objects) {
        let x = (object.bbox[0] + object.bbox[2]) / 2.0;
        if object.class_id >= 2 && (x - 320.0).abs() > 3.6 {
            let way = ways.entry(object.track_id).or_default();
            way.push((x < 320.0, !object.ignore));
        }
    }
    let mut counts = (0, 0);
    for way in ways.values() {
        for index in 1..way.len() {
            let is_left = way[index].0;
            let is_seen = |part: &[(bool, bool)]| part.iter().any(|it| it.1);
            if is_left != way[index - 1].0 && is_seen(&way[..index]) && is_seen(&way[index..]) {
                *(if is_left {
                    &mut counts.0
                } else {
                    &mut counts.1
                }) += 1;
            }
        }
    }
    counts
}

fn events(results: &Results) -> Vec<Event> {
    let printed = node_lines(&results.log, "python-events").into_iter();
    let read =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    printed.map(read).collect()
}

#[test]
fn crossings_are_those_of_the_truth_and_who_leaves_has_an_end() {
    let path = path_with_python();
    let cameras = [
        "--cameras",
        "1",
        "--fps",
        "10",
        "--seconds",
        "30",
        "--seed",
        SEED,
    ];
    let cameras = Cameras::start(&cameras);
    let graph = graph();
    let mut run = patient(Pipeline::of(graph.path().join("graph.yml")))
        .cameras(cameras.yml())
        .env("PATH", path)
        .env("LISTEN", "127.0.0.1:0")
        .env("RULES", graph.path().join("rules.yml"))
        .start();
    cameras.wait_until_ended();
    let sent: Vec<_> = (cameras.records().into_iter())
        .map(|camera| (camera.id, camera.frames_sent))
        .collect();
    run.wait_until("all frames", |run| {
        sent.iter().all(|(id, frames)| run.detected(id) >= *frames)
    });
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    results.check_accounts();
    let events = events(&results);
    let ids: Vec<&String> = events.iter().map(|it| &it.event).collect();
    assert!(
        ids.iter()
            .enumerate()
            .all(|(index, id)| !ids[..index].contains(id)),
        "{ids:?}"
    );
    for camera in &cameras.records() {
        let of = |rule: &str| -> Vec<&Event> {
            let found = events
                .iter()
                .filter(|it| it.camera == camera.id && it.rule == rule);
            found.collect()
        };
        let crossings = of("line");
        let counts = |direction: &str| {
            crossings
                .iter()
                .filter(|it| it.direction == direction)
                .count() as u64
        };
        let found = (counts("in"), counts("out"));
        let truth = true_counts(&cameras.truth(&camera.id));
        println!("{}: {found:?} crossings, {truth:?} in truth", camera.id);
        assert!(truth.0 + truth.1 >= 5, "{truth:?}");
        assert_eq!(found, truth, "{}: {crossings:#?}", camera.id);
        let last = crossings.last().map(|it| (it.entered, it.left));
        assert_eq!(last, Some(truth), "each row has the counts so far");
        // Who was in the street when the run was stopped has no row more: dora delivers nothing then.
        let street = of("street");
        let last = street.last().expect("objects");
        assert!(last.left > 0 && last.entered >= last.left, "{last:?}");
        for event in street {
            assert!(
                event.ended_unix_nanos[0] > event.began_unix_nanos,
                "{event:?}"
            );
        }
        let analytics = &results.report("analytics").cameras[&camera.id];
        assert_eq!(
            (analytics.received, analytics.sent),
            (camera.frames_sent, camera.frames_sent)
        );
    }
    assert_eq!(results.summary.facts["analytics.rules_file"], "valid");
}
