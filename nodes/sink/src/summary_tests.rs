use camweave_message::{CapturedClock, FrameId, Trace};
use camweave_telemetry::Counters;
use camweave_testing::{detections, frame_id, stage_pass};

use super::*;
use crate::Room;

const MS: i64 = 1_000_000;

fn row(camera: &str, sequence: u64, captured: i64, passes: &[(&str, i64, i64)]) -> Detections {
    let passes = passes
        .iter()
        .map(|(stage, enter, leave)| stage_pass(stage, *enter, *leave));
    Detections {
        id: FrameId {
            captured_unix_nanos: captured,
            captured_clock: CapturedClock::SenderReport,
            ..frame_id(camera, sequence)
        },
        trace: Trace(passes.collect()),
        ..detections(camera, sequence)
    }
}

#[test]
fn rates_latencies_and_stages_are_what_came() {
    let mut collector = Collector::default();
    let own = Counters::new("sink", "sink", None);
    for frame in 0..11 {
        let captured = frame * 100 * MS;
        let passes = [
            ("decode", 0, 3 * MS),
            ("infer", 4 * MS, 24 * MS),
            ("sink", 30 * MS, 0),
        ];
        own.sent("a", 0);
        collector.add(
            &row("a", frame as u64, captured, &passes),
            captured + 50 * MS,
        );
    }
    let summary = collector.summary(&[], &own.report(), Moment::Running);
    let camera = &summary.cameras[0];
    assert_eq!(camera.frames_detected, 11);
    assert!((camera.fps - 10.0).abs() < 1e-9 && (summary.seconds - 1.0).abs() < 1e-9);
    assert!((camera.latency_ms.p99 - 50.0).abs() < 0.1);
    let stages: Vec<&str> = summary.stages.iter().map(|it| it.stage.as_str()).collect();
    assert_eq!(stages, ["decode", "infer"]);
    assert!((summary.stages[1].ms.p50 - 20.0).abs() < 0.1);
}

#[test]
fn stages_stand_in_the_order_of_the_data() {
    let mut collector = Collector::default();
    let own = Counters::new("sink", "sink", None);
    own.sent("a", 0);
    collector.add(&row("a", 0, 0, &[("decode", 0, 1), ("nms", 2, 3)]), 0);
    collector.add(
        &row(
            "a",
            1,
            0,
            &[("decode", 0, 1), ("infer", 1, 2), ("nms", 2, 3)],
        ),
        0,
    );
    let summary = collector.summary(&[], &own.report(), Moment::Running);
    let stages: Vec<&str> = summary.stages.iter().map(|it| it.stage.as_str()).collect();
    assert_eq!(stages, ["decode", "infer", "nms"]);
}

#[test]
fn frames_that_nobody_wanted_are_no_drops_in_the_table() {
    let source = Counters::new("source", "rtsp-source", None);
    let decode = Counters::new("decode", "sw-decode", None);
    for _ in 0..10 {
        source.received("a");
    }
    let own = Counters::new("sink", "sink", None);
    own.sent("a", 0);
    own.sent("a", 0);
    let summary = |decode: &Counters| {
        let reports = [source.report(), decode.report()];
        Collector::default().summary(&reports, &own.report(), Moment::Running)
    };
    decode.dropped("a", "corrupt", 1);
    let text = crate::render(&summary(&decode), Room::wide(160));
    assert!(!text.contains("skipped"), "{text}");
    decode.dropped("a", "not_selected", 7);
    let found = summary(&decode);
    let camera = &found.cameras[0];
    assert_eq!((camera.not_selected(), camera.dropped_unasked()), (7, 1));
    assert_eq!(accounted(camera), 0, "the account has both");
    let text = crate::render(&found, Room::wide(160));
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_ascii_whitespace().take(6).collect())
        .collect();
    let head = ["camera", "sent", "detected", "skipped", "dropped", "lost"];
    assert_eq!(lines[0], head);
    assert_eq!(lines[1], ["a", "10", "2", "7", "1", "0"]);
    assert_eq!(lines[2], ["all", "10", "2", "7", "1", "0"]);
    assert!(text.contains("decode.corrupt 1") && !text.contains("not_selected"));
}

#[test]
fn drops_of_all_stages_add_up() {
    let source = Counters::new("source", "rtsp-source", None);
    let infer = Counters::new("detect.infer", "cpu-infer", None);
    for _ in 0..10 {
        source.received("a");
    }
    source.dropped("a", "source_backlog", 1);
    infer.dropped("a", "superseded", 3);
    source.camera_state("b", "offline: refused");
    let mut collector = Collector::default();
    let own = Counters::new("sink", "sink", None);
    for frame in 0..5 {
        own.sent("a", 0);
        collector.add(&row("a", frame, 0, &[]), 0);
    }
    let summary = collector.summary(
        &[source.report(), infer.report()],
        &own.report(),
        Moment::Running,
    );
    let camera = &summary.cameras[0];
    assert_eq!((camera.frames_sent, camera.frames_detected), (10, 5));
    assert_eq!(camera.dropped["source.source_backlog"], 1);
    assert_eq!(camera.dropped["detect.infer.superseded"], 3);
    assert_eq!((camera.under_way, accounted(camera)), (1, 0));
    // A camera that never delivered is in the summary all the same.
    assert_eq!(summary.cameras[1].id, "b");
    assert_eq!(
        summary.cameras[1].state.as_deref(),
        Some("offline: refused")
    );
}

#[test]
fn a_table_of_few_lines_has_those_cameras_with_trouble() {
    let source = Counters::new("source", "rtsp-source", None);
    let cameras: Vec<String> = (1..=30).map(|number| format!("cam{number}")).collect();
    for camera in &cameras {
        source.received(camera);
        source.camera_state(camera, "streaming");
    }
    source.camera_state("cam20", "offline: refused");
    let own = Counters::new("sink", "sink", None);
    let summary = Collector::default().summary(&[source.report()], &own.report(), Moment::Running);
    let room = Room {
        width: 60,
        lines: Some(12),
    };
    let text = crate::render(&summary, room);
    let ids: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let first = [
        "camera", "cam1", "cam2", "cam3", "cam4", "cam5", "cam6", "cam7",
    ];
    assert_eq!(
        ids,
        [&first[..], &["cam20", "...", "all"]].concat(),
        "{text}"
    );
    assert!(
        text.contains("and 22 more cameras, 22 of them without trouble"),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 60),
        "{text}"
    );
    // The total is of all.
    let total: Vec<&str> = text
        .lines()
        .last()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(total[1], "30", "{text}");
}
