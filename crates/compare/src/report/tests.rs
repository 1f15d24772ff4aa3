use std::collections::BTreeMap;

use super::*;
use crate::Run;
use crate::run::{Camera, Node, Passed, Quantiles, Span, Stop};

/// Of which the GPU was measured in graph B.
fn span(graph: usize) -> Span {
    let same = |ms: f64| Quantiles {
        mean: ms,
        p50: ms,
        p95: ms,
        p99: ms,
    };
    Span {
        calls: 10,
        frames: 40,
        busy_ms: 2.0,
        cpu_ms: Some(1.0),
        ms_per_frame: same(2.0),
        gpu_ms: (graph == 1).then(|| same(0.5)),
    }
}

fn comparison() -> Comparison {
    let run = |place: usize, graph: usize, fps: f64| {
        let quantiles = |p50: f64| Quantiles {
            mean: p50,
            p50,
            p95: 2.0 * p50,
            p99: 3.0 * p50,
        };
        Run {
            graph,
            place,
            seconds: 5.0,
            frames: 100,
            combined_fps: fps,
            latency_ms: quantiles(1000.0 / fps),
            latency_curve: (0..=100).map(f64::from).collect(),
            cameras: vec![Camera {
                id: "gate|<1>".to_owned(),
                frames: 100,
                dropped: 25,
                fps,
                latency_ms: quantiles(20.0),
            }],
            dropped: [("infer.superseded".to_owned(), 25)].into(),
            nodes: [(
                "infer".to_owned(),
                Node {
                    cpu_ms: 500.0 / fps,
                    memory_mib: 80.0,
                },
            )]
            .into(),
            stops: vec![Stop {
                stage: "infer".to_owned(),
                wait_ms: quantiles(1.0),
                stage_ms: quantiles(10.0),
            }],
            spans: [(
                "infer".to_owned(),
                BTreeMap::from([("infer".to_owned(), span(graph))]),
            )]
            .into(),
            timeline: vec![Passed {
                camera: "gate|<1>".to_owned(),
                stages: vec![("infer".to_owned(), 0.0, 10.0)],
            }],
            ..Run::default()
        }
    };
    let runs = vec![
        run(0, 0, 50.0),
        run(1, 1, 100.0),
        run(2, 1, 101.0),
        run(3, 0, 49.5),
        run(4, 0, 50.2),
        run(5, 1, 100.5),
    ];
    Comparison::new(
        vec!["a.yml".to_owned(), "b.yml".to_owned()],
        BTreeMap::from([("cameras".to_owned(), "1".to_owned())]),
        runs,
        BTreeMap::new(),
    )
}

#[test]
fn the_terminal_gets_the_verdict() {
    let text = text(&comparison());
    assert!(
        text.contains("throughput: B is 2.01x faster, 95 % interval 1.9"),
        "{text}"
    );
    assert!(text.contains("dropped: no difference above"), "{text}");
}

#[test]
fn markdown_tables_are_whole() {
    let text = markdown(&comparison());
    assert!(
        text.contains("| throughput | frames/s | 49.9 | 100 |"),
        "{text}"
    );
    assert!(
        text.contains("| A | gate\\|<1> | 49.9 |") && text.contains("20.0 % |"),
        "{text}"
    );
    assert!(text.contains("| infer.superseded | 75 |"), "{text}");
    assert!(
        text.contains("| A | infer | infer | 2.00 | 2.00 | 2.00 | 1.00 | - | 4.00 |"),
        "{text}"
    );
    assert!(
        text.contains("| B | infer | infer | 2.00 | 2.00 | 2.00 | 1.00 | 0.500 | 4.00 |"),
        "{text}"
    );
    // Each row has as many cells as the head above it.
    let mut cells = None;
    for line in text.lines() {
        let count = line.replace("\\|", "").matches('|').count();
        match cells {
            _ if !line.starts_with('|') => cells = None,
            None => cells = Some(count),
            Some(expected) => assert_eq!(count, expected, "{line}"),
        }
    }
}

#[test]
fn the_page_needs_nothing_else() {
    let page = html(&comparison());
    for outside in ["http://", "https://", "src=", "href=", "<script", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("gate|&lt;1&gt;") && !page.contains("gate|<1>"));
    // Throughput, latency, costs, way, and a timeline of each graph.
    assert_eq!(page.matches("<svg").count(), 6);
    assert!(
        !page.contains("NaN") && !page.contains("inf\""),
        "a number is missing"
    );
}

#[test]
fn a_comparison_without_any_whole_run_is_still_a_report() {
    let mut made = comparison();
    for run in &mut made.runs {
        run.partial = Some("it ended".to_owned());
    }
    let made = Comparison::new(made.graphs, made.settings, made.runs, BTreeMap::new());
    assert!(
        text(&made).contains("no whole run of both graphs"),
        "{}",
        text(&made)
    );
    assert!(!html(&made).contains("NaN"));
    let empty = Comparison::new(made.graphs, made.settings, Vec::new(), BTreeMap::new());
    assert!(!html(&empty).contains("NaN") && !markdown(&empty).contains("NaN"));
}
