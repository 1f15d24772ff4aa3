//! A camera whose main stream is recorded and whose substream is detected on: what is in the clips is
//! measured in their frames, and compared with the boxes that were found in the frames of the substream.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use camweave_message::{CapturedClock, Codec, Detections, Unit};
use camweave_recording::{Mode, Plan, Report, Sidecar};
use camweave_testing::{detections, person};
use support::{BEGIN, Bench, Footage, SECOND, event, plan};

const CAMERA: &str = "gate";
const MILLI: i64 = 1_000_000;
/// The box moves to the right by so much of the frame's width in a second.
const SPEED: f64 = 0.1;
/// When the substream's session begins: not when one of the main stream's frames is captured.
const SUB_BEGIN: i64 = 1_370 * MILLI;
const SUB_SIZE: (u32, u32) = (320, 180);
const MAIN_SIZE: (u32, u32) = (640, 360);

/// The scene: a white box that moves over black, from `begin` seconds of it on.
fn scene((width, height): (u32, u32), rate: u32, seconds: u32, begin: f64) -> String {
    let (side, top) = (height / 6, height / 3);
    format!(
        "color=black:size={width}x{height}:rate={rate}:duration={seconds}[ground];\
         color=white:size={side}x{side}:rate={rate}:duration={seconds}[box];\
         [ground][box]overlay=x='W*({SPEED}*(t+{begin})+0.05)':y={top}"
    )
}

/// The box in each frame of a file, in presentation order: `[x1, y1, x2, y2]` in pixels.
fn boxes_in(path: &Path, (width, height): (u32, u32)) -> Vec<[f32; 4]> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(path);
    command.args([
        "-fps_mode",
        "passthrough",
        "-pix_fmt",
        "gray",
        "-f",
        "rawvideo",
        "-",
    ]);
    let output = command.output().expect("the ffmpeg command");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (width, size) = (width as usize, width as usize * height as usize);
    assert_eq!(output.stdout.len() % size, 0);
    let box_of = |frame: &[u8]| {
        let white = || {
            frame
                .iter()
                .enumerate()
                .filter(|(_, it)| **it > 128)
                .map(|(at, _)| at)
        };
        let x = || white().map(|at| at % width);
        let y = || white().map(|at| at / width);
        let edges = [
            x().min(),
            y().min(),
            x().max().map(|it| it + 1),
            y().max().map(|it| it + 1),
        ];
        edges.map(|it| it.expect("the box is in each frame") as f32)
    };
    output.stdout.chunks_exact(size).map(box_of).collect()
}

/// A stream of the scene, with what there is to be found in each of its frames.
struct Stream {
    units: Vec<Unit>,
    /// By presentation order.
    boxes: Vec<[f32; 4]>,
}

