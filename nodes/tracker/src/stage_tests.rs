use std::collections::HashSet;

use camweave_message::{CapturedClock, FrameId};
use camweave_testing::{detections, frame_id, person};

use super::*;
use crate::camera::SILENT;
use crate::settings::TrackerKind;

const CONFIG: TrackerSettings = TrackerSettings {
    tracker: TrackerKind::Default,
    high_score: 0.5,
    new_track_score: 0.6,
    min_iou: 0.2,
    min_iou_low: 0.5,
    track_buffer_ms: 3000,
    box_class: BoxClass::Voted,
    max_boxes: 300,
};
const KINDS: [TrackerKind; 4] = [
    TrackerKind::Default,
    TrackerKind::ByteTrack,
    TrackerKind::OcSort,
    TrackerKind::Sort,
];

/// A stage that numbers from one fixed time: ids of two of them can be compared.
fn of(tracker: TrackerKind) -> Tracker {
    let mut stage = Tracker::new(TrackerSettings { tracker, ..CONFIG }, "track", 1);
    let started = SystemTime::UNIX_EPOCH + IDS_SINCE + Duration::from_secs(1);
    stage.ids = Ids::new("track", started, 1);
    stage
}

fn row(camera: &str, frame: i64, boxes: &[([f32; 4], f32)]) -> Detections {
    let boxes = boxes.iter().map(|(bbox, score)| person(*bbox, *score));
    Detections {
        id: FrameId {
            captured_unix_nanos: frame * 100_000_000,
            ..frame_id(camera, frame as u64)
        },
        boxes: boxes.collect(),
        ..detections(camera, frame as u64)
    }
}

fn walker(frame: i64, x: f32, speed: f32) -> [f32; 4] {
    let left = x + speed * frame as f32;
    [left, 100.0, left + 40.0, 200.0]
}

fn feed(stage: &mut Tracker, row: Detections) -> Vec<Option<u64>> {
    let mut out = Output::default();
    stage
        .rows(vec![row], &mut out)
        .expect("tracking does not fail");
    out.take().concat()[0]
        .boxes
        .iter()
        .map(|item| item.track_id)
        .collect()
}

#[test]
fn two_crossing_walkers_keep_their_ids_through_misses() {
    for kind in KINDS {
        two_crossing_walkers(of(kind));
    }
}

fn two_crossing_walkers(mut stage: Tracker) {
    let mut left = HashSet::new();
    let mut right = HashSet::new();
    for frame in 0..40 {
        // They walk apart in different lanes; the right one is missed in every tenth frame.
        let mut boxes = vec![(walker(frame, 50.0, 4.0), 0.9)];
        if frame % 10 != 9 {
            let [x1, _, x2, _] = walker(frame, 500.0, -4.0);
            boxes.push(([x1, 210.0, x2, 310.0], 0.9));
        }
        let ids = feed(&mut stage, row("a", frame, &boxes));
        left.extend(ids[0]);
        right.extend(ids.get(1).copied().flatten());
    }
    assert_eq!((left.len(), right.len()), (1, 1));
    assert!(left.is_disjoint(&right));
}

#[test]
fn no_id_is_shared_between_cameras_or_starts() {
    let mut ids = HashSet::new();
    for starts in 1..=2 {
        let mut stage = Tracker::new(CONFIG, "track", starts);
        for camera in ["a", "b", "c"] {
            let id = feed(&mut stage, row(camera, 0, &[(walker(0, 50.0, 0.0), 0.9)]))[0];
            assert!(ids.insert(id.expect("a strong box begins a track at once")));
        }
    }
}

#[test]
fn a_long_pause_begins_anew() {
    for kind in KINDS {
        let mut stage = of(kind);
        let still = [(walker(0, 50.0, 0.0), 0.9)];
        let before = feed(&mut stage, row("a", 0, &still));
        assert_eq!(feed(&mut stage, row("a", 1, &still)), before);
        let shortly = feed(&mut stage, row("a", 11, &still));
        let after = feed(&mut stage, row("a", 101, &still));
        assert_eq!(before, shortly, "{kind:?}");
        assert_ne!(before, after, "{kind:?}");
    }
}

