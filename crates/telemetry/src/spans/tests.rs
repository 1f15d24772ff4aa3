use std::fs;
use std::path::{Path, PathBuf};

use super::file::{Frame, SpanFile, read};
use super::name::{BATCH, COPY, DECODE, INFER, QUEUE_DEPTH, RECEIVE};
use super::*;

fn settings(mode: SpanMode) -> SpanSettings {
    SpanSettings {
        mode,
        ..SpanSettings::default()
    }
}

fn key(camera: &str, sequence: u64) -> FrameKey<'_> {
    FrameKey {
        camera,
        session_unix_nanos: 1_000,
        sequence,
    }
}

fn frame(camera: &str, sequence: u64) -> Frame {
    Frame {
        camera: Arc::from(camera),
        session_unix_nanos: 1_000,
        sequence,
    }
}

fn only_file(folder: &Path) -> PathBuf {
    let entries = fs::read_dir(folder).expect("the folder was created");
    let entries = entries.map(|entry| entry.expect("readable").path());
    // Beside the mark that the folder is camweave's.
    let mut entries = entries.filter(|path| path.extension().is_some());
    let first = entries.next().expect("a file");
    assert!(entries.next().is_none(), "more than one file");
    first
}

/// Two blocks: nested spans with a frame each, a batch with members, a drop and a gauge.
fn write(folder: &Path) -> SpanFile {
    let spans = Spans::open(
        "pipe.decode",
        "sw-decode",
        &settings(SpanMode::Trace),
        folder,
    );
    let outer = spans.frame(&RECEIVE, key("cam1", 7));
    drop(spans.frame(&DECODE, key("cam1", 7)));
    drop(outer);
    spans.finish();
    let batch = spans.batch(&BATCH, 2);
    batch.member(key("cam1", 8));
    batch.member(key("cam2", 3));
    drop(batch);
    spans.dropped("cam2", "expired", 5);
    spans.gauge(&QUEUE_DEPTH, "", 11);
    spans.finish();
    assert_eq!(spans.lost(), 0);
    read(&only_file(folder)).expect("a file of spans")
}

#[test]
fn off_is_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let spans = Spans::open("s", "k", &settings(SpanMode::Off), folder.path());
    drop(spans.frame(&DECODE, key("cam1", 1)));
    spans.finish();
    assert!(spans.0.is_none() && spans.summaries().is_empty());
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
}

#[test]
fn stats_write_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let spans = Spans::open("s", "k", &settings(SpanMode::Stats), folder.path());
    drop(spans.batch(&DECODE, 3));
    drop(spans.begin(&RECEIVE));
    spans.finish();
    let found = spans.summaries();
    assert_eq!((found["decode"].calls, found["decode"].frames), (1, 3));
    assert_eq!((found["receive"].calls, found["receive"].frames), (1, 1));
    assert_eq!(found["receive"].cpu_ms, None);
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
}

#[test]
fn cpu_time_is_that_of_the_thread() {
    let spans = Spans::open("s", "k", &settings(SpanMode::Stats), Path::new("unused"));
    // Sleeping takes time and no CPU; so many that some are sampled for certain.
    for _ in 0..200 {
        let _span = spans.begin(&DECODE);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    spans.finish();
    let found = spans.summaries()["decode"];
    let cpu_ms = found.cpu_ms.expect("some were sampled");
    assert!(cpu_ms < found.busy_ms / 2.0, "{found:?}");
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let found = write(folder.path());
    assert_eq!(found.header.stage, "pipe.decode");
    assert_eq!(found.header.process_id, std::process::id());
    assert_eq!(found.damage, None);
    let names: Vec<&str> = found.spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["decode", "receive", "batch"]);
    let (inner, outer, batch) = (&found.spans[0], &found.spans[1], &found.spans[2]);
    assert!(outer.begin_nanos <= inner.begin_nanos && inner.end_nanos <= outer.end_nanos);
    assert_eq!(inner.thread, outer.thread);
    assert_eq!(inner.frames, [frame("cam1", 7)]);
    assert!(inner.flow && batch.flow);
    assert_eq!(batch.frames, [frame("cam1", 8), frame("cam2", 3)]);
    let dropped = &found.drops[0];
    assert_eq!(
        (&*dropped.camera, &*dropped.reason, dropped.count),
        ("cam2", "expired", 5)
    );
    assert_eq!(
        (&*found.gauges[0].name, found.gauges[0].value),
        ("queue depth", 11)
    );
    assert!(found.threads.contains_key(&inner.thread));
}

