//! The summary: the sink's, completed by what only the cameras know.

use std::path::Path;

use camweave_outdir::{FILE_MODE, replace_in_room};
use camweave_runner::{CameraRecord, read_record};
use camweave_sink::{CameraSummary, Collector, Moment, Summary};
use camweave_stage::Exit;
use camweave_telemetry::{StageReport, read_reports};

use super::{Folder, Options};
use crate::error::CliError;
use crate::evaluate::{self, Accuracy};

/// The kind of the stage that writes the results.
pub const SINK: &str = "sink";
/// Frames that a camera put on the wire and that the source never saw.
const NOT_RECEIVED: &str = "network.not_received";

/// The summary, the reasons why the run is no success, and what could not be written.
pub type Finished = (Summary, Vec<String>, Result<(), CliError>);

/// Completes and writes `summary.json`; returns it with the reasons why the run is no success, and
/// with what could not be written.
pub fn finish(
    options: &Options,
    folder: &Folder,
    is_simulated: bool,
) -> Result<Finished, CliError> {
    let path = folder.summary();
    let mut summary = folder.read_summary().ok_or_else(|| {
        CliError::new(
            Exit::Incomplete,
            format!(
                "the sink wrote no '{}'; see dora.log next to it",
                path.display()
            ),
        )
    })?;
    summary.topology = Some(options.topology.name().to_owned());
    let reports = read_reports(&folder.stats()).unwrap_or_default();
    settle(&mut summary, &reports);
    if is_simulated {
        for record in read_record(&folder.record())? {
            complete(&mut summary, &record, &reports);
        }
        let detections = folder.path().join("detections.jsonl");
        let accuracy = evaluate::score(&detections, &folder.record())?;
        summary.accuracy = accuracy
            .map(serde_json::to_value)
            .transpose()
            .map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
    }
    let json = serde_json::to_vec_pretty(&summary)
        .map_err(|error| CliError::new(Exit::Internal, error.to_string()))?;
    let written = folder
        .results()
        .claim("summary.json")
        .map_err(CliError::from);
    let written = written.and_then(|path| {
        replace_in_room(&path, &json, FILE_MODE)
            .map_err(|error| CliError::file("write", &path, &error))
    });
    let failures = failures(&summary);
    let missing = written.and_then(|()| lost(&summary, folder.path()));
    Ok((summary, failures, missing))
}

/// Counts all frames again, by the reports of one moment, the end. A sink that was killed in the end
/// has left the counts of another moment in its summary; rates and latencies are in no report.
fn settle(summary: &mut Summary, reports: &[StageReport]) {
    let Some(sink) = reports.iter().find(|report| report.kind == SINK) else {
        return;
    };
    let mut counted = Collector::default().summary(reports, sink, Moment::Ended);
    for camera in &mut counted.cameras {
        if let Some(seen) = summary.cameras.iter().find(|seen| seen.id == camera.id) {
            camera.fps = seen.fps;
            camera.latency_ms = seen.latency_ms;
        }
    }
    summary.cameras = counted.cameras;
    summary.not_written = counted.not_written;
}

/// Replaces what the source received by what the camera sent, and names what lies between.
fn complete(summary: &mut Summary, record: &CameraRecord, reports: &[StageReport]) {
    let index = summary
        .cameras
        .iter()
        .position(|camera| camera.id == record.id);
    let index = index.unwrap_or_else(|| {
        summary.cameras.push(CameraSummary {
            id: record.id.clone(),
            frames_sent: 0,
            frames_decoded: 0,
            frames_detected: 0,
            dropped: Default::default(),
            lost: Default::default(),
            under_way: 0,
            fps: 0.0,
            latency_ms: Default::default(),
            state: None,
            errors: Default::default(),
        });
        summary.cameras.len() - 1
    });
    let camera = &mut summary.cameras[index];
    let received: u64 = reports
        .iter()
        .filter(|report| report.kind == "rtsp-source")
        .filter_map(|report| report.cameras.get(&record.id))
        .map(|counters| counters.received)
        // A graph may have a source of record streams as well, which sees the same camera again.
        .max()
        .unwrap_or(0);
    // What the source received and its stages counted adds up. The rest never came to it.
    let not_received = record.frames_sent.saturating_sub(received);
    camera.frames_sent = record.frames_sent;
    if not_received > 0 {
        let dropped = &mut camera.dropped;
        *dropped.entry(NOT_RECEIVED.to_owned()).or_default() += not_received;
    }
}

/// What was found and is not in the files.
fn lost(summary: &Summary, folder: &Path) -> Result<(), CliError> {
    let Some(lines) = summary.not_written.get("sink.detections") else {
        return Ok(());
    };
    Err(CliError::new(
        Exit::Resource,
        format!(
            "results in '{}' are incomplete: {lines} lines of detections.jsonl were not written; dora.log there has the reason",
            folder.display()
        ),
    ))
}