/// Frames every 0.1 s, of someone who walks 40 pixels per second.
fn walk(stage: &mut Tracker, frames: std::ops::Range<i64>) -> Option<u64> {
    let mut last = None;
    for frame in frames {
        last = feed(stage, row("a", frame, &[(walker(frame, 50.0, 4.0), 0.9)]))[0];
    }
    last
}

#[test]
fn a_gap_counts_as_long_as_it_was() {
    let mut stage = Tracker::new(CONFIG, "track", 1);
    let before = walk(&mut stage, 0..20);
    // 2 s later, 80 pixels on: two widths away from where it was seen last.
    assert_eq!(walk(&mut stage, 40..44), before);
    // After a gap of 2 s someone is where nobody would have got to.
    walk(&mut stage, 44..60);
    let mut other = None;
    for frame in 80..84 {
        other = feed(&mut stage, row("a", frame, &[(walker(10, 50.0, 4.0), 0.9)]))[0];
        assert_ne!(other, before);
    }
    assert!(other.is_some());
}

#[test]
fn an_id_is_given_up_rather_than_stolen() {
    let mut stage = Tracker::new(CONFIG, "track", 1);
    let before = walk(&mut stage, 0..20);
    // After 1 s two people go on equally near to where it should be.
    let mut ids = [HashSet::new(), HashSet::new()];
    for frame in 30..40 {
        let [x1, y1, x2, y2] = walker(frame, 50.0, 4.0);
        let two = [
            ([x1 - 18.0, y1, x2 - 18.0, y2], 0.9),
            ([x1 + 18.0, y1, x2 + 18.0, y2], 0.9),
        ];
        let found = feed(&mut stage, row("a", frame, &two));
        assert!(!found.contains(&before));
        if frame >= 35 {
            for (ids, id) in ids.iter_mut().zip(found) {
                ids.insert(id.expect("it is decided after half a second"));
            }
        }
    }
    assert_eq!(ids.each_ref().map(HashSet::len), [1, 1]);
    assert!(ids[0].is_disjoint(&ids[1]));
    // And it does not come back on a third one.
    assert_ne!(
        feed(&mut stage, row("a", 41, &[(walker(41, 50.0, 4.0), 0.9)]))[0],
        before
    );
}

#[test]
fn who_is_not_known_is_new_within_a_third_of_a_second_at_any_rate() {
    for interval_millis in [33, 100, 200, 240, 260, 299, 301, 390, 410, 500, 1000, 1500] {
        let mut stage = Tracker::new(CONFIG, "track", 1);
        let mut at = |millis: i64, boxes: &[([f32; 4], f32)]| {
            let mut row = row("a", 0, boxes);
            row.id.captured_unix_nanos = millis * 1_000_000;
            feed(&mut stage, row)
        };
        let frames = 3000 / interval_millis;
        let place = |frame: i64, aside: f32| {
            let [x1, y1, x2, y2] = walker(0, 50.0 + 0.04 * (frame * interval_millis) as f32, 0.0);
            [x1 + aside, y1, x2 + aside, y2]
        };
        for frame in 0..frames {
            at(frame * interval_millis, &[(place(frame, 0.0), 0.9)]);
        }
        // One is missed for 0.3 s at least, then two are there.
        let first = frames + 300 / interval_millis;
        for frame in first..first + 10 {
            let two = [-18.0, 18.0].map(|aside| (place(frame, aside), 0.9));
            let found = at(frame * interval_millis, &two);
            let waited = (frame - first) * interval_millis;
            assert!(
                waited + interval_millis <= 300 || found.iter().all(Option::is_some),
                "{found:?} after {waited} ms of frames every {interval_millis} ms"
            );
        }
    }
}