impl Stream {
    fn new(session: i64, size: (u32, u32), rate: u32, begin: i64, b_frames: u32) -> Self {
        let scene = scene(size, rate, 7, begin as f64 / 1e9);
        let footage = Footage::of(Codec::H264, &scene, b_frames);
        let mut units = footage.session(CAMERA, session, 0);
        for unit in &mut units {
            unit.id.captured_unix_nanos += begin;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.h264");
        let bytes: Vec<u8> = footage
            .units
            .iter()
            .flat_map(|it| it.data.clone())
            .collect();
        std::fs::write(&path, bytes).expect("writable");
        let boxes = boxes_in(&path, size);
        assert_eq!(boxes.len(), units.len());
        Self { units, boxes }
    }

    /// What a detector finds in each of its frames.
    fn detections(&self, size: (u32, u32)) -> Vec<Detections> {
        let mut order: Vec<&Unit> = self.units.iter().collect();
        order.sort_by_key(|it| it.id.pts_nanos);
        let each = order.into_iter().zip(&self.boxes);
        each.map(|(unit, bbox)| Detections {
            id: unit.id.clone(),
            image_size: size,
            boxes: vec![person(*bbox, 0.9)],
            ..detections(CAMERA, 0)
        })
        .collect()
    }
}

/// Gives a recorder both streams, each so many nanoseconds after its frames were captured.
fn feed(
    bench: &mut Bench,
    (units, units_late): (&[Unit], i64),
    (rows, rows_late): (&[Detections], i64),
) {
    let mut newest = i64::MIN;
    // An access unit comes once those have been captured that it is sent after.
    let units = units.iter().map(|unit| {
        newest = newest.max(unit.id.captured_unix_nanos);
        (newest + units_late, Some(unit), None)
    });
    let rows = rows
        .iter()
        .map(|row| (row.id.captured_unix_nanos + rows_late, None, Some(row)));
    let mut all: Vec<_> = units.chain(rows).collect();
    all.sort_by_key(|it| it.0);
    let mut before = all[0].0;
    for (at, unit, row) in all {
        bench.pass(Duration::from_nanos((at - before).unsigned_abs()));
        before = at;
        if let Some(unit) = unit {
            bench.recorder.unit(unit, bench.now);
        }
        if let Some(row) = row {
            bench.recorder.detections(row, bench.now);
        }
    }
}

fn continuous() -> Plan {
    Plan {
        mode: Mode::Continuous,
        ..plan()
    }
}

/// Checks that each box is drawn where the recorded frame shows it, and gives the frames' numbers with
/// when their boxes were captured.
fn check(path: &Path, sidecar: &Sidecar, tolerance: f32) -> Vec<(i64, i64)> {
    let shown = boxes_in(path, MAIN_SIZE);
    let mut frames: Vec<_> = sidecar.frames.iter().collect();
    frames.sort_by(|a, b| a.frame.at.total_cmp(&b.frame.at));
    assert_eq!(shown.len(), frames.len());
    let mut found = Vec::new();
    for (shown, frame) in shown.iter().zip(frames) {
        let Some(seen) = &frame.detections else {
            continue;
        };
        let frame = &frame.frame;
        assert_eq!(
            (seen.sequence, (seen.width, seen.height)),
            (frame.sequence, SUB_SIZE)
        );
        let [x, y] = [MAIN_SIZE.0 / seen.width, MAIN_SIZE.1 / seen.height].map(|it| it as f32);
        let [drawn] = seen.boxes[..] else {
            panic!("one box: {seen:?}");
        };
        for (edge, by) in [(0, x), (1, y), (2, x), (3, y)] {
            let off = (drawn[edge] * by - shown[edge]).abs();
            assert!(
                off <= tolerance,
                "frame {}: {drawn:?} on {shown:?}",
                frame.sequence
            );
        }
        let captured = seen.captured_unix_nanos.expect("of another stream");
        found.push((frame.captured_unix_nanos, captured));
    }
    found
}

/// Both rates, and by how many milliseconds both come late.
fn check_boxes(
    (main_rate, sub_rate): (u32, u32),
    (units_late, rows_late): (i64, i64),
    b_frames: u32,
) {
    let main = Stream::new(100, MAIN_SIZE, main_rate, 0, b_frames);
    let sub = Stream::new(101, SUB_SIZE, sub_rate, SUB_BEGIN, 0);
    let rows = sub.detections(SUB_SIZE);
    let mut bench = Bench::new(&continuous());
    feed(
        &mut bench,
        (&main.units, units_late * MILLI),
        (&rows, rows_late * MILLI),
    );
    let (clips, reports, _folder) = bench.close();
    let [(clip, sidecar)] = &clips[..] else {
        panic!("{clips:?}, {reports:?}");
    };
    // Both are of the same moment to half a step of the recorded stream, in which the box moves by less
    // than it does from one of its frames to the next. Edges are on even pixels of both.
    let step = SECOND / i64::from(main_rate);
    let one_frame = (SPEED / f64::from(main_rate)) as f32 * MAIN_SIZE.0 as f32;
    let found = check(&clip.path, sidecar, (one_frame / 2.0 + 4.0).max(one_frame));
    let end = BEGIN + 7 * SECOND - step;
    for (frame, captured) in &found {
        // What comes after the last frame has no nearer one.
        let most = if *captured > end { step } else { step / 2 };
        assert!((frame - captured).abs() <= most, "{found:?}");
    }
    // All that was detected while it was recorded is there, each once.
    let expected: Vec<i64> = rows
        .iter()
        .map(|it| it.id.captured_unix_nanos)
        .filter(|it| *it <= end)
        .collect();
    let placed: BTreeSet<i64> = found.iter().map(|it| it.1).collect();
    assert_eq!(placed.len(), found.len(), "each is on one frame");
    if main_rate >= sub_rate {
        assert!(
            expected.iter().all(|it| placed.contains(it)),
            "{expected:?}, {found:?}"
        );
        assert!(expected.len() >= 5 * sub_rate as usize);
    } else {
        // Of those that are nearest to the same frame, the nearest: every frame has one.
        let frames = sidecar.frames.iter().map(|it| it.frame.captured_unix_nanos);
        let within = frames.filter(|it| *it >= BEGIN + SUB_BEGIN).count();
        assert!(found.len() >= within, "{within}, {found:?}");
        assert!(
            found
                .iter()
                .all(|(frame, captured)| (frame - captured).abs()
                    <= SECOND / i64::from(2 * sub_rate))
        );
    }
    assert!(
        !reports
            .iter()
            .any(|it| matches!(it, Report::Unmatched { .. })),
        "{reports:?}"
    );
}

#[test]
fn boxes_of_the_substream_are_on_the_frames_of_the_main_stream() {
    // The answers come after the frames, as they usually do.
    check_boxes((10, 5), (0, 300), 0);
}

#[test]
fn boxes_wait_for_a_main_stream_that_is_late_and_reordered() {
    check_boxes((10, 5), (1500, 100), 3);
}

#[test]
fn a_frame_of_a_slower_main_stream_has_the_nearest_boxes() {
    check_boxes((5, 10), (0, 300), 0);
}

#[test]
fn an_event_of_the_substream_is_where_the_main_stream_shows_it() {
    let main = Stream::new(100, MAIN_SIZE, 10, 0, 0);
    let sub = Stream::new(101, SUB_SIZE, 5, SUB_BEGIN, 0);
    let rows = sub.detections(SUB_SIZE);
    let mut bench = Bench::new(&Plan {
        pre_roll: Duration::from_millis(500),
        post_roll: Duration::from_millis(500),
        ..plan()
    });
    // Decided by the frame of 4.97 s, which the recorder has not got yet.
    let at = rows
        .iter()
        .position(|it| it.id.captured_unix_nanos == BEGIN + 4_970 * MILLI);
    let decided = &sub.units[at.expect("a frame")];
    let before: Vec<Unit> = main.units[..48].to_vec();
    feed(&mut bench, (&before, 0), (&rows[..at.unwrap_or(0)], 0));
    bench
        .recorder
        .event(&event(decided, "e1", 4.17, Some(4.57)), bench.now);
    feed(
        &mut bench,
        (&main.units[48..], 0),
        (&rows[at.unwrap_or(0)..], 0),
    );
    let (clips, reports, _folder) = bench.close();
    let [(clip, sidecar)] = &clips[..] else {
        panic!("{clips:?}, {reports:?}");
    };
    assert!(
        !reports
            .iter()
            .any(|it| matches!(it, Report::Unplaced { .. })),
        "{reports:?}"
    );
    // From the keyframe before 3.67 s on.
    assert_eq!(sidecar.frames[0].frame.sequence, 20);
    let [event] = &sidecar.events[..] else {
        panic!("{:?}", sidecar.events);
    };
    let shown = boxes_in(&clip.path, MAIN_SIZE);
    for (at, second) in [(event.begin_at, 4.17), (event.end_at.expect("over"), 4.57)] {
        assert!((at - (second - 2.0)).abs() < 1e-3, "{at}");
        let frame = (at * 10.0).round() as usize;
        let x = f64::from(MAIN_SIZE.0) * (SPEED * second + 0.05);
        let off = (f64::from(shown[frame][0]) - x).abs();
        assert!(
            off <= f64::from(MAIN_SIZE.0) * SPEED / 10.0,
            "{x}: {:?}",
            shown[frame]
        );
    }
    check(&clip.path, sidecar, 8.0);
}

#[test]
fn without_a_common_clock_no_box_is_drawn_and_it_is_said() {
    let main = Stream::new(100, (96, 64), 10, 0, 0);
    let mut units = main.units.clone();
    // For twice as long, so that waiting ends.
    units.extend(main.units.iter().map(|unit| {
        let mut unit = unit.clone();
        unit.id.sequence += main.units.len() as u64;
        unit.id.pts_nanos += 7 * SECOND;
        unit.id.captured_unix_nanos += 7 * SECOND;
        unit
    }));
    let mut rows: Vec<Detections> = (0..10_u64)
        .map(|index| Detections {
            id: units[index as usize].id.clone(),
            ..detections(CAMERA, index)
        })
        .collect();
    for row in &mut rows {
        row.id.session_unix_nanos = 101;
        row.id.captured_clock = CapturedClock::Arrival;
    }
    let mut bench = Bench::new(&continuous());
    feed(&mut bench, (&units, 0), (&rows, 0));
    let mut of_arrival = units[120].clone();
    of_arrival.id = rows[9].id.clone();
    bench
        .recorder
        .event(&event(&of_arrival, "e1", 0.4, None), bench.now);
    let (clips, reports, _folder) = bench.close();
    let unmatched: u64 = reports
        .iter()
        .map(|it| match it {
            Report::Unmatched { rows, .. } => *rows,
            _ => 0,
        })
        .sum();
    assert_eq!(unmatched, 10, "{reports:?}");
    let frames = clips.iter().flat_map(|(_, it)| &it.frames);
    assert_eq!(frames.filter(|it| it.detections.is_some()).count(), 0);
    // An event is taken to be now: it is better recorded a little early or late than not at all.
    let events: Vec<f64> = clips
        .iter()
        .flat_map(|(_, it)| &it.events)
        .map(|it| it.begin_at)
        .collect();
    assert_eq!(events.len(), 1, "{reports:?}");
    assert!(
        (events[0] - 13.4).abs() < 0.01,
        "half a second before the newest frame: {events:?}"
    );
}