/// A file may end anywhere, because its process may.
#[test]
fn a_cut_costs_the_tail_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = write(folder.path());
    let path = only_file(folder.path());
    let bytes = fs::read(&path).expect("readable");
    let mut counts = Vec::new();
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).expect("writable");
        // Cut within the header, it is no file of spans.
        let Ok(found) = read(&path) else {
            assert!(counts.is_empty(), "cut at byte {length}");
            continue;
        };
        assert!(
            whole.spans.starts_with(&found.spans),
            "cut at byte {length}"
        );
        let complete = [0, 2, 3].contains(&found.spans.len());
        assert!(complete, "half a block at byte {length}: {found:?}");
        counts.push(found.spans.len());
    }
    assert!(counts.is_sorted() && counts.contains(&2), "{counts:?}");
}

#[test]
fn a_flipped_bit_is_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path());
    let path = only_file(folder.path());
    let mut bytes = fs::read(&path).expect("readable");
    let last = bytes.len() - 1;
    bytes[last] ^= 0x10;
    fs::write(&path, &bytes).expect("writable");
    let found = read(&path).expect("its beginning is whole");
    assert_eq!(found.spans.len(), 2);
    let damage = found.damage.expect("the last block is damaged");
    assert!(damage.contains("checksum"), "{damage}");
}

#[test]
fn other_files_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.spans");
    fs::write(&path, "something else").expect("writable");
    let error = read(&path).expect_err("no file of spans").to_string();
    assert!(
        error.contains("x.spans") && error.contains("CAMWSPAN"),
        "{error}"
    );
}

/// The writer is slower than spans come: they are counted, and nobody waits.
#[test]
fn a_full_queue_loses_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = SpanSettings {
        events: 64,
        ..settings(SpanMode::Trace)
    };
    let spans = Spans::open("s", "k", &settings, folder.path());
    for sequence in 0..100_000 {
        drop(spans.frame(&RECEIVE, key("cam1", sequence)));
    }
    spans.finish();
    // The number of lost events goes into the file with the next block.
    drop(spans.begin(&RECEIVE));
    spans.finish();
    let found = read(&only_file(folder.path())).expect("a file of spans");
    assert!(spans.lost() > 0);
    assert_eq!(found.lost, spans.lost());
    assert_eq!(found.spans.len() as u64 + found.lost, 100_001);
}

/// A disk without room, which the system has a device for.
#[test]
fn a_full_disk_loses_and_the_run_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = format!("s.{}.spans", std::process::id());
    std::os::unix::fs::symlink("/dev/full", folder.path().join(name)).expect("a link");
    let spans = Spans::open("s", "k", &settings(SpanMode::Trace), folder.path());
    for sequence in 0..10 {
        drop(spans.frame(&DECODE, key("cam1", sequence)));
    }
    spans.finish();
    assert_eq!(spans.summaries()["decode"].calls, 10);
    assert_eq!(spans.lost(), 10);
}