/// Two frames and a pause, again and again: the short times between frames are no reason to wait for a
/// next one.
#[test]
fn a_camera_that_sends_in_bunches_leaves_no_object_without_an_id() {
    let mut stage = Tracker::new(CONFIG, "track", 1);
    let mut at = |millis: i64, boxes: &[([f32; 4], f32)]| {
        let mut row = row("a", 0, boxes);
        row.id.captured_unix_nanos = millis * 1_000_000;
        feed(&mut stage, row)
    };
    let place = |millis: i64, aside: f32| {
        let [x1, y1, x2, y2] = walker(0, 50.0 + 0.04 * millis as f32, 0.0);
        [x1 + aside, y1, x2 + aside, y2]
    };
    let times = |bunches: std::ops::Range<i64>| bunches.flat_map(|it| [500 * it, 500 * it + 33]);
    for millis in times(0..6) {
        at(millis, &[(place(millis, 0.0), 0.9)]);
    }
    for millis in times(8..12) {
        let two = [-18.0, 18.0].map(|aside| (place(millis, aside), 0.9));
        let found = at(millis, &two);
        assert!(
            found.iter().all(Option::is_some),
            "{found:?} at {millis} ms"
        );
    }
}

/// Two people walk towards each other, in the same lane, and nobody sees them meet.
#[test]
fn people_are_told_apart_by_how_they_go_on() {
    let mut stage = Tracker::new(CONFIG, "track", 1);
    let [mut before, mut after] = [(); 2].map(|()| [HashSet::new(), HashSet::new()]);
    for frame in (0..20).chain(32..50) {
        let two = [walker(frame, 50.0, 4.0), walker(frame, 260.0, -4.0)];
        let found = feed(&mut stage, row("a", frame, &two.map(|bbox| (bbox, 0.9))));
        let ids = if frame < 20 { &mut before } else { &mut after };
        for (ids, id) in ids.iter_mut().zip(found) {
            ids.extend(id);
        }
    }
    assert_eq!(before, after);
    assert_eq!(before.map(|ids| ids.len()), [1, 1]);
}

#[test]
fn a_single_box_that_is_only_near_neither_takes_a_lost_id_nor_ends_it() {
    let mut stage = Tracker::new(CONFIG, "track", 1);
    let before = walk(&mut stage, 0..20);
    for frame in 20..30 {
        // Somewhere near, and not quite where the one that is hidden should be.
        let [x1, y1, x2, y2] = walker(frame, 20.0, 4.0);
        let boxes = [([x1, y1 + 25.0, x2 + 10.0, y2], 0.9)];
        let found = feed(
            &mut stage,
            row("a", frame, if frame == 26 { &boxes } else { &[] }),
        );
        assert!(!found.contains(&before));
    }
    assert_eq!(walk(&mut stage, 30..36), before);
}

#[test]
fn ids_survive_a_reconnect_and_a_change_of_clocks() {
    let mut stage = Tracker::new(CONFIG, "track", 1);
    let before = walk(&mut stage, 0..20);
    let at = |frame, change: &dyn Fn(&mut FrameId)| {
        let mut row = row("a", frame, &[(walker(frame, 50.0, 4.0), 0.9)]);
        row.id.pts_nanos = frame * 100_000_000;
        change(&mut row.id);
        row
    };
    // A new session, which counts from 0 again.
    let reconnected = at(30, &|id| id.session_unix_nanos = 2);
    assert_eq!(feed(&mut stage, reconnected)[0], before);
    // The camera's own clock becomes known; it is wrong by hours.
    let corrected = at(31, &|id| {
        id.session_unix_nanos = 2;
        id.captured_clock = CapturedClock::SenderReport;
        id.captured_unix_nanos = -9_000_000_000_000;
    });
    assert_eq!(feed(&mut stage, corrected)[0], before);
}

#[test]
fn frames_that_are_not_newer_are_of_the_same_time() {
    for kind in KINDS {
        let mut stage = of(kind);
        let before = walk(&mut stage, 0..20);
        // The same frame once more, one that is late, and the next.
        assert_eq!(walk(&mut stage, 19..20), before, "{kind:?}");
        assert_eq!(walk(&mut stage, 18..19), before, "{kind:?}");
        assert_eq!(walk(&mut stage, 20..22), before, "{kind:?}");
        // An hour back is another time.
        let hour_ago = walk(&mut stage, -36_000..-35_990);
        assert!(hour_ago.is_some() && hour_ago != before, "{kind:?}");
    }
}

