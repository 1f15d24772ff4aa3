//! The stage as its runtime calls it: what it counts and says of rows, and that it records them.

use std::path::Path;
use std::process::Command;

use camweave_message::{CapturedClock, FrameId, Unit, Watched};
use camweave_recorder::{RecordMode, Recorder, RecorderSettings};
use camweave_stage::{Context, Exit, Output, Stage};
use camweave_testing::{detections, frame_id, unit};

fn settings(folder: &Path) -> RecorderSettings {
    RecorderSettings {
        recordings: folder.join("recordings"),
        mode: RecordMode::Continuous,
        ..RecorderSettings::default()
    }
}

/// A second of H.264 with a keyframe and its parameter sets at the start.
fn access_units(folder: &Path) -> Vec<Vec<u8>> {
    let path = folder.join("clip.h264");
    let status = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=96x64:rate=10:duration=1",
        ])
        .args([
            "-c:v",
            "libx264",
            "-bf",
            "0",
            "-x264-params",
            "slices=1:aud=1",
        ])
        .args(["-pix_fmt", "yuv420p"])
        .arg(&path)
        .status();
    assert!(status.expect("the ffmpeg command").success());
    let bytes = std::fs::read(&path).expect("written");
    let delimiter = [0, 0, 0, 1, 9];
    let begins = bytes
        .windows(5)
        .enumerate()
        .filter(|(_, it)| *it == delimiter);
    let mut begins: Vec<usize> = begins.map(|(at, _)| at).collect();
    begins.push(bytes.len());
    begins
        .windows(2)
        .map(|it| bytes[it[0]..it[1]].to_vec())
        .collect()
}

#[test]
fn rows_are_recorded_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let context = Context::for_tests("recorder", folder.path());
    let mut stage = Recorder::open(settings(folder.path()), &context).expect("a folder");
    let data = access_units(folder.path());
    assert_eq!(data.len(), 10);
    let id = |sequence: u64| FrameId {
        pts_nanos: sequence as i64 * 100_000_000,
        captured_unix_nanos: 1_796_064_483_000_000_000 + sequence as i64 * 100_000_000,
        captured_clock: CapturedClock::SenderReport,
        ..frame_id("gate", sequence)
    };
    let units = data.iter().zip(0..).map(|(data, sequence)| Unit {
        id: id(sequence),
        keyframe: sequence == 0,
        data: data.clone().into(),
        ..unit("gate", 0)
    });
    let units: Vec<Unit> = units.collect();
    let mut rows: Vec<Watched> = units.iter().cloned().map(Watched::Unit).collect();
    // One that came before, and one whose parameter sets are none.
    rows.push(Watched::Unit(units[3].clone()));
    rows.push(Watched::Unit(unit("broken", 0)));
    rows.push(Watched::Detections(camweave_message::Detections {
        id: id(5),
        ..detections("gate", 5)
    }));
    let mut out = Output::default();
    for row in &rows {
        context
            .counters
            .received(&camweave_message::Row::id(row).camera);
    }
    stage.rows(rows, &mut out).expect("it goes on");
    stage.tick(&mut out).expect("it goes on");
    stage.close(&mut out).expect("it ends");
    let report = context.counters.report();
    let gate = &report.cameras["gate"];
    assert_eq!((gate.received, gate.sent), (12, 11), "{gate:?}");
    assert_eq!(gate.dropped.get("repeated"), Some(&1), "{gate:?}");
    assert_eq!(
        report.cameras["broken"].errors.get("unwritable"),
        Some(&1),
        "{report:?}"
    );
    assert_eq!(report.facts["disk"], "written");
    let clips = camweave_recording::clips(&folder.path().join("recordings")).expect("listed");
    let [clip] = &clips[..] else {
        panic!("{clips:?}");
    };
    let sidecar = camweave_recording::read_sidecar(&clip.path).expect("beside it");
    assert_eq!((sidecar.frame_count, sidecar.head.width), (10, 96));
    let seen: Vec<u64> = sidecar
        .frames
        .iter()
        .filter(|it| it.detections.is_some())
        .map(|it| it.frame.sequence)
        .collect();
    assert_eq!(seen, [5]);
}

#[test]
fn a_folder_has_one_recorder_and_what_is_no_folder_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let context = Context::for_tests("recorder", folder.path());
    let first = Recorder::open(settings(folder.path()), &context).expect("a folder");
    let Err(error) = Recorder::open(settings(folder.path()), &context) else {
        panic!("two write into one folder");
    };
    assert_eq!(error.exit, Exit::Resource, "{error}");
    assert!(error.message.contains("is in use by process"), "{error}");
    drop(first);
    std::fs::write(folder.path().join("file"), "mine").expect("writable");
    let other = RecorderSettings {
        recordings: folder.path().join("file"),
        ..settings(folder.path())
    };
    let Err(error) = Recorder::open(other, &context) else {
        panic!("a file is no folder");
    };
    assert_eq!(error.exit, Exit::Configuration, "{error}");
}