#[test]
fn spans_of_many_threads_arrive() {
    let folder = tempfile::tempdir().expect("a folder");
    let spans = Spans::open("s", "k", &settings(SpanMode::Trace), folder.path());
    std::thread::scope(|scope| {
        for camera in ["a", "b", "c", "d"] {
            let spans = spans.clone();
            scope.spawn(move || {
                for sequence in 0..500 {
                    drop(spans.frame(&DECODE, key(camera, sequence)));
                }
            });
        }
    });
    drop(spans);
    // The last handle brings what is left into the file.
    let found = read(&only_file(folder.path())).expect("a file of spans");
    assert_eq!(found.spans.len(), 2_000);
    let mut frames: Vec<Frame> = found.spans.into_iter().flat_map(|it| it.frames).collect();
    frames.sort_by(|a, b| (&a.camera, a.sequence).cmp(&(&b.camera, b.sequence)));
    let cameras = ["a", "b", "c", "d"];
    let expected = cameras
        .iter()
        .flat_map(|camera| (0..500).map(|it| frame(camera, it)));
    assert!(frames.into_iter().eq(expected));
}

fn range(begin_nanos: i64, duration_nanos: i64) -> DeviceRange {
    DeviceRange {
        begin_nanos,
        duration_nanos,
    }
}

#[test]
fn a_device_is_summed_up_apart_from_threads() {
    let spans = Spans::open("s", "k", &settings(SpanMode::Stats), Path::new("unused"));
    drop(spans.batch(&INFER, 4));
    let four = spans.members((0..4).map(|sequence| key("cam1", sequence)));
    spans.device(&INFER, range(1_000, 8_000_000), &four);
    spans.device(&INFER, range(5_000, 4_000_000), &four);
    // A clock that is off by a little must not make a negative time.
    let one = spans.members([key("cam1", 4)]);
    spans.device(&COPY, range(9, -3), &one);
    spans.finish();
    let found = spans.device_summaries();
    assert_eq!(found.len(), 2, "{found:?}");
    let infer = found["infer"];
    assert_eq!((infer.calls, infer.frames, infer.cpu_ms), (2, 8, None));
    assert!((infer.busy_ms - 12.0).abs() < 1e-9, "{infer:?}");
    assert!((infer.ms_per_frame.p50 - 1.0).abs() < 0.01, "{infer:?}");
    assert!((infer.ms_per_frame.p99 - 2.0).abs() < 0.01, "{infer:?}");
    assert_eq!(found["copy"].busy_ms, 0.0);
    let threads = spans.summaries();
    assert_eq!(threads.keys().collect::<Vec<_>>(), ["infer"]);
    assert_eq!(threads["infer"].calls, 1);
}

#[test]
fn a_devices_spans_are_written_with_their_frames() {
    let folder = tempfile::tempdir().expect("a folder");
    let spans = Spans::open("s", "k", &settings(SpanMode::Trace), folder.path());
    let two = spans.members([key("cam1", 8), key("cam2", 3)]);
    spans.device(&INFER, range(1_000, 500), &two);
    let one = spans.members([key("cam2", 4)]);
    spans.device(&COPY, range(1_200, 100), &one);
    spans.not_measured(3);
    spans.finish();
    let found = read(&only_file(folder.path())).expect("a file of spans");
    assert!(found.threads.is_empty(), "a device is no thread: {found:?}");
    assert_eq!(found.lost, 3);
    let [infer, copy] = &*found.spans else {
        panic!("two spans: {found:?}");
    };
    assert_eq!((infer.thread, copy.thread), (file::DEVICE_THREAD, 0));
    assert_eq!((infer.begin_nanos, infer.end_nanos), (1_000, 1_500));
    assert_eq!((infer.cpu_nanos, infer.count), (None, 2));
    assert_eq!(infer.frames, [frame("cam1", 8), frame("cam2", 3)]);
    assert_eq!(copy.frames, [frame("cam2", 4)]);
    assert!(infer.flow && copy.flow);
}

#[test]
fn a_device_is_not_timed_where_only_a_profiler_sees_spans() {
    let settings = SpanSettings {
        nvtx: true,
        ..SpanSettings::default()
    };
    let spans = Spans::open("s", "k", &settings, Path::new("unused"));
    assert!(spans.0.is_some() && !spans.are_timed());
    let one = spans.members([key("cam1", 4)]);
    spans.device(&COPY, range(9, 3), &one);
    spans.finish();
    assert!(spans.device_summaries().is_empty());
}