#[test]
fn a_flickering_class_does_not_split_a_track() {
    let mut stage = Tracker::new(CONFIG, "track", 1);
    let mut ids = HashSet::new();
    for frame in 0..60 {
        let mut row = row("a", frame, &[(walker(frame, 50.0, 4.0), 0.9)]);
        row.boxes[0].class_id = u32::from(frame % 7 == 3);
        ids.extend(feed(&mut stage, row));
    }
    assert_eq!(ids.len(), 1);
}

#[test]
fn the_boxes_of_a_track_get_the_class_that_most_of_them_had() {
    let classes = |box_class| {
        let settings = TrackerSettings {
            box_class,
            ..CONFIG
        };
        let mut stage = Tracker::new(settings, "track", 1);
        (0..40).map(move |frame| {
            // A cyclist for one frame in six, and from frame 20 on for good.
            let class_id = u32::from(frame % 6 == 3 || frame >= 20);
            let mut row = row("a", frame, &[(walker(frame, 50.0, 4.0), 0.9)]);
            row.boxes[0].class_id = class_id;
            row.boxes[0].label = ["person", "bicycle"][class_id as usize].into();
            let mut out = Output::default();
            stage
                .rows(vec![row], &mut out)
                .expect("tracking does not fail");
            let item = out.take().concat().remove(0).boxes.remove(0);
            assert_eq!(&*item.label, ["person", "bicycle"][item.class_id as usize]);
            item.class_id
        })
    };
    let voted: Vec<u32> = classes(BoxClass::Voted).collect();
    assert_eq!(voted[..20], [0; 20]);
    let change = voted.partition_point(|class_id| *class_id == 0);
    assert!(
        (25..36).contains(&change),
        "a new class wins within 1.5 s: {change}"
    );
    assert_eq!(voted[change..], vec![1; 40 - change]);
    let detected: Vec<u32> = classes(BoxClass::Detected).collect();
    assert_eq!(detected[..6], [0, 0, 0, 1, 0, 0]);
}

/// Someone walks behind a van that stands there, and is hidden for longer than tracks are kept.
#[test]
fn a_covered_object_is_kept_for_longer() {
    let hidden_by = |van: Option<[f32; 4]>| {
        let mut stage = Tracker::new(CONFIG, "track", 1);
        let mut ids = HashSet::new();
        for frame in 0..80 {
            let mut boxes: Vec<_> = van.iter().map(|van| (*van, 0.95)).collect();
            let x = 4.0 * frame as f32;
            if !(30..66).contains(&frame) {
                boxes.push(([x, 100.0, x + 40.0, 200.0], 0.9));
            }
            let found = feed(&mut stage, row("a", frame, &boxes));
            // Without an id while it is open whose it is.
            let found = found.into_iter().skip(usize::from(van.is_some()));
            ids.extend(found.flatten());
        }
        ids.len()
    };
    assert_eq!(hidden_by(None), 2);
    assert_eq!(hidden_by(Some([90.0, 20.0, 300.0, 210.0])), 1);
}

#[test]
fn the_frame_rate_does_not_decide_who_is_who() {
    for every in [1, 2, 3] {
        let mut stage = Tracker::new(CONFIG, "track", 1);
        let mut ids = [HashSet::new(), HashSet::new()];
        for frame in (0..100).step_by(every) {
            // They pass each other in lanes that overlap; the one behind is hidden meanwhile.
            let [left, right] = [walker(frame, 50.0, 3.0), walker(frame, 400.0, -3.0)];
            let mut boxes = vec![(left, 0.9)];
            if (left[0] - right[0]).abs() > 30.0 {
                boxes.push((right.map(|edge| edge + 5.0), 0.9));
            }
            let found = feed(&mut stage, row("a", frame, &boxes));
            for (ids, id) in ids.iter_mut().zip(found) {
                ids.extend(id);
            }
        }
        assert_eq!(ids.map(|ids| ids.len()), [1, 1], "every {every}");
    }
}

