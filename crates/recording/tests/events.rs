//! Clips of events: FFmpeg decodes them to the frames of the source, and the event is where the sidecar
//! says, by what is to be seen there.

mod support;

use std::time::Duration;

use camweave_message::{Codec, Unit};
use camweave_recording::{Plan, Report, Taken};
use camweave_testing::{detections, person};
use support::{Bench, Footage, event, hashes, names, plan, presented};

/// The place of a frame in presentation order, by its time.
fn place(seconds: f64) -> usize {
    (seconds * 10.0).round() as usize
}

/// A clip of the event from 8.1 to 9.5 s, known half a second later: from the keyframe at 4 s to
/// 11.5 s.
fn check_one_event(codec: Codec, b_frames: u32) {
    let footage = Footage::new(codec, 20, "190x130", b_frames);
    let units = footage.session("gate-2", 1, 0);
    let mut bench = Bench::new(&plan());
    for (index, unit) in units.iter().enumerate() {
        bench.units([unit]);
        let row = detections("gate-2", unit.id.sequence);
        let mut row = camweave_message::Detections {
            id: unit.id.clone(),
            ..row
        };
        row.boxes.push(person([index as f32, 0.0, 200.0, 9.0], 0.5));
        bench.recorder.detections(&row, bench.now);
        match index {
            86 => bench
                .recorder
                .event(&event(unit, "e1", 8.1, None), bench.now),
            100 => bench
                .recorder
                .event(&event(unit, "e1", 8.1, Some(9.5)), bench.now),
            _ => {}
        }
    }
    let (clips, reports, folder) = bench.close();
    let [(clip, sidecar)] = &clips[..] else {
        panic!("{clips:?}, {reports:?}");
    };
    assert_eq!(clip.name.stem(), "gate-2-20261130T184807.000Z");
    let found = hashes(&clip.path);
    // 4.0 to 11.5 s.
    let expected = &footage.hashes[40..][..found.len()];
    assert_eq!(found, expected);
    let last = 40 + found.len() - 1;
    // What is decoded before the frame at 11.5 s may be presented after it.
    let most = 117 + b_frames as usize;
    assert!((115..=most).contains(&last), "the last frame is {last}");
    // What the sidecar says is what FFmpeg sees.
    assert_eq!(sidecar.frame_count as usize, found.len());
    let times = presented(&clip.path);
    let mut frames: Vec<_> = sidecar.frames.iter().collect();
    frames.sort_by(|a, b| a.frame.at.total_cmp(&b.frame.at));
    for (time, frame) in times.iter().zip(&frames) {
        assert!((time - frame.frame.at).abs() < 1e-5, "{time}, {frame:?}");
        let source = &units[frame.frame.sequence as usize].id;
        assert_eq!(frame.frame.pts_nanos, source.pts_nanos);
        assert_eq!(frame.frame.captured_unix_nanos, source.captured_unix_nanos);
        let seen = frame.detections.as_ref().expect("all were looked at");
        assert_eq!(seen.boxes[0][0], frame.frame.sequence as f32);
    }
    // The event is at the frame at which it was, not one beside it.
    let [event] = &sidecar.events[..] else {
        panic!("{:?}", sidecar.events);
    };
    for (at, second) in [(event.begin_at, 8.1), (event.end_at.expect("over"), 9.5)] {
        let nearest = (0..times.len())
            .min_by(|a, b| (times[*a] - at).abs().total_cmp(&(times[*b] - at).abs()))
            .expect("frames");
        assert_eq!(found[nearest], footage.hashes[place(second)], "{second}");
    }
    assert_eq!((&*event.event, &*event.phase), ("e1", "end"));
    assert!(!sidecar.salvaged && sidecar.head.missing_seconds == 0.0);
    assert!(
        (sidecar.seconds - times[times.len() - 1]).abs() < 0.5,
        "{}",
        sidecar.seconds
    );
    // Nothing else is left.
    let left = names(folder.path());
    let is_mark = |name: &std::path::PathBuf| {
        let name = name.file_name().unwrap_or_default().to_string_lossy();
        name == ".camweave" || name == ".camweave.recordings.lock"
    };
    let left: Vec<_> = left.iter().filter(|it| !is_mark(it)).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn an_event_is_in_its_clip_h264() {
    check_one_event(Codec::H264, 0);
}

#[test]
fn an_event_is_in_its_clip_h264_with_b_frames() {
    check_one_event(Codec::H264, 3);
}

#[test]
fn an_event_is_in_its_clip_h265_with_b_frames() {
    check_one_event(Codec::H265, 3);
}

/// Feeds all units, with events after some of them: index, name, begin and end.
fn record(
    plan: &Plan,
    units: &[Unit],
    events: &[(usize, &str, f64, Option<f64>)],
) -> (
    Vec<(camweave_recording::Clip, camweave_recording::Sidecar)>,
    Vec<Report>,
    tempfile::TempDir,
) {
    let mut bench = Bench::new(plan);
    for (index, unit) in units.iter().enumerate() {
        bench.units([unit]);
        for (_, name, began, ended) in events.iter().filter(|it| it.0 == index) {
            bench
                .recorder
                .event(&event(unit, name, *began, *ended), bench.now);
        }
    }
    bench.close()
}

/// First and last frame of each clip, by sequence, and the events in it.
fn ranges(
    clips: &[(camweave_recording::Clip, camweave_recording::Sidecar)],
) -> Vec<(u64, u64, String)> {
    let range = |sidecar: &camweave_recording::Sidecar| {
        let sequences = || sidecar.frames.iter().map(|it| it.frame.sequence);
        let events: Vec<&str> = sidecar.events.iter().map(|it| &*it.event).collect();
        (
            sequences().min().unwrap_or(u64::MAX),
            sequences().max().unwrap_or(u64::MAX),
            events.join(" "),
        )
    };
    for (clip, sidecar) in clips {
        assert_eq!(
            hashes(&clip.path).len() as u64,
            sidecar.frame_count,
            "{clip:?}"
        );
    }
    clips.iter().map(|(_, sidecar)| range(sidecar)).collect()
}

fn of(first: u64, last: u64, events: &str) -> (u64, u64, String) {
    (first, last, events.to_owned())
}

#[test]
fn events_that_overlap_extend_one_clip_and_others_have_their_own() {
    let footage = Footage::new(Codec::H264, 40, "96x64", 0);
    let units = footage.session("a", 1, 0);
    let events = [
        (61, "e1", 6.0, Some(6.0)),
        // Its time before begins in the time after the first.
        (80, "e2", 7.9, None),
        (105, "e2", 7.9, Some(10.4)),
        // Long after.
        (250, "e3", 25.0, Some(25.0)),
        // An event that is known after its clip was over: what was is still in memory.
        (390, "e4", 37.0, Some(37.5)),
    ];
    let (clips, reports, _folder) = record(&plan(), &units, &events);
    assert_eq!(
        ranges(&clips),
        [of(20, 124, "e1 e2"), of(220, 270, "e3"), of(340, 395, "e4")],
        "{reports:?}"
    );
}

#[test]
fn a_long_event_is_recorded_in_parts_and_one_that_falls_silent_ends() {
    let footage = Footage::new(Codec::H264, 60, "96x64", 0);
    let units = footage.session("a", 1, 0);
    let long = Plan {
        longest: Duration::from_secs(10),
        silent_event: Duration::from_secs(20),
        ..plan()
    };
    let (clips, reports, _folder) = record(&long, &units, &[(100, "e1", 10.0, None)]);
    // From 6 s on, to 20 s after it was last heard of.
    assert_eq!(
        ranges(&clips),
        [of(60, 159, "e1"), of(160, 259, "e1"), of(260, 300, "e1")],
        "{reports:?}"
    );
}

#[test]
fn an_event_that_began_before_the_clip_that_is_recorded_has_one_before_it() {
    let footage = Footage::new(Codec::H264, 30, "96x64", 0);
    let units = footage.session("a", 1, 0);
    let events = [(205, "e1", 20.0, Some(20.0)), (215, "e2", 10.0, Some(21.0))];
    let (clips, reports, _folder) = record(&plan(), &units, &events);
    assert_eq!(
        ranges(&clips),
        [of(60, 159, "e2"), of(160, 230, "e2 e1")],
        "{reports:?}"
    );
}

#[test]
fn events_whose_begin_is_in_the_clip_before_have_no_further_one() {
    let footage = Footage::new(Codec::H264, 40, "96x64", 0);
    let units = footage.session("a", 1, 0);
    let short = Plan {
        longest: Duration::from_secs(10),
        ..plan()
    };
    // The first event lasts; those after it begin, less their pre-roll, before the clip that is being
    // recorded then.
    let events = [
        (100, "e1", 10.0, None),
        (165, "e2", 16.2, Some(16.4)),
        (170, "e3", 16.8, Some(17.0)),
        (300, "e1", 10.0, Some(30.0)),
    ];
    let (clips, reports, _folder) = record(&short, &units, &events);
    let found: Vec<(u64, u64)> = ranges(&clips).iter().map(|it| (it.0, it.1)).collect();
    assert_eq!(
        found,
        [(60, 159), (160, 259), (260, 320)],
        "{:?}, {reports:?}",
        ranges(&clips)
    );
}

#[test]
fn a_begin_that_is_gone_is_said() {
    let footage = Footage::new(Codec::H264, 20, "96x64", 0);
    let units = footage.session("a", 1, 0);
    let short = Plan {
        ring: Duration::from_secs(4),
        ..plan()
    };
    let (clips, reports, _folder) = record(&short, &units, &[(150, "e1", 8.0, Some(14.0))]);
    // 5 s were asked for; what is in memory begins at 10 s.
    assert_eq!(ranges(&clips), [of(100, 160, "e1")]);
    assert!((clips[0].1.head.missing_seconds - 5.0).abs() < 0.01);
    assert!(clips[0].1.events[0].begin_at < -1.9);
    let said = reports
        .iter()
        .any(|it| matches!(it, Report::Shortened { seconds, .. } if (seconds - 5.0).abs() < 0.01));
    assert!(said, "{reports:?}");
}

#[test]
fn a_camera_that_reconnects_continues_in_another_clip_with_the_same_event() {
    let footage = Footage::new(Codec::H264, 10, "96x64", 3);
    // The same resolution, other parameters.
    let other = Footage::new(Codec::H264, 10, "128x64", 0);
    let mut units = footage.session("a", 1, 0);
    units.extend(footage.session("a", 2, 12));
    // Within the session, the camera changes its size; then its clock is set.
    let mut changed = other.session("a", 2, 22);
    for unit in &mut changed {
        unit.id.sequence += 100;
        unit.id.pts_nanos += 10 * support::SECOND;
        unit.id.captured_unix_nanos += 86_400 * support::SECOND;
    }
    units.extend(changed);
    let mut bench = Bench::new(&plan());
    for (index, unit) in units.iter().enumerate() {
        bench.units([unit]);
        if index == 60 {
            bench
                .recorder
                .event(&event(unit, "e1", 5.9, None), bench.now);
        }
        if index == 250 {
            // By the clock that was set.
            let mut row = event(unit, "e1", 5.9, Some(25.0));
            row.ended_unix_nanos = Some(unit.id.captured_unix_nanos - support::SECOND);
            row.began_unix_nanos = unit.id.captured_unix_nanos - 20 * support::SECOND;
            bench.recorder.event(&row, bench.now);
        }
    }
    let (clips, reports, _folder) = bench.close();
    let found = ranges(&clips);
    assert_eq!(found.len(), 3, "{found:?}, {reports:?}");
    assert_eq!(found[0], of(20, 99, "e1"));
    assert_eq!(found[1], of(0, 99, "e1"));
    // Ended a second before its frame, and two seconds after that; the first session's frames were
    // reordered, by a third of a second.
    assert_eq!((found[2].0, &*found[2].2), (100, "e1"));
    assert!((160..=164).contains(&found[2].1), "{found:?}");
    let widths: Vec<u32> = clips.iter().map(|(_, it)| it.head.width).collect();
    assert_eq!(widths, [96, 96, 128]);
}

#[test]
fn what_refers_to_a_unit_that_never_came_is_left_out_up_to_the_next_keyframe() {
    let footage = Footage::new(Codec::H264, 12, "96x64", 0);
    let units = footage.session("a", 1, 0);
    let mut bench = Bench::new(&plan());
    bench.units(&units[5..25]);
    bench
        .recorder
        .event(&event(&units[24], "e1", 2.0, None), bench.now);
    bench.units(&units[25..50]);
    bench.units(&units[52..]);
    assert_eq!(
        bench.recorder.unit(&units[60], bench.now),
        Taken::Dropped("repeated")
    );
    let (clips, _, _folder) = bench.close();
    let [(clip, sidecar)] = &clips[..] else {
        panic!("{clips:?}");
    };
    let kept: Vec<u64> = sidecar.frames.iter().map(|it| it.frame.sequence).collect();
    assert_eq!(kept, (20..50).chain(60..120).collect::<Vec<_>>());
    let hashes = hashes(&clip.path);
    let expected: Vec<&String> = kept
        .iter()
        .map(|it| &footage.hashes[*it as usize])
        .collect();
    assert_eq!(hashes.iter().collect::<Vec<_>>(), expected);
    // The gap takes as long as it took.
    let times = presented(&clip.path);
    assert!((times[30] - times[29] - 1.1).abs() < 1e-3, "{times:?}");
}

#[test]
fn other_codecs_are_refused_and_said_once() {
    let mut bench = Bench::new(&plan());
    for sequence in 0..5 {
        let unit = Unit {
            codec: Codec::Mjpeg,
            ..camweave_testing::unit("a", sequence)
        };
        let taken = bench.recorder.unit(&unit, bench.now);
        assert_eq!(taken, Taken::Dropped("unsupported_codec"));
    }
    let (clips, reports, _folder) = bench.close();
    let said = reports
        .iter()
        .filter(|it| matches!(it, Report::Unsupported { codec: "mjpeg", .. }));
    assert_eq!((clips.len(), said.count()), (0, 1));
}