/// Whether all frames of a camera were left out because the user wants it so, but for those that
/// were under way at the end.
fn is_off(camera: &CameraSummary) -> bool {
    let stopped = camera.dropped.iter();
    let stopped = stopped.filter(|(reason, _)| reason.ends_with(".stopped"));
    let at_the_end: u64 = stopped.map(|(_, count)| count).sum();
    let lost: u64 = camera.lost.values().sum();
    let known = camera.not_selected() + at_the_end + lost + camera.under_way;
    camera.not_selected() > 0 && known >= camera.frames_sent
}

/// Why the run is no success: a camera that delivered nothing.
fn failures(summary: &Summary) -> Vec<String> {
    if summary.cameras.is_empty() {
        return vec!["no camera delivered a frame".to_owned()];
    }
    let silent = summary
        .cameras
        .iter()
        .filter(|camera| camera.frames_detected == 0)
        // With 'detect: off' there is nothing to detect on.
        .filter(|camera| !is_off(camera));
    silent
        .map(|camera| {
            let state = camera.state.as_deref().unwrap_or("no frame arrived");
            let dropped: u64 = camera.dropped.values().sum();
            let lost: u64 = camera.lost.values().sum();
            format!(
                "camera '{}' delivered no detection ({state}; {} frames sent, {dropped} dropped, {lost} lost)",
                camera.id, camera.frames_sent
            )
        })
        .collect()
}

/// What stands under the final table.
pub fn closing_lines(summary: &Summary, folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let stages: Vec<String> = summary
        .stages
        .iter()
        .map(|stage| format!("{} {:.1}/{:.1}", stage.stage, stage.ms.p50, stage.ms.p99))
        .collect();
    lines.push(format!("stages, p50/p99 ms: {}", stages.join("  ")));
    let accuracy = summary
        .accuracy
        .clone()
        .map(serde_json::from_value::<Accuracy>);
    if let Some(Ok(accuracy)) = accuracy {
        lines.push(format!("accuracy: {}", evaluate::describe(&accuracy)));
    }
    lines.push(format!(
        "results: {0}/summary.json, {0}/detections.jsonl, {0}/<camera>.png",
        folder.display()
    ));
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use camweave_sink::accounted;
    use camweave_telemetry::Counters;

    use super::*;

    fn record(sent: u64) -> CameraRecord {
        CameraRecord {
            id: "a".to_owned(),
            fps: 10.0,
            t0_unix_nanos: None,
            frames_in_clip: 1,
            frames_sent: sent,
            first_frame_sent: None,
            last_frame_sent: None,
            ended: true,
        }
    }

    fn summary(source: &Counters, detected: u64) -> Summary {
        let sink = Counters::new("sink", "sink", None);
        for _ in 0..detected {
            sink.received("a");
            sink.sent("a", 0);
        }
        let reports = [source.report()];
        Collector::default().summary(&reports, &sink.report(), Moment::Ended)
    }

    #[test]
    fn every_frame_gets_a_place() {
        let source = Counters::new("source", "rtsp-source", None);
        for _ in 0..95 {
            source.received("a");
        }
        for _ in 0..93 {
            source.sent("a", 0);
        }
        source.dropped("a", "source_backlog", 2);
        let mut summary = summary(&source, 93);
        complete(&mut summary, &record(100), &[source.report()]);
        let camera = &summary.cameras[0];
        let expected = [("network.not_received", 5), ("source.source_backlog", 2)];
        let expected: BTreeMap<String, u64> = expected
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v))
            .collect();
        assert_eq!(camera.dropped, expected);
        assert_eq!(accounted(camera), 0);
    }

    #[test]
    fn a_sink_that_was_killed_leaves_no_second_moment() {
        let source = Counters::new("source", "rtsp-source", None);
        let sink = Counters::new("sink", "sink", None);
        let early = {
            let reports = [source.report()];
            Collector::default().summary(&reports, &sink.report(), Moment::Running)
        };
        for _ in 0..9 {
            source.received("a");
            source.sent("a", 0);
            sink.received("a");
            sink.sent("a", 0);
        }
        let mut summary = early;
        let reports = [source.report(), sink.report()];
        settle(&mut summary, &reports);
        complete(&mut summary, &record(10), &reports);
        let camera = &summary.cameras[0];
        assert_eq!((camera.frames_sent, camera.frames_detected), (10, 9));
        assert_eq!(camera.dropped[NOT_RECEIVED], 1);
        assert_eq!(accounted(camera), 0);
    }

    #[test]
    fn a_camera_that_never_showed_is_a_failure_with_its_reason() {
        let source = Counters::new("source", "rtsp-source", None);
        let mut summary = summary(&source, 5);
        let mut other = record(0);
        other.id = "b".to_owned();
        complete(&mut summary, &other, &[]);
        summary.cameras[1].state = Some("offline: refused".to_owned());
        let failures = failures(&summary);
        assert_eq!(failures.len(), 1);
        assert!(
            failures[0].contains("'b'") && failures[0].contains("refused"),
            "{failures:?}"
        );
    }
}