#[test]
fn ids_are_never_those_of_an_earlier_start() {
    let at = |seconds| SystemTime::UNIX_EPOCH + IDS_SINCE + Duration::from_secs(seconds);
    let first = |now, starts| Ids::new("track", now, starts).next();
    let node = first(SystemTime::UNIX_EPOCH, 1) - 1;
    assert_eq!(first(at(1), 1), node + 1001);
    assert_eq!(first(at(3600), 1), node + 3_600_001);
    // The clock was set back, but not the run's count of starts.
    assert!(first(at(3600), 2) > first(at(3600), 1) + 999);
    // Ids are numbers that JavaScript holds exactly, also in 30,000 years.
    assert!(first(at(1_000_000_000_000), 1) < 1 << 53);
}

#[test]
fn two_trackers_of_a_graph_share_no_id() {
    let ids = |stage: &str| {
        let mut ids = Ids::new(stage, SystemTime::now(), 1);
        (0..100_000).map(|_| ids.next()).collect::<HashSet<_>>()
    };
    let all = [
        "track",
        "track1",
        "track2",
        "track-2",
        "track_a",
        "track_b",
        "people.track",
        "cars.track",
    ]
    .map(ids);
    for (index, ids) in all.iter().enumerate() {
        assert_eq!(ids.len(), 100_000);
        assert!(all[..index].iter().all(|other| other.is_disjoint(ids)));
    }
}

#[test]
fn broken_boxes_harm_nobody() {
    for kind in KINDS {
        broken_boxes(of(kind));
    }
}

fn broken_boxes(mut stage: Tracker) {
    let good = walker(0, 50.0, 0.0);
    let first = feed(&mut stage, row("a", 0, &[(good, 0.9)]));
    let nan = [f32::NAN, 0.0, 10.0, 10.0];
    let flat = [5.0, 5.0, 5.0, 9.0];
    let huge = [0.0, 0.0, f32::INFINITY, 1.0];
    let second = feed(
        &mut stage,
        row("a", 1, &[(nan, 0.9), (flat, 0.9), (good, 0.9), (huge, 0.9)]),
    );
    assert_eq!(second, [None, None, first[0], None]);
    assert_eq!(feed(&mut stage, row("a", 2, &[(good, 0.9)])), first);
}

#[test]
fn classes_do_not_take_each_others_identity() {
    for kind in KINDS {
        two_classes(of(kind));
    }
}

fn two_classes(mut stage: Tracker) {
    let rider = [100.0, 100.0, 140.0, 200.0];
    let both = |stage: &mut Tracker, frame, classes: [u32; 2]| {
        let mut row = row("a", frame, &[(rider, 0.9), (rider, 0.8)]);
        for (item, class_id) in row.boxes.iter_mut().zip(classes) {
            item.class_id = class_id;
        }
        feed(stage, row)
    };
    let first = both(&mut stage, 0, [0, 1]);
    // The same place, the classes in the other order: each keeps its own.
    let second = both(&mut stage, 1, [1, 0]);
    assert!(first[0].is_some() && first[1].is_some() && first[0] != first[1]);
    assert_eq!([second[1], second[0]], [first[0], first[1]]);
}

#[test]
fn ids_that_are_over_are_forgotten_and_never_given_again() {
    let mut stage = Tracker::new(CONFIG, "track", 1);
    let mut seen = HashSet::new();
    for frame in 0..1024 {
        // Someone else every fourth frame, far from the last.
        let x = (frame / 4 % 16) as f32 * 100.0;
        seen.extend(feed(
            &mut stage,
            row("a", frame, &[([x, 0.0, x + 40.0, 90.0], 0.9)]),
        ));
    }
    assert_eq!(seen.len(), 256);
    // A new one every 0.4 s; an id is kept for 7 s, as a covered object's track may be.
    let kept = stage.cameras["a"].ids();
    assert!(kept <= 18, "{kept}");
}

#[test]
fn a_weak_box_continues_a_track_but_begins_none() {
    let mut stage = Tracker::new(CONFIG, "track", 1);
    assert_eq!(
        feed(&mut stage, row("a", 0, &[(walker(0, 50.0, 0.0), 0.3)])),
        [None]
    );
    let id = feed(&mut stage, row("a", 1, &[(walker(0, 50.0, 0.0), 0.9)]));
    assert!(id[0].is_some());
    assert_eq!(
        feed(&mut stage, row("a", 2, &[(walker(0, 50.0, 0.0), 0.3)])),
        id
    );
}

#[test]
fn capture_times_that_jump_anywhere_harm_nobody() {
    let good = [(walker(0, 50.0, 0.0), 0.9)];
    let times = [0, i64::MIN, i64::MAX, i64::MIN, -1, i64::MAX, 5_000_000_000];
    for kind in KINDS {
        let mut stage = of(kind);
        for captured in times {
            let mut row = row("a", 0, &good);
            row.id.captured_unix_nanos = captured;
            assert!(feed(&mut stage, row)[0].is_some());
        }
    }
    // And numbers of starts that a damaged report may hold.
    let mut stage = Tracker::new(CONFIG, "track", u64::MAX);
    assert!(feed(&mut stage, row("a", 0, &good))[0].is_some());
}

#[test]
fn the_strongest_boxes_are_followed_and_the_rest_passed_on() {
    let config = TrackerSettings {
        max_boxes: 10,
        ..CONFIG
    };
    let mut stage = Tracker::new(config, "track", 1);
    // The scores rise, so the last ten are the strongest.
    let boxes: Vec<_> = (0..100)
        .map(|index| {
            let x = index as f32 * 6.0;
            ([x, 0.0, x + 5.0, 50.0], 0.7 + index as f32 / 1000.0)
        })
        .collect();
    let ids = feed(&mut stage, row("a", 0, &boxes));
    assert_eq!(ids.len(), 100);
    let followed: Vec<_> = (0..100).filter(|&index| ids[index].is_some()).collect();
    assert_eq!(followed, (90..100).collect::<Vec<_>>());
}

#[test]
fn what_a_model_gives_beside_boxes_stays_with_them() {
    for tracker in KINDS {
        let mut sent = row("a", 0, &[]);
        sent.boxes = (0..5)
            .map(|index| {
                let mut item = person(
                    walker(0, 100.0 * index as f32, 0.0),
                    0.5 + 0.1 * index as f32,
                );
                item.extras.mask = Some([index as f32; 6].into());
                item.extras.oriented = Some([index as f32; 5]);
                item
            })
            .collect();
        let settings = TrackerSettings {
            max_boxes: 3,
            tracker,
            ..CONFIG
        };
        let mut out = Output::default();
        let mut stage = Tracker::new(settings, "track", 1);
        stage
            .rows(vec![sent.clone()], &mut out)
            .expect("tracking does not fail");
        for (found, sent) in out.take().concat()[0].boxes.iter().zip(&sent.boxes) {
            assert_eq!((found.bbox, &found.extras), (sent.bbox, &sent.extras));
        }
    }
}

#[test]
fn what_is_kept_of_all_cameras_is_bounded() {
    let mut stage = Tracker::new(CONFIG, "track", 1);
    for number in 0..100 {
        feed(
            &mut stage,
            row(&format!("mc{number}"), 0, &[(walker(0, 50.0, 0.0), 0.9)]),
        );
    }
    let many: Vec<_> = (0..40)
        .map(|n| (walker(0, 100.0 * n as f32, 0.0), 0.9))
        .collect();
    feed(&mut stage, row("many", 0, &many));
    stage.tidy(Instant::now(), 100);
    assert!(!stage.cameras.contains_key("many") && stage.cameras.len() == 100);
    stage.tidy(Instant::now() + SILENT, 100);
    assert!(stage.cameras.is_empty());
}

#[test]
fn a_late_frame_does_not_move_the_time() {
    let ids = |late: bool| {
        let mut stage = of(TrackerKind::Default);
        let mut found = Vec::new();
        for frame in 0..30 {
            found.extend(feed(
                &mut stage,
                row("cam", frame, &[(walker(frame, 0.0, 15.0), 0.9)]),
            ));
            if late && frame == 15 {
                // Half a second older: of that time nothing is left to be found.
                feed(&mut stage, row("cam", frame - 5, &[]));
            }
        }
        found
    };
    let (with, without) = (ids(true), ids(false));
    assert_eq!(with.iter().flatten().collect::<HashSet<_>>().len(), 1);
    assert_eq!(with, without);
}
